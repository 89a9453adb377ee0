"""One table of odd rows and columns through every interface: FITS by the program and from Python, Parquet, pandas,
polars, pyarrow, LSDB, astropy, dictionaries, NumPy and both halves of JAX give one answer, or one refusal."""

import subprocess
import sys

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

import starglow as sg

ROWS = 12
SURVEYS = ["main", None, "main", "sv3", "main", "main", "sv3", "main", "main", "", "main", "sv1"]
FATAL_ROWS = {5}
OPTIONS = dict(draws=2, noise=True, seed=5)
_FLUX = "10**-17 erg/(s cm2 Angstrom)"


def odd_table():
    """Name -> list, None where a value is null. Nine of ten lines have an error of their own."""
    g = sg.mock(ROWS, seed=7)
    flux = [list(map(float, row)) for row in g.band_flux]
    flux[3][6] = float("nan")  # at one band
    flux[4][0] = None  # null at one band
    flux[5] = [None] * 12
    flux[8][2] = -1.0
    ids = [int(i) for i in g.targetid]
    ids[2] = None
    ids[7] = ids[6]  # of another survey
    ids[10] = 2**63 - 1
    z = list(map(float, g.z))
    z[9], z[10], z[11] = None, float("nan"), -0.1
    columns = {"TARGETID": ids, "SURVEY": SURVEYS, "PROGRAM": ["bright"] * ROWS, "Z": z, "BAND_FLUX": flux}
    for line in sg.LINES:
        if line != "SII_6731":
            columns[line + "_EW_IVAR"] = [100.0, None, float("nan"), 0.0] + [100.0] * (ROWS - 4)
    return columns


def masked(values, kind):
    """A masked array of what may be None, one level deep or two."""
    mask = np.array([[v is None for v in row] if isinstance(row, list) else row is None for row in values])
    plain = [
        [0 if v is None else v for v in row]
        if isinstance(row, list)
        else ("" if kind == "U24" else 0)
        if row is None
        else row
        for row in values
    ]
    return np.ma.array(np.array(plain, dtype=kind), mask=mask)


def kind_of(name, values):
    flat = [v for v in values if v is not None and not isinstance(v, list)]
    if any(isinstance(v, str) for v in flat):
        return "U24"
    whole = bool(flat) and all(isinstance(v, int) for v in flat)
    return ("u8" if max(flat) >= 2**63 else "i8") if whole else "f8"


def astropy_table(columns, units=None):
    t = Table()
    for name, values in columns.items():
        m = values if isinstance(values, np.ndarray) else masked(values, kind_of(name, values))
        t[name] = MaskedColumn(m, unit=(units or {}).get(name)) if np.ma.is_masked(m) else np.asarray(m)
        if units and name in units:
            t[name].unit = units[name]
    t.meta["EXTNAME"] = "GALAXIES"
    return t


def arrow_table(columns, units=None):
    import pyarrow as pa

    types = {"U24": pa.string(), "i8": pa.int64(), "u8": pa.uint64(), "f8": pa.float64()}
    fields, arrays = [], []
    for name, values in columns.items():
        kind = types[kind_of(name, values)]
        if any(isinstance(v, list) for v in values):
            kind = pa.list_(kind)
        fields.append(pa.field(name, kind, metadata={"unit": units[name]} if units and name in units else None))
        arrays.append(pa.array(values, kind))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def pandas_frame(columns):
    import pandas as pd

    out = {}
    for name, values in columns.items():
        kind = kind_of(name, values)
        dtype = {"i8": "Int64", "u8": "UInt64"}.get(kind)
        out[name] = pd.array(values, dtype=dtype) if dtype else values
        if kind == "f8" and not any(isinstance(v, list) for v in values):
            out[name] = pd.array(values, dtype="Float64") if None in values else values
    return pd.DataFrame(out)


class Answer:
    """What an interface says, as plain arrays; NaN where there is no answer."""

    def __init__(self, ew, flags, draws=None, noisy=None):
        self.ew, self.flags, self.draws, self.noisy = (
            None if a is None else np.asarray(a, float) for a in (ew, flags, draws, noisy)
        )


