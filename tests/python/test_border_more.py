"""More sisters of known troubles: what is painted, rows that are no galaxies, lists, units of side columns, indices of
pandas, units and holes for JAX, spectra of specutils in air."""

import os

import jax.numpy as jnp
import numpy as np
import pandas
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from test_border import FLUX, galaxies
from test_border_kinds import MEAN, pixels
from test_border_sisters import stack

import starglow as sg
import starglow.jax as sgj
from test_prep import EXAMPLE_Z, GRID, fastspec, light, make_coadd, read, write

NONFINITE, BOUNDED, BAD_PIXELS = 1, 1 << 15, 1 << 11
HALPHA = sg.LINES.index("HALPHA")


def continua(path, n=3):
    table = fits.BinTableHDU(Table({"TARGETID": np.arange(n) + 7, "Z": np.full(n, 0.1)}), name="GALAXIES")
    wave, flux = fits.ImageHDU(GRID, name="WAVE"), fits.ImageHDU(np.full((n, GRID.size), 2.0, "f4"), name="CONTINUUM")
    wave.header["BUNIT"], flux.header["BUNIT"] = "Angstrom", MEAN.to_string("fits")
    fits.HDUList([fits.PrimaryHDU(), table, wave, flux]).writeto(path, overwrite=True)
    return path


@pytest.mark.parametrize(
    "suffix, values",
    [
        ("_EW", [5, 1e30, 5]),
        ("_EW", [5, 2e4, 5]),
        ("_EW", [5, -9999, 5]),
        ("_FLUX", [50, 1e300, 50]),
        ("_FLUX", [50, -9999, 50]),
        ("_LUM", [1e41, 1e300, 1e41]),
    ],
)
def test_no_line_is_painted_that_no_galaxy_has(starglow, tmp_path, suffix, values):
    strength = {"_EW": "ew", "_FLUX": "flux", "_LUM": "luminosity"}[suffix]
    table = Table({"TARGETID": np.arange(3) + 7, "HALPHA" + suffix: np.array(values, float)})
    table.meta["EXTNAME"] = "GALAXIES"
    table.write(tmp_path / "t.fits")
    words = ("paint", continua(tmp_path / "c.fits"), "-o", tmp_path / "o.fits", "--from", strength)
    run = starglow(*words, "--table", tmp_path / "t.fits")
    assert run.returncode == 4, run.stderr
    with fits.open(tmp_path / "o.fits") as f:
        assert list(np.isfinite(f["LINES"].data).all(axis=1)) == [True, False, True]
        assert np.isnan(f["FLUX"].data[1]).all() and f["GALAXIES"].data["FLAGS"][1] & NONFINITE
        assert f["GALAXIES"].data["FLAGS"][1] & BOUNDED and f["GALAXIES"].data["FLAGS"][0] == 0


def test_a_table_of_lines_without_ids_is_paired_by_number_and_said(starglow, tmp_path):
    table = Table({"HALPHA_EW": np.array([5.0, 6, 7])})
    table.meta["EXTNAME"] = "GALAXIES"
    table.write(tmp_path / "t.fits")
    words = ("paint", continua(tmp_path / "c.fits"), "-o", tmp_path / "o.fits", "--from", "ew")
    run = starglow(*words, "--table", tmp_path / "t.fits")
    assert run.returncode == 0 and "paired by number" in run.stderr


@pytest.mark.parametrize("named", [False, True])
def test_rows_of_an_image_that_are_no_galaxies(starglow, tmp_path, named):
    flux = light(EXAMPLE_Z[:1], 1)[0]
    image = fits.PrimaryHDU(np.array([flux, np.full(GRID.size, 0.1), GRID]))
    cards = {"Z": 0.1, "CRVAL1": 3600.0, "CDELT1": 0.8, "CUNIT1": "Angstrom", "BUNIT": MEAN.to_string("fits")}
    for key, value in (cards | ({"ROW1": "Spectrum", "ROW2": "Error"} if named else {})).items():
        image.header[key] = value
    image.writeto(tmp_path / "s.fits")
    run = starglow("prep", tmp_path / "s.fits", "-o", tmp_path / "o.fits")
    assert run.returncode == 3 and "3 rows" in run.stderr and not (tmp_path / "o.fits").exists()


