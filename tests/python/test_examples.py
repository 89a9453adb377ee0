"""The examples that are programs of their own, at small size."""

import json
import subprocess
import sys

import pytest

from conftest import ROOT


def test_time_against_rows(tmp_path):
    pytest.importorskip("pyarrow")
    run = subprocess.run(
        [
            sys.executable,
            ROOT / "examples/catalogue_scale.py",
            "--rows",
            "2000",
            "150000",
            "--folder",
            tmp_path,
            "--json",
            tmp_path / "scale.json",
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    made = json.loads((tmp_path / "scale.json").read_text())
    assert [r["rows"] for r in made["runs"]] == [2000, 150000] and made["fit"]["processor_seconds"]["us_per_row"] > 0
    assert "extrapolated, not measured" in run.stdout
    # ten times the batch needs no ten times the memory: the file is streamed
    assert made["runs"][1]["megabytes"] < made["runs"][0]["megabytes"] + 250
