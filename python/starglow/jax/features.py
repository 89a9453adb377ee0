"""What the networks see of a galaxy, and what its flags say (``features.hpp``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import names
from ..errors import error
from .weights import Bank

N_BANDS = 12
N_RATIOS = N_BANDS - 1
_Z = names.INPUTS.index("z")
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


class Seen(NamedTuple):
    """What the computed inputs are made of."""

    log_flux: jax.Array  #: (...) log10 of the flux of the band of the luminosity
    z: jax.Array  #: (...) redshift, finite everywhere
    band_known: jax.Array
    z_known: jax.Array
    luminosity: jax.Array  #: whether the flux scale is absolute


def _log_lum(s: Seen) -> tuple[jax.Array, jax.Array]:
    value = s.log_flux + jnp.log(1 + s.z) / math.log(10) + 2 * jnp.log(luminosity_distance(s.z)) / math.log(10)
    return value, s.z_known & s.luminosity & s.band_known


#: Inputs beside the band ratios that are computed from bands and redshift: (value, whether it is known). The others of
#: ``names.INPUTS`` are columns.
_COMPUTED: dict[str, Callable[[Seen], tuple[jax.Array, jax.Array]]] = {
    "log_lum": _log_lum,
    "z": lambda s: (s.z, s.z_known),
}


def columns(inputs: Mapping[str, Any] | None, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """The columns that are inputs, (..., columns) in the order of ``names.INPUT_COLUMNS``; NaN: not known."""
    for name in inputs or {}:
        if name not in names.INPUT_COLUMNS:
            raise error("usage", "no model has an input of this name", f"'{name}'", ", ".join(names.INPUT_COLUMNS))
    out = []
    for name, (_, low, high) in names.INPUT_COLUMNS.items():
        column = jnp.asarray((inputs or {}).get(name, jnp.nan), dtype)
        if column.shape not in (shape, ()):
            raise error("input", f"{name} does not fit band_flux", f"shape {column.shape}", f"{shape}")
        out.append(jnp.broadcast_to(jnp.where((column >= low) & (column <= high), column, jnp.nan), shape))
    return jnp.stack(out, axis=-1)


def lacking(inputs: tuple[int, ...], column_values: jax.Array) -> jax.Array:
    """Rows that lack one of the inputs that are columns."""
    own = [k for k, (name, _, _) in enumerate(names.INPUT_COLUMNS.values()) if names.INPUTS.index(name) in inputs]
    return jnp.any(jnp.isnan(column_values[..., own]), axis=-1)


def compute(
    band_flux: jax.Array,
    usable: jax.Array,
    z: jax.Array,
    z_known: jax.Array,
    luminosity: jax.Array,
    every_band: bool,
    column_values: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Values and presence of all features: eleven log10 ratios, then the inputs in the order of ``names.INPUTS``.

    band_flux, usable (..., 12); z, z_known, luminosity (...): whether z and the luminosity may be used. `every_band`:
    the luminosity is that of the band of 6100-6400 A, else of the first usable one of LUMINOSITY_BANDS.
    `column_values`: of :func:`columns`. Values are finite everywhere, and so are their derivatives."""
    log_flux = jnp.log(jnp.where(usable, band_flux, 1)) / math.log(10)
    ratios = log_flux[..., 1:] - log_flux[..., :-1]
    if every_band:
        reference, band_known = log_flux[..., 9], usable[..., 9]
    else:
        order = jnp.asarray(LUMINOSITY_BANDS)
        first = jnp.argmax(usable[..., order], axis=-1)[..., None]
        reference = jnp.take_along_axis(log_flux[..., order], first, axis=-1)[..., 0]
        band_known = jnp.any(usable, axis=-1)
    seen = Seen(reference, jnp.where(z_known, z, 1), band_known, z_known, luminosity)
    if column_values is None:
        column_values = columns(None, z.shape, ratios.dtype)
    values, known = [ratios], [usable[..., 1:] & usable[..., :-1]]
    of_columns = [name for name, _, _ in names.INPUT_COLUMNS.values()]
    for name in names.INPUTS:
        if name in _COMPUTED:
            value, there = _COMPUTED[name](seen)
        else:
            value = column_values[..., of_columns.index(name)]
            there = ~jnp.isnan(value)
            value = jnp.where(there, value, 1)
        values.append(value[..., None])
        known.append(there[..., None])
    return jnp.concatenate(values, axis=-1), jnp.concatenate(known, axis=-1)


def network_input(bank: Bank, values: jax.Array, known: jax.Array, usable: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Features of one bank: values and presence, (..., n_in). Masks are 0 (there) or -1."""
    which = [*range(N_RATIOS), *(N_RATIOS + i for i in bank.inputs)]
    x, there = values[..., which], known[..., which]
    if _Z in bank.inputs and bank.z_clip != (0.0, 1e9):
        at = N_RATIOS + bank.inputs.index(_Z)
        x = x.at[..., at].set(jnp.clip(x[..., at], *bank.z_clip))
    if not bank.masks:
        return x, there
    masks = jnp.concatenate([usable, there[..., N_RATIOS:]], axis=-1)
    x = jnp.concatenate([x, jnp.where(masks, 0, -1).astype(x.dtype)], axis=-1)
    return x, jnp.concatenate([there, jnp.ones_like(masks)], axis=-1)
