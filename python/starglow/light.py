"""Light around the lines: bands, measuring, painting, magnitudes. The C++ library's numbers, on NumPy arrays."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core, _units
from ._arrays import all_ids, real
from ._spectra import is_spectra, measure_spectra
from .errors import error, reading
from .galaxies import LINES


def _rows(name: str, given: Any, n: int, cols: int, unit: str | None = None) -> np.ndarray:
    """(n, cols), from a number, one row for all, one number a galaxy, or the whole."""
    array = real(name, given, unit)
    if array.ndim == 1 and array.shape[0] == n and n != cols:
        array = array[:, None]
    try:
        return np.broadcast_to(array, (n, cols))
    except ValueError:
        raise error("input", f"{name} has a wrong shape", str(array.shape), f"({n}, {cols})") from None


def _spectra(name: str, values: Any, wave: Any, z: Any, unit: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    flux, grid, redshift = (
        real(name, values, unit),
        real("wave", wave, _units.WAVE),
        real("Z", z, _units.REDSHIFT),
    )
    one = flux.ndim == 1
    flux = flux[None] if one else flux
    if flux.ndim != 2 or grid.ndim not in (1, 2) or grid.shape[-1] != flux.shape[1]:
        raise error(
            "input",
            f"{name} does not fit wave",
            f"shapes {flux.shape} and {grid.shape}",
            "(galaxies, pixels) and (pixels,)",
        )
    if redshift.ndim > 1 or redshift.shape not in ((), (1,), flux.shape[:1]):
        raise error("input", f"Z and {name} differ in length", str(redshift.shape), str(flux.shape[:1]))
    return flux, grid, np.ascontiguousarray(np.broadcast_to(redshift, flux.shape[:1])), one


def bands(wave: Any, lum_nu: Any, z: Any, threads: int = 0) -> np.ndarray:
    """BAND_FLUX of rest-frame SEDs as observed at redshift z.

    Parameters
    ----------
    wave : (n_wave,) array
        Rest wavelengths in vacuum, A, increasing.
    lum_nu : (n_wave,) or (n, n_wave) array
        L_sun/Hz, as DSPS gives it: a continuum without emission lines.
    z : number or (n,) array
        Redshift; D_L by H0 = 70, Om0 = 0.3, as the models' luminosity feature.

    Returns
    -------
    (12,) or (n, 12) float64
        Mean F_lambda, 1e-17 erg s^-1 cm^-2 A^-1. NaN: a band that the grid does not cover, or z not positive.

    Raises
    ------
    InputError
        Shapes that do not fit; a grid that does not increase.
    """
    sed, grid, redshift, one = _spectra("lum_nu", lum_nu, wave, z, _units.LUM_NU)
    out = _core.bands(grid, sed, redshift, threads)
    return out[0] if one else out


def line_luminosities(wave: Any, lum_nu: Any, ew: Any, threads: int = 0) -> np.ndarray:
    """Line luminosities, erg/s: rest-frame EW (n, 10) times the side-band mean of L_lambda of the dusty continuum
    (L_sun/Hz); NaN where it does not reach over the side bands. EWs are as observed: do not attenuate them again."""
    sed, grid, _, one = _spectra("lum_nu", lum_nu, wave, 0.0, _units.LUM_NU)
    out = _core.line_luminosities(grid, sed, _rows("EW", ew, len(sed), len(LINES), _units.EW), threads)
    return out[0] if one else out


@dataclass(frozen=True)
class Filter:
    """Share of photons that a filter lets through: `transmission` in [0, 1] at `wave` (A, vacuum)."""

    name: str
    wave: np.ndarray
    transmission: np.ndarray

    @staticmethod
    def load(path: str | os.PathLike[str], unit: str = "") -> Filter:
        """Reads ECSV, HDF5 in DSPS' layout, or plain text; `unit` for a text that names none.

        Raises
        ------
        FileError, InputError
            Not readable; no unit, or one that contradicts the one given; values outside [0, 1].
        """
        with reading(path):
            return Filter(*_core.load_filter(os.fspath(path), unit))


def magnitudes(
    filters: Any, wave: Any, lum_nu: Any, z: Any, ew: Any = 0.0, threads: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """AB magnitudes of rest-frame SEDs without and with lines.

    Parameters
    ----------
    filters : list of Filter
    wave, lum_nu
        As `bands`.
    z : number or (n,) array
        Apparent magnitudes at z > 0 (H0 = 70, Om0 = 0.3), absolute ones at z = 0.
    ew : (n, 10) array
        Rest-frame EWs, A; NaN or 0: no line.

    Returns
    -------
    continuum, total : (n, filters) float64
        NaN where a filter is not covered. Lines are added exactly, however coarse the SED or the filter is.

    Raises
    ------
    InputError
        Shapes that do not fit.
    """
    sed, grid, redshift, one = _spectra("lum_nu", lum_nu, wave, z, _units.LUM_NU)
    given = [
        (f.name, real("wave of a filter", f.wave, _units.WAVE), real("transmission of a filter", f.transmission))
        for f in filters
    ]
    out = _core.magnitudes(given, grid, sed, redshift, _rows("EW", ew, len(sed), len(LINES), _units.EW), threads)
    return (out[0][0], out[1][0]) if one else out


def measure(
    wave: Any,
    flux: Any = None,
    z: Any = None,
    ivar: Any = None,
    *,
    recipe: str = "k24",
    lines: bool = True,
    side_bands: bool = False,
    sigma_instrument: Any = None,
    threads: int = 0,
) -> dict[str, np.ndarray]:
    """Bands and lines of observed spectra (docs/spectra.md).

    Parameters
    ----------
    wave : (pixels,) or (n, pixels) array, or specutils spectra
        A, vacuum, observed frame, increasing. In place of the arrays: a `specutils.Spectrum` of one or more rows, a
        `SpectrumCollection`, or a list of spectra (`SpectrumList`) on any grids. Units are converted; masked pixels
        have
        ivar 0; the uncertainty may be a standard deviation, a variance or an inverse variance; z is that of the spectra
        where none is given.
    flux, ivar : (n, pixels) arrays
        1e-17 erg s^-1 cm^-2 A^-1; ivar 0 = bad pixel; without ivar every pixel counts alike.
    z : number or (n,) array
    recipe : {"k24", "robust"}
        How lines are masked before the bands are averaged; "k24" is that of the shipped model.
    lines : bool
        Also fit starlight and lines.
    side_bands : bool
        EWs against side bands alone in place of the fit.
    sigma_instrument : (n, pixels) array
        Width of the instrument's profile, A.

    Returns
    -------
    dict
        band_flux, band_flux_ivar (n, 12), flags (n,); with lines also ew, ew_ivar, line_flux, line_flux_ivar, sigma_v
        (n, 10), continuum_model, line_model (n, pixels). Of spectra on several grids the last two are lists.

    Raises
    ------
    InputError
        Shapes that do not fit, wavelengths that do not increase, units of another dimension. Bad pixels and redshifts
        are no error: NaN and a flag.

    Examples
    --------
    >>> import numpy as np, starglow as sg
    >>> wave = np.arange(3600.0, 9824.0, 0.8)
    >>> measured = sg.measure(wave, np.full((2, wave.size), 3.0), z=[0.1, 0.2])
    >>> measured["band_flux"].shape, measured["ew"].shape
    ((2, 12), (2, 10))
    """
    options: dict[str, Any] = dict(recipe=recipe, lines=lines, side_bands=side_bands, threads=threads)
    if is_spectra(wave):
        if flux is not None or ivar is not None:
            raise error("usage", "spectra hold their flux and ivar", "others beside them", "z alone")
        return measure_spectra(wave, z, sigma_instrument, options)
    if flux is None or z is None:
        raise error(
            "input", f"{'flux' if flux is None else 'z'} is absent", "None", "wave, flux and z, or specutils spectra"
        )
    spectra, grid, redshift, _ = _spectra("flux", flux, wave, z, _units.FLUX)
    planes = {"flux": spectra}
    for name, plane, unit in (("ivar", ivar, _units.FLUX_IVAR), ("sigma_instrument", sigma_instrument, _units.WAVE)):
        if plane is not None:
            planes[name] = _rows(name, plane, spectra.shape[0], spectra.shape[1], unit)
    return _core.measure(np.atleast_2d(grid), planes, redshift, recipe, lines, side_bands, threads)


def paint(
    wave: Any,
    continuum: Any,
    z: Any,
    ew: Any,
    *,
    sigma_v: Any = 100.0,
    resolving_power: float = 0.0,
    targetid: Any = None,
    threads: int = 0,
) -> dict[str, np.ndarray]:
    """Lines painted on continua: Gaussians integrated over pixels.

    Parameters
    ----------
    wave : (pixels,) or (n, pixels) array
        A, vacuum, observed frame.
    continuum : (n, pixels) array
        1e-17 erg s^-1 cm^-2 A^-1, without lines.
    z : number or (n,) array
    ew : (n, 10) array
        Rest-frame EWs, A.
    sigma_v : number, (n,) or (n, 10) array
        km/s.
    resolving_power : float
        wavelength / FWHM of the instrument; 0: none.

    Returns
    -------
    dict
        flux, lines (n, pixels), line_flux (n, 10) in 1e-17 erg s^-1 cm^-2, flags (n,).

    Raises
    ------
    InputError
        Shapes that do not fit, negative widths.
    """
    spectra, grid, redshift, _ = _spectra("continuum", continuum, wave, z, _units.FLUX)
    n = len(spectra)
    return _core.paint(
        np.atleast_2d(grid),
        {"continuum": spectra, "targetid": None if targetid is None else all_ids("TARGETID", targetid)[0]},
        redshift,
        _rows("EW", ew, n, len(LINES), _units.EW),
        _rows("sigma_v", sigma_v, n, len(LINES), _units.SPEED),
        float(resolving_power),
        threads,
    )