def test_lists_of_files_from_editors(starglow, tmp_path):
    for k in range(2):
        pixels(tmp_path / f"s{k}.fits")
    (tmp_path / "list").write_bytes(b"# two\r\n  \r\ns0.fits  \r\ns1.fits\t\n\n")
    run = starglow("prep", "@list", "-o", "o.fits", "--ew", "none", cwd=tmp_path)
    assert run.returncode == 0 and len(read(tmp_path / "o.fits")) == 2, run.stderr


def test_a_grid_that_is_none_costs_its_own_spectrum(starglow, tmp_path):
    path = stack(tmp_path / "s.fits", {"Z": ([0.1] * 3, None)}, n=3)
    with fits.open(path) as f:
        f[1].data["WAVE"][1, 500] = f[1].data["WAVE"][1, 499]
        f.writeto(tmp_path / "b.fits")
    run = starglow("prep", tmp_path / "b.fits", "-o", tmp_path / "o.fits", "--ew", "none")
    assert run.returncode == 0 and "1 spectra have no data" in run.stderr and "pixel 500" in run.stderr
    table = read(tmp_path / "o.fits")
    assert list(np.isnan(table["BAND_FLUX"]).all(axis=1)) == [False, True, False]
    assert table["FLAGS"][1] & BAD_PIXELS and not table["FLAGS"][0] & BAD_PIXELS


def test_units_of_columns_beside(starglow, tmp_path):
    def coadd(unit, values):
        hdus = make_coadd(EXAMPLE_Z)
        targets = Table(hdus["FIBERMAP"].data)
        targets["EBV"], targets["TARGET_RA"] = values, np.full(5, 10.0)
        hdus["FIBERMAP"] = fits.BinTableHDU(targets, name="FIBERMAP")
        for name, its in (("EBV", unit), ("TARGET_RA", "hourangle")):
            hdus["FIBERMAP"].header[f"TUNIT{targets.colnames.index(name) + 1}"] = its
        return write(tmp_path, hdus, EXAMPLE_Z)

    run = starglow("prep", *coadd("mmag", np.full(5, 20.0)), "-o", tmp_path / "o.fits", "--ew", "none")
    assert run.returncode == 0, run.stderr
    table = read(tmp_path / "o.fits")
    np.testing.assert_allclose(table["EBV"], 0.02)
    np.testing.assert_allclose(table["RA"], 150.0)
    run = starglow("prep", *coadd("Jy", np.full(5, 0.02)), "-o", tmp_path / "p.fits", "--ew", "none")
    assert run.returncode == 3 and "EBV" in run.stderr and not (tmp_path / "p.fits").exists()
    fastspec(tmp_path / "f.fits", "3.1.5", True)
    with fits.open(tmp_path / "f.fits") as f:
        targets = Table(f["METADATA"].data)
        targets["EBV"] = np.full(3, 0.02)
        hdu = fits.BinTableHDU(targets, name="METADATA")
        hdu.header[f"TUNIT{targets.colnames.index('EBV') + 1}"] = "Jy"
        fits.HDUList([f[0], hdu, *f[2:]]).writeto(tmp_path / "g.fits")
    run = starglow("prep", tmp_path / "g.fits", "-o", tmp_path / "q.fits")
    assert run.returncode == 3 and "EBV" in run.stderr and not (tmp_path / "q.fits").exists()


def test_too_few_galaxies_to_compare(starglow, tmp_path):
    run = starglow("mock", "-n", 10, "--compare", galaxies(tmp_path / "t.fits"))
    assert run.returncode == 3 and "too few galaxies" in run.stderr


