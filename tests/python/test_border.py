"""What files mean: nulls, units, air, ids, names and holes as astropy and NumPy see them; other people's spectra."""

import bz2
import gzip

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from scipy.interpolate import CubicSpline

import starglow as sg
from test_prep import CAMERAS, EXAMPLE_Z, GRID, IDS, LINES, UNIT, fastspec, light, make_coadd, read, write

FLUX = np.array([10.0, 12, 18, 21, 22, 23, 23.5, 24, 24, 24, 23.5, 23])
INTEGERS = {"B": "u1", "I": "i2", "J": "i4", "K": "i8"}


def galaxies(path, n=4, extra=(), cards=(), name="GALAXIES", flux_unit=UNIT, **columns):
    """A table of n galaxies; a column is an array, or a fits.Column."""
    made = {
        "TARGETID": fits.Column("TARGETID", "K", array=np.arange(n) + 39627000000000001),
        "Z": fits.Column("Z", "D", array=np.linspace(0.1, 0.2, n)),
        "BAND_FLUX": fits.Column("BAND_FLUX", "12D", array=FLUX * np.linspace(1, 1.5, n)[:, None], unit=flux_unit),
    } | columns
    hdu = fits.BinTableHDU.from_columns([c for c in [*made.values(), *extra] if c is not None], name=name)
    for key, value in dict(cards).items():
        hdu.header[key] = value
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("letter", "BIJKED")
def test_nulls_of_every_type_of_column(tmp_path, letter, scaled):
    stored = np.array([10, 99, 12, 13] if letter in INTEGERS else [10, np.nan, 12, np.inf])
    column = fits.Column("Z", letter, array=stored.astype(INTEGERS.get(letter, "f8")))
    path = galaxies(tmp_path / "t.fits", Z=column)
    with fits.open(path, mode="update") as h:
        k = h[1].columns.names.index("Z") + 1
        if letter in INTEGERS:
            h[1].header[f"TNULL{k}"] = 99
        if scaled:  # the file's numbers are these; TNULL is compared before the scale
            h[1].header[f"TSCAL{k}"], h[1].header[f"TZERO{k}"] = 0.01, 0.5
    seen = sg.read_table(path).z
    want = np.array([10, np.nan, 12, 13 if letter in INTEGERS else np.inf]) * (0.01 if scaled else 1) + 0.5 * scaled
    np.testing.assert_allclose(seen, want, rtol=1e-12)
    if letter == "K" and scaled:  # astropy fails on these
        return
    with fits.open(path) as h:
        astropy = np.array(h[1].data["Z"], "f8")
    np.testing.assert_allclose(seen[[0, 2, 3]], astropy[[0, 2, 3]], rtol=1e-6)


def test_nulls_in_bands_and_lines(starglow, tmp_path):
    stored = np.round(FLUX * np.linspace(1, 1.5, 4)[:, None] * 10).astype("i2")
    stored[1, 3] = stored[2, 7] = -32768
    path = galaxies(
        tmp_path / "t.fits",
        BAND_FLUX=fits.Column("BAND_FLUX", "12I", array=stored, unit=UNIT),
        extra=[fits.Column("HALPHA_EW", "I", array=np.array([5, -1, 7, -9999], "i2"), unit="Angstrom", null=-1)]
        + [fits.Column("HALPHA_EW_IVAR", "E", array=np.ones(4), unit="Angstrom-2")],
    )
    with fits.open(path, mode="update") as h:
        k = h[1].columns.names.index("BAND_FLUX") + 1
        h[1].header[f"TNULL{k}"], h[1].header[f"TSCAL{k}"] = -32768, 0.1
    g = sg.read_table(path)
    want = stored * 0.1
    want[1, 3] = want[2, 7] = np.nan
    np.testing.assert_allclose(g.band_flux, want, rtol=1e-12)
    np.testing.assert_array_equal(g.ew[:, 6], np.array([5, np.nan, 7, np.nan], "f4"))  # -9999 marks an absence
    np.testing.assert_array_equal(g.ew_ivar[:, 6], [1, 0, 1, 0])
    assert starglow("predict", path, "-o", tmp_path / "p.fits").returncode == 0
    assert [bool(f & 2) for f in read(tmp_path / "p.fits")["FLAGS"]] == [False, True, True, False]


@pytest.mark.parametrize("kind", ["plain", "unsigned", "narrow", "text"])
def test_null_ids_are_no_ids(starglow, tmp_path, kind):
    ids = np.array([7, 999999, 9, 10])
    column = {
        "plain": fits.Column("TARGETID", "K", array=ids, null=999999),
        "unsigned": fits.Column("TARGETID", "K", array=ids.astype("u8"), bzero=2**63, null=999999 - 2**63),
        "narrow": fits.Column("targetid", "J", array=ids.astype("i4"), null=999999),
        "text": fits.Column("TARGETID", "20A", array=["7", "", "9", "10"]),
    }[kind]
    path = galaxies(tmp_path / "t.fits", TARGETID=column)
    run = starglow("predict", path, "-o", tmp_path / "p.fits", "--draws", 1)
    assert run.returncode == 0, run.stderr
    table = read(tmp_path / "p.fits")
    assert [bool(f & 1024) for f in table["FLAGS"]] == [False, True, False, False]
    assert [int(table["TARGETID"][r]) for r in (0, 2, 3)] == [7, 9, 10]
    alone = galaxies(tmp_path / "u.fits", TARGETID=None)
    assert starglow("predict", alone, "-o", tmp_path / "q.fits", "--draws", 1).returncode == 0
    assert table["HALPHA_EW_DRAW"][1] == read(tmp_path / "q.fits")["HALPHA_EW_DRAW"][1]  # keyed by the row


