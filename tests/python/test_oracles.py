"""Our numbers against SciPy, astropy and the descriptions of the contracts."""

import itertools
import json
import struct

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from astropy.io import fits
from astropy.table import Table
from scipy import stats

LINES = "OII_DOUBLET HGAMMA HBETA OIII_4959 OIII_5007 NII_6548 HALPHA NII_6584 SII_6716 SII_6731".split()


def make_table(rng, n, ties=False):
    t = Table()
    t["TARGETID"] = rng.integers(1, 2**62, n)
    t["Z"] = rng.uniform(0.06, 0.3, n)
    t["BAND_FLUX"] = rng.lognormal(0, 0.3, (n, 12))
    for line in LINES:
        ew = rng.lognormal(1, 1, n)
        t[line + "_EW"] = (np.round(ew) + 1 if ties else ew).astype("f4")
        t[line + "_EW_IVAR"] = np.full(n, 4.0, "f4")
        p = t[line + "_EW"] * rng.lognormal(0, 0.5, n)
        t[line + "_EW_TRY"] = np.round(p) if ties else p
    t.meta["EXTNAME"] = "GALAXIES"
    return t


@pytest.mark.parametrize("n", [2, 3, 50, 1000])
@pytest.mark.parametrize("ties", [False, True])
def test_spearman_and_nmad_equal_scipy(starglow, tmp_path, n, ties):
    t = make_table(np.random.default_rng(n + ties), n, ties)
    if n > 10:
        t["HALPHA_EW_TRY"][3] = np.nan
        t["HBETA_EW_IVAR"][5] = 0
        t["HGAMMA_EW_TRY"][:] = 7.0
    t.write(tmp_path / "t.fits")
    run = starglow(
        "evaluate", tmp_path / "t.fits", "--columns", "_TRY", "--bootstrap", 0, "--json", tmp_path / "e.json"
    )
    assert run.returncode == 0, run.stderr
    lines = json.loads((tmp_path / "e.json").read_text())["predictions"][0]["lines"]
    for line in LINES:
        obs, pred = np.float64(t[line + "_EW"]), np.float64(t[line + "_EW_TRY"])
        use = (t[line + "_EW_IVAR"] > 0) & np.isfinite(pred)
        obs, pred = obs[use], pred[use]
        assert lines[line]["n"] == use.sum()
        with np.errstate(all="ignore"):
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rho = stats.spearmanr(obs, pred).statistic
        if np.isnan(rho):
            assert lines[line]["rho"] is None
        else:
            assert abs(lines[line]["rho"] - rho) < 1e-12
        assert abs(lines[line]["nmad"] - 1.48 * np.median(abs(obs - pred))) < 1e-12 * (1 + np.median(obs))
        d = obs - pred
        assert abs(lines[line]["nmad_centred"] - 1.4826 * np.median(abs(d - np.median(d)))) < 1e-12 * (
            1 + np.median(obs)
        )
        assert abs(lines[line]["asinh_rms"] - np.sqrt(np.mean((np.arcsinh(obs) - np.arcsinh(pred)) ** 2))) < 1e-12


def test_what_we_write_astropy_reads_and_verifies(starglow, tmp_path):
    assert starglow("mock", "-n", 300, "-o", tmp_path / "m.fits").returncode == 0
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(tmp_path / "m.fits", checksum=True) as hdus:
            hdus.verify("exception")
            t = hdus["GALAXIES"]
            assert t.verify_checksum() == 1 and t.verify_datasum() == 1
            assert t.header["VACUUM"] is True and t.header["APERTURE"] == "fibre"
            assert t.columns["BAND_FLUX"].unit and t.data["TARGETID"].dtype == np.dtype(">i8")
            assert list(t.data["TARGETID"]) == list(range(1, 301))
            assert dict(hdus["PROVENANCE"].data)["SEED"] == "1"


def test_what_astropy_writes_we_read_in_any_type(starglow, tmp_path):
    rng = np.random.default_rng(1)
    reference = make_table(rng, 40)
    reference["TARGETID"] = [2**53 + 1, 2**53 - 1, 2**63 - 1, 0, -7] + list(range(100, 135))
    for k, (z, flux) in enumerate([("f8", "f8"), ("f4", "f8"), ("f8", "f4"), ("f4", "i4")]):
        t = reference.copy()
        t["BAND_FLUX"] = np.round(1000 * t["BAND_FLUX"]).astype(flux)
        t["Z"] = t["Z"].astype(z)
        name = tmp_path / f"t{k}.fits.gz" if k % 2 else tmp_path / f"t{k}.fits"
        t.write(name)
        run = starglow("predict", name, "-o", tmp_path / f"o{k}.fits", "--float64", "--allow-partial")
        assert run.returncode == 0, run.stderr
        out = Table.read(tmp_path / f"o{k}.fits", hdu="GALAXIES")
        assert list(out["TARGETID"]) == list(t["TARGETID"])
        same = Table.read(tmp_path / "o0.fits", hdu="GALAXIES")
        np.testing.assert_allclose(out["HALPHA_EW"], same["HALPHA_EW"], rtol=2e-5)


