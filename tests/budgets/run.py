"""Instruction budgets of the main paths, counted by callgrind, which repeats where seconds do not: run.py BINARY
[--write].

Each path is run with two sizes; the difference over the difference in size is its cost, without the start of the
program. More than 4 % above its budget fails; 10 % below it is worth a new budget (--write). Counted with the AVX2
kernels (valgrind hides AVX-512) and one thread."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FILE = Path(__file__).with_name("budgets.json")
# Counts are held against those of version 0.1, so they are of its model; another model costs what its networks cost.
MODEL = "joint-0.1"
ABOVE, BELOW = 1.04, 0.9
TRAIN = ["--preset", "point", "members=1", "sibling=false", "--overwrite"]


def paths(folder):
    """name: (unit, command for a size, two sizes, units a size)"""

    def predict(*options):
        return lambda n: [
            "predict",
            "--model",
            MODEL,
            f"{folder}/{n}.fits",
            "-o",
            f"{folder}/out{n}{len(options)}.fits",
            "--overwrite",
            *options,
        ]

    return {
        "predict, table to table": ("galaxy", predict(), (300, 800), 1),
        "predict with 16 draws, table to table": ("galaxy", predict("--draws", "16"), (300, 800), 1),
        "draw a galaxy and its jacobian": (
            "galaxy",
            lambda n: ["bench", "--only", "jacobian", "--model", MODEL, "-n", str(n), "--seconds", "1e-6"],
            (10, 30),
            1,
        ),
        "draw a mock galaxy, to a table": (
            "galaxy",
            lambda n: ["mock", "-n", str(n), "-o", f"{folder}/mock{n}.fits", "--overwrite"],
            (300, 800),
            1,
        ),
        "train the point recipe, 400 galaxies": (
            "galaxy and epoch",
            lambda n: ["train", f"{folder}/labelled.fits", "-o", f"{folder}/m{n}", *TRAIN, f"epochs={n}"],
            (1, 3),
            400,
        ),
    }


def count(binary, arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STARGLOW_")} | {"STARGLOW_ISA": "x86-64-v3"}
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", binary, *arguments, "--threads", "1"],
        capture_output=True,
        text=True,
        env=environment,
    )
    collected = re.search(r"Collected : (\d+)", run.stderr)
    assert run.returncode == 0 and collected, run.stderr[-2000:]
    return int(collected[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--write", action="store_true", help="make what is counted the budget")
    args = parser.parse_args()
    version = subprocess.run([args.binary, "--version"], capture_output=True, text=True, check=True).stdout
    compiler = re.search(r"(g\+\+|GCC|GNU|gcc|clang)\D*(\d+)", version)
    compiler = f"{compiler[1]} {compiler[2]}" if compiler else version.strip()
    kept = json.loads(FILE.read_text())
    if not args.write and kept["compiler"] != compiler:
        print(f"skipped: the budgets are of {kept['compiler']}, this is {compiler}")
        return 0
    began, found, failed = time.perf_counter(), {}, 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        for n in (300, 400, 800):
            subprocess.run(
                [args.binary, "mock", "-n", str(n), "-o", f"{folder}/{n}.fits"], check=True, capture_output=True
            )
        # Labels: the predictions themselves, with an ivar.
        label(args.binary, folder)
        runs = {
            (name, n): pool.submit(count, args.binary, command(n))
            for name, (_, command, sizes, _) in paths(folder).items()
            for n in sizes
        }
        for name, (unit, _, sizes, per) in paths(folder).items():
            small, large = (runs[name, n].result() for n in sizes)
            found[name] = round((large - small) / (sizes[1] - sizes[0]) / per)
            budget = kept.get("instructions", {}).get(name)
            ratio = found[name] / budget if budget else float("nan")
            verdict = (
                "OVER BUDGET" if ratio > ABOVE else "well below: --write makes it the budget" if ratio < BELOW else ""
            )
            failed += ratio > ABOVE or (budget is None and not args.write)
            kept_to = "" if budget is None else f", {ratio:.3f} of the budget"
            print(f"{name:42} {found[name]:>9} instructions a {unit}{kept_to} {verdict}".rstrip())
    if args.write:
        FILE.write_text(json.dumps({"compiler": compiler, "isa": "x86-64-v3", "instructions": found}, indent=2) + "\n")
    print(f"({time.perf_counter() - began:.0f} s)")
    return 1 if failed else 0


def label(binary, folder):
    from astropy.table import Table

    table = Table.read(f"{folder}/400.fits", hdu=1)
    subprocess.run(
        [binary, "predict", f"{folder}/400.fits", "-o", f"{folder}/lines.fits"], check=True, capture_output=True
    )
    lines = Table.read(f"{folder}/lines.fits", hdu=1)
    for name in lines.colnames:
        if name.endswith("_EW"):
            table[name] = lines[name]
            table[name + "_IVAR"] = (1 + 0 * lines[name].data).astype("f4")
    for key in ("CHECKSUM", "DATASUM"):
        table.meta.pop(key, None)
    table.write(f"{folder}/labelled.fits", overwrite=True)


if __name__ == "__main__":
    sys.exit(main())