@pytest.mark.parametrize(
    "column, says",
    [
        (fits.Column("TARGETID", "D", array=np.arange(4.0)), "2^53"),
        (fits.Column("TARGETID", "4A", array=["a", "b", "c", "d"]), "not an integer"),
        (fits.Column("TARGETID", "K", array=np.full(4, 2**63 + 5, "u8"), bzero=2**63), "2^63"),
    ],
)
def test_ids_that_are_none_are_refused(starglow, tmp_path, column, says):
    run = starglow("predict", galaxies(tmp_path / "t.fits", TARGETID=column), "-o", tmp_path / "p.fits")
    assert run.returncode == 3 and says in run.stderr, run.stderr


def test_a_copy_keeps_nulls(starglow, mock, tmp_path):
    few = Table.read(mock)[:300]
    few.meta.clear()
    few.meta["EXTNAME"] = "GALAXIES"
    few["COUNT"] = MaskedColumn(np.arange(300, dtype="i4"), mask=np.arange(300) % 7 == 0)
    few.write(tmp_path / "t.fits")
    assert starglow("embed", tmp_path / "t.fits", "-o", tmp_path / "e.fits", "epochs=3").returncode == 0
    np.testing.assert_array_equal(
        np.ma.getmaskarray(Table.read(tmp_path / "e.fits", hdu="GALAXIES")["COUNT"]), np.arange(300) % 7 == 0
    )


def spectra(path, flux, wave=None, ivar=None, packed=None, cards=(), wave_cards=(), z=0.1):
    """A file of spectra in the project's own layout."""
    n = len(flux)
    table = fits.BinTableHDU(Table({"TARGETID": np.arange(n) + 1, "Z": np.full(n, z)}), name="GALAXIES")
    hdus = [fits.PrimaryHDU(), table, fits.ImageHDU(GRID if wave is None else wave, name="WAVE")]
    hdus[2].header["BUNIT"] = "Angstrom"
    for key, value in dict(wave_cards).items():
        hdus[2].header[key] = value
    image = fits.ImageHDU(flux, name="FLUX") if packed is None else fits.CompImageHDU(flux, name="FLUX", **packed)
    image.header["BUNIT"] = UNIT
    for key, value in dict(cards).items():
        image.header[key] = value
    hdus += [image, fits.ImageHDU(np.full(flux.shape, 100.0, "f4") if ivar is None else ivar, name="IVAR")]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def bands_of(path, hdu="FLUX", z=0.1, wave=GRID):
    """Means and numbers of the finite pixels in the twelve bands, by NumPy on astropy's numbers."""
    with fits.open(path) as h:
        flux = np.array(h[hdu].data[0], "f8")
    mean, count = np.full(12, np.nan), np.zeros(12, int)
    for b in range(12):
        at = (wave >= (3400 + 300 * b) * (1 + z)) & (wave < (3700 + 300 * b) * (1 + z)) & np.isfinite(flux)
        count[b] = at.sum()
        if count[b] > 187:
            mean[b] = flux[at].mean()
    return mean, count


