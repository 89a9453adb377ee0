"""Flips single bits in each of the program's own formats: flips.py BINARY [--flips N] [--seed S].

N bits of each file (1250: 10,000 in all), one a run, anywhere in it. The verb that reads the file must end in 3 or 6,
or give the numbers that it gives from the whole file (padding, what only people read)."""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from torture import TINY, numbers, prepared, run

STARS = ["mock", "--population", "stars", "-n", "3"]
TRAIN = ["train", "labelled.fits", "-o", "out", "--preset", "point", *TINY, "epochs=400", "--checkpoint-every", "0"]
#: format: what makes the file, its name, what reads it
FORMATS = {
    "table": (None, "t.fits", ["predict", "t.fits", "-o", "out"]),
    "spectra": (None, "s.fits", ["paint", "s.fits", "-o", "out"]),
    "model": (None, "m.safetensors", ["predict", "t.fits", "-o", "out", "--model", "m.safetensors"]),
    "map": (
        ["embed", "t.fits", "--save-map", "map", "epochs=2", "neighbours=5"],
        "map",
        ["embed", "t.fits", "-o", "out", "--map", "map"],
    ),
    "population": (
        ["train", "labelled.fits", "-o", "pop", "--preset", "population"],
        "pop",
        ["mock", "-n", "3", "-o", "out", "--population-file", "pop"],
    ),
    "reduced grid": (
        [*STARS, "-o", "x.fits", "--save-ssp", "ssp.safetensors"],
        "ssp.safetensors",
        [*STARS, "-o", "out", "--ssp", "ssp.safetensors"],
    ),
    "templates": (None, "templates", ["prep", "s.fits", "-o", "out", "--templates", "templates"]),
    "checkpoint": (None, "out.checkpoint", [*TRAIN, "--resume"]),
}


def interrupted_training(binary, folder):
    """A checkpoint, as a training that is ended by a signal leaves it."""
    import signal
    import subprocess
    import time

    child = subprocess.Popen([str(binary), *TRAIN], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(3000):
        if (folder / "out.checkpoint").exists() or child.poll() is not None:
            break
        time.sleep(0.01)
    child.send_signal(signal.SIGTERM)
    assert child.wait() == 75, "the training ended before it was interrupted"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path)
    parser.add_argument("--flips", type=int, default=1250)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="this format alone")
    args = parser.parse_args()
    binary, dice, wrong, told, runs = args.binary.resolve(), random.Random(args.seed), 0, 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepared(binary, folder)
        for name, (made, file, reader) in FORMATS.items():
            if args.only and args.only != name:
                continue
            if name == "checkpoint":
                interrupted_training(binary, folder)
            elif name == "templates":
                shutil.copy(Path(__file__).parents[2] / "models/templates.safetensors", folder / file)
            elif made:
                done = run(binary, made, folder)
                assert done.returncode == 0, (name, done.stderr)
            whole = (folder / file).read_bytes()
            done = run(binary, [*reader, "--overwrite"], folder)
            assert done.returncode == 0, (name, done.stderr)
            right = numbers(folder / "out")
            found = 0
            for _ in range(args.flips):
                at, bit = dice.randrange(len(whole)), 1 << dice.randrange(8)
                (folder / file).write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
                done = run(binary, [*reader, "--overwrite"], folder)
                runs += 1
                if done.returncode in (3, 6):
                    found += 1
                elif done.returncode == 0 and numbers(folder / "out") == right:
                    print(f"{name}: bit {bit} of byte {at} has no effect", flush=True)
                else:
                    wrong += 1
                    print(f"{name}: bit {bit} of byte {at}: exit {done.returncode}", flush=True)
            (folder / file).write_bytes(whole)
            (folder / "out").unlink(missing_ok=True)
            told += found
            print(f"{name}: {len(whole)} bytes, {args.flips} bits, {found} refused", flush=True)
    print(f"{runs} bits, {told} refused, {runs - told - wrong} without effect, {wrong} not noticed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
