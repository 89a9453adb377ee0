"""Normal densities of a few dimensions for very many points: one step of elimination for all points at a time."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def normal_log_density(covariance: jax.Array, apart: jax.Array) -> jax.Array:
    """ln N(apart; 0, covariance), covariance (d, d, ...), apart (d, ...): points last; (...)."""
    d = apart.shape[0]
    # Cholesky's elimination, the vector carried along as one row more: it comes out whitened.
    rest = jnp.concatenate([covariance, apart[None]], axis=0)
    value = jnp.full(apart.shape[1:], -0.5 * d * float(np.log(2 * np.pi)), apart.dtype)
    for _ in range(d):
        pivot = rest[0, 0]
        column = rest[1:, 0] * jax.lax.rsqrt(pivot)
        value = value - 0.5 * jnp.log(pivot) - 0.5 * column[-1] ** 2
        rest = jax.lax.optimization_barrier(rest[1:, 1:] - column[:, None] * column[None, :-1])
    return value


def mixture_log_density(
    weight: jax.Array,
    mean: jax.Array,
    sd: jax.Array,
    correlation: jax.Array,
    centre: jax.Array,
    variance: jax.Array,
) -> jax.Array:
    """ln of a mixture of normals widened by variances, at centres.

    weight (..., c), mean and sd (..., c, d), correlation (c, d, d); centre and variance (..., d), broadcast; (...)."""
    *shape, c, d = mean.shape
    centre, variance = (jnp.broadcast_to(a, (*shape, d)).reshape(-1, d).T for a in (centre, variance))
    mean, sd = (a.reshape(-1, c, d).transpose(2, 1, 0) for a in (mean, sd))  # (d, c, points)
    covariance = correlation.transpose(1, 2, 0)[..., None] * sd[:, None] * sd[None]
    covariance = covariance + jnp.eye(d, dtype=sd.dtype)[..., None, None] * variance[:, None, None]
    each = normal_log_density(covariance, centre[:, None] - mean)  # (c, points)
    log_w = jnp.log(weight).reshape(-1, c).T
    return jax.nn.logsumexp(log_w + each, axis=0).reshape(shape)


def solve_positive(matrix: jax.Array, vector: jax.Array) -> jax.Array:
    """x of matrix x = vector, (d, d) symmetric and positive, d small; by elimination, without a call of LAPACK."""
    d = vector.shape[0]
    rest = jnp.concatenate([matrix, vector[:, None]], axis=1)
    rows = []
    for _ in range(d):
        row = rest[0] / rest[0, 0]
        rows.append(row)
        rest = rest[1:, 1:] - rest[1:, 0, None] * row[1:]
    x: list[jax.Array] = []
    for row in reversed(rows):
        x.insert(0, row[-1] - sum(a * b for a, b in zip(row[1:-1], x)))
    return jnp.stack(x)