IMAGES = {
    "u1": dict(data=np.uint8, cards={"BSCALE": 0.02, "BLANK": 255}),
    "i2": dict(data=np.int16, cards={"BSCALE": 0.02, "BLANK": 255}),
    "i4": dict(data=np.int32, cards={"BSCALE": 0.02, "BZERO": 1.0, "BLANK": 255}),
    "i8": dict(data=np.int64, cards={"BSCALE": 0.02, "BLANK": 255}),
    "f4": dict(data=np.float32),
    "f8": dict(data=np.float64),
    "rice": dict(data=np.float32, packed=dict(compression_type="RICE_1", quantize_level=16)),
    "rice, dithered": dict(
        data=np.float32, packed=dict(compression_type="RICE_1", quantize_level=16, quantize_method=2)
    ),
    "gzip, quantised": dict(data=np.float32, packed=dict(compression_type="GZIP_2", quantize_level=16)),
    "gzip, lossless": dict(data=np.float32, packed=dict(compression_type="GZIP_1", quantize_level=0)),
    "gzip, doubles": dict(data=np.float64, packed=dict(compression_type="GZIP_2", quantize_level=0)),
    "hcompress": dict(
        data=np.float32, packed=dict(compression_type="HCOMPRESS_1", tile_shape=(4, 7781), quantize_level=16), rows=4
    ),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_nulls_of_every_type_of_image(starglow, tmp_path, kind):
    it = IMAGES[kind]
    rng = np.random.default_rng(3)
    flux = 2 + 0.2 * np.sin(GRID / 300) + rng.normal(size=(it.get("rows", 1), 7781)) * 0.05
    null = np.arange(7781) % 9 == 4
    if "cards" in it:
        stored = np.round((flux - it["cards"].get("BZERO", 0)) / 0.02).astype(it["data"])
        stored[:, null] = 255
        path = spectra(tmp_path / "s.fits", stored)
        with fits.open(path, mode="update", do_not_scale_image_data=True) as h:
            for key, value in it["cards"].items():
                h["FLUX"].header[key] = value
    else:
        flux = flux.astype(it["data"])
        flux[:, null] = np.nan
        path = spectra(tmp_path / "s.fits", flux, packed=it.get("packed"))
    run = starglow("prep", path, "-o", tmp_path / "t.fits", "--ew", "none", "--allow-partial")
    assert run.returncode == 0, run.stderr
    table = read(tmp_path / "t.fits")
    mean, count = bands_of(path)
    assert np.isnan(fits.getdata(path, "FLUX")).sum() == null.sum() * len(flux)
    np.testing.assert_array_equal(table["BAND_NPIX"][0], count)
    np.testing.assert_allclose(table["BAND_FLUX"][0], mean, rtol=2e-3)
    assert table["FLAGS"][0] & 2048


def test_masks_of_any_type(starglow, tmp_path):
    counts = {}
    for name, data in {
        "none": np.zeros((1, 7781), "i4"),
        "i4": (np.arange(7781)[None] % 3 == 0).astype("i4") * 8,
        "u4": (np.arange(7781)[None] % 3 == 0).astype("u4") * 2**31,
        "i8": (np.arange(7781)[None] % 3 == 0).astype("i8") * 2**40,
    }.items():
        path = spectra(tmp_path / "s.fits", np.full((1, 7781), 2.0, "f4"))
        with fits.open(path, mode="append") as h:
            h.append(fits.ImageHDU(data, name="MASK"))
        run = starglow("prep", path, "-o", tmp_path / "t.fits", "--ew", "none", "--overwrite")
        assert run.returncode == 0, run.stderr
        counts[name] = list(read(tmp_path / "t.fits")["BAND_NPIX"][0])
    assert counts["i4"] == counts["u4"] == counts["i8"] != counts["none"]


UNITS = {  # unit, number in it that is 1 in ours
    "BAND_FLUX": [
        ("erg/s/cm2/Angstrom", 1e-17),
        ("1e-16 erg s-1 cm-2 AA-1", 0.1),
        ("W m-2 um-1", 1e-16),
        ("10**-17 erg/(s cm2 nm)", 10),
    ],
    "HALPHA_EW": [("nm", 0.1), ("um", 1e-4)],
    "EBV": [("mmag", 1000.0)],
}


@pytest.mark.parametrize("name, unit, factor", [(n, *x) for n, several in UNITS.items() for x in several])
def test_units_of_one_dimension_are_converted(tmp_path, name, unit, factor):
    extra = [
        fits.Column("HALPHA_EW", "E", array=np.arange(4.0) + 5, unit="Angstrom"),
        fits.Column("EBV", "D", array=np.full(4, 0.1), unit="mag"),
    ]
    right = sg.read_table(galaxies(tmp_path / "a.fits", extra=extra))
    changed = {
        "BAND_FLUX": dict(
            BAND_FLUX=fits.Column("BAND_FLUX", "12D", array=np.asarray(right.band_flux) * factor, unit=unit),
            extra=extra,
        ),
        "HALPHA_EW": dict(
            extra=[fits.Column("HALPHA_EW", "E", array=(np.arange(4.0) + 5) * factor, unit=unit), extra[1]]
        ),
        "EBV": dict(extra=[extra[0], fits.Column("EBV", "D", array=np.full(4, 0.1) * factor, unit=unit)]),
    }[name]
    seen = sg.read_table(galaxies(tmp_path / "b.fits", **changed))
    for attribute in ("band_flux", "ew", "ebv"):
        np.testing.assert_allclose(getattr(seen, attribute), getattr(right, attribute), rtol=1e-6)


@pytest.mark.parametrize(
    "name, unit",
    [
        ("Z", "km/s"),
        ("Z", "Mpc"),
        ("BAND_FLUX", "Jy"),
        ("BAND_FLUX", "nanomaggy"),
        ("BAND_FLUX", "erg/s/cm2/Hz"),
        ("BAND_FLUX", "erg/s/cm2"),
    ]
    + [("BAND_FLUX_IVAR", "Jy-2"), ("HALPHA_EW", "km/s"), ("HBETA_EW_IVAR", "Angstrom"), ("EBV", "Angstrom")],
)
def test_units_of_another_dimension_are_refused(starglow, tmp_path, name, unit):
    width = "12D" if name.startswith("BAND") else "D"
    column = fits.Column(name, width, array=np.ones((4, 12) if width == "12D" else 4), unit=unit)
    changed = {name: column} if name in ("Z", "BAND_FLUX") else dict(extra=[column])
    run = starglow("predict", galaxies(tmp_path / "t.fits", **changed), "-o", tmp_path / "p.fits")
    assert run.returncode == 3 and unit in run.stderr and not (tmp_path / "p.fits").exists(), run.stderr


def vacuum(air):
    """Morton (2000), A."""
    s2 = (1e4 / air) ** 2
    return air * (
        1 + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s2) + 1.599740894897e-4 / (38.92568793293 - s2)
    )


