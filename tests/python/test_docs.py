"""What the documents say is tried: marked commands run, links lead somewhere, tables equal what the program says."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT
from test_paint import write_continua
from test_prep import write_example

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/*.md")])


def blocks(path, language):
    return re.findall(rf"^```{language} tested\n(.*?)^```", path.read_text(), re.M | re.S)


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if blocks(p, "sh")], ids=lambda p: p.name)
def test_marked_commands_run(path, binary, mock, tmp_path):
    """`measured.fits` is a table with measured lines, `coadd.fits` and `redrock.fits` are spectra of DESI's layout,
    `continua.fits` spectra of starlight; each document's commands run in order in one empty folder."""
    shutil.copy(mock, tmp_path / "measured.fits")
    write_example(tmp_path)
    write_continua(tmp_path / "continua.fits")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STARGLOW_")}
    environment["PATH"] = f"{binary.parent}:{environment['PATH']}"
    script = "set -e\n" + "\n".join(blocks(path, "sh"))
    run = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if blocks(p, "py")], ids=lambda p: p.name)
def test_marked_python_runs(path, binary, mock, tmp_path):
    """As the commands; the blocks of a document are one program."""
    shutil.copy(mock, tmp_path / "measured.fits")
    environment = os.environ | {
        "PATH": f"{binary.parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "examples/python"), os.environ.get("PYTHONPATH", "")]),
    }
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks(path, "py"))],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]


def test_the_output_in_the_readme_is_the_programs(binary, monkeypatch):
    """Its words, and its numbers to 1 %; tools/readme_output.py writes it again after a new model."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import readme_output

    shown = readme_output.parts((ROOT / "README.md").read_text())
    printed = readme_output.output(shown[1], binary)
    for words in map(str.split, shown[2].splitlines()):
        for seen, wanted in zip(printed[words[0]].split(), words, strict=True):
            number = re.fullmatch(r"-?\d+\.\d+", wanted)
            assert float(seen) == pytest.approx(float(wanted), rel=0.01) if number else seen == wanted, words


def test_cpp_example_of_the_readme_is_the_one_that_is_built(binary, mock):
    example = (ROOT / "examples/predict_table.cpp").read_text()
    (readme,) = blocks(ROOT / "README.md", "cpp")
    assert example.split("// README begins\n")[1].split("// README ends")[0].strip() == readme.strip()
    run = subprocess.run([binary.parent / "examples/predict_table", mock], capture_output=True, text=True)
    assert run.returncode == 0 and len(re.findall(r"^\w+ +\d+\.\d+ A in the first of 1000", run.stdout, re.M)) == 10
    assert (
        subprocess.run([binary.parent / "examples/predict_table", "/nowhere.fits"], capture_output=True).returncode == 3
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_the_table_of_training_settings_is_the_programs(starglow, mock):
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (\S+) \| (\S+) \|", (ROOT / "docs/training.md").read_text(), re.M)
    for column, preset in ((1, "joint"), (2, "point"), (3, "k24")):
        printed = starglow("train", mock, "-o", "x", "--preset", preset, "--print-config").stdout
        values = dict(re.findall(r'^(\w+) = "?([^"\n#]*?)"? *#', printed, re.M))
        for row in rows:
            assert values[row[0]] == row[column], row


def test_the_table_of_flags_is_the_headers():
    header = re.findall(r"k_(\w+) = 1 << (\d+)", (ROOT / "include/starglow/base/flags.hpp").read_text())
    table = re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \|", (ROOT / "docs/flags.md").read_text(), re.M)
    assert [(name.upper(), bit, str(1 << int(bit))) for name, bit in header] == [
        (name, bit, value) for bit, value, name in table
    ]
