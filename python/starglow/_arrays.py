"""What users give as an array, made ready for the C++ library: in place where its type is float32 or float64."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .errors import error

T = TypeVar("T")
CONVENTIONS = ("APERTURE", "MWCORR", "MASKRULE", "CONTSRC", "LABELVER", "FLUXSCAL", "VACUUM")
MOST_DRAWS = 100_000  # as the command line
MOST_THREADS = 2**31 - 1

FLUX_UNIT = "1e-17 erg s^-1 cm^-2 Angstrom^-1"
_ASTROPY_FLUX_UNIT = "1e-17 erg / (s cm2 Angstrom)"


def _check_unit(name: str, given: Any, wanted: str | None) -> None:
    unit = getattr(given, "unit", None)
    if unit is None or wanted is None:
        return
    from astropy import units  # whoever has a unit has astropy

    try:
        same = units.Unit(unit) == units.Unit(wanted) or bool(abs(units.Unit(unit).to(units.Unit(wanted)) - 1) < 1e-9)
    except (units.UnitConversionError, ValueError, TypeError):
        same = False
    if not same:
        raise error(
            "input", f"{name} has another unit", f"'{unit}'", FLUX_UNIT if "erg" in wanted else wanted, "Convert it."
        )


def optional(make: Callable[..., T], name: str, given: Any, *more: Any) -> T | None:
    """make(name, given, ...), or None where nothing is given."""
    return None if given is None else make(name, given, *more)


def real(name: str, given: Any, unit: str | None = None) -> np.ndarray:
    """float32 and float64 arrays of this machine's byte order as they are; other real numbers as float64; masked
    values as NaN. Raises InputError for anything else."""
    if given is None:
        raise error("input", f"{name} is absent", "None", "an array of numbers")
    _check_unit(name, given, unit)
    if isinstance(given, np.ma.MaskedArray) or (hasattr(given, "mask") and hasattr(given, "filled")):
        masked: Any = np.ma.asarray(given)
        array = masked.astype(np.float64).filled(np.nan) if masked.dtype.kind in "fiu" else masked.data
    else:
        try:
            array = np.asarray(given)
        except (ValueError, TypeError) as e:
            raise error("input", f"{name} is not an array of numbers", str(e), "rows of equal length", "") from None
    if array.dtype.kind not in "fiu":
        raise error("input", f"{name} is not an array of real numbers", f"type {array.dtype}", "float32 or float64", "")
    if array.dtype.type in (np.float32, np.float64):
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    return array.astype(np.float64)


def ids(name: str, given: Any) -> np.ndarray:
    """TARGETIDs as int64. Raises InputError for floats: beyond 2^53 they are damaged already."""
    array = np.asarray(given)
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu" or (
        array.dtype == np.uint64 and array.size > 0 and array.max() > np.iinfo(np.int64).max
    ):
        raise error(
            "input",
            f"{name} is not a column of 64-bit integers",
            f"type {array.dtype}",
            "int64",
            "A TARGETID exceeds 2^53: as a float it is already damaged.",
        )
    return array.astype(np.int64, copy=False)


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
        said[str(key).upper()] = ("T" if value else "F") if isinstance(value, (bool, np.bool_)) else str(value)
    return said


def words(name: str, given: Any) -> list[str]:
    """A column of text, bytes or str, without the blanks that FITS puts at the end."""
    out = [w.decode() if isinstance(w, bytes) else str(w) for w in np.asarray(given).tolist()]
    return [w.rstrip() for w in out]


FLUX = _ASTROPY_FLUX_UNIT
EW = "Angstrom"
