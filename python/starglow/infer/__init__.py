"""From light and lines to stars: star-formation histories, metals and dust of galaxies and of populations.

::

    import starglow.infer as sgi

    stars = sgi.Stars()                             # DSPS on the package's stellar populations; lines
    survey = sgi.Survey(band_flux, band_flux_ivar, ew=ew, ew_ivar=ew_ivar)
    start = sgi.amortise(stars, survey, seed=1)     # a network trained on mock galaxies with the survey's errors
    posterior = sgi.galaxies(start, survey)         # weighted samples of every galaxy; milliseconds each
    population = sgi.population(posterior)          # the distribution that they come from, by NUTS
    one = sgi.nuts(stars, survey, 0)                # one galaxy without the network

The answers are ArviZ's InferenceData. docs/infer.md says what is assumed, and how to check the widths.
"""

try:
    import arviz as _arviz  # noqa: F401
    import blackjax as _blackjax  # noqa: F401
    import dsps as _dsps  # noqa: F401
    import optax as _optax  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"starglow.infer needs dsps, blackjax, optax and arviz ({error}): pip install 'starglow[infer]'"
    ) from error

from .amortised import Start, amortise, galaxies
from .checks import Check, unseen_lines
from .cuts import Cut, cut
from .population import population
from .sampling import nuts
from .stars import PARAMETERS, Prior, Stars
from .survey import Survey

__all__ = [
    "PARAMETERS",
    "Check",
    "Cut",
    "Prior",
    "Stars",
    "Start",
    "Survey",
    "amortise",
    "cut",
    "galaxies",
    "nuts",
    "population",
    "unseen_lines",
]
