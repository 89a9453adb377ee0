"""No line above 120 characters in what people read; rows of tables and links in Markdown may be longer."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 120
MADE_BY_PROGRAMS = re.compile(r"^web/dist/|package-lock\.json$|^tests/fuzz/corpus/")
NOT_TEXT = (".safetensors", ".png", ".pdf", ".fits", ".wasm")
LINK_ALONE = re.compile(r"\s*([-*] )?!?\[.*\]\(\S+\)\S*\s*")


def long_lines(name, text):
    markdown = name.endswith(".md")
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) <= WIDTH or (markdown and (line.lstrip().startswith("|") or LINK_ALONE.fullmatch(line))):
            continue
        yield f"{name}:{number}: {len(line)} characters"


def test_no_line_is_too_long():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    found = []
    for name in filter(None, names):
        if MADE_BY_PROGRAMS.search(name) or name.endswith(NOT_TEXT) or not (ROOT / name).is_file():
            continue
        found += long_lines(name, (ROOT / name).read_text())
    assert not found, (
        "lines above 120 characters (Markdown: python tools/wrap.py; C++: clang-format-19; Python: ruff format):\n"
        + "\n".join(found)
    )


def test_the_test_sees_what_it_should():
    long = "x" * 121
    assert list(long_lines("a.cpp", f"short\n{long}\n")) == ["a.cpp:2: 121 characters"]
    assert list(long_lines("a.md", f"| {long} |\n[text]({long})\n{long}\n")) == ["a.md:3: 121 characters"]
    assert not list(long_lines("a.py", "é" * 120))
