"""The program that users run is hardened, and holds no path of the folder that it was built in."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINARY = Path(os.environ.get("STARGLOW_BINARY", ROOT / "build/release/starglow"))

pytestmark = pytest.mark.skipif(
    not BINARY.exists() or shutil.which("readelf") is None, reason="no program, or no readelf here"
)


def readelf(*words):
    return subprocess.run(["readelf", "-W", *words, BINARY], capture_output=True, text=True, check=True).stdout


def test_tables_are_read_only_and_bound_at_the_start():
    dynamic, segments = readelf("-d"), readelf("-l")
    assert re.search(r"FLAGS.*(BIND_)?NOW", dynamic)
    assert "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+RW\s", segments)
    assert "Position-Independent" in readelf("-h") or "DYN" in readelf("-h")


def test_stacks_and_buffers_are_guarded():
    symbols = readelf("--dyn-syms")
    assert "__stack_chk_fail" in symbols
    assert re.search(r"__(memcpy|snprintf|read|fgets|memset|memmove|strcpy)\w*_chk", symbols)


def test_no_path_of_the_build_is_inside():
    assert str(ROOT).encode() not in BINARY.read_bytes()
