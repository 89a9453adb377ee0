"""Spectra of specutils (and of what has the same attributes) as the arrays that `starglow.measure` takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _arrays, _units
from .errors import error

_AVERAGED = ("band_flux", "band_flux_ivar", "flags", "ew", "ew_ivar", "line_flux", "line_flux_ivar", "sigma_v")


def is_spectra(given: Any) -> bool:
    """Whether it is a spectrum of specutils, a collection, or a list of them."""
    if hasattr(given, "spectral_axis") and hasattr(given, "flux"):
        return True
    return isinstance(given, (list, tuple)) and len(given) > 0 and all(is_spectra(one) for one in given)


def _parts(one: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """(wave, flux, ivar) of one spectrum: (pixels,) or (n, pixels), (n, pixels), in the units of starglow."""
    wave = _arrays.real("the spectral axis", one.spectral_axis, _units.WAVE)
    if getattr(one.spectral_axis, "unit", None) is None:
        raise error("input", "the spectral axis has no unit", "", "Angstrom, or another unit of length")
    if _in_air(one):
        wave = _vacuum(wave)
    flux = np.atleast_2d(_arrays.real("flux", one.flux, _units.FLUX))
    if flux.ndim != 2:
        raise error(
            "input", "flux has too many dimensions", f"shape {flux.shape}", "(galaxies, pixels)", "Flatten the cube."
        )
    ivar = _ivar(one, flux.shape)
    mask = getattr(one, "mask", None)
    if mask is not None and np.any(mask):
        ivar = np.isfinite(flux).astype(float) if ivar is None else ivar
        ivar = np.where(np.broadcast_to(mask, flux.shape), 0.0, ivar)
    if wave.shape[-1] > 1 and np.all(np.diff(np.atleast_2d(wave)[0]) < 0):  # as a spectral axis of frequencies comes
        wave, flux, ivar = wave[..., ::-1], flux[:, ::-1], None if ivar is None else ivar[:, ::-1]
    return wave, flux, ivar


def _in_air(one: Any) -> bool:
    """Whether the header that came with a spectrum says so, by AIRORVAC, VACUUM or CTYPE1."""
    meta = getattr(one, "meta", None) or {}
    for cards in (meta, meta.get("header") or {}):
        said = {str(k).upper(): str(v).strip().lower() for k, v in dict(cards).items()}
        if said.get("AIRORVAC", "").startswith("air") or said.get("CTYPE1", "").startswith("awav"):
            return True
        if said.get("VACUUM") in ("false", "f", "0"):
            return True
    return False


def _vacuum(air: np.ndarray) -> np.ndarray:
    """Morton (2000, ApJS 130, 403), as `src/spectra/air.cpp`."""
    s2 = (1e4 / air) ** 2
    factor = (
        1 + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s2) + 1.599740894897e-4 / (38.92568793293 - s2)
    )
    return np.where(air >= 2000, air * factor, air)


def _ivar(one: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    found = getattr(one, "uncertainty", None)
    if found is None:
        return None
    kind = getattr(found, "uncertainty_type", "unknown")
    powers = {"std": -2, "var": -1, "ivar": 1}
    if kind not in powers:
        raise error("input", "the uncertainty is of another kind", f"'{kind}'", "std, var or ivar")
    values = np.asarray(found.array, float)
    unit = found.unit
    if unit is None:
        from astropy import units

        unit = units.Unit(one.flux.unit) ** {"std": 1, "var": 2, "ivar": -2}[kind]
    times = _units.factor("the uncertainty", unit ** powers[kind], _units.FLUX_IVAR)
    with np.errstate(divide="ignore"):
        ivar = times * values.astype(float) ** powers[kind]
    return np.broadcast_to(np.where(np.isfinite(ivar) & (values > 0), ivar, 0.0), shape)


def _redshift(one: Any, n: int) -> Any:
    z = getattr(one, "redshift", None)
    value = None if z is None else np.asarray(getattr(z, "value", z), float)
    if value is None or not np.all(np.isfinite(value)) or not np.any(value):
        raise error("input", "the spectrum has no redshift", "none", "z", "starglow.measure(spectra, z=...)")
    return np.broadcast_to(value, (n,))


def measure_spectra(given: Any, z: Any, sigma_instrument: Any, options: dict[str, Any]) -> dict[str, Any]:
    """`starglow.measure` of spectra."""
    from .light import measure

    if not isinstance(given, (list, tuple)):
        wave, flux, ivar = _parts(given)
        return measure(
            wave,
            flux,
            _redshift(given, len(flux)) if z is None else z,
            ivar,
            sigma_instrument=sigma_instrument,
            **options,
        )
    if sigma_instrument is not None:
        raise error("usage", "sigma_instrument of a list of spectra", "", "one spectrum at a time, or none")
    sizes = [len(np.atleast_2d(np.asarray(one.flux))) for one in given]
    total = sum(sizes)
    redshift = None if z is None else np.broadcast_to(_arrays.real("Z", z, _units.REDSHIFT), (total,))
    parts, at = [], 0
    for one, n in zip(given, sizes):
        parts.append(measure_spectra(one, None if redshift is None else redshift[at : at + n], None, options))
        at += n
    return {
        key: np.concatenate([p[key] for p in parts]) if key in _AVERAGED else [row for p in parts for row in p[key]]
        for key in parts[0]
    }