@pytest.mark.parametrize("cards", [{"AIRORVAC": "air"}, {"AIRORVAC": "AIR"}, {"CTYPE1": "AWAV"}, {"VACUUM": False}])
def test_air_is_brought_to_vacuum(starglow, tmp_path, cards):
    flux = light(EXAMPLE_Z[:1], 1).astype("f4")
    seen = spectra(tmp_path / "air.fits", flux, wave_cards=cards)
    right = spectra(tmp_path / "vac.fits", flux, wave=vacuum(GRID), wave_cards={"AIRORVAC": "vac"})
    for path in (seen, right):
        assert starglow("prep", path, "-o", path.with_suffix(".t"), "--ew", "none", "--allow-partial").returncode == 0
        assert starglow("paint", path, "-o", path.with_suffix(".p"), "--allow-partial").returncode == 0
    np.testing.assert_allclose(
        read(seen.with_suffix(".t"))["BAND_FLUX"], read(right.with_suffix(".t"))["BAND_FLUX"], rtol=1e-9
    )
    np.testing.assert_allclose(fits.getdata(seen.with_suffix(".p"), "WAVE"), vacuum(GRID), rtol=1e-9)
    spectra(tmp_path / "both.fits", flux, wave_cards={"AIRORVAC": "fog"})
    assert starglow("prep", tmp_path / "both.fits", "-o", tmp_path / "x.fits").returncode == 3


def test_a_desi_file_in_air_units_and_another_grid(starglow, tmp_path):
    coadd = make_coadd(EXAMPLE_Z)
    files = write(tmp_path, coadd, EXAMPLE_Z)
    assert starglow("prep", *files, "-o", tmp_path / "a.fits", "--ew", "none").returncode == 0
    right = read(tmp_path / "a.fits")
    coadd["R_FLUX"].data = coadd["R_FLUX"].data / 10
    coadd["R_IVAR"].data = coadd["R_IVAR"].data * 100
    coadd["R_FLUX"].header["BUNIT"] = "10**-16 erg/(s cm2 Angstrom)"
    for camera in CAMERAS:  # an air grid that is DESI's in vacuum, to 0.001 A
        wave = coadd[camera + "_WAVELENGTH"].data
        air = CubicSpline(vacuum(GRID), GRID)(wave)
        coadd[camera + "_WAVELENGTH"].data = air
        coadd[camera + "_WAVELENGTH"].header["AIRORVAC"] = "Air"
    files = write(tmp_path, coadd, EXAMPLE_Z)
    run = starglow("prep", *files, "-o", tmp_path / "b.fits", "--ew", "none")
    assert run.returncode == 0 and "converted to vacuum" in run.stderr, run.stderr
    np.testing.assert_allclose(read(tmp_path / "b.fits")["BAND_FLUX"], right["BAND_FLUX"], rtol=1e-4)
    for camera in CAMERAS:
        coadd[camera + "_WAVELENGTH"] = fits.ImageHDU(
            GRID[CAMERAS[camera][0] :][: CAMERAS[camera][1]] + 0.3, name=camera + "_WAVELENGTH"
        )
    files = write(tmp_path, coadd, EXAMPLE_Z)
    run = starglow("prep", *files, "-o", tmp_path / "c.fits", "--ew", "none")
    assert run.returncode == 0 and "not on DESI's grid" in run.stderr, run.stderr
    np.testing.assert_allclose(
        read(tmp_path / "c.fits")["BAND_FLUX"], right["BAND_FLUX"], rtol=0.01, atol=0.015
    )  # other pixels, other noise


@pytest.mark.parametrize("what", ["lower", "brz", "inside", "nine", "float32"])
def test_forms_of_a_desi_file(starglow, tmp_path, what):
    coadd = make_coadd(EXAMPLE_Z)
    files = write(tmp_path, coadd, EXAMPLE_Z)
    assert (
        starglow("prep", *files, "-o", tmp_path / "a.fits", "--ew", "none", "--spectra", tmp_path / "s.fits").returncode
        == 0
    )
    right = read(tmp_path / "a.fits")
    if what == "lower":
        coadd = {k: type(h)(h.data, h.header, name=k.lower()) for k, h in coadd.items()}
        for h in coadd.values():
            h.header["EXTNAME"] = h.name.lower()
    if what == "brz":
        merged, ivar = fits.getdata(tmp_path / "s.fits", "FLUX"), fits.getdata(tmp_path / "s.fits", "IVAR")
        coadd = {"FIBERMAP": coadd["FIBERMAP"]} | {
            "BRZ_" + k: fits.ImageHDU(d, name="BRZ_" + k)
            for k, d in {"WAVELENGTH": GRID, "FLUX": merged, "IVAR": ivar, "MASK": (ivar == 0).astype("i4")}.items()
        }
        coadd["BRZ_FLUX"].header["BUNIT"] = UNIT
    if what == "nine":
        for camera, (_, pixels) in CAMERAS.items():
            kernel = np.exp(-0.5 * (np.arange(9) - 4) ** 2)
            data = np.tile((kernel / kernel.sum())[None, :, None], (5, 1, pixels)).astype("f4")
            coadd[camera + "_RESOLUTION"] = fits.ImageHDU(data, name=camera + "_RESOLUTION")
    if what == "float32":
        for camera in CAMERAS:
            coadd[camera + "_WAVELENGTH"].data = coadd[camera + "_WAVELENGTH"].data.astype("f4")
    if what == "inside":
        write(tmp_path, coadd, EXAMPLE_Z)
        with fits.open(tmp_path / "redrock.fits") as h:
            coadd["REDSHIFTS"] = h["REDSHIFTS"].copy()
    coadd_path, redrock = write(tmp_path, coadd, EXAMPLE_Z)
    for inputs in [[coadd_path], [coadd_path, redrock]] if what == "inside" else [[coadd_path, redrock]]:
        run = starglow("prep", *inputs, "-o", tmp_path / "b.fits", "--ew", "none", "--overwrite")
        assert run.returncode == 0, run.stderr
        seen = read(tmp_path / "b.fits")
        np.testing.assert_allclose(seen["BAND_FLUX"], right["BAND_FLUX"], rtol=1e-5)
        assert list(seen["TARGETID"]) == list(IDS) and np.array_equal(seen["Z"], EXAMPLE_Z)


