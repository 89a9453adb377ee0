"""Columns of tables of any kind as arrays. What a null, a mask, a unit, an id or a name means is said here and nowhere
else: FITS tables of astropy, pandas, polars, pyarrow, Parquet, LSDB, dictionaries and structured arrays pass through
it.

- A number that is null, masked or NaN is missing: NaN. So is each of its elements where a vector is null.
- Text that is null, masked or NaN is the empty text, as FITS has it.
- An id that is null or masked is no id: the row is keyed by its number, and flagged ID_IS_ROW. Ids are integers; a
  float, or what int64 cannot hold, is refused, for it would be another galaxy's.
- Names match without regard to case, an exact one first; two that differ in case alone are refused unless `names` says
  meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from . import _core
from ._units import unit_of
from .errors import error
from .names import INPUT_COLUMNS

N_BANDS = 12


class Plain(NamedTuple):
    """A column as NumPy has it; what stands where `missing` is True means nothing."""

    values: np.ndarray
    missing: np.ndarray | None = None  #: bool, of the shape of `values`
    unit: Any = None


def _module(given: Any) -> str:
    return type(given).__module__.partition(".")[0]


def plain(name: str, given: Any, width: int = N_BANDS) -> Plain:
    """Values, what is missing, and the unit, of anything that holds a column. `width`: of a vector where no row has
    one.

    Raises InputError: rows of different lengths, or nothing that an array can be made of.
    """
    home = _module(given)
    if home == "pyarrow":
        return _of_arrow(name, given, width)
    if home == "polars":
        return _of_arrow(name, given.to_arrow(), width)
    if hasattr(given, "iloc") and hasattr(given, "to_numpy"):  # a pandas Series
        return _of_series(name, given, width)
    unit = getattr(given, "unit", None)
    if hasattr(given, "mask") and hasattr(given, "unmasked"):  # astropy's Masked
        mask = np.broadcast_to(np.asarray(given.mask), np.shape(given))
        return Plain(np.asarray(getattr(given.unmasked, "value", given.unmasked)), mask if mask.any() else None, unit)
    if isinstance(given, np.ma.MaskedArray):
        values, mask = np.asarray(given.data), np.ma.getmaskarray(given)
        return Plain(values, mask if mask.any() else None, unit)
    try:
        values = np.asarray(given)
    except (ValueError, TypeError) as e:
        raise error("input", f"{name} is not an array of numbers", _short(e), "rows of equal length") from None
    made = _of_objects(name, values, width) if values.dtype == object else Plain(values)
    return made._replace(unit=unit)


def _short(what: object) -> str:
    text = " ".join(str(what).split())
    return text if len(text) <= 200 else text[:197] + "..."


def _of_arrow(name: str, given: Any, width: int) -> Plain:
    import pyarrow as pa
    import pyarrow.compute as pc

    array = given
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks else pa.array([], type=array.type)
        if isinstance(array, pa.ChunkedArray):  # of some types, and where it is very long
            array = pa.concat_arrays(array.chunks)
    while isinstance(array.type, pa.BaseExtensionType):  # a tensor of fixed shape, ...: what it is stored as
        array = array.storage
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    if pa.types.is_run_end_encoded(kind):
        array, kind = pc.run_end_decode(array), kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        there = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
        rows = array.drop_null() if array.null_count else array
        if pa.types.is_fixed_size_list(kind):
            width = kind.list_size
        elif len(rows):
            lengths = np.unique(pc.list_value_length(rows).to_numpy(zero_copy_only=False))
            if len(lengths) > 1:
                raise error(
                    "input",
                    f"{name} has rows of different lengths",
                    ", ".join(map(str, lengths[:5])),
                    "vectors of one length",
                    "A band without a number is a null or NaN in its place.",
                )
            width = int(lengths[0])
        inner = _of_arrow(name, rows.flatten(), width)
        shape = (len(rows), width, *inner.values.shape[1:])
        values = inner.values.reshape(shape)
        missing = None if inner.missing is None else inner.missing.reshape(shape)
        return Plain(values, missing) if there is None else _spread(values, missing, there)
    if pa.types.is_null(kind):
        return Plain(np.full(len(array), np.nan), np.ones(len(array), bool))
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        array = array.cast(pa.float64() if pa.types.is_decimal(kind) else pa.float32())
    missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        if missing is not None:
            array = array.fill_null(0)
        return Plain(array.to_numpy(zero_copy_only=False), missing)
    values = np.empty(len(array), object)
    values[:] = array.to_pylist()
    return Plain(values, missing) if missing is not None else _of_objects(name, values, width)


def _spread(values: np.ndarray, missing: np.ndarray | None, there: np.ndarray) -> Plain:
    """Vectors of the rows that are there, among rows that are missing."""
    shape = (len(there), *values.shape[1:])
    whole, gone = np.zeros(shape, values.dtype), np.ones(shape, bool)
    whole[there] = values
    gone[there] = False if missing is None else missing
    return Plain(whole, gone)


def _of_series(name: str, series: Any, width: int) -> Plain:
    kind = series.dtype
    if isinstance(kind, np.dtype):
        values = series.to_numpy()
        return _of_objects(name, values, width) if kind.hasobject else Plain(values)
    if hasattr(kind, "pyarrow_dtype"):
        import pyarrow as pa

        return _of_arrow(name, pa.array(series.array), width)
    number = getattr(kind, "numpy_dtype", None)  # Int64, Float32, ...
    if isinstance(number, np.dtype) and number.kind in "fiub":
        missing = series.isna().to_numpy()
        return Plain(series.fillna(0).to_numpy(dtype=number), missing if missing.any() else None)
    return _of_objects(name, series.to_numpy(dtype=object), width)  # text, categories


def _is_missing(value: Any) -> bool:
    if value is None or value is np.ma.masked:
        return True
    if isinstance(value, (float, np.floating)):
        return bool(value != value)
    return type(value).__name__ in ("NAType", "NaTType")  # pandas.NA, pandas.NaT


def _of_objects(name: str, values: np.ndarray, width: int) -> Plain:
    """Python's objects: numbers, text or vectors, None, NaN or pandas.NA among them."""
    if values.ndim > 1:
        flat = _of_objects(name, values.reshape(-1), width)
        if flat.values.ndim > 1:
            raise error("input", f"{name} is not an array of numbers", f"shape {values.shape} of vectors", "numbers")
        return Plain(
            flat.values.reshape(values.shape), None if flat.missing is None else flat.missing.reshape(values.shape)
        )
    gone = np.fromiter((_is_missing(v) for v in values), bool, len(values))
    there = values[~gone]
    if len(there) == 0:
        return Plain(np.full(len(values), np.nan), gone if len(values) else None)
    if all(isinstance(v, (str, bytes)) for v in there):
        return Plain(values, gone if gone.any() else None)
    try:
        if np.ndim(there[0]) and not isinstance(there[0], (str, bytes)):
            rows = [np.asarray(v) for v in there]
            if any(r.dtype == object for r in rows):
                parts = [_of_objects(name, np.asarray(r, object), width) for r in rows]
                made = np.stack([p.values for p in parts])
                lost = np.stack([np.zeros(p.values.shape, bool) if p.missing is None else p.missing for p in parts])
                if not gone.any():
                    return Plain(made, lost)
                return _spread(made, lost, ~gone)
            made = np.stack(rows)
            return Plain(made) if not gone.any() else _spread(made, None, ~gone)
        made = np.asarray(there.tolist())
    except ValueError as e:
        raise error("input", f"{name} is not an array of numbers", _short(e), "rows of equal length") from None
    if made.ndim != 1:
        raise error("input", f"{name} is not an array of numbers", f"shape {made.shape}", "rows of equal length")
    return Plain(made) if not gone.any() else _spread(made, None, ~gone)


