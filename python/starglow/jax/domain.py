"""Whether a galaxy is like those of the training (``domain.hpp``)."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr

from .weights import Domain

LIMIT_GRADE = 0.5  # at the limit of the domain
PATTERNS = ((0, 11), (1, 10), (2, 9), (0, 9))  # first ratio and number of those that the forms use, as they are tried


def _squared(mean: jax.Array, covariance: jax.Array, root: jax.Array, x: jax.Array, known: jax.Array) -> jax.Array:
    """Squared Mahalanobis distances (...) of x (..., 12) from components, over the known features."""
    d = jnp.where(known, x - mean, 0)

    def complete(_: None) -> jax.Array:
        return jnp.square(jnp.einsum("...ij,...j->...i", root, d, precision=jax.lax.Precision.HIGHEST)).sum(-1)

    def marginal(_: None) -> jax.Array:
        both = known[..., :, None] & known[..., None, :]
        identity = jnp.eye(12, dtype=x.dtype)
        lower = jnp.linalg.cholesky(jnp.where(both, covariance, identity))
        return jnp.square(jax.scipy.linalg.solve_triangular(lower, d[..., None], lower=True)[..., 0]).sum(-1)

    return jax.lax.cond(jnp.all(known), complete, marginal, None)


def _distances(domain: Domain, x: jax.Array, known: jax.Array) -> jax.Array:
    """Squared Mahalanobis distances (..., components) over the known features."""
    return _squared(domain.mean, domain.covariance, domain.root, x[..., None, :], known[..., None, :])


def _log10_tails(distance2: jax.Array) -> jax.Array:
    """log10 of the probabilities (..., 13) that chi-square of 0, 1, ... 12 degrees of freedom exceeds distance2."""
    half = 0.5 * distance2
    tails: list[jax.Array] = [jnp.zeros_like(half), jnp.log(2.0) + log_ndtr(-jnp.sqrt(distance2)), -half]
    for n in range(3, 13):
        term = (0.5 * n - 1) * jnp.log(half) - half - math.lgamma(0.5 * n)
        tails.append(jnp.logaddexp(tails[n - 2], term))
    return jnp.minimum(jnp.stack(tails, axis=-1), 0) / math.log(10)


def _form_grades(domain: Domain, x: jax.Array, known: jax.Array) -> jax.Array:
    """Grades (..., kinds) of the forms that a galaxy has the bands for, not limited to 0-1; 0 where it has not."""
    assert domain.forms is not None and domain.levels is not None
    has = jnp.stack([known[..., first : first + n].all(-1) for first, n in PATTERNS], axis=-1)
    pattern = jnp.argmax(has, axis=-1)
    form, levels = jnp.asarray(domain.forms)[pattern], jnp.asarray(domain.levels)[pattern]
    ratios = jnp.where(known[..., :11], x[..., :11], 0)
    y = jnp.concatenate([jnp.ones_like(ratios[..., :1]), ratios], axis=-1)
    value = jnp.einsum("...i,...kij,...j->...k", y, form, y, precision=jax.lax.Precision.HIGHEST)
    at = LIMIT_GRADE * (value - levels[..., 0]) / (levels[..., 1] - levels[..., 0])
    return jnp.where(has.any(-1)[..., None], at, 0)


def grade(domain: Domain, x: jax.Array, known: jax.Array) -> jax.Array:
    """How far from the training galaxies (...): 0 as they are, 1/2 at the limit, 1 outside all of them; NaN without any
    feature. Differentiable."""
    # Slopes are of the nearest component alone: those of all would be kept for every galaxy.
    nearest = jnp.argmin(jax.lax.stop_gradient(_distances(domain, x, known)), axis=-1)
    distance2 = _squared(domain.mean[nearest], domain.covariance[nearest], domain.root[nearest], x, known)
    distance2 = jnp.where(distance2 > 0, distance2, 1e-30)
    n = known.sum(-1)
    tail = jnp.take_along_axis(_log10_tails(distance2), n[..., None], axis=-1)[..., 0]
    at = jnp.clip(LIMIT_GRADE * tail / domain.threshold, 0, 1)
    if domain.forms is not None:
        at = jnp.maximum(at, jnp.clip(_form_grades(domain, x, known).max(-1), 0, 1))
    return jnp.where(n > 0, at, jnp.nan)


def outside(domain: Domain, x: jax.Array, known: jax.Array, clip: bool = False) -> tuple[jax.Array, jax.Array]:
    """Whether each galaxy is farther from all components than 99 % of the training galaxies, and features.

    x, known (..., 12): ratios and log_lum. The features are x itself, or with `clip` those at the edge of the domain.
    """
    distances = _distances(domain, x, known)
    nearest = jnp.argmin(distances, axis=-1)
    distance2 = jnp.take_along_axis(distances, nearest[..., None], axis=-1)[..., 0]
    limit = domain.limit[known.sum(-1)]
    out = distance2 > limit
    centre = domain.mean[nearest]
    factor = jnp.sqrt(jnp.where(out, limit / jnp.where(out, distance2, 1), 1))
    if domain.forms is not None:
        out = out | (_form_grades(domain, x, known).max(-1) > LIMIT_GRADE)
        if clip:
            offset = x - centre

            def foreign(by: jax.Array) -> jax.Array:
                return _form_grades(domain, centre + by[..., None] * offset, known).max(-1) > LIMIT_GRADE

            low, high = jnp.zeros_like(factor), factor
            for _ in range(60 if x.dtype == jnp.float64 else 30):
                middle = 0.5 * (low + high)
                beyond = foreign(middle)
                low, high = jnp.where(beyond, low, middle), jnp.where(beyond, middle, high)
            factor = jnp.where(foreign(factor), low, factor)
    if clip:
        x = jnp.where(out[..., None], centre + factor[..., None] * (x - centre), x)
    return out, x
