"""docs/trust.md names a test for each kind of trouble; each of them must exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_page_of_trust_names_exists():
    page = (ROOT / "docs/trust.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and "`" in line.rsplit("|", 2)[1]]
    named = set()
    for line in rows:
        named |= set(re.findall(r"`([^`]+)`", line.rsplit("|", 2)[1]))
    assert len(rows) > 80 and len(named) > 50
    cpp = "\n".join(p.read_text() for p in (ROOT / "tests").rglob("*_test.cpp"))
    python = {p.name: p.read_text() for p in (ROOT / "tests").rglob("test_*.py")}
    missing = []
    for name in sorted(named):
        if "::" in name:
            file, test = name.split("::")
            there = re.search(rf"^def {re.escape(test)}\(", python.get(file, ""), re.MULTILINE)
        elif name.startswith("Fuzz.Corpus_"):
            there = (ROOT / "tests/fuzz/corpus" / name.removeprefix("Fuzz.Corpus_")).is_dir()
        elif "/" in name or " " in name:
            there = (ROOT / name.split()[0]).exists() or name.startswith("cmake ")
        else:
            suite, case = name.split(".")
            there = re.search(rf"^TEST(_F|_P)?\({suite}, {case}\)", cpp, re.MULTILINE)
        if not there:
            missing.append(name)
    assert not missing
    numbers = [int(m[1]) for m in re.finditer(r"^\| (\d+) \| ", page, re.MULTILINE)]
    assert numbers == list(range(1, 29))
