"""Draws of the lines, and measurement noise (``joint_draws.hpp``, ``noise.hpp``)."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import MOST_DRAWS, whole
from ..errors import error
from ..names import ALL_WAVE, DOUBLETS, independent
from . import features, random
from .joint import MOST_NOISY_EW, Distribution, all_lines, ew_of, possible_sii
from .predict import distribution
from .weights import Weights

_BAND_OF_LINE = tuple(int((wave - 3400) // 300) for wave in ALL_WAVE)


def draw(
    distribution: Distribution, targetid: Any = None, *, draws: int = 1, seed: Any = 1, first_row: int = 0
) -> jax.Array:
    """Joint intrinsic draws of the lines, A; (..., 10, draws). Draw k of all lines belongs together.

    Parameters
    ----------
    distribution : Distribution
    targetid : array (...), optional
        int64 ids, as NumPy array, or as JAX array where ``jax_enable_x64`` is on; or the pairs of :func:`split_ids`.
        Default: the index of the row, counted from `first_row`.
    draws : int
    seed : int, JAX integer, key of ``jax.random``, or pair of uint32
        Below 2^64. A JAX integer, a key and the words of the pair (low, high) may be traced; ``jax.random.key(3)`` has
        the draws of seed 3.

    Notes
    -----
    The random bits are those of the C++ library: stream intrinsic, lane 0 of draw k picks the component, lanes 1 to 8
    (as many as there are independent lines) are its normals. The ratio of the [SII] lines stays between 0.44 and 1.45.
    Differentiable with respect to the distribution at a fixed choice of components."""
    ids = random.id_words(targetid, distribution.known.shape, first_row)
    drawn: jax.Array = _draw(distribution, ids, random.seed_words(seed), whole("draws", draws, MOST_DRAWS))
    return drawn


@partial(jax.jit, static_argnums=3)
def _draw(d: Distribution, ids: random.Pair, seed: random.Pair, draws: int) -> jax.Array:
    word = random.words(
        seed, random.INTRINSIC, ids, np.arange(draws, dtype=np.uint32), np.arange(1 + d.mean.shape[-1], dtype=np.uint32)
    )
    z = random.normal(word[..., 1:], d.mean.dtype)  # (..., draws, lines)
    below = jnp.cumsum(jax.lax.stop_gradient(d.weight), axis=-1) * 2.0**32 - 0.5
    largest = 4294967295.0 if d.mean.dtype == jnp.float64 else 4294967040.0
    limit = jnp.clip(jnp.floor(below), 0, largest).astype(jnp.uint32)
    t = jnp.zeros(())  # the first component fills it
    for c in range(d.mean.shape[-2]):
        e = jnp.einsum("...ij,...kj->...ki", d.factor[..., c, :, :], z, precision=jax.lax.Precision.HIGHEST)
        here = d.mean[..., c, None, :] + d.sd[..., c, None, :] * e
        t = here if c == 0 else jnp.where((word[..., 0] > limit[..., c - 1, None])[..., None], here, t)
    own = independent(d.lines)
    ew = all_lines(own, d.ew_ratio, possible_sii(ew_of(t), own), d.lines)
    return jnp.where(d.known[..., None, None], jnp.swapaxes(ew, -1, -2), jnp.nan)


def sample(
    weights: Weights,
    band_flux: Any,
    z: Any = None,
    targetid: Any = None,
    *,
    draws: int = 1,
    seed: Any = 1,
    first_row: int = 0,
    **options: Any,
) -> jax.Array:
    """Joint intrinsic draws of every galaxy's lines, A; (..., 10, draws).

    :func:`distribution` (whose keywords it takes) and :func:`draw` in one call.
    """
    return draw(distribution(weights, band_flux, z, **options), targetid, draws=draws, seed=seed, first_row=first_row)


def sigma_ew(weights: Weights, ew: Any, band_flux: Any, z: Any = None) -> jax.Array:
    """Measurement error of EWs by the model's noise law, A; (..., 10).

    log10 sigma = c . [1, f, f^2, z, z^2, z^3, a, a^2], f = log10 of the band flux at the line, a = asinh(EW / A). NaN
    where the band is missing. ValueError: a model without the law."""
    if weights.noise is None:
        raise error("model", "this model has no noise law", "", "ew_ivar")
    flux, ew = jnp.asarray(band_flux, weights.dtype), jnp.asarray(ew, weights.dtype)
    z_low, z_high, f_low, f_high = weights.noise.range
    z = jnp.asarray(jnp.nan if z is None else z, weights.dtype)
    z = jnp.where(jnp.isfinite(z), jnp.clip(z, z_low, z_high), 0.5 * (z_low + z_high))
    usable = features.usable_bands(flux)
    columns = []
    own = independent(weights.lines)
    for line in weights.lines:
        source, factor = noise_source(line)
        band = _BAND_OF_LINE[source]
        f = jnp.clip(jnp.log(jnp.where(usable[..., band], flux[..., band], 1)) / np.log(10), f_low, f_high)
        a = jnp.arcsinh(ew[..., weights.lines.index(source)])
        one = jnp.ones_like(f * z)
        terms = jnp.stack([one, f * one, f * f * one, z * one, z * z * one, z**3 * one, a * one, a * a * one], axis=-1)
        log_sigma = (terms * weights.noise.coefficients[own.index(source)]).sum(-1)
        columns.append(jnp.where(usable[..., band], factor * 10.0**log_sigma, jnp.nan))
    return jnp.stack(columns, axis=-1)


def noise_source(line: int) -> tuple[int, float]:
    """(line, factor): whose noise a line has; the weak members of the doublets share that of their partners."""
    for weak, strong, ratio in DOUBLETS:
        if weak == line:
            return strong, 1 / ratio
    return line, 1.0


def add_noise(
    weights: Weights,
    ew: Any,
    band_flux: Any,
    z: Any = None,
    targetid: Any = None,
    seed: Any = 1,
    *,
    ew_ivar: Any = None,
    draw: int = 0,
    first_row: int = 0,
) -> jax.Array:
    """EWs (..., 10) plus one realisation of measurement noise, A.

    sigma comes from the galaxy's own `ew_ivar` (..., 10) where that is positive, else from :func:`sigma_ew`. Random
    bits as in C++: stream label noise, draw `draw`, lane = index of the (strong) line."""
    ew = jnp.asarray(ew, weights.dtype)
    law = None if weights.noise is None else sigma_ew(weights, ew, band_flux, z)
    lanes = [noise_source(line)[0] for line in weights.lines]
    factor = jnp.asarray([noise_source(line)[1] for line in weights.lines], ew.dtype)
    sigma = jnp.full(ew.shape, jnp.nan, ew.dtype) if law is None else law
    if ew_ivar is not None:
        ivar = jnp.asarray(ew_ivar, ew.dtype)[..., [weights.lines.index(line) for line in lanes]]
        there = (ivar > 0) & jnp.isfinite(ivar)
        sigma = jnp.where(there, factor / jnp.sqrt(jnp.where(there, ivar, 1)), sigma)
    elif law is None:
        sigma_ew(weights, ew, band_flux, z)  # raises: neither errors nor a law
    ids = random.id_words(targetid, ew.shape[:-1], first_row)
    word = random.words(seed, random.LABEL_NOISE, ids, [draw], np.asarray(lanes, np.uint32))[..., 0, :]
    return jnp.clip(ew + sigma * random.normal(word, ew.dtype), -MOST_NOISY_EW, MOST_NOISY_EW)
