"""The distribution of the galaxies' parameters, from their posteriors."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import error
from .sampling import run_nuts
from .stars import PARAMETERS

MEAN_SD = 0.7  # of the prior of a population's means, in units of the sd of the galaxies' prior
SCATTER = 0.5  # median of the prior of its scatters, in the same units
SCATTER_SD = 0.4  # of its logarithm


def hyper_to_population(hyper: Any, prior_mean: Any, prior_sd: Any) -> tuple[jax.Array, jax.Array]:
    """Means and scatters (..., 4) of hyperparameters (..., 8), whose prior is standard normal."""
    hyper = jnp.asarray(hyper)
    d = len(PARAMETERS)
    mean = jnp.asarray(prior_mean) + MEAN_SD * jnp.asarray(prior_sd) * hyper[..., :d]
    return mean, jnp.asarray(prior_sd) * SCATTER * jnp.exp(SCATTER_SD * hyper[..., d:])


def _density(data: Any, hyper: jax.Array) -> jax.Array:
    theta, base, prior_mean, prior_sd = data
    mean, scatter = hyper_to_population(hyper, prior_mean, prior_sd)
    v = (theta - mean) / scatter
    log_p = -0.5 * (v * v).sum(-1) - jnp.log(scatter).sum()
    return jax.nn.logsumexp(base + log_p, axis=0).sum() - 0.5 * (hyper * hyper).sum()


def population(posterior: Any, *, draws: int = 400, tune: int = 300, chains: int = 2, seed: int = 1) -> Any:
    """The population that galaxies were drawn from: mean and scatter of each of the PARAMETERS.

    Parameters
    ----------
    posterior : arviz.InferenceData
        Of :func:`galaxies`: its proposals are weighed anew under each population (importance sampling, as Hogg, Myers &
        Bovy 2010), and that likelihood is sampled by NUTS.
    draws, tune, chains, seed : int

    Returns
    -------
    arviz.InferenceData
        ``posterior`` of ``mean`` and ``scatter`` (chain, draw, parameter). Prior of a mean: normal, MEAN_SD times the
        sd of the galaxies' prior; of a scatter: log-normal about SCATTER times that sd. Every galaxy counts once: a
        survey with a cut is answered as its own population.
    """
    import arviz

    if "proposals" not in posterior.groups():
        raise error("usage", "this posterior has no proposals", "", "what starglow.infer.galaxies gives")
    kept = posterior.proposals
    theta, log_w = jnp.asarray(kept["theta"].values), jnp.asarray(kept["log_weight"].values)
    prior_mean, prior_sd = (np.asarray(kept.attrs[k]) for k in ("prior_mean", "prior_sd"))
    u = (theta - prior_mean) / prior_sd
    log_prior = -0.5 * (u * u).sum(-1) - np.log(prior_sd).sum()
    base = log_w - jax.nn.logsumexp(log_w, axis=0) - log_prior

    samples, said = run_nuts(
        _density,
        (theta, base, prior_mean, prior_sd),
        jnp.zeros(2 * len(PARAMETERS)),
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
    )
    mean, scatter = hyper_to_population(samples, prior_mean, prior_sd)
    named = {"mean": np.asarray(mean), "scatter": np.asarray(scatter)}
    out = arviz.from_dict(
        posterior=named,
        sample_stats=said,
        coords={"parameter": list(PARAMETERS)},
        dims={"mean": ["parameter"], "scatter": ["parameter"]},
    )
    # How many proposals of a galaxy still count under the population found.
    at_mean, at_scatter = mean.reshape(-1, len(PARAMETERS)).mean(0), scatter.reshape(-1, len(PARAMETERS)).mean(0)
    v = (theta - at_mean) / at_scatter
    w = jnp.exp(jax.nn.log_softmax(base - 0.5 * (v * v).sum(-1), axis=0))
    out.attrs["median_ess"] = float(jnp.median(1 / (w * w).sum(0)))
    out.attrs |= {k: posterior.attrs[k] for k in ("check", "check_passed") if k in posterior.attrs}
    return out
