"""A sample of the torture of tests/torture: calls to the system that fail in turn."""

import subprocess
import sys

import pytest

from conftest import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="libraries are preloaded by Linux's name for it")
@pytest.mark.parametrize("verb", ["predict", "mock", "train", "embed", "explore"])
def test_a_sample_of_failing_calls(binary, verb):
    library = binary.parent / "tests/torture/libstarglow_fail_calls.so"
    if not library.exists():
        pytest.skip("the library that lets calls fail is not built here")
    run = subprocess.run(
        [sys.executable, ROOT / "tests/torture/torture.py", binary, library, "--only", verb, "--sample", "4"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("flips", [60])
def test_flipped_bits_of_our_own_files_reach_no_answer(starglow, mock, tmp_path, flips):
    import random

    tiny = ["--preset", "point", "epochs=1", "members=1", "hidden=4", "sibling=false", "calibration_folds=0"]
    assert starglow("train", mock, "-o", tmp_path / "m", *tiny).returncode == 0
    words = ("embed", mock, "-o", tmp_path / "e.fits", "--save-map", tmp_path / "map", "epochs=2")
    assert starglow(*words).returncode == 0
    assert starglow("mock", "-n", 12, "-o", tmp_path / "few.fits").returncode == 0
    dice = random.Random(5)
    for name, words in (
        ("m", ("predict", tmp_path / "few.fits", "--allow-partial", "--model")),
        ("map", ("embed", tmp_path / "few.fits", "--map")),
    ):
        raw = (tmp_path / name).read_bytes()
        for _ in range(flips // 2):
            spoiled = bytearray(raw)
            spoiled[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
            (tmp_path / "spoiled").write_bytes(spoiled)
            run = starglow(*words, tmp_path / "spoiled", "-o", tmp_path / "out.fits")
            assert run.returncode in (3, 6), run.stderr
            assert not (tmp_path / "out.fits").exists()
