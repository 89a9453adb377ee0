"""The program in bad company: closed and full streams, limits of the system, signals, pipes, links, files of others."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

TYPED = {2, 3, 4, 5, 6}
FULL = "/dev/full"
TINY = ["--preset", "point", "epochs=3", "members=1", "hidden=8", "sibling=false", "calibration_folds=0"]


@pytest.fixture(scope="module")
def few(starglow, tmp_path_factory):
    path = tmp_path_factory.mktemp("few") / "t.fits"
    assert starglow("mock", "-n", 60, "-o", path).returncode == 0
    return path


@pytest.fixture
def folder(few, tmp_path):
    shutil.copy(few, tmp_path / "t.fits")
    return tmp_path


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def call(binary, *words, cwd, **options):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STARGLOW_")}
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run([str(binary), *map(str, words)], cwd=cwd, env=environment, timeout=120, **options)


@pytest.mark.skipif(not os.path.exists(FULL), reason="no device that is always full here")
@pytest.mark.parametrize("more", [[], ["--json-log"]])
def test_talk_that_cannot_be_written_is_lost_and_the_answer_is_not(binary, folder, more):
    with open(FULL, "wb") as full:
        assert call(binary, "predict", "t.fits", "-o", "a.fits", *more, cwd=folder, stderr=full).returncode == 0
        assert call(binary, "predict", "absent.fits", "-o", "b.fits", *more, cwd=folder, stderr=full).returncode == 3
        assert call(binary, "nosuchverb", cwd=folder, stderr=full).returncode == 2
    assert len(Table.read(folder / "a.fits", hdu="GALAXIES")) == 60


@pytest.mark.parametrize("closed", [(2,), (1,), (0,), (0, 1, 2)])
def test_a_closed_stream_gets_no_file_of_ours(binary, folder, closed):
    def close():
        for fd in closed:
            os.close(fd)

    options = dict(cwd=folder, stdout=None, stderr=None, preexec_fn=close)
    assert call(binary, "predict", "t.fits", "-o", "a.fits", "--threads", "3", **options).returncode == 0
    assert len(Table.read(folder / "a.fits", hdu="GALAXIES")) == 60
    assert call(binary, "mock", "-n", "2000", "-o", "m.fits", **options).returncode == 0
    assert call(binary, "inspect", "m.fits", **options).returncode == (5 if 1 in closed else 0)


@pytest.mark.parametrize(
    "words",
    [
        ("predict", "t.fits", "-o", "out.fits", "--draws", "20"),
        ("mock", "-n", "3000", "-o", "out.fits"),
        ("explore", "t.fits", "-o", "site"),
        ("explore", "t.fits", "--single-file", "page.html"),
        ("embed", "t.fits", "-o", "out.fits", "--save-map", "map", "epochs=2", "neighbours=5"),
    ],
    ids=lambda words: words[0] + words[2],
)
def test_a_limit_on_the_size_of_files_is_an_output_error(binary, folder, words):
    before = names(folder)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    done = call(binary, *words, cwd=folder, preexec_fn=limit)
    assert done.returncode == 5, done.stderr
    assert names(folder) == before


@pytest.mark.parametrize("verb", ["predict", "mock", "embed"])
@pytest.mark.parametrize("megabytes", [150, 400, 1000])
def test_threads_and_memory_that_are_not_there(binary, folder, verb, megabytes):
    words = {
        "predict": ("predict", "t.fits", "-o", "out.fits"),
        "mock": ("mock", "-n", "100000", "-o", "out.fits"),
        "embed": ("embed", "t.fits", "-o", "out.fits", "epochs=2"),
    }[verb]
    before = names(folder)
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    done = call(binary, *words, "--threads", "300", cwd=folder, preexec_fn=limit)
    assert done.returncode in {0} | TYPED, done.stderr
    assert set(names(folder)) - set(before) == ({"out.fits"} if done.returncode == 0 else set())
    if megabytes == 1000:
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "number,code",
    [(signal.SIGHUP, 129), (signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGXCPU, 128 + signal.SIGXCPU)],
)
def test_a_signal_leaves_nothing(binary, folder, number, code):
    table = Table.read(folder / "t.fits", hdu="GALAXIES")
    before = names(folder)
    process = subprocess.Popen(
        [binary, "mock", "-n", "100000000", "-o", "out.fits", "--threads", "1"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509
    )
    for _ in range(400):
        if (folder / ".out.fits.part").exists():
            break
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert names(folder) == before and len(table) == 60


def test_nohup_is_heeded(binary, folder):
    process = subprocess.Popen(
        [binary, "mock", "-n", "3000000", "-o", "out.fits", "--threads", "1"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),  # noqa: PLW1509
    )
    for _ in range(400):
        if (folder / ".out.fits.part").exists():
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None or process.returncode == 0
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)


PIPES = [
    ("inspect", "pipe"),
    ("predict", "pipe", "-o", "out.fits"),
    ("predict", "t.fits", "--model", "pipe", "-o", "out.fits"),
    ("predict", "t.fits", "--config", "pipe", "-o", "out.fits"),
    ("prep", "@pipe", "-o", "out.fits"),
    ("prep", "pipe", "-o", "out.fits"),
    ("prep", "t.fits", "--templates", "pipe", "-o", "out.fits"),
    ("train", "pipe", "-o", "out.fits"),
    ("evaluate", "pipe"),
    ("evaluate", "t.fits", "--predictions", "pipe"),
    ("embed", "pipe", "-o", "out.fits"),
    ("embed", "t.fits", "-o", "out.fits", "--map", "pipe"),
    ("explore", "pipe", "--single-file", "out.fits"),
    ("explore", "t.fits", "--spectra", "pipe", "--single-file", "out.fits"),
    ("paint", "pipe", "-o", "out.fits"),
    ("mock", "--population", "stars", "--ssp", "pipe", "-n", "2", "-o", "out.fits"),
    ("mock", "--population", "stars", "--filters", "pipe", "-n", "2", "-o", "out.fits"),
    ("mock", "--population-file", "pipe", "-n", "2", "-o", "out.fits"),
    ("mock", "--compare", "pipe", "-n", "20"),
    ("import-k24", "pipe", "-o", "out.fits"),
]


@pytest.mark.parametrize("words", PIPES, ids=lambda words: " ".join(w for w in words if w not in ("-o", "out.fits")))
def test_a_name_that_is_a_pipe_or_a_folder_is_refused_at_once(binary, folder, words):
    os.mkfifo(folder / "pipe")
    before = names(folder)
    began = time.perf_counter()
    done = call(binary, *words, cwd=folder)
    assert done.returncode in (2, 3, 6), done.stderr
    assert time.perf_counter() - began < 60 and names(folder) == before
    os.remove(folder / "pipe")
    os.mkdir(folder / "pipe")
    assert call(binary, *words, cwd=folder).returncode in (2, 3, 6)


def test_the_checkpoint_replaces_no_file_of_another_kind(binary, folder, mock):
    shutil.copy(mock, folder / "l.fits")
    (folder / "notes.txt").write_text("mine")
    for name in ("l.fits", "notes.txt", "t.fits"):
        raw = (folder / name).read_bytes()
        for more in ([], ["--overwrite"], ["--overwrite", "--resume"]):
            words = ("train", "l.fits", "-o", "m", "--checkpoint", name, "--checkpoint-every", "0", *TINY, *more)
            assert call(binary, *words, cwd=folder).returncode in TYPED
            assert (folder / name).read_bytes() == raw and not (folder / "m").exists()
    words = ("train", "l.fits", "-o", "m", "--checkpoint", "m", *TINY, "--overwrite")
    assert call(binary, *words, cwd=folder).returncode == 2


def test_an_input_that_changes_while_it_is_read_is_noticed(binary, folder):
    assert call(binary, "mock", "-n", "20000", "-o", "big.fits", cwd=folder).returncode == 0
    before = names(folder)
    process = subprocess.Popen(
        [binary, "predict", "big.fits", "-o", "out.fits", "--chunk", "16", "--draws", "64", "--threads", "1"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(1000):
        if (folder / ".out.fits.part").exists():
            break
        time.sleep(0.005)
    os.utime(folder / "big.fits")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3 and "changed while it was read" in said
    assert names(folder) == before


def test_a_failure_leaves_no_part_of_the_outputs(binary, folder):
    os.mkdir(folder / "taken")
    before = names(folder)
    words = ("embed", "t.fits", "epochs=2", "neighbours=5")
    assert call(binary, *words, "-o", "taken", "--save-map", "map", cwd=folder).returncode == 5
    assert names(folder) == before
    t = Table.read(folder / "t.fits", hdu="GALAXIES")
    t["BAND_FLUX"][0] = np.nan
    for key in ("CHECKSUM", "DATASUM"):
        t.meta.pop(key, None)
    t.meta["EXTNAME"] = "GALAXIES"
    t.write(folder / "holes.fits")
    before = names(folder)
    words = ("embed", "holes.fits", "epochs=2", "neighbours=5", "-o", "out.fits", "--save-map", "map", "--strict")
    assert call(binary, *words, cwd=folder).returncode == 3
    # No measured lines: the panels cannot be drawn.
    words = ("embed", "t.fits", "epochs=2", "neighbours=5", "-o", "out.fits", "--save-map", "map", "--panels", "p")
    assert call(binary, *words, cwd=folder).returncode == 3
    assert names(folder) == before


def test_a_page_is_written_over_no_file_of_others(binary, folder):
    for name in ("page.js", "index.html", "data"):
        site = folder / "site"
        site.mkdir()
        (site / name).write_text("mine")
        before = names(folder)
        for more in ([], ["--overwrite"]):
            if name == "data" and more:
                continue
            assert call(binary, "explore", "t.fits", "-o", "site", *more, cwd=folder).returncode in (2, 5), name
            assert names(folder) == before and (site / name).read_text() == "mine"
        shutil.rmtree(site)
    (folder / "site").mkdir()
    (folder / "site/photo.jpg").write_text("mine")
    assert call(binary, "explore", "t.fits", "-o", "site", cwd=folder).returncode == 0
    assert call(binary, "explore", "t.fits", "-o", "site", cwd=folder).returncode == 2
    assert call(binary, "explore", "t.fits", "-o", "site", "--overwrite", cwd=folder).returncode == 0
    assert (folder / "site/photo.jpg").read_text() == "mine"


@pytest.mark.parametrize("name", [".out.fits.lock", ".out.fits.part"])
def test_links_beside_the_output_are_not_followed(binary, folder, name):
    (folder / "precious").write_text("precious")
    os.symlink("precious", folder / name)
    done = call(binary, "predict", "t.fits", "-o", "out.fits", cwd=folder)
    assert done.returncode in (0, 5) and (folder / "precious").read_text() == "precious"
    assert (folder / "out.fits").exists() == (done.returncode == 0)


def test_a_setting_longer_than_a_file_name_is_a_setting(binary, folder):
    curve = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: wave, unit: Angstrom, datatype: float64}\n"
    curve += "# - {name: transmission, datatype: float64}\nwave transmission\n"
    (folder / "g.ecsv").write_text(curve + "".join(f"{w} {float(4000 < w < 5400)}\n" for w in range(3900, 5500, 10)))
    words = ("mock", "--population", "stars", "-n", "2", "-o", "out.fits")
    done = call(binary, *words, "filters=" + ",".join(["g.ecsv"] * 60), cwd=folder)
    other = call(binary, *words, "--filters", ",".join(["g.ecsv"] * 60), "--overwrite", cwd=folder)
    assert done.returncode == other.returncode and done.returncode in (0, 2, 3), done.stderr
    assert call(binary, "predict", "t.fits", "-o", "out2.fits", "seed=" + "9" * 5000, cwd=folder).returncode == 2


@pytest.mark.parametrize("seed", ["18446744073709551615", "9223372036854775808"])
def test_every_seed_of_64_bits_is_a_seed(binary, folder, seed):
    drawn = {}
    for s in ("1", seed):
        words = ("predict", "t.fits", "-o", "out.fits", "--draws", "3", "--seed", s, "--overwrite")
        assert call(binary, *words, cwd=folder).returncode == 0
        drawn[s] = np.array(Table.read(folder / "out.fits", hdu="GALAXIES")["HALPHA_EW_DRAW"])
    assert not np.array_equal(drawn["1"], drawn[seed])
    import starglow as sg

    p = sg.Model.shipped().predict(sg.read_table(folder / "t.fits"), draws=3, seed=int(seed))
    np.testing.assert_allclose(drawn[seed], p.draws[:, sg.LINES.index("HALPHA")], rtol=1e-5)
    assert call(binary, "mock", "-n", "2", "-o", "x", "--seed", "18446744073709551616", cwd=folder).returncode == 2
    assert call(binary, "mock", "-n", "2", "-o", "x", "--seed", "-1", cwd=folder).returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        ("predict", "t.fits", "-o", "out"),
        ("mock", "-n", "5", "-o", "out"),
        ("mock", "--population", "stars", "-n", "5", "-o", "out"),
        ("embed", "t.fits", "-o", "out", "--save-map", "map"),
        ("explore", "t.fits", "-o", "site"),
        ("evaluate", "l.fits", "--json", "out", "--report", "report"),
        ("evaluate", "l.fits", "--cv", "--json", "out", *TINY),
        ("train", "l.fits", "-o", "out", *TINY),
    ],
    ids=lambda words: " ".join(words[:3]),
)
def test_a_dry_run_does_nothing(binary, folder, mock, words):
    shutil.copy(mock, folder / "l.fits")
    before = names(folder)
    done = call(binary, *words, "--dry-run", cwd=folder, text=True)
    assert done.returncode == 0, done.stderr
    assert names(folder) == before and (done.stdout + done.stderr).strip() and "HALPHA" not in done.stdout


LONG = """
import sys, starglow as sg
g = sg.mock(200000)
model = sg.Model.shipped()
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    sys.exit(77)
"""


@pytest.mark.parametrize(
    "work",
    ["model.predict(g, draws=200)", "model.predict(g, draws=64, threads=1)", "sg.train(g0, preset='point')"],
)
def test_ctrl_c_ends_python_within_a_second(work, mock, tmp_path):
    script = LONG.format(call=work.replace("g0", f"sg.read_table({str(mock)!r})"))
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert process.stdout.readline().strip() == "ready", process.stderr.read()
    time.sleep(0.5)
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    used = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 77, said
    # Time of the processors, so that a busy machine does not count: a second of each, and half a one to leave Python.
    whole = resource.getrusage(resource.RUSAGE_CHILDREN)
    whole_time = whole.ru_utime + whole.ru_stime - others.ru_utime - others.ru_stime
    assert whole_time - used < 1.5 * os.cpu_count()


def test_no_output_replaces_an_input(starglow, mock, tmp_path):
    table = tmp_path / "t.fits"
    table.write_bytes(mock.read_bytes())
    (tmp_path / "link.fits").symlink_to(table)
    before = table.read_bytes()
    for words in (
        ("predict", table, "-o", table),
        ("predict", table, "-o", tmp_path / "link.fits"),
        ("predict", mock, "-o", tmp_path / "o.fits", "--model", tmp_path / "m", "-o", tmp_path / "m"),
        ("embed", table, "-o", tmp_path / "o.fits", "--save-map", table),
        ("evaluate", table, "--json", table),
        ("predict", table, "-o", "-"),
    ):
        (tmp_path / "m").write_bytes(b"model")
        run = starglow(*words, "--overwrite")
        assert run.returncode == 2, run.stderr
        assert table.read_bytes() == before and (tmp_path / "m").read_bytes() == b"model"
        assert {p.name for p in tmp_path.iterdir()} == {"t.fits", "link.fits", "m"}