def of_prediction(p):
    return Answer(p.ew, p.flags, p.draws, p.noisy)


def of_table(column):
    stack = lambda suffix: np.stack(
        [np.ma.filled(np.ma.asarray(column(n + suffix), float), np.nan) for n in sg.LINES], 1
    )
    return Answer(stack("_EW"), column("FLAGS"), stack("_EW_DRAW"), stack("_EW_NOISY"))


def call(table, names):
    return of_prediction(sg.Model.shipped().predict(table, **OPTIONS, names=names))


def program(columns, names, units, folder, starglow):
    assert not names
    astropy_table(columns, units).write(folder / "t.fits")
    run = starglow(
        "predict", folder / "t.fits", "-o", folder / "o.fits", *"--draws 2 --noise --seed 5 --allow-partial".split()
    )
    if run.returncode == 3:
        raise sg.InputError(run.stderr)
    assert run.returncode == 0, run.stderr
    out = Table.read(folder / "o.fits", hdu="GALAXIES")
    return of_table(lambda name: out[name])


def fits_in_python(columns, names, units, folder, starglow):
    astropy_table(columns, units).write(folder / "p.fits")
    return call(folder / "p.fits", names)


def astropy(columns, names, units, *_):
    return call(astropy_table(columns, units), names)


def pandas(columns, names, *_):
    pytest.importorskip("pandas")
    return call(pandas_frame(columns), names)


def pandas_of_arrow(columns, names, *_):
    pytest.importorskip("pyarrow")
    pd = pytest.importorskip("pandas")
    return call(arrow_table(columns).to_pandas(types_mapper=pd.ArrowDtype), names)


def polars(columns, names, *_):
    pl = pytest.importorskip("polars", reason="polars is not installed")
    return call(pl.from_arrow(arrow_table(columns)), names)


def pyarrow(columns, names, units, *_):
    pytest.importorskip("pyarrow")
    return call(arrow_table(columns, units), names)


def dictionary(columns, names, *_):
    return call(columns, names)


def masked_arrays(columns, names, *_):
    return call({n: v if kind_of(n, v) == "U24" else masked(v, kind_of(n, v)) for n, v in columns.items()}, names)


def parquet(columns, names, units, folder, *_):
    pq = pytest.importorskip("pyarrow.parquet")
    from starglow import parquet as sp

    pq.write_table(arrow_table(columns, units), folder / "t.parquet", row_group_size=5)
    sp.predict_file(folder / "t.parquet", folder / "o.parquet", names=names, **OPTIONS)
    out = pq.read_table(folder / "o.parquet")
    return of_table(lambda name: np.array(out[name].to_pylist()))


def lsdb(columns, names, units, *_):
    lsdb = pytest.importorskip("lsdb", reason="LSDB is not installed: ./check installs it, ./check --quick does not")
    import pandas as pd

    import starglow.lsdb as sl

    frame = arrow_table(columns).to_pandas(types_mapper=pd.ArrowDtype)
    n = len(frame)
    frame = frame.assign(ra=np.linspace(10, 11, n), dec=np.linspace(1, 2, n), row=np.arange(n))
    out = sl.add_lines(lsdb.from_dataframe(frame, ra_column="ra", dec_column="dec"), names=names, **OPTIONS).compute()
    out = out.sort_values("row")
    return of_table(lambda name: np.array(out[name].to_list(), float))


INTERFACES = [program, fits_in_python, astropy, pandas, pandas_of_arrow, polars, pyarrow, dictionary, masked_arrays]
INTERFACES += [parquet, lsdb]


def wide(columns):
    rest = {n: v for n, v in columns.items() if n != "BAND_FLUX"}
    return rest | {f"BAND_FLUX_{b}": [row[b] for row in columns["BAND_FLUX"]] for b in range(12)}


def renamed(columns):
    new = {"BAND_FLUX": "flux", "Z": "redshift", "TARGETID": "object_id", "SURVEY": "field"}
    return {new.get(n, n): v for n, v in columns.items()}, new


