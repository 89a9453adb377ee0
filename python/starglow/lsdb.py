"""Predicted lines of LSDB catalogues (HATS on Dask): partition by partition, wherever Dask runs.

>>> import lsdb, starglow.lsdb                            # doctest: +SKIP
>>> catalog = lsdb.open_catalog("continua")               # doctest: +SKIP
>>> with_lines = starglow.lsdb.add_lines(catalog)         # doctest: +SKIP
>>> starglow.lsdb.write(with_lines, "lines")              # doctest: +SKIP
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from . import _arrays, parquet
from ._columns import Names
from .errors import error
from .galaxies import LINES
from .model import Model
from .tables import galaxies

__all__ = ["add_lines", "columns_of", "provenance", "write"]


def columns_of(model: Model, draws: int = 0, noise: bool = False) -> dict[str, Any]:
    """Name -> pandas dtype of the columns that `add_lines` adds."""
    suffixes = ["_EW"] + (["_EW_P16", "_EW_P84"] if model.has_distribution else []) + (["_EW_NOISY"] if noise else [])
    out: dict[str, Any] = {line + suffix: pd.ArrowDtype(pa.float32()) for suffix in suffixes for line in model.lines}
    if draws:
        out |= {line + "_EW_DRAW": pd.ArrowDtype(pa.list_(pa.float32(), draws)) for line in model.lines}
    return out | {"FLAGS": pd.ArrowDtype(pa.int32())}


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
            galaxies(frame, conventions, names=names),
            draws=draws,
            noise=noise,
            seed=seed,
            out_of_domain=out_of_domain,
            threads=threads,
        )
        columns = {
            name: pd.Series(pd.arrays.ArrowExtensionArray(parquet.line_array(p, name)), index=frame.index, name=name)
            for name in wanted
        }
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
    """Adds the columns `{LINE}_EW`, ..., `FLAGS` of docs/tables.md to a catalogue, lazily.

    Parameters
    ----------
    catalog : lsdb.Catalog
        With BAND_FLUX - vectors of twelve, or columns BAND_FLUX_0 to BAND_FLUX_11 -, Z and TARGETID.
    model : Model
        Default: the shipped model.
    draws, noise, seed, conventions, out_of_domain
        As `starglow.Model.predict`.
    names : dict
        For other column names, e.g. ``{"BAND_FLUX": "flux", "Z": "redshift", "TARGETID": "object_id"}``.
    threads : int
        Threads of one partition; Dask runs several at a time.

    Returns
    -------
    lsdb.Catalog
        It has the same partitions. The results of a row do not depend on its partition.

    Raises
    ------
    InputError
        BAND_FLUX is absent; TARGETID is absent and needed for draws or noise; the columns exist already; or the model
        kind has no draws.
    """
    model = model or Model.shipped()
    meta, names = catalog.meta, dict(names or {})
    known = Names(meta.columns, names)
    there = [name for name in columns_of(model, draws, noise) if name in meta.columns]
    if there:
        raise error(
            "usage",
            "the catalogue has columns of these names",
            ", ".join(there[:5]),
            "other names",
            "Drop or rename them first.",
        )
    identity = known.find("TARGETID")
    if identity is not None and meta[identity].dtype.kind in "fcmM":  # an empty column of floats would pass
        _arrays.ids("TARGETID", np.ones(1))  # raises, in the words of every interface
    if identity is None and (draws or noise):
        raise error(
            "input",
            "draws need ids: the catalogue has no column TARGETID",
            "",
            "int64",
            "names={'TARGETID': 'your_column'}; a row number would depend on the partition.",
        )
    if draws and not model.has_distribution:
        raise error("model", "this model kind has no draws", f"kind {model.kind}", "kind joint")
    galaxies(meta.iloc[:0], conventions, names=names)  # columns and types, before anything runs
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
    threads: int = 8,
    **options: Any,
) -> None:
    """Writes a catalogue with lines as HATS, with units and provenance in the metadata of every Parquet file.

    Parameters
    ----------
    catalog : lsdb.Catalog
        Of `add_lines`.
    folder : path, address or universal_pathlib.UPath
        A folder, or whatever fsspec writes to: "memory://lines", "s3://bucket/lines".
    model : Model
        The one that `add_lines` used.
    provenance : dict
        Additional entries, e.g. the seed.
    threads : int
        Files whose metadata are written at a time.
    **options
        Of `lsdb.Catalog.to_hats`.

    Raises
    ------
    FileError
        The target cannot be written, or a file of it cannot be read back.
    """
    catalog.to_hats(folder, **options)
    said = json.dumps(parquet.provenance_of(model or Model.shipped()) | (provenance or {}), sort_keys=True)
    system, root = _place(folder)
    found = [f for f in sorted(system.find(root)) if f.endswith(".parquet") and "/Npix=" in f]
    if not found:
        raise error("output", f"no Parquet files below '{folder}'", "none", "one a partition")
    with ThreadPoolExecutor(max(1, min(threads, len(found)))) as pool:
        list(pool.map(lambda f: _describe(system, f, said), found))  # raises what one of them raised
    if hasattr(system, "invalidate_cache"):
        system.invalidate_cache()


def _place(folder: Any) -> tuple[Any, str]:
    """The file system and the path in it, of a path, an address or a UPath."""
    import fsspec

    if hasattr(folder, "fs") and hasattr(folder, "path"):  # a UPath knows its own
        return folder.fs, str(folder.path)
    system, root = fsspec.core.url_to_fs(os.fspath(folder))
    return system, str(root)


def _described(old: pa.Schema, said: str) -> pa.Schema:
    """A schema with the units of the predicted lines, and provenance."""
    fields = [
        f.with_metadata((f.metadata or {}) | {"unit": "Angstrom"})
        if any(f.name.startswith(line + "_EW") for line in LINES) and not f.name.endswith("_IVAR")
        else f
        for f in old
    ]
    return pa.schema(fields, metadata=(old.metadata or {}) | {b"starglow": said.encode()})


def _describe(system: Any, path: str, said: str) -> None:
    """Rewrites one Parquet file, row group by row group: beside it, then under its name."""
    import pyarrow.parquet as pq

    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/{parquet.part_of(Path(name)).name}"
    try:
        with system.open(path, "rb") as source:
            reader = pq.ParquetFile(source, pre_buffer=False)
            new = _described(reader.schema_arrow, said)
            with system.open(temporary, "wb") as target, parquet.writer_of(target, new) as writer:
                for group in range(reader.num_row_groups):
                    writer.write_table(reader.read_row_group(group).cast(new))
        system.mv(temporary, path)
        temporary = ""
    except OSError as e:
        raise error("output", f"'{path}' cannot be given its units", str(e)) from e
    finally:
        if temporary and system.exists(temporary):
            system.rm_file(temporary)