def test_dry_runs_of_verbs_that_print(starglow, mock, tmp_path):
    before = sorted(os.listdir(tmp_path))
    for words in (["summary", mock], ["bench"], ["mock", "-n", 50, "--compare", mock]):
        run = starglow(*words, "--dry-run", cwd=tmp_path)
        assert run.returncode == 0 and run.stdout == "" and "would" in run.stderr, run.stderr
    assert sorted(os.listdir(tmp_path)) == before


def test_series_of_pandas_belong_together_by_their_index():
    flux = FLUX * np.linspace(1, 1.5, 4)[:, None]
    frame = pandas.DataFrame({"BAND_FLUX": list(flux), "Z": np.linspace(0.1, 0.2, 4)}, index=[9, 8, 7, 6])
    model = sg.Model.shipped()
    right = model.predict(frame["BAND_FLUX"], frame["Z"])
    assert list(sg.to_pandas(prediction=right).index) == [9, 8, 7, 6]
    np.testing.assert_array_equal(right.ew, model.predict(flux, np.linspace(0.1, 0.2, 4)).ew)
    turned = frame["Z"].iloc[::-1]
    with pytest.raises(sg.InputError, match="different indices"):
        model.predict(frame["BAND_FLUX"], turned)
    with pytest.raises(sg.InputError, match="different indices"):
        sg.galaxies({"BAND_FLUX": frame["BAND_FLUX"], "Z": turned})
    with pytest.raises(sg.InputError, match="different indices"):
        model.predict(frame, given={"HALPHA": (turned * 0 + 5, 4.0)})
    np.testing.assert_array_equal(
        model.predict(frame["BAND_FLUX"], turned.to_numpy()).ew, model.predict(flux, turned.to_numpy()).ew
    )
    assert list(sg.to_pandas(frame, right).index) == [9, 8, 7, 6]
    frame["HALPHA_EW"], frame["HALPHA_EW_IVAR"] = [5.0, 6, 7, 8], 4.0
    sg.evaluate(frame, right)
    with pytest.raises(sg.InputError, match="different indices"):
        sg.evaluate(frame.iloc[::-1], right)


def test_evaluate_takes_the_dust_of_the_table(mock):
    g = sg.read_table(mock)
    dusty = dict(conventions=g.conventions | {"MWCORR": "F", "CONTSRC": "masked data"}, ebv=np.full(len(g), 0.3))
    table = sg.Galaxies(g.band_flux, g.z, g.band_flux_ivar, g.targetid, ew=g.ew, ew_ivar=g.ew_ivar, **dusty)
    model = sg.Model.shipped()
    own = sg.evaluate(table, model, draws=0).text
    given = sg.evaluate(table, {"prediction": model.predict(table).ew}, draws=0).text
    assert own == given


def test_names_serve_every_call():
    table = {"flux": FLUX * np.linspace(1, 1.5, 4)[:, None], "redshift": np.linspace(0.1, 0.2, 4)}
    names = {"BAND_FLUX": "flux", "Z": "redshift"}
    model = sg.Model.shipped()
    right = model.jacobian(*table.values())
    np.testing.assert_array_equal(model.jacobian(table, names=names), right)
    along, back = np.ones((4, 12)), np.ones((4, 10))
    np.testing.assert_array_equal(model.jvp(table, d_flux=along, names=names), model.jvp(*table.values(), d_flux=along))
    np.testing.assert_array_equal(model.vjp(table, d_ew=back, names=names), model.vjp(*table.values(), d_ew=back))
    labels = {"HALPHA_EW": np.arange(4.0) + 5, "HALPHA_EW_IVAR": np.full(4, 4.0)}
    sg.evaluate(table | labels, model, draws=0, names=names)


