"""mock --population stars from the command line: seeds by id, magnitudes, grids, bad input with its exit code."""

import numpy as np
import pytest
from astropy.table import Table


def read(path):
    return Table.read(path, hdu="GALAXIES")


@pytest.fixture(scope="module")
def stars(starglow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stars")
    wave = np.linspace(5000, 7000, 201)
    np.savetxt(
        folder / "r.txt",
        np.column_stack([wave, 0.6 * np.exp(-(((wave - 6000) / 500) ** 6))]),
        header="wavelength [Angstrom]",
    )
    run = starglow(
        "mock",
        "--population",
        "stars",
        "-n",
        600,
        "--filters",
        folder / "r.txt",
        "--spectra",
        folder / "s.fits",
        "--save-ssp",
        folder / "c.safetensors",
        "-o",
        folder / "m.fits",
    )
    assert run.returncode == 0, run.stderr
    return folder


def test_numbers_depend_on_seed_and_id_alone(starglow, stars, tmp_path):
    whole = read(stars / "m.fits")
    run = starglow(
        "mock",
        "--population",
        "stars",
        "-n",
        50,
        "--first-id",
        301,
        "--threads",
        1,
        "--ssp",
        stars / "c.safetensors",
        "--filters",
        stars / "r.txt",
        "-o",
        tmp_path / "p.fits",
    )
    assert run.returncode == 0, run.stderr
    part = read(tmp_path / "p.fits")
    for name in part.colnames:
        np.testing.assert_array_equal(part[name], whole[name][300:350], err_msg=name)
    other = starglow("mock", "--population", "stars", "-n", 50, "--seed", 2, "-o", tmp_path / "q.fits")
    assert other.returncode == 0 and not np.array_equal(read(tmp_path / "q.fits")["Z"], whole["Z"][:50])


def test_lines_brighten_magnitudes_and_luminosities_are_of_the_draw(stars):
    t = read(stars / "m.fits")
    change = t["MAG_R"] - t["MAG_R_CONT"]
    assert np.all(np.isfinite(change)) and np.all(change <= 0) and change.min() < -0.01
    # A draw of a galaxy without lines is 0.
    assert np.all(t["HALPHA_LUM"] >= 0) and np.mean(t["HALPHA_LUM"] > 0) > 0.95
    assert 38 < np.log10(np.median(t["HALPHA_LUM"])) < 43
    assert not np.array_equal(t["HALPHA_EW_NOISY"], t["HALPHA_EW_DRAW"])
    # one draw in 600 galaxies scatters about the medians
    assert 0.4 < np.mean(t["HALPHA_EW_DRAW"] > t["HALPHA_EW"]) < 0.6
    assert t.meta["APERTURE"] == "fibre"


def test_spectra_are_the_bands_continua(stars):
    from astropy.io import fits

    t = read(stars / "m.fits")
    with fits.open(stars / "s.fits") as f:
        wave, light = f["WAVE"].data, f["CONTINUUM"].data
    for i in range(0, 600, 60):
        rest = wave[i] / (1 + t["Z"][i])
        band = np.interp(np.arange(6100, 6400), rest, light[i]).mean()
        # the measured band has its own scatter of 0.008 dex about an offset of 0.003
        assert abs(np.log10(band / t["BAND_FLUX"][i, 9])) < 0.045


def test_paint_takes_the_spectra(starglow, stars, tmp_path):
    run = starglow("paint", stars / "s.fits", "-o", tmp_path / "painted.fits", "--allow-partial")
    assert run.returncode == 0, run.stderr


def test_total_light_is_answered_without_luminosity(starglow, tmp_path):
    run = starglow("mock", "--population", "stars", "-n", 20, "aperture=total", "-o", tmp_path / "t.fits")
    assert run.returncode == 0 and "NO_LUMINOSITY" in run.stderr
    assert np.all(read(tmp_path / "t.fits")["FLAGS"] & 8)


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["av=gauss 1 2"], 2, "distribution of av"),
        (["av=normal 1 0 0 2"], 2, "standard deviation"),
        (["lgmass=normal 10 1 8 12 +1*(av-1)"], 2, "drawn before"),
        (["redshift=uniform 0 1"], 2, "redshifts out of range"),
        (["sfh=linear"], 2, "sfh"),
        (["om0=1.5"], 2, "cosmology"),
        (["band_scatter=1 2"], 2, "twelve"),
        (["--ssp", "/nowhere.h5"], 3, "no such file"),
        (["--first-id", "-5"], 2, "first id"),
        (["--population-file", "x"], 2, "population bands"),
    ],
)
def test_wrong_settings_are_named(starglow, tmp_path, arguments, code, words):
    run = starglow("mock", "--population", "stars", "-n", 10, "-o", tmp_path / "x.fits", *arguments)
    assert run.returncode == code and words in run.stderr, run.stderr
    assert not (tmp_path / "x.fits").exists()


def test_a_broken_grid_is_refused(starglow, tmp_path):
    (tmp_path / "g.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    run = starglow("mock", "--population", "stars", "-n", 10, "--ssp", tmp_path / "g.h5", "-o", tmp_path / "x.fits")
    assert run.returncode == 3 and "g.h5" in run.stderr


def test_a_row_without_answer_is_flagged_and_kept(starglow, tmp_path):
    run = starglow("mock", "--population", "stars", "-n", 10, "lgmet_scatter=fixed 0", "-o", tmp_path / "x.fits")
    assert run.returncode == 4 and "NONFINITE" in run.stderr
    assert len(read(tmp_path / "x.fits")) == 10


def test_real_grids(starglow, shared, tmp_path):
    for name in ("ssp_bc03_mpajhu.h5", "ssp_emiles.h5", "ssp_ckc14z_solar.h5"):
        run = starglow(
            "mock", "--population", "stars", "-n", 30, "--ssp", shared / "ssp" / name, "-o", tmp_path / f"{name}.fits"
        )
        assert run.returncode in (0, 4), run.stderr
        assert len(read(tmp_path / f"{name}.fits")) == 30


def test_strict_writes_nothing_and_says_why(starglow, tmp_path):
    # At these redshifts all galaxies lie outside the range that the model was trained in.
    given = (
        "mock",
        "--population",
        "stars",
        "-n",
        "200",
        "--seed",
        "3",
        "redshift=uniform 0.5 0.9",
        "-o",
        tmp_path / "m.fits",
    )
    run = starglow(*given, "--spectra", tmp_path / "s.fits", "--save-ssp", tmp_path / "p.safetensors", "--strict")
    assert run.returncode == 3, run.stderr
    assert "--strict" in run.stderr and "galaxies are flagged" in run.stderr and "Nothing was written" in run.stderr
    assert list(tmp_path.iterdir()) == []
    run = starglow(*given)
    assert run.returncode == 0 and "; flags: " in run.stderr