def test_what_a_file_says_of_its_targets_is_kept(starglow, tmp_path):
    coadd = make_coadd(EXAMPLE_Z)
    more = {
        "OBJTYPE": fits.Column("OBJTYPE", "3A", array=["TGT", "SKY", "TGT", "TGT", "TGT"]),
        "COADD_FIBERSTATUS": fits.Column("COADD_FIBERSTATUS", "J", array=np.array([0, 0, 512, 8, 0], "i4")),
        "TARGET_RA": fits.Column("TARGET_RA", "D", array=np.arange(5.0)),
        "TARGET_DEC": fits.Column("TARGET_DEC", "D", array=-np.arange(5.0)),
        "SURVEY": fits.Column("SURVEY", "4A", array=["main"] * 5),
    }
    coadd["FIBERMAP"] = fits.BinTableHDU.from_columns([*coadd["FIBERMAP"].columns, *more.values()], name="FIBERMAP")
    files = write(tmp_path, coadd, EXAMPLE_Z, zwarn=np.array([0, 0, 0, 0, 4]))
    with fits.open(files[1], mode="update") as h:
        h["REDSHIFTS"].data["SPECTYPE"] = ["GALAXY", "GALAXY", "GALAXY", "QSO", "STAR"]
    run = starglow("prep", *files, "-o", tmp_path / "t.fits", "--ew", "none")
    assert run.returncode == 0 and "NOT_GALAXY" in run.stderr, run.stderr
    table = read(tmp_path / "t.fits")
    assert [bool(f & 65536) for f in table["FLAGS"]] == [False, True, True, False, True]
    assert list(table["OBJTYPE"])[1] == "SKY" and list(table["COADD_FIBERSTATUS"]) == [0, 0, 512, 8, 0]
    assert list(table["SPECTYPE"]) == ["GALAXY", "GALAXY", "GALAXY", "QSO", "STAR"] and list(table["ZWARN"]) == [
        0,
        0,
        0,
        0,
        4,
    ]
    assert np.array_equal(table["RA"], np.arange(5.0)) and np.array_equal(table["DEC"], -np.arange(5.0))
    assert set(table["SURVEY"]) == {"main"} and np.allclose(table["EBV"], 0.02)


def test_redrock_files_are_found_by_id_and_bad_files_left_out(starglow, tmp_path):
    for k in range(3):
        folder = tmp_path / str(k)
        folder.mkdir()
        coadd = make_coadd(EXAMPLE_Z)
        coadd["FIBERMAP"].data["TARGETID"] = np.arange(5) + 100 * k
        write(folder, coadd, EXAMPLE_Z + 0.01 * k, ids=np.arange(5) + 100 * k)
    c, r = [tmp_path / str(k) / "coadd.fits" for k in range(3)], [tmp_path / str(k) / "redrock.fits" for k in range(3)]
    run = starglow("prep", *c, r[2], r[0], r[1], "-o", tmp_path / "t.fits", "--ew", "none")
    assert run.returncode == 0, run.stderr
    table = read(tmp_path / "t.fits")
    np.testing.assert_allclose(table["Z"], np.concatenate([EXAMPLE_Z + 0.01 * k for k in range(3)]))
    c[1].write_bytes(c[1].read_bytes()[:100000])
    run = starglow("prep", *c, *r, "-o", tmp_path / "u.fits", "--ew", "none")
    assert run.returncode == 4 and str(c[1]) in run.stderr, run.stderr
    table = read(tmp_path / "u.fits")
    assert list(table["TARGETID"]) == [*range(5), *range(200, 205)]
    np.testing.assert_allclose(table["Z"], np.concatenate([EXAMPLE_Z, EXAMPLE_Z + 0.02]))
    assert starglow("prep", *c, *r, "-o", tmp_path / "v.fits", "--ew", "none", "--allow-partial").returncode == 0


