"""Reading figures as numbers, writing them as pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..errors import FileError, MissingFileError, error
from .drawing import style

SCHEMA = "starglow-figure-1"
FORMATS = ("pdf", "png", "svg")
_NO_DATE: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The figure of a file ``figures/NAME.json`` (docs/figures.md), as a dictionary.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is no figure, or of another schema.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as e:
        raise MissingFileError(f"{path}: no such file") from e
    except (OSError, UnicodeDecodeError) as e:
        raise FileError(f"{path}: cannot be read: {e}") from e
    try:
        figure: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as e:
        raise error("input", f"{path}: this is no figure", str(e), f"JSON of schema {SCHEMA}") from e
    schema = figure.get("schema") if isinstance(figure, dict) else None
    if schema != SCHEMA:
        raise error(
            "input", f"{path}: this is no figure that this version can draw", f"schema {schema!r}", f"'{SCHEMA}'"
        )
    missing = [key for key in ("name", "kind", "panels", "x", "y") if key not in figure]
    if missing:
        raise error("input", f"{path}: the figure lacks {', '.join(missing)}")
    return figure


def save(figure: Figure, folder: str | os.PathLike[str], name: str, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Writes a matplotlib figure as ``folder/name.FORMAT``, whole or not at all; the same figure gives the same
    bytes."""
    written = []
    for kind in formats:
        if kind not in FORMATS:
            raise error("usage", "unknown format", f"'{kind}'", ", ".join(FORMATS))
        path = Path(folder) / f"{name}.{kind}"
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with style():
                figure.savefig(temporary, format=kind, metadata=_NO_DATE[kind])
            os.replace(temporary, path)
        except OSError as e:
            raise FileError(f"{path}: cannot be written: {e}") from e
        finally:
            temporary.unlink(missing_ok=True)
        written.append(path)
    return written
