"""Figures of ``figures/*.json``: drawing only. Bins, curves, quantiles and thinning are those of the file.

``python -m starglow.plots DIR`` draws every figure of a report; in Python::

    from starglow.plots import draw, read
    figure = draw(read("report/figures/bpt.json"))        # a matplotlib Figure
"""

try:
    import matplotlib as _matplotlib  # noqa: F401
except ImportError as error:
    raise ImportError(f"starglow.plots needs matplotlib ({error}): pip install 'starglow[plots]'") from error

from .drawing import draw
from .files import FORMATS, read, save

__all__ = ["FORMATS", "draw", "read", "save"]
