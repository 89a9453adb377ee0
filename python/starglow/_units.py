"""Units: those of the same dimension are converted, others are refused."""

from __future__ import annotations

import re
import warnings
from typing import Any

from .errors import error

FLUX = "1e-17 erg / (s cm2 Angstrom)"
FLUX_IVAR = "1e34 s2 cm4 Angstrom2 / erg2"
EW = "Angstrom"
EW_IVAR = "Angstrom-2"
WAVE = "Angstrom"
SPEED = "km / s"
REDSHIFT = ""
LUM_NU = "Lsun / Hz"
MAGNITUDE = "mag"

_SHOWN = {
    FLUX: "1e-17 erg s^-1 cm^-2 Angstrom^-1",
    FLUX_IVAR: "(1e-17 erg s^-1 cm^-2 Angstrom^-1)^-2",
    REDSHIFT: "none",
}
# As files say them, so that what pyarrow alone reads needs no astropy.
_SAME = {
    FLUX: {"10**-17erg/(scm2angstrom)", "1e-17erg/(scm2angstrom)", "1e-17erg/s/cm2/a", "1e-17erg/s/cm2/angstrom"},
    EW: {"angstrom", "a", "aa"},
    EW_IVAR: {"angstrom-2", "angstrom**-2", "1/angstrom2", "1/angstrom**2", "a-2"},
}


def factor(name: str, unit: Any, wanted: str) -> float:
    """What numbers in `unit` are multiplied by to be in `wanted`. Raises InputError: another dimension, or unknown
    words."""
    text = str(unit)
    if "".join(text.split()).lower() in _SAME.get(wanted, ()):
        return 1.0
    shown = _SHOWN.get(wanted, wanted)
    try:
        from astropy import units
    except ImportError:
        raise error(
            "input", f"{name} has another unit", f"'{text}'", shown, "With astropy installed it would be converted."
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", units.UnitsWarning)  # of two slashes
            words = isinstance(unit, (str, units.UnrecognizedUnit))  # of a file, which astropy may not have understood
            given = units.Unit(_astropy(text)) if words else units.Unit(unit)
        made = float(given.to(units.Unit(wanted)))
    except (units.UnitConversionError, ValueError, TypeError, AttributeError):
        raise error(
            "input",
            f"{name} has another unit",
            f"'{text}'",
            f"{shown}, or a unit of the same dimension",
            "Convert it.",
        ) from None
    return 1.0 if abs(made - 1) < 1e-9 else made


def ivar_factor(name: str, unit: Any, wanted: str, of: str, of_unit: Any, of_wanted: str) -> float:
    """What an inverse variance is multiplied by, beside the numbers `of` that it belongs to: without a unit it has
    theirs. Raises InputError: one of another scale, for which of the two is wrong cannot be known."""
    by = 1.0 if of_unit is None else factor(of, of_unit, of_wanted)
    if unit is None:
        return 1.0 if by == 1.0 else by**-2
    made = factor(name, unit, wanted)
    if abs(made * by * by - 1) > 1e-6:
        raise error(
            "input",
            f"{name} is not in the unit of {of}",
            f"'{unit}' beside '{of_unit or of_wanted}'",
            "the inverse square of the other",
            "Correct the unit that is wrong.",
        )
    return made


def unit_of(given: Any) -> Any:
    """The unit that a column or array has; None: none, or an empty text."""
    unit = getattr(given, "unit", None)
    return None if unit is None or not str(unit).strip() else unit


def _astropy(text: str) -> str:
    """10**-17 as astropy reads it; A is the Angstrom here, never the ampere."""
    return re.sub(r"(?<![A-Za-z])A(?![A-Za-z])", "Angstrom", text.replace("10**-17", "1e-17").replace("**", "^"))
