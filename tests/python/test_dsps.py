"""Bands, line luminosities and paint of the twin; DSPS galaxies with lines; grids that hold lines already; the
examples."""

import os
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")
from importlib import import_module

import dsps
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dsps.dust.att_curves import sbl18_k_lambda
from scipy import integrate, special

import starglow.dsps as sgd
import starglow.jax as sgj
from conftest import ROOT
from starglow import names

component_fluxes, pixel_edges = (
    getattr(import_module("starglow.jax.paint"), name) for name in ("component_fluxes", "pixel_edges")
)
sys.path.insert(0, str(ROOT / "examples/python"))
import stand_in

C, L_SUN = 2.99792458e18, 3.828e33


@pytest.fixture(scope="module", autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def ssp():
    return stand_in.grid()


@pytest.fixture(scope="module")
def lines(ssp):
    return sgd.Lines(ssp)


TIME = np.linspace(0.1, 13.8, 30)


def rest_sed(ssp, p):
    """p: log10 tau, log10 of a late burst's SFR, lgmet, scatter, Av, slope of the dust law."""
    sfr = TIME * jnp.exp(-TIME / 10 ** p[0]) + 10 ** p[1] * (TIME > 11)
    sed = dsps.calc_rest_sed_sfh_table_lognormal_mdf(
        TIME, sfr, p[2], p[3], ssp.ssp_lgmet, ssp.ssp_lg_age_gyr, ssp.ssp_flux, 12.0
    ).rest_sed
    return sed * 10 ** (-0.4 * p[4] * sbl18_k_lambda(ssp.ssp_wave / 1e4, 1.0, p[5]) / 4.05)


POINTS = np.array(
    [[0.4, -1.0, -2.0, 0.2, 0.4, -0.2], [0.7, 0.0, -2.3, 0.15, 0.2, 0.1], [1.0, 0.3, -1.8, 0.3, 0.8, -0.4]]
)


def test_bands_are_integrals():
    def f_lambda(w):
        return 1e-3 * (w / 5000) ** -1.3 * (1 + 0.2 * np.sin(w / 90))

    for wave in (np.linspace(3000, 7600, 6000), np.geomspace(3300, 7300, 8000)):
        means = sgj.band_luminosities(wave, f_lambda(wave) * wave**2 / C)
        exact = [
            integrate.quad(f_lambda, lo, lo + 300, epsabs=1e-14, limit=200)[0] / 300 for lo in names.BAND_EDGES[:-1]
        ]
        np.testing.assert_allclose(means, exact, rtol=3e-6)
        blue, red = np.asarray(names.SIDE_BANDS)[:, :2], np.asarray(names.SIDE_BANDS)[:, 2:]
        exact = [np.mean([integrate.quad(f_lambda, *w)[0] / (w[1] - w[0]) for w in pair]) for pair in zip(blue, red)]
        np.testing.assert_allclose(sgj.line_continua(wave, f_lambda(wave) * wave**2 / C), exact, rtol=3e-6)
    # A coarse, irregular grid: exact for the broken line through its points.
    wave = np.array([3390.0, 3500, 3700.5, 5000, 5100, 7010])
    value = np.array([1.0, 3, 2, 5, 1, 2])
    exact = [
        integrate.quad(
            lambda w: np.interp(w, wave, value), lo, lo + 300, points=[w for w in wave if lo < w < lo + 300] or None
        )[0]
        / 300
        for lo in names.BAND_EDGES[:-1]
    ]
    np.testing.assert_allclose(jax.jit(sgj.band_luminosities)(wave, value * wave**2 / C), exact, rtol=1e-12)
    # A grid that is known has a hole where it steps over 1910 A: the four bands within it are missing, no other.
    means = np.asarray(sgj.band_luminosities(wave, value * wave**2 / C))
    np.testing.assert_array_equal(np.isnan(means), [7 <= band <= 10 for band in range(12)])
    np.testing.assert_allclose(means[~np.isnan(means)], np.asarray(exact)[~np.isnan(means)], rtol=1e-12)


def test_bands_at_a_distance_and_beyond_the_grid():
    from astropy import units as u
    from astropy.cosmology import FlatLambdaCDM

    wave = np.linspace(3000.0, 7600.0, 500)
    sed = np.full(500, 1e-5)
    z = np.array([0.01, 0.2, 1.5, 6.0])
    flux = sgj.bands(wave, np.tile(sed, (4, 1)), z)
    distance = FlatLambdaCDM(70, 0.3, Tcmb0=0).luminosity_distance(z).to_value(u.cm)
    scale = L_SUN / (4 * np.pi * distance**2 * (1 + z)) * 1e17
    np.testing.assert_allclose(flux, scale[:, None] * sgj.band_luminosities(wave, sed), rtol=1e-9)
    assert np.isnan(sgj.bands(wave, sed, -0.1)).all() and np.isnan(sgj.bands(wave, sed, np.nan)).all()
    cut = sgj.band_luminosities(wave[wave > 3800], sed[wave > 3800])
    assert np.isnan(cut[:2]).all() and np.isfinite(cut[2:]).all()
    single = jax.jit(sgj.bands)(jnp.asarray(wave, jnp.float32), jnp.asarray(sed, jnp.float32), jnp.float32(0.2))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, flux[1], rtol=1e-5)


