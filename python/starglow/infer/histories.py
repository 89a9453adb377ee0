"""Light of a history of star formation, tabulated: smooth in the parameters, and a product of matrices to evaluate.

Light is linear in the mass formed at each age. Of the two pieces of a history, before the last 0.1 Gyr and within it,
each has the light of a unit of mass, a smooth function of log tau and log Z. It is computed at Chebyshev nodes with the
populations of the grid, and its logarithm is a Chebyshev series of a few principal components."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from dsps.sed.metallicity_weights import calc_lgmet_weights_from_lognormal_mdf

from ..errors import error

RECENT = 0.1  # Gyr
_LN10 = float(np.log(10))  # a number of Python: one of NumPy would make float64 of float32
LG_TAU = (-0.8, 1.8)  # a history of a shorter or longer time scale looks like the last of these
_TAU_NODES, _MET_NODES = 28, 22
_BEYOND = 0.4  # dex that the mean metallicity may lie beyond the grid
_KEPT = 1e-5  # of the largest singular value: components below are left out


def _formed(first: Any, last: Any, tau: Any, from_: float) -> Any:
    """Mass formed between two times by a rate t/tau exp(-t/tau), over tau exp(-from_/tau)."""
    x, d = first / tau, (last - first) / tau
    # (1 + x) - (1 + x + d) exp(-d), without the difference of nearly equal numbers
    return np.exp(-(first - from_) / tau) * (-(1 + x) * np.expm1(-d) - d * np.exp(-d))


def recent_over_old(lg_tau: Any, t_obs: float) -> jax.Array:
    """log10 of the mass formed in the last 0.1 Gyr over that formed before, by t exp(-t/tau); (...)."""
    tau = 10 ** jnp.clip(jnp.asarray(lg_tau, float), *LG_TAU)
    x, d, split = (t_obs - RECENT) / tau, RECENT / tau, (t_obs - RECENT) / tau
    recent = -(1 + x) * jnp.expm1(-d) - d * jnp.exp(-d)
    old = -jnp.expm1(-split) - split * jnp.exp(-split)
    return (jnp.log(recent) - x - jnp.log(old)) / _LN10


def _age_edges(lg_age: np.ndarray) -> np.ndarray:
    """log10 of the ages between the populations of a grid, as DSPS has them: younger and older stars give no light."""
    middle = 0.5 * (lg_age[1:] + lg_age[:-1])
    width = np.append(np.diff(middle), lg_age[-1] + 0.5 * (middle[-1] - middle[-2]) - middle[-1])
    first = lg_age[0] - 0.5 * (lg_age[1] - lg_age[0])
    return np.concatenate([[first], lg_age[1:] - 0.5 * width, [lg_age[-1] + 0.5 * width[-1]]])


def age_weights(tau: float, lg_age: np.ndarray, t_obs: float) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the mass formed before the last 0.1 Gyr, and within it, that each population of a grid stands for."""
    born = np.maximum(t_obs - 10 ** _age_edges(lg_age), 0.0)
    split = t_obs - RECENT
    recent = _formed(np.maximum(born[1:], split), np.maximum(born[:-1], split), tau, split)
    # An early history: counted from its beginning, or all of it is a zero.
    old = _formed(np.minimum(born[1:], split), np.minimum(born[:-1], split), tau, 0.0)
    return old / _formed(0.0, split, tau, 0.0), recent / _formed(split, t_obs, tau, split)


def _chebyshev(x: jax.Array, n: int) -> jax.Array:
    """Polynomials T_0 ... T_(n-1) at x in -1 ... 1; (..., n)."""
    t = [jnp.ones_like(x), x]
    for _ in range(n - 2):
        t.append(2 * x * t[-1] - t[-2])
    return jnp.stack(t, axis=-1)


