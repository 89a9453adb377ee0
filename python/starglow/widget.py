"""The page of `starglow explore` in a notebook cell (anywidget); selected galaxies come back as row numbers."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from shutil import which
from typing import Any

from .errors import MissingFileError, error
from .tables import galaxies as as_galaxies
from .tables import write_table

_SCRIPT = Path(__file__).with_name("widget.js")
MOST = 20_000  #: galaxies that a page of one file takes


def _program() -> str:
    """The command line that was installed with the package."""
    beside = Path(sysconfig.get_path("scripts")) / "starglow"
    found = os.environ.get("STARGLOW_BINARY") or (str(beside) if beside.exists() else which("starglow"))
    if not found:
        raise MissingFileError(
            "the program 'starglow' is not installed beside the package; pip install starglow brings it"
        )
    return found


def page(
    galaxies: Any,
    *,
    model: str | os.PathLike[str] | None = None,
    map: str | os.PathLike[str] | None = None,
    spectra: str | os.PathLike[str] | None = None,
    title: str | None = None,
) -> str:
    """Makes the page as one HTML text, as `starglow explore --single-file` writes it.

    Parameters
    ----------
    galaxies
        Path of a FITS table (all its columns can be used for colours), or what `starglow.galaxies` takes.
    model, map, spectra : path
        As the options of `starglow explore`.
    title : str
        Title of the page.

    Raises
    ------
    InputError
        The same errors as `starglow explore`.

    Examples
    --------
    >>> import starglow as sg
    >>> "<html" in sg.page(sg.mock(50), title="mock")
    True
    """
    with tempfile.TemporaryDirectory(prefix="starglow-") as folder:
        if isinstance(galaxies, (str, os.PathLike)):
            table = os.fspath(galaxies)
        else:
            table = str(Path(folder) / "galaxies.fits")
            write_table(table, as_galaxies(galaxies))
        out = Path(folder) / "page.html"
        command = [_program(), "explore", table, "--single-file", str(out)]
        for name, value in (("model", model), ("map", map), ("spectra", spectra), ("title", title)):
            if value is not None:
                command += [f"--{name}", os.fspath(value)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            kind = {2: "usage", 3: "input", 5: "output", 6: "model"}.get(run.returncode, "input")
            words = [line for line in run.stderr.splitlines() if line.strip()]
            raise error(kind, words[-1] if words else f"starglow explore ended with {run.returncode}")
        return out.read_text(encoding="utf-8")


def explore(
    galaxies: Any,
    *,
    model: str | os.PathLike[str] | None = None,
    map: str | os.PathLike[str] | None = None,
    spectra: str | os.PathLike[str] | None = None,
    title: str | None = None,
    height: int = 760,
) -> Any:
    """Shows the page in a notebook: `view = sg.explore(galaxies)`; then `view.selected` has the rows selected on it.

    Needs anywidget (`pip install 'starglow[widget]'`). Up to 20000 galaxies. The page loads nothing from the internet.

    Parameters
    ----------
    galaxies, model, map, spectra, title
        As `page`.
    height : int
        Height of the cell, in pixels.

    Returns
    -------
    anywidget.AnyWidget
        Traits `selected` (list of row numbers), `kept` (row of the galaxy that was clicked, -1 = none), `height`; all
        can be observed.

    Examples
    --------
    >>> import starglow as sg
    >>> view = sg.explore(sg.mock(50))  # doctest: +SKIP
    >>> view.selected  # doctest: +SKIP
    []
    """
    try:
        import anywidget
        import traitlets
    except ImportError as e:
        raise ImportError(f"starglow.explore needs anywidget ({e}): pip install 'starglow[widget]'") from e

    class Explorer(anywidget.AnyWidget):  # type: ignore[misc]
        _esm = _SCRIPT.read_text(encoding="utf-8")
        html = traitlets.Unicode().tag(sync=True)
        height = traitlets.Int(760).tag(sync=True)
        selected = traitlets.List(traitlets.Int()).tag(sync=True)
        kept = traitlets.Int(-1).tag(sync=True)

    return Explorer(html=page(galaxies, model=model, map=map, spectra=spectra, title=title), height=height)
