"""Is the model one of these galaxies? And what lines have they that were not measured?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import jax as sgj
from ..jax.joint import Distribution
from ..names import LINES
from .stars import PARAMETERS, Stars
from .survey import Data, Survey, best_residuals

HALPHA = LINES.index("HALPHA")
_AT_ONCE = 512  # galaxies
_REPLICAS = 1024  # of the galaxies, at least
_SIGMA = 3.0  # beyond which the model is not one of these galaxies


@dataclass(frozen=True)
class Check:
    """A predictive check of a survey: how far its galaxies lie from mock galaxies with their own parameters.

    Attributes
    ----------
    bands : float
        Mean of the galaxies' least chi^2 of their bands, less that of mock galaxies with the same errors, in standard
        errors of the survey's mean.
    pattern : float
        The same of what the galaxies' residuals have in common, band by band (Hotelling's T^2), as standard deviations
        of a normal distribution. Stars of another library leave the same residual in every galaxy.
    """

    bands: float
    pattern: float

    @property
    def passed(self) -> bool:
        return bool(abs(self.bands) < _SIGMA and self.pattern < _SIGMA)

    def __str__(self) -> str:
        what = "agree with" if self.passed else "DO NOT FIT"
        return (
            f"the bands {what} these stars: mean least chi^2 off by {self.bands:+.1f} standard errors, "
            f"residuals in common {self.pattern:+.1f}"
        )


@partial(jax.jit, static_argnums=0)
def _replicas(stars: Stars, theta: jax.Array, flux: jax.Array, ivar: jax.Array, key: jax.Array) -> jax.Array:
    shape = stars.bands(theta)
    shape = shape / shape.mean(-1, keepdims=True)
    true = (ivar * shape * flux).sum(-1, keepdims=True) / (ivar * shape * shape).sum(-1, keepdims=True) * shape
    noise = jax.random.normal(key, true.shape, true.dtype) / jnp.sqrt(jnp.where(ivar > 0, ivar, 1))
    seen = jnp.maximum(true + jnp.where(ivar > 0, noise, 0), 1e-3 * true)
    nothing = jnp.zeros((len(theta), 8))
    return best_residuals(stars, theta, Data(seen, ivar, jnp.ones(len(theta)), None, nothing, nothing))


def replicas(stars: Stars, survey: Survey, theta: np.ndarray, seed: int) -> np.ndarray:
    """Residuals of the bands, as those of :func:`best_residuals`, of mock galaxies (m, 12) with the survey's errors and
    parameters drawn from its galaxies' posteriors `theta` (draws, n, 4)."""
    n = len(survey)
    flux, ivar = np.asarray(survey.band_flux), np.asarray(survey.band_flux_ivar)
    scale = np.where(ivar > 0, flux, 0).sum(1, keepdims=True) / (ivar > 0).sum(1, keepdims=True)
    flux, ivar = (a.astype(stars.weights.dtype) for a in (flux / scale, ivar * scale**2))
    made = []
    for k in range(-(-max(n, _REPLICAS) // _REPLICAS)):
        of = np.arange(k * _REPLICAS, (k + 1) * _REPLICAS)
        rows = of % n
        key = jax.random.fold_in(jax.random.key(seed), k)
        made.append(np.asarray(_replicas(stars, theta[of // n % len(theta), rows], flux[rows], ivar[rows], key), float))
    return np.concatenate(made)


def check_of(residuals: np.ndarray, ours: np.ndarray) -> Check:
    """Of galaxies whose bands have these residuals at their best fit, (n, 12) in standard errors, beside those of mock
    galaxies (m, 12)."""
    # Both means scatter: that of the survey and that of the mock galaxies.
    both = 1 / len(residuals) + 1 / len(ours)
    chi2, expected = (residuals**2).sum(1), (ours**2).sum(1)
    bands = (chi2.mean() - expected.mean()) / (expected.std() * np.sqrt(both))
    apart = residuals.mean(0) - ours.mean(0)
    size, axes = np.linalg.eigh(np.cov(ours.T) * both)
    # A fit takes directions away, different ones for each galaxy: what is left of them says nothing sure.
    used = size > 0.05 * size[-1]
    t2 = float((((axes.T @ apart) ** 2)[used] / size[used]).sum())
    k = int(used.sum())
    pattern = ((t2 / k) ** (1 / 3) - 1 + 2 / (9 * k)) / np.sqrt(2 / (9 * k))  # Wilson & Hilferty (1931)
    return Check(float(bands), float(pattern))


def unseen_lines(stars: Stars, survey: Survey, posterior: Any, *, draws: int = 32, seed: int = 1) -> np.ndarray:
    """All ten lines of each galaxy, measured or not, as its stars and its measured lines say; (n, 10, draws), A.

    Parameters
    ----------
    posterior : arviz.InferenceData
        Of :func:`galaxies` for the same survey.
    """
    p = posterior.posterior
    theta = np.stack([p[name].values[0] for name in PARAMETERS], axis=-1)[:draws]
    n, made = len(survey), []
    step = min(n, _AT_ONCE)
    for first in range(0, n, step):
        rows = np.minimum(np.arange(first, first + step), n - 1)  # one shape: compiled once
        ids = rows[None] * len(theta) + np.arange(len(theta))[:, None]
        ew = _unseen(stars, survey[rows], jnp.asarray(theta[:, rows]), sgj.split_ids(ids), np.uint32(seed))
        made.append(np.moveaxis(np.asarray(ew), 0, -1)[: n - first])
    return np.concatenate(made)


@partial(jax.jit, static_argnums=0)
def _unseen(stars: Stars, survey: Survey, theta: jax.Array, ids: Any, seed: Any) -> jax.Array:
    dtype = stars.weights.dtype
    bands = stars.bands(theta)
    bands = bands / bands.mean(-1, keepdims=True)
    flux, ivar = (a.astype(dtype) for a in (survey.band_flux, survey.band_flux_ivar))
    scale = (ivar * bands * flux).sum(-1) / (ivar * bands**2).sum(-1)
    z = None if survey.z is None else survey.z.astype(dtype)
    weight, mean, sd = stars.lines(scale[..., None] * bands, z)
    factor = jnp.broadcast_to(stars.factor(z), (*weight.shape, 8, 8))
    known = jnp.ones(weight.shape[:-1], bool)
    d = Distribution(weight, mean, sd, factor, mean[..., 0, :], known, stars.weights.ew_ratio.astype(dtype))
    if stars.follow == "photons":
        ew, sigma = stars.photon_halpha(theta)
        given, ivar = (jnp.zeros((*known.shape, 10), dtype).at[..., HALPHA].set(a) for a in (ew, sigma**-2.0))
        d = sgj.condition(d, given, ivar, lines=["HALPHA"])
    if survey.ew is not None:
        measured = (jnp.broadcast_to(a.astype(dtype), (*known.shape, 10)) for a in (survey.ew, survey.ew_ivar))
        d = sgj.condition(d, *measured)
    return sgj.draw(d, ids, draws=1, seed=seed)[..., 0]
