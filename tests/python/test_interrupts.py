"""Interrupted work: kill -9 and SIGTERM at random moments, and the state that is left behind."""

import os
import random
import re
import signal
import subprocess
import time

import pytest

RECIPE = [
    "--preset",
    "point",
    "hidden=64,64",
    "members=3",
    "sibling_members=2",
    "sibling_epochs=60",
    "epochs=60",
    "--threads",
    "2",
]


def start(binary, *arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STARGLOW_")}
    return subprocess.Popen(
        [str(binary), *map(str, arguments)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def unbroken(starglow, mock, tmp_path_factory):
    model = tmp_path_factory.mktemp("unbroken") / "model.safetensors"
    began = time.perf_counter()
    assert starglow("train", mock, "-o", model, *RECIPE).returncode == 0
    return model.read_bytes(), time.perf_counter() - began


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments_the_model_has_the_same_bits(binary, mock, tmp_path, unbroken, seed):
    reference, seconds = unbroken
    model, state = tmp_path / "model.safetensors", tmp_path / "model.safetensors.checkpoint"
    dice, interruptions, grace = random.Random(seed), 0, 0.2 * seconds
    for _ in range(60):
        process = start(binary, "train", mock, "-o", model, *RECIPE, "--resume", "--checkpoint-every", "0.02")
        try:
            process.communicate(timeout=grace * dice.uniform(0.5, 1.5))
        except subprocess.TimeoutExpired:
            process.send_signal(dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode in (-signal.SIGKILL, 75, 143)
        interruptions += 1
        assert not model.exists()
        grace *= 1.1  # a busy machine may need longer for the first state
    assert process.returncode == 0 and interruptions >= 2
    assert model.read_bytes() == reference
    assert not state.exists()


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} does not come")


def test_a_signal_leaves_a_state_that_only_the_same_training_takes_up(binary, starglow, mock, tmp_path, unbroken):
    model = tmp_path / "model.safetensors"
    state = tmp_path / "model.safetensors.checkpoint"
    process = start(binary, "train", mock, "-o", model, *RECIPE, "epochs=100000", "--checkpoint-every", "0")
    wait_for(state)
    process.send_signal(signal.SIGTERM)
    asked = time.perf_counter()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75 and "--resume" in said and time.perf_counter() - asked < 10
    assert sorted(p.name for p in tmp_path.iterdir()) == [state.name]
    kept = state.read_bytes()
    # without --resume it is not lost, and not taken up by another recipe, seed or table
    run = starglow("train", mock, "-o", model, *RECIPE)
    assert run.returncode == 2 and "--resume" in run.stderr
    run = starglow("train", mock, "-o", model, *RECIPE, "epochs=7", "--seed", "3", "--resume")
    assert (
        run.returncode == 6
        and "epochs: 100000 in the checkpoint, 7 here" in run.stderr
        and "seed: 1 in the checkpoint, 3 here" in run.stderr
    )
    other = tmp_path / "other.fits"
    assert starglow("mock", "-n", 300, "-o", other).returncode == 0
    assert starglow("train", other, "-o", model, *RECIPE, "epochs=100000", "--resume").returncode in (3, 6)
    run = starglow("train", mock, "-o", model, *RECIPE, "epochs=100000", "--resume", "--isa", "x86-64-v2")
    assert run.returncode == 6 and "instruction set" in run.stderr
    assert state.read_bytes() == kept
    # damage is found before anything is used
    for bytes_ in (kept[:-1], kept[: len(kept) // 2], kept[:-5] + bytes([kept[-5] ^ 4]) + kept[-4:], b"", b"{}"):
        state.write_bytes(bytes_)
        run = starglow("train", mock, "-o", model, *RECIPE, "epochs=100000", "--resume")
        assert run.returncode == 3, run.stderr
    state.write_bytes(kept)
    # --overwrite begins anew and cleans up
    assert starglow("train", mock, "-o", model, *RECIPE, "--overwrite").returncode == 0
    assert model.read_bytes() == unbroken[0] and not state.exists()


def test_without_a_state_a_signal_ends_with_its_own_code(binary, mock, tmp_path):
    process = start(binary, "train", mock, "-o", tmp_path / "m", "--preset", "knn", "--threads", "1")
    time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM, 143)


def test_the_inspected_state_says_what_it_is(binary, starglow, mock, tmp_path):
    process = start(
        binary,
        "train",
        mock,
        "-o",
        tmp_path / "m",
        *RECIPE,
        "epochs=100000",
        "--checkpoint-every",
        "0",
        "--checkpoint",
        tmp_path / "c",
    )
    wait_for(tmp_path / "c")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 75
    run = starglow("inspect", tmp_path / "c")
    assert run.returncode == 0 and re.search("checkpoint", run.stdout)