def test_paint_keeps_flux_and_shape():
    line_flux = np.arange(1.0, 11)
    for wave in (np.arange(3400.0, 8200, 0.8), np.geomspace(3400, 8200, 300)):
        pixels = sgj.paint_flux(wave, line_flux, 0.05, 120.0)
        width = np.diff(pixel_edges(wave))
        shares = component_fluxes(jnp.asarray(line_flux))
        np.testing.assert_allclose((pixels * width).sum(), shares.sum(), rtol=1e-12)
    wave = np.arange(6800.0, 7000, 0.5)
    only = np.zeros(10)
    only[6] = 3.0
    pixels = np.asarray(sgj.paint_flux(wave, only, 0.05, 100.0, resolving_power=3000))
    centre = 6564.6 * 1.05
    sigma = centre * np.hypot(100 / 299792.458, 1 / (3000 * 2.3548200450309493))
    edge = np.append(wave - 0.25, wave[-1] + 0.25)
    np.testing.assert_allclose(pixels, 3.0 * np.diff(special.ndtr((edge - centre) / sigma)) / 0.5, atol=1e-13)
    painted = sgj.paint(wave, only, np.full(10, 2.0), 0.05, 100.0, resolving_power=3000)
    np.testing.assert_allclose(painted, pixels * 2 * 1.05, rtol=1e-12)
    from jax.test_util import check_grads

    check_grads(
        jax.jit(lambda f, z, s: sgj.paint_flux(wave, f, z, s)),
        (only + 1.0, 0.05, 110.0),
        order=1,
        modes=("fwd", "rev"),
        rtol=1e-5,
        atol=1e-5,
        eps=1e-7,
    )


