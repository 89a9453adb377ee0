"""Parquet catalogues: predicted lines row group by row group, and in parts for many jobs.

``python -m starglow.parquet in.parquet -o out.parquet`` predicts one file in bounded memory;
``python -m starglow.parquet FILES -o folder/ --njobs 20 --job $SLURM_ARRAY_TASK_ID`` the parts of one job, and
``python -m starglow.parquet FILES -o folder/ --merge lines.parquet`` puts them together.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import _arrays, _core
from ._arrays import CONVENTIONS
from .errors import Error, FileError, MissingFileError, error
from .galaxies import LINES, Galaxies
from .model import Model, Prediction

_EW_UNIT = "Angstrom"
_ROWS = 65536


def schema(
    model: Model,
    names: Sequence[str] = ("TARGETID", "Z"),
    draws: int = 0,
    noise: bool = False,
    provenance: dict[str, str] | None = None,
) -> pa.Schema:
    """The columns of an output, with units and provenance as metadata."""
    fields = [pa.field("TARGETID", pa.int64())] + ([pa.field("Z", pa.float64())] if "Z" in names else [])

    def line(suffix: str, kind: pa.DataType) -> None:
        fields.extend(pa.field(name + suffix, kind, metadata={"unit": _EW_UNIT}) for name in LINES)

    line("_EW", pa.float32())
    if model.has_distribution:
        line("_EW_P16", pa.float32())
        line("_EW_P84", pa.float32())
    if draws:
        line("_EW_DRAW", pa.list_(pa.float32(), draws))
    if noise:
        line("_EW_NOISY", pa.float32())
    fields.append(pa.field("FLAGS", pa.int32()))
    meta = {"starglow": json.dumps(provenance_of(model) | (provenance or {}), sort_keys=True)}
    return pa.schema(fields, metadata=meta)


def provenance_of(model: Model) -> dict[str, str]:
    return {"program": "starglow", "version": _core.version, "revision": _core.revision, "model": model.hash}


def conventions_of(metadata: dict[bytes, bytes] | None) -> dict[str, str]:
    """APERTURE, MWCORR, ... among the key-value metadata of a Parquet schema."""
    said = {k.decode(): v.decode() for k, v in (metadata or {}).items()}
    return {key: said[key] for key in CONVENTIONS if key in said}


def _vector(table: pa.Table, name: str) -> np.ndarray | None:
    if name not in table.column_names:
        return None
    column = table.column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=column.type)
    kind = column.type
    if not (pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise error("input", f"column {name} is not a vector", f"type {kind}", "fixed_size_list<double>[12]")
    column = column.cast(pa.list_(kind.value_type, 12)) if not pa.types.is_fixed_size_list(kind) else column
    if column.type.list_size != 12:
        raise error("input", f"{name} has a wrong number of bands", str(column.type.list_size), "12")
    if not (pa.types.is_floating(column.type.value_type) or pa.types.is_integer(column.type.value_type)):
        raise error("input", f"{name} is not an array of real numbers", f"type {kind}", "float32 or float64")
    if column.null_count:  # a missing vector: twelve missing bands
        values = np.full((len(column), 12), np.nan)
        there = column.is_valid().to_numpy(zero_copy_only=False)
        values[there] = column.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, 12)
        return values
    return column.flatten().to_numpy(zero_copy_only=False).reshape(-1, 12)


def galaxies_of(table: pa.Table, conventions: dict[str, str] | None = None) -> Galaxies:
    """Galaxies of an Arrow table with the columns of docs/tables.md; nulls are missing values.

    Raises
    ------
    InputError
        No BAND_FLUX, or a column of a wrong type, length or unit.
    """

    def number(name: str) -> np.ndarray | None:
        return table.column(name).to_numpy() if name in table.column_names else None

    flux = _vector(table, "BAND_FLUX")
    if flux is None:
        raise error(
            "input",
            "the table has no column BAND_FLUX",
            "columns " + ", ".join(table.column_names[:20]),
            "12 band fluxes a galaxy",
        )
    if "TARGETID" in table.column_names and not pa.types.is_integer(table.schema.field("TARGETID").type):
        raise error(
            "input",
            "TARGETID is not a column of 64-bit integers",
            f"type {table.schema.field('TARGETID').type}",
            "int64",
            "A TARGETID exceeds 2^53: as a float it is already damaged.",
        )
    for name in ("BAND_FLUX", *(f"{line}_EW" for line in LINES)):
        if name in table.column_names:
            unit = ((table.schema.field(name).metadata or {}).get(b"unit") or b"").decode()
            if unit and name != "BAND_FLUX" and unit not in ("Angstrom", "A", "AA"):
                raise error("input", f"column {name} has another unit", f"'{unit}'", "Angstrom", "Convert the column.")
            if unit and name == "BAND_FLUX":
                _check_flux_unit(unit)
    text = {
        name: table.column(name).to_pylist() if name in table.column_names else None for name in ("SURVEY", "PROGRAM")
    }
    ivar = [f"{line}_EW_IVAR" for line in LINES]
    ew_ivar = (
        np.column_stack([table.column(name).to_numpy() for name in ivar])
        if all(name in table.column_names for name in ivar)
        else None
    )
    return Galaxies(
        flux,
        number("Z"),
        _vector(table, "BAND_FLUX_IVAR"),
        number("TARGETID"),
        ew_ivar=ew_ivar,
        survey=text["SURVEY"],
        program=text["PROGRAM"],
        ebv=number("EBV"),
        conventions=conventions_of(table.schema.metadata) | (conventions or {}),
    )


def _check_flux_unit(unit: str) -> None:
    if unit.replace(" ", "") not in (
        "10**-17erg/(scm2Angstrom)",
        "1e-17erg/(scm2Angstrom)",
        "1e-17erg/s/cm2/A",
        "1e-17erg/s/cm2/Angstrom",
    ):
        from ._arrays import FLUX, _check_unit

        _check_unit("column BAND_FLUX", SimpleNamespace(unit=unit), FLUX)


def lines_table(galaxies: Galaxies, prediction: Prediction, to: pa.Schema, first_row: int = 0) -> pa.Table:
    """Predicted lines as an Arrow table of the given schema."""
    n = len(prediction)
    columns: list[Any] = []
    values: dict[str, Any] = {
        "_EW": prediction.ew,
        "_EW_P16": prediction.p16,
        "_EW_P84": prediction.p84,
        "_EW_NOISY": prediction.noisy,
        "_EW_DRAW": prediction.draws,
    }
    for field in to:
        if field.name == "TARGETID":
            ids = galaxies.targetid if galaxies.targetid is not None else np.arange(first_row, first_row + n)
            columns.append(pa.array(ids, pa.int64()))
        elif field.name == "Z":
            columns.append(pa.array(np.asarray(galaxies.z, np.float64)))
        elif field.name == "FLAGS":
            columns.append(pa.array(prediction.flags, pa.int32()))
        else:
            name = next(line for line in LINES if field.name.startswith(line + "_EW"))
            column = np.ascontiguousarray(values[field.name[len(name) :]][:, LINES.index(name)], dtype=np.float32)
            columns.append(
                pa.array(column)
                if column.ndim == 1
                else pa.FixedSizeListArray.from_arrays(pa.array(column.ravel()), column.shape[1])
            )
    return pa.Table.from_arrays(columns, schema=to)


def predict_file(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    model: Model | None = None,
    *,
    draws: int = 0,
    noise: bool = False,
    seed: int = 1,
    conventions: dict[str, str] | None = None,
    threads: int = 0,
    overwrite: bool = False,
    rows: int = _ROWS,
) -> dict[str, Any]:
    """Lines of a Parquet file, in batches of at most `rows`: memory does not grow with the file.

    Parameters
    ----------
    source, output : path
    model : Model
        The model inside the package by default.
    draws, noise, seed, conventions, threads
        As `starglow.Model.predict`.

    Returns
    -------
    dict
        "rows", "flags" (name -> count), "fatal" (rows without an answer).

    Raises
    ------
    FileError
        A file cannot be read or written. The output appears whole or not at all.
    InputError
        Content that cannot be understood; the output exists and `overwrite` is False.
    """
    output = Path(output)
    if output.exists() and not overwrite:
        raise error("usage", f"output '{output}' exists", "", "", "overwrite=True (--overwrite) replaces it.")
    model = model or Model.shipped()
    reader = _open(source)
    names = reader.schema_arrow.names
    said = conventions_of(reader.schema_arrow.metadata) | _arrays.conventions(conventions)
    wanted = [n for n in ("TARGETID", "Z", "BAND_FLUX", "BAND_FLUX_IVAR", "SURVEY", "PROGRAM") if n in names]
    if noise:
        wanted += [n for n in names if n.endswith("_EW_IVAR")]
    to = schema(model, names, draws, noise, {"input": Path(source).name, "seed": str(seed), "draws": str(draws)} | said)
    counts = {name: 0 for name, _, _ in _core.flags}
    total = fatal = 0
    partial = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with writer_of(partial, to) as writer:
            for batch in _batches(reader, wanted, rows):
                g = galaxies_of(batch.replace_schema_metadata(reader.schema_arrow.metadata), conventions)
                p = model.predict(g, draws=draws, noise=noise, seed=seed, first_row=total, threads=threads)
                writer.write_table(lines_table(g, p, to, total))
                total += len(g)
                fatal += int(np.count_nonzero(p.flags & _core.fatal_flags))
                for name, bit, _ in _core.flags:
                    counts[name] += int(np.count_nonzero(p.flags & bit))
        with open(partial, "rb+") as f:
            os.fsync(f.fileno())
        os.replace(partial, output)
    except OSError as e:
        if isinstance(e, Error):
            raise
        raise FileError(f"cannot write '{output}': {e}") from e
    finally:
        partial.unlink(missing_ok=True)
    return {"rows": total, "flags": {k: v for k, v in counts.items() if v}, "fatal": fatal}


def writer_of(path: str | os.PathLike[str], to: pa.Schema) -> pq.ParquetWriter:
    """A writer that keeps no dictionaries of numbers that hardly repeat (ids, fluxes, lines): they cost time and
    space."""
    repeating = [
        f.name
        for f in to
        if not (
            pa.types.is_floating(f.type)
            or pa.types.is_nested(f.type)
            or (pa.types.is_integer(f.type) and f.type.bit_width == 64)
        )
    ]
    return pq.ParquetWriter(path, to, use_dictionary=repeating)


def _open(path: str | os.PathLike[str]) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False)  # else all that was read stays in memory
    except FileNotFoundError:
        raise MissingFileError(f"table '{os.fspath(path)}' cannot be read; found no such file") from None
    except pa.ArrowInvalid as e:
        raise error("input", f"'{os.fspath(path)}' is no Parquet file", str(e).splitlines()[0], "") from None
    except OSError as e:
        raise FileError(f"table '{os.fspath(path)}' cannot be read; found {e}") from e


def _batches(reader: pq.ParquetFile, columns: list[str], rows: int) -> Iterator[pa.Table]:
    for group in range(reader.num_row_groups):
        for batch in reader.iter_batches(batch_size=rows, columns=columns, row_groups=[group]):
            yield pa.Table.from_batches([batch])


# Parts: one output a file, with a note of the bytes it was made from beside it.


def sha256(path: str | os.PathLike[str]) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _part(source: Path, folder: Path) -> tuple[Path, Path]:
    tag = hashlib.sha256(os.fspath(source).encode()).hexdigest()[:8]  # files of one name in two folders
    return folder / f"{source.stem}-{tag}.parquet", folder / f"{source.stem}-{tag}.json"


def _is_complete(source: Path, folder: Path, settings: dict[str, str]) -> bool:
    part, note = _part(source, folder)
    try:
        said = json.loads(note.read_text())
        return (
            bool(said["settings"] == settings)
            and said["input_sha256"] == sha256(source)
            and said["sha256"] == sha256(part)
        )
    except (OSError, ValueError, KeyError):
        return False


def predict_job(
    sources: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    njobs: int,
    job: int,
    model: Model | None = None,
    *,
    say: Any = None,
    **options: Any,
) -> dict[str, Any]:
    """Predicts the parts of job `job` (0 to njobs - 1) of `njobs`: the files number job, job + njobs, ...

    A part whose note fits - the same settings, checksums of input and output that match - is skipped, so a job that
    was interrupted is simply run again. Options as `predict_file`.

    Returns
    -------
    dict
        "done", "skipped" (files), "rows", "fatal".
    """
    if not 1 <= njobs or not 0 <= job < njobs:
        raise error("usage", "job out of range", f"job {job} of {njobs}", "0 <= job < njobs")
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise FileError(f"the folder '{folder}' cannot be made: {e}") from e
    model = model or Model.shipped()
    settings = _settings(model, options)
    result = {"done": 0, "skipped": 0, "rows": 0, "fatal": 0}
    for source in sorted(map(Path, sources))[job::njobs]:
        part, note = _part(source, folder)
        if _is_complete(source, folder, settings):
            result["skipped"] += 1
            continue
        note.unlink(missing_ok=True)
        made = predict_file(source, part, model, **(options | {"overwrite": True}))
        said = {
            "input": os.fspath(source),
            "input_sha256": sha256(source),
            "sha256": sha256(part),
            "rows": made["rows"],
            "fatal": made["fatal"],
            "settings": settings,
        }
        temporary = note.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(said, indent=1, sort_keys=True))
        os.replace(temporary, note)
        result["done"] += 1
        result["rows"] += made["rows"]
        result["fatal"] += made["fatal"]
        if say:
            say(f"{source}: {made['rows']} galaxies")
    return result


def _settings(model: Model, options: dict[str, Any]) -> dict[str, str]:
    kept = {k: str(v) for k, v in options.items() if k in ("draws", "noise", "seed", "conventions") and v}
    return {"seed": "1"} | kept | provenance_of(model)


def merge(
    sources: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    model: Model | None = None,
    *,
    overwrite: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Puts the parts together, in the order of the sources' names, after checking that each is complete.

    Raises
    ------
    InputError
        Parts are missing or changed: their names; the output exists and `overwrite` is False.
    """
    folder, output = Path(folder), Path(output)
    if output.exists() and not overwrite:
        raise error("usage", f"output '{output}' exists", "", "", "overwrite=True (--overwrite) replaces it.")
    settings = _settings(model or Model.shipped(), options)
    files = sorted(map(Path, sources))
    open_parts = [f for f in files if not _is_complete(f, folder, settings)]
    if open_parts:
        raise error(
            "input",
            f"{len(open_parts)} of {len(files)} parts are not complete",
            ", ".join(map(str, open_parts[:5])),
            "all parts",
            "Run their jobs again, with the same settings.",
        )
    partial = output.with_name(f".{output.name}.{os.getpid()}.part")
    rows = 0
    try:
        writer = None
        for f in files:
            reader = _open(_part(f, folder)[0])
            if writer is None:
                writer = writer_of(partial, reader.schema_arrow)
            elif not reader.schema_arrow.equals(writer.schema):
                raise error("input", "parts have different columns", os.fspath(f), "the columns of the first")
            for group in range(reader.num_row_groups):
                table = reader.read_row_group(group)
                writer.write_table(table)
                rows += len(table)
        if writer is None:
            raise error("usage", "no files given")
        writer.close()
        os.replace(partial, output)
    finally:
        partial.unlink(missing_ok=True)
    return {"rows": rows, "parts": len(files)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m starglow.parquet",
        description="Predicted emission lines of Parquet catalogues.",
        epilog="Exit codes are those of the program starglow (docs/tables.md).",
    )
    parser.add_argument("files", nargs="+", help="Parquet files with BAND_FLUX (12 numbers a row), Z, TARGETID")
    parser.add_argument(
        "-o", "--output", required=True, help="output file; with --njobs or --merge the folder of the parts"
    )
    parser.add_argument("--model", help="model file; without it, the shipped model")
    parser.add_argument("--draws", type=int, default=0, help="joint draws a galaxy")
    parser.add_argument("--noise", action="store_true", help="also one realisation with measurement noise")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--njobs", type=int, help="number of jobs that share the files")
    parser.add_argument("--job", type=int, help="number of this job, from 0")
    parser.add_argument("--merge", metavar="FILE", help="put the parts together into FILE")
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument("--allow-partial", action="store_true", help="exit 0 although some rows have no answer")
    a = parser.parse_args(arguments)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        model = Model.load(a.model) if a.model else Model.shipped()
        options: dict[str, Any] = dict(draws=a.draws, noise=a.noise, seed=a.seed)
        if a.merge:
            made = merge(a.files, a.output, a.merge, model, overwrite=a.overwrite, **options)
            say(f"{a.merge}: {made['rows']} galaxies of {made['parts']} parts")
            return 0
        options["threads"] = a.threads
        if (a.njobs is None) != (a.job is None):
            raise error("usage", "--njobs and --job belong together")
        if a.njobs is not None:
            made = predict_job(a.files, a.output, a.njobs, a.job, model, say=say, **options)
            say(f"{a.output}: {made['done']} parts made, {made['skipped']} were complete")
        elif len(a.files) > 1:
            raise error(
                "usage",
                "several files",
                str(len(a.files)),
                "one, or --njobs 1 --job 0",
                "Parts are then made in the folder of -o.",
            )
        else:
            made = predict_file(a.files[0], a.output, model, overwrite=a.overwrite, **options)
            say(
                f"{a.output}: {made['rows']} galaxies; flags: "
                + (", ".join(f"{v} {k}" for k, v in made["flags"].items()) or "none")
            )
        if made["fatal"] and not a.allow_partial:
            say(f"error: {made['fatal']} rows have no answer (NaN); --allow-partial accepts that")
            return 4
        return 0
    except Error as e:
        say(f"error: {e}")
        return e.exit_code if not isinstance(e, FileError) else 3 if isinstance(e, MissingFileError) else 5
    except KeyboardInterrupt:
        say("interrupted; finished parts are kept")
        return 130


if __name__ == "__main__":
    sys.exit(main())