VARIANTS = {
    "as it is": lambda c: (c, None),
    "lower case": lambda c: ({n.lower(): v for n, v in c.items()}, None),
    "twelve columns": lambda c: (wide(c), None),
    "other names": renamed,
    "a second name in other letters": lambda c: (c | {"z": [0.3] * ROWS}, None),
    "ids as text": lambda c: (c | {"TARGETID": [None if i is None else str(i) for i in c["TARGETID"]]}, None),
}
#: what the program has no way to be told
BEYOND = {("program", "other names"), ("program", "twelve columns")}


def by_arrays(**more):
    """By NumPy arrays: NaN for a null, no id for the row of none, empty text for a survey of none."""
    c = odd_table()
    ivar = np.zeros((ROWS, 10), "f4")
    for k, line in enumerate(sg.LINES):
        if line + "_EW_IVAR" in c:
            ivar[:, k] = [0 if v is None else v for v in c[line + "_EW_IVAR"]]
    g = dict(
        band_flux=np.array([[np.nan if v is None else v for v in row] for row in c["BAND_FLUX"]]),
        z=np.array([np.nan if v is None else v for v in c["Z"]]),
        ew_ivar=ivar,
    )
    ids = np.array([row if v is None else v for row, v in enumerate(c["TARGETID"])])
    words = lambda name: [v or "" if c["TARGETID"][k] is not None else "" for k, v in enumerate(c[name])]
    p = sg.Model.shipped().predict(
        **g, targetid=ids, survey=words("SURVEY"), program=words("PROGRAM"), **OPTIONS, **more
    )
    p.flags[2] |= 1 << 10  # ID_IS_ROW
    return of_prediction(p)


