"""Spectra and photometry on NumPy arrays: band fluxes, measuring lines, painting lines, magnitudes."""

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
    """Computes BAND_FLUX of rest-frame SEDs, as observed at redshift z.

    Parameters
    ----------
    wave : (n_wave,) array
        Rest wavelengths in vacuum, A, increasing.
    lum_nu : (n_wave,) or (n, n_wave) array
        L_sun/Hz, as in DSPS: a continuum without emission lines.
    z : number or (n,) array
        Redshift; D_L for H0 = 70, Om0 = 0.3, as in the models.

    Returns
    -------
    (12,) or (n, 12) float64
        Mean F_lambda, 1e-17 erg s^-1 cm^-2 A^-1. NaN if the grid does not cover a band, or z is
        not positive.

    Raises
    ------
    InputError
        The shapes do not fit, or the wavelengths do not increase.

    Examples
    --------
    >>> import numpy as np, starglow as sg
    >>> wave = np.arange(3000.0, 8000.0, 2.0)
    >>> flux = sg.bands(wave, 1e4 * (wave / 5500) ** 1.5, z=0.1)
    >>> flux.shape, bool(np.isfinite(flux).all())
    ((12,), True)
    """
    sed, grid, redshift, one = _spectra("lum_nu", lum_nu, wave, z, _units.LUM_NU)
    out = _core.bands(grid, sed, redshift, threads)
    return out[0] if one else out


def line_luminosities(wave: Any, lum_nu: Any, ew: Any, threads: int = 0) -> np.ndarray:
    """Computes line luminosities, erg/s, from EWs and a continuum.

    The luminosity is the rest-frame EW (n, 10) times the mean L_lambda in the side bands of the line. `lum_nu` is the
    continuum with the galaxy's dust (L_sun/Hz). NaN if it does not cover the side bands. EWs are as observed: do not
    apply dust to them again.

    Examples
    --------
    >>> import numpy as np, starglow as sg
    >>> wave = np.arange(3000.0, 8000.0, 2.0)
    >>> sg.line_luminosities(wave, 1e4 * np.ones(wave.size), ew=np.full(10, 5.0)).shape
    (10,)
    """
    sed, grid, _, one = _spectra("lum_nu", lum_nu, wave, 0.0, _units.LUM_NU)
    out = _core.line_luminosities(grid, sed, _rows("EW", ew, len(sed), len(LINES), _units.EW), threads)
    return out[0] if one else out


@dataclass(frozen=True)
class Filter:
    """A filter curve: the fraction of photons that passes, `transmission` in [0, 1], at `wave` (A, vacuum).

    Examples
    --------
    >>> import starglow as sg
    >>> sg.Filter("box", wave=[5000.0, 5001.0, 5999.0, 6000.0], transmission=[0.0, 1.0, 1.0, 0.0]).name
    'box'
    """

    name: str
    wave: np.ndarray
    transmission: np.ndarray

    @staticmethod
    def load(path: str | os.PathLike[str], unit: str = "") -> Filter:
        """Reads a filter from ECSV, HDF5 (layout of DSPS) or text. `unit` is for files that do not state it.

        Raises
        ------
        FileError, InputError
            The file cannot be read; the unit is missing or contradicts `unit`; values are outside [0, 1].

        Examples
        --------
        >>> import os, tempfile, starglow as sg
        >>> path = os.path.join(tempfile.mkdtemp(), "r.txt")
        >>> with open(path, "w") as file:
        ...     _ = file.write("# wavelength [nm] transmission\\n550 0\\n560 0.8\\n690 0.6\\n700 0\\n")
        >>> sg.Filter.load(path).name
        'r'
        """
        with reading(path):
            return Filter(*_core.load_filter(os.fspath(path), unit))


def magnitudes(
    filters: Any, wave: Any, lum_nu: Any, z: Any, ew: Any = 0.0, threads: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Computes AB magnitudes of rest-frame SEDs, without and with lines.

    Parameters
    ----------
    filters : list of Filter
    wave, lum_nu
        As `bands`.
    z : number or (n,) array
        Apparent magnitudes at z > 0 (H0 = 70, Om0 = 0.3), absolute ones at z = 0.
    ew : (n, 10) array
        Rest-frame EWs, A; NaN or 0 means no line.

    Returns
    -------
    continuum, total : (n, filters) float64
        NaN if the SED does not cover the filter. Lines are added in closed form, exact on coarse grids too.

    Raises
    ------
    InputError
        The shapes do not fit.

    Examples
    --------
    >>> import numpy as np, starglow as sg
    >>> box = sg.Filter("box", [6500.0, 6501.0, 7999.0, 8000.0], [0.0, 1.0, 1.0, 0.0])
    >>> wave = np.arange(3000.0, 9000.0, 2.0)
    >>> without, with_lines = sg.magnitudes([box], wave, 1e9 * np.ones(wave.size), 0.1, ew=np.full(10, 20.0))
    >>> bool(with_lines[0] < without[0])
    True
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
    """Measures band fluxes and emission lines of observed spectra (docs/spectra.md).

    Parameters
    ----------
    wave : (pixels,) or (n, pixels) array, or specutils spectra
        A, vacuum, observed frame, increasing. Or, instead of arrays, a `specutils.Spectrum` of one or more rows, a
        `SpectrumCollection`, or a list of spectra (`SpectrumList`) on any grids. Units are converted, masked pixels
        get ivar 0, and the uncertainty may be a standard deviation, a variance or an inverse variance. Without `z`, the
        redshifts of the spectra are used.
    flux, ivar : (n, pixels) arrays
        1e-17 erg s^-1 cm^-2 A^-1; ivar 0 means a bad pixel; without ivar all pixels have
        equal weight.
    z : number or (n,) array
    recipe : {"k24", "robust"}
        How lines are removed before the bands are averaged; "k24" as in the training of the shipped model.
    lines : bool
        Also fit the stellar continuum and the lines.
    side_bands : bool
        Measure EWs by integration above the side bands instead of the fit.
    sigma_instrument : (n, pixels) array
        Width of the instrument's profile, A.

    Returns
    -------
    dict
        band_flux, band_flux_ivar (n, 12), flags (n,); with lines also ew, ew_ivar, line_flux, line_flux_ivar, sigma_v
        (n, 10), continuum_model, line_model (n, pixels). For spectra on several grids the last two are lists.

    Raises
    ------
    InputError
        The shapes do not fit, the wavelengths do not increase, or a unit has another dimension. Bad pixels and
        redshifts are no error: they give NaN and a flag.

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
    """Adds emission lines to continuum spectra: Gaussians, integrated over pixels.

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
        wavelength / FWHM of the instrument; 0 means no instrument.

    Returns
    -------
    dict
        flux, lines (n, pixels), line_flux (n, 10) in 1e-17 erg s^-1 cm^-2, flags (n,).

    Raises
    ------
    InputError
        The shapes do not fit, or a width is negative.

    Examples
    --------
    >>> import numpy as np, starglow as sg
    >>> wave = np.arange(3600.0, 9824.0, 0.8)
    >>> painted = sg.paint(wave, np.full(wave.size, 3.0), z=0.1, ew=np.full(10, 20.0))
    >>> bool(painted["flux"].max() > 10)
    True
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