# The tables themselves.

_WHOLE = ("TARGETID", "SURVEY", "PROGRAM", "Z", "BAND_FLUX", "BAND_FLUX_IVAR", "Z_ERR", "EBV", "FLAGS", *INPUT_COLUMNS)


_LIKE_Z = ("REDSHIFT", "Z_SPEC", "ZSPEC", "SPECZ", "Z_PHOT", "ZPHOT", "PHOTOZ", "Z_BEST", "ZBEST", "Z_OBS", "Z_TRUE")


def contract() -> tuple[str, ...]:
    """The names of the columns of docs/tables.md that an input may have."""
    return (*_WHOLE, *(f"{line}{s}" for s in ("_EW", "_EW_IVAR") for line in _core.lines))


class Names:
    """Which column of a table is meant by a name of docs/tables.md.

    Raises InputError: `names` speaks of a column that no table of galaxies has, or that is not there; a name that two
    columns have, in the same or in other letters.
    """

    def __init__(self, there: Iterable[Any], names: Mapping[str, str] | None = None) -> None:
        self.there = [str(n) for n in there]
        self.count: dict[str, list[str]] = {}
        for n in self.there:
            self.count.setdefault(n.upper(), []).append(n)
        self.given: dict[str, str] = {}
        known = contract()
        for key, value in dict(names or {}).items():
            if str(key).upper() not in known:
                raise error(
                    "usage", "names: no column of a table of galaxies", f"'{key}'", ", ".join(known[:9]) + ", ..."
                )
            self.given[str(key).upper()] = str(value)
        for key, value in self.given.items():
            if key.startswith("BAND_FLUX") and value not in self.there and f"{value}_0" in self.there:
                continue
            if self.there.count(value) != 1:
                raise self._absent(value, f"names={{'{key}': '{value}'}}") if value not in self.there else _twice(value)

    def _absent(self, wanted: str, why: str) -> Exception:
        return error("input", f"the table has no column {wanted}", "columns " + self.listed(), why)

    def listed(self) -> str:
        """What is there, in short."""
        return _short(", ".join(self.there)) or "none"

    def find(self, wanted: str) -> str | None:
        """The column of the table, or None."""
        if wanted in self.given:
            return self.given[wanted]
        found = self.count.get(wanted.upper(), [])
        if found.count(wanted) == 1:
            return wanted
        if len(found) > 1:
            raise _twice(", ".join(found))
        return found[0] if found else None

    def vector(self, wanted: str) -> list[str] | None:
        """One column of vectors, or twelve of numbers: BAND_FLUX_0 to BAND_FLUX_11; None where there is neither."""
        if wanted in self.given and self.given[wanted] not in self.there:
            parts = [f"{self.given[wanted]}_{b}" for b in range(N_BANDS)]
            found = [p if p in self.there else None for p in parts]
        else:
            whole = self.find(wanted)
            if whole is not None:
                return [whole]
            parts = [f"{wanted}_{b}" for b in range(N_BANDS)]
            found = [self.find(p) for p in parts]
        if not any(found):
            return None
        if not all(found):
            lost = [p for p, f in zip(parts, found) if f is None]
            raise error(
                "input", f"the table has no column {lost[0]}", f"{len(lost)} of {N_BANDS} are absent", "all twelve"
            )
        return [f for f in found if f is not None]

    def like_z(self) -> str | None:
        """A column that is probably the redshift, where there is none of the name."""
        return next((n for n in self.there if n.upper() in _LIKE_Z), None)

    def unused_lines(self) -> list[str]:
        """Columns of measured lines, as of HEI_5876, that no model here has."""
        known = {n.upper() for n in contract()}
        out = []
        for n in self.there:
            up = n.upper()
            if up.endswith("_EW") and up not in known and up + "_IVAR" in self.count:
                out.append(n)
        return out


