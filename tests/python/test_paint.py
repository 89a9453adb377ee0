"""paint from the command line, on files that astropy wrote, against SciPy."""

import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy.special import erf

LINES = "OII_DOUBLET HGAMMA HBETA OIII_4959 OIII_5007 NII_6548 HALPHA NII_6584 SII_6716 SII_6731".split()
WAVE = 3600 + 0.8 * np.arange(7781)
C = 299792.458
# Side bands of Halpha and [OIII], rest frame; the header side_bands.hpp.
BANDS = {"HALPHA": (6470, 6510, 6622, 6662), "OIII_5007": (4900, 4930, 5036, 5066)}


def write_continua(path, n=5, wave=WAVE, z=None, name="CONTINUUM", **columns):
    """Galaxies of power laws with a break at 4000 A, as the layout of docs/spectra.md says."""
    z = np.linspace(0.08, 0.2, n) if z is None else np.asarray(z, float)
    n = len(z)
    rest = wave[None, :] / (1 + np.nan_to_num(z)[:, None])
    slope = np.linspace(-1, 0.6, n)[:, None]
    flux = (3 * (rest / 5500) ** slope * (1 - 0.4 / (1 + np.exp((rest - 4000) / 60)))).astype("f4")
    table = Table({"TARGETID": np.arange(n) + 2**53 + 1, "Z": z} | columns)
    header = {
        "EXTNAME": "GALAXIES",
        "APERTURE": "fibre",
        "MWCORR": False,
        "MASKRULE": "k24",
        "CONTSRC": "synthetic",
        "FLUXSCAL": "absolute",
        "VACUUM": True,
    }
    hdu = fits.BinTableHDU(table)
    hdu.header.update(header)
    images = [
        fits.ImageHDU(wave, name="WAVE"),
        fits.ImageHDU(flux, name=name),
        fits.ImageHDU(np.full_like(flux, 25), name="IVAR"),
    ]
    for image, unit in zip(images, ("Angstrom", "10**-17 erg s-1 cm-2 Angstrom-1", "10**34 erg-2 s2 cm4 Angstrom2")):
        image.header["BUNIT"] = unit
    fits.HDUList([fits.PrimaryHDU(), hdu, *images]).writeto(path, checksum=True)
    return flux.astype(float), z


@pytest.fixture(scope="module")
def continua(tmp_path_factory):
    path = tmp_path_factory.mktemp("paint") / "c.fits"
    flux, z = write_continua(path)
    return path, flux, z


def ok(run):
    assert run.returncode == 0, run.stderr
    return run


def level(flux, z, line):
    blue_lo, blue_hi, red_lo, red_hi = np.array(BANDS[line]) * (1 + z)
    fine = lambda lo, hi: np.interp(np.linspace(lo, hi, 20001), WAVE, flux).mean()
    return 0.5 * (fine(blue_lo, blue_hi) + fine(red_lo, red_hi))


