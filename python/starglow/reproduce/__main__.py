"""``python -m starglow.reproduce``: the paper's figures and tables as one page and one PDF."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from ..errors import Error, error
from . import run
from .figures import draw_all
from .inputs import public, stand_in
from .page import write


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="./reproduce",
        description="Khederlarian et al. 2024 from its public files: figures and tables beside the published numbers.",
    )
    parser.add_argument("--data", default="../shared/data", help="folder with desi_bgs, k24_weights and desi_files")
    parser.add_argument("-o", "--output", default="reproduce-output", help="folder for index.html, reproduce.pdf")
    parser.add_argument("--json", metavar="FILE", help="also the numbers")
    parser.add_argument("--folds", type=int, default=4, help="parts of the cross-validation of ours")
    parser.add_argument("--stand-in", action="store_true", help="mock galaxies although the public files are there")
    a = parser.parse_args(arguments)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        if a.folds < 2:
            raise error("usage", "--folds out of range", str(a.folds), "2 or more")
        inputs = None if a.stand_in else public(a.data)
        if inputs is None:
            say(f"no public files below '{a.data}': mock galaxies and networks trained here stand in for them")
            inputs = stand_in()
        result = run(inputs, a.folds, say)
        folder = Path(a.output)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            names = write(result, list(draw_all(result)), folder)
            if a.json:
                temporary = Path(f"{a.json}.{os.getpid()}.part")
                temporary.write_text(json.dumps(result.as_json(names), indent=1))
                os.replace(temporary, a.json)
        except OSError as e:
            if isinstance(e, Error):
                raise
            raise error("output", f"cannot write into '{folder}'", str(e)) from e
        say(f"{folder / 'index.html'}, {folder / 'reproduce.pdf'}: {result.seconds:.0f} s")
        return 0
    except Error as e:
        say(f"error: {e}")
        return e.exit_code
    except ImportError as e:
        say(f"error: {e.name or e} is missing; pip install 'starglow[tables,plots]'")
        return 2


if __name__ == "__main__":
    sys.exit(main())
