"""Surveys that were cut: which share of a population's galaxies passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import error
from .stars import PARAMETERS, Stars
from .survey import Survey, checked, simulate

_WIDER = 1.3  # than the galaxies' prior: where populations may lie
_AT_ONCE = 4096
_simulate = jax.jit(simulate, static_argnums=0)


@dataclass(frozen=True)
class Cut:
    """Mock galaxies that pass a survey's cut; of :func:`cut`, for :func:`population`."""

    u: np.ndarray  #: (passed, 4): their parameters in units of the prior
    log_density: np.ndarray  #: (passed): ln of the density that they were drawn from
    drawn: int  #: how many were drawn
    prior: tuple[Any, ...]


def cut(stars: Stars, like: Survey, passes: Callable[[Survey], Any], *, galaxies: int = 40000, seed: int = 1) -> Cut:
    """Which galaxies a survey's cut lets pass, by mock galaxies as the survey sees them.

    Parameters
    ----------
    stars : Stars
    like : Survey
        Whose errors, missing bands and lines, and redshifts the mock galaxies have: those of *all* galaxies that were
        looked at, not only of the ones that passed.
    passes : callable
        Given a Survey of n galaxies, says of each whether it would be in the catalogue: (n,) bool, as
        ``lambda s: s.ew[:, HALPHA] * s.ew_ivar[:, HALPHA] ** 0.5 > 3``. It may look at colours and lines, noise
        included, and not at brightness, which is not one of the parameters.
    galaxies, seed : int
    """
    like = checked(like)
    d = len(PARAMETERS)
    key = jax.random.key(seed)
    mean, sd = (jnp.asarray(a) for a in stars.prior)
    kept = []
    rounds = max(1, -(-galaxies // _AT_ONCE))
    for k in range(rounds):
        draw, noise = jax.random.split(jax.random.fold_in(key, k))
        u = _WIDER * jax.random.normal(draw, (_AT_ONCE, d))
        into = np.asarray(passes(_simulate(stars, mean + sd * u, like, noise)))
        if into.shape != (_AT_ONCE,) or into.dtype != bool:
            raise error("usage", "passes gives no mask", f"{into.dtype}, shape {into.shape}", "(n,) bool")
        kept.append(np.asarray(u)[into])
    passed = np.concatenate(kept)
    if len(passed) < 100:
        raise error("input", "hardly a galaxy passes the cut", f"{len(passed)} of {rounds * _AT_ONCE}", "100 or more")
    log_density = -0.5 * ((passed / _WIDER) ** 2).sum(1) - d * np.log(_WIDER)
    return Cut(passed, log_density, rounds * _AT_ONCE, tuple(map(tuple, stars.prior)))
