"""Kinds of trouble in other clothes: options that have no effect, bands in twelve columns, the same galaxies twice,
redshifts as velocities, dust that is not known."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from test_border import FLUX, UNIT, galaxies
from test_border_kinds import MEAN, pixels

import starglow as sg
from test_prep import EXAMPLE_Z, GRID, light, make_coadd, read, write

LIGHT_SPEED = 299792.458
QUICK = ["--preset", "point", "epochs=1", "members=1", "hidden=8", "sibling=false", "calibration_folds=0"]


@pytest.mark.parametrize(
    "words",
    [
        ["--filters", "g.ecsv"],
        ["--ssp", "grid.h5"],
        ["lines=photons"],
        ["--spectra", "s.fits"],
        ["--preset", "universe", "--population", "bands"],
    ],
)
def test_options_of_stars_are_refused_for_drawn_bands(starglow, tmp_path, words):
    run = starglow("mock", "-n", 10, "-o", tmp_path / "m.fits", *words, cwd=tmp_path)
    assert run.returncode == 2 and "--population stars" in run.stderr, run.stderr
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "c.toml").write_text('[mock]\nlines = "photons"\n')
    run = starglow("mock", "-n", 10, "-o", tmp_path / "m.fits", "--config", tmp_path / "c.toml")
    assert run.returncode == 2 and not (tmp_path / "m.fits").exists()


@pytest.mark.parametrize(
    "words, named",
    [
        (["embed", "{t}", "-o", "{o}", "epochs=2", "--model", "m.safetensors"], "model"),
        (["evaluate", "{t}", "--bootstrap", "0", "--folds", "3"], "folds"),
        (["evaluate", "{t}", "--bootstrap", "0", "members=2"], "members"),
        (["mock", "-n", "10", "--compare", "{t}", "-o", "{o}"], "output"),
        (["mock", "--preset", "universe", "-n", "10", "-o", "{o}", "photon_scatter=0.3", "lines=continuum"], "photon"),
        (["mock", "--preset", "universe", "-n", "10", "-o", "{o}", "--spectra-hi", "7000"], "spectra_hi"),
    ],
)
def test_an_option_without_effect_is_named(starglow, mock, tmp_path, words, named):
    words = [w.format(t=mock, o=tmp_path / "o.fits") for w in words]
    run = starglow(*words, "--threads", 1)
    said = [line for line in run.stderr.splitlines() if "had no effect" in line]
    assert run.returncode == 0 and len(said) == 1 and named in said[0], run.stderr
    without = starglow("predict", mock, "-o", tmp_path / "p.fits", "--draws", 2, "--chunk", 100, "--allow-partial")
    assert "no effect" not in without.stderr


def test_hidden_bands_need_a_model(starglow, mock, tmp_path):
    assert starglow("predict", mock, "-o", tmp_path / "p.fits").returncode == 0
    run = starglow("evaluate", mock, "--predictions", tmp_path / "p.fits", "--hide-blue", 2)
    assert run.returncode == 2 and "hide_blue" in run.stderr


def wide(path, **columns):
    """The four galaxies with one column a band."""
    flux = FLUX * np.linspace(1, 1.5, 4)[:, None]
    parts = [fits.Column(f"BAND_FLUX_{b}", "D", array=flux[:, b], unit=UNIT) for b in range(12)]
    parts += [fits.Column(f"BAND_FLUX_IVAR_{b}", "E", array=np.full(4, 9.0)) for b in range(12)]
    made = {c.name: c for c in parts} | columns
    return galaxies(path, BAND_FLUX=None, extra=[c for c in made.values() if c is not None])


def test_bands_may_lie_in_twelve_columns(starglow, tmp_path):
    whole = galaxies(tmp_path / "a.fits", extra=[fits.Column("BAND_FLUX_IVAR", "12E", array=np.full((4, 12), 9.0))])
    apart = wide(tmp_path / "b.fits")
    right = sg.read_table(whole)
    for seen in (sg.read_table(apart), sg.galaxies(apart), sg.galaxies(Table.read(apart))):
        np.testing.assert_array_equal(seen.band_flux, right.band_flux)
        np.testing.assert_array_equal(seen.band_flux_ivar, right.band_flux_ivar)
    for path in (whole, apart):
        run = starglow("predict", path, "-o", f"{path}.out", "--draws", 2)
        assert run.returncode == 0, run.stderr
    a, b = (read(tmp_path / f"{name}.fits.out") for name in "ab")
    np.testing.assert_array_equal(a["HALPHA_EW_DRAW"], b["HALPHA_EW_DRAW"])
    nano = {
        f"BAND_FLUX_{b}": fits.Column(
            f"BAND_FLUX_{b}", "D", array=right.band_flux[:, b] * 1e-8, unit="1e-9 erg s-1 cm-2 Angstrom-1"
        )
        for b in range(12)
    }
    converted = sg.read_table(wide(tmp_path / "c.fits", **nano))
    np.testing.assert_allclose(converted.band_flux, right.band_flux, rtol=1e-12)
    np.testing.assert_allclose(converted.band_flux_ivar, 9.0 * 1e-16, rtol=1e-6)  # without a unit: that of its flux


@pytest.mark.parametrize(
    "name, unit, says",
    [
        ("BAND_FLUX_3", "Jy", "BAND_FLUX_3"),
        ("BAND_FLUX_IVAR_11", "Jy-2", "BAND_FLUX_IVAR_11"),
        ("BAND_FLUX_7", None, "BAND_FLUX_7"),
    ],
)
def test_one_band_of_twelve_that_is_wrong(starglow, tmp_path, name, unit, says):
    column = None if unit is None else fits.Column(name, "D", array=np.ones(4), unit=unit)
    path = wide(tmp_path / "w.fits", **{name: column})
    run = starglow("predict", path, "-o", tmp_path / "p.fits")
    assert run.returncode == 3 and says in run.stderr and not (tmp_path / "p.fits").exists()
    with pytest.raises(sg.InputError, match=says):
        sg.read_table(path)
    with pytest.raises(sg.InputError, match=says):
        sg.galaxies(Table.read(path))


def test_galaxies_in_two_tables_are_spoken_of(starglow, mock, tmp_path):
    table = Table.read(mock, hdu="GALAXIES")
    for key in ("CHECKSUM", "DATASUM"):
        table.meta.pop(key, None)
    table[100:400].write(tmp_path / "part.fits")
    table["TARGETID"] += 10**6
    table.write(tmp_path / "other.fits")
    for second, says in ((mock, "same content"), (tmp_path / "part.fits", "300 of the 300"), ("other", "")):
        second = tmp_path / "other.fits" if second == "other" else second
        run = starglow("train", mock, second, "-o", tmp_path / "m.safetensors", "--overwrite", *QUICK)
        assert run.returncode == 0, run.stderr
        assert (says in run.stderr) if says else ("count twice" not in run.stderr), run.stderr


def test_dust_that_is_not_known_cannot_be_corrected(starglow, tmp_path):
    coadd = make_coadd(EXAMPLE_Z)
    coadd["FIBERMAP"].data["EBV"][[1, 3]] = np.nan
    run = starglow("prep", *write(tmp_path, coadd, EXAMPLE_Z), "-o", tmp_path / "o.fits", "--deredden", "--ew", "none")
    assert run.returncode == 4 and "E(B-V) is unknown for 2 of 5" in run.stderr
    table = read(tmp_path / "o.fits")
    assert list(np.isnan(table["BAND_FLUX"]).all(axis=1)) == [False, True, False, True, False]
    coadd["FIBERMAP"].data["EBV"][:] = -1
    run = starglow("prep", *write(tmp_path, coadd, EXAMPLE_Z), "-o", tmp_path / "n.fits", "--deredden", "--ew", "none")
    assert run.returncode == 3 and "E(B-V) is unknown" in run.stderr and not (tmp_path / "n.fits").exists()


def stack(path, columns, cards=(), n=2):
    """Spectra of `n` galaxies at z = 0.1 as vectors, with columns of their redshifts."""
    table = Table({"FLUX": [light(EXAMPLE_Z[:1], 1)[0]] * n, "WAVE": [GRID] * n, "ERR": [np.full(GRID.size, 0.1)] * n})
    for name, (values, unit) in columns.items():
        table[name] = values
        table[name].unit = unit
    table["WAVE"].unit, table["FLUX"].unit, table.meta["EXTNAME"] = "Angstrom", MEAN, "SPECTRA"
    table.meta.update(dict(cards))
    table.write(path, overwrite=True)
    return path


def test_velocities_are_redshifts(starglow, tmp_path):
    cz = 0.1 * LIGHT_SPEED
    for k, (columns, cards, z) in enumerate(
        [
            ({"CZ": ([cz, 2 * cz], "km/s")}, {}, [0.1, 0.2]),
            ({"cz": ([cz * 1e3, cz * 1e3], "m/s")}, {"Z": 0.3}, [0.1, 0.1]),
            ({"Z": ([0.1, 0.2], None), "CZ": ([1.0, 1.0], "km/s")}, {}, [0.1, 0.2]),
        ]
    ):
        path = stack(tmp_path / f"{k}.fits", columns, cards)
        run = starglow("prep", path, "-o", tmp_path / f"{k}.out", "--ew", "none")
        assert run.returncode == 0, run.stderr
        np.testing.assert_allclose(read(tmp_path / f"{k}.out")["Z"], z, rtol=1e-9)
        assert k != 1 or "header is not used" in run.stderr
    for columns, cards, n in (
        ({"CZ": ([cz] * 2, "Jy")}, {}, 2),
        ({"CZ": ([cz] * 2, None)}, {}, 2),
        ({"CZ": ([cz], "km/s")}, {"Z": 0.3}, 1),
        ({"Z": ([0.1], None)}, {"REDSHIFT": 0.3}, 1),
    ):
        run = starglow("prep", stack(tmp_path / "w.fits", columns, cards, n), "-o", tmp_path / "w.out", "--ew", "none")
        assert run.returncode == 3 and not (tmp_path / "w.out").exists(), run.stderr


def test_a_redshift_repeated_in_each_pixel(starglow, tmp_path):
    path = pixels(tmp_path / "s.fits", z=None)
    for k, (redshift, code) in enumerate(((np.full(GRID.size, 0.1), 0), (np.linspace(0.1, 0.2, GRID.size), 3))):
        table = Table.read(path)
        table["redshift"] = redshift
        first = fits.PrimaryHDU()
        first.header["VACUUM"] = True
        fits.HDUList([first, fits.BinTableHDU(table)]).writeto(tmp_path / f"{k}.fits")
        run = starglow("prep", tmp_path / f"{k}.fits", "-o", tmp_path / f"{k}.out")
        assert run.returncode == code, run.stderr
        if code == 0:
            assert read(tmp_path / f"{k}.out")["HALPHA_EW"][0] == pytest.approx(40, abs=2)


def test_a_redshift_that_is_given_and_not_needed(starglow, tmp_path):
    for words in ([pixels(tmp_path / "s.fits")], write(tmp_path, make_coadd(EXAMPLE_Z), EXAMPLE_Z)):
        run = starglow("prep", *words, "-o", tmp_path / "o.fits", "--z", 0.3, "--ew", "none", "--overwrite")
        assert run.returncode == 0 and "--z) is not used" in run.stderr
        assert 0.1 in read(tmp_path / "o.fits")["Z"]