def test_three_lines_of_code(ssp, lines):
    light = lines.predict(rest_sed(ssp, POINTS[0]))
    assert light.ew.shape == (10,) and np.all(light.p16 <= light.ew) and np.all(light.ew <= light.p84)
    assert int(light.flags) & names.NO_LUMINOSITY and not int(light.flags) & (names.FATAL | names.ID_IS_ROW)
    sed = np.asarray(rest_sed(ssp, POINTS[0]))
    # By hand, in erg/s: Halpha's continuum in its side bands, trapezoids on a fine grid.
    fine = np.arange(6460.0, 6670, 0.01)
    f_lambda = np.interp(fine, ssp.ssp_wave, sed * C / np.asarray(ssp.ssp_wave) ** 2)
    windows = [(fine >= lo) & (fine <= hi) for lo, hi in ((6470, 6510), (6622, 6662))]
    by_hand = light.ew[6] * np.mean([f_lambda[w].mean() for w in windows]) * L_SUN
    np.testing.assert_allclose(light.luminosity[6], by_hand, rtol=1e-4)
    assert 1e36 < light.luminosity[6] < 1e42
    parts = dict(zip(sgd.COMPONENT_NAMES, lines.components(light.luminosity)))
    np.testing.assert_allclose(parts["O_II_3726"] + parts["O_II_3729"], light.luminosity[0])
    np.testing.assert_allclose(parts["O_III_5007"] / parts["O_III_4959"], 2.993)
    # Scale and distance change nothing for total light.
    np.testing.assert_allclose(lines.predict(3e4 * sed).ew, light.ew, rtol=1e-9)


def test_the_aperture_rule(ssp, lines):
    sed = rest_sed(ssp, POINTS[1])
    fibre = sgd.Lines(ssp, aperture="fibre")
    light = fibre.predict(1e-1 * sed, 0.15)
    assert not int(light.flags) & names.NO_LUMINOSITY
    assert np.max(np.abs(light.ew / lines.predict(sed).ew - 1)) > 0.01
    np.testing.assert_allclose(
        light.ew, sgj.predict(sgj.load(), sgj.bands(ssp.ssp_wave, 1e-1 * sed, 0.15), 0.15).ew, rtol=1e-9
    )
    with pytest.raises(ValueError, match="z is absent"):
        fibre.predict(sed)


def test_names_are_those_of_dsps():
    from dsps.data_loaders.load_emline_info import read_emlines_info_fsps

    listed = read_emlines_info_fsps(os.path.join(os.path.dirname(dsps.__file__), "data/emlines_info.dat"))
    for name, (_, _, rest, _) in zip(sgd.COMPONENT_NAMES, names.COMPONENTS):
        assert abs(listed[name] - rest) < 0.3, name


def test_seds_and_magnitudes_with_lines(ssp, lines):
    sed = rest_sed(ssp, POINTS[1])
    light = lines.predict(sed)
    painted = lines.sed_with_lines(sed, light.ew)
    width = np.diff(pixel_edges(ssp.ssp_wave))
    added = ((painted - sed) * C / np.asarray(ssp.ssp_wave) ** 2 * width).sum() * L_SUN
    np.testing.assert_allclose(added, lines.components(light.luminosity).sum(), rtol=1e-10)
    np.testing.assert_array_equal(lines.sed_with_lines(sed, jnp.zeros(10)), sed)
    # A filter like LSST r; lines as pixels of a very fine grid are the check.
    from dsps.cosmology import DEFAULT_COSMOLOGY

    wave_filter = np.linspace(5200.0, 7400.0, 600)
    trans = np.exp(-(((wave_filter - 6300) / 900) ** 8))
    z = 0.05
    magnitude = lines.obs_mag(sed, light.ew, wave_filter, trans, z, DEFAULT_COSMOLOGY)
    np.testing.assert_allclose(
        lines.obs_mag(sed, jnp.zeros(10), wave_filter, trans, z, DEFAULT_COSMOLOGY),
        dsps.calc_obs_mag(ssp.ssp_wave, sed, wave_filter, trans, z, *DEFAULT_COSMOLOGY),
        rtol=1e-12,
    )
    fine = np.arange(3000.0, 8900.0, 0.2)
    on_fine = np.interp(fine, ssp.ssp_wave, sed)
    lum = light.luminosity / L_SUN
    with_lines = on_fine + np.asarray(sgj.paint_flux(fine, lum, 0.0, 60.0)) * fine**2 / C
    fine_filter = np.arange(5200.0, 7400.0, 0.2)
    fine_trans = np.interp(fine_filter, wave_filter, trans)
    args = (fine_filter, fine_trans, z, *DEFAULT_COSMOLOGY)
    brighter = dsps.calc_obs_mag(fine, with_lines, *args) - dsps.calc_obs_mag(fine, on_fine, *args)
    without = dsps.calc_obs_mag(ssp.ssp_wave, sed, wave_filter, trans, z, *DEFAULT_COSMOLOGY)
    assert brighter < -0.01 and abs(magnitude - without - brighter) < 5e-4 * abs(brighter)
    rest = lines.rest_mag(jnp.stack([sed, 2 * sed]), light.ew, wave_filter, trans)
    np.testing.assert_allclose(rest[0] - rest[1], 2.5 * np.log10(2), rtol=1e-9)


