"""Synthetic galaxies from star-formation histories, with lines: `starglow mock --population stars` in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._arrays import MOST_THREADS, whole
from .errors import error, reading
from .galaxies import LINES, Galaxies
from .histories import read_histories
from .model import Model
from .prediction import Prediction


@dataclass(frozen=True)
class StarMock:
    """n synthetic galaxies.

    Attributes
    ----------
    galaxies : Galaxies
        Ids, redshifts and measured bands, with conventions.
    lines : Prediction
        Medians, quantiles and flags; `noisy` is the draw with measurement noise.
    draw : (n, 10) float64
        One joint intrinsic draw of the EWs, A.
    luminosity : (n, 10) float64
        erg/s, of the draw, attenuated by the galaxy's dust.
    sfr10, sfr100 : (n,) float64
        Star-formation rate over the last 10 and 100 Myr, M_sun/yr, without the burst.
    photons : (n,) float64
        Hydrogen-ionising photons/s of all stars.
    mass_formed, mass_surviving : (n,) float64
        M_sun.
    halpha_lum_caseb : (n,) float64
        Case-B Halpha luminosity from the photons, erg/s, before dust.
    halpha_ew_caseb : (n,) float64
        EW of that line, attenuated by the dust of the gas, on the galaxy's continuum, A.
    t_obs : (n,) float64
        Age of the universe, Gyr.
    star_forming : (n,) bool
        The class: as drawn by the preset "universe"; elsewhere whether SFR of 100 Myr x age of the universe is above
        0.2 x the surviving mass.
    weight : (n,) float64 or None
        Galaxies per Mpc^3 for which each stands, of the preset "universe".
    parameters : dict of (n,) float64
        The parameters that were drawn, by name.
    """

    galaxies: Galaxies
    lines: Prediction
    draw: np.ndarray
    luminosity: np.ndarray
    sfr10: np.ndarray
    sfr100: np.ndarray
    photons: np.ndarray
    mass_formed: np.ndarray
    mass_surviving: np.ndarray
    halpha_lum_caseb: np.ndarray
    halpha_ew_caseb: np.ndarray
    t_obs: np.ndarray
    parameters: dict[str, np.ndarray]
    star_forming: np.ndarray
    weight: np.ndarray | None = None
    line_names: tuple[str, ...] = LINES

    def __len__(self) -> int:
        return len(self.draw)


def mock_stars(
    n: int | None = None,
    seed: int = 1,
    first_id: int = 1,
    *,
    preset: str | None = None,
    histories: Any = None,
    model: Model | None = None,
    ssp: str | os.PathLike[str] | None = None,
    aperture: str | None = None,
    lines: str | None = None,
    photon_scatter: float = 0.1,
    f_esc: float = 0.0,
    f_dust: float = 0.0,
    gas_dust: float = 2.27,
    gas_curve: str = "calzetti",
    threads: int = 0,
    **population: Any,
) -> StarMock:
    """Makes n galaxies from star-formation histories, with the numbers of `starglow mock --population stars`.

    Parameters
    ----------
    n, seed, first_id
        Galaxy i has the id first_id + i; it depends only on (seed, id).
    preset : {"desi-bgs", "universe"}, optional
        The population that the other settings start from (docs/mocks.md). Default "desi-bgs".
    histories : mapping, table, or path, optional
        Instead of drawing some: star-formation histories with the columns of docs/mocks.md (``z``, ``lgmet``, ``sfr``
        (n, times) in M_sun/yr, ``sfh_time`` (times) in Gyr, ``av``, ``targetid``, ...), in any case of letters, or a
        FITS, HDF5 or Parquet file of these. `n` is then their number.
    model : Model, optional
        Model of the lines; default: the shipped one.
    ssp : path, optional
        SSP grid, HDF5 in the layout of DSPS; default: the built-in emulator.
    aperture : {"fibre", "total", "unknown"}
        Whether the light is that in a fibre or of the whole galaxy. Default "fibre"; "total" for the preset "universe"
        and for histories.
    lines : {"continuum", "photons", "both"}
        How lines are made: predicted from the continuum; Halpha from the ionising photons of the stars, and the other
        lines given that Halpha; or both combined (docs/mock.md explains when to use which). Default "continuum";
        "photons" for the preset "universe" and for histories.
    photon_scatter : float
        Scatter of Halpha at given ionising photons, dex.
    f_esc, f_dust : float
        Fraction of the photons that escape; fraction of the remaining ones that dust absorbs.
    gas_dust : float
        Ratio of E(B-V) of the gas to that of the stars.
    gas_curve : {"calzetti", "milky_way"}
    **population
        Settings of the population as in docs/mock.md: ``redshift="uniform 0.05 0.2"``, ``sfh="lognormal"``, ``h0=70``.

    Returns
    -------
    StarMock

    Raises
    ------
    InputError
        A setting is unknown or out of range.

    Examples
    --------
    >>> import starglow as sg
    >>> mock = sg.mock_stars(5, redshift="uniform 0.05 0.2")
    >>> mock.lines.ew.shape, mock.sfr10.shape
    ((5, 10), (5,))
    """
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in population.items()}
    if preset is not None:
        texts["preset"] = preset
    whole_galaxies = preset == "universe" or histories is not None
    aperture = aperture or ("total" if whole_galaxies else "fibre")
    lines = lines or ("photons" if whole_galaxies else "continuum")
    rows = None
    if histories is not None:
        if preset is not None or n is not None:
            raise error("usage", "histories that are given are not drawn", "n or preset beside them", "one of the two")
        rows = read_histories(histories)
        n = len(rows["z"])
        for key in ("band_offset", "band_scatter"):
            texts.setdefault(key, "0")
    elif n is None:
        raise error("usage", "no number of galaxies given", "", "n, or histories")
    chosen = Model.shipped() if model is None else model
    with reading(ssp):
        out = _core.mock_stars(
            chosen._core,
            whole("n", n, 2**40),
            whole("seed", seed),
            whole("first_id", first_id, 2**62, -(2**62)),
            texts,
            None if ssp is None else os.fspath(ssp),
            aperture,
            lines,
            float(photon_scatter),
            float(f_esc),
            float(f_dust),
            float(gas_dust),
            gas_curve,
            whole("threads", threads, MOST_THREADS),
            rows,
        )
    conventions = {"APERTURE": aperture, "CONTSRC": "synthetic", "FLUXSCAL": "absolute", "VACUUM": "T"}
    galaxies = Galaxies(band_flux=out["band_flux"], z=out["z"], targetid=out["targetid"], conventions=conventions)
    prediction = Prediction(out["ew"], out.get("p16"), out.get("p84"), out["flags"], None, out["noisy"])
    columns = out["parameters"].T
    return StarMock(
        galaxies,
        prediction,
        out["draw"],
        out["luminosity"],
        parameters=dict(zip(out["parameter_names"], columns)),
        star_forming=out["star_forming"].astype(bool),
        weight=out.get("weight"),
        **{k: out[k] for k in ("sfr10", "sfr100", "photons", "mass_formed", "mass_surviving")},
        **{k: out[k] for k in ("halpha_lum_caseb", "halpha_ew_caseb", "t_obs")},
    )