def test_units_and_holes_of_grids_for_jax():
    wave = np.arange(1000.0, 12000.0, 5.0)
    sed = np.exp(-(((wave - 5000) / 4000) ** 2)) * 1e5
    right = np.asarray(sgj.bands(wave, sed, 0.1))
    for given in (wave / 10 * u.nm, wave / 1e4 * u.micron, wave * u.AA):
        np.testing.assert_allclose(sgj.bands(given, sed * u.Lsun / u.Hz, 0.1), right, rtol=1e-5)
    with pytest.raises(sg.InputError, match="unit"):
        sgj.bands(wave, sed * u.Jy, 0.1)
    with pytest.raises(sg.InputError, match="unit"):
        sgj.paint_flux(wave * u.Jy, np.ones(10), 0.1)
    np.testing.assert_allclose(
        sgj.paint_flux(wave / 10 * u.nm, np.ones(10), 0.1), sgj.paint_flux(wave, np.ones(10), 0.1), rtol=1e-4
    )
    rng = np.random.default_rng(4)
    for lost in (100, 140, 160, 250, 300):  # of a band of 300 A
        start = 5200 + rng.uniform(0, 5)
        keep = (wave < start) | (wave > start + lost)
        theirs, ours = sg.bands(wave[keep], sed[keep], 0.1), np.asarray(sgj.bands(wave[keep], sed[keep], 0.1))
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        assert np.isnan(ours[6]) == (lost > 150)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    sed[np.abs(wave - 5350) < 3] = np.inf
    assert list(np.isnan(sg.bands(wave, sed, 0.1))) == list(
        np.isnan(np.asarray(sgj.bands(jnp.asarray(wave), sed, 0.1)))
    )


def test_spectra_of_specutils_in_air():
    specutils = pytest.importorskip("specutils")
    make = getattr(specutils, "Spectrum", None) or specutils.Spectrum1D
    flux = light(EXAMPLE_Z[:1], 1)[0]
    s2 = (1e4 / GRID) ** 2
    air = GRID / (
        1 + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s2) + 1.599740894897e-4 / (38.92568793293 - s2)
    )

    def halpha(wave, meta):
        spectrum = make(flux=flux * MEAN, spectral_axis=wave * u.AA, meta=meta)
        return np.asarray(sg.measure(spectrum, z=0.1)["ew"])[0, HALPHA], np.asarray(
            sg.measure(spectrum, z=0.1)["band_flux"]
        )

    right = halpha(GRID, {})
    for meta in ({"AIRORVAC": "air"}, {"header": {"VACUUM": False}}, {"header": {"CTYPE1": "AWAV"}}):
        seen = halpha(air, meta)
        assert seen[0] == pytest.approx(right[0], rel=1e-3)
        np.testing.assert_allclose(seen[1], right[1], rtol=1e-3)


TIMES = np.linspace(0.1, 11.0, 200)


def histories(n=3, **changed):
    rates = np.where(TIMES > 1, 1.0, 0.0) * np.ones((n, 1))
    columns = {"Z": np.full(n, 0.1), "LGMET": np.full(n, -1.8), "SFR": rates, "SFH_TIME": np.tile(TIMES, (n, 1))}
    return Table(columns | changed)