def _twice(found: str) -> Exception:
    return error(
        "input",
        "two columns of one name",
        found,
        "names that differ in more than their case",
        "names={'Z': 'the_column'} says which is meant, where their letters differ.",
    )


class Source:
    """A table of any kind: its names, its columns one by one, what its numbers mean, the index of its rows."""

    def __init__(self, given: Any, names: Mapping[str, str] | None = None) -> None:
        home = _module(given)
        if home == "polars" and hasattr(given, "collect"):
            given = given.collect()
        if home == "pyarrow" and hasattr(given, "read_all"):
            given = given.read_all()
        self.table, self.index = given, None
        self.levels: list[Any] = []  # columns that are the index of the rows
        meta: Mapping[Any, Any] = {}
        self.units: dict[str, Any] = {}
        fields = None if hasattr(given, "colnames") else getattr(getattr(given, "dtype", None), "names", None)
        if fields:  # a structured array
            there: list[Any] = list(fields)
        elif home == "pyarrow":
            there = list(given.schema.names)
            meta = given.schema.metadata or {}
            self.units = units_of(given.schema)
        elif hasattr(given, "colnames"):
            there, meta = list(given.colnames), getattr(given, "meta", None) or {}
        elif hasattr(given, "columns"):
            there, meta = list(given.columns), getattr(given, "attrs", None) or {}
            self.index = getattr(given, "index", None)
            self.levels = [n for n in getattr(self.index, "names", ()) if n is not None and n not in there]
            there = there + self.levels
        elif isinstance(given, Mapping):
            there = list(given)
            self.index = common_index((str(name), given[name]) for name in there)
        else:
            raise error(
                "input",
                "no table of galaxies",
                type(given).__name__,
                "an astropy, pandas, polars or pyarrow table, a dictionary of columns, or a path",
            )
        self.originals = {str(n): n for n in there}
        self.names = Names(there, names)
        self.conventions = conventions_of(meta)

    def __len__(self) -> int:
        if isinstance(self.table, Mapping):
            return max((len(v) for v in self.table.values() if np.ndim(v)), default=0)
        return len(self.table)

    def unit(self, column: str) -> Any:
        """The unit of a column, by its own name; None: none."""
        if column in self.units:
            return self.units[column]
        if _module(self.table) == "pyarrow" or self.originals[column] in self.levels:
            return None
        return unit_of(self.table[self.originals[column]])

    def _of_index(self, level: Any) -> Any:
        assert self.index is not None  # it has levels
        return self.index.get_level_values(level).to_series()

    def raw(self, column: str) -> Plain:
        """One column by its own name."""
        home = _module(self.table)
        own = column if home == "pyarrow" else self.originals[column]
        values = (
            self.table.column(own)
            if home == "pyarrow"
            else self._of_index(own)
            if own in self.levels
            else self.table[own]
        )
        made = plain(column, values)
        return made._replace(unit=self.units[column]) if made.unit is None and column in self.units else made


