"""Lets each call of the program to the system fail in turn, over each verb: torture.py BINARY LIBRARY [--long].

LIBRARY is fail_calls.cpp as a shared library. Of each kind of call (allocation, thread, read, write, sync, rename) a
sample of the first 1000 fails, one a run; with --long each of them. A run must end in 0 with the right answer, or in a
typed exit (2 to 6) with the old output whole, or leave a file that its own sums refuse to every reader; never by a
signal, never in 1, and nothing is left in the folder."""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

KINDS = ("alloc", "thread", "read", "write", "sync", "name")
TYPED = (0, 2, 3, 4, 5, 6)
FIRST = 1000
TINY = ["epochs=1", "members=1", "hidden=4", "sibling=false", "calibration_folds=0"]

VERBS = {
    "predict": ["predict", "t.fits", "-o", "out", "--draws", "2", "--noise", "--chunk", "8"],
    "predict --model": ["predict", "t.fits", "-o", "out", "--model", "m.safetensors"],
    "mock": ["mock", "-n", "40", "-o", "out"],
    "mock stars": ["mock", "--population", "stars", "-n", "3", "-o", "out"],
    "train": ["train", "labelled.fits", "-o", "out", "--preset", "point", *TINY, "--checkpoint-every", "0"],
    "evaluate": ["evaluate", "labelled.fits", "--bootstrap", "4", "--draws", "0", "--json", "out"],
    "embed": ["embed", "t.fits", "-o", "out", "epochs=2", "neighbours=5"],
    "paint": ["paint", "s.fits", "-o", "out"],
    "explore": ["explore", "t.fits", "--single-file", "out"],
    "inspect": ["inspect", "t.fits"],
}


def run(binary, words, folder, library=None, **environment):
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("STARGLOW_", "FAIL_"))}
    if library:
        plain |= {"LD_PRELOAD": str(library), **environment}
    return subprocess.run(
        [str(binary), *words, "--threads", "2"], cwd=folder, env=plain, capture_output=True, text=True, timeout=120
    )


def prepared(binary, folder):
    """The inputs of all verbs."""

    def need(*words):
        done = run(binary, words, folder)
        assert done.returncode == 0, (words, done.stderr)

    need("mock", "-n", "40", "-o", "t.fits")
    need("mock", "-n", "200", "-o", "more.fits")
    need("predict", "more.fits", "-o", "lines.fits", "--noise")
    sys.path.insert(0, str(Path(__file__).parents[1] / "python"))
    from astropy.table import Table

    table, lines = Table.read(folder / "more.fits", hdu="GALAXIES"), Table.read(folder / "lines.fits", hdu="GALAXIES")
    for name in [n for n in lines.colnames if n.endswith("_EW")]:
        table[name] = abs(lines[name + "_NOISY"]).astype("f4")
        table[name].unit = "Angstrom"
        table[name + "_IVAR"] = 1 + 0 * table[name].data
    for key in ("CHECKSUM", "DATASUM"):
        table.meta.pop(key, None)
    table.meta["EXTNAME"] = "GALAXIES"
    table.write(folder / "labelled.fits")
    need("train", "labelled.fits", "-o", "m.safetensors", "--preset", "point", *TINY)
    need("mock", "--population", "stars", "-n", "3", "-o", "stars.fits", "--spectra", "s.fits")


def numbers(path):
    """What must be the same in two runs of one command: all before the provenance, which holds the time."""
    raw = Path(path).read_bytes()
    end = raw.find(b"'PROVENANCE'")
    return raw[: raw.rfind(b"XTENSION", 0, end) if end > 0 else len(raw)]


def tried(binary, library, inputs, words, kind, number, reference):
    """What went wrong when that call failed, or None."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "w"
        shutil.copytree(inputs, folder)
        old = "out" in words
        if old:
            (folder / "out").write_bytes(b"old")
        before = {p.name for p in folder.iterdir()}
        done = run(
            binary, [*words, *(["--overwrite"] if old else [])], folder, library, FAIL_KIND=kind, FAIL_AT=str(number)
        )
        left = {p.name for p in folder.iterdir()} - before
        if done.returncode not in TYPED:
            return f"ended with {done.returncode}: {done.stderr.strip()[-200:]}"
        if left - ({"out.checkpoint"} if words[0] == "train" else set()):
            return f"exit {done.returncode} left {sorted(left)}"
        if old and reference is not None:
            # After the new file has its name something may still fail: the sync of the folder.
            is_old = (folder / "out").read_bytes() == b"old"
            same = (is_old and done.returncode) or numbers(folder / "out") == reference
            # CFITSIO loses a failure to read where a header grows; the file's own sums tell it to every reader.
            if not same and run(binary, ["predict", "out", "-o", "again"], folder).returncode != 3:
                return f"exit {done.returncode}, and the output is another one"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path)
    parser.add_argument("library", type=Path)
    parser.add_argument("--long", action="store_true", help="each of the first 1000 calls of each kind")
    parser.add_argument("--sample", type=int, default=3, help="calls of a kind and verb, without --long [3]")
    parser.add_argument("--only", help="this verb alone")
    args = parser.parse_args()
    binary, library = args.binary.resolve(), args.library.resolve()
    dice, failed, runs = random.Random(1), 0, 0
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        inputs = Path(scratch) / "inputs"
        inputs.mkdir()
        prepared(binary, inputs)
        for name, words in VERBS.items():
            if args.only and args.only != name:
                continue
            work = Path(scratch) / "reference"
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(inputs, work)
            done = run(binary, words, work, library, FAIL_AT="0", FAIL_COUNTS=str(work / "counts"))
            assert done.returncode == 0, (name, done.stderr)
            reproducible = words[0] not in ("explore",)  # its page holds the time
            reference = numbers(work / "out") if "out" in words and reproducible else None
            counts = dict(line.split() for line in (work / "counts").read_text().splitlines())
            for kind in KINDS:
                all_of = range(1, min(int(counts[kind]), FIRST) + 1)
                chosen = all_of if args.long else sorted(dice.sample(all_of, min(args.sample, len(all_of))))
                found = pool.map(
                    lambda k, kind=kind: (k, tried(binary, library, inputs, words, kind, k, reference)), chosen
                )
                for number, wrong in found:
                    runs += 1
                    if wrong:
                        failed += 1
                        print(f"{name}: {kind} {number} of {counts[kind]}: {wrong}", flush=True)
    print(f"{runs} runs, {failed} wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
