"""Khederlarian et al. 2024 (MNRAS 531, 1454) again, from its public files: ``python -m starglow.reproduce``.

Every figure and table that those files allow, each number beside the published one, a model of this package beside the
paper's
in every panel, and a list of what cannot be made and what is lacking. Without the files a synthetic stand-in takes
their place, and says so.
"""

from .numbers import Result, run

__all__ = ["Result", "run"]
