"""The Milky Way's dust in band fluxes; the twin of ``src/model/dust.cpp`` and ``src/spectra/extinction.cpp``."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import conventions as said
from ..names import BAND_EDGES

# Fitzpatrick (1999, PASP 111, 63), table 3, R_V = 3.1: inverse wavelength (1/micron), A/E(B-V); times 0.86 for the
# scale of the SFD98 map (Schlafly & Finkbeiner 2011, ApJ 737, 103).
_X = np.array([0.0, 0.377, 0.820, 1.667, 1.828, 2.141, 2.433, 3.704, 3.846])
_Y = 0.86 * np.array([0.0, 0.265, 0.829, 2.688, 3.055, 3.806, 4.315, 6.265, 6.591])
_MIDDLE = 0.5 * (np.array(BAND_EDGES[:-1]) + np.array(BAND_EDGES[1:]))


def _second_derivatives(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of a natural cubic spline."""
    h = np.diff(x)
    matrix = np.eye(len(x))
    right = np.zeros(len(x))
    for i in range(1, len(x) - 1):
        matrix[i, i - 1 : i + 2] = h[i - 1], 2 * (h[i - 1] + h[i]), h[i]
        right[i] = 6 * ((y[i + 1] - y[i]) / h[i] - (y[i] - y[i - 1]) / h[i - 1])
    return np.linalg.solve(matrix, right)


_M = _second_derivatives(_X, _Y)


def extinction(wave: Any) -> jax.Array:
    """A / E(B-V) of the Milky Way at vacuum wavelengths, A, observed frame; E(B-V) on the scale of the SFD98 map."""
    x = jnp.clip(1e4 / jnp.asarray(wave), 0.37, _X[-1])
    i = jnp.clip(jnp.searchsorted(jnp.asarray(_X, x.dtype), x, side="right") - 1, 0, len(_X) - 2)
    low, high, y, m = (jnp.asarray(v, x.dtype) for v in (_X[:-1], _X[1:], _Y, _M))
    h = high[i] - low[i]
    a, b = (high[i] - x) / h, (x - low[i]) / h
    return a * y[i] + b * y[i + 1] + ((a**3 - a) * m[i] + (b**3 - b) * m[i + 1]) * h**2 / 6


def dust_to_add(trained: str, conventions: dict[str, str] | None) -> int:
    """What the bands of a table lack for a model: +1 the Milky Way's dust has to be put back, -1 removed, 0 neither."""
    seen = said(conventions).get("MWCORR", "unknown")
    return 0 if "unknown" in (seen, trained) or seen == trained else 1 if trained == "F" else -1


def usual_ebv(conventions: dict[str, str] | None) -> float:
    """E(B-V), mag, of light whose own is not known; synthetic light has no Milky Way."""
    return 0.0 if said(conventions).get("CONTSRC") == "synthetic" else 0.04


def own_dust(
    flux: jax.Array, ivar: jax.Array | None, z: jax.Array, ebv: Any, dust: int, usual: float
) -> tuple[jax.Array, jax.Array | None]:
    """Band fluxes and ivar (..., 12) with the Galactic dust of a model: that of `ebv` (0 to 10 mag), else of `usual`;
    where `z` is unknown as they are."""
    if dust == 0 or (ebv is None and usual == 0):
        return flux, ivar
    ebv = jnp.broadcast_to(jnp.asarray(jnp.nan if ebv is None else ebv, flux.dtype), z.shape)
    ebv = jnp.where((ebv >= 0) & (ebv <= 10), ebv, usual)
    known = (z > -1) & jnp.isfinite(z)
    wave = jnp.asarray(_MIDDLE, flux.dtype) * (1 + jnp.where(known, z, 0))[..., None]
    factor = 10.0 ** (-0.4 * dust * jnp.where(known, ebv, 0)[..., None] * extinction(wave))
    return flux * factor, None if ivar is None else ivar / factor**2