def test_units_of_histories(starglow, tmp_path):
    def lines(table):
        table.meta["EXTNAME"] = "GALAXIES"
        table.write(tmp_path / "h.fits", overwrite=True)
        run = starglow("mock", "--histories", tmp_path / "h.fits", "-o", tmp_path / "o.fits", "--overwrite")
        return run, np.array(read(tmp_path / "o.fits")["HALPHA_EW"]) if run.returncode == 0 else None

    right = lines(histories())[1]
    named = {"Z": np.full(3, 0.1) * u.dimensionless_unscaled, "LGMET": np.full(3, -1.8)}
    millions = histories(SFR=histories()["SFR"] * 1e9 * u.Msun / u.Gyr, SFH_TIME=np.tile(TIMES, (3, 1)) * 1e3 * u.Myr)
    run, seen = lines(millions)
    assert run.returncode == 0, run.stderr
    np.testing.assert_allclose(seen, right, rtol=1e-4)
    m = sg.mock_stars(histories=dict(named, SFR=millions["SFR"].quantity, SFH_TIME=millions["SFH_TIME"].quantity))
    np.testing.assert_allclose(m.lines.ew[:, HALPHA], right, rtol=1e-4)
    wrong = {
        "SFR in Jy": {"SFR": histories()["SFR"] * u.Jy},
        "times in km": {"SFH_TIME": np.tile(TIMES, (3, 1)) * u.km},
        "times in years, not said": {"SFH_TIME": np.tile(TIMES, (3, 1)) * 1e9},
        "metals on a linear scale": {"LGMET": np.full(3, 0.02)},
    }
    for what, columns in wrong.items():
        run, _ = lines(histories(**columns))
        assert run.returncode == 3, what
        with pytest.raises(sg.InputError):
            sg.mock_stars(histories=dict(histories(**columns).items()))


def test_pipes_are_refused_in_python_too(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    from starglow.parquet import predict_file

    for call in (
        lambda p: sg.galaxies(p),
        lambda p: sg.read_table(p),
        lambda p: sg.read_table(p, names={"Z": "redshift"}),
        lambda p: sg.Model.shipped().predict(p),
        lambda p: sg.Model.load(p),
        lambda p: sg.mock_stars(histories=p),
        lambda p: predict_file(p, tmp_path / "o.parquet"),
    ):
        with pytest.raises((OSError, sg.InputError), match="pipe|regular"):
            call(tmp_path / "pipe")
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("ew", ["fit", "side-bands"])
def test_a_hole_beside_a_line_is_as_masked_pixels(starglow, tmp_path, ew):
    def lines(low, high, hole):
        path = pixels(tmp_path / "s.fits")
        table = Table.read(path)
        inside = (GRID > low * 1.1) & (GRID < high * 1.1)
        if hole:
            table = table[~inside]
        else:
            table["ivar"][inside] = 0
        first = fits.PrimaryHDU()
        first.header["Z"], first.header["VACUUM"] = 0.1, True
        fits.HDUList([first, fits.BinTableHDU(table)]).writeto(tmp_path / "g.fits", overwrite=True)
        run = starglow("prep", tmp_path / "g.fits", "-o", tmp_path / "o.fits", "--ew", ew, "--overwrite")
        assert run.returncode == 0, run.stderr
        row = read(tmp_path / "o.fits")[0]
        return float(row["HALPHA_EW"]), float(row["HALPHA_EW_IVAR"]), int(row["FLAGS"])

    for low, high in ((6450, 6515), (6500, 6640), (6616, 6680)):
        masked, hole = lines(low, high, False), lines(low, high, True)
        assert np.isnan(masked[0]) == np.isnan(hole[0]) and masked[2] == hole[2]
        if np.isfinite(masked[0]):
            # over a hole the starlight goes on along a straight line
            assert hole[0] == pytest.approx(masked[0], rel=0.03) and hole[1] == pytest.approx(masked[1], rel=0.1)


def test_filters_in_air(tmp_path):
    wave, through = np.linspace(5000.0, 6000.0, 20), np.r_[0, np.ones(18), 0]

    def read_back(comment):
        rows = "".join(f"{w} {t}\n" for w, t in zip(wave, through))
        (tmp_path / "f.txt").write_text(f"# {comment}\n" + rows)
        return np.asarray(sg.Filter.load(tmp_path / "f.txt").wave)

    s2 = (1e4 / wave) ** 2
    larger = 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s2) + 1.599740894897e-4 / (38.92568793293 - s2)
    np.testing.assert_allclose(read_back("wavelength in air [Angstrom]"), wave * (1 + larger), rtol=1e-12)
    for comment in ("wavelength [Angstrom]", "wavelength [Angstrom] in airmass 1.2", "wavelength [Angstrom], vacuum"):
        np.testing.assert_array_equal(read_back(comment), wave)


