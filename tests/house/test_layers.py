"""The rules of the house, read from the sources: layers, heavy headers, no talk in the library, sizes of files."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Arrows run downwards only. Sideways in the middle row: stars -> spectra, model -> spectra, judge -> model and spectra.
ALLOWED = {
    "base": {"base"},
    "kernels": {"base", "kernels"},
    "spectra": {"base", "kernels", "spectra"},
    "stars": {"base", "kernels", "spectra", "stars"},
    "model": {"base", "kernels", "spectra", "model"},
    "judge": {"base", "kernels", "spectra", "model", "judge"},
    "files": {"base", "kernels", "spectra", "stars", "model", "judge", "files"},
    "cli": {"base", "kernels", "spectra", "stars", "model", "judge", "files", "cli"},
}
# The layer of each public header: where its code lives.
PUBLIC = {
    "base": "cosmology error flags galaxies lines parallel random sha256 version view",
    "kernels": "network",
    "spectra": "filter paint paint_spectra photometry pixel_grid side_bands spectrum"
    " bands continuum_fit extinction line_fit measure merge templates",
    "stars": "dsps_cosmology dust sfh ssp star_bands star_photometry star_population stars",
    "model": "checkpoint domain features joint model neighbours noise noise_model population train",
    "judge": "calibration evaluate figure map map_panels metrics report spectrum_figure",
    "files": "import_k24 star_lines page provenance spectra_file table starglow spectra_reader",
}
LAYER_OF_HEADER = {name: layer for layer, names in PUBLIC.items() for name in names.split()}
HEAVY = ("nanoflann", "nlohmann", "Eigen", "CLI/", "toml++", "fmt/", "fitsio", "hdf5", "httplib", "nanobind", "zlib")
ONE_SOURCE_ONLY = {
    "CLI/CLI.hpp": "src/cli/parse.cpp",
    "toml++/toml.h": "src/cli/parse.cpp",
    "httplib.h": "src/cli/serve.cpp",
}
SOURCES = sorted(p for d in ("src", "include") for p in (ROOT / d).rglob("*") if p.suffix in (".cpp", ".hpp"))


def includes(path):
    return re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', path.read_text(), re.M)


def layer_of(path):
    relative = path.relative_to(ROOT).parts
    return LAYER_OF_HEADER[path.stem] if relative[0] == "include" else relative[1]


def test_every_public_header_has_a_layer():
    assert {p.stem for p in (ROOT / "include/starglow").glob("*.hpp")} == set(LAYER_OF_HEADER)


def test_includes_run_downwards():
    wrong = []
    for path in SOURCES:
        for name in includes(path):
            head, _, rest = name.partition("/")
            if head == "starglow":
                target = LAYER_OF_HEADER[Path(rest).stem]
            elif head in ALLOWED and rest:
                target = head
            else:
                continue
            if target not in ALLOWED[layer_of(path)]:
                wrong.append(f"{path.relative_to(ROOT)} ({layer_of(path)}) includes {name} ({target})")
    # The umbrella and the model's file functions are declared below where they are defined; nothing else may be.
    assert wrong == []


def test_an_upward_arrow_would_be_found(tmp_path):
    assert "files" not in ALLOWED["model"] and "cli" not in ALLOWED["files"] and "model" not in ALLOWED["kernels"]


def test_heavy_headers_stay_out_of_public_headers_and_kernels():
    wrong = [
        f"{p.relative_to(ROOT)}: {i}"
        for p in SOURCES
        for i in includes(p)
        if i.startswith(HEAVY) and (p.is_relative_to(ROOT / "include") or p.parts[-2] in ("kernels", "base"))
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
        own = (
            {"immintrin.h"} if name == "vector.hpp" else set()
        )  # the compiler's: each function of it is inlined always
        assert all(i.startswith("kernels/") or i in own for i in includes(ROOT / "src/kernels" / name)), name


def test_the_library_never_prints_exits_or_aborts():
    talk = re.compile(
        r"\bstd::(cout|cerr|clog|exit|abort|terminate|puts|printf)\b|\b(printf|puts|abort|exit)\s*\(|fmt::print"
    )
    wrong = []
    for path in SOURCES:
        if layer_of(path) == "cli":
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


@pytest.mark.parametrize("header", sorted(LAYER_OF_HEADER))
def test_public_headers_stand_alone(header, tmp_path):
    source = tmp_path / "a.cpp"
    source.write_text(f'#include "starglow/{header}.hpp"\n')
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
