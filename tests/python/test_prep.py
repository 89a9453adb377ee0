"""prep from the command line: the surveys' layouts as astropy writes them, bad files, equal bytes for any threads and
chunks."""

import gzip
import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from conftest import ROOT

LINES = "OII_DOUBLET HGAMMA HBETA OIII_4959 OIII_5007 NII_6548 HALPHA NII_6584 SII_6716 SII_6731".split()
GRID = 3600 + 0.8 * np.arange(7781)
CAMERAS = {"B": (0, 2751), "R": (2700, 2326), "Z": (4900, 2881)}
IDS = np.array([2**53 + 1, 2**63 - 1, 0, -7, 39627776344457978], "i8")
EXAMPLE_Z = np.array([0.1, 0.07, 0.2, 0.3, 0.15])
UNIT = "10**-17 erg/(s cm2 Angstrom)"


def light(z, n=5):
    """An old population with Halpha (EW 40 A) and [OIII] 5007 (EW 20 A), noise of S/N 20."""
    rng = np.random.default_rng(1)
    content = (ROOT / "models/templates.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    shape = json.loads(content[8 : 8 + size])["templates.flux"]["shape"]
    old = np.frombuffer(content[8 + size : 8 + size + 4 * shape[0] * shape[1]], "<f4").reshape(shape)[1]
    template = np.exp(np.log(3335.0) + 1e-4 * np.arange(shape[1]))
    flux = np.zeros((n, 7781))
    for i in range(n):
        rest = GRID / (1 + z[i])
        flux[i] = 2 * np.interp(rest, template, old)
        for wave, ew in ((6564.6, 40.0), (5008.24, 20.0), (4960.295, 20 / 2.993)):
            sigma = wave * 120 / 299792.458
            level = np.mean(
                [
                    flux[i][(rest > a) & (rest < b)].mean()
                    for a, b in ([(6470, 6510), (6622, 6662)] if wave > 6000 else [(4900, 4930), (5036, 5066)])
                ]
            )
            flux[i] += level * ew * np.exp(-0.5 * ((rest - wave) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return flux + rng.normal(size=flux.shape) * 0.1


@pytest.fixture
def z():
    return EXAMPLE_Z.copy()


def make_coadd(z):
    """HDUs of a coadd by name; `write` stores them with a redrock file."""
    flux = light(z)
    hdus = {
        "FIBERMAP": fits.BinTableHDU.from_columns(
            [fits.Column("TARGETID", "K", array=IDS), fits.Column("EBV", "E", array=np.full(5, 0.02))], name="FIBERMAP"
        )
    }
    for camera, (first, pixels) in CAMERAS.items():
        part = slice(first, first + pixels)
        hdus[camera + "_WAVELENGTH"] = fits.ImageHDU(GRID[part].copy(), name=camera + "_WAVELENGTH")
        hdus[camera + "_FLUX"] = fits.ImageHDU(flux[:, part].astype("f4"), name=camera + "_FLUX")
        hdus[camera + "_FLUX"].header["BUNIT"] = UNIT
        hdus[camera + "_IVAR"] = fits.ImageHDU(np.full((5, pixels), 100, "f4"), name=camera + "_IVAR")
        hdus[camera + "_MASK"] = fits.ImageHDU(np.zeros((5, pixels), "i4"), name=camera + "_MASK")
    return hdus


@pytest.fixture
def coadd(z):
    """To be spoiled by a test."""
    return make_coadd(z)


def write_example(folder):
    """coadd.fits and redrock.fits of five galaxies, as the documents use them."""
    return write(folder, make_coadd(EXAMPLE_Z), EXAMPLE_Z)


def write(folder, hdus, z, ids=IDS, zwarn=None, checksum=True):
    fits.HDUList([fits.PrimaryHDU(), *hdus.values()]).writeto(folder / "coadd.fits", overwrite=True, checksum=checksum)
    rows = [
        fits.Column("TARGETID", "K", array=ids),
        fits.Column("Z", "D", array=z),
        fits.Column("ZWARN", "K", array=np.zeros(len(ids), int) if zwarn is None else zwarn),
        fits.Column("SPECTYPE", "6A", array=["GALAXY"] * len(ids)),
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(rows, name="REDSHIFTS")]).writeto(
        folder / "redrock.fits", overwrite=True
    )
    return folder / "coadd.fits", folder / "redrock.fits"


def numbers(path):
    data = path.read_bytes()
    return data[: data.rindex(b"XTENSION")]


def read(path):
    return Table.read(path, hdu="GALAXIES", mask_invalid=False)


def test_a_coadd_becomes_a_table_that_predict_takes(starglow, coadd, z, tmp_path):
    files = write(tmp_path, coadd, z)
    run = starglow("prep", *files, "-o", tmp_path / "t.fits", "--spectra", tmp_path / "s.fits")
    assert run.returncode == 0, run.stderr
    table = read(tmp_path / "t.fits")
    assert list(table["TARGETID"]) == list(IDS) and np.array_equal(table["Z"], z)
    assert np.all(np.abs(table["HALPHA_EW"] - 40) < 1.5) and np.all(np.abs(table["OIII_5007_EW"] - 20) < 1)
    assert np.all(np.abs(table["SII_6716_EW"]) < 5 / np.sqrt(table["SII_6716_EW_IVAR"]))
    # bands against a plain NumPy mean, where no line is
    merged = fits.getdata(tmp_path / "s.fits", "FLUX")
    for i in range(5):
        inside = (GRID >= 5200 * (1 + z[i])) & (GRID < 5500 * (1 + z[i]))
        assert table["BAND_FLUX"][i][6] == pytest.approx(merged[i][inside].mean(), rel=1e-6)
        assert table["BAND_NPIX"][i][6] == inside.sum()
    with fits.open(tmp_path / "s.fits") as hdus:
        good = np.isfinite(hdus["CONTINUUM"].data)
        residual = (hdus["FLUX"].data - hdus["CONTINUUM"].data - hdus["LINES"].data)[good]
        assert np.std(residual) == pytest.approx(0.1, rel=0.1)
    assert starglow("predict", tmp_path / "t.fits", "-o", tmp_path / "p.fits").returncode == 0
    # a spectra file goes in again
    assert starglow("prep", tmp_path / "s.fits", "-o", tmp_path / "again.fits").returncode == 0
    assert np.allclose(read(tmp_path / "again.fits")["BAND_FLUX"], table["BAND_FLUX"], rtol=1e-6)


def test_any_threads_and_chunks_give_equal_bytes(starglow, coadd, z, tmp_path):
    files = write(tmp_path, coadd, z)
    for recipe in ("k24", "robust"):
        outputs = set()
        for threads, chunk in ((1, 1), (2, 7), (7, 4096)):
            assert (
                starglow(
                    "prep",
                    *files,
                    "-o",
                    tmp_path / "t.fits",
                    "--recipe",
                    recipe,
                    "--threads",
                    threads,
                    "--chunk",
                    chunk,
                    "--overwrite",
                ).returncode
                == 0
            )
            outputs.add(numbers(tmp_path / "t.fits"))
        assert len(outputs) == 1


def test_gzip_and_several_files(starglow, coadd, z, tmp_path):
    files = write(tmp_path, coadd, z)
    packed = []
    for path in files:
        packed.append(path.with_suffix(".fits.gz"))
        packed[-1].write_bytes(gzip.compress(path.read_bytes(), 1))
    assert starglow("prep", *files, *packed, "-o", tmp_path / "t.fits", "--ew", "none").returncode == 0
    table = read(tmp_path / "t.fits")
    assert len(table) == 10 and np.array_equal(table["BAND_FLUX"][:5], table["BAND_FLUX"][5:])


def test_redshifts_are_joined_by_id(starglow, coadd, z, tmp_path):
    order = np.array([3, 0, 4, 1])
    files = write(tmp_path, coadd, z[order], IDS[order], zwarn=np.array([4, 0, 0, 0]))
    run = starglow("prep", *files, "-o", tmp_path / "t.fits")
    assert run.returncode == 4 and "no redshift for 1" in run.stderr
    table = read(tmp_path / "t.fits")
    assert np.array_equal(table["Z"][[3, 0, 4, 1]], z[order]) and np.isnan(table["Z"][2]) and len(table) == 5
    assert (
        table["FLAGS"][2] & 1 and table["FLAGS"][2] & 4096 and table["FLAGS"][3] & 4096 and not table["FLAGS"][0] & 4096
    )
    assert starglow("prep", *files, "-o", tmp_path / "u.fits", "--allow-partial").returncode == 0


@pytest.mark.parametrize("what", ["camera", "masked", "nan", "negative", "nan_ivar", "inf", "zero"])
def test_spoiled_pixels_are_no_data(starglow, coadd, z, tmp_path, what):
    if what == "camera":
        for name in ("WAVELENGTH", "FLUX", "IVAR", "MASK"):
            del coadd["B_" + name]
    if what == "masked":
        coadd["B_MASK"].data[0] = 256
    for name, bad in (("nan", np.nan), ("inf", np.inf)):
        if what == name:
            coadd["B_FLUX"].data[0, 100:2000] = bad
    for name, bad in (("negative", -1), ("nan_ivar", np.nan), ("zero", 0)):
        if what == name:
            coadd["B_IVAR"].data[0, :] = bad
    files = write(tmp_path, coadd, z)
    run = starglow("prep", *files, "-o", tmp_path / "t.fits")
    assert run.returncode == 0, run.stderr
    table = read(tmp_path / "t.fits")
    assert np.isnan(table["BAND_FLUX"][0][1]) and table["BAND_FLUX_IVAR"][0][1] == 0 and table["BAND_NPIX"][0][1] == 0
    assert np.isfinite(table["BAND_FLUX"][0][9]) and table["FLAGS"][0] & 2
    assert bool(table["FLAGS"][0] & 2048) == (what in ("nan", "inf", "negative", "nan_ivar"))
    assert table["HALPHA_EW"][0] == pytest.approx(40, abs=1.5)
    assert (
        starglow("prep", *files, "-o", tmp_path / "u.fits", "--strict").returncode == 3
        and not (tmp_path / "u.fits").exists()
    )
    if what != "camera":
        assert table["FLAGS"][1] == 0


def change(name):
    def unit(h, keep):
        del h["R_FLUX"].header["BUNIT"]

    def f_nu(h, keep):
        h["R_FLUX"].header["BUNIT"] = "nanomaggy"

    def zero(h, keep):
        h["B_WAVELENGTH"].data[7] = 0

    def descending(h, keep):
        h["B_WAVELENGTH"].data = h["B_WAVELENGTH"].data[::-1].copy()

    def duplicate(h, keep):
        h["B_WAVELENGTH"].data[7] = h["B_WAVELENGTH"].data[6]

    def nanometre(h, keep):
        h["B_WAVELENGTH"].data = h["B_WAVELENGTH"].data / 10

    def rows(h, keep):
        h["R_IVAR"].data = h["R_IVAR"].data[:3]

    def no_ivar(h, keep):
        del h["R_IVAR"]

    def no_ids(h, keep):
        h["FIBERMAP"].columns["TARGETID"].name = "OTHER"

    def no_fibermap(h, keep):
        del h["FIBERMAP"]

    def double_ids(h, keep):
        h["FIBERMAP"] = fits.BinTableHDU.from_columns(
            [fits.Column("TARGETID", "D", array=IDS.astype(float))], name="FIBERMAP"
        )

    def image_fibermap(h, keep):
        h["FIBERMAP"] = fits.ImageHDU(name="FIBERMAP")

    def no_axes(h, keep):
        h["B_WAVELENGTH"] = fits.ImageHDU(name="B_WAVELENGTH")

    def grids(h, keep):
        h["B_WAVELENGTH"].data = np.stack([h["B_WAVELENGTH"].data] * 2)

    return locals()[name]


@pytest.mark.parametrize(
    "name, says",
    [
        ("unit", "no BUNIT"),
        ("f_nu", "nanomaggy"),
        ("zero", "pixel 7"),
        ("descending", "pixel 1"),
        ("duplicate", "pixel 7"),
        ("nanometre", "grid"),
        ("rows", "3 x 2326"),
        ("no_ivar", "R_IVAR"),
        ("no_ids", "TARGETID"),
        ("no_fibermap", "FIBERMAP"),
        ("double_ids", "2^53"),
        ("image_fibermap", "no table"),
        ("no_axes", "0 axes"),
        ("grids", "2 axes"),
    ],
)
def test_files_that_cannot_be_understood_are_refused(starglow, coadd, z, tmp_path, name, says):
    change(name)(coadd, z)
    run = starglow("prep", *write(tmp_path, coadd, z), "-o", tmp_path / "t.fits")
    assert run.returncode == 3 and says in run.stderr, run.stderr
    assert not (tmp_path / "t.fits").exists()


def test_damaged_files_are_refused(starglow, coadd, z, tmp_path):
    coadd_path, redrock = write(tmp_path, coadd, z)
    whole = coadd_path.read_bytes()
    for size in (0, 100, 2880, 6000, len(whole) // 2, len(whole) - 2880):
        coadd_path.write_bytes(whole[:size])
        run = starglow("prep", coadd_path, redrock, "-o", tmp_path / "t.fits")
        assert run.returncode == 3, (size, run.stderr)
    at = whole.index(b"B_FLUX") + 4 * 2880
    coadd_path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
    run = starglow("prep", coadd_path, redrock, "-o", tmp_path / "t.fits")
    assert run.returncode == 3 and "changed after it was written" in run.stderr
    coadd_path.write_bytes(whole + b"junk")
    run = starglow("prep", coadd_path, redrock, "-o", tmp_path / "t.fits")
    assert run.returncode == 0 and "after the last HDU" in run.stderr
    assert starglow("prep", coadd_path, "-o", tmp_path / "u.fits").returncode == 3
    assert starglow("prep", redrock, "-o", tmp_path / "u.fits").returncode == 3
    assert starglow("prep", tmp_path / "t.fits", "-o", tmp_path / "u.fits").returncode == 3
    assert starglow("prep", coadd_path, redrock, "-o", tmp_path / "t.fits").returncode == 2  # exists


def sdss(path, vacuum=True, bad=None, end=3.96):
    log = np.arange(3.58, end, 1e-4)
    flux = 3 + 20 * np.exp(-0.5 * ((10**log / 1.1 - 6564.6) / 3) ** 2)
    ivar = np.full(len(log), 100.0)
    if bad is not None:
        flux[100], ivar[101] = np.nan, -1
    coadd = fits.BinTableHDU.from_columns(
        [
            fits.Column("flux", "E", array=flux),
            fits.Column("loglam", "E", array=log),
            fits.Column("ivar", "E", array=ivar),
            fits.Column("wdisp", "E", array=np.full(len(log), 1.0)),
        ],
        name="COADD",
    )
    spec = fits.BinTableHDU.from_columns(
        [
            fits.Column("SPECOBJID", "22A", array=["315284161675945984"]),
            fits.Column("Z", "E", array=[0.1]),
            fits.Column("CLASS", "6A", array=["GALAXY"]),
            fits.Column("ZWARNING", "J", array=[0]),
        ],
        name="SPECOBJ",
    )
    lines = fits.BinTableHDU.from_columns(
        [
            fits.Column("LINENAME", "13A", array=["H_alpha", "[O_II] 3725"]),
            fits.Column("LINEEW", "E", array=[55.0, 1]),
            fits.Column("LINEEW_ERR", "E", array=[1.1, -1]),
        ],
        name="SPZLINE",
    )
    primary = fits.PrimaryHDU()
    primary.header["VACUUM"] = vacuum
    primary.header["BUNIT"] = "1E-17 erg/cm^2/s/Ang"
    fits.HDUList([primary, coadd, spec, lines]).writeto(path, overwrite=True)


def test_sdss_spectra(starglow, tmp_path):
    sdss(tmp_path / "spec-1.fits")
    sdss(tmp_path / "spec-2.fits", bad=True)
    assert (
        starglow("prep", tmp_path / "spec-1.fits", tmp_path / "spec-2.fits", "-o", tmp_path / "t.fits").returncode == 0
    )
    table = read(tmp_path / "t.fits")
    assert list(table["TARGETID"]) == [315284161675945984] * 2
    assert table["HALPHA_EW_CAT"][0] == pytest.approx(50) and table["HALPHA_EW_CAT_IVAR"][0] == pytest.approx(1.0)
    assert np.all(table["OII_DOUBLET_EW_CAT_IVAR"] == 0)
    assert np.allclose(table["HALPHA_EW"], 20 * 3 * np.sqrt(2 * np.pi) / 3, rtol=0.03)
    assert table["FLAGS"][1] & 2048 and not table["FLAGS"][0] & 2048
    sdss(tmp_path / "spec-3.fits", vacuum=False)
    run = starglow("prep", tmp_path / "spec-3.fits", "-o", tmp_path / "u.fits")
    assert run.returncode == 0 and "converted to vacuum" in run.stderr
    with fits.open(tmp_path / "spec-3.fits") as h:
        del h[0].header["VACUUM"]
        h.writeto(tmp_path / "spec-4.fits")
    run = starglow("prep", tmp_path / "spec-4.fits", "-o", tmp_path / "v.fits")
    assert run.returncode == 3 and "VACUUM" in run.stderr


def test_spectra_of_different_lengths_share_a_file(starglow, tmp_path):
    sdss(tmp_path / "spec-1.fits")
    sdss(tmp_path / "spec-2.fits", end=3.965)
    run = starglow(
        "prep",
        tmp_path / "spec-1.fits",
        tmp_path / "spec-2.fits",
        "-o",
        tmp_path / "t.fits",
        "--spectra",
        tmp_path / "s.fits",
    )
    assert run.returncode == 0, run.stderr
    with fits.open(tmp_path / "s.fits") as f:
        wave, flux, ivar = f["WAVE"].data, f["FLUX"].data, f["IVAR"].data
    own = len(np.arange(3.58, 3.96, 1e-4))
    assert wave.shape == flux.shape == (2, len(np.arange(3.58, 3.965, 1e-4)))
    np.testing.assert_allclose(wave[0, :own], wave[1, :own], rtol=1e-6)
    assert np.all(np.diff(wave) > 0) and np.isnan(flux[0, own:]).all() and np.all(ivar[0, own:] == 0)
    assert np.isfinite(flux[1]).all() and np.all(ivar[1] > 0) and np.isfinite(flux[0, :own]).all()
    assert (
        starglow("explore", tmp_path / "t.fits", "--spectra", tmp_path / "s.fits", "-o", tmp_path / "site").returncode
        == 0
    )


def fastspec(path, version, modern, models=True, **columns):
    n = 3
    table = {"TARGETID": IDS[:n], "Z": np.array([0.1, 0.2, 0.15])}
    lines = {}
    for line in ["OII_3726", "OII_3729"] + LINES[1:]:
        for suffix, value in (
            ("_EW", [5.0, 0.0, 7.0]),
            ("_EW_IVAR", [4.0, 0.0, 4.0]),
            ("_FLUX", [10.0, 0, 10]),
            ("_FLUX_IVAR", [1.0, 0, 1]),
            ("_BOXFLUX", [10.0, 0, 10]),
            ("_BOXFLUX_IVAR", [1.0, 0, 1]),
        ):
            lines[line + suffix] = np.array(columns.get(line + suffix, value), "f4")
    primary = fits.PrimaryHDU()
    primary.header["DEPNAM00"], primary.header["DEPVER00"] = "desiutil", "3.4"
    primary.header["DEPNAM01"], primary.header["DEPVER01"] = "fastspecfit", version
    meta, spec = (
        fits.BinTableHDU(Table(table), name="METADATA"),
        fits.BinTableHDU(Table((table if not modern else {"TARGETID": IDS[:n]}) | lines), name="FASTSPEC"),
    )
    hdus = [primary, meta, spec] if modern else [primary, spec, meta]
    if models:
        planes = np.zeros((n, 3, 7781), "f4")
        planes[:, 0], planes[:, 1], planes[:, 2, 5000] = 2.0, 0.5, 30.0
        image = fits.ImageHDU(planes, name="MODELS")
        image.header["BUNIT"] = UNIT
        image.header["CRVAL1"], image.header["CDELT1"], image.header["CRPIX1"] = 3600.0, 0.8, 0
        hdus.append(image)
    fits.HDUList(hdus).writeto(path, overwrite=True)


@pytest.mark.parametrize("version, modern", [("2.5.0", False), ("3.1.5", True)])
def test_fastspecfit_catalogues(starglow, tmp_path, version, modern):
    fastspec(tmp_path / "f.fits", version, modern)
    run = starglow("prep", tmp_path / "f.fits", "-o", tmp_path / "t.fits")
    assert run.returncode == 0, run.stderr
    table = read(tmp_path / "t.fits")
    assert (
        np.allclose(table["BAND_FLUX"], 2.5)
        and table.meta["MWCORR"]
        and table.meta["CONTSRC"] == "model"
        and version in table.meta["LABELVER"]
    )
    assert table["OII_DOUBLET_EW"][0] == 10 and table["OII_DOUBLET_EW_IVAR"][0] == 2 and table["HALPHA_EW_IVAR"][0] == 4
    assert np.isnan(table["HALPHA_EW"][1]) and table["HALPHA_EW_IVAR"][1] == 0  # 0 means missing


@pytest.mark.parametrize(
    "version, says, labels",
    [("1.0.0", "(1+z)^2", 0), ("3.1.2", "3.1.0-3.1.4", 0), ("2.4.2", "overlaps", 1), ("3.4.2", "", 1)],
)
def test_fastspecfit_versions_with_defects(starglow, tmp_path, version, says, labels):
    fastspec(tmp_path / "f.fits", version, True)
    run = starglow("prep", tmp_path / "f.fits", "-o", tmp_path / "t.fits")
    assert run.returncode == 0 and says in run.stderr, run.stderr
    table = read(tmp_path / "t.fits")
    assert (table["HALPHA_EW_IVAR"][0] > 0) == bool(labels)
    # z = 0.15, Halpha at 7549 A: inside the overlap 7520-7620
    assert (table["HALPHA_EW_IVAR"][2] > 0) == (bool(labels) and version != "2.4.2")


def test_fastspecfit_strong_lines_and_missing_models(starglow, tmp_path):
    fastspec(tmp_path / "f.fits", "3.1.5", True, models=False, HALPHA_BOXFLUX=[100, 0, 10])
    run = starglow("prep", tmp_path / "f.fits", "-o", tmp_path / "t.fits")
    table = read(tmp_path / "t.fits")
    assert (
        "no MODELS" in run.stderr
        and table["HALPHA_EW_IVAR"][0] == 0
        and table["HALPHA_EW_IVAR"][2] > 0
        and np.all(np.isnan(table["BAND_FLUX"]))
    )


def test_real_coadd(starglow, shared, tmp_path):
    """A strong-line galaxy of DESI: EWs near those of a side-band integration done here, pixels as astropy merges
    them."""
    name = "4-80613-thru20210324.fits"
    folder = shared / "desi_files"
    assert (
        starglow(
            "prep",
            folder / f"coadd-{name}",
            folder / f"redrock-{name}",
            "-o",
            tmp_path / "t.fits",
            "--spectra",
            tmp_path / "s.fits",
        ).returncode
        == 0
    )
    flux, ivar = np.zeros(7781), np.zeros(7781)
    with fits.open(folder / f"coadd-{name}") as hdus:
        for camera, (first, n) in CAMERAS.items():
            w = np.where(hdus[camera + "_MASK"].data[0] == 0, hdus[camera + "_IVAR"].data[0], 0).astype(float)
            flux[first : first + n] += w * hdus[camera + "_FLUX"].data[0]
            ivar[first : first + n] += w
    flux = np.divide(flux, ivar, out=np.zeros_like(flux), where=ivar > 0)
    assert np.allclose(fits.getdata(tmp_path / "s.fits", "FLUX")[0], flux, rtol=1e-5, atol=1e-6)
    assert np.allclose(fits.getdata(tmp_path / "s.fits", "IVAR")[0], ivar, rtol=1e-5)
    row = read(tmp_path / "t.fits")[0]
    assert row["TARGETID"] == 39633345008634465 and row["FLAGS"] == 0
    for line, ew in (("OII_DOUBLET", 85), ("HBETA", 36), ("OIII_5007", 103)):
        assert row[line + "_EW"] == pytest.approx(ew, rel=0.12)
    assert row["NII_6548_EW"] + row["HALPHA_EW"] + row["NII_6584_EW"] == pytest.approx(288, rel=0.06)


def test_real_galaxy_without_photometry_at_low_redshift(starglow, shared, tmp_path):
    name = "special-dark-27247.fits"
    run = starglow(
        "prep",
        shared / "desi_files" / f"coadd-{name}",
        shared / "desi_files" / f"redrock-{name}",
        "-o",
        tmp_path / "t.fits",
    )
    assert run.returncode == 0 and "BAND_MISSING" in run.stderr
    row = read(tmp_path / "t.fits")[0]
    assert row["TARGETID"] == 39089837499744649 and np.isnan(row["BAND_FLUX"][0]) and np.isfinite(row["BAND_FLUX"][11])


def test_templates_from_a_grid_of_populations(starglow, shared, tmp_path):
    spectrum = shared / "sdss_spec/spec-0295-51585-0596.fits"
    ews = []
    for name, options in (("shipped", []), ("emiles", ["--templates", shared / "ssp/ssp_emiles.h5"])):
        assert starglow("prep", spectrum, "-o", tmp_path / f"{name}.fits", *options).returncode == 0
        ews.append(fits.getdata(tmp_path / f"{name}.fits", "GALAXIES")[0])
    for line in (
        "HBETA",
        "OIII_5007",
        "HALPHA",
        "NII_6584",
        "SII_6716",
    ):  # strong ones: another library changes little, but something
        a, b = (row[line + "_EW"] for row in ews)
        assert a != b and abs(a / b - 1) < 0.1, (line, a, b)
    run = starglow("prep", spectrum, "-o", tmp_path / "no.fits", "--templates", shared / "ssp/ssp_plaw_small.h5")
    assert run.returncode == 3 and "coarse" in run.stderr and not (tmp_path / "no.fits").exists()