def test_tables_of_a_catalogue_are_joined_by_id(starglow, tmp_path):
    fastspec(tmp_path / "f.fits", "3.4.2", True, models=False, HALPHA_EW=[5.0, 6.0, 7.0], HALPHA_EW_IVAR=[4.0, 4, 4])
    assert starglow("prep", tmp_path / "f.fits", "-o", tmp_path / "a.fits").returncode == 0
    with fits.open(tmp_path / "f.fits") as h:
        h["METADATA"].data = h["METADATA"].data[[2, 0, 1]].copy()
        h.writeto(tmp_path / "g.fits")
    run = starglow("prep", tmp_path / "g.fits", "-o", tmp_path / "b.fits")
    assert run.returncode == 0 and "joined by TARGETID" in run.stderr, run.stderr
    a, b = read(tmp_path / "a.fits"), read(tmp_path / "b.fits")
    for name in ("TARGETID", "Z", "HALPHA_EW"):
        np.testing.assert_array_equal(a[name], b[name])
    fastspec(tmp_path / "m.fits", "3.4.2", True)
    with fits.open(tmp_path / "m.fits") as h:
        h["METADATA"].data = h["METADATA"].data[[2, 0, 1]].copy()
        h.writeto(tmp_path / "n.fits")
    run = starglow("prep", tmp_path / "n.fits", "-o", tmp_path / "c.fits")
    assert run.returncode == 3 and "MODELS" in run.stderr


@pytest.mark.parametrize("missing", ["HGAMMA", "OII_3729", "HALPHA"])
def test_a_line_that_a_catalogue_lacks_costs_that_line(starglow, tmp_path, missing):
    fastspec(tmp_path / "f.fits", "3.1.5", True)
    with fits.open(tmp_path / "f.fits") as h:
        keep = [c for c in h["FASTSPEC"].columns if not c.name.startswith(missing)]
        out = fits.BinTableHDU.from_columns(keep, name="FASTSPEC")
        fits.HDUList([h[0], h["METADATA"], out, h["MODELS"]]).writeto(tmp_path / "g.fits")
    run = starglow("prep", tmp_path / "g.fits", "-o", tmp_path / "t.fits")
    assert run.returncode == 0 and missing in run.stderr, run.stderr
    table, gone = read(tmp_path / "t.fits"), "OII_DOUBLET" if missing == "OII_3729" else missing
    for line in LINES:
        assert (table[line + "_EW_IVAR"][0] > 0) == (line != gone)
    assert starglow("predict", tmp_path / "t.fits", "-o", tmp_path / "p.fits").returncode == 0


@pytest.mark.parametrize("recipe", ["k24", "robust"])
def test_a_hole_in_the_grid_is_missing_data(starglow, tmp_path, recipe):
    flux = light(EXAMPLE_Z[:1], 1).astype("f4")
    for lo, hi in ((5720, 5995), (5720, 5900), (6100, 6140), (7200, 7245)):  # band 6, part of it, little of 7, Halpha
        hole = (GRID > lo) & (GRID < hi)
        masked = spectra(tmp_path / "m.fits", flux, ivar=np.where(hole, 0, 100.0)[None].astype("f4"))
        dropped = spectra(tmp_path / "d.fits", flux[:, ~hole], wave=GRID[~hole])
        tables = []
        for path in (masked, dropped):
            for ew in ("fit", "side-bands"):
                run = starglow("prep", path, "-o", tmp_path / "t.fits", "--ew", ew, "--recipe", recipe, "--overwrite")
                assert run.returncode == 0, run.stderr
                tables.append(read(tmp_path / "t.fits"))
        for m, d in ((tables[0], tables[2]), (tables[1], tables[3])):
            np.testing.assert_allclose(d["BAND_FLUX"], m["BAND_FLUX"], rtol=0.01)
            assert d["FLAGS"][0] & 2 == m["FLAGS"][0] & 2 and d["FLAGS"][0] & 64 == m["FLAGS"][0] & 64
            for line in LINES:
                if m[line + "_EW_IVAR"][0] > 0 or d[line + "_EW_IVAR"][0] > 0:
                    error = m[line + "_EW_IVAR"][0] ** -0.5
                    assert d[line + "_EW"][0] == pytest.approx(m[line + "_EW"][0], abs=max(float(error), 0.05)), line


def test_lines_are_painted_beside_a_hole_and_not_into_it(starglow, tmp_path):
    hole = (GRID > 7190) & (GRID < 7221.06)  # its edge lies on Halpha at z = 0.1
    whole = spectra(tmp_path / "w.fits", np.full((1, 7781), 2.0, "f4"))
    part = spectra(tmp_path / "p.fits", np.full((1, 7781), 2.0, "f4")[:, ~hole], wave=GRID[~hole])
    for path in (whole, part):
        assert starglow("paint", path, "-o", path.with_suffix(".o")).returncode == 0
    a, b = (fits.getdata(p.with_suffix(".o"), "LINES")[0] for p in (whole, part))
    assert a.max() > 0.1
    np.testing.assert_allclose(b, a[~hole], rtol=1e-4, atol=1e-6)
    hole = (GRID > 7190) & (GRID < 7250)
    part = spectra(tmp_path / "q.fits", np.full((1, 7781), 2.0, "f4")[:, ~hole], wave=GRID[~hole])
    assert starglow("paint", part, "-o", tmp_path / "q.o").returncode == 0
    assert read(tmp_path / "q.o")["FLAGS"][0] & 64


