"""What a table's numbers mean, against what a model was trained on; the twin of ``src/model/conventions.cpp``."""

from __future__ import annotations

from .._arrays import conventions as said
from ..errors import error
from .weights import Weights

_VALUES = {
    "APERTURE": ("fibre", "total"),
    "MWCORR": ("T", "F"),
    "FLUXSCAL": ("absolute", "relative"),
    "VACUUM": ("T", "F"),
}


def usable_conventions(weights: Weights, conventions: dict[str, str] | None = None) -> tuple[bool, bool]:
    """(luminosity, redshift) usable? What the fluxes mean against what the model was trained on.

    `conventions`: header words of a table (docs/tables.md), e.g. ``{"APERTURE": "total"}``; a word that is absent is
    unknown, which is no clash. Light of another aperture keeps its colours, but its luminosity and redshift stand for
    another part of the galaxy: the networks without them answer. Another treatment of Galactic dust is converted by
    `ebv` (dust.py), or by what is usual. ValueError: bands in air, and unknown words.
    """
    seen = said(conventions)
    for name, known in _VALUES.items():
        if seen.get(name, "unknown") not in (*known, "unknown"):
            raise error("input", f"{name} has an unknown value", f"'{seen[name]}'", f"{', '.join(known)} or unknown")
    trained = dict(weights.conventions)

    def differ(name: str) -> bool:
        pair = seen.get(name, "unknown"), trained[name.lower()]
        return "unknown" not in pair and pair[0] != pair[1]

    if seen.get("VACUUM") == "F":
        raise error(
            "model", "the table's bands are in air wavelengths", "VACUUM = F", "vacuum", "Measure them again in vacuum."
        )
    same = not differ("APERTURE")
    return same and seen.get("FLUXSCAL") != "relative", same
