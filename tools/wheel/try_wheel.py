"""An installed starglow at work: mock galaxies, their lines and a page by the program, the same lines by the package.

usage: python tools/wheel/try_wheel.py [--keep FOLDER]     FOLDER: where mock.fits and lines.fits stay

The medians of 500 mock galaxies are the same bits on every platform whose kernels round alike: their digest is printed.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--keep", type=Path)
keep = parser.parse_args().keep
started = time.perf_counter()
import numpy as np

import starglow as sg

took = time.perf_counter() - started
program = Path(sys.executable).with_name("starglow")


def run(*arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


with tempfile.TemporaryDirectory() as scratch:
    folder = keep or Path(scratch)
    mock, lines, page = folder / "mock.fits", folder / "lines.fits", folder / "page.html"
    run("mock", "--population", "bands", "-n", "500", "-o", mock)
    run("predict", mock, "-o", lines)
    run("explore", mock, "--single-file", page)
    assert page.stat().st_size > 300_000
    galaxies = sg.read_table(mock)
    here = sg.Model.shipped().predict(galaxies.band_flux, galaxies.z)
    assert "HALPHA" in run("summary", lines)
assert here.ew.shape == (500, len(sg.LINES))
assert np.isfinite(here.ew).all()
kernel = "is there" if hasattr(sg._core, "ffi_handlers") else "is not there"
print(f"{run('--version').splitlines()[0]}; imported in {took:.2f} s; the kernel inside JAX {kernel}")
print("medians", hashlib.sha256(np.ascontiguousarray(here.ew).tobytes()).hexdigest())
