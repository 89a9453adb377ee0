"""Survey runs from Python: a production of spectra through a Dask cluster, and catalogues in Parquet and HATS.

>>> import starglow.survey as survey                                     # doctest: +SKIP
>>> survey.plan("production", "run")["rows"]                             # doctest: +SKIP
>>> with distributed.Client("scheduler:8786") as client:                 # doctest: +SKIP
...     survey.run("run", client)
>>> survey.merge("run", "catalogue.parquet")                             # doctest: +SKIP

The work is that of the program ``starglow survey`` (docs/survey.md), which comes with the package: one process, one
task and one part for each coadd. ``python -m starglow.survey merge --out run -o catalogue.parquet`` (or a folder, for
HATS) is the merge of the command line.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import Error, error

__all__ = ["merge", "plan", "program", "run", "status", "to_hats", "to_parquet", "validate", "work_part"]

_KINDS = {2: "usage", 3: "input", 4: "numeric", 5: "output", 6: "model"}
_SELECTION = ("targetids", "survey", "program", "spectype", "deltachi2", "zmin", "zmax")
_SETTINGS = (*_SELECTION, "model", "templates", "recipe", "deredden")


def program() -> str:
    """The program that does the work: the one of STARGLOW_EXECUTABLE, of this environment, or of the path."""
    given = os.environ.get("STARGLOW_EXECUTABLE")
    beside = Path(sysconfig.get_path("scripts")) / "starglow"
    found = given or (str(beside) if beside.is_file() else shutil.which("starglow"))
    if not found:
        raise error(
            "usage", "the program starglow is not there", "", "on the path", "STARGLOW_EXECUTABLE=/path/starglow"
        )
    return found


def _call(*words: Any, good: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([program(), "survey", *map(str, words)], capture_output=True, text=True)
    if done.returncode not in good:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise error(_KINDS.get(done.returncode, "output"), said[-1].removeprefix("error: "))
    return done


def _options(given: Mapping[str, Any], known: Sequence[str]) -> list[str]:
    out: list[str] = []
    for name, value in given.items():
        if name not in known:
            raise error("usage", f"no option '{name}' of a survey run", name, ", ".join(known))
        if value is True:
            out.append(f"--{name}")
        elif value is not None and value is not False:
            out += [f"--{name}", str(value)]
    return out


def plan(
    tree: str | os.PathLike[str], out: str | os.PathLike[str], *, overwrite: bool = False, **selection: Any
) -> dict[str, Any]:
    """Finds the parts of a tree and writes the plan of a run.

    Parameters
    ----------
    tree : path
        The folder of the production.
    out : path
        The folder of the run.
    **selection
        survey, program.

    Returns
    -------
    dict
        "rows", "unreadable", "parts": a list with "name", "rows", "bytes" and, where a part cannot be read, "problem".
    """
    words = ["plan", os.fspath(tree), "--out", os.fspath(out), "--json", *_options(selection, _SELECTION)]
    return json.loads(_call(*words, *(["--overwrite"] if overwrite else [])).stdout)


def status(out: str | os.PathLike[str]) -> dict[str, Any]:
    """How far a run is: "parts", "done", "failed", "missing", "rows", "failures" (part -> reason)."""
    return json.loads(_call("status", "--out", os.fspath(out), "--json").stdout)


def validate(out: str | os.PathLike[str]) -> bool:
    """Whether every part is whole: sums of tables, counts of rows, sizes of inputs."""
    return _call("validate", "--out", os.fspath(out), good=(0, 4)).returncode == 0


def work_part(out: str, parts: int, part: int, options: Sequence[str], threads: int = 1) -> tuple[int, int, str]:
    """One task: part `part` of `parts`. (part, exit code, why it failed; "" where it is done, perhaps without files
    that cannot be read); a part that is whole already is left alone."""
    words = ("run", "--out", out, "--jobs", parts, "--job", part, "--threads", threads, *options)
    done = _call(*words, good=(0, 4))
    lines = [line for line in done.stderr.splitlines() if "failed: " in line]
    return part, done.returncode, lines[0].partition("failed: ")[2] if lines else ""


def run(
    out: str | os.PathLike[str],
    client: Any,
    *,
    retries: int = 3,
    threads: int = 1,
    say: Callable[[str], None] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Works the parts of a plan on a Dask cluster: one task a part, in any order, on as many workers as there are.

    Workers need the folder of the run, the tree and this package. A worker that is lost costs the part that it had:
    Dask gives it to another one (`distributed.scheduler.allowed-failures` times), and the part of a program that was
    killed is not there, since it appears whole or not at all. Parts that are done are left alone, so that a run can be
    called again; the catalogue is the same, byte by byte, as that of ``starglow survey run``.

    Parameters
    ----------
    out : path
        The folder of the run, with a plan, as the workers see it.
    client : distributed.Client
    retries : int
        How often a task that was broken by anything but its data is tried again.
    threads : int
        Of one task.
    say : callable
        Called with a line for each part that failed.
    **settings
        As the options of ``starglow survey run``: targetids, survey, program, spectype, deltachi2, zmin, zmax, model,
        templates, recipe, deredden.

    Returns
    -------
    dict
        "done", "failed" (part -> reason), "files_left_out" (parts that are done, but for files that cannot be read).

    Raises
    ------
    Error
        No plan, or a setting that is none.
    """
    from distributed import as_completed

    folder = os.path.abspath(os.fspath(out))
    parts = _parts(folder)
    options = _options(settings, _SETTINGS)
    futures = client.map(
        work_part,
        [folder] * len(parts),
        [len(parts)] * len(parts),
        range(len(parts)),
        [options] * len(parts),
        [threads] * len(parts),
        retries=retries,
        pure=False,
    )
    failed: dict[str, str] = {}
    left_out: list[str] = []
    done = 0
    for future in as_completed(futures):
        part, code, reason = future.result()
        if code == 0 or not reason:
            done += 1
            if code != 0:
                left_out.append(parts[part])
                if say:
                    say(f"part {parts[part]} is done without files that cannot be read")
            continue
        failed[parts[part]] = reason
        if say:
            say(f"part {parts[part]} failed: {reason}")
    return {"done": done, "failed": failed, "files_left_out": sorted(left_out)}


