"""Tables of galaxies and lines (FITS, astropy, pandas, pyarrow), with the columns of docs/tables.md."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays, _core, _units
from ._arrays import MOST_THREADS, whole
from ._columns import N_BANDS, Names, Plain, Source
from .errors import error, reading
from .galaxies import LINES, Galaxies
from .names import ALL_LINES, INPUT_COLUMNS
from .prediction import PREDICTED

if TYPE_CHECKING:
    import astropy.table
    import pandas
    import pyarrow

    from .model import Model
    from .prediction import Prediction

_FLUX_UNIT = "10**-17 erg/(s cm2 Angstrom)"
_PLAIN = {
    "targetid": "TARGETID",
    "z": "Z",
    "band_flux": "BAND_FLUX",
    "band_flux_ivar": "BAND_FLUX_IVAR",
    "survey": "SURVEY",
    "program": "PROGRAM",
    "flags": "FLAGS",
    "z_err": "Z_ERR",
    "ebv": "EBV",
}


def read_table(
    path: str | os.PathLike[str],
    first: int = 0,
    count: int | None = None,
    *,
    names: Mapping[str, str] | None = None,
    all_lines: bool = False,
) -> Galaxies:
    """Reads galaxies from a FITS table, also gzipped: from the HDU `GALAXIES`, or else the first table.

    Parameters
    ----------
    path : path
    first, count : int
        Read rows [first, first + count); default: all.
    names : dict
        For other column names, as in `galaxies`.
    all_lines : bool
        Read the EWs of all of `starglow.names.ALL_LINES`, not of the ten alone.

    Raises
    ------
    FileError
        No such file, or it cannot be read.
    InputError
        The file is damaged, or has a wrong checksum, unit or number of bands; or the rows are outside the table.

    Examples
    --------
    >>> import os, tempfile, starglow as sg
    >>> path = os.path.join(tempfile.mkdtemp(), "galaxies.fits")
    >>> sg.write_table(path, sg.mock(5))
    >>> sg.read_table(path, count=2).band_flux.shape
    (2, 12)
    """
    if first < 0 or (count is not None and count < 0):
        raise error("usage", "rows outside the table", f"first={first}, count={count}", "numbers >= 0")
    with reading(path):
        there = _core.table_columns(os.fspath(path))
        if names or Names(there).find("BAND_FLUX") is None:
            return _by_astropy(path, first, count, names, all_lines)  # twelve columns, or other names
        columns, _, _ = _core.read_table(os.fspath(path), first, -1 if count is None else count, all_lines)
    return Galaxies(**columns)


def _by_astropy(path: str | os.PathLike[str], first: int, count: int | None, names: Any, all_lines: bool) -> Galaxies:
    """Tables whose columns the library does not know by name; it has looked at their structure and checksums."""
    from astropy.io import fits
    from astropy.table import Table

    with fits.open(path) as hdus:
        tables = [h for h in hdus if isinstance(h, fits.BinTableHDU)]
        hdu = next((h for h in tables if h.name == "GALAXIES"), tables[0])
        rows = Table.read(hdu, unit_parse_strict="silent")
    end = len(rows) if count is None else first + count
    if first > len(rows) or end > len(rows):
        raise error("usage", "rows outside the table", f"{first} + {count}", f"at most {len(rows)}")
    return galaxies(rows[first:end], names=names, all_lines=all_lines)


def galaxies(
    given: Any,
    conventions: Mapping[str, Any] | None = None,
    *,
    names: Mapping[str, str] | None = None,
    all_lines: bool = False,
) -> Galaxies:
    """Reads galaxies from a table of any kind.

    The table may be from astropy, pandas, polars or pyarrow, a dictionary of columns, a structured array, or the path
    of a FITS or Parquet file. The same rules hold for all of them.

    Column names may be in upper or lower case. Vectors are columns of vectors (`BAND_FLUX`) or twelve columns
    `BAND_FLUX_0` to `BAND_FLUX_11`. Values that are null, masked or NaN are missing. Without an id, the row number is
    used (flag ID_IS_ROW). Units of the same dimension are converted.

    Parameters
    ----------
    given : table or path
    conventions : dict
        What the numbers mean (docs/tables.md); default: what the table says in `meta` (astropy), `attrs` (pandas) or
        the metadata of the schema.
    names : dict
        For other column names, e.g. ``{"BAND_FLUX": "flux", "Z": "redshift"}``.
    all_lines : bool
        As in `read_table`.

    Raises
    ------
    InputError
        As `Galaxies`; or the table has no BAND_FLUX, or two columns of one name.

    Examples
    --------
    >>> import starglow as sg
    >>> sg.galaxies({"flux": [[3.0] * 12], "redshift": [0.1]}, names={"BAND_FLUX": "flux", "Z": "redshift"})
    <starglow.Galaxies: 1 row of Z, BAND_FLUX>
    """
    if isinstance(given, Galaxies):
        if names or conventions:
            raise error(
                "usage", "a Galaxies has its names and conventions", "names or conventions beside it", "neither"
            )
        return given
    if isinstance(given, (str, os.PathLike)):
        return _of_file(given, conventions, names, all_lines)
    source = Source(given, names)
    flux = _vector(source, "BAND_FLUX", _units.FLUX)
    if flux is None:
        raise error(
            "input",
            "the table has no column BAND_FLUX",
            "columns " + source.names.listed(),
            "12 band fluxes a galaxy, or BAND_FLUX_0 to BAND_FLUX_11",
            "names={'BAND_FLUX': 'your_column'} gives another name.",
        )

    def plain(name: str) -> Any:
        column = source.names.find(name)
        return None if column is None else source.raw(column)

    def lines(suffix: str, unit: str, missing: float) -> Any:
        wanted = ALL_LINES if all_lines else LINES
        have = [source.names.find(line + suffix) for line in wanted]
        if not any(have):
            return None
        out = np.full((len(flux), len(wanted)), missing, np.float32)
        for k, name in enumerate(have):
            if name is not None:
                of = source.names.find(wanted[k] + "_EW") if suffix == "_EW_IVAR" else None
                out[:, k] = _read(source, name, unit, of, _units.EW, len(flux))
        return out

    z, z_err, ebv = plain("Z"), plain("Z_ERR"), plain("EBV")
    if z is None and (like := source.names.like_z()) is not None:
        warnings.warn(
            f"the table has no column Z, and is answered without redshifts; names={{'Z': '{like}'}} takes {like}",
            stacklevel=2,
        )
    return Galaxies(
        band_flux=flux,
        band_flux_ivar=_vector(source, "BAND_FLUX_IVAR", _units.FLUX_IVAR, "BAND_FLUX", _units.FLUX),
        z=None if z is None else _numbers("Z", z, _units.REDSHIFT),
        targetid=_masked(plain("TARGETID")),
        survey=_masked(plain("SURVEY")),
        program=_masked(plain("PROGRAM")),
        flags=_flags(plain("FLAGS")),
        z_err=None if z_err is None else _numbers("Z_ERR", z_err, _units.REDSHIFT),
        ebv=None if ebv is None else _numbers("EBV", ebv, "mag"),
        inputs={name: _numbers(name, column, "") for name in INPUT_COLUMNS if (column := plain(name)) is not None},
        ew=lines("_EW", _units.EW, np.nan),
        ew_ivar=lines("_EW_IVAR", _units.EW_IVAR, 0.0),
        conventions=source.conventions | dict(conventions or {}),
        index=source.index,
    )


def unused_lines(given: Any, names: Mapping[str, str] | None = None) -> list[str]:
    """Columns of measured lines that no model here has, as HEI_5876_EW; of a file too."""
    if isinstance(given, Galaxies):
        return []
    if isinstance(given, (str, os.PathLike)):
        return Names(_names_of_file(given)).unused_lines()
    return Source(given, names).names.unused_lines()


def _names_of_file(path: str | os.PathLike[str]) -> list[str]:
    if is_parquet(path):
        from .parquet import names_of_file

        return names_of_file(path)
    with reading(path):
        return _core.table_columns(os.fspath(path))


def is_parquet(path: str | os.PathLike[str]) -> bool:
    """By what the file holds, not by its name."""
    try:
        if not os.path.isfile(path):  # a pipe would be waited for
            return False
        with open(path, "rb") as f:
            return f.read(4) == b"PAR1"
    except OSError:
        return False  # the reader says what is wrong


def _of_file(path: str | os.PathLike[str], conventions: Any, names: Any, all_lines: bool) -> Galaxies:
    if is_parquet(path):
        from .parquet import read_file

        return galaxies(read_file(path), conventions, names=names, all_lines=all_lines)
    found = read_table(path, names=names, all_lines=all_lines)
    if not conventions:
        return found
    return replace(found, conventions=found.conventions | _arrays.conventions(conventions))


def _numbers(name: str, column: Plain, unit: str, n: int | None = None) -> np.ndarray:
    values = _arrays.real(name, _masked(column))
    if n is not None and values.shape != (n,):
        raise error("input", f"{name} is not one number a row", f"shape {values.shape}", f"({n},)")
    times = 1.0 if column.unit is None else _units.factor(f"column {name}", column.unit, unit)
    return values if times == 1.0 else values.astype(np.float64) * times


def _masked(column: Plain | None) -> Any:
    if column is None or column.missing is None:
        return None if column is None else column.values
    return np.ma.array(column.values, mask=column.missing)


def _flags(column: Plain | None) -> Any:
    if column is None:
        return None
    if column.values.dtype.kind not in "iu" and column.missing is None:
        raise error("input", "FLAGS is not a column of integers", f"type {column.values.dtype}", "int32")
    return np.where(column.missing, 0, column.values).astype(np.int64) if column.missing is not None else column.values


def _read(
    source: Source, name: str, unit: str, of: str | None = None, of_unit: str = "", n: int | None = None
) -> np.ndarray:
    """`of`: the column that this one is the inverse variance of, in `of_unit`."""
    column = source.raw(name)
    if of is None:
        return _numbers(name, column, unit, n)
    by = _units.ivar_factor(f"column {name}", column.unit, unit, f"column {of}", source.unit(of), of_unit)
    values = _numbers(name, column._replace(unit=None), unit, n)
    return values if by == 1 else values.astype(np.float64) * by


def _vector(source: Source, name: str, unit: str, of: str | None = None, of_unit: str = "") -> np.ndarray | None:
    found = source.names.vector(name)
    if found is None:
        return None
    beside = source.names.vector(of) if of is not None else None
    values = [_read(source, column, unit, beside[0] if beside else None, of_unit) for column in found]
    if len(found) > 1:
        return np.column_stack(values)
    if values[0].ndim == 1 and np.isnan(values[0]).all():  # no row has a vector
        return np.full((len(values[0]), N_BANDS), np.nan)
    if values[0].ndim != 2:
        raise error("input", f"column {found[0]} is not a vector", f"{values[0].ndim} dimension", "12 numbers a row")
    if values[0].shape[1] != N_BANDS:
        raise error("input", f"{name} has a wrong number of bands", str(values[0].shape[1]), "12")
    return values[0]


def columns(table: Galaxies | None = None, prediction: Prediction | None = None) -> list[tuple[str, Any, str]]:
    """(name, array, unit) of the columns of docs/tables.md for galaxies, their predicted lines, or both: then, as
    `starglow predict` writes it, without band fluxes and measured EWs. Ids of which some are null are a masked
    array."""
    out: list[tuple[str, Any, str]] = []
    table = None if table is None else galaxies(table)
    if table is not None and prediction is not None and len(table) != len(prediction):
        raise error(
            "input", "galaxies and prediction differ in length", f"{len(table)} and {len(prediction)}", "the same rows"
        )
    if table is not None:
        n = len(table)
        for attribute, name in _PLAIN.items():
            values = getattr(table, attribute)
            if values is None and name == "TARGETID" and prediction is not None:
                values = np.arange(n)
            if values is None or (prediction is not None and name in ("BAND_FLUX", "BAND_FLUX_IVAR", "FLAGS", "EBV")):
                continue
            values = np.asanyarray(values)
            if name in ("Z", "EBV", "BAND_FLUX", "BAND_FLUX_IVAR"):
                values = values.astype(np.float64, copy=False)
            elif name == "FLAGS":
                values = values.astype(np.int32, copy=False)
            out.append((name, values, _FLUX_UNIT if name == "BAND_FLUX" else ""))
        if prediction is None:
            out += [(name, np.asarray(values, np.float32), "") for name, values in (table.inputs or {}).items()]
            for suffix, values, unit in (("_EW", table.ew, "Angstrom"), ("_EW_IVAR", table.ew_ivar, "Angstrom**-2")):
                if values is not None:
                    out += [
                        (line + suffix, np.asarray(values[:, k], dtype=np.float32), unit)
                        for k, line in enumerate(ALL_LINES[: values.shape[1]])
                    ]
    if prediction is not None:
        for suffix, attribute in PREDICTED.items():
            values = getattr(prediction, attribute)
            for name in ("p_lineless", "domain") if suffix == "_EW_DRAW" else ():  # where the program has them
                if (one := getattr(prediction, name)) is not None:
                    out.append((name.upper(), one.astype(np.float32), ""))
            if values is not None:
                unit = "1e-17 erg / (s cm2)" if suffix.startswith("_FLUX") else "Angstrom"
                out += [
                    (line + suffix, np.ascontiguousarray(values[:, k], dtype=np.float32), unit)
                    for k, line in enumerate(LINES)
                ]
        out.append(("FLAGS", prediction.flags, ""))
    return out


def html(title: str, made: list[tuple[str, Any, str]], n: int, rows: int = 5, most: int = 16) -> str:
    """The first rows of a table for a notebook."""
    from html import escape

    def cell(value: Any) -> str:
        if value is np.ma.masked:
            return "&mdash;"
        if np.ndim(value):
            return escape(f"[{cell(value.flat[0])}, ... {value.size}]")
        return f"{value:.4g}" if isinstance(value, (float, np.floating)) else escape(str(value))

    shown = made[:most]
    head = "".join(f"<th>{escape(name)}</th>" for name, _, _ in shown)
    units = "".join(f"<td>{escape('A' if unit == 'Angstrom' else unit)}</td>" for _, _, unit in shown)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell(values[i])}</td>" for _, values, _ in shown) + "</tr>" for i in range(min(n, rows))
    )
    left = [f"{n - rows} more rows"] if n > rows else []
    left += [f"{len(made) - most} more columns"] if len(made) > most else []
    foot = f"<p>{', '.join(left)}</p>" if left else ""
    whole = f"<table><thead><tr>{head}</tr><tr>{units}</tr></thead><tbody>{body}</tbody></table>"
    return f"<p>{escape(title)}</p>{whole}{foot}"


def to_astropy(table: Galaxies | None = None, prediction: Prediction | None = None) -> astropy.table.Table:
    """Converts galaxies, predicted lines, or both to an astropy Table with units.

    Examples
    --------
    >>> import starglow as sg
    >>> g = sg.mock(3)
    >>> sg.to_astropy(g, sg.Model.shipped().predict(g))["HALPHA_EW"].unit
    Unit("Angstrom")
    """
    from astropy.table import Table

    out = Table()
    for name, values, unit in columns(table, prediction):
        out[name] = values
        if unit:
            out[name].unit = unit.replace("10**-17 erg/(s cm2 Angstrom)", "1e-17 erg / (s cm2 Angstrom)").replace(
                "**-2", "-2"
            )
    out.meta["EXTNAME"] = "GALAXIES"
    out.meta.update(table.conventions if table is not None else {})
    return out


def to_pandas(table: Galaxies | None = None, prediction: Prediction | None = None) -> pandas.DataFrame:
    """Converts to a pandas DataFrame; vectors are columns of arrays, conventions are in `attrs`. Galaxies that came
    from
    a DataFrame, and lines predicted for one, keep its index, so that ``frame.join(lines)`` puts each line beside its
    galaxy.

    Examples
    --------
    >>> import starglow as sg
    >>> frame = sg.to_pandas(sg.mock(3)).set_index([[11, 12, 13]])
    >>> sg.to_pandas(prediction=sg.Model.shipped().predict(frame)).index.tolist()
    [11, 12, 13]
    """
    import pandas

    table = None if table is None else galaxies(table)

    def column(values: Any) -> Any:
        if isinstance(values, np.ma.MaskedArray):
            return pandas.array(values.tolist(), dtype="Int64")
        return values if values.ndim == 1 else list(values)

    index = next((x.index for x in (table, prediction) if x is not None and x.index is not None), None)
    out = pandas.DataFrame(
        {name: column(values) for name, values, _ in columns(table, prediction)},
        index=None if index is None else pandas.Index(index),
    )
    out.attrs.update(table.conventions if table is not None else {})
    return out


def to_arrow(table: Galaxies | None = None, prediction: Prediction | None = None) -> pyarrow.Table:
    """Converts to a pyarrow Table, as `starglow.parquet` reads and writes it. Units are in the metadata of the columns,
    conventions in that of the table. ``polars.from_arrow`` makes a polars frame of it.

    Examples
    --------
    >>> import starglow as sg
    >>> sg.to_arrow(sg.mock(3)).column_names[:3]
    ['TARGETID', 'Z', 'BAND_FLUX']
    """
    import pyarrow

    table = None if table is None else galaxies(table)
    fields, arrays = [], []
    for name, values, unit in columns(table, prediction):
        if values.ndim == 1:
            gone = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
            array = pyarrow.array(np.asarray(values), mask=gone)
        else:
            flat = pyarrow.array(np.ascontiguousarray(values).ravel())
            array = pyarrow.FixedSizeListArray.from_arrays(flat, values.shape[1])
        arrays.append(array)
        fields.append(pyarrow.field(name, array.type, metadata={"unit": unit} if unit else None))
    said = dict(table.conventions) if table is not None else {}
    return pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields, metadata=said or None))


def write_table(
    path: str | os.PathLike[str],
    table: Galaxies | None = None,
    prediction: Prediction | None = None,
    *,
    model: Model | None = None,
    seed: int | None = None,
    inputs: tuple[str | os.PathLike[str], ...] = (),
    overwrite: bool = False,
) -> None:
    """Writes a FITS table with units, checksums, conventions and provenance. It appears only when complete.

    Parameters
    ----------
    table, prediction
        As `to_astropy`.
    model, seed, inputs
        For the provenance: the model (its hash), the seed, and the input files (with size and SHA-256).

    Raises
    ------
    InputError
        The file exists and `overwrite` is False.
    FileError
        It cannot be written; an existing file stays unchanged.

    Examples
    --------
    >>> import os, tempfile, starglow as sg
    >>> g, model = sg.mock(5), sg.Model.shipped()
    >>> path = os.path.join(tempfile.mkdtemp(), "lines.fits")
    >>> sg.write_table(path, g, model.predict(g), model=model)
    >>> os.path.exists(path)
    True
    """
    letters = {"i8": "K", "i4": "J", "f4": "E", "f8": "D"}
    made: list[tuple[str, str, int, str, Any]] = []
    for name, values, unit in columns(table, prediction):
        if isinstance(values, np.ma.MaskedArray):  # ids: a row without one has its number, and the flag says so
            values = np.where(np.ma.getmaskarray(values), np.arange(len(values)), values.data)
        if values.dtype.kind in "US":
            width = max([1, *(len(w) for w in values.tolist())])
            made.append((name, "A", width, unit, [str(w) for w in values.tolist()]))
        else:
            repeat = int(np.prod(values.shape[1:], dtype=int))
            made.append((name, letters[values.dtype.str[1:]], repeat, unit, np.ascontiguousarray(values)))
    provenance = (
        {"made_by": "starglow.write_table"}
        | ({"model": model.hash} if model else {})
        | ({"seed": str(seed)} if seed is not None else {})
    )
    _core.write_table(
        os.fspath(path),
        made,
        table.conventions if table is not None else {},
        provenance,
        [os.fspath(p) for p in inputs],
        overwrite,
    )


def mock(n: int, seed: int = 1, first_id: int = 1, threads: int = 0) -> Galaxies:
    """Draws n synthetic galaxies, as `starglow mock`. Each depends only on (seed, TARGETID).

    References
    ----------
    docs/mock.md: a mixture of normal distributions fitted to DESI BGS galaxies.

    Examples
    --------
    >>> import starglow as sg
    >>> sg.mock(4, seed=2).band_flux.shape
    (4, 12)
    """
    return Galaxies(
        **_core.mock(
            whole("n", n, 2**40),
            whole("seed", seed),
            whole("first_id", first_id, 2**62, -(2**62)),
            whole("threads", threads, MOST_THREADS),
        )
    )