def general(folder, form, flux_unit="erg / (s cm2 Angstrom)", z=0.1):
    """One galaxy as other people write it; what to add to the command line."""
    flux, error = light(np.array([z]), 1)[0] * 1e-17, np.full(7781, 1e-18)
    path, more = folder / f"{form}.fits", []
    if form in ("error", "ivar", "variance", "nm", "air", "log", "descending"):
        wave, unit, name = GRID, "Angstrom", "wavelength"
        if form == "nm":
            wave, unit = GRID / 10, "nm"
        if form == "air":
            wave, name = CubicSpline(vacuum(GRID), GRID)(GRID), "air_wavelength"
        if form == "log":
            wave, unit, name = np.log10(GRID), "", "loglam"
        noise = {
            "ivar": ("IVAR", error**-2.0, "1e34 / (1e-17 erg / (s cm2 Angstrom))2".replace("1e34 / ", "1 / ")),
            "variance": ("VAR", error**2, ""),
        }.get(form, ("ERR", error, flux_unit))
        t = Table({name: wave, "FLUX": flux, noise[0]: noise[1]})
        t[name].unit, t["FLUX"].unit = unit or None, flux_unit
        if form == "error":
            t["ERR"].unit = flux_unit
        if form == "descending":
            t = t[::-1]
        t.meta["REDSHIFT"] = z
        t.meta["EXTNAME"] = "SPECTRUM"
        t.write(path)
    elif form == "vectors":
        t = Table(
            {"ID": ["one", "two"], "REDSHIFT": [z, z], "WAVE": [GRID] * 2, "FLUX": [flux] * 2, "ERROR": [error] * 2}
        )
        t["WAVE"].unit, t["FLUX"].unit, t.meta["EXTNAME"] = "Angstrom", flux_unit, "SPECTRA"
        t.write(path)
    elif form in ("images", "stack"):
        hdus = [
            fits.ImageHDU(flux[None] * (1 if form == "images" else 1e17), name="FLUX"),
            fits.ImageHDU(error[None] ** -2 * (1 if form == "images" else 1e-34), name="IVAR"),
            fits.ImageHDU(GRID, name="WAVE"),
        ]
        hdus[2].header["BUNIT"] = "Angstrom"
        if form == "images":
            hdus[0].header["BUNIT"] = flux_unit
        else:
            more = ["--flux-unit", "relative"]
        table = fits.BinTableHDU(Table({"STACKID": [5], "Z": [z]}), name="STACKINFO")
        fits.HDUList([fits.PrimaryHDU(), *hdus, table]).writeto(path)
    elif form == "wcs":
        hdu = fits.PrimaryHDU(flux)
        for key, value in {
            "CRVAL1": 3600.0,
            "CDELT1": 0.8,
            "CRPIX1": 1.0,
            "CTYPE1": "WAVE",
            "CUNIT1": "Angstrom",
            "BUNIT": flux_unit,
            "OBJECT": "M 1",
        }.items():
            hdu.header[key] = value
        fits.HDUList([hdu, fits.ImageHDU(error, name="ERROR")]).writeto(path)
        more = ["--z", z]
    else:
        path = folder / "one.ecsv"
        t = Table({"lambda": GRID, "flux": flux, "flux_error": error})
        t["lambda"].unit, t["flux"].unit, t.meta["redshift"] = "Angstrom", flux_unit, z
        t.write(path)
    return path, more


FORMS = ["error", "ivar", "variance", "nm", "air", "log", "descending", "vectors", "images", "stack", "wcs", "ecsv"]


@pytest.mark.parametrize("form", FORMS)
def test_other_peoples_spectra(starglow, tmp_path, form):
    path, more = general(tmp_path, form)
    run = starglow("prep", path, "-o", tmp_path / "t.fits", *more)
    assert run.returncode == 0, run.stderr
    table, flux = read(tmp_path / "t.fits"), light(np.array([0.1]), 1)[0]
    for b in (4, 6, 8):  # without a line of the ten
        inside = (GRID >= (3400 + 300 * b) * 1.1) & (GRID < (3700 + 300 * b) * 1.1)
        assert table["BAND_FLUX"][0][b] == pytest.approx(flux[inside].mean(), rel=1e-3)
    assert table["Z"][0] == 0.1 and table["HALPHA_EW"][0] == pytest.approx(40, rel=0.05)
    assert 1 / np.sqrt(table["HALPHA_EW_IVAR"][0]) == pytest.approx(0.5, abs=0.4)
    with fits.open(tmp_path / "t.fits") as h:
        assert h["GALAXIES"].header["FLUXSCAL"] == ("relative" if form == "stack" else "absolute")
    assert starglow("predict", tmp_path / "t.fits", "-o", tmp_path / "p.fits").returncode == 0


def test_other_peoples_spectra_are_refused_by_what_they_lack(starglow, tmp_path):
    path, _ = general(tmp_path, "error", flux_unit="Jy")
    run = starglow("prep", path, "-o", tmp_path / "t.fits")
    assert run.returncode == 3 and "Jy" in run.stderr
    path, _ = general(tmp_path, "wcs")
    run = starglow("prep", path, "-o", tmp_path / "t.fits")
    assert run.returncode == 3 and "--z" in run.stderr
    path, _ = general(tmp_path, "stack")
    run = starglow("prep", path, "-o", tmp_path / "t.fits")
    assert run.returncode == 3 and "--flux-unit" in run.stderr
    assert not (tmp_path / "t.fits").exists()


