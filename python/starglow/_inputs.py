"""The inputs of a prediction: galaxies from arrays or tables, and given lines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _arrays, _units
from ._arrays import real
from ._columns import common_index, is_table
from .errors import error
from .galaxies import ALL_LINES, LINES, Galaxies


def galaxies_of(first: Any, z: Any, more: dict[str, Any], names: Mapping[str, str] | None = None) -> Galaxies:
    """The input galaxies of a call, from arrays, a Galaxies, or a table."""
    if isinstance(first, (Galaxies, str, os.PathLike)) or is_table(first):
        beside = [k for k, v in (("z", z), *more.items()) if v is not None and k != "conventions"]
        if beside or (isinstance(first, Galaxies) and more.get("conventions") is not None):
            raise TypeError(
                f"a table has its own columns: give no others with it ({', '.join(beside) or 'conventions'})"
            )
        from .tables import galaxies

        return first if isinstance(first, Galaxies) else galaxies(first, more.get("conventions"), names=names)
    if first is None:
        raise error("input", "BAND_FLUX is absent", "None", "12 band fluxes a galaxy")
    return Galaxies(band_flux=first, z=z, **more)


def given_lines(given: Any, galaxies: Galaxies, lines: tuple[str, ...] = LINES) -> tuple[np.ndarray, np.ndarray] | None:
    """The given lines as two (n, lines) arrays, EW and ivar; all other lines have ivar 0."""
    if given is None:
        return None
    n = len(galaxies.band_flux)
    ew, ivar = np.zeros((n, len(lines))), np.zeros((n, len(lines)))
    names = [given] if isinstance(given, str) else list(given)
    if not names:
        raise error("usage", "no line is given", "", "one or more of " + ", ".join(lines))
    for name in names:
        if name not in lines:
            raise error("usage", "unknown line", f"'{name}'", ", ".join(lines))
        line = lines.index(name)
        if isinstance(given, Mapping):
            if not isinstance(given[name], (tuple, list)) or len(given[name]) != 2:
                raise error("usage", f"given[{name!r}] is not a pair", type(given[name]).__name__, "(ew, ivar)")
            values, weights = given[name]
            common_index([(f"given {name}_EW", values), (f"given {name}_EW_IVAR", weights)], galaxies.index)
            weights = _arrays.ivar(
                f"given {name}_EW_IVAR", weights, _units.EW_IVAR, f"given {name}_EW", values, _units.EW
            )
            values = real(f"given {name}_EW", values, _units.EW)
        elif galaxies.ew is None or galaxies.ew_ivar is None:
            raise error(
                "input", "lines are given by name, but the galaxies have no measured EWs", "no ew and ew_ivar", "both"
            )
        else:
            measured = ALL_LINES.index(name)
            if measured >= galaxies.ew.shape[1]:
                raise error("input", "the galaxies have no measured EWs of a line", f"'{name}'", "all_lines=True")
            values, weights = galaxies.ew[:, measured], galaxies.ew_ivar[:, measured]
        for what, part, into in (("EW", values, ew), ("ivar", weights, ivar)):
            if part.shape not in ((), (n,)):
                raise error("input", f"{what} of given {name} does not fit", f"shape {part.shape}", f"({n},)")
            into[:, line] = part
    return ew, ivar
