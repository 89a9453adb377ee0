"""Parquet catalogues: predicted lines row group by row group, and in parts for many jobs.

``python -m starglow.parquet in.parquet -o out.parquet`` predicts one file in bounded memory;
``python -m starglow.parquet FILES -o folder/ --njobs 20 --job $SLURM_ARRAY_TASK_ID`` the parts of one job, and
``python -m starglow.parquet FILES -o folder/ --merge lines.parquet`` puts them together.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import _arrays, _core
from ._columns import Names, conventions_of
from .errors import Error, FileError, MissingFileError, error, regular_file
from .galaxies import LINES, Galaxies
from .model import Model
from .names import INPUT_COLUMNS
from .prediction import Prediction
from .tables import galaxies

_EW_UNIT = "Angstrom"
_HOST = socket.gethostname().partition(".")[0] or "here"
_ROWS = 65536


def schema(
    model: Model,
    names: Sequence[str] = ("TARGETID", "Z"),
    draws: int = 0,
    noise: bool = False,
    provenance: dict[str, str] | None = None,
) -> pa.Schema:
    """The columns of an output, with units and provenance as metadata. `names`: those of the input's columns that it
    repeats: TARGETID (always there), SURVEY, PROGRAM, Z."""
    fields = [pa.field("TARGETID", pa.int64())]
    fields += [pa.field(name, pa.string()) for name in ("SURVEY", "PROGRAM") if name in names]
    fields += [pa.field("Z", pa.float64())] if "Z" in names else []

    def line(suffix: str, kind: pa.DataType) -> None:
        fields.extend(pa.field(name + suffix, kind, metadata={"unit": _EW_UNIT}) for name in model.lines)

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


def galaxies_of(
    table: pa.Table, conventions: dict[str, str] | None = None, names: Mapping[str, str] | None = None
) -> Galaxies:
    """Galaxies of an Arrow table: `starglow.galaxies`, under the name that it has had here."""
    return galaxies(table, conventions, names=names)


def read_file(path: str | os.PathLike[str], columns: list[str] | None = None) -> pa.Table:
    """A whole Parquet file as an Arrow table, with the errors of this package."""
    reader = _open(path)
    with _reading(path):
        return reader.read(columns=columns)


def names_of_file(path: str | os.PathLike[str]) -> list[str]:
    """Names of the columns of a Parquet file."""
    return [str(name) for name in _open(path).schema_arrow.names]


def lines_table(galaxies: Galaxies, prediction: Prediction, to: pa.Schema, first_row: int = 0) -> pa.Table:
    """Predicted lines as an Arrow table of the given schema."""
    n = len(prediction)
    columns: list[Any] = []
    for field in to:
        if field.name == "TARGETID":
            ids = galaxies.targetid if galaxies.targetid is not None else np.arange(first_row, first_row + n)
            columns.append(pa.array(np.asarray(ids), pa.int64(), mask=galaxies.without_id))
        elif field.name in ("SURVEY", "PROGRAM"):
            columns.append(pa.array(getattr(galaxies, field.name.lower()), pa.string()))
        elif field.name == "Z":
            columns.append(pa.array(np.asarray(galaxies.z, np.float64)))
        else:
            columns.append(line_array(prediction, field.name))
    return pa.Table.from_arrays(columns, schema=to)


def line_array(prediction: Prediction, name: str) -> pa.Array:
    """One column of predicted lines, or FLAGS, as an Arrow array."""
    if name == "FLAGS":
        return pa.array(prediction.flags, pa.int32())
    column = np.ascontiguousarray(prediction[name], dtype=np.float32)
    if column.ndim == 1:
        return pa.array(column)
    return pa.FixedSizeListArray.from_arrays(pa.array(column.ravel()), column.shape[1])


def predict_file(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    model: Model | None = None,
    *,
    draws: int = 0,
    noise: bool = False,
    seed: int = 1,
    conventions: dict[str, str] | None = None,
    out_of_domain: str = "warn",
    names: Mapping[str, str] | None = None,
    threads: int = 0,
    overwrite: bool = False,
    rows: int = _ROWS,
) -> dict[str, Any]:
    """Predicts the lines of a Parquet file, in batches of at most `rows`; memory does not grow with the file.

    Parameters
    ----------
    source, output : path
    model : Model
        Default: the shipped model.
    draws, noise, seed, conventions, out_of_domain, threads
        As `starglow.Model.predict`.
    names : dict
        For other column names, as in `starglow.galaxies`: {"BAND_FLUX": "flux"}.

    Returns
    -------
    dict
        "rows", "flags" (name -> count), "fatal" (rows without a prediction).

    Raises
    ------
    FileError
        A file cannot be read or written. The output appears only when it is complete.
    InputError
        Content that cannot be read; the output exists and `overwrite` is False.
    """
    output = Path(output)
    if output.exists() and not overwrite:
        raise error("usage", f"output '{output}' exists", "", "", "overwrite=True (--overwrite) replaces it.")
    _no_input(output, [source])
    model = model or Model.shipped()
    sweep(output.parent)
    reader = _open(source)
    known = Names(reader.schema_arrow.names, names)
    found = [name for name in ("TARGETID", "SURVEY", "PROGRAM", "Z") if known.find(name) is not None]
    said = _arrays.conventions(conventions_of(reader.schema_arrow.metadata)) | _arrays.conventions(conventions)
    wanted = [known.find(name) for name in (*found, "Z_ERR", "EBV", *INPUT_COLUMNS)]
    wanted += [c for name in ("BAND_FLUX", "BAND_FLUX_IVAR") for c in known.vector(name) or ()]
    if noise:
        wanted += [c for line in LINES if (c := known.find(f"{line}_EW_IVAR")) is not None]
    more = {"input": Path(source).name, "seed": str(seed), "draws": str(draws)}
    to = schema(model, found, draws, noise, more | said)
    counts = {name: 0 for name, _, _ in _core.flags}
    total = fatal = 0
    partial = part_of(output)
    try:
        with _writing(output), writer_of(partial, to) as writer:
            for batch in _batches(reader, [c for c in wanted if c is not None], rows, source):
                g = galaxies(batch.replace_schema_metadata(reader.schema_arrow.metadata), conventions, names=names)
                p = model.predict(
                    g,
                    draws=draws,
                    noise=noise,
                    seed=seed,
                    out_of_domain=out_of_domain,
                    first_row=total,
                    threads=threads,
                )
                writer.write_table(lines_table(g, p, to, total))
                total += len(g)
                fatal += int(np.count_nonzero(p.flags & _core.fatal_flags))
                for name, bit, _ in _core.flags:
                    counts[name] += int(np.count_nonzero(p.flags & bit))
        with _writing(output):
            with open(partial, "rb+") as f:
                os.fsync(f.fileno())
            os.replace(partial, output)
    finally:
        partial.unlink(missing_ok=True)
    return {"rows": total, "flags": {k: v for k, v in counts.items() if v}, "fatal": fatal}


def _no_input(output: Path, sources: Sequence[str | os.PathLike[str]]) -> None:
    """Raises InputError: the output is one of the inputs, whatever `overwrite` says."""
    for source in sources:
        if output.exists() and os.path.exists(source) and os.path.samefile(output, source):
            raise error("usage", f"output '{output}' is one of the inputs", f"'{source}'", "another name", "")


def part_of(output: Path) -> Path:
    """The name of a file that is being written: who writes it is part of it, so that `sweep` knows."""
    return output.with_name(f".{output.name}.{_HOST}.{os.getpid()}.part")


def sweep(folder: str | os.PathLike[str]) -> list[Path]:
    """Removes what killed processes of this machine left in a folder: files `.NAME.HOST.PID.part` whose process is
    gone.

    Examples
    --------
    >>> from starglow import parquet
    >>> parquet.sweep(".")
    []
    """
    gone = []
    for path in sorted(Path(folder).glob(f".*.{_HOST}.*.part")):
        pid = path.name.split(".")[-2]
        if pid.isdigit() and int(pid) != os.getpid() and not _alive(int(pid)):
            path.unlink(missing_ok=True)
            gone.append(path)
    return gone


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    """Inside, an error of the system is one of writing `output`."""
    try:
        yield
    except Error:
        raise
    except OSError as e:
        raise error("output", f"cannot write '{output}'", str(e)) from e


@contextmanager
def _reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Inside, what Arrow says is about the content of `path`."""
    try:
        yield
    except Error:
        raise
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError) as e:
        first = (str(e).splitlines() or [type(e).__name__])[0]
        raise error("input", f"'{os.fspath(path)}' cannot be read", first[:300], "a whole Parquet file") from e


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
    regular_file(path)
    try:
        reader = pq.ParquetFile(path, pre_buffer=False)  # else all that was read stays in memory
        _ = reader.schema_arrow
        return reader
    except FileNotFoundError:
        raise MissingFileError(f"table '{os.fspath(path)}' cannot be read; found no such file") from None
    except (pa.ArrowException, UnicodeDecodeError) as e:
        raise error("input", f"'{os.fspath(path)}' is no Parquet file", str(e).splitlines()[0], "") from None
    except OSError as e:
        if e.errno is None:  # of Arrow, about what is in the file
            raise error("input", f"'{os.fspath(path)}' is no Parquet file", str(e).splitlines()[0], "") from None
        raise FileError(f"table '{os.fspath(path)}' cannot be read; found {e}") from e