@pytest.fixture(scope="module")
def reference():
    return by_arrays()


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda f: f.__name__)
def test_redshift_errors_widen(interface, reference, starglow, tmp_path):
    errors = [0.03, None, float("nan"), 0.0, 1e-5, *([0.02] * (ROWS - 5))]
    got = interface(odd_table() | {"Z_ERR": errors}, None, None, tmp_path, starglow)
    want = by_arrays(z_err=np.array([np.nan if e is None else e for e in errors]))
    assert not np.allclose(want.ew[0], reference.ew[0])
    np.testing.assert_array_equal(want.ew[1:5], reference.ew[1:5])
    np.testing.assert_allclose(got.ew, want.ew, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(got.draws.reshape(want.draws.shape), want.draws, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("interface", INTERFACES, ids=lambda f: f.__name__)
def test_one_answer(interface, variant, reference, starglow, tmp_path):
    if (interface.__name__, variant) in BEYOND:
        pytest.skip("the program reads BAND_FLUX and has no option for other names; from Python such a table is read")
    columns, names = VARIANTS[variant](odd_table())
    got = interface(columns, names, None, tmp_path, starglow)
    assert [sg.flag_names(int(f)) for f in got.flags] == [sg.flag_names(int(f)) for f in reference.flags]
    for what in ("ew", "draws", "noisy"):
        np.testing.assert_allclose(
            getattr(got, what).reshape(getattr(reference, what).shape),
            getattr(reference, what),
            rtol=1e-5,
            atol=1e-5,
            err_msg=what,
        )


def test_the_odd_rows_are_answered_as_they_should(reference):
    names = [sg.flag_names(int(f)) for f in reference.flags]
    assert ["ID_IS_ROW" in n for n in names] == [row == 2 for row in range(ROWS)]
    assert {row for row in range(ROWS) if not np.isfinite(reference.ew[row]).all()} == FATAL_ROWS
    assert {row for row, n in enumerate(names) if "BAND_MISSING" in n} == {3, 4, 5, 8}
    assert {row for row, n in enumerate(names) if "Z_RANGE" in n} == {11}
    ha, sii = sg.LINES.index("HALPHA"), sg.LINES.index("SII_6731")
    noise = np.abs(reference.noisy - reference.draws[:, :, 0])
    own = [0, *(r for r in range(4, ROWS) if r not in FATAL_ROWS)]
    assert noise[own, ha].max() < 0.5  # its own error, 0.1 A
    assert noise[own, sii].max() > 0.1  # no column of its own: the model's law
    assert not np.allclose(reference.draws[6], reference.draws[7])


@pytest.mark.parametrize("kind", ["twin", "kernel"])
def test_the_rows_in_jax(kind, reference):
    sgj = pytest.importorskip("starglow.jax")
    c = odd_table()
    flux, z, ids = (masked(c[n], k) for n, k in (("BAND_FLUX", "f8"), ("Z", "f8"), ("TARGETID", "i8")))
    where, weights = (sgj, sgj.load()) if kind == "twin" else (sgj.kernel, None)
    p = where.predict(weights, flux, z, targetid=ids)
    assert [sg.flag_names(int(f)) for f in p.flags] == [sg.flag_names(int(f)) for f in reference.flags]
    np.testing.assert_allclose(p.ew, reference.ew, rtol=2e-4, atol=2e-4)
    drawn = where.sample(weights, flux, z, ids, draws=2, seed=5)
    want = sg.Model.shipped().sample(flux, z, ids, draws=2, seed=5)
    np.testing.assert_allclose(drawn, want, rtol=2e-3, atol=2e-3)


def without(name):
    return lambda c: {n: v for n, v in c.items() if n != name}


REFUSED = {
    "no bands": (without("BAND_FLUX"), "no column BAND_FLUX"),
    "eleven bands": (lambda c: c | {"BAND_FLUX": [row[:11] for row in c["BAND_FLUX"]]}, "wrong number of bands.*11"),
    "ids as floats": (lambda c: c | {"TARGETID": [float(i or 0) for i in c["TARGETID"]]}, "2\\^53"),
    "ids as text": (lambda c: c | {"TARGETID": ["a" if i is None else str(i) for i in c["TARGETID"]]}, "integer"),
    "redshifts as text": (
        lambda c: c | {"Z": [str(v) for v in c["Z"]]},
        "(real numbers|not numeric|one number a row); found (text|type A|24)",
    ),
    "two names that differ in case": (
        lambda c: without("BAND_FLUX")(c) | {"Band_Flux": c["BAND_FLUX"], "band_flux": c["BAND_FLUX"]},
        "two columns of one name|differ from BAND_FLUX only in upper and lower case",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("interface", INTERFACES, ids=lambda f: f.__name__)
def test_one_refusal(interface, case, starglow, tmp_path):
    spoil, says = REFUSED[case]
    columns = spoil({n: v for n, v in odd_table().items() if not n.endswith("_IVAR")})
    if interface is lsdb and case not in ("no bands", "ids as floats"):
        pytest.skip("one function reads the frames of LSDB and pandas; two cases are enough to see that it is called")
    columns["SURVEY"] = [v or "" for v in columns["SURVEY"]]
    with pytest.raises(sg.InputError, match=says):
        interface(columns, None, None, tmp_path, starglow)


IDS = [2**63 + 5, 1, 2, 3]


@pytest.mark.parametrize("interface", [f for f in INTERFACES if f is not lsdb], ids=lambda f: f.__name__)
def test_unsigned_ids_are_kept_or_refused(interface, starglow, tmp_path):
    """An id that int64 cannot hold is never wrapped into another galaxy's."""
    g = sg.mock(4, seed=7)
    columns = {"TARGETID": IDS, "Z": list(g.z), "BAND_FLUX": g.band_flux.tolist()}
    with pytest.raises(sg.InputError):
        interface(columns, None, None, tmp_path, starglow)


UNITS = {
    "W/m2/nm": ({"BAND_FLUX": "1e-18 W / (m2 nm)"}, 10.0),  # 1e-17 erg/s/cm2/A = 1e-19 W/m2/nm
    "factor left out": ({"BAND_FLUX": "erg / (s cm2 Angstrom)"}, 1e17),
    "Jy": ({"BAND_FLUX": "Jy"}, None),
    "km/s": ({"Z": "km / s"}, None),
    "EW in nm": ({"HALPHA_EW": "nm"}, 1.0),
}


@pytest.mark.parametrize("case", UNITS)
@pytest.mark.parametrize("interface", [astropy, pyarrow, parquet], ids=lambda f: f.__name__)
def test_units_are_converted_or_refused(interface, case, starglow, tmp_path):
    units, times = UNITS[case]
    g = sg.mock(6, seed=7)
    columns = {"TARGETID": g.targetid.tolist(), "Z": g.z.tolist()}
    flux = g.band_flux / (times or 1.0)
    columns["BAND_FLUX"] = flux.tolist()
    if times is None:
        with pytest.raises(sg.InputError, match="another unit"):
            interface(columns, None, units, tmp_path, starglow)
        return
    units = {k: v for k, v in units.items() if k in columns}
    got = interface(columns, None, units, tmp_path, starglow)
    np.testing.assert_allclose(got.ew, sg.Model.shipped().predict(g).ew, rtol=1e-5, atol=1e-5)


def test_units_of_ews_are_converted():
    from astropy import units as u

    g = sg.mock(3, seed=1)
    table = Table({"Z": g.z, "BAND_FLUX": g.band_flux})
    table["HALPHA_EW"] = u.Quantity([1.0, 2.0, 3.0], "nm")
    table["HALPHA_EW_IVAR"] = u.Quantity([1.0, 1.0, 1.0], "nm-2")
    got = sg.galaxies(table)
    np.testing.assert_allclose(got["HALPHA_EW"], [10, 20, 30])
    np.testing.assert_allclose(got["HALPHA_EW_IVAR"], 0.01)
    flux = u.Quantity(g.band_flux, "1e-17 erg / (s cm2 AA)").to("W / (m2 um)")
    np.testing.assert_allclose(sg.Model.shipped().predict(flux, g.z).ew, sg.Model.shipped().predict(g).ew, rtol=1e-5)


def test_the_module_has_the_exit_codes_of_the_program(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    c = arrow_table({n: v for n, v in odd_table().items() if not n.endswith("_IVAR")})
    ragged = [row if k else row[:11] for k, row in enumerate(odd_table()["BAND_FLUX"])]
    pq.write_table(c, tmp_path / "good.parquet")
    cases = {
        "ragged": (c.set_column(4, "BAND_FLUX", pa.array(ragged, pa.list_(pa.float64()))), (), 3),
        "twice": (c.append_column("Z", c["Z"]), (), 3),
        "bytes": (c.replace_schema_metadata({b"blob": b"\xff\xfe", b"APERTURE": b"\xff"}), ("--allow-partial",), 3),
        "blob": (c.replace_schema_metadata({b"blob": b"\xff\xfe"}), ("--allow-partial",), 0),
        "no answer": (c, (), 4),
        "names": (c.rename_columns({"BAND_FLUX": "flux"}), ("--names", "BAND_FLUX=flux", "--allow-partial"), 0),
        "absent name": (c, ("--names", "BAND_FLUX=flux"), 3),
        "no pair": (c, ("--names", "flux"), 2),
        "no folder": (c, ("-o", "no/where.parquet"), 5),
        "cut": (None, (), 3),
    }
    whole = (tmp_path / "good.parquet").read_bytes()
    for name, (table, more, code) in cases.items():
        path = tmp_path / f"{name}.parquet"
        if table is None:  # the footer is whole, a page is not
            path.write_bytes(whole[:200] + bytes(400) + whole[600:])
        else:
            pq.write_table(table, path)
        out = tmp_path / f"{name}.out"
        run = subprocess.run(
            [sys.executable, "-m", "starglow.parquet", str(path), "-o", str(out), *more],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert run.returncode == code, (name, run.returncode, run.stderr)
        assert "Traceback" not in run.stderr and (out.exists() == (code in (0, 4)) or "-o" in more), name
