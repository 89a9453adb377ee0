"""The adapter contrib/diffsky inside diffsky's own kernels; needs diffsky 0.3.11 (tests/requirements-diffsky.txt)."""

import sys
from pathlib import Path

import numpy as np
import pytest

diffsky = pytest.importorskip(
    "diffsky", reason="diffsky is not installed: pip install -r tests/requirements-diffsky.txt"
)
pytest.importorskip("dsps")

import jax
import jax.numpy as jnp
from diffsky.experimental import lightcone_generators as lcg
from diffsky.experimental.kernels import dbk_photline_kernels_in_situ as kernels
from diffsky.param_utils import diffsky_param_wrapper_merging as params
from dsps.cosmology import DEFAULT_COSMOLOGY
from dsps.data_loaders import retrieve_fake_fsps_data as fake
from dsps.data_loaders.defaults import SSPData, TransmissionCurve

import starglow.jax as sgj

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "contrib" / "diffsky"))
import starglow_lines as adapter


def _grid():
    """A stand-in for an SSP grid with light that is smooth in wavelength, age and metallicity."""
    lgmet, age, wave = np.linspace(-4, -1.3, 10), np.linspace(-3.5, 1.15, 60), np.geomspace(300, 25000, 1500)
    blue = np.clip(1 - (age + 1.5) / 2.2, -0.2, 2)
    flux = 10 ** (-0.75 * (age + 3.5) - 3.5)[:, None] * (wave / 5000) ** (-1.2 * blue + 1)[:, None]
    flux = flux * (1 - 0.05 * (lgmet + 2))[:, None, None] * np.ones((10, 1, 1))
    return adapter.with_tracers(SSPData(lgmet, age, wave, flux))


def _light_cone(n=12):
    tcurves = fake.load_fake_filter_transmission_curves()
    from collections import namedtuple

    curves = namedtuple("T", ("u", "i", "y"))(*(TransmissionCurve(tcurves[0], tcurves[k]) for k in (1, 4, 6)))
    return lcg.weighted_lc_photdata(
        jax.random.key(0), n, 0.1, 1.5, 10.5, 14.5, 100.0, _grid(), curves, np.geomspace(0.1, 1.5, 8)
    )


def _run(data, mzr=None):
    upid = np.where(data.is_central == 1, -1, data.halo_indx)
    collection = params.DEFAULT_PARAM_COLLECTION
    return kernels._mc_dbk_photline_kern(
        jax.random.key(1),
        data.z_obs,
        data.t_obs,
        data.mah_params,
        upid,
        data.logmp_infall - data.logmhost_infall,
        data.logmhost_infall,
        data.t_obs - data.t_infall,
        data.ssp_data,
        data.precomputed_ssp_mag_table,
        data.z_phot_table,
        data.wave_eff_table,
        adapter.wave_table(data.ssp_data),
        collection.diffstarpop_params,
        collection.mzr_params if mzr is None else mzr,
        collection.spspop_params,
        collection.scatter_params,
        collection.ssperr_params,
        collection.merging_params,
        DEFAULT_COSMOLOGY,
        0.156,
    )[0]


@pytest.fixture(scope="module")
def results():
    data = _light_cone()
    return data, _run(data)


def test_lines_of_a_galaxy_and_its_parts(results):
    _, info = results
    whole = adapter.linelum(info.linelum_gal)
    assert whole.shape == (info.linelum_gal.shape[0], 11) and len(adapter.LINE_NAMES) == 11
    assert np.isfinite(whole).all() and (whole >= 0).all()
    parts = [adapter.linelum(getattr(info, f"linelum_{part}")) for part in ("bulge", "disk", "knots")]
    shared = adapter.linelum_of_parts(whole, *parts)
    assert np.allclose(sum(shared), whole, rtol=1e-10)
    # the tracers are those of the composite light: lines of the package from the same bands
    bands = info.linelum_gal[:, :12] / 3.828e33
    median = sgj.predict(sgj.load(), bands, None, targetid=(), conventions=adapter.TOTAL).ew
    halpha = adapter.LINE_NAMES.index("Ba_alpha_6563")
    beside = info.linelum_gal[:, 12 + adapter.HALPHA]
    assert np.allclose(whole[:, halpha], median[:, adapter.HALPHA] * beside, rtol=1e-6)


def test_halpha_of_the_photons(results):
    _, info = results
    halpha = adapter.LINE_NAMES.index("Ba_alpha_6563")
    of = adapter.linelum(info.linelum_gal, "photons")
    assert np.allclose(of[:, halpha], 1.37e-12 * info.linelum_gal[:, -1], rtol=0.05, atol=1e36)
    draws = adapter.linelum(info.linelum_gal, "photons", targetid=np.arange(len(of)))
    assert np.isfinite(draws).all() and not np.allclose(draws, of)
    with pytest.raises(ValueError, match="photons"):
        adapter.linelum(info.linelum_gal, "both")


def test_gradients_reach_the_parameters_of_diffsky(results):
    data, _ = results
    weights, base = sgj.load(), params.DEFAULT_PARAM_COLLECTION.mzr_params

    def total(shift):
        lines = adapter.linelum(_run(data, jax.tree.map(lambda p: p + shift, base)).linelum_gal, weights=weights)
        return jnp.log10(lines.sum())

    slope = jax.grad(total)(0.0)
    difference = (total(1e-4) - total(-1e-4)) / 2e-4
    assert np.isfinite(slope) and slope != 0 and np.isclose(slope, difference, rtol=1e-3)


def test_a_grid_that_does_not_reach():
    wave = np.linspace(5000, 9000, 300)
    with pytest.raises(ValueError, match="cover"):
        adapter.with_tracers(SSPData(np.linspace(-3, -1, 4), np.linspace(-3, 1, 5), wave, np.ones((4, 5, 300))))
