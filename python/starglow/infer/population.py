"""The distribution of the galaxies' parameters, from their posteriors."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import error
from .cuts import Cut
from .sampling import run_nuts
from .stars import PARAMETERS

MEAN_SD = 0.7  # of the prior of a population's means, in units of the sd of the galaxies' prior
SCATTER = 0.5  # median of the prior of its scatters, in the same units
SCATTER_SD = 0.4  # of its logarithm
_CLIMBS = 25  # steps to the peak, at most
_LEAST = -1e4  # ln of a weight
_DRAW_ERROR = 0.3  # standard deviations
_DRAW_BIAS = 1.0  # the same
_ACCEPT = 0.8  # of NUTS: what it samples is nearly standard normal


def hyper_to_population(hyper: Any, prior_mean: Any, prior_sd: Any) -> tuple[jax.Array, jax.Array]:
    """Means and scatters (..., 4) of hyperparameters (..., 8), whose prior is standard normal."""
    hyper = jnp.asarray(hyper)
    d = len(PARAMETERS)
    mean = jnp.asarray(prior_mean) + MEAN_SD * jnp.asarray(prior_sd) * hyper[..., :d]
    return mean, jnp.asarray(prior_sd) * SCATTER * jnp.exp(SCATTER_SD * hyper[..., d:])


def _density(data: Any, hyper: jax.Array) -> jax.Array:
    # In units of the prior: proposals (draws, n, 4), ln of likelihood over proposal; those that pass a cut.
    u, base, passed = data
    d = len(PARAMETERS)
    mean = MEAN_SD * hyper[:d]
    log_scatter = float(np.log(SCATTER)) + SCATTER_SD * hyper[d:]
    v = (u - mean.astype(u.dtype)) * jnp.exp(-log_scatter).astype(u.dtype)
    each = jax.nn.logsumexp(base - 0.5 * (v * v).sum(-1), axis=0)
    value = each.sum(dtype=hyper.dtype) - u.shape[1] * log_scatter.sum() - 0.5 * (hyper * hyper).sum()
    if passed is not None:
        value = value - u.shape[1] * jax.nn.logsumexp(_of_passed(passed, hyper))
    return value


def _of_passed(passed: tuple[jax.Array, jax.Array], hyper: jax.Array) -> jax.Array:
    """ln of a population's density over that which the galaxies that pass a cut were drawn from, up to a constant."""
    d = len(PARAMETERS)
    u, log_density = passed
    log_scatter = float(np.log(SCATTER)) + SCATTER_SD * hyper[d:]
    v = (u - MEAN_SD * hyper[:d]) / jnp.exp(log_scatter)
    return -0.5 * (v * v).sum(-1) - log_scatter.sum() - log_density


def _whitened(data: Any, z: jax.Array) -> jax.Array:
    return _density(data[:3], data[3] + data[4] @ z)