def _parts(out: str | os.PathLike[str]) -> list[str]:
    path = Path(out) / "survey.json"
    try:
        return [part["name"] for part in json.loads(path.read_text())["parts"]]
    except FileNotFoundError:
        raise error("input", f"'{out}' holds no plan of a survey run", "no survey.json", "", "survey.plan()") from None
    except (ValueError, KeyError, TypeError) as e:
        raise error("input", f"'{path}' cannot be understood", str(e)) from e


def merge(
    out: str | os.PathLike[str],
    catalogue: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    allow_partial: bool = False,
    overwrite: bool = False,
    rows: int = 100_000,
) -> int:
    """Joins the parts of a run into one catalogue, and lists the rejects in ``rejects.csv`` of the run.

    Parameters
    ----------
    out : path
        The folder of the run.
    catalogue : path
        ``NAME.fits``; ``NAME.parquet``; any other name is the folder of a HATS catalogue (needs LSDB).
    columns : list of str
        These columns alone; all by default. Not for FITS.
    allow_partial : bool
        Also where parts are missing.
    rows : int
        Rows in memory at a time (FITS to Parquet), or in one HATS partition at most.

    Returns
    -------
    int
        Rows of the catalogue.
    """
    target = Path(catalogue)
    options = (["--allow-partial"] if allow_partial else []) + (["--overwrite"] if overwrite else [])
    if target.suffix in (".fits", ".fit"):
        if columns is not None:
            raise error("usage", "a FITS catalogue has all columns", "columns=", "a Parquet or HATS catalogue")
        _call("merge", "--out", os.fspath(out), "-o", target, *options)
        return _rows_of(target)
    if target.exists() and not overwrite:
        raise error("usage", f"output '{target}' exists", "", "", "overwrite=True (--overwrite) replaces it.")
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".starglow-merge-") as folder:
        fits = Path(folder) / "catalogue.fits"
        _call("merge", "--out", os.fspath(out), "-o", fits, *options)
        if target.suffix == ".parquet":
            return to_parquet(fits, target, columns=columns, rows=rows)
        return to_hats(fits, target, columns=columns, rows=rows, overwrite=overwrite)


def _rows_of(path: Path) -> int:
    from astropy.io import fits

    with fits.open(path) as hdus:
        return int(hdus["GALAXIES"].header["NAXIS2"])


def _tables(path: str | os.PathLike[str], columns: Sequence[str] | None, rows: int) -> Iterator[Any]:
    """A FITS table as Arrow tables of at most `rows` rows, with units and descriptions; nulls are nulls."""
    import pyarrow as pa
    from astropy.io import fits

    with fits.open(path, memmap=True) as hdus:
        hdu = hdus["GALAXIES"]
        header, data = hdu.header, hdu.data
        names = list(hdu.columns.names)
        missing = [name for name in columns or () if name not in names]
        if missing:
            raise error("input", f"'{os.fspath(path)}' has no column {missing[0]}", missing[0], ", ".join(names[:8]))
        kept = [name for name in names if columns is None or name in columns]
        place = {name: k + 1 for k, name in enumerate(names)}
        said = {"starglow": json.dumps(_provenance(header), sort_keys=True)}
        total = int(header["NAXIS2"])
        for first in range(0, max(total, 1), rows):
            part = data[first : min(first + rows, total)]
            arrays, fields = [], []
            for name in kept:
                column = hdu.columns[name]
                values = np.asarray(part.field(name))
                meta = {"description": header.get(f"TCOMM{place[name]}"), "unit": column.unit}
                if values.dtype.kind in "US":
                    array = pa.array(np.char.rstrip(values.astype(str)), pa.string())
                else:
                    values = values.astype(values.dtype.newbyteorder("="))
                    null = None if column.null is None or values.dtype.kind != "i" else values == column.null
                    flat = pa.array(values.ravel(), mask=None if null is None else null.ravel())
                    array = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
                arrays.append(array)
                fields.append(pa.field(name, array.type, metadata={k: v for k, v in meta.items() if v}))
            yield pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=said))


