"""What a measured line says of t = asinh(EW / A), as a normal distribution: expectation propagation."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from ..jax.condition import given_evidence
from .stars import PARAMETERS, Stars

NOTHING = 1e3  # variance of t where a line says nothing
_POINTS, _PASSES, _REACH = 48, 5, 6.0  # of an integral over t
_ROUNDS, _DAMPED = 5, 0.7
_LEARN = 4096  # galaxies of the prior that say what light there is
_FREEDOM = 0.01  # of a band beyond them
_MASS = 0.3  # freedom of the scale, once the fluxes have mean 1


@cache
def _light_of_prior(stars: Stars) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of ln of the twelve bands, over their mean, of galaxies of the prior."""
    with jax.ensure_compile_time_eval():
        mean, sd = (np.asarray(a) for a in stars.prior)
        u = np.random.default_rng(0).standard_normal((_LEARN, len(PARAMETERS)))
        light = np.log(np.asarray(stars.bands(mean + sd * u), float))
    light -= light.mean(1, keepdims=True)
    return light.mean(0), np.cov(light.T) + _FREEDOM**2 * np.eye(12) + _MASS**2


def expected_light(stars: Stars, flux: jax.Array, ivar: jax.Array) -> jax.Array:
    """Light (n, 12) that measured bands (mean 1) let expect of a galaxy of the prior: noise and gaps made good."""
    mean, covariance = (jnp.asarray(a, flux.dtype) for a in _light_of_prior(stars))
    there = ivar > 0
    error = jnp.where(there, 1 / (jnp.where(there, ivar, 1) * flux**2), 1e3)
    apart = jnp.where(there, jnp.log(flux) - mean, 0)
    whole = covariance + error[..., None] * jnp.eye(12, dtype=flux.dtype)
    return jnp.exp(mean + jnp.linalg.solve(whole, apart[..., None])[..., 0] @ covariance)


def _without_each(
    weight: jax.Array, mean: jax.Array, covariance: jax.Array, centre: jax.Array, variance: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Of each t what the mixture (n, c, d) and all sites but its own say: ln weights, means, variances (n, c, d)."""
    d = centre.shape[-1]
    whole = covariance + variance[:, None, :, None] * jnp.eye(d, dtype=centre.dtype)
    scale = jnp.sqrt(jnp.diagonal(whole, axis1=-2, axis2=-1))
    lower = jnp.linalg.cholesky(whole / (scale[..., :, None] * scale[..., None, :]))
    identity = jnp.broadcast_to(jnp.eye(d, dtype=centre.dtype), lower.shape)
    inverse = jax.scipy.linalg.solve_triangular(lower, identity, lower=True)
    precision = jnp.einsum("ncki,nckj->ncij", inverse, inverse) / (scale[..., :, None] * scale[..., None, :])
    apart = centre[:, None] - mean
    pull = jnp.einsum("ncij,ncj->nci", precision, apart)
    # A normal vector's element given the others (Rasmussen & Williams 2006, eq. 5.12).
    own = 1 / jnp.diagonal(precision, axis1=-2, axis2=-1)
    log_det = jnp.log(jnp.diagonal(lower, axis1=-2, axis2=-1)).sum(-1) + jnp.log(scale).sum(-1)
    log_all = jnp.log(weight) - 0.5 * (apart * pull).sum(-1) - log_det
    log_own = -0.5 * pull**2 * own - 0.5 * jnp.log(own)
    return log_all[..., None] - log_own, centre[:, None] - own * pull, jnp.maximum(own - variance[:, None], 1e-6)


def line_sites(
    stars: Stars, light: jax.Array, z: jax.Array | None, ew: jax.Array, ew_ivar: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Centres and variances (n, 8) of normal distributions of t which have the effect that N(EW; sinh(max(t, 0)),
    sigma) of the measured lines have, all together, on what this light lets expect (Minka 2001, UAI 17, 362)."""
    weight, mean, sd = (a.astype(float) for a in stars.lines(light, z))
    covariance = stars.correlation(z).astype(float) * sd[..., :, None] * sd[..., None, :]
    e = given_evidence(ew, ew_ivar, stars.weights.ew_ratio, jnp.float64)
    value, sigma = e.value.astype(float), jnp.where(e.measured, e.sigma, 1.0).astype(float)
    at = jnp.arcsinh(jnp.maximum(value, 0))

    def moments(log_w: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        def narrower(_: int, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            low, high = state[:2]
            t = low[..., None] + (high - low)[..., None] * jnp.linspace(0, 1, _POINTS)
            u = (value[..., None] - jnp.sinh(jnp.clip(t, 0, 9.9))) / sigma[..., None]
            each = -0.5 * (t[:, None] - m[..., None]) ** 2 / v[..., None] + (log_w - 0.5 * jnp.log(v))[..., None]
            log_p = -0.5 * u * u + jax.nn.logsumexp(each, axis=1)
            p = jnp.exp(log_p - log_p.max(-1, keepdims=True))
            p = p / p.sum(-1, keepdims=True)
            post_mean = (p * t).sum(-1)
            step = (high - low) / (_POINTS - 1)
            post_var = jnp.maximum((p * (t - post_mean[..., None]) ** 2).sum(-1), 0.01 * step * step)
            # Wide: below t = 0 the likelihood is flat, a tail that a weak measurement does not end.
            reach = _REACH * jnp.maximum(2 * jnp.sqrt(post_var), step)
            return jnp.maximum(low, post_mean - reach), jnp.minimum(high, post_mean + reach), post_mean, post_var

        reach = _REACH * jnp.sqrt(v)
        low, high = jnp.minimum((m - reach).min(1), at - 0.5), jnp.maximum((m + reach).max(1), at + 0.5)
        # A loop, not five copies: XLA compiles one.
        return jax.lax.fori_loop(0, _PASSES, narrower, (low, high, at, at))[2:]

    def renew(_: int, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        precision, pull = state
        log_w, m, v = _without_each(weight, mean, covariance, pull / precision, 1 / precision)
        post_mean, post_var = moments(log_w, m, v)
        share = jax.nn.softmax(log_w, axis=1)
        middle = (share * m).sum(1)
        around = (share * (v + m * m)).sum(1) - middle**2
        new = jnp.clip(1 / post_var - 1 / around, 1e-3, 1e6)
        centre = (post_mean / post_var - middle / around) / new
        bound = 5 * jnp.sqrt(around + 1 / new)
        centre = jnp.clip(centre, middle - bound, middle + bound)
        new, centre = jnp.where(e.measured, new, 1 / NOTHING), jnp.where(e.measured, centre, 0.0)
        return precision + _DAMPED * (new - precision), pull + _DAMPED * (new * centre - pull)

    nothing = jnp.full(mean.shape[:1] + mean.shape[2:], 1 / NOTHING, mean.dtype), jnp.zeros_like(mean[:, 0])
    precision, pull = jax.lax.fori_loop(0, _ROUNDS, renew, nothing)
    return jnp.where(e.measured, pull / precision, 0.0), jnp.where(e.measured, 1 / precision, NOTHING)