def test_painted_lines_are_gaussians_of_the_predicted_ew(starglow, continua, tmp_path):
    path, flux, z = continua
    ok(starglow("paint", path, "-o", tmp_path / "s.fits", "--sigma-v", "120", "--resolution", "3000"))
    with fits.open(tmp_path / "s.fits", checksum=True) as out:
        t = out["GALAXIES"].data
        table = Table({"TARGETID": t["TARGETID"], "Z": t["Z"], "BAND_FLUX": t["BAND_FLUX"]})
        table.meta.update(
            {
                k: v
                for k, v in out["GALAXIES"].header.items()
                if k in ("APERTURE", "MWCORR", "MASKRULE", "CONTSRC", "FLUXSCAL", "VACUUM")
            }
        )
        table.meta["EXTNAME"] = "GALAXIES"
        table.write(tmp_path / "b.fits")
        ok(starglow("predict", tmp_path / "b.fits", "-o", tmp_path / "p.fits"))
        p = Table.read(tmp_path / "p.fits", hdu="GALAXIES")
        assert (p["TARGETID"] == np.arange(5) + 2**53 + 1).all() and (t["TARGETID"] == p["TARGETID"]).all()
        for line in ("HALPHA", "OIII_5007"):
            assert np.allclose(t[line + "_EW"], p[line + "_EW"], rtol=1e-5)
        lines = out["LINES"].data.astype(float)
        assert np.array_equal(
            out["FLUX"].data, (out["CONTINUUM"].data.astype(float) + lines).astype("f4")
        ) or np.allclose(out["FLUX"].data, out["CONTINUUM"].data + lines, rtol=2e-7)
        edges = np.append(WAVE - 0.4, WAVE[-1] + 0.4)
        for i in range(5):
            # [OIII] 5007 and its partner by the ratio of fluxes.
            want = np.zeros(WAVE.size)
            f = t["OIII_5007_EW"][i] * (1 + z[i]) * level(flux[i], z[i], "OIII_5007")
            for wave, share in ((5008.24, 1), (4960.295, 1 / 2.993)):
                at = wave * (1 + z[i])
                s = np.hypot(at * 120 / C, at / 3000 / 2.3548200450309493)
                want += share * f * np.diff(0.5 * (1 + erf((edges - at) / s / np.sqrt(2)))) / 0.8
            near = abs(WAVE - 4985 * (1 + z[i])) < 60
            assert np.allclose(lines[i, near], want[near], atol=2e-5 * want.max())


def test_zero_and_sums(starglow, continua, tmp_path):
    path, _, _ = continua
    for name, factor in (("a", 1.0), ("b", 2.5), ("ab", 3.5), ("zero", 0.0)):
        Table(
            {"TARGETID": np.arange(5) + 2**53 + 1}
            | {k + "_EW": np.full(5, factor * (i + 1)) for i, k in enumerate(LINES)}
        ).write(tmp_path / f"{name}.t.fits")
        ok(
            starglow(
                "paint", path, "-o", tmp_path / f"{name}.fits", "--from", "ew", "--table", tmp_path / f"{name}.t.fits"
            )
        )
    planes = {name: fits.getdata(tmp_path / f"{name}.fits", "LINES").astype(float) for name in ("a", "b", "ab")}
    assert np.allclose(planes["a"] + planes["b"], planes["ab"], rtol=1e-6, atol=1e-6)
    with fits.open(path) as given, fits.open(tmp_path / "zero.fits") as zero:
        assert zero["FLUX"].data.tobytes() == given["CONTINUUM"].data.tobytes()
        assert not zero["LINES"].data.any()


def test_draws_are_those_of_predict_and_bytes_do_not_depend_on_threads_or_chunks(starglow, continua, tmp_path):
    path, _, _ = continua
    images = []
    for threads, chunk in ((1, 1), (2, 7), (7, 4096)):
        out = tmp_path / f"s{threads}.fits"
        ok(
            starglow(
                "paint",
                path,
                "-o",
                out,
                "--draws",
                "3",
                "--noise",
                "desi",
                "--seed",
                "4",
                "--threads",
                threads,
                "--chunk",
                chunk,
            )
        )
        raw = out.read_bytes()
        images.append(raw[: raw.rindex(b"XTENSION", 0, raw.index(b"'PROVENANCE'"))])
    assert images[0] == images[1] == images[2]
    with fits.open(tmp_path / "s1.fits") as out:
        t = out["GALAXIES"].data
        assert len(t) == 15 and (t["DRAW"] == np.tile([0, 1, 2], 5)).all()
        table = Table({"TARGETID": t["TARGETID"][::3], "Z": t["Z"][::3], "BAND_FLUX": t["BAND_FLUX"][::3]})
        table.meta.update(
            {"EXTNAME": "GALAXIES", "APERTURE": "fibre", "MWCORR": False, "FLUXSCAL": "absolute", "VACUUM": True}
            | {"CONTSRC": "synthetic"}
        )
        table.write(tmp_path / "b.fits")
        ok(starglow("predict", tmp_path / "b.fits", "-o", tmp_path / "p.fits", "--draws", "3", "--seed", "4"))
        p = Table.read(tmp_path / "p.fits", hdu="GALAXIES")
        assert np.allclose(t["HALPHA_EW"].reshape(5, 3), p["HALPHA_EW_DRAW"], rtol=1e-5)
        noise = (out["FLUX"].data - out["CONTINUUM"].data - out["LINES"].data) * np.sqrt(out["IVAR"].data)
        assert abs(noise.std() - 1) < 0.01 and abs(noise.mean()) < 0.01
        assert abs(np.corrcoef(noise)[np.triu_indices(15, 1)]).max() < 0.06


