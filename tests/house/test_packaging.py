"""Recipes and workflows say what the project says: its version, its packages; what they use of others is pinned."""

import re
import shutil
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
VERSION = re.search(r"project\(starglow VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]


def test_recipes_are_of_this_version():
    recipe = yaml.safe_load((ROOT / "recipe/recipe.yaml").read_text())
    assert recipe["context"]["version"] == VERSION
    formula = (ROOT / "recipe/starglow.rb").read_text()
    assert f'version "{VERSION}"' in formula and f"starglow-{VERSION}.tar.gz" in formula


def test_recipes_name_every_library_that_is_compiled_in():
    recipe = yaml.safe_load((ROOT / "recipe/recipe.yaml").read_text())
    host = {line.split()[0] for line in recipe["requirements"]["host"]}
    brewed = set(re.findall(r'(?:depends_on|uses_from_macos) "([^"]+)"', (ROOT / "recipe/starglow.rb").read_text()))
    names = {"hdf5": "hdf5", "eigen3": "eigen", "nlohmann-json3": "nlohmann-json", "zlib1g": "zlib"}
    for line in (ROOT / "tools/packages.txt").read_text().split():
        name = line.removeprefix("lib").removesuffix("-dev")
        if line.endswith("-dev") and name not in ("gtest", "gmock"):
            name = names.get(name, name)
            assert name.replace("-", "_") in host and name in brewed, line


def test_workflows_use_nothing_that_can_change_under_its_name():
    workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
    if not workflows:  # a source distribution has none
        return
    for path in workflows:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            for step in job["steps"]:
                assert isinstance(step.get("run", ""), str), (path.name, name)
                assert "run" in step or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"]), (path.name, name)


def test_what_goes_into_wheels_is_pinned_by_hash():
    lines = (ROOT / "tools/wheel/requirements.txt").read_text().replace("\\\n", "").splitlines()
    for line in (one for one in lines if not one.startswith("#")):
        assert re.fullmatch(r"[\w-]+==[\w.]+(\s+--hash=sha256:[0-9a-f]{64})+", line), line
    sources = yaml.safe_load((ROOT / "tools/wheel/sources.json").read_text())
    hashes = [h for _, h in sources["source packages"].values()] + list(sources["packages of headers"].values())
    assert len(hashes) >= 9 and all(re.fullmatch(r"[0-9a-f]{64}", h) for h in hashes)


def test_what_the_tests_install_is_pinned_by_hash():
    subprocess.run([ROOT / "tools/lock", "--check"], check=True)
    for name in ("requirements.lock", "requirements-lsdb.lock"):
        lines = (ROOT / "tests" / name).read_text().replace("\\\n", "").splitlines()
        for line in (one for one in lines if not one.startswith("#")):
            assert re.fullmatch(r"[\w.-]+==[\w.+]+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+", line), line[:200]
    assert "--require-hashes" in (ROOT / "tools/setup.sh").read_text()


def test_a_package_that_is_not_locked_is_noticed(tmp_path):
    for part in ("tools", "tests"):
        (tmp_path / part).mkdir()
    shutil.copy(ROOT / "tools/lock", tmp_path / "tools")
    for file in ROOT.glob("tests/requirements*"):
        shutil.copy(file, tmp_path / "tests")
    with open(tmp_path / "tests/requirements.txt", "a") as f:
        f.write("numpy==0.0.1\n")
    run = subprocess.run([tmp_path / "tools/lock", "--check"], capture_output=True, text=True)
    assert run.returncode == 1 and "numpy==0.0.1" in run.stderr
