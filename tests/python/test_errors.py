"""One table of odd inputs through every interface: the command line, NumPy, the kernel inside JAX, the twin."""

import re
import subprocess
import sys

import numpy as np
import pytest
from astropy.table import Column, Table

import starglow as sg

N = 6


@pytest.fixture(scope="module")
def good():
    g = sg.mock(N, seed=2)
    return {"BAND_FLUX": g.band_flux, "Z": g.z, "TARGETID": g.targetid}


def command_line(columns, starglow, folder):
    t = Table()
    for name, values in columns.items():
        t[name] = values
    t.meta["EXTNAME"] = "GALAXIES"
    t.write(folder / "t.fits")
    run = starglow("predict", folder / "t.fits", "-o", folder / "o.fits", "--allow-partial")
    if run.returncode == 3:
        raise ValueError(run.stderr)
    assert run.returncode == 0, run.stderr
    out = Table.read(folder / "o.fits", hdu="GALAXIES")
    return np.stack([np.ma.filled(out[line + "_EW"].astype("f8"), np.nan) for line in sg.LINES], axis=1).reshape(
        len(out), 10
    ), np.asarray(out["FLAGS"])


def numpy_call(columns, *_):
    p = sg.Model.shipped().predict(columns["BAND_FLUX"], columns["Z"], targetid=columns["TARGETID"])
    return p.ew, p.flags


def kernel(columns, *_):
    pytest.importorskip("jax")
    from starglow.jax import kernel as sgk

    p = sgk.predict(None, columns["BAND_FLUX"], columns["Z"], targetid=columns["TARGETID"])
    sgk.sample(None, columns["BAND_FLUX"], columns["Z"], columns["TARGETID"], draws=1)
    return np.asarray(p.ew), np.asarray(p.flags)


def twin(columns, *_):
    sgj = pytest.importorskip("starglow.jax")
    weights = sgj.load()
    p = sgj.predict(weights, columns["BAND_FLUX"], columns["Z"], targetid=columns["TARGETID"])
    sgj.sample(weights, columns["BAND_FLUX"], columns["Z"], columns["TARGETID"], draws=1)
    return np.asarray(p.ew), np.asarray(p.flags)


INTERFACES = [command_line, numpy_call, kernel, twin]


def change(columns, name, f):
    return columns | {name: f(columns[name])}


def put(row, value):
    def f(array):
        out = array.copy()
        out[row] = value
        return out

    return f


REFUSED = {
    "eleven bands": (lambda c: change(c, "BAND_FLUX", lambda f: f[:, :11]), "wrong (number of bands|shape).*11.*12"),
    "bands of text": (
        lambda c: change(c, "BAND_FLUX", lambda f: f.astype("U8")),
        "wrong number of bands; found 96|not numeric|not an array of real numbers",
    ),  # FITS: 96 letters
    "complex bands": (
        lambda c: change(c, "BAND_FLUX", lambda f: f.astype("c16")),
        "not numeric|not an array of real numbers",
    ),
    "another unit": (lambda c: change(c, "BAND_FLUX", lambda f: Column(f, unit="Jy")), "another unit"),
    "ids as floats": (lambda c: change(c, "TARGETID", lambda i: i.astype("f8")), "2\\^53"),
}


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, interface, good, starglow, tmp_path):
    spoil, says = REFUSED[case]
    with pytest.raises(ValueError, match=says):
        interface(spoil(good), starglow, tmp_path)


