"""starglow predicts the emission lines of galaxies from their stellar continuum.

>>> import starglow as sg
>>> model = sg.Model.shipped()
>>> galaxies = sg.mock(3, seed=1)
>>> lines = model.predict(galaxies.band_flux, galaxies.z, targetid=galaxies.targetid)
>>> lines.ew.shape
(3, 10)

Arrays have the axes (galaxies, lines or bands, draws). EWs are in the rest frame, in Angstrom, positive in emission.
Band fluxes are in 1e-17 erg s^-1 cm^-2 A^-1 as observed. Names and numbers are those of the command line, which is
installed with the package.

Parts that need more than NumPy are imported on demand: `starglow.Estimator` (scikit-learn), `starglow.jax` (JAX),
`starglow.dsps` (DSPS), `starglow.lsdb` (LSDB), `starglow.parquet` (pyarrow), `starglow.plots` (matplotlib),
`starglow.explore` (anywidget).
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

from . import _core
from .errors import Error, FileError, InputError, MissingFileError
from .galaxies import LINES, Galaxies
from .light import Filter, bands, line_luminosities, magnitudes, measure, paint
from .mock_stars import StarMock, mock_stars
from .model import Model, import_k24
from .prediction import Prediction
from .tables import galaxies, mock, read_table, to_arrow, to_astropy, to_pandas, write_table
from .training import Evaluation, evaluate, train, training_settings
from .widget import explore, page

__version__: str = _core.version

# HDF5 files are read in a separate process, by the program that comes with the package: they can crash the library.
if (_program := Path(sysconfig.get_path("scripts")) / "starglow").is_file():
    _core.set_hdf5_program(str(_program))

#: (name, bit, meaning) of each bit of FLAGS
FLAGS: tuple[tuple[str, int, str], ...] = _core.flags

__all__ = [
    "FLAGS",
    "LINES",
    "Error",
    "Evaluation",
    "FileError",
    "Filter",
    "Galaxies",
    "InputError",
    "MissingFileError",
    "Model",
    "Prediction",
    "StarMock",
    "bands",
    "evaluate",
    "explore",
    "flag_names",
    "galaxies",
    "import_k24",
    "line_luminosities",
    "magnitudes",
    "measure",
    "mock",
    "mock_stars",
    "page",
    "paint",
    "read_table",
    "to_arrow",
    "to_astropy",
    "to_pandas",
    "train",
    "training_settings",
    "write_table",
]


def __getattr__(name: str) -> object:
    if name == "Estimator":  # needs scikit-learn
        from .estimator import Estimator

        return Estimator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def flag_names(flags: int) -> list[str]:
    """Names of the flags in one row's FLAGS.

    >>> import starglow as sg
    >>> sg.flag_names(2 + 8)
    ['BAND_MISSING', 'NO_LUMINOSITY']
    """
    return [name for name, bit, _ in FLAGS if int(flags) & bit]