def _batches(
    reader: pq.ParquetFile, columns: list[str], rows: int, path: str | os.PathLike[str] = ""
) -> Iterator[pa.Table]:
    for group in range(reader.num_row_groups):
        with _reading(path):
            batches = iter(reader.iter_batches(batch_size=rows, columns=columns, row_groups=[group]))
        while True:
            with _reading(path):
                batch = next(batches, None)
            if batch is None:
                break
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

    A part is skipped if it was made with the same settings and its checksums match, so an interrupted job can simply
    be run again. Options as `predict_file`.

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
        raise error("output", f"the folder '{folder}' cannot be made", str(e)) from e
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
        temporary = part_of(note)
        with _writing(note):
            temporary.write_text(json.dumps(said, indent=1, sort_keys=True))
            os.replace(temporary, note)
        result["done"] += 1
        result["rows"] += made["rows"]
        result["fatal"] += made["fatal"]
        if say:
            say(f"{source}: {made['rows']} galaxies")
    return result


def _settings(model: Model, options: dict[str, Any]) -> dict[str, str]:
    chosen = ("draws", "noise", "seed", "conventions", "names", "out_of_domain")
    kept = {k: str(v) for k, v in options.items() if k in chosen and v and v != "warn"}
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
    """Merges the parts, in the order of the sources' names, after checking that each is complete.

    Raises
    ------
    InputError
        Parts are missing or changed: their names; the output exists and `overwrite` is False.
    """
    folder, output = Path(folder), Path(output)
    if output.exists() and not overwrite:
        raise error("usage", f"output '{output}' exists", "", "", "overwrite=True (--overwrite) replaces it.")
    _no_input(output, sources)
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
    partial = part_of(output)
    rows = 0
    try:
        writer = None
        for f in files:
            reader = _open(_part(f, folder)[0])
            if writer is None:
                with _writing(output):
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


if __name__ == "__main__":
    from starglow._parquet_main import main

    sys.exit(main())