def same_index(first: str, index: Any, second: str, other: Any) -> None:
    """Raises InputError: two things of pandas name their rows differently; by number, galaxies would be mixed."""
    if index is None or other is None or len(other) != len(index):
        return
    if not (other.equals(index) if hasattr(other, "equals") else np.array_equal(other, index)):
        raise error(
            "input",
            f"{first} and {second} have different indices",
            f"{_short(list(index[:3]))} ... and {_short(list(other[:3]))} ...",
            "the same rows in the same order",
            "frame.loc or reindex puts them in one order; .to_numpy() pairs them by number.",
        )


def common_index(columns: Iterable[tuple[str, Any]], index: Any = None) -> Any:
    """The index of pandas Series that belong together, as that of the galaxies does (`index`, where they have one);
    None where none is a Series. Raises InputError as `same_index`."""
    first = "the galaxies"
    for name, values in columns:
        own = getattr(values, "index", None)
        if own is None or not hasattr(values, "iloc"):
            continue
        if index is None:
            first, index = name, own
        same_index(first, index, name, own)
    return index


def is_table(given: Any) -> bool:
    """Whether it has columns with names."""
    return (
        isinstance(given, Mapping)
        or hasattr(given, "colnames")
        or hasattr(given, "columns")
        or (_module(given) == "pyarrow" and hasattr(given, "schema"))
        or bool(getattr(getattr(given, "dtype", None), "names", None))
    )


def units_of(schema: Any) -> dict[str, str]:
    """Units in the metadata of an Arrow schema's fields."""
    out: dict[str, str] = {}
    for f in schema:
        unit = (f.metadata or {}).get(b"unit")
        if unit:
            out[f.name] = unit.decode("utf-8", "replace").strip()
    return out


def conventions_of(meta: Mapping[Any, Any] | None) -> dict[str, Any]:
    """APERTURE, MWCORR, ... among what a table says of itself; what is no text, or about something else, is passed
    over."""
    from ._arrays import CONVENTIONS

    said: dict[str, Any] = {}
    for key, value in (meta or {}).items():
        try:
            key = key.decode() if isinstance(key, bytes) else str(key)
        except UnicodeDecodeError:
            continue
        if key.upper() in CONVENTIONS:
            said[key.upper()] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return said
