"""The page: what explore writes and serves, and the page itself in a browser (tests/web)."""

import contextlib
import functools
import http.client
import http.server
import json
import re
import shutil
import signal
import subprocess
import threading

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from conftest import NODE, ROOT, forget_checksum

CHROMIUM = next(
    (p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome") if shutil.which(p)), None
)
IDS = [39089837596371002, 39089837596371006, 2**53 - 1, 2**53 + 1, 2**63 - 1, 0, -5]
HOSTILE = ["<img src=x onerror=window.hacked=1>", "a\"b'c&d", "</script><script>window.hacked=1</script>"]
PIXELS = 2000


@pytest.fixture(scope="module")
def table(mock, tmp_path_factory):
    """500 mock galaxies with ids at the borders of what numbers hold and columns whose names are HTML."""
    t = Table.read(mock, hdu="GALAXIES")[:500]
    t["TARGETID"] = 39627764172587174 + np.arange(500, dtype="i8") * 7919  # as wide as real ones
    t["TARGETID"][: len(IDS)] = IDS
    for k, name in enumerate(HOSTILE):
        t[name] = np.arange(500, dtype="f4") * (k + 1)
    forget_checksum(t)
    path = tmp_path_factory.mktemp("page") / "galaxies.fits"
    t.write(path)
    return path


@pytest.fixture(scope="module")
def spectra(table):
    """Spectra of the first 50 of them, Halpha the brightest thing in each, in the project's layout."""
    t = Table.read(table, hdu="GALAXIES")[:50]
    wave = 3600 + 2.5 * np.arange(PIXELS)
    z = np.array(t["Z"])[:, None]
    continuum = np.ones((50, PIXELS), "f4") * np.array(t["BAND_FLUX"])[:, :1].astype("f4")
    flux = continuum * (1 + 20 * np.exp(-0.5 * ((wave - 6564.6 * (1 + z)) / 4) ** 2)).astype("f4")
    mask = np.zeros((50, PIXELS), "i4")
    mask[:, 700:720] = 1
    images = [
        fits.ImageHDU(a, name=n)
        for n, a in (
            ("WAVE", wave),
            ("FLUX", flux),
            ("IVAR", np.full_like(flux, 25)),
            ("MASK", mask),
            ("CONTINUUM", continuum),
        )
    ]
    for hdu in images:
        if hdu.name in ("FLUX", "CONTINUUM"):
            hdu.header["BUNIT"] = "10**-17 erg s-1 cm-2 Angstrom-1"
    galaxies = fits.BinTableHDU(Table({"TARGETID": t["TARGETID"], "Z": t["Z"]}), name="GALAXIES")
    galaxies.header["VACUUM"] = True
    path = table.parent / "spectra.fits"
    fits.HDUList([fits.PrimaryHDU(), galaxies, *images]).writeto(path)
    return path


def tensors(path):
    """A safetensors file: its tensors as arrays, and the page's description."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    about = json.loads(header.pop("__metadata__")["page"])
    kinds = {"F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}
    read = lambda h: np.frombuffer(
        raw[8 + length + h["data_offsets"][0] : 8 + length + h["data_offsets"][1]], kinds[h["dtype"]]
    ).reshape(h["shape"])
    return {name: read(h) for name, h in header.items()}, about


def test_a_folder_holds_the_numbers_of_the_table(starglow, table, tmp_path):
    run = starglow("explore", table, "-o", tmp_path / "site")
    assert run.returncode == 0, run.stderr
    assert starglow("explore", table, "-o", tmp_path / "site").returncode == 2
    (data,) = (tmp_path / "site/data").iterdir()
    got, about = tensors(data / "galaxies.safetensors")
    t = Table.read(table, hdu="GALAXIES")
    lines = tmp_path / "lines.fits"
    starglow("predict", table, "-o", lines)
    p = Table.read(lines, hdu="GALAXIES")
    assert np.array_equal(got["TARGETID"], t["TARGETID"])
    assert np.array_equal(got["HALPHA_EW"], t["HALPHA_EW"].astype("f4"))
    assert np.array_equal(got["HALPHA_EW_PREDICTED"], p["HALPHA_EW"])
    np.testing.assert_allclose(got["HALPHA_EW_P84"], p["HALPHA_EW_P84"], rtol=5e-4)  # half precision
    assert np.array_equal(got["BAND_FLUX.3"], t["BAND_FLUX"][:, 3].astype("f4"))
    assert [c["name"] for c in about["columns"]] == HOSTILE and about["n"] == 500
    # without a UMAP column: principal components, here by NumPy
    x = np.log10(t["BAND_FLUX"])
    x = x - x.mean(1, keepdims=True)
    x = x - x.mean(0)
    _, s, v = np.linalg.svd(x, full_matrices=False)
    for k in range(2):
        axis = x @ v[k]
        assert abs(np.corrcoef(axis, got["xy"][:, k])[0, 1]) > 0.99999
        np.testing.assert_allclose(np.abs(axis), np.abs(got["xy"][:, k]), atol=1e-5 * np.abs(axis).max())
    assert np.corrcoef(got["xy"][:, 0], x[:, 11] - x[:, 0])[0, 1] > 0
    assert f"{100 * s[0] ** 2 / (s**2).sum():.0f} %" in about["map"]["x"]
    # another page in the same folder: the old data stay for those who look at the old page
    assert starglow("explore", table, "-o", tmp_path / "site", "--overwrite").returncode == 0
    assert len(list((tmp_path / "site/data").iterdir())) == 2


def test_a_map_places_the_galaxies(starglow, table, tmp_path):
    run = starglow("embed", table, "-o", tmp_path / "placed.fits", "--save-map", tmp_path / "map.safetensors")
    assert run.returncode == 0, run.stderr
    assert starglow("explore", table, "--map", tmp_path / "map.safetensors", "-o", tmp_path / "site").returncode == 0
    (data,) = (tmp_path / "site/data").iterdir()
    got, about = tensors(data / "galaxies.safetensors")
    assert np.array_equal(got["xy"], Table.read(tmp_path / "placed.fits", hdu="GALAXIES")["UMAP"])
    assert about["map"]["x"].startswith("UMAP") and "map.safetensors" in about["map"]["note"]
    run = starglow("explore", table, "--map", ROOT / "models/starglow.safetensors", "-o", tmp_path / "other")
    assert run.returncode == 6, run.stderr


def test_one_file_is_whole_and_its_policy_names_its_script(starglow, table, tmp_path):
    import base64
    import hashlib
    import zlib

    path = tmp_path / "page.html"
    assert (
        starglow(
            "explore", table, "--single-file", path, "--title", "</title><script>window.hacked=1</script>"
        ).returncode
        == 0
    )
    html = path.read_text()
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.S)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.S)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1].replace("&#39;", "'")
    for text in (script, style):
        assert "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'" in policy
    assert "unsafe-inline" not in policy and "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
    # the data inside, by Python's own Ascii85 and zlib: the bytes of the folder
    assert starglow("explore", table, "-o", tmp_path / "site").returncode == 0
    inside = re.findall(r'data-file="([^"]+)"( data-planes="4")?>([^<]*)</script>', html)
    assert {name for name, _, _ in inside} == {"galaxies.safetensors", "model.safetensors", "kernel.wasm"}
    for name, planes, text in inside:
        raw = zlib.decompress(base64.a85decode("".join(chr(20 + 33 if c == "}" else ord(c) - 7) for c in text)))
        if planes:
            raw = np.concatenate([np.frombuffer(raw, "u1"), np.zeros(-len(raw) % 4, "u1")]).reshape(4, -1).T.tobytes()
        (stored,) = (tmp_path / "site").rglob(name)
        if name != "galaxies.safetensors":  # that one knows its command and title
            assert raw == stored.read_bytes(), name
        else:
            (tmp_path / name).write_bytes(raw)
            mine, other = tensors(tmp_path / name)[0], tensors(stored)[0]
            assert mine.keys() == other.keys() and all(
                np.array_equal(mine[k], other[k], equal_nan=mine[k].dtype.kind == "f") for k in mine
            )
    assert not re.search(r"(src|href)=[\"']?https?:", html) and "<script>window.hacked" not in html


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        ([], 2, "one output"),
        (["-o", "a", "--serve", "0"], 2, "one output"),
        (["--serve", "70000"], 2, "port"),
        (["--single-file", "x.html", "--spectra", "nowhere.fits"], 3, "nowhere.fits"),
        (["--single-file", "no/folder/x.html"], 5, "folder"),
        (["--single-file", "x.html", "--model", "nowhere"], 3, "nowhere"),
    ],
)
def test_mistakes_are_named(starglow, table, tmp_path, arguments, code, words):
    run = starglow("explore", table, *arguments, cwd=tmp_path)
    assert run.returncode == code and words in run.stderr, run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_bands_and_one_too_large_are_refused(starglow, table, tmp_path):
    t = Table.read(table, hdu="GALAXIES")
    bare = t[["TARGETID", "Z"]]
    forget_checksum(bare)
    bare.write(tmp_path / "bare.fits")
    run = starglow("explore", tmp_path / "bare.fits", "--single-file", tmp_path / "x.html")
    assert run.returncode == 3 and "BAND_FLUX" in run.stderr
    starglow("mock", "-n", 20001, "-o", tmp_path / "many.fits")
    run = starglow("explore", tmp_path / "many.fits", "--single-file", tmp_path / "x.html")
    assert run.returncode == 2 and "20000" in run.stderr and not (tmp_path / "x.html").exists()


@contextlib.contextmanager
def served(*command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr


@pytest.fixture
def server(binary, table, spectra):
    with served(binary, "explore", table, "--spectra", spectra, "--serve", "0") as address:
        yield address


def ask(address, path=None, method="GET", **headers):
    host, port, token = re.fullmatch(r"http://(127\.0\.0\.1):(\d+)/([0-9a-f]{32})/", address).groups()
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.putrequest(
        method, f"/{token}/" if path is None else path.replace("TOKEN", token), skip_host="Host" in headers
    )
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read(), dict(answer.getheaders())


def test_the_server_gives_the_page_to_this_machine_alone(server):
    status, body, headers = ask(server)
    assert status == 200 and b"<title>galaxies.fits" in body
    assert (
        "wasm-unsafe-eval" in headers["Content-Security-Policy"]
        and "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert ask(server, Host="evil.example")[0] == 421  # a name that was bound to 127.0.0.1
    assert ask(server, Host="127.0.0.1:1")[0] == 421
    assert ask(server, "/")[0] == 403 and ask(server, "/" + "0" * 32 + "/")[0] == 403
    for path in (
        "/TOKEN/../../etc/passwd",
        "/TOKEN/%2e%2e/%2e%2e/etc/passwd",
        "/TOKEN//etc/passwd",
        "/TOKEN/data/",
        "/TOKEN/data",
        "/TOKEN/page.js%00.html",
    ):
        assert ask(server, path)[0] in (403, 404), path
    assert ask(server, "/TOKEN/" + "a" * 4000)[0] == 414
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(server, method=method)[0] in (405, 413), method
    folder = re.search(rb'starglow-data" content="([^"]+)"', body)[1].decode()
    status, part, headers = ask(server, f"/TOKEN/{folder}galaxies.safetensors", Range="bytes=8-16")
    assert status == 206 and len(part) == 9 and part.startswith(b"{") and "immutable" in headers["Cache-Control"]
    assert ask(server, f"/TOKEN/{folder}galaxies.safetensors", "HEAD")[:2] == (200, b"")


def test_a_taken_port_is_named(binary, table, server):
    port = re.search(r":(\d+)/", server)[1]
    run = subprocess.run([binary, "explore", table, "--serve", port], capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and port in run.stderr


browser = pytest.mark.skipif(
    None in (CHROMIUM, NODE) or not (ROOT / "web/node_modules/playwright-core").exists(),
    reason="no Chromium, no Node.js, or no npm ci in web/: the page is not tried in a browser",
)


@browser
def test_a_folder_works_on_a_server_without_ranges(starglow, table, spectra, tmp_path):
    assert starglow("explore", table, "--spectra", spectra, "-o", tmp_path / "site").returncode == 0
    (file,) = (tmp_path / "site/data").glob("*/spectra.bin")

    class Quiet(http.server.SimpleHTTPRequestHandler):  # Python's own answers every request with the whole file
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path / "site")
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        in_browser(
            "static_test.mjs", f"http://127.0.0.1:{server.server_port}/", HOSTILE[0], str(file.stat().st_size), least=7
        )
        server.shutdown()


def stacked(t, p):
    """All galaxies as one, by NumPy: medians of the bands over their mean, percentiles of Halpha where it is measured
    and predicted."""
    flux = np.array(t["BAND_FLUX"], float)
    flux[~np.isfinite(flux)] = np.nan
    level = np.nanmean(np.where(flux > 0, flux, np.nan), axis=1)
    measured, predicted = (np.ma.filled(np.ma.array(c, dtype=float), np.nan) for c in (t["HALPHA_EW"], p["HALPHA_EW"]))
    both = np.isfinite(measured) & np.isfinite(predicted)
    return {
        "bands": list(np.nanmedian(flux / level[:, None], axis=0)),
        "halpha": list(np.percentile(measured[both], [16, 50, 84])),
        "predicted": list(np.percentile(predicted[both], [16, 50, 84])),
    }


@pytest.fixture
def single(starglow, table, tmp_path):
    """The page of the table as one file with a hostile title, predictions by the command line, and what both must agree
    on."""
    assert (
        starglow(
            "explore",
            table,
            "--single-file",
            tmp_path / "page.html",
            "--title",
            "</title><script>window.hacked=1</script>",
        ).returncode
        == 0
    )
    assert starglow("predict", table, "-o", tmp_path / "lines.fits", "--noise", "--seed", 2).returncode == 0
    t, p = Table.read(table, hdu="GALAXIES"), Table.read(tmp_path / "lines.fits", hdu="GALAXIES")
    expected = {
        "ids": [str(i) for i in t["TARGETID"]],
        "twins": list(range(len(IDS))),
        "hostile": HOSTILE,
        "noisy": {"seed": 2, "halpha": [float(v) for v in p["HALPHA_EW_NOISY"]]},
        "stack": stacked(t, p),
    }
    (tmp_path / "expected.json").write_text(json.dumps(expected))
    return tmp_path / "page.html", t, p


def in_browser(script, *arguments, least):
    run = subprocess.run([NODE, ROOT / "tests/web" / script, *arguments], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-4000:]
    assert int(re.search(r"(\d+) checks", run.stdout)[1]) >= least, run.stdout


@browser
def test_the_page_in_a_browser(single, server, spectra, tmp_path):
    in_browser("page_test.mjs", single[0].as_uri(), server, tmp_path / "expected.json", tmp_path, least=90)
    # the files of spectra that it left: galaxy 5, at rest and as observed, and all fifty as one
    with fits.open(spectra) as f:
        wave, flux, mask, z = f["WAVE"].data, f["FLUX"].data[5], f["MASK"].data[5], f["GALAXIES"].data["Z"][5]
    for frame, name, factor in (("rest", "WAVE_REST", 1 + z), ("observed", "WAVE_OBSERVED", 1)):
        got = Table.read(tmp_path / f"{frame}.ecsv", format="ascii.ecsv")
        np.testing.assert_allclose(got[name] * factor, wave, rtol=1e-6)
        np.testing.assert_allclose(got["FLUX"], flux, atol=np.abs(flux).max() / 60000)
        sigma = np.ma.filled(np.ma.array(got["SIGMA"], dtype=float), np.nan)
        assert np.array_equal(np.isnan(sigma), mask != 0) and abs(np.nanmedian(sigma) / 0.2 - 1) < 0.03
        assert str(got["FLUX"].unit) == "1e-17 erg / (Angstrom s cm2)" and "PREDICTED_P84" in got.colnames
    got = Table.read(tmp_path / "stack.ecsv", format="ascii.ecsv")
    assert abs(got["WAVE_REST"][np.argmax(got["FLUX"])] - 6564.6) < 1 and np.all(got["FLUX_P16"] <= got["FLUX_P84"])


@browser
def test_selections_in_a_browser(single, tmp_path):
    page, t, p = single
    in_browser("select_test.mjs", page.as_uri(), tmp_path / "expected.json", tmp_path, least=60)
    for name, options in (
        ("csv", {"format": "ascii.csv", "comment": "#"}),
        ("ecsv", {"format": "ascii.ecsv"}),
        ("fits", {"hdu": "GALAXIES"}),
    ):
        got = Table.read(tmp_path / f"selection.{name}", **options)
        assert [int(i) for i in got["TARGETID"]] == [int(i) for i in t["TARGETID"]], name
        np.testing.assert_allclose(np.array(got["HALPHA_EW"], float), t["HALPHA_EW"], rtol=1e-6)
        np.testing.assert_allclose(np.array(got["NII_6548_EW_PREDICTED"], float), p["NII_6548_EW"], rtol=1e-6)
        notes = np.ma.filled(np.ma.array(got["NOTE"], dtype="U40"), "")
        assert notes[4] == 'odd, "red" and <b>blue</b>' and not any(np.delete(notes, 4)), name
    assert str(Table.read(tmp_path / "selection.ecsv", format="ascii.ecsv")["HALPHA_EW"].unit) == "Angstrom"
    assert (tmp_path / "selection.png").read_bytes().startswith(b"\x89PNG") and "<svg" in (
        tmp_path / "selection.svg"
    ).read_text()


@browser
def test_many_galaxies_are_a_density_from_afar(binary, starglow, tmp_path):
    assert starglow("mock", "-n", 210_000, "-o", tmp_path / "mock.fits").returncode == 0
    t = Table.read(tmp_path / "mock.fits", hdu="GALAXIES")
    t["SURVEY"] = "sv3"
    forget_checksum(t)
    t.write(tmp_path / "many.fits")
    with served(binary, "explore", tmp_path / "many.fits", "--serve", "0") as address:
        in_browser("dense_test.mjs", address, least=12)