FLAGGED = {
    "NaN band": (put((2, 3), np.nan), None, "BAND_MISSING", True),
    "negative flux": (put((2, 3), -1.0), None, "NEGATIVE_BAND", True),
    "zero flux": (put((2, 3), 0.0), None, "NEGATIVE_BAND", True),
    "infinite flux": (put((2, 3), np.inf), None, "NONFINITE", False),
    "no bands": (put(2, np.nan), None, "NO_ANSWER", False),
    "no redshift": (None, put(2, np.nan), "NO_LUMINOSITY", True),
    "negative redshift": (None, put(2, -0.1), "Z_RANGE", True),
}


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("case", FLAGGED)
def test_flagged(case, interface, good, starglow, tmp_path):
    """The row is flagged and the others stay as they are; flags are those of NumPy's call in every bit."""
    flux, z, name, answered = FLAGGED[case]
    columns = change(good, "BAND_FLUX", flux) if flux else change(good, "Z", z)
    ew, flags = interface(columns, starglow, tmp_path)
    assert name in sg.flag_names(flags[2]) and np.isfinite(ew[2]).all() == answered
    plain, _want = numpy_call(good)
    np.testing.assert_array_equal(flags, numpy_call(columns)[1])
    others = [0, 1, 3, 4, 5]
    np.testing.assert_allclose(ew[others], plain[others], rtol=2e-4, atol=2e-4)


SAME = {
    "big-endian": lambda c: {k: v.astype(v.dtype.newbyteorder(">")) for k, v in c.items()},
    "not contiguous": lambda c: {k: np.repeat(v, 2, axis=0)[::2] for k, v in c.items()},
    "bands in Fortran order": lambda c: change(c, "BAND_FLUX", np.asfortranarray),
    "the right unit": lambda c: change(c, "BAND_FLUX", lambda f: Column(f, unit="1e-17 erg / (s cm2 Angstrom)")),
    "single precision": lambda c: change(c, "BAND_FLUX", lambda f: f.astype("f4")),
    "integers": lambda c: c | {"BAND_FLUX": np.round(c["BAND_FLUX"] * 1e4).astype("i4")},
    "no rows": lambda c: {k: v[:0] for k, v in c.items()},
}


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("case", SAME)
def test_taken_as_they_are(case, interface, good, starglow, tmp_path):
    columns = SAME[case](good)
    plain = {
        k: np.ascontiguousarray(np.asarray(v), dtype=np.int64 if k == "TARGETID" else np.float64)
        for k, v in columns.items()
    }
    ew, flags = interface(columns, starglow, tmp_path)
    want, want_flags = numpy_call(plain)
    assert ew.shape == want.shape
    np.testing.assert_allclose(ew, want, rtol=2e-4, atol=2e-4)
    np.testing.assert_array_equal(flags, want_flags)


@pytest.mark.parametrize("interface", [numpy_call, kernel, twin], ids=lambda f: f.__name__)
def test_lengths_that_differ_and_absent_bands_are_refused(interface, good):
    for columns in (
        change(good, "Z", lambda z: z[:3]),
        change(good, "BAND_FLUX", lambda f: f[0, 0]),
        change(good, "BAND_FLUX", lambda f: [[1, 2], [3]]),
        change(good, "BAND_FLUX", lambda f: None),
    ):
        with pytest.raises(ValueError, match="; (found|expected)"):
            interface(columns)


def test_errors_have_parts_and_kinds(tmp_path):
    model = sg.Model.shipped()
    with pytest.raises(sg.InputError) as caught:
        model.predict(np.ones((3, 11)))
    assert (
        caught.value.kind == "input"
        and caught.value.exit_code == 3
        and "(3, 11)" in caught.value.seen
        and "12" in caught.value.wanted
    )
    with pytest.raises(FileNotFoundError):
        sg.Model.load(tmp_path / "absent.safetensors")
    with pytest.raises(FileNotFoundError):
        sg.read_table(tmp_path / "absent.fits")
    (tmp_path / "text.fits").write_text("hello")
    for load in (sg.Model.load, sg.read_table, sg.import_k24):
        with pytest.raises(sg.InputError):
            load(tmp_path / "text.fits")
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(sg.InputError, match="exists"):
        model.save(tmp_path / "m.safetensors")
    with pytest.raises(OSError):
        model.save(tmp_path / "no" / "m.safetensors")
    with pytest.raises(sg.InputError, match="air wavelengths"):
        model.predict(np.ones((2, 12)), 0.1, conventions={"VACUUM": "F"})
    with pytest.raises(sg.InputError, match="unknown convention"):
        model.predict(np.ones((2, 12)), 0.1, conventions={"APERTUR": "total"})
    with pytest.raises(sg.InputError, match="out_of_domain"):
        model.predict(np.ones((2, 12)), 0.1, out_of_domain="best")
    with pytest.raises(TypeError):
        model.predict(sg.mock(3), 0.1)