def test_luminosity_distance_enters_as_astropys(starglow, tmp_path):
    """The luminosity that mock draws and the population's range agree with astropy's distances."""
    assert starglow("mock", "-n", 500, "-o", tmp_path / "m.fits").returncode == 0
    t = Table.read(tmp_path / "m.fits", hdu="GALAXIES")
    d = FlatLambdaCDM(H0=70, Om0=0.3, Tcmb0=0).luminosity_distance(np.array(t["Z"])).value
    log_lum = np.log10(t["BAND_FLUX"][:, 9] * (1 + t["Z"]) * d**2)
    assert 4.2 < log_lum.min() and log_lum.max() < 7.8
    compare = starglow("mock", "-n", 500, "--compare", tmp_path / "m.fits")
    assert compare.returncode == 0
    row = next(line for line in compare.stdout.splitlines() if line.startswith("log_lum"))
    assert abs(float(row.split()[3]) - np.sort(log_lum)[250]) < 1e-4 + 1e-4


def threefry(key, counter):
    m = 0xFFFFFFFF
    ks = [key[0], key[1], 0x1BD11BDA ^ key[0] ^ key[1]]
    x0, x1 = (counter[0] + ks[0]) & m, (counter[1] + ks[1]) & m
    for r in range(20):
        x0 = (x0 + x1) & m
        s = (13, 15, 26, 6, 17, 29, 16, 24)[r % 8]
        x1 = ((x1 << s | x1 >> (32 - s)) & m) ^ x0
        if r % 4 == 3:
            j = r // 4 + 1
            x0, x1 = (x0 + ks[j % 3]) & m, (x1 + ks[(j + 1) % 3] + j) & m
    return x0, x1


def test_noise_follows_the_documented_random_numbers(starglow, mock, tmp_path):
    """The realisation of --noise, the first draw plus noise, from the description alone: stream, id, draw 0, lane of
    the strong line, inverse CDF."""
    run = starglow("predict", mock, "--noise", "--draws", 1, "--seed", 77, "-o", tmp_path / "o.fits")
    assert run.returncode == 0, run.stderr
    t, out = Table.read(mock), Table.read(tmp_path / "o.fits", hdu="GALAXIES")
    stream = threefry((77, 0), (1, 0))
    for i in range(0, 1000, 97):
        target = int(t["TARGETID"][i])
        obj = threefry(stream, (target >> 32, target & 0xFFFFFFFF))
        for lane, line, factor in [
            (6, "HALPHA", 1.0),
            (4, "OIII_5007", 1.0),
            (4, "OIII_4959", 1 / 3.161),
            (7, "NII_6548", 1 / 2.978),
        ]:
            word = threefry(obj, (0, lane))[0]
            p = ((word & 0x7FFFFFFF) + 0.5) * 2.0**-32
            normal = stats.norm.ppf(p) * (-1 if word >> 31 else 1)
            sigma = factor / np.sqrt(
                t["OIII_5007_EW_IVAR" if lane == 4 else "NII_6584_EW_IVAR" if lane == 7 else "HALPHA_EW_IVAR"][i]
            )
            drawn = float(np.ravel(out[line + "_EW_DRAW"][i])[0])
            assert abs(out[line + "_EW_NOISY"][i] - (drawn + sigma * normal)) < 2e-5 * (1 + drawn)


def test_model_file_is_plain_safetensors(starglow, mock, tmp_path):
    """The header by hand: what docs/model-format.md says, without our reader."""
    run = starglow("train", mock, "-o", tmp_path / "m.safetensors", "--preset", "point", "epochs=2", "members=1")
    assert run.returncode == 0, run.stderr
    raw = (tmp_path / "m.safetensors").read_bytes()
    n = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + n])
    assert header["__metadata__"]["kind"] == "mlp" and header["full.params"]["dtype"] == "F32"
    sizes = [int(s) for s in header["__metadata__"]["full.sizes"].split(",")]
    assert header["full.params"]["shape"] == [1, sum((a + 1) * b for a, b in itertools.pairwise(sizes))]

    # and the networks run in NumPy
    def tensor(name):
        d = header[name]
        a, b = d["data_offsets"]
        return np.frombuffer(raw[8 + n + a : 8 + n + b], {"F32": "<f4", "F64": "<f8"}[d["dtype"]]).reshape(d["shape"])

    t = Table.read(mock)
    f = np.log10(t["BAND_FLUX"])
    d = FlatLambdaCDM(H0=70, Om0=0.3, Tcmb0=0).luminosity_distance(np.array(t["Z"])).value
    x = np.column_stack([np.diff(f, axis=1), np.log10(t["BAND_FLUX"][:, 9] * (1 + t["Z"]) * d**2), t["Z"]])
    h = (x - tensor("full.x_mean")) / tensor("full.x_scale")
    p, at = tensor("full.params")[0].astype("f8"), 0
    for k, (a, b) in enumerate(itertools.pairwise(sizes)):
        h = h @ p[at : at + a * b].reshape(b, a).T + p[at + a * b : at + a * b + b]
        at += (a + 1) * b
        if k + 2 < len(sizes):
            s = np.clip((h + 4) / 8, 0, 1)
            h = h * s**3 * (10 - 15 * s + 6 * s * s)
    ew = np.sinh(tensor("full.y_mean") + tensor("full.y_scale") * h)
    assert starglow("predict", mock, "-o", tmp_path / "o.fits", "--model", tmp_path / "m.safetensors").returncode == 0
    out = Table.read(tmp_path / "o.fits", hdu="GALAXIES")
    names = header["__metadata__"]["full.outputs"].split(",")
    for j, name in enumerate(names):
        np.testing.assert_allclose(out[name + "_EW"], ew[:, j], rtol=2e-5, atol=1e-6)
