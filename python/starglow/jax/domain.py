"""Whether a galaxy is like those of the training (``domain.hpp``)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from .weights import Domain


def _distances(domain: Domain, x: jax.Array, known: jax.Array) -> jax.Array:
    """Squared Mahalanobis distances (..., components) over the known features."""
    d = jnp.where(known[..., None, :], x[..., None, :] - domain.mean, 0)

    def complete(_: None) -> jax.Array:
        return jnp.square(jnp.einsum("cij,...cj->...ci", domain.root, d, precision=jax.lax.Precision.HIGHEST)).sum(-1)

    def marginal(_: None) -> jax.Array:
        both = known[..., None, :, None] & known[..., None, None, :]
        identity = jnp.eye(12, dtype=x.dtype)
        lower = jnp.linalg.cholesky(jnp.where(both, domain.covariance, identity))
        return jnp.square(jax.scipy.linalg.solve_triangular(lower, d[..., None], lower=True)[..., 0]).sum(-1)

    return jax.lax.cond(jnp.all(known), complete, marginal, None)


def outside(domain: Domain, x: jax.Array, known: jax.Array, clip: bool = False) -> tuple[jax.Array, jax.Array]:
    """Whether each galaxy is farther from all components than 99 % of the training galaxies, and features.

    x, known (..., 12): ratios and log_lum. The features are x itself, or with `clip` those at the edge of the domain.
    """
    distances = _distances(domain, x, known)
    nearest = jnp.argmin(distances, axis=-1)
    distance2 = jnp.take_along_axis(distances, nearest[..., None], axis=-1)[..., 0]
    limit = domain.limit[known.sum(-1)]
    out = distance2 > limit
    if clip:
        factor = jnp.sqrt(jnp.where(out, limit / jnp.where(out, distance2, 1), 1))[..., None]
        centre = domain.mean[nearest]
        x = jnp.where(out[..., None], centre + factor * (x - centre), x)
    return out, x
