"""Is the model one of these galaxies? And what lines have they that were not measured?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from .. import jax as sgj
from ..jax.joint import Distribution
from .stars import PARAMETERS, Stars
from .survey import Survey

if TYPE_CHECKING:
    from .amortised import Start

_SIGMA = 3.0  # beyond which the model is not one of these galaxies


@dataclass(frozen=True)
class Check:
    """A predictive check of a survey: how far its galaxies lie from the model's own.

    Attributes
    ----------
    bands : float
        Mean of the galaxies' least chi^2 of their bands, less that of mock galaxies with the same errors, in standard
        errors of the survey's mean.
    """

    bands: float

    @property
    def passed(self) -> bool:
        return bool(abs(self.bands) < _SIGMA)

    def __str__(self) -> str:
        what = "agree with" if self.passed else "DO NOT FIT"
        return f"the bands {what} these stars: mean least chi^2 off by {self.bands:+.1f} standard errors"


def check_of(start: Start, chi2: np.ndarray) -> Check:
    """Of galaxies whose bands have these least chi^2."""
    from .amortised import CHECKED

    mean, sd = start.chi2
    # Both means scatter: that of the survey and that of the mock galaxies.
    return Check(float((np.mean(chi2) - mean) / (sd * np.sqrt(1 / len(chi2) + 1 / CHECKED))))


def unseen_lines(stars: Stars, survey: Survey, posterior: Any, *, draws: int = 32, seed: int = 1) -> np.ndarray:
    """All ten lines of each galaxy, measured or not, as its stars and its measured lines say; (n, 10, draws), A.

    Parameters
    ----------
    posterior : arviz.InferenceData
        Of :func:`galaxies` for the same survey.
    """
    p = posterior.posterior
    theta = np.stack([p[name].values[0] for name in PARAMETERS], axis=-1)[:draws]
    made = []
    for k, one in enumerate(theta):
        bands = stars.bands(one)
        scale = (survey.band_flux_ivar * bands * survey.band_flux).sum(-1) / (survey.band_flux_ivar * bands**2).sum(-1)
        weight, mean, sd = stars.lines(scale[:, None] * bands, survey.z)
        factor = jnp.broadcast_to(stars.factor(survey.z), (*weight.shape, 8, 8))
        known = jnp.ones(len(survey), bool)
        d = Distribution(weight, mean, sd, factor, mean[:, 0], known, stars.weights.ew_ratio.astype(float))
        if survey.ew is not None:
            d = sgj.condition(d, survey.ew, survey.ew_ivar)
        made.append(sgj.draw(d, np.arange(len(survey)), draws=1, seed=np.uint32(seed * 1000 + k))[..., 0])
    return np.asarray(jnp.stack(made, axis=-1))
