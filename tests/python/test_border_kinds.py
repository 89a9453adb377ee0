"""More kinds of what files mean and how they come: units that contradict each other, marks of absence, tables without a
name, formats called by name. Each through the interfaces that read it."""

import gzip

import jax.numpy as jnp
import numpy as np
import pandas
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from test_border import FLUX, galaxies

import starglow as sg
import starglow.jax as sgj
from starglow.jax.condition import given_evidence
from test_prep import CAMERAS, EXAMPLE_Z, GRID, light, make_coadd, read, write

MEAN = u.Unit("1e-17 erg / (s cm2 Angstrom)")
HALPHA = sg.LINES.index("HALPHA")
NO_LUMINOSITY, BAD_PIXELS, CONDITIONED = 1 << 3, 1 << 11, 1 << 17


def bands(n=4):
    return FLUX * np.linspace(1, 1.5, n)[:, None]


def lines(ivar_unit, ew_unit="Angstrom", scale=1.0):
    ew, ivar = np.arange(4.0) + 5, np.full(4, 4.0)
    return [
        fits.Column("HALPHA_EW", "D", array=ew * scale, unit=ew_unit),
        fits.Column("HALPHA_EW_IVAR", "D", array=ivar / scale**2, unit=ivar_unit),
    ]


@pytest.mark.parametrize("ew_unit, ivar_unit, scale", [("nm", "nm-2", 0.1), ("nm", None, 0.1), ("um", "um-2", 1e-4)])
def test_an_inverse_variance_is_converted_with_its_numbers(tmp_path, ew_unit, ivar_unit, scale):
    right = sg.read_table(galaxies(tmp_path / "a.fits", extra=lines("Angstrom-2")))
    path = galaxies(tmp_path / "b.fits", extra=lines(ivar_unit, ew_unit, scale))
    for seen in (sg.read_table(path), sg.galaxies(Table.read(path))):
        np.testing.assert_allclose(seen.ew[:, HALPHA], right.ew[:, HALPHA], rtol=1e-6)
        np.testing.assert_allclose(seen.ew_ivar[:, HALPHA], right.ew_ivar[:, HALPHA], rtol=1e-6)


def test_an_inverse_variance_of_another_scale_than_its_numbers_is_refused(starglow, tmp_path):
    slips = {
        "ew": dict(extra=lines("nm-2")),
        "bands": dict(
            extra=[fits.Column("BAND_FLUX_IVAR", "12D", array=np.full((4, 12), 9.0), unit="erg-2 s2 cm4 Angstrom2")]
        ),
    }
    for name, changed in slips.items():
        path = galaxies(tmp_path / f"{name}.fits", **changed)
        run = starglow("predict", path, "-o", tmp_path / "p.fits", "--noise")
        assert run.returncode == 3 and "inverse square" in run.stderr and not (tmp_path / "p.fits").exists()
        with pytest.raises(sg.InputError, match="inverse square"):
            sg.galaxies(Table.read(path))
    with pytest.raises(sg.InputError, match="inverse square"):
        sg.Galaxies(bands() * MEAN, np.full(4, 0.1), np.full((4, 12), 9.0) / u.Unit("W / (m2 um)") ** 2)
    given = sg.Galaxies(bands() * 10 * u.Unit("1e-18 erg / (s cm2 Angstrom)"), np.full(4, 0.1), np.full((4, 12), 9.0))
    np.testing.assert_allclose(given.band_flux_ivar, 900.0, rtol=1e-9)


def test_noise_of_another_scale_than_the_spectra_is_refused(starglow, tmp_path):
    coadd = make_coadd(EXAMPLE_Z)
    for camera in CAMERAS:
        coadd[camera + "_IVAR"].header["BUNIT"] = "erg-2 s2 cm4 Angstrom2"
    run = starglow("prep", *write(tmp_path, coadd, EXAMPLE_Z), "-o", tmp_path / "o.fits")
    assert run.returncode == 3 and "inverse square" in run.stderr, run.stderr
    for name, power in (("err", 1), ("ivar", -2), ("var", 2)):
        path = pixels(tmp_path / f"{name}.fits", noise=name, noise_unit=u.Unit("erg / (s cm2 Angstrom)") ** power)
        run = starglow("prep", path, "-o", tmp_path / "o.fits")
        assert run.returncode == 3 and "another scale" in run.stderr, run.stderr
        path = pixels(tmp_path / f"{name}.fits", noise=name, noise_unit=MEAN**power)
        assert starglow("prep", path, "-o", tmp_path / "o.fits", "--overwrite").returncode == 0
        assert read(tmp_path / "o.fits")["HALPHA_EW"][0] == pytest.approx(40, abs=2)
        (tmp_path / "o.fits").unlink()


