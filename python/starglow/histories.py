"""Star-formation histories from mappings, tables and files, for :func:`starglow.mock_stars`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from . import _units
from ._arrays import ids
from .errors import error, regular_file

NEEDED = ("z", "lgmet", "sfr", "sfh_time")
_UNITS = {"sfh_time": "Gyr", "t_obs": "Gyr", "sfr": "Msun / yr", "av": "mag", "z": ""}
_OLDEST = 20.0  # Gyr: no cosmology is older
OPTIONAL = ("targetid", "av", "lgmet_scatter", "slope", "bump", "fibre_fraction", "t_obs")


def _open(path: Path) -> dict[str, Any]:
    regular_file(path)
    with open(path, "rb") as file:
        first = file.read(8)
    if first == b"\x89HDF\r\n\x1a\n":
        import h5py

        with h5py.File(path) as file:
            return {name: file[name][()] for name in file if isinstance(file[name], h5py.Dataset)}
    if first[:4] == b"PAR1":
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        return {name: _arrow(table.column(name)) for name in table.column_names}
    from astropy.table import Table

    return _table(Table.read(path, hdu="GALAXIES" if _has_galaxies(path) else 1))


def _has_galaxies(path: Path) -> bool:
    from astropy.io import fits

    with fits.open(path) as hdus:
        return "GALAXIES" in hdus


def _arrow(column: Any) -> np.ndarray:
    values = column.combine_chunks().to_pylist()
    return np.array([np.nan if v is None else v for v in values])


def _table(table: Any) -> dict[str, Any]:
    names = table.colnames if hasattr(table, "colnames") else table.columns
    return {str(name): table[name] for name in names}


def _numbers(name: str, given: Any) -> np.ndarray:
    times = _factor(name, _units.unit_of(given))
    if hasattr(given, "filled"):
        given = given.filled(np.nan) if np.asarray(given).dtype.kind == "f" else given
    try:
        array = np.asarray(given)
        if array.dtype == object:
            array = np.stack([np.asarray(row, float) for row in array])
        return np.ascontiguousarray(array, dtype=np.float64) * times
    except (TypeError, ValueError) as bad:
        raise error("input", f"{name} of the histories is no array of numbers", str(bad), "float64") from bad


def _factor(name: str, unit: Any) -> float:
    """What brings a column to the unit here."""
    if unit is None:
        return 1.0
    if name in ("lgmet", "lgmet_scatter"):
        text = str(unit).lower()
        if text != "dex" and not text.startswith("log"):
            raise error(
                "input", f"{name} of the histories has another unit", f"'{unit}'", "dex: log10 of a mass fraction"
            )
        return 1.0
    return _units.factor(f"{name} of the histories", unit, _UNITS[name]) if name in _UNITS else 1.0


def read_histories(given: Any) -> dict[str, np.ndarray]:
    """Columns of histories as arrays: NEEDED, and of OPTIONAL what is there; ids count from 1 where there are none."""
    if isinstance(given, (str, os.PathLike)):
        given = _open(Path(given))
    elif not isinstance(given, dict):
        given = _table(given)
    found = {str(name).lower(): value for name, value in given.items()}
    absent = [name for name in NEEDED if name not in found]
    if absent:
        raise error("input", "histories lack " + ", ".join(absent), ", ".join(sorted(found)), ", ".join(NEEDED))
    out = {name: _numbers(name, found[name]) for name in NEEDED + OPTIONAL[1:] if name in found}
    times = out["sfh_time"]
    if times.ndim == 2:  # one row a galaxy: the same in all
        if not len(times) or not (times == times[0]).all():
            raise error("input", "times of the histories differ from row to row", "", "the same in every row")
        out["sfh_time"] = np.ascontiguousarray(times[0])
    if out["sfh_time"].size and not out["sfh_time"][-1] <= _OLDEST:
        raise error(
            "input",
            "times of the histories are beyond the age of the universe",
            f"{out['sfh_time'][-1]:g} Gyr",
            "Gyr since the Big Bang",
        )
    if (out["lgmet"] > 0).any():
        raise error(
            "input",
            "the histories have more metals than mass",
            f"lgmet {out['lgmet'].max():g}",
            "log10 of the mass fraction, below 0",
        )
    n = out["z"].size
    for name, array in out.items():
        wanted = out["sfh_time"].shape if name == "sfh_time" else (n,)
        wanted = (n, out["sfh_time"].size) if name == "sfr" else wanted
        if array.shape != wanted:
            raise error("input", f"{name} of the histories has another shape", str(array.shape), str(wanted))
    known = ids("targetid", found["targetid"]) if "targetid" in found else np.arange(1, n + 1)
    if known.shape != (n,):
        raise error("input", "targetid of the histories has another shape", str(known.shape), str((n,)))
    out["targetid"] = np.ascontiguousarray(known, dtype=np.int64)
    return out