def test_gradients_with_respect_to_every_parameter(ssp, lines):
    """Ten EWs by star-formation history, metallicity and dust: central differences to 1e-6 of the line's largest
    slope."""
    ew = jax.jit(jax.vmap(lambda p: lines.predict(rest_sed(ssp, p)).ew))
    slopes = np.asarray(jax.jit(jax.vmap(jax.jacfwd(lambda p: lines.predict(rest_sed(ssp, p)).ew)))(POINTS))
    assert np.all(np.abs(slopes).max(axis=1) > 1e-3)  # every parameter moves some line
    for k in range(POINTS.shape[1]):

        def difference(h):
            step = h * np.eye(POINTS.shape[1])[k]
            return (np.asarray(ew(POINTS + step)) - np.asarray(ew(POINTS - step))) / (2 * h)

        h = 2e-4
        central = (4 * difference(h / 2) - difference(h)) / 3  # without the error of order h^2
        scale = np.abs(slopes).max(axis=2)
        assert np.max(np.abs(slopes[..., k] - central) / scale) < 1e-6, k
    backwards = jax.jit(jax.vmap(jax.jacrev(lambda p: lines.predict(rest_sed(ssp, p)).ew)))(POINTS)
    np.testing.assert_allclose(backwards, slopes, rtol=1e-8, atol=1e-8)
    # Luminosities and magnitudes too, and the table of the history itself.
    sfr = np.full(30, 1.0)

    def total(table):
        sed = dsps.calc_rest_sed_sfh_table_lognormal_mdf(
            TIME, table, -2.0, 0.2, ssp.ssp_lgmet, ssp.ssp_lg_age_gyr, ssp.ssp_flux, 12.0
        ).rest_sed
        return jnp.log(lines.predict(sed).luminosity).sum()

    gradient = jax.jit(jax.grad(total))(sfr)
    step = 1e-5 * np.eye(30)[26]
    np.testing.assert_allclose(gradient[26], (total(sfr + step) - total(sfr - step)) / 2e-5, rtol=1e-6)


def test_lines_travel_through_jit_as_an_argument(ssp, lines):
    sed = jnp.stack([rest_sed(ssp, p) for p in POINTS])
    light = jax.jit(lambda model, s: model.predict(s))(lines, sed)
    np.testing.assert_allclose(light.ew, lines.predict(sed).ew, rtol=1e-9)
    draws = lines.sample(sed, targetid=np.arange(3), draws=4, seed=2)
    assert draws.shape == (3, 10, 4) and np.all(draws >= 0)


def painted_grid(ssp, sigma_v, ews):
    young = np.asarray(ssp.ssp_lg_age_gyr) < -2
    flux = np.array(ssp.ssp_flux, float)
    ew = np.zeros((flux.shape[0], young.sum(), 10))
    for line, value in ews.items():
        ew[..., names.LINES.index(line)] = value
    flux[:, young] = np.asarray(sgd.Lines(np.asarray(ssp.ssp_wave)).sed_with_lines(flux[:, young], ew, sigma_v=sigma_v))
    return ssp._replace(ssp_flux=flux), young


