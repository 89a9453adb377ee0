"""Adding lines to a spectrum: Gaussians integrated over pixels (``paint.hpp``)."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr

from .. import _units
from ..names import COMPONENTS, DOUBLETS, FLUX_RATIOS, LINES
from .bands import plain

LIGHT_SPEED_KM_S = 299792.458
OII_RATIO = 1.3115  # flux 3729/3726 at an electron density of 100 cm^-3 (Sanders et al. 2016)


def pixel_edges(wave: Any) -> jax.Array:
    """Edges (n + 1) of the pixels around the centres (n): half way between neighbours, the outer two symmetric."""
    wave = jnp.asarray(wave)
    middle = 0.5 * (wave[1:] + wave[:-1])
    return jnp.concatenate([2 * wave[:1] - middle[:1], middle, 2 * wave[-1:] - middle[-1:]])


def component_fluxes(line_flux: jax.Array, oii_ratio: float = OII_RATIO, atomic_doublets: bool = True) -> jax.Array:
    """Fluxes (..., 11) of the single lines of names.COMPONENTS from those of the ten lines.

    [OII] is split by `oii_ratio` = 3729/3726. With `atomic_doublets`, [OIII] 4959 and [NII] 6548 get their fluxes from
    their strong partners (2.993, 3.049), and their own values are ignored.
    """
    flux = [line_flux[..., line] for line in range(len(LINES))]
    if atomic_doublets:
        for weak, strong, _ in DOUBLETS:
            flux[weak] = flux[strong] / FLUX_RATIOS[weak]
    share = {"OII_3726": 1 / (1 + oii_ratio), "OII_3729": oii_ratio / (1 + oii_ratio)}
    return jnp.stack([flux[line] * share.get(name, 1) for name, line, _, _ in COMPONENTS], axis=-1)


def paint_flux(
    wave: Any,
    line_flux: Any,
    z: Any = 0.0,
    sigma_v: Any = 100.0,
    *,
    resolving_power: float = math.inf,
    oii_ratio: float = OII_RATIO,
    atomic_doublets: bool = True,
) -> jax.Array:
    """A spectrum of emission lines only: each pixel has the mean of the Gaussians over it.

    Parameters
    ----------
    wave : array (n_pixels,)
        Centres of the pixels, observed frame, vacuum, A, increasing; any grid.
    line_flux : array (..., 10)
        Fluxes of the ten lines; the result has their unit per A.
    z, sigma_v : arrays (...)
        Redshift; standard deviation of the gas' velocities, km/s.
    resolving_power : float
        wavelength / FWHM of the instrument, constant.

    Returns
    -------
    array (..., n_pixels)
        sum(pixels x width) is the line flux on the grid, for any line width and position. Linear in `line_flux`.
    """
    line_flux = jnp.asarray(line_flux)
    wave, z = plain("wave", wave, _units.WAVE), plain("z", z, _units.REDSHIFT)
    sigma_v = plain("sigma_v", sigma_v, _units.SPEED)
    dtype = jnp.float64 if line_flux.dtype == jnp.float64 else jnp.float32
    flux = component_fluxes(line_flux.astype(dtype), oii_ratio, atomic_doublets)
    z, sigma_v = jnp.asarray(z, dtype), jnp.asarray(sigma_v, dtype)
    edges = pixel_edges(jnp.asarray(wave, dtype))
    width = jnp.diff(edges)
    spread = jnp.hypot(sigma_v / LIGHT_SPEED_KM_S, 1 / (resolving_power * 2 * math.sqrt(2 * math.log(2))))

    rest = jnp.asarray([c[2] for c in COMPONENTS], dtype)

    def profile(rest: jax.Array) -> jax.Array:
        """One line of flux 1 in each pixel, (..., n_pixels)."""
        centre = rest * (1 + z)
        u = (edges - centre[..., None]) / (centre * spread)[..., None]
        # Differences in the tail that is small: no digits are lost.
        left, right = u[..., :-1], u[..., 1:]
        return jnp.where(left > 0, ndtr(-left) - ndtr(-right), ndtr(right) - ndtr(left)) / width

    if z.ndim == 0 and spread.ndim == 0:  # one place and one width for all galaxies: the lines are painted once
        unit = jax.vmap(profile)(rest)
        return jnp.einsum("...c,cw->...w", flux, unit, precision=jax.lax.Precision.HIGHEST)

    def one(sum_so_far: jax.Array, line: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return sum_so_far + line[1][..., None] * profile(line[0]), None

    shape = np.broadcast_shapes(flux.shape[:-1], z.shape, spread.shape)
    flux = jnp.broadcast_to(flux, (*shape, len(COMPONENTS)))
    # Zeros that come of the data, so that they differ between devices where the data do.
    none = jnp.where(flux[..., :1] == 0, 0, 0).astype(dtype) + jnp.where(z + spread == 0, 0, 0).astype(dtype)[..., None]
    start = jnp.broadcast_to(none, (*shape, edges.shape[0] - 1))
    painted: jax.Array = jax.lax.scan(one, start, (rest, jnp.moveaxis(flux, -1, 0)))[0]
    return painted


def paint(wave: Any, ew: Any, continuum: Any, z: Any, sigma_v: Any = 100.0, **options: Any) -> jax.Array:
    """Lines of given EWs on a grid: flux = EW (1 + z) continuum.

    Parameters
    ----------
    wave : array (n_pixels,)
        Centres of the pixels, observed frame, vacuum, A.
    ew : array (..., 10)
        Rest-frame EWs, A.
    continuum : array (..., 10)
        Mean continuum in each line's side bands, observed frame; the result has its unit
        (:func:`flux_of` of :func:`line_continua`).
    z, sigma_v, options
        As for :func:`paint_flux`.

    Returns
    -------
    array (..., n_pixels)
        To be added to the continuum.
    """
    z, ew = jnp.asarray(plain("z", z, _units.REDSHIFT)), plain("EW", ew, _units.EW)
    return paint_flux(wave, jnp.asarray(ew) * (1 + z)[..., None] * jnp.asarray(continuum), z, sigma_v, **options)
