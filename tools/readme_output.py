"""Writes the output that the README shows again, with the numbers of the program as built: after a new shipped model.

usage: .venv/bin/python tools/readme_output.py [PROGRAM]     default: build/release/starglow
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def parts(text):
    """The commands and the output that the README shows."""
    return re.search(r"^```sh\n(starglow mock .*?)^```\n\n```text\n(.*?)^```", text, re.M | re.S)


def output(commands, program):
    """What the commands print: {first word of a line: the line}."""
    environment = os.environ | {"PATH": f"{Path(program).resolve().parent}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            ["bash", "-ec", commands], cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
    return {line.split()[0]: line for line in run.stdout.splitlines()}


if __name__ == "__main__":
    readme = README.read_text()
    shown = parts(readme)
    printed = output(shown[1], sys.argv[1] if len(sys.argv) > 1 else README.parent / "build/release/starglow")
    lines = "".join(printed[line.split()[0]] + "\n" for line in shown[2].splitlines())
    README.write_text(readme[: shown.start(2)] + lines + readme[shown.end(2) :])
