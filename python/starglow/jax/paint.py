"""Adding lines to a spectrum: Gaussians integrated over pixels (``paint.hpp``)."""

from __future__ import annotations

import contextlib
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


def _share(u: jax.Array) -> jax.Array:
    """Of a normal distribution, what lies between neighbouring edges u (..., n + 1), in its sd; (..., n)."""
    above = u > 0
    tail = ndtr(jnp.where(above, -u, u))  # the smaller side: differences in it lose no digits
    left, right = tail[..., :-1], tail[..., 1:]
    return jnp.where(above[..., :-1], left - right, jnp.where(above[..., 1:], 1 - left - right, right - left))


_REACH = 39.0  # sd beyond which a normal distribution is 0 in float64
_WIDE = 250.0  # km/s: where all lines are narrower each is painted in the pixels that it reaches alone


def _window(wave: Any, spread: float) -> int:
    """How many edges of this grid a line of this relative width can reach, wherever it is; 0: the grid is not known
    while the program is compiled, or such lines reach more than a third of it."""
    if isinstance(wave, jax.core.Tracer):
        return 0
    centres = np.asarray(wave, float)
    if centres.ndim != 1 or len(centres) < 8 or not np.all(np.diff(centres) > 0) or not _REACH * spread < 0.5:
        return 0
    middle = 0.5 * (centres[1:] + centres[:-1])
    edges = np.concatenate([2 * centres[:1] - middle[:1], middle, 2 * centres[-1:] - middle[-1:]])
    # A line between two edges reaches at most as far as one at either of them.
    at = np.arange(len(edges))
    below = at - np.searchsorted(edges, edges * (1 - _REACH * spread))
    above = np.searchsorted(edges, edges * (1 + _REACH * spread), side="right") - at
    most = 2 * int(max(np.max(below), np.max(above))) + 4
    return most if 3 * most < len(edges) else 0


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
    to_spread = 1 / (resolving_power * 2 * math.sqrt(2 * math.log(2)))
    # What is known while the program is compiled is computed then, lines of one place and one width among it.
    known = not any(isinstance(x, jax.core.Tracer) for x in (wave, z, sigma_v))
    with jax.ensure_compile_time_eval() if known else contextlib.nullcontext():
        z, sigma_v = jnp.asarray(z, dtype), jnp.asarray(sigma_v, dtype)
        edges = pixel_edges(jnp.asarray(wave, dtype))
        width = jnp.diff(edges)
        spread = jnp.hypot(sigma_v / LIGHT_SPEED_KM_S, to_spread)
        rest = jnp.asarray([c[2] for c in COMPONENTS], dtype)

        def profile(rest: jax.Array) -> jax.Array:
            """One line of flux 1 in each pixel, (..., n_pixels)."""
            centre = rest * (1 + z)
            return _share((edges - centre[..., None]) / (centre * spread)[..., None]) / width

        unit = jax.vmap(profile)(rest) if z.ndim == 0 and spread.ndim == 0 else None
    if unit is not None:
        return jnp.einsum("...c,cw->...w", flux, unit, precision=jax.lax.Precision.HIGHEST)

    def one(sum_so_far: jax.Array, line: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return sum_so_far + line[1][..., None] * profile(line[0]), None

    shape = np.broadcast_shapes(flux.shape[:-1], z.shape, spread.shape)
    flux = jnp.broadcast_to(flux, (*shape, len(COMPONENTS)))
    # Zeros that come of the data, so that they differ between devices where the data do.
    none = jnp.where(flux[..., :1] == 0, 0, 0).astype(dtype) + jnp.where(z + spread == 0, 0, 0).astype(dtype)[..., None]
    start = jnp.broadcast_to(none, (*shape, edges.shape[0] - 1))

    def everywhere(flux: jax.Array) -> jax.Array:
        painted: jax.Array = jax.lax.scan(one, start, (rest, jnp.moveaxis(flux, -1, 0)))[0]
        return painted

    widest = math.hypot(_WIDE / LIGHT_SPEED_KM_S, to_spread)
    window = _window(wave, widest)
    if not window:
        return everywhere(flux)

    centre = rest * (1 + z)[..., None]
    sd = centre * spread[..., None]

    def near(flux: jax.Array) -> jax.Array:
        """Each line in the pixels that it reaches."""
        first = jnp.clip(jnp.searchsorted(edges, centre) - window // 2, 0, edges.shape[0] - window)
        at = first[..., None] + jnp.arange(window, dtype=first.dtype)
        share = _share((edges[at] - centre[..., None]) / sd[..., None])
        lit = flux[..., None] * (share / width[at[..., :-1]])
        pixels = jnp.broadcast_to(at[..., :-1], lit.shape).reshape(*shape, -1)
        put = jnp.vectorize(lambda light, at, more: light.at[at].add(more), signature="(n),(k),(k)->(n)")
        painted: jax.Array = put(start, pixels, lit.reshape(pixels.shape))
        return painted

    return jax.lax.cond(jnp.all(spread <= widest), near, everywhere, flux)


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
