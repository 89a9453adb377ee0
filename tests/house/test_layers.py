"""The rules of the house, read from the sources: layers, heavy headers, no talk in the library, sizes of files."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from rooms import (
    arrows,
    functions_of,
    headers_of,
    includes,
    misplaced,
    room_of,
    rooms,
    sources,
    wrong_arrows,
    wrong_tests,
)

ROOT = Path(__file__).resolve().parents[2]

HEAVY = ("nanoflann", "nlohmann", "Eigen", "CLI/", "toml++", "fmt/", "fitsio", "hdf5", "nanobind", "zlib")
ONE_SOURCE_ONLY = {
    "CLI/CLI.hpp": "src/cli/parse.cpp",
    "toml++/toml.h": "src/cli/parse.cpp",
}
SOURCES = sources(ROOT)
PUBLIC = [p for p in SOURCES if p.is_relative_to(ROOT / "include")]


def test_includes_follow_the_links():
    assert wrong_arrows(ROOT) == []


def test_no_room_links_what_it_does_not_include():
    included = arrows(ROOT)
    spare = [(room, other) for room, links in rooms(ROOT).items() for other in links if (room, other) not in included]
    assert [s for s in spare if s[0] != "cli"] == []  # the program links the whole library


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        (
            "src/base/planted.cpp",
            '#include "starglow/model/model.hpp"',
            "src/base/planted.cpp includes starglow/model/",
        ),
        ("include/starglow/spectra/planted.hpp", '#include "starglow/stars/ssp.hpp"', "starglow/stars/ssp.hpp"),
        ("src/model/planted.hpp", '#include "files/fits/fits_file.hpp"', "files/fits/fits_file.hpp"),
        ("src/files/surveys/planted.cpp", "#include <cli/verb.hpp>", "cli/verb.hpp"),
        ("src/judge/planted.cpp", '#include "starglow/starglow.hpp"', "starglow/starglow.hpp"),
    ],
)
def test_a_planted_upward_include_is_found(house_copy, file, line, said):
    planted = house_copy / file
    planted.write_text(f"{line}\n")
    try:
        found = wrong_arrows(house_copy)
    finally:
        planted.unlink()
    assert len(found) == 1 and said in found[0], found


def test_a_planted_upward_link_is_found(house_copy):
    lists = house_copy / "src/model/CMakeLists.txt"
    before = lists.read_text()
    lists.write_text(before.replace("  LINKS ", "  LINKS starglow_files ", 1))
    try:
        found = wrong_arrows(house_copy)
    finally:
        lists.write_text(before)
    assert found == ["src/model links starglow_files, which the build adds after it"]


def test_tests_of_a_room_need_no_higher_room_unless_their_list_says_so():
    assert wrong_tests(ROOT) == []


def test_a_test_that_needs_a_higher_room_is_found(house_copy):
    shutil.copytree(ROOT / "tests/spectra", house_copy / "tests/spectra")
    with open(house_copy / "tests/spectra/paint_test.cpp", "a") as file:
        file.write('#include "starglow/files/models.hpp"\n')
    assert wrong_tests(house_copy) == ["tests/spectra/paint_test.cpp includes starglow/files/models.hpp"]


@pytest.fixture(scope="module")
def house_copy(tmp_path_factory):
    """Sources and lists of the build where tests may plant what must not be."""
    into = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "CMakeLists.txt", into)
    for folder in ("src", "include"):
        shutil.copytree(ROOT / folder, into / folder)
    return into


def test_the_drawing_in_architecture_is_the_build():
    drawing = (ROOT / "ARCHITECTURE.md").read_text().split("```")[1]
    drawn = {}
    for row in drawing.strip().splitlines():
        room, _, rest = row.partition(" ")
        drawn[room] = set(rest.partition("<-")[2].split())
    built = rooms(ROOT)
    assert list(drawn) == list(built)[::-1]
    built["cli"] = {"the", "library"}
    assert drawn == built


def test_no_header_declares_what_another_room_defines():
    libraries = {room: ROOT / f"build/release/src/{room}/libstarglow_{room}.a" for room in rooms(ROOT) if room != "cli"}
    if not all(path.is_file() for path in libraries.values()):
        pytest.skip("no release build here")
    defined = {
        room: functions_of(
            subprocess.run(["nm", "-C", "--defined-only", str(path)], capture_output=True, text=True, check=True).stdout
        )
        for room, path in libraries.items()
    }
    assert {"Model::hash", "Model::predict"} <= defined["model"] and "load_map" in defined["files"]
    assert misplaced(defined, {room: headers_of(ROOT, room) for room in libraries}) == []


def test_a_function_declared_in_another_room_is_found():
    headers = {"model": ("class Model {\n  void save();\n};\nModel made();", ""), "files": ("", "void hidden();")}
    assert misplaced({"model": {"made", "Model::save"}, "files": {"hidden"}}, headers) == []
    found = misplaced({"model": set(), "files": {"made", "Model::save"}}, headers)
    assert [text.split(",")[0] for text in found] == ["files defines Model::save", "files defines made"]


def test_heavy_headers_stay_out_of_public_headers_and_kernels():
    wrong = [
        f"{p.relative_to(ROOT)}: {i}"
        for p in SOURCES
        for i in includes(p)
        if i.startswith(HEAVY) and (p in PUBLIC or room_of(ROOT, p) in ("kernels", "base"))
    ]
    assert wrong == []
    for header, only in ONE_SOURCE_ONLY.items():
        assert [str(p.relative_to(ROOT)) for p in SOURCES if header in includes(p)] == [only]


def test_objects_of_one_instruction_set_include_no_standard_headers():
    for name in (
        "body.hpp",
        "product.hpp",
        "layout.hpp",
        "mixture.hpp",
        "vector.hpp",
        "table.hpp",
        "isa_v2.cpp",
        "isa_v3.cpp",
        "isa_v4.cpp",
        "isa_portable.cpp",
        "wasm.cpp",
    ):
        # The compiler's, each function of it inlined always; and constants alone.
        own = {"vector.hpp": {"immintrin.h"}, "mixture.hpp": {"starglow/base/limits.hpp"}}.get(name, set())
        assert all(i.startswith("kernels/") or i in own for i in includes(ROOT / "src/kernels" / name)), name


def test_the_library_never_prints_exits_or_aborts():
    talk = re.compile(
        r"\bstd::(cout|cerr|clog|exit|abort|terminate|puts|printf)\b|\b(printf|puts|abort|exit)\s*\(|fmt::print"
    )
    wrong = []
    for path in SOURCES:
        if room_of(ROOT, path) == "cli":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if talk.search(line.split("//")[0]):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert wrong == []


def test_no_globs_in_the_build():
    for path in (
        list(ROOT.glob("CMakeLists.txt"))
        + list(ROOT.glob("src/**/CMakeLists.txt"))
        + list(ROOT.glob("tests/**/CMakeLists.txt"))
    ):
        assert "GLOB" not in path.read_text().replace("PROPERTY GLOBAL", "").replace("GLOBAL", ""), path


def test_files_stay_small():
    long = {str(p.relative_to(ROOT)): n for p in SOURCES if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


@pytest.mark.parametrize("header", [p.relative_to(ROOT / "include").as_posix() for p in PUBLIC])
def test_public_headers_stand_alone(header, tmp_path):
    source = tmp_path / "a.cpp"
    source.write_text(f'#include "{header}"\n')
    subprocess.run(
        ["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-I", str(ROOT / "include"), str(source)], check=True
    )


def test_no_absolute_paths_of_one_machine():
    tracked = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True).stdout.split("\n")
    if not any(tracked):
        pytest.skip("not a git checkout")
    home = str(ROOT)
    wrong = [
        f
        for f in tracked
        if f
        and (ROOT / f).suffix not in (".safetensors", ".png")
        and (ROOT / f).is_file()
        and home + "/" in (ROOT / f).read_text(errors="replace")
    ]
    assert wrong == []


def test_each_instruction_set_object_exports_one_symbol():
    build = ROOT / "build/release/src/kernels/CMakeFiles/starglow_isa.dir"
    objects = sorted(build.glob("isa_*.o"))
    if not objects:
        pytest.skip("no release build here")
    for path in objects:
        out = subprocess.run(
            ["nm", "-g", "--defined-only", str(path)], capture_output=True, text=True, check=True
        ).stdout
        symbols = [line.split()[-1] for line in out.splitlines() if line.strip()]
        assert len(symbols) == 1 and "k_table_" in symbols[0], (path.name, symbols)


def test_the_version_is_that_of_the_build():
    version = re.search(r"project\(starglow VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1] == version
    newest = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert newest.split()[0] in (version, "Unreleased")


def test_decisions_have_date_status_and_context():
    pages = sorted((ROOT / "docs/decisions").glob("0*.md"))
    assert len(pages) > 10
    listed = (ROOT / "docs/decisions/README.md").read_text()
    for page in pages:
        title, empty, state = page.read_text().splitlines()[:3]
        assert title.startswith("# ") and empty == "", page.name
        assert re.fullmatch(r"\d{4}-\d\d-\d\d, (accepted|proposed|superseded by .+)\.( .*)?", state), (page.name, state)
        assert f"({page.name})" in listed, page.name