def test_strengths_from_flux_and_luminosity(starglow, tmp_path):
    z = np.array([0.1, 0.15])
    write_continua(tmp_path / "c.fits", z=z, HALPHA_FLUX=np.array([50.0, 80.0]), HALPHA_LUM=np.array([1e41, 2e41]))
    ok(starglow("paint", tmp_path / "c.fits", "-o", tmp_path / "f.fits", "--from", "flux"))
    assert np.allclose((fits.getdata(tmp_path / "f.fits", "LINES").astype(float) * 0.8).sum(1), [50, 80], rtol=1e-6)
    ok(starglow("paint", tmp_path / "c.fits", "-o", tmp_path / "l.fits", "--from", "luminosity"))
    from astropy.cosmology import FlatLambdaCDM

    distance = FlatLambdaCDM(70, 0.3, Tcmb0=0).luminosity_distance(z).to("cm").value
    want = np.array([1e41, 2e41]) / (4 * np.pi * distance**2) / 1e-17
    assert np.allclose((fits.getdata(tmp_path / "l.fits", "LINES").astype(float) * 0.8).sum(1), want, rtol=1e-6)


def test_magnitudes_against_a_plain_integral(starglow, continua, tmp_path):
    path, flux, _z = continua
    wave = np.arange(5500.0, 7001.0, 10)
    t = np.interp(wave, [5500, 5600, 6900, 7000], [0, 0.8, 0.6, 0])
    np.savetxt(tmp_path / "r.txt", np.c_[wave / 10, t], header="wavelength [nm] transmission")
    np.savetxt(tmp_path / "red.txt", np.c_[wave + 3500, t])
    ok(starglow("paint", path, "-o", tmp_path / "s.fits", "--filters", tmp_path / "r.txt"))
    fine = np.arange(5500, 7000, 0.05)
    for i in range(5):
        with fits.open(tmp_path / "s.fits") as out:
            row, total = out["GALAXIES"].data[i], flux[i] + out["LINES"].data[i]
        for column, spectrum in (("MAG_R_CONT", flux[i]), ("MAG_R", total)):
            n = np.sum(np.interp(fine, wave, t) * np.interp(fine, WAVE, spectrum) * fine) * 1e-17 / 2.99792458e18
            d = np.sum(np.interp(fine, wave, t) / fine) * 3.631e-20
            assert abs(row[column] + 2.5 * np.log10(n / d)) < 2e-5
    keep = starglow("paint", path, "-o", tmp_path / "k.fits", "--filters", f"{tmp_path}/r.txt", "--total", "keep:r")
    ok(keep)
    with fits.open(tmp_path / "k.fits") as k, fits.open(tmp_path / "s.fits") as s:
        assert np.allclose(k["GALAXIES"].data["MAG_R"], k["GALAXIES"].data["MAG_R_CONT"], atol=1e-6)
        assert np.allclose(k["GALAXIES"].data["HALPHA_EW"], s["GALAXIES"].data["HALPHA_EW"], rtol=1e-5)
        assert (k["FLUX"].data <= s["FLUX"].data * (1 + 1e-6)).all() and k["FLUX"].data[4].sum() < 0.999 * s[
            "FLUX"
        ].data[4].sum()
    # A filter without a unit is refused; one beyond the spectrum gives NaN and a flag.
    assert starglow("paint", path, "-o", tmp_path / "n.fits", "--filters", tmp_path / "red.txt").returncode == 3
    run = ok(
        starglow(
            "paint", path, "-o", tmp_path / "n.fits", "--filters", tmp_path / "red.txt", "--filter-unit", "Angstrom"
        )
    )
    assert "5 FILTER_OUTSIDE" in run.stderr
    assert np.isnan(fits.getdata(tmp_path / "n.fits", "GALAXIES")["MAG_RED"]).all()


