"""The command line of :mod:`starglow.parquet`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from .errors import Error, error
from .model import Model
from .parquet import merge, predict_file, predict_job


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
    parser.add_argument("--model", help="model file or name; default: the shipped model")
    parser.add_argument("--draws", type=int, default=0, help="joint draws a galaxy")
    parser.add_argument("--noise", action="store_true", help="also one realisation with measurement noise")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--names",
        metavar="NAME=COLUMN",
        action="append",
        default=[],
        help="another name of a column: BAND_FLUX=flux, Z=redshift; may be repeated",
    )
    parser.add_argument(
        "--conventions",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="what the numbers mean, where the file does not say it: APERTURE=total; may be repeated",
    )
    parser.add_argument("--out-of-domain", default="warn", choices=["warn", "nan", "clip", "prior"])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--njobs", type=int, help="number of jobs that share the files")
    parser.add_argument("--job", type=int, help="number of this job, from 0")
    parser.add_argument("--merge", metavar="FILE", help="put the parts together into FILE")
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument(
        "--allow-partial", action="store_true", help="exit with code 0 even if some rows have no result"
    )
    a = parser.parse_args(arguments)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        model = Model.load(a.model) if a.model else Model.shipped()
        options: dict[str, Any] = dict(draws=a.draws, noise=a.noise, seed=a.seed)
        options |= dict(names=_pairs("--names", a.names), conventions=_pairs("--conventions", a.conventions))
        options["out_of_domain"] = a.out_of_domain
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
        return e.exit_code
    except KeyboardInterrupt:
        say("interrupted; finished parts are kept")
        return 130


def _pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    for one in given:
        if not one.partition("=")[0] or not one.partition("=")[2]:
            raise error("usage", f"{option} is not NAME=VALUE", f"'{one}'", "as BAND_FLUX=flux")
    return dict(one.split("=", 1) for one in given)
