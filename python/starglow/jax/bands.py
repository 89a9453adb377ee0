"""Band fluxes, and the continua at the lines, from spectral energy distributions.

Every mean is the integral of F_lambda, linear between the points of the grid, over the window, divided by its width:
exact for any grid, and linear in the SED."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import _arrays, _units
from .._coverage import covers
from ..errors import error
from ..names import BAND_EDGES, SIDE_BANDS
from .features import luminosity_distance

C_ANGSTROM = 2.99792458e18  # A/s
L_SUN_CGS = 3.828e33  # erg/s
MPC_CM = 3.0856775814913673e24
#: L_sun/A at 1 Mpc, spread over 4 pi D^2, in 1e-17 erg/s/cm2/A
FLUX_AT_1_MPC = L_SUN_CGS * 1e17 / (4 * math.pi * MPC_CM * MPC_CM)


def window_matrix(wave: Any, low: Any, high: Any) -> Any:
    """Matrix (windows, n_wave) whose product with F_lambda at the points of `wave` is its mean in each window.

    A window that the grid does not cover has NaN in its row. NumPy in, float64 NumPy out; traced arrays work too.
    """
    xp = jnp if isinstance(wave, jax.Array) else np
    wave = xp.asarray(wave)
    low, high = (
        xp.asarray(np.asarray(a, float), dtype=wave.dtype if wave.dtype.kind == "f" else None)[:, None]
        for a in (low, high)
    )
    left, step = wave[:-1], wave[1:] - wave[:-1]
    # Overlap of each cell with each window, as fractions of the cell.
    start, end = (xp.clip((a - left) / step, 0, 1) for a in (low, high))
    to_right = step * (end * end - start * start) / 2
    to_left = step * (end - start) - to_right
    zero = xp.zeros_like(to_left[:, :1])
    matrix = (xp.concatenate([to_left, zero], axis=1) + xp.concatenate([zero, to_right], axis=1)) / (high - low)
    covered = (wave[0] <= low) & (wave[-1] >= high)
    return xp.where(covered, matrix, xp.nan)


def plain(name: str, given: Any, unit: str) -> Any:
    """Numbers in `unit`: quantities are converted, masked ones are NaN. JAX arrays have no units."""
    return given if isinstance(given, jax.Array) else _arrays.real(name, given, unit)


def _grid(wave: Any, lum_nu: Any = None) -> Any:
    """The grid checked, as NumPy where it is known now."""
    known = not isinstance(wave, jax.core.Tracer)
    grid = np.asarray(wave, float) if known else wave
    if grid.ndim != 1 or grid.shape[0] < 2:
        raise error("input", "wave is no grid", f"shape {grid.shape}", "(n_wave,) with at least two points")
    if known and not (np.all(np.isfinite(grid)) and np.all(np.diff(grid) > 0) and grid[0] > 0):
        raise error("input", "wave is not positive and increasing", "", "vacuum wavelengths in A")
    if lum_nu is not None and (jnp.ndim(lum_nu) == 0 or jnp.shape(lum_nu)[-1] != grid.shape[0]):
        raise error("input", "lum_nu does not fit wave", f"shape {jnp.shape(lum_nu)}", f"(..., {grid.shape[0]})")
    return grid


def _means(wave: Any, lum_nu: Any, low: Any, high: Any) -> jax.Array:
    """Mean L_lambda (..., windows), L_sun/A, of an SED in L_sun/Hz."""
    lum_nu = jnp.asarray(plain("lum_nu", lum_nu, _units.LUM_NU))
    grid = _grid(plain("wave", wave, _units.WAVE), lum_nu)
    lum_nu = lum_nu.astype(jnp.float64 if lum_nu.dtype == jnp.float64 else jnp.float32)
    # The matrix takes L_nu itself: c/lambda^2 at each point of the grid, and no number leaves the range of float32.
    matrix = window_matrix(grid, low, high) * (C_ANGSTROM / (grid * grid))
    xp = jnp if isinstance(matrix, jax.Array) else np
    covered = ~xp.isnan(matrix[:, 0])
    if isinstance(grid, np.ndarray):  # a traced grid is taken to have no holes
        covered = covered & covers(grid, np.asarray(low, float), np.asarray(high, float))
    safe = jnp.asarray(xp.where(covered[:, None], matrix, 0), lum_nu.dtype)
    # A point without a number costs the windows that it is in, and no other: 0 times NaN would be NaN in all.
    there = jnp.isfinite(lum_nu)
    means = jnp.einsum("...w,bw->...b", jnp.where(there, lum_nu, 0), safe, precision=jax.lax.Precision.HIGHEST)
    used = jnp.asarray(xp.where(covered[:, None], matrix, 0) != 0, lum_nu.dtype)
    bad = (~there).astype(lum_nu.dtype)
    lost = jnp.einsum("...w,bw->...b", bad, used, precision=jax.lax.Precision.HIGHEST) > 0
    return jnp.where(jnp.asarray(covered) & ~lost, means, jnp.nan)


def band_luminosities(wave: Any, lum_nu: Any) -> jax.Array:
    """Mean L_lambda in the twelve bands, L_sun/A; (..., 12).

    Parameters
    ----------
    wave : array (n_wave,)
        Rest wavelengths in vacuum, A, increasing.
    lum_nu : array (..., n_wave)
        Rest SED, L_sun/Hz, as in DSPS; a continuum without emission lines.

    Returns
    -------
    array (..., 12)
        NaN if the grid does not cover a band.
    """
    return _means(wave, lum_nu, BAND_EDGES[:-1], BAND_EDGES[1:])


def flux_of(luminosity: Any, z: Any) -> jax.Array:
    """Observed flux density, 1e-17 erg/s/cm2/A, of L_lambda (..., n) in L_sun/A at redshifts z (...).

    F = L / (4 pi D_L^2 (1 + z)); D_L for H0 = 70, Om0 = 0.3, as in the models. NaN if z is not positive."""
    luminosity = jnp.asarray(luminosity)
    z = jnp.asarray(plain("z", z, _units.REDSHIFT), luminosity.dtype)
    there = z > 0
    safe = jnp.where(there, z, 1)
    distance = luminosity_distance(safe)
    scale = FLUX_AT_1_MPC / (distance * distance * (1 + safe))
    return luminosity * jnp.where(there, scale, jnp.nan)[..., None]


def bands(wave: Any, lum_nu: Any, z: Any) -> jax.Array:
    """Computes BAND_FLUX of a rest-frame SED, as observed at redshift z.

    Parameters
    ----------
    wave : array (n_wave,)
        Rest wavelengths in vacuum, A, increasing.
    lum_nu : array (..., n_wave)
        Rest SED, L_sun/Hz: a continuum without emission lines.
    z : array (...)
        Redshift, positive.

    Returns
    -------
    array (..., 12)
        Mean F_lambda, 1e-17 erg/s/cm2/A; NaN if the grid does not cover a band, or a hole in it takes more than half of
        the band (a traced grid is taken to have no holes).

    Raises
    ------
    ValueError
        The shapes do not fit, or the wavelengths do not increase.
    """
    return flux_of(band_luminosities(wave, lum_nu), z)


def line_continua(wave: Any, lum_nu: Any) -> jax.Array:
    """Continuum at each of the ten lines, L_lambda in L_sun/A; (..., 10).

    The average of the means in the line's two side bands (``side_bands.hpp``), not the value under the line, which may
    lie inside a stellar Balmer absorption. NaN if the grid does not cover them."""
    windows = np.asarray(SIDE_BANDS)
    means = _means(wave, lum_nu, windows[:, [0, 2]].ravel(), windows[:, [1, 3]].ravel())
    return means.reshape(*means.shape[:-1], 10, 2).mean(-1)


def line_luminosities(wave: Any, lum_nu: Any, ew: Any) -> jax.Array:
    """Luminosities of the ten lines, L_sun; (..., 10). Multiply by 3.828e33 for erg/s, which overflows float32.

    Parameters
    ----------
    wave, lum_nu
        As for :func:`bands`: the continuum that the EWs belong to, attenuated by the galaxy's dust.
    ew : array (..., 10)
        Rest-frame EWs, A.

    Notes
    -----
    L = EW x L_lambda of the continuum at the line. EWs are as observed, attenuated by the galaxy's dust: do not apply
    dust to the result again. For the light of a whole galaxy this assumes one EW for all of it.
    """
    return jnp.asarray(ew) * line_continua(wave, lum_nu)