def test_bad_rows_are_kept_and_flagged(starglow, tmp_path):
    write_continua(tmp_path / "c.fits", z=[0.1, np.nan, 0.55, -0.5])
    run = starglow("paint", tmp_path / "c.fits", "-o", tmp_path / "s.fits")
    assert run.returncode == 4, run.stderr
    with fits.open(tmp_path / "s.fits") as out:
        flags = out["GALAXIES"].data["FLAGS"]
        assert flags[0] == 0 and flags[1] & (1 | 512) and flags[2] & 64
        assert np.isfinite(out["FLUX"].data[[0, 2]]).all() and np.isnan(out["FLUX"].data[1]).all()
    run = starglow(
        "paint", tmp_path / "c.fits", "-o", tmp_path / "f.fits", "--from", "flux", "--table", tmp_path / "s.fits"
    )
    assert run.returncode == 4 and "NONFINITE" in run.stderr, run.stderr  # no redshift, and lines that are NaN
    assert starglow("paint", tmp_path / "c.fits", "-o", tmp_path / "s2.fits", "--allow-partial").returncode == 0
    assert starglow("paint", tmp_path / "c.fits", "-o", tmp_path / "s3.fits", "--strict").returncode == 3
    assert not (tmp_path / "s3.fits").exists()


@pytest.mark.parametrize(
    "arguments,code,word",
    [
        (["--noise", "pink"], 2, "desi"),
        (["--sigma-v", "-3"], 2, "0 to"),
        (["--sigma-v", "balmr=3"], 2, "balmer"),
        (["--sigma-v", "NOWHERE"], 3, "column"),
        (["--resolution", "x"], 2, "resolution"),
        (["--resolution", "matrix"], 3, "RESOLUTION"),
        (["--from", "ew"], 3, "HALPHA_EW"),
        (["--from", "ew", "--draws", "2"], 2, "draws"),
        (["--table", "x.fits"], 2, "--from"),
        (["--draws", "100000"], 2, "1000"),
        (["--oii-ratio", "-1"], 2, "oii-ratio"),
        (["--filters", "none.ecsv"], 3, "none.ecsv"),
        (["--total", "keep:r"], 2, "keep"),
        (["--chunk", "0"], 2, "chunk"),
    ],
)
def test_wrong_calls(starglow, continua, tmp_path, arguments, code, word):
    run = starglow("paint", continua[0], "-o", tmp_path / "o.fits", *arguments)
    assert run.returncode == code and word in run.stderr, run.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrong_files(starglow, continua, mock, tmp_path):
    assert starglow("paint", mock, "-o", tmp_path / "o.fits").returncode == 3  # a table, no spectra
    assert starglow("paint", tmp_path / "none.fits", "-o", tmp_path / "o.fits").returncode == 3
    shutil.copy(continua[0], tmp_path / "c.fits")
    raw = bytearray((tmp_path / "c.fits").read_bytes())
    raw[-3000] ^= 1  # in the last image
    (tmp_path / "c.fits").write_bytes(raw)
    run = starglow("paint", tmp_path / "c.fits", "-o", tmp_path / "o.fits")
    assert run.returncode == 3 and "changed after it was written" in run.stderr
    write_continua(tmp_path / "d.fits", wave=WAVE[::-1].copy())
    run = starglow("paint", tmp_path / "d.fits", "-o", tmp_path / "o.fits")
    assert run.returncode == 3 and "pixel 1" in run.stderr
    # The rows of another table.
    Table({"TARGETID": np.arange(5), "HALPHA_EW": np.ones(5)}).write(tmp_path / "t.fits")
    run = starglow("paint", continua[0], "-o", tmp_path / "o.fits", "--from", "ew", "--table", tmp_path / "t.fits")
    assert run.returncode == 3 and "TARGETID" in run.stderr
    assert not (tmp_path / "o.fits").exists()


