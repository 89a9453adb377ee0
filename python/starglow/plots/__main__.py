"""python -m starglow.plots DIR: every figure of a report as PDF, PNG and SVG."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import Error, MissingFileError
from . import FORMATS, draw, read, save


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m starglow.plots", description="Draw figures/*.json of a report (docs/figures.md)."
    )
    parser.add_argument("dir", type=Path, help="a report's folder, its figures/ folder, or one .json file")
    parser.add_argument("-o", "--output", type=Path, help="folder of the pictures; beside the numbers by default")
    parser.add_argument("--format", choices=FORMATS, action="append", help="may be repeated; all three by default")
    given = parser.parse_args(arguments)
    try:
        inside = given.dir / "figures"
        folder = inside if inside.is_dir() else given.dir
        files = [given.dir] if given.dir.is_file() else sorted(folder.glob("*.json"))
        if not files:
            raise MissingFileError(
                f"{given.dir}: no figures here; expected figures/*.json, as `starglow evaluate --report DIR` writes "
                f"them"
            )
        failed = 0
        for file in files:
            try:
                figure = read(file)
                written = save(draw(figure), given.output or file.parent, file.stem, given.format or FORMATS)
                print(f"{file.stem}: {', '.join(path.suffix[1:] for path in written)}")
            except ValueError as e:
                print(f"starglow.plots: {e}", file=sys.stderr)
                failed += 1
        return 4 if failed else 0
    except Error as e:
        print(f"starglow.plots: {e}", file=sys.stderr)
        return e.exit_code if not isinstance(e, MissingFileError) else 3


if __name__ == "__main__":
    sys.exit(main())
