"""Names and numbers that every part of the package shares: lines, bands, flags.

They are the C++ library's: the table of lines in ``starglow/base/lines.hpp``, the flags in ``flags.hpp``.
"""

from __future__ import annotations

from . import _core

_LINES = _core.line_table[: _core.n_lines]
_INDEX = {line["name"]: k for k, line in enumerate(_core.line_table)}
_FLAGS = {name: bit for name, bit, _ in _core.flags}

LINES: tuple[str, ...] = tuple(line["name"] for line in _LINES)
"""The ten emission lines, in the order of every table, model and array of starglow."""

ALL_LINES: tuple[str, ...] = tuple(line["name"] for line in _core.line_table)
"""The lines that ``prep`` measures and ``paint`` paints: the ten, then further ones."""

LINE_WAVE: tuple[float, ...] = tuple(line["wave"] for line in _LINES)
"""Rest wavelengths in vacuum, A (FastSpecFit v3, NIST); the [OII] doublet: mean of its members."""

INDEPENDENT_LINES: tuple[int, ...] = tuple(k for k, line in enumerate(_LINES) if not line["strong"])
"""Indices of the independent lines: all but the weak members of the doublets."""

DOUBLETS: tuple[tuple[int, int, float], ...] = tuple(
    (k, _INDEX[line["strong"]], line["ew_ratio"]) for k, line in enumerate(_LINES) if line["strong"]
)
"""(weak, strong, EW(strong)/EW(weak)) of the two doublets of fixed atomic ratio."""

FLUX_RATIOS: dict[int, float] = {k: line["flux_ratio"] for k, line in enumerate(_LINES) if line["strong"]}
"""Flux(strong)/flux(weak) of the doublets, by the index of the weak line."""

SII_PAIR: tuple[int, ...] = tuple(j for j, k in enumerate(INDEPENDENT_LINES) if LINES[k].startswith("SII_"))
"""Which of the independent lines the two of [SII] are, blue and red."""

SII_RATIO = (0.44, 1.45)
"""Range of EW(blue)/EW(red) of [SII], from high to low density of the gas (Osterbrock & Ferland 2006)."""

BAND_EDGES: tuple[float, ...] = _core.band_edges
"""Edges of the twelve top hats, A, rest frame, vacuum."""

INPUTS: tuple[str, ...] = tuple(row["name"] for row in _core.inputs)
"""Inputs that networks may have beside the band ratios, in their order (``starglow/model/inputs.hpp``)."""

INPUT_COLUMNS: dict[str, tuple[str, float, float]] = {
    row["column"]: (row["name"], row["lo"], row["hi"]) for row in _core.inputs if row["column"]
}
"""Columns of a table that are such inputs: {column: (name, lowest, highest)}; numbers outside count as missing."""

ALL_WAVE: tuple[float, ...] = tuple(line["wave"] for line in _core.line_table)
"""Rest wavelengths of ``ALL_LINES``."""


def independent(lines: tuple[int, ...]) -> tuple[int, ...]:
    """Of some lines, indices into ``ALL_LINES``, those that are no weak member of a doublet."""
    return tuple(k for k in lines if not _core.line_table[k]["strong"])


NONFINITE = _FLAGS["NONFINITE"]
BAND_MISSING = _FLAGS["BAND_MISSING"]
NEGATIVE_BAND = _FLAGS["NEGATIVE_BAND"]
NO_LUMINOSITY = _FLAGS["NO_LUMINOSITY"]
OUT_OF_DOMAIN = _FLAGS["OUT_OF_DOMAIN"]
Z_RANGE = _FLAGS["Z_RANGE"]
NO_ANSWER = _FLAGS["NO_ANSWER"]
ID_IS_ROW = _FLAGS["ID_IS_ROW"]
INPUT_MISSING = _FLAGS["INPUT_MISSING"]
BOUNDED = _FLAGS["BOUNDED"]
FATAL: int = _core.fatal_flags
"""Flags that mean: no finite answer."""

SIDE_BANDS: tuple[tuple[float, float, float, float], ...] = tuple(line["side_bands"] for line in _LINES)
"""Of each line: the two windows (blue low, blue high, red low, red high) of its continuum, A, rest frame."""

LEADING_LINES: tuple[str, ...] = tuple(line["name"] for line in _LINES if line["leads"])
"""One line of each group that shares its side bands."""

COMPONENTS: tuple[tuple[str, int, float, str], ...] = tuple(
    (name, k, wave, dsps) for k, line in enumerate(_LINES) for name, wave, dsps in line["components"]
)
"""The single lines: (name, index into LINES, rest wavelength in vacuum / A, name in DSPS and diffsky)."""