def test_folders_and_lists(starglow, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for form in ("error", "nm", "ecsv"):
        general(folder, form)
    (folder / "bad.fits").write_bytes(bz2.compress(b"x" * 5000))
    (folder / "notes.txt").write_text("not a spectrum")
    run = starglow("prep", folder, "-o", tmp_path / "t.fits", "--ew", "none")
    assert run.returncode == 4 and "bzip2" in run.stderr and "notes.txt" not in run.stderr, run.stderr
    table = read(tmp_path / "t.fits")
    assert list(table["ORIGINAL_ID"]) == ["error.fits", "nm.fits", "one.ecsv"] and all(f & 1024 for f in table["FLAGS"])
    (tmp_path / "list.txt").write_text(f"# three\n{folder / 'nm.fits'}\n\n{folder / 'error.fits'}\n")
    assert starglow("prep", f"@{tmp_path / 'list.txt'}", "-o", tmp_path / "u.fits", "--ew", "none").returncode == 0
    assert list(read(tmp_path / "u.fits")["ORIGINAL_ID"]) == ["nm.fits", "error.fits"]


FOREIGN = {
    "bzip2": bz2.compress(b"SIMPLE" * 1000),
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(4000),
    "Parquet": b"PAR1" + bytes(4000),
    "zip": b"PK\x03\x04" + bytes(4000),
    "xz": b"\xfd7zXZ\x00" + bytes(4000),
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(4000),
    "web page": b"<!DOCTYPE html><html>" + b" " * 4000,
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "text": b"wave flux\n" + b"1.0 2.0\n" * 1000,
    "NumPy": b"\x93NUMPY" + bytes(4000),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("packed", [False, True])
def test_other_formats_are_called_by_their_names(starglow, tmp_path, name, packed):
    path = tmp_path / "table.fits"
    path.write_bytes(gzip.compress(FOREIGN[name]) if packed else FOREIGN[name])
    for verb in ("predict", "prep"):
        run = starglow(verb, path, "-o", tmp_path / "o.fits")
        assert run.returncode == 3 and name.lower() in run.stderr.lower(), run.stderr


def test_names_go_without_case(starglow, tmp_path):
    right = sg.read_table(galaxies(tmp_path / "a.fits"))
    with fits.open(tmp_path / "a.fits") as h:
        columns = [fits.Column(c.name.lower(), c.format, array=h[1].data[c.name], unit=c.unit) for c in h[1].columns]
    other = fits.BinTableHDU.from_columns([fits.Column("NOTES", "4A", array=["a"])], name="NOTES")
    hdu = fits.BinTableHDU.from_columns(columns)
    hdu.header["EXTNAME"] = "galaxies"
    fits.HDUList([fits.PrimaryHDU(), other, hdu]).writeto(tmp_path / "b.fits")
    seen = sg.read_table(tmp_path / "b.fits")
    np.testing.assert_array_equal(seen.band_flux, right.band_flux)
    np.testing.assert_array_equal(seen.targetid, right.targetid)
    # the magnitude z beside the redshift Z
    both = galaxies(tmp_path / "c.fits", extra=[fits.Column("z", "D", array=np.full(4, 19.5))])
    np.testing.assert_array_equal(sg.read_table(both).z, right.z)
    two = galaxies(
        tmp_path / "d.fits",
        TARGETID=fits.Column("TargetID", "K", array=np.arange(4)),
        extra=[fits.Column("targetid", "K", array=np.arange(4))],
    )
    with pytest.raises(sg.InputError, match="upper and lower case"):
        sg.read_table(two)


def test_predictions_are_matched_by_all_that_makes_an_id(starglow, mock, tmp_path):
    t = Table.read(mock)[:300]
    t.meta.clear()
    t.meta["EXTNAME"] = "GALAXIES"
    t["TARGETID"] = np.arange(300) // 2
    t["SURVEY"] = ["sv3", "main"] * 150
    t.write(tmp_path / "t.fits")
    assert starglow("predict", tmp_path / "t.fits", "-o", tmp_path / "p.fits").returncode == 0
    p = Table.read(tmp_path / "p.fits", hdu="GALAXIES")
    p.meta.clear()
    p.meta["EXTNAME"] = "GALAXIES"
    p[np.random.default_rng(1).permutation(300)].write(tmp_path / "q.fits")
    scores = []
    for name in ("p.fits", "q.fits"):
        run = starglow(
            "evaluate",
            tmp_path / "t.fits",
            "--predictions",
            tmp_path / name,
            "--json",
            tmp_path / "s.json",
            "--overwrite",
        )
        assert run.returncode == 0, run.stderr
        scores.append((tmp_path / "s.json").read_text().replace(name, ""))
    assert scores[0] == scores[1] and "HALPHA" in scores[0]
    p[:200].write(tmp_path / "fewer.fits")
    run = starglow("evaluate", tmp_path / "t.fits", "--predictions", tmp_path / "fewer.fits")
    assert run.returncode == 0 and "100 of 300" in run.stderr, run.stderr
    p.remove_column("SURVEY")
    p[::-1].write(tmp_path / "r.fits")
    run = starglow("evaluate", tmp_path / "t.fits", "--predictions", tmp_path / "r.fits")
    assert run.returncode == 3 and "twice" in run.stderr
