"""Whether two builds of starglow give the same numbers: the columns of mocks, predictions and maps, byte by byte.

python bench/same_numbers.py OLD NEW [TABLE ...] [--isa x86-64-v2,x86-64-v3,x86-64-v4] [--old-model M] [--new-model M]

OLD and NEW are programs, for example of two worktrees. Each makes mock galaxies of both populations, predicts their
lines with draws and noise, and maps them; with TABLE (measured lines) also that table's predictions, map and scores.
Every column of OLD must be in NEW with the same bytes; columns that only NEW has are named. Provenance is not compared.
The models are by default joint-0.1 in NEW and the shipped one in OLD, which was that model before version 0.2. Version
0.2 has new flags, which are not compared, and limits values that no galaxy has: rows that it flags BOUNDED are counted
and left out, and scores, which such rows enter, are compared to 1e-7. Exit code 1: something differs.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits


def run(program, isa, *arguments, accept=(0, 4)):
    done = subprocess.run(
        [program, *map(str, arguments), "--isa", isa, "--overwrite"], capture_output=True, text=True, check=False
    )
    if done.returncode not in accept:
        raise SystemExit(f"{program} {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def columns(path):
    with fits.open(path, character_as_bytes=True) as file:
        table = file["GALAXIES"].data
        return {name: np.ascontiguousarray(table[name]) for name in table.names}


def make(program, isa, folder, tables, model):
    """{name: file or scores} of one build under one instruction set."""
    chosen = ("--model", model) if model else ()
    out = {}
    for name, more in (("bands", ()), ("stars", ("--population", "stars", *chosen))):
        out[f"mock {name}"] = folder / f"mock_{name}.fits"
        run(program, isa, "mock", "-n", 3000, "--seed", 5, "-o", out[f"mock {name}"], *more)
    for name, table in (("mock", folder / "mock_bands.fits"), *((Path(t).name, Path(t)) for t in tables)):
        for verb, options in (("predict", ("--draws", 8, "--noise", *chosen)), ("embed", ())):
            out[f"{verb} {name}"] = folder / f"{verb}_{name}.fits"
            run(program, isa, verb, table, "-o", out[f"{verb} {name}"], *options)
        if table.parent != folder:
            run(program, isa, "evaluate", table, "--bootstrap", 100, "--json", folder / "scores.json", *chosen)
            out[f"evaluate {name}"] = json.loads((folder / "scores.json").read_text())
    return out


BOUNDED = 1 << 15
FLAGS_OF_0_1 = (1 << 14) - 1


def scores_differ(old, new):
    """Whether a number of OLD's scores is another one in NEW; the names of models are not compared."""
    if isinstance(old, dict):
        return any(scores_differ(value, new.get(key)) for key, value in old.items() if key != "provenance")
    if isinstance(old, list):
        return not isinstance(new, list) or len(old) != len(new) or any(map(scores_differ, old, new))
    if isinstance(old, float) and isinstance(new, float):
        return not math.isclose(old, new, rel_tol=1e-7)
    return not isinstance(old, str) and old != new


def differences(old, new):
    """Columns that differ, and what else there is to say."""
    if isinstance(old, dict):
        return (["scores"] if scores_differ(old, new) else []), []
    a, b = columns(old), columns(new)
    wrong = [f"{key} is absent" for key in a if key not in b]
    rows = np.flatnonzero(b["FLAGS"] & BOUNDED == 0) if "FLAGS" in b else slice(None)
    for key in sorted(set(a) & set(b)):
        x, y = (c[key] & FLAGS_OF_0_1 if key == "FLAGS" else c[key][rows] for c in (a, b))
        if x.dtype != y.dtype or x.tobytes() != y.tobytes():
            wrong.append(f"{key} differs")
    more = sorted(set(b) - set(a))
    bounded = 0 if isinstance(rows, slice) else len(b["FLAGS"]) - len(rows)
    return wrong, [f"{bounded} rows BOUNDED"] * (bounded > 0) + ["new: " + ", ".join(more)] * bool(more)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("tables", nargs="*")
    parser.add_argument("--isa", default="x86-64-v2,x86-64-v3,x86-64-v4")
    parser.add_argument("--old-model")
    parser.add_argument("--new-model", default="joint-0.1")
    args = parser.parse_args()
    failed = False
    for isa in args.isa.split(","):
        with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
            old = make(args.old, isa, Path(a), args.tables, args.old_model)
            new = make(args.new, isa, Path(b), args.tables, args.new_model)
            for name in old:
                wrong, more = differences(old[name], new[name])
                failed |= bool(wrong)
                says = ", ".join(wrong) if wrong else "equal"
                print(f"{isa}  {name:<28} {says}" + (f"   ({'; '.join(more)})" if more else ""), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
