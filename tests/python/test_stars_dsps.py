"""1000 random galaxies on every grid of the shared folder, against the DSPS package itself in the same run."""

import os
import subprocess

import numpy as np
import pytest

from conftest import ROOT

os.environ.setdefault("JAX_PLATFORMS", "cpu")
dsps = pytest.importorskip("dsps", reason="dsps is not installed: nothing to compare with")
h5py = pytest.importorskip("h5py", reason="h5py is not installed")

GRIDS = ("ssp_bc03_mpajhu.h5", "ssp_ckc14z_solar.h5", "ssp_emiles.h5", "ssp_plaw_small.h5")
N = 1000


@pytest.fixture(scope="module", autouse=True)
def x64():
    import jax

    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def oracle():
    path = ROOT / "build/release/tests/stars/star_oracle"
    if "STARGLOW_STAR_ORACLE" in os.environ:
        from pathlib import Path

        path = Path(os.environ["STARGLOW_STAR_ORACLE"])
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return path


def random_galaxies(rng, lgmet, t):
    sfr = (
        10 ** rng.uniform(-2, 2, (N, 1))
        * t ** rng.uniform(-1, 2, (N, 1))
        * np.exp(-t / 10 ** rng.uniform(-0.5, 1, (N, 1)))
    )
    sfr *= np.where(t > rng.uniform(5, 14, (N, 1)), 10 ** rng.uniform(-3, 0, (N, 1)), 1)
    sfr[::17, 20:40] = 0  # below the floor
    rest = np.column_stack(
        [
            rng.uniform(1, 15, N),  # t_obs, some beyond the table
            rng.uniform(lgmet[0] - 0.3, lgmet[-1] + 0.3, N),  # some outside the grid
            10 ** rng.uniform(-2, 0, N),
            rng.uniform(-6, -1, N),
            rng.uniform(5.5, 8, N),
            np.zeros(N),
            np.maximum(rng.uniform(-0.2, 3, N), 0),
            rng.uniform(-1.2, 0.4, N),
            rng.uniform(0.01, 0.4, N),
        ]
    )
    rest[:, 5] = np.minimum(rest[:, 4] + rng.uniform(1, 2, N), 9)
    return sfr, rest


@pytest.mark.parametrize("name", GRIDS)
def test_random_galaxies_have_the_numbers_of_dsps(name, oracle, shared, tmp_path):
    import jax
    import jax.numpy as jnp
    from dsps.dust.att_curves import _frac_transmission_from_k_lambda, sbl18_k_lambda
    from dsps.photometry.photometry_kernels import _flux_ab0_at_10pc, _obs_flux_ssp
    from dsps.sed.metallicity_weights import calc_lgmet_weights_from_lognormal_mdf
    from dsps.sed.stellar_age_weights import _calc_logsm_table_from_sfh_table, calc_age_weights_from_sfh_table
    from dsps.sfh.diffburst import calc_bursty_age_weights

    with h5py.File(shared / "ssp" / name) as f:
        lgmet, lg_age, wave, flux = (
            f[k][:].astype(float) for k in ("ssp_lgmet", "ssp_lg_age_gyr", "ssp_wave", "ssp_flux")
        )
    rng = np.random.default_rng(len(name))
    t = np.linspace(0.1, 13.8, 60)
    sfr, rest = random_galaxies(rng, lgmet, t)
    centre = 6500.0
    f_wave = np.linspace(centre - 500, centre + 500, 101)
    f_t = np.exp(-(((f_wave - centre) / 300) ** 4))
    picked = np.unique(np.linspace(0, len(wave) - 1, 60).astype(int))
    (tmp_path / "in.bin").write_bytes(
        np.concatenate(
            [[N, len(t), len(f_wave), len(picked)], t, f_wave, f_t, picked, np.hstack([sfr, rest]).ravel()]
        ).tobytes()
    )
    run = subprocess.run(
        [oracle, shared / "ssp" / name, tmp_path / "in.bin", tmp_path / "out.bin"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    n_met, n_age = len(lgmet), len(lg_age)
    ours = np.fromfile(tmp_path / "out.bin").reshape(N, -1)
    mass, age, met, sed, maggies = np.split(ours, np.cumsum([1, n_age, n_met, len(picked)]), axis=1)

    @jax.jit
    @jax.vmap
    def weights(sfr, p):
        logsm = _calc_logsm_table_from_sfh_table(t, sfr, 1e-14)
        smooth = calc_age_weights_from_sfh_table(t, sfr, lg_age, p[0])
        # one metallicity: DSPS cannot, all weight is in it
        met = calc_lgmet_weights_from_lognormal_mdf(p[1], p[2], lgmet) if n_met > 2 else jnp.ones(1)
        return (
            10 ** jnp.interp(jnp.log10(p[0]), jnp.log10(t), logsm),
            calc_bursty_age_weights(tuple(p[3:6]), smooth, lg_age),
            met,
        )

    d_mass, d_age, d_met = (np.array(x) for x in weights(sfr, rest))
    d_age /= d_age.sum(1, keepdims=True)  # a burst between the grid's ages has no weight: there is none, then
    np.testing.assert_allclose(mass[:, 0], d_mass, rtol=1e-10)
    # A weight is a difference of masses: absolute errors of 1e-14 are the last bits of those.
    np.testing.assert_allclose(age, d_age, rtol=1e-10, atol=2e-14)
    np.testing.assert_allclose(met, d_met, rtol=1e-10, atol=1e-15)

    @jax.vmap
    def transmission(p):
        return _frac_transmission_from_k_lambda(sbl18_k_lambda(jnp.array(wave) * 1e-4, 0.85 - 1.9 * p[7], p[7]), p[6])

    @jax.vmap
    def light(sed, z):
        return _obs_flux_ssp(wave, sed, f_wave, f_t, z) / _flux_ab0_at_10pc(f_wave, f_t)

    for first in range(0, N, 100):
        rows = slice(first, first + 100)
        w = (d_met[rows, :, None] * d_age[rows, None, :]).reshape(100, -1)
        w /= w.sum(1, keepdims=True)
        full = d_mass[rows, None] * (w @ flux.reshape(-1, len(wave))) * np.array(transmission(rest[rows]))
        np.testing.assert_allclose(sed[rows], full[:, picked], rtol=1e-10, atol=1e-300)  # denormal numbers aside
        np.testing.assert_allclose(maggies[rows, 0], light(full, rest[rows, 8]), rtol=1e-10)
