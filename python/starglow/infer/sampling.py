"""NUTS, by blackjax with its window adaptation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import error
from .stars import PARAMETERS, Stars
from .survey import Survey, checked, log_likelihood, sites

_DOUBLINGS = 7  # of a trajectory, at most
_STARTS = 512  # draws of the prior, the best of which begins a chain
_SMALL = 10000  # numbers
_SETTLE = 50  # steps of each chain that are left out


@partial(jax.jit, static_argnums=(0, 4, 5, 6, 7))
def _run(
    density: Callable[..., jax.Array],
    data: Any,
    start: jax.Array,
    key: jax.Array,
    draws: int,
    tune: int,
    chains: int,
    accept: float,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    warm_key, run_key, scatter = jax.random.split(key, 3)

    def of(theta: jax.Array) -> jax.Array:
        return density(data, theta)

    adaptation = blackjax.window_adaptation(
        blackjax.nuts, of, is_mass_matrix_diagonal=False, target_acceptance_rate=accept, max_num_doublings=_DOUBLINGS
    )
    (_, tuned), _ = adaptation.run(warm_key, start, num_steps=tune)
    kernel = blackjax.nuts(of, tuned["step_size"], tuned["inverse_mass_matrix"], max_num_doublings=_DOUBLINGS)
    spread = jnp.sqrt(jnp.diagonal(tuned["inverse_mass_matrix"]))

    def chain(k: jax.Array, position: jax.Array) -> Any:
        def one(state: Any, step_key: jax.Array) -> Any:
            state, info = kernel.step(step_key, state)
            return state, (state.position, info.is_divergent, info.acceptance_rate, state.logdensity)

        return jax.lax.scan(one, kernel.init(position), jax.random.split(k, draws + _SETTLE))[1]

    at = start + 0.5 * spread * jax.random.normal(scatter, (chains, start.shape[0]))
    keys = jax.random.split(run_key, chains)
    # Small data: the chains step together. Large data would be needed once for each.
    together = sum(leaf.size for leaf in jax.tree_util.tree_leaves(data)) < _SMALL
    answers = jax.vmap(chain)(keys, at) if together else jax.lax.map(lambda a: chain(*a), (keys, at))
    position, divergent, acceptance, log_p = answers
    said = {"diverging": divergent, "acceptance_rate": acceptance, "lp": log_p}
    return position[:, _SETTLE:], {k: v[:, _SETTLE:] for k, v in said.items()}


def run_nuts(
    density: Callable[..., jax.Array],
    data: Any,
    start: Any,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    accept: float = 0.9,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Chains of NUTS (Hoffman & Gelman 2014): samples (chains, draws, d), and statistics.

    density(data, parameters): a function that is compiled once for each shape of `data`. `accept`: the rate of
    acceptance that the length of a step is made for; lower where the density is nearly normal.
    """
    samples, said = _run(density, data, jnp.asarray(start, float), jax.random.key(seed), draws, tune, chains, accept)
    if not np.isfinite(said["lp"]).all():
        raise error("numeric", "the posterior is not finite", "", "data that the model can give")
    return np.asarray(samples), {k: np.asarray(v) for k, v in said.items()}


def _of_normals(stars: Stars, u: Any) -> jax.Array:
    return jnp.asarray(stars.prior.mean) + jnp.asarray(stars.prior.sd) * u


@cache
def _galaxy_density(stars: Stars) -> Callable[[Any, jax.Array], jax.Array]:
    def density(data: Any, u: jax.Array) -> jax.Array:
        value = log_likelihood(stars, _of_normals(stars, u)[None], data)[0][0].astype(u.dtype) - 0.5 * (u * u).sum()
        return jnp.where(jnp.isfinite(value), value, -1e8)

    return density


@partial(jax.jit, static_argnums=0)
def _best_of_prior(stars: Stars, data: Any, key: jax.Array) -> jax.Array:
    u = jax.random.normal(key, (_STARTS, len(PARAMETERS)))
    value = log_likelihood(stars, _of_normals(stars, u), data)[0]
    return u[jnp.argmax(jnp.where(jnp.isfinite(value), value, -jnp.inf) - 0.5 * (u * u).sum(-1))]


def nuts(
    stars: Stars, survey: Survey, row: int, *, draws: int = 500, tune: int = 500, chains: int = 2, seed: int = 1
) -> Any:
    """The parameters of one galaxy by NUTS.

    Parameters
    ----------
    stars : Stars
    survey : Survey
    row : int
    draws, tune, chains, seed : int

    Returns
    -------
    arviz.InferenceData
        ``posterior`` of the PARAMETERS and of ``lg_ssfr``, under ``stars.prior``.
    """
    import arviz

    if not 0 <= row < len(survey):
        raise error("usage", "no such galaxy", str(row), f"0 to {len(survey) - 1}")
    data = sites(stars, checked(survey)[row : row + 1])

    start = _best_of_prior(stars, data, jax.random.key(seed))
    normals, said = run_nuts(_galaxy_density(stars), data, start, draws=draws, tune=tune, chains=chains, seed=seed)
    samples = np.asarray(_of_normals(stars, normals))
    named = {name: samples[..., k] for k, name in enumerate(PARAMETERS)}
    named["lg_ssfr"] = np.asarray(stars.lg_ssfr(samples))
    return arviz.from_dict(posterior=named, sample_stats=said)