def _provenance(header: Any) -> dict[str, str]:
    cards = ("MWCORR", "MASKRULE", "CONTSRC", "LABELVER", "FLUXSCAL", "VACUUM", "APERTURE")
    out = {key: str(header[key]) for key in cards if key in header}
    return out | {"program": str(header.get("DEPNAM00", "")), "version": str(header.get("DEPVER00", ""))}


def to_parquet(
    fits: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    rows: int = 100_000,
) -> int:
    """A FITS catalogue as Parquet, in batches: units and descriptions as metadata of the columns. Rows written."""
    from . import parquet

    output = Path(output)
    partial = parquet.part_of(output)
    writer, total = None, 0
    try:
        for table in _tables(fits, columns, rows):
            if writer is None:
                writer = parquet.writer_of(partial, table.schema)
            writer.write_table(table)
            total += len(table)
        assert writer is not None  # an empty table gives one empty batch
        writer.close()
        writer = None
        os.replace(partial, output)
    except OSError as e:
        raise error("output", f"cannot write '{output}'", str(e)) from e
    finally:
        if writer is not None:
            writer.close()
        partial.unlink(missing_ok=True)
    return total


def to_hats(
    fits: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    rows: int = 100_000,
    overwrite: bool = False,
) -> int:
    """A FITS catalogue as HATS, for LSDB: partitions of the sky of at most `rows` rows. Rows without RA and DEC have no
    place in it: an error says how many. The whole catalogue (of the columns asked for) is in memory once."""
    import lsdb
    import pandas as pd
    import pyarrow as pa

    wanted = None if columns is None else list(dict.fromkeys(["TARGETID", "RA", "DEC", *columns]))
    table = pa.concat_tables(_tables(fits, wanted, rows))
    lost = int(np.count_nonzero(~np.isfinite(table["RA"].to_numpy()) | ~np.isfinite(table["DEC"].to_numpy())))
    if lost:
        raise error(
            "input", "rows without a place on the sky", f"{lost} of {len(table)} without RA or DEC", "both in every row"
        )
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    catalogue = lsdb.from_dataframe(
        frame, ra_column="RA", dec_column="DEC", partition_rows=rows, catalog_name=Path(folder).name
    )
    catalogue.to_hats(folder, catalog_name=Path(folder).name, overwrite=overwrite)
    return len(frame)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m starglow.survey",
        description="Survey runs on a Dask cluster, and their catalogues in Parquet and HATS.",
        epilog="Exit codes are those of the program starglow. Plan, status and validate: starglow survey.",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    one = actions.add_parser("merge", help="join the parts of a run: FITS, Parquet, or a folder in HATS")
    one.add_argument("--out", required=True, help="folder of the run")
    one.add_argument("-o", "--output", required=True, help="NAME.fits, NAME.parquet, or a folder")
    one.add_argument("--columns", help="these columns alone, separated by commas")
    one.add_argument("--allow-partial", action="store_true")
    one.add_argument("--overwrite", action="store_true")
    two = actions.add_parser("run", help="work the parts of a plan on a cluster")
    two.add_argument("--out", required=True, help="folder of the run, with its plan")
    two.add_argument("--scheduler", help="address of a Dask scheduler; without it, a cluster on this machine")
    two.add_argument("--workers", type=int, help="processes of a cluster on this machine")
    for name in _SETTINGS:
        if name == "deredden":
            two.add_argument("--deredden", action="store_true")
        else:
            two.add_argument(f"--{name}")
    a = parser.parse_args(arguments)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        if a.action == "merge":
            columns = a.columns.split(",") if a.columns else None
            n = merge(a.out, a.output, columns=columns, allow_partial=a.allow_partial, overwrite=a.overwrite)
            say(f"{a.output}: {n} spectra")
            return 0
        from distributed import Client, LocalCluster

        settings = {name: getattr(a, name) for name in _SETTINGS}
        with (
            Client(a.scheduler)
            if a.scheduler
            else Client(LocalCluster(n_workers=a.workers, threads_per_worker=1, dashboard_address=None)) as client
        ):
            made = run(a.out, client, say=say, **settings)
        say(f"{a.out}: {made['done']} parts are whole, {len(made['failed'])} failed")
        return 4 if made["failed"] or made["files_left_out"] else 0
    except Error as e:
        say(f"error: {e}")
        return e.exit_code


if __name__ == "__main__":
    sys.exit(main())
