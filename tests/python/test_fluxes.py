"""Observed line fluxes beside the EWs: program and package, against a computation by hand."""

import numpy as np
import pytest
from astropy.table import Table

import starglow as sg

HALPHA, HBETA, OIII, WEAK = (sg.LINES.index(name) for name in ("HALPHA", "HBETA", "OIII_5007", "OIII_4959"))


def test_program_and_package_agree(starglow, mock, tmp_path):
    out = tmp_path / "o.fits"
    done = starglow("predict", mock, "--fluxes", "-o", out)
    assert done.returncode == 0, done.stderr
    t, table = Table.read(out, hdu="GALAXIES"), sg.read_table(mock)
    p = sg.Model.shipped().predict(table, fluxes=True)
    for suffix, values in (("_FLUX", p.flux), ("_FLUX_P16", p.flux_p16), ("_FLUX_P84", p.flux_p84)):
        for k, line in enumerate(sg.LINES):
            assert str(t[line + suffix].unit) in ("1e-17 erg / (s cm2)", "10**-17 erg s-1 cm-2", "1e-17 erg / (cm2 s)")
            assert np.array_equal(np.asarray(t[line + suffix]), values[:, k].astype("f4"), equal_nan=True)
    assert np.array_equal(p["HALPHA_FLUX_P84"], p.flux_p84[:, HALPHA], equal_nan=True)
    assert p[:2].flux.shape == (2, 10) and "fluxes" in repr(p) and "HALPHA_FLUX" in sg.to_pandas(prediction=p).columns
    assert sg.Model.shipped().predict(table).flux is None


def test_by_hand():
    flux, z = np.tile(np.linspace(2, 5, 12), (5, 1)), np.array([0.1, 0.2, np.nan, 0.1, 0.1])
    flux[3, 10] = np.nan
    ivar = np.ones_like(flux)
    ivar[4, 10] = 0
    p = sg.Model.shipped().predict(flux, z, band_flux_ivar=ivar, fluxes=True)
    halpha = flux[0, 9:12] @ [0.1629, 0.5083, 0.3413]
    hbeta = flux[0, 3:6] @ [-0.1210, 0.7012, 0.4404]
    np.testing.assert_allclose(p.flux[:2, HALPHA], p.ew[:2, HALPHA] * (1 + z[:2]) * halpha, rtol=1e-12)
    np.testing.assert_allclose(p.flux_p16[:2, HBETA], p.p16[:2, HBETA] * (1 + z[:2]) * hbeta, rtol=1e-12)
    np.testing.assert_allclose(p.flux[:2, WEAK], p.flux[:2, OIII] / 2.993, rtol=1e-12)
    assert np.isnan(p.flux[2]).all() and np.isnan(p.flux[3:, HALPHA]).all() and np.isfinite(p.flux[3:, HBETA]).all()


def test_dust_of_the_milky_way_stays_as_it_is_in_the_bands():
    flux, same = np.tile(np.linspace(2, 5, 12), (2, 1)), [0.1, 0.1]
    p = sg.Model.shipped().predict(flux, same, ebv=[0.3, 0.3], conventions={"MWCORR": "T"}, fluxes=True)
    ratio = p.flux[:, HALPHA] / p.ew[:, HALPHA]
    np.testing.assert_allclose(ratio, 1.1 * (flux[:, 9:12] @ [0.1629, 0.5083, 0.3413]), rtol=1e-12)


def test_a_relative_scale_is_refused(starglow, mock, tmp_path):
    t = Table.read(mock, hdu="GALAXIES")
    t = Table({name: t[name] for name in ("TARGETID", "Z", "BAND_FLUX")}, meta={"FLUXSCAL": "relative"})
    t.write(tmp_path / "relative.fits")
    done = starglow("predict", tmp_path / "relative.fits", "--fluxes", "-o", tmp_path / "o.fits")
    assert done.returncode == 3 and "relative" in done.stderr and not (tmp_path / "o.fits").exists()
    with pytest.raises(sg.InputError, match="relative"):
        sg.Model.shipped().predict(t["BAND_FLUX"], t["Z"], conventions={"FLUXSCAL": "relative"}, fluxes=True)
