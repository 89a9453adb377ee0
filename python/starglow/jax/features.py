"""What the networks see of a galaxy, and what its flags say (``features.hpp``)."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import names
from .weights import Bank

N_BANDS = 12
MIN_BANDS = 6
LUMINOSITY_BANDS = (9, 8, 10, 7, 11, 6, 5, 4, 3, 2, 1, 0)  # in the order in which they are asked for the luminosity
_NODE, _WEIGHT = np.polynomial.legendre.leggauss(10)
_HUBBLE_DISTANCE = 299792.458 / 70.0  # Mpc, H0 = 70
_OM0 = 0.3


def luminosity_distance(z: Any) -> jax.Array:
    """Luminosity distance, Mpc; flat, H0 = 70, Om0 = 0.3, no radiation; relative error < 1e-14 to z = 19, float64."""
    z = jnp.asarray(z)
    half = jnp.log1p(z)[..., None] / 8  # four panels in u = ln(1 + z); the integrand is exp(u)/E(u)
    a = jnp.exp(half * jnp.asarray(np.concatenate([_NODE + 1 + 2 * p for p in range(4)]), z.dtype))
    integral = jnp.sum(jnp.asarray(np.tile(_WEIGHT, 4), z.dtype) * a / jnp.sqrt(_OM0 * a**3 + (1 - _OM0)), axis=-1)
    return (1 + z) * _HUBBLE_DISTANCE * integral * half[..., 0]


def usable_bands(band_flux: jax.Array, band_flux_ivar: jax.Array | None = None) -> jax.Array:
    """Which bands count: finite, positive, with information."""
    usable = jnp.isfinite(band_flux) & (band_flux > 0)
    return usable if band_flux_ivar is None else usable & (band_flux_ivar > 0)


def band_flags(band_flux: jax.Array, band_flux_ivar: jax.Array | None = None) -> jax.Array:
    """BAND_MISSING, NEGATIVE_BAND and NONFINITE of each galaxy, int32 (...)."""
    absent = jnp.isnan(band_flux)
    if band_flux_ivar is not None:
        absent = absent | ~(band_flux_ivar > 0)
    infinite = ~absent & jnp.isinf(band_flux)
    negative = ~absent & ~infinite & (band_flux <= 0)
    pairs = (absent | negative, names.BAND_MISSING), (negative, names.NEGATIVE_BAND), (infinite, names.NONFINITE)
    one, two, three = (bit(jnp.any(where, axis=-1), value) for where, value in pairs)
    return one | two | three


def bit(where: jax.Array, value: int) -> jax.Array:
    """The flag where something holds, int32. All flags are int32: XLA's CPU compiler crashes on int32 | int64."""
    return jnp.where(where, jnp.int32(value), jnp.int32(0))


def compute(
    band_flux: jax.Array, usable: jax.Array, z: jax.Array, z_known: jax.Array, luminosity: jax.Array, every_band: bool
) -> tuple[jax.Array, jax.Array]:
    """Values and presence of the 13 features: eleven log10 ratios, log_lum, z.

    band_flux, usable (..., 12); z, z_known, luminosity (...): whether z and the luminosity may be used. `every_band`:
    the luminosity is that of the band of 6100-6400 A, else of the first usable one of LUMINOSITY_BANDS. Values are
    finite everywhere, and so are their derivatives."""
    log_flux = jnp.log(jnp.where(usable, band_flux, 1)) / math.log(10)
    ratios = log_flux[..., 1:] - log_flux[..., :-1]
    if every_band:
        reference, band_known = log_flux[..., 9], usable[..., 9]
    else:
        order = jnp.asarray(LUMINOSITY_BANDS)
        first = jnp.argmax(usable[..., order], axis=-1)[..., None]
        reference = jnp.take_along_axis(log_flux[..., order], first, axis=-1)[..., 0]
        band_known = jnp.any(usable, axis=-1)
    safe_z = jnp.where(z_known, z, 1)
    log_lum = reference + jnp.log(1 + safe_z) / math.log(10) + 2 * jnp.log(luminosity_distance(safe_z)) / math.log(10)
    values = jnp.concatenate([ratios, log_lum[..., None], safe_z[..., None]], axis=-1)
    known = jnp.concatenate(
        [usable[..., 1:] & usable[..., :-1], (z_known & luminosity & band_known)[..., None], z_known[..., None]],
        axis=-1,
    )
    return values, known


def network_input(bank: Bank, values: jax.Array, known: jax.Array, usable: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Features of one bank: values and presence, (..., n_in). Masks are 0 (there) or -1."""
    which = [*range(11), *([11] if bank.log_lum else []), *([12] if bank.z else [])]
    x, there = values[..., which], known[..., which]
    if bank.z and bank.z_clip != (0.0, 1e9):
        x = jnp.concatenate([x[..., :-1], jnp.clip(x[..., -1:], *bank.z_clip)], axis=-1)
    if not bank.masks:
        return x, there
    masks = jnp.concatenate(
        [usable, *([known[..., 11:12]] if bank.log_lum else []), *([known[..., 12:13]] if bank.z else [])], axis=-1
    )
    x = jnp.concatenate([x, jnp.where(masks, 0, -1).astype(x.dtype)], axis=-1)
    return x, jnp.concatenate([there, jnp.ones_like(masks)], axis=-1)