def test_grids_with_nebular_lines_are_found_and_masked():
    ssp = stand_in.grid(4000)
    same, report = sgd.check_grid(ssp)
    assert same is ssp and not report.nebular and report.conclusive and "no nebular lines" in str(report)
    grid, young = painted_grid(ssp, 150.0, {"OII_DOUBLET": 100, "HBETA": 120, "OIII_5007": 300, "HALPHA": 700})
    for call in (sgd.check_grid, sgd.Lines):
        with pytest.raises(ValueError, match="holds nebular lines.*HALPHA.*counted twice|counted twice.*HALPHA"):
            call(grid)
    kept, report = sgd.check_grid(grid, "allow")
    assert kept is grid and report.action == "allowed" and report.nebular
    assert abs(report.ew["HALPHA"] - 700) < 10
    masked, report = sgd.check_grid(grid, "mask")
    assert report.action == "masked" and report.n_points > 0 and "replaced" in str(report)
    np.testing.assert_array_equal(masked.ssp_flux[:, ~young], ssp.ssp_flux[:, ~young])
    bands = sgj.band_luminosities(ssp.ssp_wave, ssp.ssp_flux), sgj.band_luminosities(ssp.ssp_wave, masked.ssp_flux)
    assert np.max(np.abs(bands[1] / bands[0] - 1)) < 0.02
    sgd.Lines(masked)
    broad, _ = painted_grid(ssp, 1200.0, {"HALPHA": 700})
    with pytest.raises(ValueError, match="broader than any mask"):
        sgd.check_grid(broad, "mask")
    old = ssp._replace(ssp_lg_age_gyr=ssp.ssp_lg_age_gyr + 2)
    assert not sgd.check_grid(old)[1].conclusive
    with pytest.raises(ValueError, match="refuse, mask or allow"):
        sgd.check_grid(ssp, "maybe")
    with pytest.raises(ValueError, match="wrong shape"):
        sgd.check_grid(ssp._replace(ssp_flux=ssp.ssp_flux[:, 1:]))


def test_real_grids(shared):
    for name, says in (
        ("bc03_mpajhu", "no nebular lines"),
        ("emiles", "no SSP below 10 Myr"),
        ("plaw_small", "no nebular lines"),
    ):
        ssp = dsps.load_ssp_templates(fn=str(shared / f"ssp/ssp_{name}.h5"))
        assert says in str(sgd.check_grid(ssp)[1])
    # FSPS with nebular lines, 20 A between points: each line is spread over seven of them.
    file = np.load(shared / "ssp/fsps_ref_decoded.npz")
    from dsps.data_loaders.defaults import SSPData

    grid = SSPData(np.array([-2.7]), file["csp_logage"] - 9, file["wave_vac_A"], file["csp_lnu"][None])
    with pytest.raises(ValueError, match="holds nebular lines"):
        sgd.check_grid(grid)


def test_line_names_of_the_compatibility_table(shared):
    import json

    table = json.loads((shared / "dsps_compat_lines.json").read_text())
    listed = [(c["dsps"], c["wave_vac_fastspecfit_v3"]) for line in table["lines"] for c in line["components"]]
    assert listed == [(name, wave) for _, _, wave, name in names.COMPONENTS]


def test_the_population_is_recovered():
    import population

    best, covariance, cost = population.infer(stand_in.grid(), n_data=1000, n_model=400)
    error = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(best - population.TRUTH) < 3 * error) and np.all(error < [0.05, 0.05, 0.05, 0.06, 0.03])
    assert np.all(np.abs(population.START - population.TRUTH) > 3 * error) and cost < 2.5


def test_the_history_of_one_galaxy_is_recovered():
    import one_galaxy

    best, covariance, cost = one_galaxy.infer(stand_in.grid())
    error = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(best - one_galaxy.TRUTH) < 3 * error) and cost < 45
    assert error[0] < 0.6 * one_galaxy.PRIOR[1][0] and error[5] < 0.6 * one_galaxy.PRIOR[1][5]  # the data have spoken
