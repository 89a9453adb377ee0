"""What is brought along is named: every library that is compiled in, every package of the page, with its licence."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_list_of_what_is_brought_along_is_whole():
    run = subprocess.run([sys.executable, ROOT / "tools/sbom.py"], capture_output=True, text=True, check=True)
    document = json.loads(run.stdout)
    packages = {p["name"]: p for p in document["packages"]}
    assert document["spdxVersion"] == "SPDX-2.3" and packages["starglow"]["licenseDeclared"] == "BSD-3-Clause"
    ids = [p["SPDXID"] for p in document["packages"]]
    assert len(set(ids)) == len(ids)
    assert {r["relatedSpdxElement"] for r in document["relationships"]} == set(ids)
    lock = json.loads((ROOT / "web/package-lock.json").read_text())
    for name in json.loads((ROOT / "web/package.json").read_text())["dependencies"]:
        assert packages[name]["versionInfo"] == lock["packages"]["node_modules/" + name]["version"]
    # Development packages that are installed to be compiled in have a line.
    notices = (ROOT / "THIRD_PARTY.md").read_text().lower()
    for line in (ROOT / "tools/packages.txt").read_text().split():
        name = line.removeprefix("lib").removesuffix("-dev")
        if line.endswith("-dev") and name not in ("gtest", "gmock"):
            word = {"nlohmann-json3": "json for modern", "eigen3": "eigen", "zlib1g": "zlib", "tomlplusplus": "toml++"}
            assert word.get(name, name) in notices, line


def test_the_licence_of_uplot_stands_in_the_notices():
    notices = (ROOT / "THIRD_PARTY.md").read_text()
    assert "Permission is hereby granted, free of charge" in notices and "Leon Sorokin" in notices


def test_every_page_carries_the_licence_of_what_is_in_it():
    licence = (ROOT / "THIRD_PARTY.md").read_text().split("## uPlot\n", 1)[1].split("\n## ", 1)[0].strip()
    assert licence.startswith("The MIT License") and licence in (ROOT / "web/dist/index.html").read_text()