def pixels(path, name="", noise="ivar", noise_unit=None, cards=(), primary=(), z=0.1):
    """One spectrum as astropy writes a table: without a name, unless one is given."""
    table = Table({"wavelength": GRID, "flux": light(EXAMPLE_Z[:1], 1)[0], noise: np.full(GRID.size, 0.01)})
    table[noise] = table[noise] ** {"err": 0.5, "var": 1, "ivar": -1}[noise]
    table["wavelength"].unit, table["flux"].unit, table[noise].unit = "Angstrom", MEAN, noise_unit
    hdu = fits.BinTableHDU(table, name=name or None)
    for key, value in dict(cards).items():
        hdu.header[key] = value
    first = fits.PrimaryHDU()
    for key, value in ({"VACUUM": True} | ({} if z is None else {"Z": z}) | dict(primary)).items():
        first.header[key] = value
    fits.HDUList([first, hdu]).writeto(path, overwrite=True)
    return path


def test_a_table_of_pixels_needs_no_name(starglow, tmp_path):
    for name in ("", "SPECTRUM"):
        path = pixels(tmp_path / "s.fits", name)
        run = starglow("prep", path, "-o", tmp_path / "o.fits", "--overwrite")
        assert run.returncode == 0, run.stderr
        assert read(tmp_path / "o.fits")["HALPHA_EW"][0] == pytest.approx(40, abs=2)


def test_masks_of_truth_values_and_fill_values_are_no_data(starglow, tmp_path):
    path = pixels(tmp_path / "s.fits")
    table = Table.read(path)
    at = slice(2500, 2600)  # in band 5
    right = {}
    for what in ("plain", "mask", "fill"):
        changed = table.copy()
        if what == "mask":
            changed["mask"] = np.isin(np.arange(GRID.size), np.arange(GRID.size)[at])
        if what == "fill":  # what NumPy puts where a masked array is filled
            changed["flux"][at] = 1e20
        first = fits.PrimaryHDU()
        first.header["Z"], first.header["VACUUM"] = 0.1, True
        fits.HDUList([first, fits.BinTableHDU(changed)]).writeto(tmp_path / f"{what}.fits")
        run = starglow("prep", tmp_path / f"{what}.fits", "-o", tmp_path / f"{what}.out", "--ew", "none")
        assert run.returncode == 0, run.stderr
        right[what] = read(tmp_path / f"{what}.out")
    for what in ("mask", "fill"):
        assert right["plain"]["BAND_NPIX"][0].sum() - right[what]["BAND_NPIX"][0].sum() == 100
        np.testing.assert_allclose(right[what]["BAND_FLUX"], right["plain"]["BAND_FLUX"], rtol=0.01)
    assert right["fill"]["FLAGS"][0] & BAD_PIXELS and not right["plain"]["FLAGS"][0] & BAD_PIXELS


def test_a_redshift_in_a_header_is_a_number(starglow, tmp_path):
    path = pixels(tmp_path / "s.fits", z="unknown")
    run = starglow("prep", path, "-o", tmp_path / "o.fits")
    assert run.returncode == 3 and "unknown" in run.stderr and not (tmp_path / "o.fits").exists()


