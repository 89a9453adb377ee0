"""Errors of the package: what is wrong, the value seen, the value wanted, the remedy - the words of the command
line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Error", "FileError", "InputError", "MissingFileError"]


class Error(Exception):
    """Base of the errors that starglow raises on purpose.

    Attributes
    ----------
    kind : str
        "usage", "input", "output", "model" or "numeric".
    seen, wanted, remedy : str
        The value found, the value that would have been right, what to do; "" where there is none.
    exit_code : int
        What the command line exits with for this error.
    """

    kind: str = "input"
    seen: str = ""
    wanted: str = ""
    remedy: str = ""
    exit_code: int = 3


class InputError(Error, ValueError):
    """A wrong call, an array or a file that cannot be read, a model that does not fit."""


class FileError(Error, OSError):
    """A file that cannot be read or written; an old output is intact."""


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file."""


_EXIT_CODES = {"usage": 2, "input": 3, "numeric": 4, "output": 5, "model": 6}


def from_core(kind: str, message: str, seen: str, wanted: str, remedy: str, exit_code: int) -> Error:
    """The exception of an error of the C++ library (called by the compiled half)."""
    made: Error = FileError(message) if kind == "output" else InputError(message)
    made.kind, made.seen, made.wanted, made.remedy, made.exit_code = kind, seen, wanted, remedy, exit_code
    return made


def error(kind: str, what: str, seen: str = "", wanted: str = "", remedy: str = "") -> Error:
    """An error made in Python, composed as the C++ library composes its own."""
    message = (
        what
        + (f"; found {seen}" if seen else "")
        + (f"; expected {wanted}" if wanted else "")
        + (f". {remedy}" if remedy else "")
    )
    return from_core(kind, message, seen, wanted, remedy, _EXIT_CODES[kind])


def regular_file(path: str | os.PathLike[str]) -> None:
    """Raises FileError for a pipe, a socket or a device, which would be waited for."""
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise FileError(
            f"'{os.fspath(path)}' cannot be opened; found a device, pipe or socket; expected a regular file"
        )


@contextmanager
def reading(*paths: str | os.PathLike[str] | None) -> Iterator[None]:
    """Inside, an error about a file that cannot be opened is an OSError; one about its content stays a ValueError."""
    try:
        yield
    except InputError as e:
        shut = [p for p in paths if p is not None and not (os.path.isfile(p) and os.access(p, os.R_OK))]
        if e.kind != "input" or not shut:
            raise
        made: FileError = (FileError if os.path.exists(shut[0]) else MissingFileError)(str(e))
        made.kind, made.seen, made.wanted, made.remedy, made.exit_code = e.kind, e.seen, e.wanted, e.remedy, e.exit_code
        raise made from None
