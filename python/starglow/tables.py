"""Tables of galaxies and lines: FITS files, astropy Tables, pandas DataFrames; the columns of docs/tables.md in all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._arrays import CONVENTIONS, MOST_THREADS, whole
from .errors import error, reading
from .galaxies import LINES, Galaxies

if TYPE_CHECKING:
    import astropy.table
    import pandas

    from .model import Model, Prediction

_FLUX_UNIT = "10**-17 erg/(s cm2 Angstrom)"
_PLAIN = {
    "targetid": "TARGETID",
    "z": "Z",
    "band_flux": "BAND_FLUX",
    "band_flux_ivar": "BAND_FLUX_IVAR",
    "survey": "SURVEY",
    "program": "PROGRAM",
    "flags": "FLAGS",
    "ebv": "EBV",
}


def read_table(path: str | os.PathLike[str], first: int = 0, count: int | None = None) -> Galaxies:
    """Galaxies of a FITS table: HDU `GALAXIES`, else the first table; gzip too.

    Parameters
    ----------
    path : path
    first, count : int
        Rows [first, first + count); all by default.

    Raises
    ------
    FileError
        No such file, or it cannot be read.
    InputError
        Broken structure, a wrong checksum, unit or number of bands, rows outside the table.
    """
    if first < 0 or (count is not None and count < 0):
        raise error("usage", "rows outside the table", f"first={first}, count={count}", "numbers >= 0")
    with reading(path):
        columns, _, _ = _core.read_table(os.fspath(path), first, -1 if count is None else count)
    return Galaxies(**columns)


def galaxies(given: Any, conventions: dict[str, str] | None = None) -> Galaxies:
    """Galaxies of an astropy Table, a pandas DataFrame, a dictionary of columns or the path of a FITS file.

    A DataFrame has vectors as columns of lists or arrays (`BAND_FLUX`), or as twelve columns `BAND_FLUX_0` to
    `BAND_FLUX_11`. Conventions come from the Table's `meta`, the DataFrame's `attrs`, or `conventions`.

    Raises
    ------
    InputError
        As `Galaxies`; a table without BAND_FLUX.
    """
    if isinstance(given, Galaxies):
        return given
    if isinstance(given, (str, os.PathLike)):
        return read_table(given)
    names = list(
        given.colnames if hasattr(given, "colnames") else given.columns if hasattr(given, "columns") else given.keys()
    )
    by_upper = {str(name).upper(): name for name in names}

    def column(name: str) -> Any:
        if name in by_upper:
            values = given[by_upper[name]]
            return _stacked(name, values) if hasattr(values, "to_numpy") else values
        return None

    def vector(name: str) -> Any:
        parts = [by_upper.get(f"{name}_{b}") for b in range(12)]
        if name not in by_upper and all(p is not None for p in parts):
            return np.column_stack([np.asarray(given[p], dtype=np.float64) for p in parts])
        return column(name)

    def lines(suffix: str) -> Any:
        have = [f"{line}{suffix}" in by_upper for line in LINES]
        if not any(have):
            return None
        n = len(given[names[0]])
        missing = np.nan if suffix == "_EW" else 0.0
        columns = [column(f"{line}{suffix}") if here else np.full(n, missing) for line, here in zip(LINES, have)]
        from ._arrays import EW, real

        return np.column_stack(
            [
                np.asarray(real(f"{line}{suffix}", c, EW if suffix == "_EW" else None), dtype=np.float32)
                for line, c in zip(LINES, columns)
            ]
        )

    if vector("BAND_FLUX") is None:
        raise error(
            "input",
            "the table has no column BAND_FLUX",
            "columns " + ", ".join(map(str, names[:20])),
            "12 band fluxes a galaxy",
        )
    meta = getattr(given, "meta", None) or getattr(given, "attrs", None) or {}
    said = {key: meta[key] for key in CONVENTIONS if key in meta}
    return Galaxies(
        band_flux=vector("BAND_FLUX"),
        band_flux_ivar=vector("BAND_FLUX_IVAR"),
        z=column("Z"),
        targetid=column("TARGETID"),
        survey=column("SURVEY"),
        program=column("PROGRAM"),
        flags=column("FLAGS"),
        ebv=column("EBV"),
        ew=lines("_EW"),
        ew_ivar=lines("_EW_IVAR"),
        conventions=said | (conventions or {}),
    )


def _stacked(name: str, series: Any) -> np.ndarray:
    """A pandas Series as an array; lists in it as rows of one."""
    values: np.ndarray = series.to_numpy()
    if values.dtype != object or name in ("SURVEY", "PROGRAM"):
        return values
    if len(values) == 0:
        return np.empty((0, 12)) if name.startswith("BAND_FLUX") else np.empty(0)
    try:
        return np.stack([np.asarray(v) for v in values]) if np.ndim(values[0]) else np.asarray(values.tolist())
    except ValueError as e:
        raise error("input", f"{name} is not an array of numbers", str(e), "rows of equal length") from None


def columns(table: Galaxies | None = None, prediction: Prediction | None = None) -> list[tuple[str, Any, str]]:
    """(name, array, unit) of the columns of docs/tables.md for galaxies, their predicted lines, or both: then, as
    `starglow predict` writes it, without band fluxes and measured EWs."""
    out: list[tuple[str, Any, str]] = []
    if table is not None:
        n = len(table)
        for attribute, name in _PLAIN.items():
            values = getattr(table, attribute)
            if values is None and name == "TARGETID" and prediction is not None:
                values = np.arange(n)
            if values is None or (prediction is not None and name in ("BAND_FLUX", "BAND_FLUX_IVAR", "FLAGS", "EBV")):
                continue
            values = np.asarray(values)
            if name in ("Z", "EBV", "BAND_FLUX", "BAND_FLUX_IVAR"):
                values = values.astype(np.float64, copy=False)
            elif name == "FLAGS":
                values = values.astype(np.int32, copy=False)
            out.append((name, values, _FLUX_UNIT if name == "BAND_FLUX" else ""))
        if prediction is None:
            for suffix, values, unit in (("_EW", table.ew, "Angstrom"), ("_EW_IVAR", table.ew_ivar, "Angstrom**-2")):
                if values is not None:
                    out += [
                        (line + suffix, np.asarray(values[:, k], dtype=np.float32), unit)
                        for k, line in enumerate(LINES)
                    ]
    if prediction is not None:
        for suffix in ("_EW", "_EW_P16", "_EW_P84", "_EW_DRAW", "_EW_NOISY"):
            values = getattr(
                prediction,
                {"_EW": "ew", "_EW_P16": "p16", "_EW_P84": "p84", "_EW_DRAW": "draws", "_EW_NOISY": "noisy"}[suffix],
            )
            if values is not None:
                out += [
                    (line + suffix, np.ascontiguousarray(values[:, k], dtype=np.float32), "Angstrom")
                    for k, line in enumerate(LINES)
                ]
        out.append(("FLAGS", prediction.flags, ""))
    return out


def to_astropy(table: Galaxies | None = None, prediction: Prediction | None = None) -> astropy.table.Table:
    """Galaxies, predicted lines, or lines with the ids of their galaxies, as an astropy Table with units."""
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
    """The same as a pandas DataFrame; vectors are columns of arrays, conventions stand in `attrs`."""
    import pandas

    out = pandas.DataFrame(
        {name: values if values.ndim == 1 else list(values) for name, values, _ in columns(table, prediction)}
    )
    out.attrs.update(table.conventions if table is not None else {})
    return out


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
    """Writes a FITS table with units, checksums, conventions and provenance; whole or not at all.

    Parameters
    ----------
    table, prediction
        As `to_astropy`.
    model, seed, inputs
        For the provenance: the model's hash, the seed, the files that it was made from (with size and SHA-256).

    Raises
    ------
    InputError
        The file exists and `overwrite` is False.
    FileError
        It cannot be written; an old file is intact.
    """
    letters = {"i8": "K", "i4": "J", "f4": "E", "f8": "D"}
    made: list[tuple[str, str, int, str, Any]] = []
    for name, values, unit in columns(table, prediction):
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
    """n galaxies of the population inside the package, as `starglow mock`; depends on (seed, TARGETID) alone.

    References
    ----------
    docs/mock.md: a mixture of normals fitted to DESI BGS galaxies.
    """
    return Galaxies(
        **_core.mock(
            whole("n", n, 2**40),
            whole("seed", seed),
            whole("first_id", first_id, 2**62, -(2**62)),
            whole("threads", threads, MOST_THREADS),
        )
    )