def test_text_from_windows_and_two_redshifts(starglow, tmp_path):
    table = Table(fits.getdata(pixels(tmp_path / "pixels.fits")), names=["wavelength", "flux", "ivar"])
    table["wavelength"].unit, table["flux"].unit = "Angstrom", MEAN
    table.meta.update(Z=0.1, VACUUM=True)
    table.write(tmp_path / "s.ecsv", format="ascii.ecsv")
    unix = (tmp_path / "s.ecsv").read_bytes()
    (tmp_path / "w.ecsv").write_bytes(unix.replace(b"\n", b"\r\n"))
    for name in ("s", "w"):
        run = starglow("prep", tmp_path / f"{name}.ecsv", "-o", tmp_path / f"{name}.fits", "--ew", "none")
        assert run.returncode == 0, run.stderr
    assert np.array_equal(read(tmp_path / "s.fits")["BAND_FLUX"], read(tmp_path / "w.fits")["BAND_FLUX"])
    del table.meta["Z"]
    table["redshift"] = np.where(np.arange(len(table)) < 5, 0.1, 0.2)
    table.write(tmp_path / "two.ecsv", format="ascii.ecsv")
    run = starglow("prep", tmp_path / "two.ecsv", "-o", tmp_path / "two.fits")
    assert run.returncode == 3 and "more than one redshift" in run.stderr, run.stderr


def test_air_may_be_said_beside_the_fluxes(starglow, tmp_path):
    """The grid and the fluxes are two images: either may say it."""
    coadd = make_coadd(EXAMPLE_Z)
    for camera in CAMERAS:
        coadd[camera + "_FLUX"].header["CTYPE1"] = "AWAV"
    run = starglow("prep", *write(tmp_path, coadd, EXAMPLE_Z), "-o", tmp_path / "o.fits", "--ew", "none")
    assert run.returncode == 0 and "converted to vacuum" in run.stderr, run.stderr


def test_marks_of_absence_among_lines_say_nothing(starglow, tmp_path):
    z = np.linspace(0.1, 0.2, 4)
    marks = np.array([12.0, -9999.0, 1e30, np.nan])
    frame = pandas.DataFrame({"Z": z, "BAND_FLUX": list(bands()), "HALPHA_EW": marks, "HALPHA_EW_IVAR": 4.0})
    model = sg.Model.shipped()
    plain = model.predict(bands(), z)
    extra = [fits.Column("HALPHA_EW", "D", array=marks), fits.Column("HALPHA_EW_IVAR", "D", array=np.full(4, 4.0))]
    path = galaxies(tmp_path / "t.fits", TARGETID=None, extra=extra)
    for given in (
        model.predict(sg.galaxies(frame), given=["HALPHA"]),
        model.predict(sg.galaxies(path), given=["HALPHA"]),
        model.predict(bands(), z, given={"HALPHA": (marks, 4.0)}),
    ):
        assert [bool(f & CONDITIONED) for f in given.flags] == [True, False, False, False]
        np.testing.assert_array_equal(given.ew[1:], plain.ew[1:])
    assert starglow("predict", path, "-o", tmp_path / "p.fits", "--given", "HALPHA").returncode == 0
    np.testing.assert_allclose(read(tmp_path / "p.fits")["HALPHA_EW"], given.ew[:, HALPHA], rtol=1e-4)
    ew, ivar = np.zeros((4, 10)), np.zeros((4, 10))
    ew[:, HALPHA], ivar[:, HALPHA] = marks, 4.0
    twin = given_evidence(ew, ivar, jnp.array([3.0, 3.0]), jnp.float32)
    assert twin.measured.any(axis=-1).tolist() == [True, False, False, False]


def test_given_lines_are_converted_with_their_unit():
    model, z = sg.Model.shipped(), np.linspace(0.1, 0.2, 4)
    right = model.predict(bands(), z, given={"HALPHA": (12.0, 4.0)})
    for given in ((1.2 * u.nm, 400.0), (1.2 * u.nm, 400.0 / u.nm**2)):
        np.testing.assert_allclose(model.predict(bands(), z, given={"HALPHA": given}).ew, right.ew, rtol=1e-9)
    for given in ((12.0 * u.km / u.s, 4.0), (12.0 * u.Angstrom, 400.0 / u.nm**2)):
        with pytest.raises(sg.InputError):
            model.predict(bands(), z, given={"HALPHA": given})


def test_a_table_without_z_says_so_and_names_what_looks_like_it(starglow, tmp_path):
    path = galaxies(tmp_path / "t.fits", Z=None, extra=[fits.Column("REDSHIFT", "D", array=np.full(4, 0.1))])
    run = starglow("predict", path, "-o", tmp_path / "p.fits")
    assert run.returncode == 0 and "no column Z" in run.stderr and "REDSHIFT" in run.stderr, run.stderr
    frame = pandas.DataFrame({"redshift": [0.1] * 4, "BAND_FLUX": list(bands())})
    with pytest.warns(UserWarning, match="redshift"):
        flags = sg.Model.shipped().predict(sg.galaxies(frame)).flags
    assert (flags & NO_LUMINOSITY).all()


