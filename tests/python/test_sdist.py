"""The source distribution: the same bytes from two clones, complete, and with the revision outside of git."""

import hashlib
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Made in two clones of the last commit, in folders of different names."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git checkout here: a source distribution is made of one")
    made = []
    for name in ("one", "another_folder"):
        clone = tmp_path_factory.mktemp(name) / "clone"
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, clone], check=True)
        run = subprocess.run(
            [sys.executable, clone / "tools/sdist", "-o", clone.parent / "dist"], capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        (file,) = (clone.parent / "dist").iterdir()
        made.append((clone, file))
    return made


def test_two_clones_give_the_same_bytes(distributions):
    first, second = (hashlib.sha256(file.read_bytes()).hexdigest() for _, file in distributions)
    assert first == second


def test_it_holds_the_sources_and_tells_its_revision_without_git(distributions, tmp_path):
    clone, file = distributions[0]
    subprocess.run(["tar", "-xf", file, "-C", tmp_path], check=True)
    (tree,) = tmp_path.iterdir()
    assert re.fullmatch(r"starglow-\d+\.\d+\.\d+", tree.name)
    tracked = subprocess.run(["git", "ls-files"], cwd=clone, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name in filter(None, tracked):
        if not name.startswith((".ci/", ".github/")):
            assert (tree / name).read_bytes() == (clone / name).read_bytes(), name
    assert (tree / "PKG-INFO").read_text().startswith("Metadata-Version:")
    subprocess.run(
        ["cmake", f"-DOUT={tmp_path / 'revision.inc'}", f"-DSRC={tree}", "-P", tree / "cmake/GitRevision.cmake"],
        check=True,
        capture_output=True,
    )
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True
    ).stdout.strip()
    revision = (tmp_path / "revision.inc").read_text().strip().strip('"')
    assert len(revision) >= 12 and commit.startswith(revision)


def test_a_changed_tree_is_refused(distributions):
    clone, _ = distributions[1]
    (clone / "README.md").write_text("changed\n")
    run = subprocess.run(
        [sys.executable, clone / "tools/sdist", "-o", clone.parent / "x"], capture_output=True, text=True
    )
    assert run.returncode != 0 and "differs from its last commit" in run.stderr