def test_interrupts_end_a_long_call():
    code = (
        "import os, signal, threading, starglow as sg\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started the tests behind "
        "its back\n"
        "m, g = sg.Model.shipped(), sg.mock(400000)\n"
        "threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "try:\n    [m.predict(g, draws=8) for _ in range(100)]\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100).stdout
        == "interrupted\n"
    )


def samplers():
    sgj = pytest.importorskip("starglow.jax")
    weights = sgj.load()
    return [
        sg.Model.shipped().sample,
        lambda *a, **k: sgj.kernel.sample(None, *a, **k),
        lambda *a, **k: sgj.sample(weights, *a, **k),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"draws": -1},
        {"draws": 2.5},
        {"draws": "3"},
        {"draws": 10**6},
        {"draws": 1, "seed": -1},
        {"draws": 1, "seed": 2**64},
    ],
    ids=str,
)
def test_numbers_of_draws_and_seeds_are_checked_alike(wrong, good):
    for sample in samplers():
        with pytest.raises(sg.InputError, match="(not a whole number|out of range); found .*; expected 0 to"):
            sample(good["BAND_FLUX"], good["Z"], **wrong)
    for sample in samplers():
        assert sample(good["BAND_FLUX"], good["Z"], draws=2.0, seed=2**64 - 1).shape == (N, 10, 2)


CLASHES = {"APERTURE": "slit", "MWCORR": "maybe", "FLUXSCAL": "mJy", "VACUUM": "perhaps"}


@pytest.mark.parametrize("name", CLASHES)
def test_words_of_the_conventions_are_checked_alike(name, good, starglow, tmp_path):
    """A misspelt word would count as another aperture, another treatment of dust."""
    says = f"{name} has an unknown value; found '{CLASHES[name]}'; expected .* or unknown"
    card = f"unknown value .*found VACUUM = {CLASHES['VACUUM']}; expected T or F" if name == "VACUUM" else says
    t = Table()
    for column, values in good.items():
        t[column] = values
    t.meta |= {"EXTNAME": "GALAXIES", name: CLASHES[name]}
    t.write(tmp_path / "t.fits")
    run = starglow("predict", tmp_path / "t.fits", "-o", tmp_path / "o.fits")
    assert run.returncode == 3 and re.search(card, run.stderr), run.stderr
    sgj = pytest.importorskip("starglow.jax")
    for predict in (
        sg.Model.shipped().predict,
        lambda *a, **k: sgj.kernel.predict(None, *a, **k),
        lambda *a, **k: sgj.predict(sgj.load(), *a, **k),
    ):
        with pytest.raises(sg.InputError, match=says):
            predict(good["BAND_FLUX"], good["Z"], conventions={name: CLASHES[name]})
        small = predict(
            good["BAND_FLUX"], good["Z"], conventions={"aperture": "total", "VACUUM": True}
        )  # names in any letters, T or F as True or False
        np.testing.assert_array_equal(small.flags & 8, 8)


def test_dictionaries_are_tables_and_one_galaxy_is_a_row(good):
    model = sg.Model.shipped()
    np.testing.assert_array_equal(model.predict(good).ew, model.predict(good["BAND_FLUX"], good["Z"]).ew)
    with pytest.raises(
        sg.InputError, match=r"found shape \(12,\); expected \(galaxies, 12\). One galaxy is a row of one"
    ):
        model.predict(good["BAND_FLUX"][0], 0.1)


def test_the_twin_says_what_it_needs(good):
    sgj = pytest.importorskip("starglow.jax")
    for weights in ("model.safetensors", sg.Model.shipped(), None):
        with pytest.raises(
            sg.InputError, match="the twin needs weights; found .*; expected what starglow.jax.load gives"
        ):
            sgj.predict(weights, good["BAND_FLUX"], good["Z"])
    with pytest.raises(sg.InputError, match="p is no probability; found 1.5"):
        sgj.quantile(sgj.distribution(sgj.load(), good["BAND_FLUX"], good["Z"]), 1.5)
