"""What once went wrong on the page, or was missed there, in a browser: tests/web/faults_test.mjs."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from test_page import browser, in_browser, served

from conftest import forget_checksum

N, OUTSIDE = 400, 40


@pytest.fixture(scope="module")
def galaxies(mock, tmp_path_factory):
    """Mock galaxies with a position on the sky, one of them unlike any that a model has learnt from."""
    t = Table.read(mock, hdu="GALAXIES")[:N]
    rng = np.random.default_rng(1)
    t["TARGET_RA"], t["TARGET_DEC"] = rng.uniform(0, 360, N), rng.uniform(-30, 80, N)
    t["BAND_FLUX"][OUTSIDE] = 3 * 10.0 ** (-0.15 * np.arange(12))
    forget_checksum(t)
    path = tmp_path_factory.mktemp("faults") / "galaxies.fits"
    t.write(path)
    return path


@pytest.fixture(scope="module")
def spectra(galaxies):
    """Spectra with noise of the first 50, Halpha in each."""
    t = Table.read(galaxies, hdu="GALAXIES")[:50]
    wave = 3600 + 1.5 * np.arange(4000)
    z = np.array(t["Z"])[:, None]
    level = np.abs(np.array(t["BAND_FLUX"])[:, 6:7])
    flux = level * (1 + 4 * np.exp(-0.5 * ((wave - 6564.6 * (1 + z)) / 4) ** 2))
    sigma = 0.05 * level * np.ones_like(flux)
    flux = flux + sigma * np.random.default_rng(2).standard_normal(flux.shape)
    hdus = [
        fits.ImageHDU(np.asarray(a, "f4" if name != "WAVE" else "f8"), name=name)
        for name, a in (
            ("WAVE", wave),
            ("FLUX", flux),
            ("IVAR", sigma**-2.0),
            ("CONTINUUM", level * np.ones_like(flux)),
        )
    ]
    for hdu in hdus:
        if hdu.name in ("FLUX", "CONTINUUM"):
            hdu.header["BUNIT"] = "10**-17 erg s-1 cm-2 Angstrom-1"
    head = fits.BinTableHDU(Table({"TARGETID": t["TARGETID"], "Z": t["Z"]}), name="GALAXIES")
    head.header["VACUUM"] = True
    path = galaxies.parent / "spectra.fits"
    fits.HDUList([fits.PrimaryHDU(), head, *hdus]).writeto(path)
    return path


@browser
def test_faults_stay_away(binary, starglow, galaxies, spectra, tmp_path):
    page = tmp_path / "page.html"
    run = starglow("explore", galaxies, "--single-file", page)
    assert run.returncode == 0, run.stderr
    assert str(galaxies.parent) not in page.read_text(), "the folders of a disk are nobody's business"
    assert starglow("predict", galaxies, "-o", tmp_path / "lines.fits").returncode == 0
    t = Table.read(galaxies, hdu="GALAXIES")
    assert Table.read(tmp_path / "lines.fits", hdu="GALAXIES")["FLAGS"][OUTSIDE] & 16
    (tmp_path / "expected.json").write_text(
        json.dumps(
            {
                "ids": [str(i) for i in t["TARGETID"]],
                "outside": OUTSIDE,
                "sky": [float(t["TARGET_RA"][0]), float(t["TARGET_DEC"][0])],
            }
        )
    )
    with served(binary, "explore", galaxies, "--spectra", spectra, "--serve", "0") as address:
        in_browser("faults_test.mjs", page.as_uri(), address, tmp_path / "expected.json", least=95)


@browser
def test_a_folder_opened_from_disk_says_what_to_do(starglow, galaxies, tmp_path):
    assert starglow("explore", galaxies, "-o", tmp_path / "site").returncode == 0
    in_browser("disk_test.mjs", (tmp_path / "site/index.html").as_uri(), least=1)


@browser
def test_nothing_is_cut_or_covered_in_any_view(binary, starglow, galaxies, spectra, tmp_path):
    page = tmp_path / "page.html"
    assert starglow("explore", galaxies, "--single-file", page).returncode == 0
    with served(binary, "explore", galaxies, "--spectra", spectra, "--serve", "0") as address:
        in_browser("views_test.mjs", page.as_uri(), address, least=48)
