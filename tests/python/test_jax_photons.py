"""The twin of ionising photons and case B: beside the library, and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import starglow as sg
import starglow.jax as sgj

T = np.linspace(0.1, 13.8, 100)  # of the library's mocks


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def _history(p):
    t = jnp.asarray(T)
    since = jnp.maximum(t - p["t_start"], 0.0)
    return since * jnp.exp(-since / 10.0 ** p["lgtau"])


def test_photons_are_those_of_the_library():
    m = sg.mock_stars(40, seed=3, lgfburst="fixed -10", lgmet="uniform -2.6 -1.4", av="uniform 0 1")
    for g in range(len(m)):
        p = {k: v[g] for k, v in m.parameters.items()}
        photons = sgj.ionising_photons(T, _history(p), p["lgmet"], p["lgmet_scatter"], m.t_obs[g])
        scale = m.mass_formed[g] / 10 ** float(
            jnp.interp(jnp.log10(m.t_obs[g]), jnp.log10(T), sgj.photons._mass_formed(jnp.asarray(T), _history(p)))
        )
        assert np.isclose(photons * scale, m.photons[g], rtol=2e-8)  # 10^-10 of the mass is in the burst
        assert np.isclose(sgj.halpha_case_b(photons * scale), m.halpha_lum_caseb[g], rtol=2e-8)
        dust = 10 ** (-0.4 * sgj.gas_attenuation(6564.6, p["av"]))
        beside = m.halpha_lum_caseb[g] * dust / m.halpha_ew_caseb[g] / 3.828e33
        assert np.isclose(sgj.halpha_ew(photons * scale, beside, p["av"]), m.halpha_ew_caseb[g], rtol=1e-7)


def test_derivatives_are_those_of_differences():
    rng = np.random.default_rng(1)
    sfr = jnp.asarray(rng.uniform(0.5, 3, T.size))

    def ew(x):
        photons = sgj.ionising_photons(T, sfr * jnp.exp(x[4] * jnp.asarray(T)), x[0], x[1], x[2])
        return sgj.halpha_ew(photons, 2e6, x[3], f_esc=x[5], gas_dust=x[6])

    x = jnp.array([-1.93, 0.21, 11.10, 0.62, -0.11, 0.1, 2.1])
    slope = jax.grad(ew)(x)
    for k in range(x.size):
        step = jnp.zeros(x.size).at[k].set(1e-5 * max(1, abs(float(x[k]))))
        difference = (ew(x + step) - ew(x - step)) / (2 * step[k])
        assert np.isclose(slope[k], difference, rtol=1e-6, atol=1e-8), k


def test_case_b_and_dust():
    # constant rate of 1 M_sun/yr and solar metallicity: log L(Halpha) = 41.24 (docs/stars.md)
    photons = sgj.ionising_photons(T, np.ones(T.size), np.log10(0.019), 0.01, 12.0)
    assert abs(np.log10(sgj.halpha_case_b(photons)) - 41.24) < 0.01
    assert np.isclose(sgj.halpha_case_b(photons, 0.5, 0.5), 0.25 * sgj.halpha_case_b(photons))
    for curve, slope in (("calzetti", 0.285), ("milky_way", 0.241)):  # dex of Ha/Hb a magnitude of Av
        hbeta, halpha = (sgj.gas_attenuation(w, 1.0, gas_curve=curve) for w in (4862.71, 6564.6))
        assert abs(0.4 * (hbeta - halpha) - slope) < 0.002
    assert sgj.gas_attenuation(5000.0, -1.0) == 0
    with pytest.raises(ValueError):
        sgj.gas_attenuation(5000.0, 1.0, gas_curve="smc")
    with pytest.raises(ValueError):
        sgj.ionising_photons(T, np.ones(3), -1.9, 0.2, 12.0)


def test_a_grid_with_young_stars_has_photons_of_its_own():
    class Grid:
        ssp_lgmet, ssp_lg_age_gyr = np.array([-2.5, -2.0, -1.5]), np.array([-3.0, -2.0, -1.0, 1.0])
        ssp_wave = np.linspace(90, 9000, 3000)
        ssp_flux = np.ones((3, 4, 3000))

    wave = np.append(Grid.ssp_wave[Grid.ssp_wave < 911.753], 911.753)
    expected = 3.828e33 / 6.62607015e-27 * np.log(wave[-1] / wave[0])  # of L_nu = 1
    assert np.allclose(sgj.photon_grid(Grid).rate, expected, rtol=1e-3)
    Grid.ssp_wave = np.linspace(1000, 9000, 3000)
    assert sgj.photon_grid(Grid).rate.shape == (29, 124)