def test_coarse_and_logarithmic_grids(starglow, tmp_path):
    for name, wave in (("log", np.geomspace(3600, 9800, 4500)), ("coarse", np.geomspace(3300, 10500, 312))):
        write_continua(tmp_path / f"{name}.fits", wave=wave, HALPHA_EW=np.full(5, 40.0))
        ok(starglow("paint", tmp_path / f"{name}.fits", "-o", tmp_path / f"{name}.s.fits", "--from", "ew"))
        with fits.open(tmp_path / f"{name}.s.fits") as out:
            centre = out["WAVE"].data
            edges = np.concatenate(
                [
                    [1.5 * centre[0] - 0.5 * centre[1]],
                    0.5 * (centre[1:] + centre[:-1]),
                    [1.5 * centre[-1] - 0.5 * centre[-2]],
                ]
            )
            got = (out["LINES"].data.astype(float) * np.diff(edges)).sum(1)
            assert np.allclose(got, out["GALAXIES"].data["HALPHA_FLUX"], rtol=1e-6)


def test_figure_shows_data_beside_the_painted_spectrum(starglow, tmp_path):
    import json

    flux, _z = write_continua(tmp_path / "c.fits")
    with fits.open(tmp_path / "c.fits") as f:
        data = fits.ImageHDU((flux + 0.2).astype("f4"), name="FLUX")
        fits.HDUList([*f, data]).writeto(tmp_path / "d.fits", checksum=True)
    ok(
        starglow(
            "paint",
            tmp_path / "d.fits",
            "-o",
            tmp_path / "s.fits",
            "--figures",
            tmp_path / "fig",
            "--figure-rows",
            "1,3",
        )
    )
    assert sorted(p.name for p in (tmp_path / "fig").iterdir()) == ["spectrum_1.json", "spectrum_3.json"]
    figure = json.loads((tmp_path / "fig/spectrum_1.json").read_text())
    assert figure["schema"] == "starglow-figure-1" and figure["kind"] == "spectrum" and len(figure["panels"]) == 6
    series = {s["label"]: s for s in figure["panels"][4]["series"]}
    x = np.array(series["observed"]["x"])
    assert np.allclose(series["observed"]["y"], np.interp(x, WAVE, flux[1]) + 0.2, rtol=1e-6)
    assert np.allclose(np.array(series["noise, 1 sigma"]["y_high"]) - series["observed"]["y"], 0.2)
    assert np.allclose(
        series["starlight and painted lines"]["y"],
        fits.getdata(tmp_path / "s.fits", "FLUX")[1][np.isin(WAVE, x)],
        rtol=1e-6,
    )
    assert (
        starglow(
            "paint", tmp_path / "d.fits", "-o", tmp_path / "t.fits", "--figures", tmp_path / "g", "--figure-rows", "9"
        ).returncode
        == 2
    )


def test_output_is_good_fits(starglow, continua, tmp_path):
    ok(starglow("paint", continua[0], "-o", tmp_path / "s.fits", "--noise", "ivar"))
    if shutil.which("fitsverify"):
        run = subprocess.run(["fitsverify", "-q", "-e", str(tmp_path / "s.fits")], capture_output=True, text=True)
        assert run.returncode == 0, run.stdout
    assert "PROVENANCE" in [h.name for h in fits.open(tmp_path / "s.fits", checksum=True)]
    assert starglow("inspect", tmp_path / "s.fits").returncode == 0


