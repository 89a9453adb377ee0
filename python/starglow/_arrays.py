"""What users give as an array, made ready for the C++ library: in place where its type is float32 or float64."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from . import _columns, _units
from .errors import error

T = TypeVar("T")
CONVENTIONS = ("APERTURE", "MWCORR", "MASKRULE", "CONTSRC", "LABELVER", "FLUXSCAL", "VACUUM")
NULL_ID = np.iinfo(np.int64).min  #: no id, as the C++ library has it
MOST_DRAWS = 100_000  # as the command line
MOST_THREADS = 2**31 - 1


def optional(make: Callable[..., T], name: str, given: Any, *more: Any) -> T | None:
    """make(name, given, ...), or None where nothing is given."""
    return None if given is None else make(name, given, *more)


def real(name: str, given: Any, unit: str | None = None) -> np.ndarray:
    """float32 and float64 arrays of this machine's byte order as they are; other real numbers as float64; what is
    masked or null as NaN; a unit of the same dimension as `unit` converted. Raises InputError for anything else."""
    if given is None:
        raise error("input", f"{name} is absent", "None", "an array of numbers")
    array, missing, said = _columns.plain(name, given)
    if array.dtype.kind not in "fiu":
        raise error("input", f"{name} is not an array of real numbers", _kind(array), "float32 or float64", "")
    if array.dtype.type not in (np.float32, np.float64):
        array = array.astype(np.float64)
    elif not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if unit is not None and said is not None and (times := _units.factor(name, said, unit)) != 1.0:
        array = array.astype(np.float64) * times
    if missing is not None:
        array = np.where(missing, np.nan, array.astype(np.float64, copy=False))
    return array


def ivar(name: str, given: Any, unit: str, of_name: str, of: Any, of_unit: str) -> np.ndarray:
    """An inverse variance beside the numbers `of` that it belongs to, or None: without a unit it has theirs."""
    if of is None:
        return real(name, given, unit)
    by = _units.ivar_factor(name, _units.unit_of(given), unit, of_name, _units.unit_of(of), of_unit)
    values = real(name, given)
    return values if by == 1 else values * by


def _kind(array: np.ndarray) -> str:
    text = array.dtype.kind in "SU" or (array.dtype == object and any(isinstance(v, (str, bytes)) for v in array.flat))
    return "text" if text else f"type {array.dtype}"


def ids(name: str, given: Any) -> np.ndarray:
    """TARGETIDs as int64; where some are null or masked, as a masked array. Raises InputError for floats - beyond 2^53
    they are damaged already -, and for what int64 cannot hold: it would be another galaxy's id."""
    array, missing, _ = _columns.plain(name, given)
    if array.size == 0 and array.dtype.kind in "fO":
        array = array.astype(np.int64)
    if missing is not None and missing.all():
        array = np.zeros(array.shape, np.int64)
    if _kind(array) == "text":
        array, missing = _of_digits(name, array, missing)
    if array.dtype.kind == "u" and array.dtype.itemsize == 8:
        there = array if missing is None else array[~missing]
        if there.size and there.max() > np.iinfo(np.int64).max:
            raise error(
                "input",
                f"{name} has ids beyond 64-bit integers",
                str(there.max()),
                f"at most {np.iinfo(np.int64).max}",
                "Give these galaxies other ids: a smaller number would be another galaxy's.",
            )
    if array.dtype.kind not in "iu":
        nulls = missing is not None or (array.dtype.kind == "f" and bool(np.isnan(array).any()))
        raise error(
            "input",
            f"{name} is not a column of 64-bit integers",
            _kind(array) + (", with nulls" if nulls else ""),
            "int64",
            "A TARGETID exceeds 2^53: as a float it is already damaged."
            + (" Integers with nulls are pandas' Int64, or a masked array." if nulls else ""),
        )
    array = array.astype(np.int64, copy=False)
    if array.size and array.min() == NULL_ID:  # as the FITS reader gives a null
        missing = (array == NULL_ID) if missing is None else missing | (array == NULL_ID)
    return array if missing is None else np.ma.array(np.where(missing, 0, array), mask=missing)


def _of_digits(name: str, array: np.ndarray, missing: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Ids that are text of digits, as the FITS reader takes them; the empty text is a null."""
    read = [_word(name, w) for w in array.tolist()]
    gone = np.array([w == "" for w in read]) | (False if missing is None else missing)
    out = np.zeros(len(read), np.int64)
    for k, word in enumerate(read):
        if gone[k]:
            continue
        if not re.fullmatch(r"-?[0-9]+", word) or not NULL_ID < int(word) < -NULL_ID:
            raise error("input", f"{name} is not a column of 64-bit integers", f"text, '{word[:40]}'", "int64")
        out[k] = int(word)
    return out, gone if gone.any() else None


def all_ids(name: str, given: Any, first_row: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """int64 ids, the number of the row where there is none; and which those are."""
    found = ids(name, given)
    if not isinstance(found, np.ma.MaskedArray):
        return found, None
    rows = np.arange(first_row, first_row + found.size).reshape(found.shape)
    mask = np.ma.getmaskarray(found)
    return np.where(mask, rows, found.data), mask


def whole(name: str, given: Any, high: int = 2**64 - 1, low: int = 0) -> int:
    """A whole number of a range; 1e6 is one too. Raises InputError for anything else."""
    if isinstance(given, (float, np.floating)) and float(given).is_integer():
        given = int(given)
    wanted = f"{low} to {'2^64 - 1' if high == 2**64 - 1 else high}"
    try:
        value = operator.index(given)
    except TypeError:
        raise error("usage", f"{name} is not a whole number", repr(given), wanted) from None
    if not low <= value <= high:
        raise error("usage", f"{name} out of range", str(value), wanted)
    return value


def conventions(given: Any) -> dict[str, str]:
    """What a caller says of the numbers: known names, in capitals, and T or F for True or False. Values are the
    library's to judge."""
    said: dict[str, str] = {}
    for key, value in dict(given or {}).items():
        if str(key).upper() not in CONVENTIONS:
            raise error("usage", "unknown convention", f"'{key}'", ", ".join(CONVENTIONS))
        said[str(key).upper()] = _convention(str(key).upper(), value)
    return said


def _convention(key: str, value: Any) -> str:
    """As the project writes it: FIBRE, Fiber and fibre are "fibre", true, yes, 1 and T are "T"."""
    if isinstance(value, (bool, np.bool_)):
        return "T" if value else "F"
    word = str(value).strip().lower()
    if key in ("MWCORR", "VACUUM"):
        return {"t": "T", "true": "T", "1": "T", "yes": "T", "f": "F", "false": "F", "0": "F", "no": "F"}.get(
            word, "unknown" if word in ("", "unknown") else str(value)
        )
    known = ("fibre", "total", "absolute", "relative", "masked data", "model", "synthetic", "k24", "robust", "unknown")
    return "fibre" if (key, word) == ("APERTURE", "fiber") else word if word in known else str(value)


def words(name: str, given: Any) -> list[str]:
    """A column of text, bytes or str, without the blanks that FITS puts at the end; what is null or masked is empty."""
    array, missing, _ = _columns.plain(name, given)
    out = [_word(name, w) for w in array.tolist()]
    if missing is not None:
        out = ["" if gone else w for w, gone in zip(out, missing.tolist())]
    return out


def _word(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise error("input", f"{name} is not text", repr(value)[:40], "ASCII or UTF-8") from None
    return str(value).rstrip()
