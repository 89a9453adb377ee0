"""Names and numbers that every part of the package shares: lines, bands, flags.

They are those of the C++ headers ``lines.hpp`` and ``flags.hpp``; a test compares them.
"""

from __future__ import annotations

LINES = (
    "OII_DOUBLET",
    "HGAMMA",
    "HBETA",
    "OIII_4959",
    "OIII_5007",
    "NII_6548",
    "HALPHA",
    "NII_6584",
    "SII_6716",
    "SII_6731",
)
"""The ten emission lines, in the order of every table, model and array of starglow."""

LINE_WAVE = (3728.48, 4341.692, 4862.71, 4960.295, 5008.24, 6549.861, 6564.6, 6585.273, 6718.294, 6732.674)
"""Rest wavelengths in vacuum, A (FastSpecFit v3, NIST); the [OII] doublet: mean of its members."""

INDEPENDENT_LINES = (0, 1, 2, 4, 6, 7, 8, 9)
"""Indices of the eight independent lines: all but the weak members of the doublets."""

DOUBLETS = ((3, 4, 3.161), (5, 7, 2.978))
"""(weak, strong, EW(strong)/EW(weak)) of the two doublets of fixed atomic ratio."""

SII_RATIO = (0.44, 1.45)
"""Range of EW(6716)/EW(6731) of [SII], from high to low density of the gas (Osterbrock & Ferland 2006)."""

BAND_EDGES = tuple(3400.0 + 300.0 * i for i in range(13))
"""Edges of the twelve top hats, A, rest frame, vacuum."""

NONFINITE = 1 << 0
BAND_MISSING = 1 << 1
NEGATIVE_BAND = 1 << 2
NO_LUMINOSITY = 1 << 3
OUT_OF_DOMAIN = 1 << 4
Z_RANGE = 1 << 5
NO_ANSWER = 1 << 9
ID_IS_ROW = 1 << 10
BOUNDED = 1 << 15
FATAL = NONFINITE | NO_ANSWER
"""Flags that mean: no finite answer."""

SIDE_BANDS = (
    (3685.0, 3711.0, 3745.0, 3771.0),
    (4296.0, 4318.0, 4372.0, 4394.0),
    (4805.0, 4835.0, 4890.0, 4920.0),
    (4900.0, 4930.0, 5036.0, 5066.0),
    (4900.0, 4930.0, 5036.0, 5066.0),
    (6470.0, 6510.0, 6622.0, 6662.0),
    (6470.0, 6510.0, 6622.0, 6662.0),
    (6470.0, 6510.0, 6622.0, 6662.0),
    (6640.0, 6680.0, 6772.0, 6812.0),
    (6640.0, 6680.0, 6772.0, 6812.0),
)
"""Of each line: the two windows (blue low, blue high, red low, red high) in which its continuum is taken, A, rest
frame."""

COMPONENTS = (
    ("OII_3726", 0, 3727.10, "O_II_3726"),
    ("OII_3729", 0, 3729.86, "O_II_3729"),
    ("HGAMMA", 1, 4341.692, "Ba_gamma_4341"),
    ("HBETA", 2, 4862.71, "Ba_beta_4861"),
    ("OIII_4959", 3, 4960.295, "O_III_4959"),
    ("OIII_5007", 4, 5008.24, "O_III_5007"),
    ("NII_6548", 5, 6549.861, "N_II_6548"),
    ("HALPHA", 6, 6564.6, "Ba_alpha_6563"),
    ("NII_6584", 7, 6585.273, "N_II_6584"),
    ("SII_6716", 8, 6718.294, "S_II_6716"),
    ("SII_6731", 9, 6732.674, "S_II_6731"),
)
"""The eleven single lines: (name, index into LINES, rest wavelength in vacuum / A, name in DSPS and diffsky)."""