@pytest.mark.parametrize(
    "cards",
    [{"APERTURE": "FIBRE"}, {"APERTURE": "Fiber"}, {"MWCORR": "true"}, {"MWCORR": "no"}, {"FLUXSCAL": "Absolute"}],
)
def test_conventions_in_other_letters(starglow, tmp_path, cards):
    plain = {"FIBRE": "fibre", "Fiber": "fibre", "true": True, "no": False, "Absolute": "absolute"}
    wanted = {key: plain[value] for key, value in cards.items()}
    for name, these in (("a", wanted), ("b", cards)):
        run = starglow("predict", galaxies(tmp_path / f"{name}.fits", cards=these), "-o", tmp_path / f"{name}.out")
        assert run.returncode == 0, run.stderr
    a, b = (read(tmp_path / f"{name}.out") for name in "ab")
    np.testing.assert_array_equal(a["HALPHA_EW"], b["HALPHA_EW"])
    tables = [Table.read(tmp_path / f"{name}.fits") for name in "ab"]
    right, seen = sg.galaxies(tables[0], conventions=wanted), sg.galaxies(tables[1], conventions=cards)
    assert seen.conventions == right.conventions
    path = pixels(tmp_path / "s.fits", primary=cards)
    run = starglow("prep", path, "-o", tmp_path / "s.out", "--ew", "none")
    assert run.returncode == 0, run.stderr
    if "FLUXSCAL" not in cards:
        key = next(iter(cards))
        assert read(tmp_path / "s.out").meta[key] == wanted[key]


def test_a_convention_that_nobody_knows_is_refused(starglow, tmp_path):
    for cards in ({"APERTURE": "slit"}, {"MWCORR": "partly"}):
        run = starglow("predict", galaxies(tmp_path / "t.fits", cards=cards), "-o", tmp_path / "o.fits")
        assert run.returncode == 3 and not (tmp_path / "o.fits").exists()
        with pytest.raises(sg.InputError, match="unknown value"):
            sg.Model.shipped().predict(sg.galaxies(tmp_path / "t.fits"))


def test_no_output_replaces_another_or_an_input(starglow, mock, tmp_path):
    def run(*words):
        before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
        done = starglow(*words, "--overwrite", cwd=tmp_path)
        assert done.returncode == 2 and ("one name" in done.stderr or "one of the inputs" in done.stderr), done.stderr
        assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before

    for name in ("g", "r"):
        (tmp_path / f"{name}.txt").write_text("# wavelength [nm]\n550 0\n560 0.8\n690 0.6\n700 0\n")
    (tmp_path / "spectra").mkdir()
    pixels(tmp_path / "spectra/one.fits")
    run("embed", mock, "-o", "x.fits", "--save-map", "x.fits")
    run("embed", mock, "-o", "x.fits", "--save-map", "./x.fits")
    run("mock", "--population", "stars", "-n", 3, "-o", "x.fits", "--spectra", "x.fits")
    run("mock", "--population", "stars", "-n", 3, "-o", "r.txt", "--filters", "g.txt,r.txt")
    run("prep", "spectra", "-o", "spectra/one.fits")