def test_ids_may_be_the_index_of_a_frame_and_a_frame_may_be_empty():
    ids = np.arange(4) + 39627000000000001
    frame = pandas.DataFrame({"TARGETID": ids, "Z": 0.1, "BAND_FLUX": list(bands())})
    model = sg.Model.shipped()
    right = model.predict(sg.galaxies(frame), draws=2)
    seen = model.predict(sg.galaxies(frame.set_index("TARGETID")), draws=2)
    np.testing.assert_array_equal(seen.flags, right.flags)
    np.testing.assert_array_equal(seen.draws, right.draws)
    two = frame.assign(SURVEY="main").set_index(["TARGETID", "SURVEY"])
    assert sg.galaxies(two).survey == ["main"] * 4
    assert len(model.predict(sg.galaxies(frame.iloc[:0]))) == 0
    frame["BAND_FLUX"] = None
    assert np.isnan(model.predict(sg.galaxies(frame)).ew).all()


def test_dust_of_unknown_amount_is_what_is_usual(starglow, tmp_path):
    model = sg.Model.shipped()
    other = "T" if model.metadata["mwcorr"] == "F" else "F"
    z = np.linspace(0.1, 0.2, 4)
    right = model.predict(bands(), z, ebv=np.full(4, 0.04), conventions={"MWCORR": other})
    path = galaxies(tmp_path / "t.fits", cards={"MWCORR": other == "T"})
    run = starglow("predict", path, "-o", tmp_path / "p.fits")
    assert run.returncode == 0 and "E(B-V) = 0.04" in run.stderr, run.stderr
    np.testing.assert_allclose(read(tmp_path / "p.fits")["HALPHA_EW"], right.ew[:, HALPHA], rtol=1e-5)
    said = dict(conventions={"MWCORR": other})
    for seen in (
        model.predict(bands(), z, **said),
        model.predict(bands(), z, ebv=np.full(4, np.nan), **said),
        sgj.predict(sgj.load(), bands(), z, **said),
        sgj.kernel.predict(model, bands(), z, **said),
    ):
        np.testing.assert_allclose(seen.ew, right.ew, rtol=1e-4)
    synthetic = {"MWCORR": other, "CONTSRC": "synthetic"}
    as_it_is = model.predict(bands(), z)
    for seen in (
        model.predict(bands(), z, conventions=synthetic),
        sgj.predict(sgj.load(), bands(), z, conventions=synthetic),
    ):
        np.testing.assert_allclose(seen.ew, as_it_is.ew, rtol=1e-4)


FOREIGN = {
    "safetensors": (b"\x10\x00\x00\x00\x00\x00\x00\x00{" + b" " * 3000, "safetensors"),
    "pickle": (b"\x80\x04\x95" + b"\0" * 3000, "pickle"),
    "utf8": ("Größe\n".encode() * 600, "a text file"),
    "json": (b'{"a": 1}', "a text file"),
    "lz4": (b"\x04\x22\x4d\x18" + b"\0" * 3000, "LZ4"),
    "bz2": (b"BZh9" + b"\0" * 3000, "bzip2"),
    "png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 3000, "PNG"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_other_formats_are_called_by_their_names(starglow, tmp_path, name):
    content, word = FOREIGN[name]
    (tmp_path / "x.fits").write_bytes(content)
    for verb in (("predict", "-o", tmp_path / "p.fits"), ("inspect",)):
        if name == "safetensors" and verb[0] == "inspect":
            continue
        run = starglow(verb[0], tmp_path / "x.fits", *verb[1:])
        assert run.returncode == 3 and word in run.stderr, run.stderr
    (tmp_path / "x.fits.gz").write_bytes(gzip.compress(content))
    run = starglow("predict", tmp_path / "x.fits.gz", "-o", tmp_path / "p.fits")
    assert run.returncode == 3 and "x.fits.gz" in run.stderr, run.stderr  # the name that the user gave


def test_no_parquet_file_is_an_input_error(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    with pytest.raises(sg.InputError, match="Parquet"):
        sg.galaxies(tmp_path / "x.parquet")