@jax.jit
def _peak(data: Any) -> tuple[jax.Array, jax.Array]:
    """The most probable hyperparameters, and a square root of the inverse of the curvature there."""
    of = partial(_density, data)
    slope = jax.grad(of)
    d = 2 * len(PARAMETERS)

    def curvature(h: jax.Array) -> tuple[jax.Array, jax.Array]:
        rows = jax.lax.map(lambda e: jax.jvp(slope, (h,), (e,))[1], jnp.eye(d, dtype=h.dtype))
        size, axes = jnp.linalg.eigh(-0.5 * (rows + rows.T))
        return jnp.maximum(jnp.abs(size), 1.0), axes  # the prior's own is 1

    def step(_: int, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        at, best, reach = state
        size, axes = curvature(at)
        move = axes @ ((axes.T @ slope(at)) / size)
        tried = at + move * jnp.minimum(1.0, reach / jnp.sqrt((move * move).sum()))
        value = of(tried)
        good = value > best
        return jnp.where(good, tried, at), jnp.where(good, value, best), jnp.where(good, 2 * reach, reach / 4)

    begin = jnp.zeros(d, float)
    at = jax.lax.fori_loop(0, _CLIMBS, step, (begin, of(begin), jnp.asarray(1.0)))[0]
    size, axes = curvature(at)
    return at, axes / jnp.sqrt(size)


def _draw_error(w: np.ndarray, v: Any, scatter: Any, root: np.ndarray) -> float:
    """Standard error that the draws' finite number gives to the peak, in standard deviations, of the worst direction.

    w (draws, n) weights of each galaxy's draws, v (draws, n, 4) their distances in scatters. It is that of independent
    draws; those of an even sequence do better."""
    v, variance = np.asarray(v), np.zeros(root.shape[1])
    for i in range(w.shape[1]):
        slope = (
            np.concatenate([MEAN_SD * v[:, i] / np.asarray(scatter), SCATTER_SD * (v[:, i] ** 2 - 1)], axis=1) @ root
        )
        variance += w[:, i] ** 2 @ (slope - w[:, i] @ slope) ** 2
    return float(np.sqrt(variance.max()))


def _draw_bias(w: np.ndarray, v: Any, scatter: Any, root: np.ndarray) -> float:
    """By how much the draws' finite number pulls the peak aside, in standard deviations, in all directions together.

    The logarithm of a mean of random weights is too low by half of the sum of their squares (to second order): a pull
    towards the populations that the draws know well. Each galaxy's is small, but the intervals shrink with their
    number and the pull does not. Shapes as in _draw_error; that of independent draws, as there."""
    v, slope = np.asarray(v), np.zeros(root.shape[0])
    for i in range(w.shape[1]):
        each = np.concatenate([MEAN_SD * v[:, i] / np.asarray(scatter), SCATTER_SD * (v[:, i] ** 2 - 1)], axis=1)
        square = w[:, i] ** 2
        slope += square @ each - square.sum() * (w[:, i] @ each)
    return float(np.sqrt(((slope @ root) ** 2).sum()))


def population(
    posterior: Any, *, cut: Cut | None = None, draws: int = 400, tune: int = 150, chains: int = 2, seed: int = 1
) -> Any:
    """The population that galaxies were drawn from: mean and scatter of each of the PARAMETERS.

    Parameters
    ----------
    posterior : arviz.InferenceData
        Of :func:`galaxies`: its proposals are weighed anew under each population (importance sampling, as Hogg, Myers &
        Bovy 2010), and that likelihood is sampled by NUTS.
    cut : Cut, optional
        Of :func:`cut`: the answer is then the population before the cut (Mandel, Farr & Gair 2019); without it, that
        of the galaxies in the survey.
    draws, tune, chains, seed : int

    Returns
    -------
    arviz.InferenceData
        ``posterior`` of ``mean`` and ``scatter`` (chain, draw, parameter). Prior of a mean: normal, MEAN_SD times the
        sd of the galaxies' prior; of a scatter: log-normal about SCATTER times that sd. Every galaxy counts once.
        ``attrs["median_ess"]``: how many proposals of a galaxy count under the population found;
        ``attrs["draw_error"]``: by how much, in standard deviations, the finite number of proposals may move it, with a
        warning where that is more than 0.3 (then make a second round of :func:`galaxies`). ``attrs["draw_bias"]``: by
        how much, in the same units, the logarithm of each galaxy's mean weight pulls it aside, all galaxies together;
        with a warning above 1, for such a pull does not shrink with the number of galaxies as the intervals do. With
        a cut, ``attrs["cut_ess"]``: how many of its mock galaxies do. Fewer than four times the galaxies are refused
        (Farr 2019): the share that passes would not be known well enough.
    """
    import arviz

    if "proposals" not in posterior.groups():
        raise error("usage", "this posterior has no proposals", "", "what starglow.infer.galaxies gives")
    kept = posterior.proposals
    theta, log_w = kept["theta"].values, kept["log_weight"].values
    prior_mean, prior_sd = (np.asarray(kept.attrs[k]) for k in ("prior_mean", "prior_sd"))
    u = jnp.asarray((theta - prior_mean) / prior_sd, "float32")
    log_w = np.where(np.isfinite(log_w), log_w, -np.inf)
    log_w = log_w - np.maximum(log_w.max(0), -1e30)
    base = jnp.asarray(np.maximum(log_w, _LEAST), "float32") + 0.5 * (u * u).sum(-1)
    passed = None
    if cut is not None:
        if cut.prior != (tuple(prior_mean), tuple(prior_sd)):
            raise error("usage", "the cut is of another prior", "", "the same Stars for galaxies and cut")
        passed = jnp.asarray(cut.u), jnp.asarray(cut.log_density)
    at, root = _peak((u, base, passed))
    z, said = run_nuts(
        _whitened,
        (u, base, passed, at, root),
        jnp.zeros_like(at),
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        accept=_ACCEPT,
    )
    samples = np.asarray(at) + z @ np.asarray(root).T
    mean, scatter = hyper_to_population(samples, prior_mean, prior_sd)
    named = {"mean": np.asarray(mean), "scatter": np.asarray(scatter)}
    out = arviz.from_dict(
        posterior=named,
        sample_stats=said,
        coords={"parameter": list(PARAMETERS)},
        dims={"mean": ["parameter"], "scatter": ["parameter"]},
    )
    # How many proposals of a galaxy still count under the population found.
    mid = np.asarray(samples).reshape(-1, len(at)).mean(0)
    centre, width = hyper_to_population(mid, prior_mean, prior_sd)
    v = (theta - centre) / width
    w = np.asarray(jnp.exp(jax.nn.log_softmax(base - 0.5 * (v * v).sum(-1), axis=0)))
    out.attrs["median_ess"] = float(np.median(1 / (w * w).sum(0)))
    out.attrs["draw_error"] = _draw_error(w, v, width / prior_sd, np.asarray(root))
    if out.attrs["draw_error"] > _DRAW_ERROR:
        warnings.warn(
            f"the galaxies' draws are few: they may move this population by {out.attrs['draw_error']:.2f} of its "
            "standard deviations; give it to starglow.infer.galaxies (population=), and the answer to population again",
            stacklevel=2,
        )
    out.attrs["draw_bias"] = _draw_bias(w, v, width / prior_sd, np.asarray(root))
    if out.attrs["draw_bias"] > _DRAW_BIAS:
        warnings.warn(
            f"{u.shape[1]} galaxies with few draws each may pull this population aside by "
            f"{out.attrs['draw_bias']:.1f} of its standard deviations: its intervals are too narrow; more draws or a "
            "second round in starglow.infer.galaxies, or fewer galaxies",
            stacklevel=2,
        )
    if passed is not None:
        share = np.asarray(jax.nn.softmax(_of_passed(passed, jnp.asarray(mid))))
        out.attrs["cut_ess"] = float(1 / (share**2).sum())
        if out.attrs["cut_ess"] < 4 * u.shape[1]:
            raise error(
                "numeric",
                "too few mock galaxies pass the cut in this population",
                f"{out.attrs['cut_ess']:.0f} that count",
                f"{4 * u.shape[1]} or more",
                "Give starglow.infer.cut more galaxies.",
            )
    out.attrs |= {k: posterior.attrs[k] for k in ("check", "check_passed") if k in posterior.attrs}
    return out