def test_spectra_of_a_page_belong_to_their_survey(starglow, tmp_path):
    """TARGETIDs repeat over surveys: the page with such ids is the page with ids made unique."""
    survey = np.array(["main", "sv3", "main"])
    order = [1, 0, 2]  # of the spectra

    def page(name, ids):
        columns = {"TARGETID": ids, "SURVEY": survey, "PROGRAM": ["dark"] * 3, "Z": np.array([0.1, 0.12, 0.14])}
        table = Table(columns | {"BAND_FLUX": FLUX * np.array([1, 1.3, 0.8])[:, None]})
        table.meta["EXTNAME"] = "GALAXIES"
        table.write(tmp_path / f"{name}.fits")
        flux = fits.ImageHDU((np.arange(1.0, 4)[:, None] * np.ones(GRID.size))[order].astype("f4"), name="FLUX")
        own = fits.BinTableHDU(Table(columns)[order], name="GALAXIES")
        spectra = [fits.PrimaryHDU(), own, fits.ImageHDU(GRID, name="WAVE"), flux]
        fits.HDUList(spectra).writeto(tmp_path / f"{name}.s.fits")
        words = (tmp_path / f"{name}.fits", "--spectra", tmp_path / f"{name}.s.fits", "-o", tmp_path / name)
        assert starglow("explore", *words).returncode == 0
        return next(tmp_path.glob(f"{name}/data/*/spectra.bin")).read_bytes()

    assert page("repeated", np.array([7, 7, 8])) == page("unique", np.array([5, 6, 8]))


def test_lines_to_paint_belong_to_their_survey(starglow, tmp_path):
    path = continua(tmp_path / "c.fits")
    with fits.open(path) as f:
        own = Table(f["GALAXIES"].data)
        own["TARGETID"], own["SURVEY"] = [7, 7, 8], ["main", "sv3", "main"]
        fits.HDUList([f[0], fits.BinTableHDU(own, name="GALAXIES"), *f[2:]]).writeto(tmp_path / "s.fits")
    for order, code in (([0, 1, 2], 0), ([1, 0, 2], 3)):
        table = own[order]["TARGETID", "SURVEY"]
        table["HALPHA_EW"], table.meta["EXTNAME"] = np.array([5.0, 6, 7])[order], "GALAXIES"
        table.write(tmp_path / "t.fits", overwrite=True)
        words = ("paint", tmp_path / "s.fits", "-o", tmp_path / "o.fits", "--from", "ew", "--overwrite")
        run = starglow(*words, "--table", tmp_path / "t.fits")
        assert run.returncode == code and (code == 0 or "SURVEY" in run.stderr), run.stderr


def test_strengths_without_a_unit_are_said(starglow, tmp_path):
    table = Table({"TARGETID": np.arange(3) + 7, "HALPHA_LUM": np.full(3, 1e41)})
    table.meta["EXTNAME"] = "GALAXIES"
    table.write(tmp_path / "t.fits")
    words = ("paint", continua(tmp_path / "c.fits"), "-o", tmp_path / "o.fits", "--from", "luminosity")
    run = starglow(*words, "--table", tmp_path / "t.fits")
    assert run.returncode == 0 and "HALPHA_LUM has no unit; erg s^-1 is assumed" in run.stderr, run.stderr


def test_evaluate_says_what_it_assumed(starglow, mock, tmp_path):
    assert starglow("predict", mock, "-o", tmp_path / "p.fits").returncode == 0
    for name, path in (("t", mock), ("q", tmp_path / "p.fits")):
        table = Table.read(path, hdu="GALAXIES")
        for key in ("CHECKSUM", "DATASUM"):
            table.meta.pop(key, None)
        table["HALPHA_EW"] = table["HALPHA_EW"] / 10
        table["HALPHA_EW"].unit = "nm"
        if "HALPHA_EW_IVAR" in table.colnames:
            table["HALPHA_EW_IVAR"] = table["HALPHA_EW_IVAR"] * 100
            table["HALPHA_EW_IVAR"].unit = None
        table.meta["EXTNAME"] = "GALAXIES"
        table.write(tmp_path / f"{name}.fits")
    run = starglow("evaluate", tmp_path / "t.fits", "--predictions", tmp_path / "q.fits", "--bootstrap", 0)
    assert run.returncode == 0 and run.stderr.count("HALPHA_EW is converted from nm") == 2, run.stderr
