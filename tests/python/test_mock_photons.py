"""Mock galaxies of stars with ionising photons: the package beside the program, and case B."""

import numpy as np
import pytest
from astropy.table import Table

import starglow as sg

HALPHA = sg.LINES.index("HALPHA")
SMOOTH = {"lgfburst": "fixed -10", "av": "fixed 0.5", "redshift": "uniform 0.05 0.15"}


@pytest.mark.parametrize("lines", ["continuum", "photons", "both"])
def test_the_program_and_the_package_agree(starglow, tmp_path, lines):
    out = tmp_path / "m.fits"
    settings = [f"{k}={v}" for k, v in SMOOTH.items()]
    done = starglow("mock", "--population", "stars", "-n", 50, "--seed", 4, "-o", out, f"lines={lines}", *settings)
    assert done.returncode == 0, done.stderr
    t = Table.read(out, hdu="GALAXIES")
    m = sg.mock_stars(50, seed=4, first_id=int(t["TARGETID"][0]), lines=lines, **SMOOTH)
    assert np.array_equal(t["BAND_FLUX"], m.galaxies.band_flux) and np.array_equal(t["FLAGS"], m.lines.flags)
    for column, values in (
        ("HALPHA_EW", m.lines.ew[:, HALPHA]),
        ("HALPHA_EW_DRAW", m.draw[:, HALPHA]),
        ("HALPHA_EW_NOISY", m.lines.noisy[:, HALPHA]),
        ("SFR10", m.sfr10),
        ("SFR100", m.sfr100),
        ("LOG_QH", np.log10(m.photons)),
        ("MASS_FORMED", m.mass_formed),
        ("MASS_SURVIVING", m.mass_surviving),
        ("HALPHA_EW_CASEB", m.halpha_ew_caseb),
    ):
        assert np.allclose(t[column], values, rtol=2e-7, atol=0, equal_nan=True), column
    assert np.array_equal(t["HALPHA_LUM_CASEB"], m.halpha_lum_caseb)
    assert np.array_equal(t["HALPHA_LUM"], m.luminosity[:, HALPHA])


def test_photons_follow_the_rate():
    m = sg.mock_stars(300, lines="photons", **SMOOTH)
    active = m.sfr10 > 0.02 * m.mass_formed / 1e10
    per_rate = np.log10(m.halpha_lum_caseb / m.sfr10)[active]
    assert active.sum() > 50 and 41.0 < np.median(per_rate) < 41.6 and np.ptp(np.percentile(per_rate, [5, 95])) < 0.6
    assert ((m.mass_surviving > 0.4 * m.mass_formed) & (m.mass_surviving < m.mass_formed)).all()
    half = sg.mock_stars(300, lines="photons", f_esc=0.5, **SMOOTH)
    assert np.allclose(half.halpha_lum_caseb, 0.5 * m.halpha_lum_caseb, rtol=1e-12)
    dusty = sg.mock_stars(300, gas_dust=4.0, **SMOOTH)
    assert (dusty.halpha_ew_caseb < m.halpha_ew_caseb).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"lines": "stars"},
        {"f_esc": 2.0},
        {"gas_curve": "smc"},
        {"photon_scatter": -1.0},
        {"no_such": 1},
        {"av": "much"},
    ],
)
def test_bad_settings(wrong):
    with pytest.raises(ValueError):
        sg.mock_stars(3, **wrong)


def test_bad_settings_of_the_program(starglow, tmp_path):
    for wrong in ("lines=stars", "f_esc=2", "gas_curve=smc", "photon_scatter=-1"):
        done = starglow("mock", "--population", "stars", "-n", 3, "-o", tmp_path / "m.fits", wrong)
        assert done.returncode == 2, wrong
        assert not (tmp_path / "m.fits").exists()
