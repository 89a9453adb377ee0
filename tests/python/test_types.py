"""The types that the package promises (py.typed), as mypy sees them: of the package itself, the stubs of its compiled
half, and a stranger's programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

RIGHT = """
from typing import assert_type
import jax
import numpy as np
import starglow as sg
import starglow.jax as sgj
from starglow import parquet
from starglow.jax import kernel
from starglow.plots import draw, read

model = sg.Model.load("model.safetensors")
galaxies = sg.read_table("galaxies.fits")
lines = model.predict(galaxies.band_flux, galaxies.z, draws=4)
assert_type(lines, sg.Prediction)
assert_type(lines.p16, np.ndarray | None)
assert_type(sg.flag_names(int(lines.flags[0])), list[str])
sampled: np.ndarray = model.sample(np.ones((3, 12)), 0.1, draws=2)
slopes: np.ndarray = model.jacobian(np.ones((3, 12)))
assert_type(sg.evaluate(galaxies, {"mine": model}).text, str)
rows: int = parquet.predict_file("a.parquet", "b.parquet")["rows"]

weights = sgj.load()
assert_type(weights, sgj.Weights)
p = sgj.predict(weights, np.ones((3, 12)), 0.1)
assert_type(p, sgj.Prediction)
assert_type(p.ew, jax.Array)
assert_type(kernel.predict(None, np.ones((3, 12))).flags, jax.Array)
assert_type(sgj.quantile(sgj.distribution(weights, np.ones((3, 12))), 0.9), jax.Array)
draw(read("figure.json")).savefig("figure.pdf")
"""

WRONG = """
import starglow as sg
import starglow.jax as sgj

model = sg.Model.shipped()
model.predict(None, draw=3)
model.sample(None)
sg.Model.load(3)
sg.train(None).ew
sgj.predict("model.safetensors", None)
sgj.load().ew
"""


def test_types():
    pytest.importorskip("mypy", reason="mypy is not installed")
    pytest.importorskip("starglow.jax.kernel", reason="the package is built without the kernel inside JAX")
    folder = ROOT / "build/mypy"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text(WRONG)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--config-file",
            ROOT / "pyproject.toml",
            "--cache-dir",
            folder / "cache",
            "--no-error-summary",
            "-p",
            "starglow",
            "-m",
            "right",
            "-m",
            "wrong",
        ],
        capture_output=True,
        text=True,
        env=os.environ | {"MYPYPATH": str(folder)},
        cwd=folder,
    )
    said = run.stdout.splitlines()
    elsewhere = [line for line in said if not line.startswith("wrong.py:")]
    assert not elsewhere and not run.stderr, "\n".join(elsewhere) + run.stderr
    refused = {int(line.split(":")[1]) for line in said}
    calls = {n for n, line in enumerate(WRONG.splitlines(), 1) if line.startswith(("model.", "sg.", "sgj."))}
    assert refused == calls, run.stdout
