"""What the figures are made of: the public files, or a stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import error
from ..galaxies import LINES, Galaxies
from ..light import paint
from ..model import Model, import_k24
from ..tables import mock
from ..training import train

BPT = ("HBETA", "OIII_5007", "HALPHA", "NII_6584")


@dataclass(frozen=True)
class Inputs:
    """4000 galaxies with measured lines, the published predictions for them, and the published networks."""

    table: Galaxies
    theirs: np.ndarray  #: (n, 10) A
    networks: Model  #: kind k24, with and without luminosity
    plane: np.ndarray | None  #: (n, 2) the published map
    spectrum: dict[str, Any]  #: wave, flux, ivar, z, name
    stand_in: bool
    files: tuple[str, ...]


def public(folder: str | Path) -> Inputs | None:
    """The public files below a folder (desi_bgs, k24_weights, desi_files); None where they are not there."""
    folder = Path(folder)
    names = {
        "table": folder / "desi_bgs/desi_edr_bgs.fits",
        "with": folder / "k24_weights/params_of_model_with_luminosity.npy",
        "without": folder / "k24_weights/params_of_model_without_luminosity.npy",
        "spectrum": folder / "desi_files/desi_z020_spectrum.npz",
    }
    absent = [str(p) for p in names.values() if not p.is_file()]
    if len(absent) == len(names):
        return None
    if absent:
        raise error("input", "some of the public files are not there", ", ".join(absent), "all four")
    from astropy.table import Table

    from ..tables import read_table

    rows = Table.read(names["table"], hdu="GALAXIES")
    theirs: np.ndarray = np.column_stack(
        [np.ma.filled(np.ma.asarray(rows[f"{n}_EW_K24"], float), np.nan) for n in LINES]
    )
    with np.load(names["spectrum"], allow_pickle=False) as f:
        good = ~np.asarray(f["mask"], bool).ravel()
        spectrum = {
            "wave": np.asarray(f["wavelength"], float).ravel(),
            "flux": np.asarray(f["flux"], float).ravel(),
            "ivar": np.where(good, np.asarray(f["ivar"], float).ravel(), 0.0),
            "z": float(np.asarray(f["z_true"]).ravel()[0]),
            "name": "a galaxy of the DESI Early Data Release",
        }
    return Inputs(
        read_table(names["table"]),
        theirs,
        import_k24(names["with"], names["without"]),
        np.asarray(rows["UMAP_K24"], float),
        spectrum,
        False,
        tuple(p.name for p in names.values()),
    )


def stand_in(n: int = 4000, seed: int = 1, epochs: int = 20) -> Inputs:
    """Mock galaxies whose lines are draws of the shipped model, measured with an error of 0.3 A and a tenth; ten
    networks in the published shape that were trained here on as many others."""
    g = mock(4 * n, seed=seed)
    drawn = Model.shipped().sample(g, draws=1, seed=seed)[:, :, 0].astype(float)
    sigma = 0.3 + 0.1 * drawn
    ew = drawn + sigma * np.random.default_rng(seed).standard_normal(drawn.shape)
    bpt = [LINES.index(name) for name in BPT]
    keep = np.flatnonzero((ew[:, bpt] > 0).all(axis=1))[: 2 * n]
    ivar = np.where(ew > 0, sigma**-2.0, 0)
    whole = Galaxies(
        g.band_flux, g.z, targetid=g.targetid, ew=np.where(ew > 0, ew, 0), ew_ivar=ivar, conventions=g.conventions
    )
    half = len(keep) // 2
    table = whole[keep[:half]]
    networks = train(whole[keep[half:]], "k24", seed=seed, epochs=epochs)
    theirs = np.where(table.ew_ivar > 0, networks.predict(_light(table)).ew, np.nan)
    wave = 3600 + 0.8 * np.arange(7781)
    continuum = np.interp(wave / (1 + table.z[0]), 3550 + 300 * np.arange(12), table.band_flux[0])
    flux = paint(wave, continuum[None], table.z[0], table.ew[:1], resolving_power=3000)["flux"][0]
    error_ = 0.05 * np.median(continuum)
    flux = flux + error_ * np.random.default_rng(seed).standard_normal(flux.size)
    spectrum = {
        "wave": wave,
        "flux": flux,
        "ivar": np.full(7781, error_**-2.0),
        "z": float(table.z[0]),
        "name": "a mock galaxy",
    }
    return Inputs(table, theirs, networks, None, spectrum, True, ())


def _light(table: Galaxies) -> Galaxies:
    """The galaxies without their lines."""
    return Galaxies(table.band_flux, table.z, targetid=table.targetid, conventions=table.conventions)