def test_summary_sets_one_galaxy_beside_its_measurement(starglow, mock, tmp_path):
    ok(starglow("predict", mock, "-o", tmp_path / "l.fits"))
    run = ok(starglow("summary", tmp_path / "l.fits", "--measured", mock, "--row", "3"))
    p, m = Table.read(tmp_path / "l.fits", hdu=1), Table.read(mock, hdu=1)
    words = next(line for line in run.stdout.splitlines() if "HALPHA" in line).split()
    want = [
        p["HALPHA_EW"][3],
        p["HALPHA_EW_P16"][3],
        p["HALPHA_EW_P84"][3],
        m["HALPHA_EW"][3],
        m["HALPHA_EW_IVAR"][3] ** -0.5,
    ]
    assert np.allclose([float(w) for w in words[1:] if w != "to"], want, atol=0.006)
    assert f"TARGETID {p['TARGETID'][3]}" in run.stdout and "flags of the prediction" in run.stdout
    assert starglow("summary", tmp_path / "l.fits", "--measured", mock, "--row", "1000").returncode == 2
    assert starglow("summary", tmp_path / "l.fits", "--measured", mock, "--row=-2").returncode == 2


def test_summary_says_what_the_flags_of_a_galaxy_mean(starglow, mock, tmp_path):
    table = Table.read(mock, hdu=1)[:12]
    table["BAND_FLUX"][1] = table["BAND_FLUX"][1][::-1] ** 3  # no galaxy has such a continuum
    table.write(tmp_path / "t.fits")
    ok(starglow("predict", tmp_path / "t.fits", "-o", tmp_path / "l.fits"))
    run = ok(starglow("summary", tmp_path / "l.fits", "--measured", tmp_path / "t.fits"))
    galaxies = run.stdout.split("TARGETID ")[1:]
    assert len(galaxies) == 10 and "2 more galaxies" in run.stdout
    lines = Table.read(tmp_path / "l.fits", hdu=1)
    assert f"DOMAIN {lines['DOMAIN'][1]:.2f}" in galaxies[1]
    assert f"P_LINELESS {lines['P_LINELESS'][1]:.2f}" in galaxies[1]
    assert "OUT_OF_DOMAIN   unlike the training galaxies" in galaxies[1]
    assert "OUT_OF_DOMAIN" not in galaxies[0]


def test_a_real_coadd_to_ews_and_back(starglow, shared, tmp_path):
    files = [shared / "desi_files" / f"{kind}-4-80613-thru20210324.fits" for kind in ("coadd", "redrock")]
    if not all(f.exists() for f in files):
        pytest.skip("no shared data here")
    ok(starglow("prep", *files, "-o", tmp_path / "t.fits", "--spectra", tmp_path / "s.fits"))
    ok(
        starglow(
            "paint",
            tmp_path / "s.fits",
            "-o",
            tmp_path / "p.fits",
            "--from",
            "ew",
            "--table",
            tmp_path / "t.fits",
            "--resolution",
            "3500",
            "--figures",
            tmp_path / "f",
        )
    )
    measured = Table.read(tmp_path / "t.fits", hdu=1)[0]
    with fits.open(tmp_path / "p.fits") as painted:
        row = painted["GALAXIES"].data[0]
        assert row["TARGETID"] == measured["TARGETID"] == 39633345008634465
        for line in ("HBETA", "OIII_5007", "HALPHA"):
            assert np.isclose(row[line + "_EW"], measured[line + "_EW"], rtol=1e-5)
            # The light on the pixels, in units of the data, is what prep found there: to its errors and 3 %, as prep
            # lets the data correct the continuum in the side bands.
            error = measured[line + "_FLUX_IVAR"] ** -0.5
            assert abs(row[line + "_FLUX"] - measured[line + "_FLUX"]) < 3 * error + 0.03 * measured[line + "_FLUX"]
    assert (tmp_path / "f/spectrum.json").exists()
