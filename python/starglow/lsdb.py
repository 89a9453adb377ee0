"""Predicted lines of LSDB catalogues (HATS on Dask): partition by partition, wherever Dask runs.

>>> import lsdb, starglow.lsdb                            # doctest: +SKIP
>>> catalog = lsdb.open_catalog("continua")               # doctest: +SKIP
>>> with_lines = starglow.lsdb.add_lines(catalog)         # doctest: +SKIP
>>> starglow.lsdb.write(with_lines, "lines")              # doctest: +SKIP
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from . import _arrays, parquet
from .errors import error
from .galaxies import LINES, Galaxies
from .model import Model
from .tables import _stacked

__all__ = ["add_lines", "columns_of", "provenance", "write"]


def columns_of(model: Model, draws: int = 0, noise: bool = False) -> dict[str, Any]:
    """Name -> pandas dtype of the columns that `add_lines` adds."""
    suffixes = ["_EW"] + (["_EW_P16", "_EW_P84"] if model.has_distribution else []) + (["_EW_NOISY"] if noise else [])
    out: dict[str, Any] = {line + suffix: pd.ArrowDtype(pa.float32()) for suffix in suffixes for line in LINES}
    if draws:
        out |= {line + "_EW_DRAW": pd.ArrowDtype(pa.list_(pa.float32(), draws)) for line in LINES}
    return out | {"FLAGS": pd.ArrowDtype(pa.int32())}


def _bands(frame: pd.DataFrame, name: str) -> np.ndarray | None:
    """(n, 12) of a column of vectors, or of twelve columns name_0 to name_11."""
    if name in frame.columns:
        values = frame[name]
        if isinstance(values.dtype, pd.ArrowDtype):
            return parquet._vector(pa.table({name: pa.chunked_array(pa.array(values))}), name)
        return _stacked(name, values)
    parts = [f"{name}_{b}" for b in range(12)]
    if all(p in frame.columns for p in parts):
        return np.column_stack([frame[p].to_numpy(dtype=np.float64, na_value=np.nan) for p in parts])
    return None


def _galaxies(frame: pd.DataFrame, names: dict[str, str], conventions: dict[str, str] | None) -> Galaxies:
    def number(key: str) -> np.ndarray | None:
        name = names.get(key, key)
        return frame[name].to_numpy(dtype=np.float64, na_value=np.nan) if name in frame.columns else None

    flux = _bands(frame, names.get("BAND_FLUX", "BAND_FLUX"))
    if flux is None:
        raise error(
            "input",
            "the table has no column BAND_FLUX",
            "columns " + ", ".join(map(str, frame.columns[:20])),
            "12 band fluxes a galaxy",
            "names={'BAND_FLUX': 'your_column'} gives another name.",
        )
    identity = names.get("TARGETID", "TARGETID")
    ids = None
    if identity in frame.columns:
        if frame[identity].dtype.kind not in "iu":
            raise error(
                "input",
                "TARGETID is not a column of 64-bit integers",
                f"type {frame[identity].dtype}",
                "int64",
                "A TARGETID exceeds 2^53: as a float it is already damaged.",
            )
        ids = frame[identity].to_numpy(dtype=np.int64)
    text = {key: frame[key].astype(str).tolist() if key in frame.columns else None for key in ("SURVEY", "PROGRAM")}
    return Galaxies(
        flux,
        number("Z"),
        _bands(frame, names.get("BAND_FLUX_IVAR", "BAND_FLUX_IVAR")),
        ids,
        survey=text["SURVEY"],
        program=text["PROGRAM"],
        ebv=number("EBV"),
        conventions=conventions or {},
    )


def _add(
    frame: pd.DataFrame,
    model: Model,
    draws: int,
    noise: bool,
    seed: int,
    conventions: dict[str, str] | None,
    out_of_domain: str,
    names: dict[str, str],
    threads: int,
) -> pd.DataFrame:
    """The work on one partition; zero rows give the same columns and types."""
    wanted = columns_of(model, draws, noise)
    if len(frame) == 0:
        columns = {
            name: pd.Series(pd.array([], dtype=kind), index=frame.index, name=name) for name, kind in wanted.items()
        }
    else:
        p = model.predict(
            _galaxies(frame, names, conventions),
            draws=draws,
            noise=noise,
            seed=seed,
            out_of_domain=out_of_domain,
            threads=threads,
        )
        values: dict[str, Any] = {
            "_EW": p.ew,
            "_EW_P16": p.p16,
            "_EW_P84": p.p84,
            "_EW_NOISY": p.noisy,
            "_EW_DRAW": p.draws,
        }
        columns = {}
        for name in wanted:
            if name == "FLAGS":
                array = pa.array(p.flags)
            else:
                line = next(one for one in LINES if name.startswith(one + "_EW"))
                column = np.ascontiguousarray(values[name[len(line) :]][:, LINES.index(line)], dtype=np.float32)
                array = (
                    pa.array(column)
                    if column.ndim == 1
                    else pa.FixedSizeListArray.from_arrays(pa.array(column.ravel()), draws)
                )
            columns[name] = pd.Series(pd.arrays.ArrowExtensionArray(array), index=frame.index, name=name)
    return frame.assign(**columns)


def add_lines(
    catalog: Any,
    model: Model | None = None,
    *,
    draws: int = 0,
    noise: bool = False,
    seed: int = 1,
    conventions: dict[str, str] | None = None,
    out_of_domain: str = "warn",
    names: dict[str, str] | None = None,
    threads: int = 1,
) -> Any:
    """A catalogue with the columns `{LINE}_EW`, ..., `FLAGS` of docs/tables.md beside its own. Lazy.

    Parameters
    ----------
    catalog : lsdb.Catalog
        With BAND_FLUX - vectors of twelve, or columns BAND_FLUX_0 to BAND_FLUX_11 -, Z and TARGETID.
    model : Model
        The model inside the package by default.
    draws, noise, seed, conventions, out_of_domain
        As `starglow.Model.predict`.
    names : dict
        Other names of the columns, e.g. ``{"BAND_FLUX": "flux", "Z": "redshift", "TARGETID": "object_id"}``.
    threads : int
        Threads of one partition; Dask runs several at a time.

    Returns
    -------
    lsdb.Catalog
        With the same partitions. The numbers of a row depend on the row alone, not on its partition.

    Raises
    ------
    InputError
        No BAND_FLUX, no TARGETID where draws or noise need one, columns that are there already; a point model has no
        draws.
    """
    model = model or Model.shipped()
    names = {"BAND_FLUX": "BAND_FLUX", "Z": "Z", "TARGETID": "TARGETID"} | dict(names or {})
    meta = catalog.meta
    there = [name for name in columns_of(model, draws, noise) if name in meta.columns]
    if there:
        raise error(
            "usage",
            "the catalogue has columns of these names",
            ", ".join(there[:5]),
            "other names",
            "Drop or rename them first.",
        )
    if names["TARGETID"] not in meta.columns and (draws or noise):
        raise error(
            "input",
            "draws need ids: the catalogue has no column TARGETID",
            "",
            "int64",
            "names={'TARGETID': 'your_column'}; a row number would depend on the partition.",
        )
    if draws and not model.has_distribution:
        raise error("model", "a point model has no draws", f"kind {model.kind}", "kind joint")
    _galaxies(meta.iloc[:0], names, conventions)  # columns and types, before anything runs
    conventions = _arrays.conventions(conventions)
    model._core.notes(conventions)
    arguments = (model, draws, noise, seed, conventions, out_of_domain, names, threads)
    return catalog.map_partitions(_add, *arguments, meta=_add(meta.iloc[:0], *arguments))


def provenance(model: Model | None = None, **more: Any) -> dict[str, str]:
    """What the Parquet metadata of an output say: program, version, revision, model hash, and what is given."""
    return parquet.provenance_of(model or Model.shipped()) | {key: str(value) for key, value in more.items()}


def write(
    catalog: Any,
    folder: str | os.PathLike[str],
    model: Model | None = None,
    *,
    provenance: dict[str, str] | None = None,
    **options: Any,
) -> None:
    """Writes a catalogue with lines as HATS, with units and provenance in the metadata of every Parquet file.

    Parameters
    ----------
    catalog : lsdb.Catalog
        Of `add_lines`.
    folder : path
    model : Model
        The one that `add_lines` used.
    provenance : dict
        More to say, e.g. the seed.
    **options
        Of `lsdb.Catalog.to_hats`.
    """
    catalog.to_hats(folder, **options)
    said = json.dumps(parquet.provenance_of(model or Model.shipped()) | (provenance or {}), sort_keys=True)
    for path in sorted(Path(folder).rglob("*.parquet")):
        if path.name.startswith("_") or path.name == "data_thumbnail.parquet":
            continue
        _describe(path, said)


def _describe(path: Path, said: str) -> None:
    """Rewrites one Parquet file, row group by row group, with units of the EWs and provenance."""
    import pyarrow.parquet as pq

    reader = pq.ParquetFile(path, pre_buffer=False)
    old = reader.schema_arrow
    fields = [
        f.with_metadata((f.metadata or {}) | {"unit": "Angstrom"})
        if any(f.name.startswith(line + "_EW") for line in LINES) and not f.name.endswith("_IVAR")
        else f
        for f in old
    ]
    new = pa.schema(fields, metadata=(old.metadata or {}) | {b"starglow": said.encode()})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with parquet.writer_of(temporary, new) as writer:
            for group in range(reader.num_row_groups):
                writer.write_table(reader.read_row_group(group).cast(new))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
