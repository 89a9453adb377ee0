"""Each program of the gallery runs in an empty folder and leaves its figure."""

import os
import subprocess
import sys

import pytest

from conftest import ROOT

PROGRAMS = sorted((ROOT / "docs/gallery").glob("*.py"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_a_program_ends_in_its_figure(path, tmp_path, binary):
    pytest.importorskip("matplotlib")
    pytest.importorskip("jax")
    if path.stem in ("dsps_galaxies", "lsst_magnitudes", "population"):
        pytest.importorskip("dsps")
    if path.stem == "diffsky_halos":
        pytest.importorskip("diffsky", reason="diffsky is not installed: tests/requirements-diffsky.txt")
    if path.stem == "lsdb_catalogue":
        pytest.importorskip("lsdb", reason="LSDB is not installed: ./check installs it, ./check --quick does not")
    assert len(path.read_text().splitlines()) <= 40
    environment = os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": f"{ROOT}/examples/python:{ROOT}/contrib/diffsky"}
    environment["PATH"] = f"{binary.parent}:{environment['PATH']}"
    run = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment
    )
    assert run.returncode == 0, run.stderr[-2000:]
    figure = tmp_path / f"{path.stem}.png"
    assert figure.read_bytes()[:4] == b"\x89PNG" and figure.stat().st_size > 10_000


def test_the_index_names_them_all():
    text = (ROOT / "docs/gallery/index.md").read_text()
    assert PROGRAMS and all(p.name in text for p in PROGRAMS)