def _series(values: np.ndarray) -> np.ndarray:
    """Coefficients of the Chebyshev series through values at the Chebyshev nodes of two axes (n, m, ...)."""
    for axis in (0, 1):
        n = values.shape[axis]
        nodes = np.polynomial.chebyshev.chebpts1(n)
        inverse = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, n - 1))
        values = np.moveaxis(np.tensordot(inverse, values, (1, axis)), 0, axis)
    return values


class LightTable(NamedTuple):
    """Light per M_sun formed of parameters; call it with (lg_tau, lg_recent, lg_met, ...) (..., >= 3)."""

    low: np.ndarray  #: (2) of lg_tau and lg_met
    high: np.ndarray
    coefficients: np.ndarray  #: (tau, met, 2 pieces, components)
    ratio: np.ndarray  #: (tau): ln of recent over old mass
    basis: np.ndarray  #: (components, parts)
    mean: np.ndarray  #: (parts)

    def __call__(self, theta: jax.Array) -> jax.Array:
        dtype = theta.dtype
        both = theta[..., (0, 2)]
        x = jnp.clip((2 * both - (self.low + self.high).astype(dtype)) / (self.high - self.low).astype(dtype), -1, 1)
        n, m, _, k = self.coefficients.shape
        t_tau, t_met = _chebyshev(x[..., 0], n), _chebyshev(x[..., 1], m)
        product = (t_tau[..., :, None] * t_met[..., None, :]).reshape(*x.shape[:-1], n * m)
        full = jax.lax.Precision.HIGHEST
        scores = jnp.matmul(product, self.coefficients.reshape(n * m, 2 * k).astype(dtype), precision=full)
        log_light = jnp.matmul(scores.reshape(*x.shape[:-1], 2, k), self.basis.astype(dtype), precision=full)
        light = jnp.exp(log_light + self.mean.astype(dtype))
        log_ratio = jnp.matmul(t_tau, self.ratio.astype(dtype), precision=full) + _LN10 * theta[..., 1]
        share = jax.nn.sigmoid(log_ratio)[..., None]
        return (1 - share) * light[..., 0, :] + share * light[..., 1, :]


def light_table(light: np.ndarray, lgmet: Any, lg_age: Any, t_obs: float, scatter: float) -> LightTable:
    """Of the light (met, age, parts) of a grid's populations, L_sun/A per M_sun formed."""
    lgmet, lg_age = np.asarray(lgmet, float), np.asarray(lg_age, float)
    low = np.array([LG_TAU[0], lgmet[0] - _BEYOND])
    high = np.array([LG_TAU[1], lgmet[-1] + _BEYOND])
    lg_tau, mets = (
        0.5 * (a + b) + 0.5 * (b - a) * np.polynomial.chebyshev.chebpts1(n)
        for a, b, n in zip(low, high, (_TAU_NODES, _MET_NODES))
    )
    by_met = np.asarray(jax.vmap(lambda m: calc_lgmet_weights_from_lognormal_mdf(m, scatter, jnp.asarray(lgmet)))(mets))
    by_age = np.array([age_weights(10**t, lg_age, t_obs) for t in lg_tau])  # (tau, 2, age)
    summed = np.einsum("qm,tsa,map->tqsp", by_met, by_age, light, optimize=True)
    if not (summed > 0).all():
        raise error(
            "input",
            "the grid has no light for the stars of the last 0.1 Gyr",
            f"youngest population {10 ** lg_age[0]:.3g} Gyr",
            "populations younger than 0.1 Gyr, with light everywhere",
        )
    log_light = np.log(summed)
    mean = log_light.mean((0, 1, 2))
    u, size, basis = np.linalg.svd((log_light - mean).reshape(-1, light.shape[-1]), full_matrices=False)
    k = int((size > _KEPT * size[0]).sum())
    scores = (u[:, :k] * size[:k]).reshape(*log_light.shape[:3], k)
    ratio = _LN10 * np.asarray(recent_over_old(lg_tau, t_obs))
    return LightTable(low, high, _series(scores), _series(ratio[:, None])[:, 0], basis[:k], mean)
