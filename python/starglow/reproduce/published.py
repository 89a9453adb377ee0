"""What is published of Khederlarian et al. 2024, as numbers: from the authors' released arrays and weights.

`SAMPLE` are the scores of their released predictions on the 4000 galaxies of the public table; `FULL` those on all
galaxies of
their arrays, of which the table is a part (all four BPT lines positive: a narrower range, so lower rho); `WEIGHTS`
what their released weights give, with their released scalers.
"""

from __future__ import annotations

#: line: (N, Spearman, NMAD / A, median predicted / observed, median EW / A, fraction with S/N > 3)
SAMPLE = {
    "OII_DOUBLET": (3884, 0.7028, 6.676, 0.920, 13.42, 0.441),
    "HGAMMA": (3120, 0.6900, 0.960, 0.927, 2.08, 0.294),
    "HBETA": (4000, 0.8519, 1.564, 0.975, 4.17, 0.591),
    "OIII_4959": (3125, 0.7401, 0.533, 1.031, 0.82, 0.189),
    "OIII_5007": (4000, 0.7256, 1.293, 0.968, 2.09, 0.434),
    "NII_6548": (3768, 0.7736, 0.822, 0.960, 2.28, 0.569),
    "HALPHA": (4000, 0.8691, 6.516, 0.974, 18.17, 0.923),
    "NII_6584": (4000, 0.7842, 2.406, 0.952, 6.45, 0.888),
    "SII_6716": (3854, 0.8355, 1.411, 0.955, 3.74, 0.731),
    "SII_6731": (3737, 0.8051, 1.142, 0.955, 2.81, 0.646),
}
#: line: (N, Spearman, NMAD / A)
FULL = {
    "OII_DOUBLET": (99685, 0.754, 4.989),
    "HGAMMA": (72204, 0.734, 0.812),
    "HBETA": (80757, 0.876, 1.329),
    "OIII_4959": (73193, 0.779, 0.389),
    "OIII_5007": (93385, 0.770, 0.920),
    "NII_6548": (92976, 0.873, 0.596),
    "HALPHA": (91166, 0.913, 4.496),
    "NII_6584": (103644, 0.877, 1.593),
    "SII_6716": (96716, 0.885, 0.934),
    "SII_6731": (90620, 0.866, 0.808),
}
#: line: (median relative difference from the released predictions, median ratio to them, Spearman with and without
#: luminosity)
WEIGHTS = {
    "OII_DOUBLET": (0.0076, 1.001, 0.702, 0.678),
    "HGAMMA": (0.0053, 1.002, 0.690, 0.685),
    "HBETA": (0.0096, 0.997, 0.852, 0.846),
    "OIII_4959": (0.0118, 0.998, 0.740, 0.730),
    "OIII_5007": (0.0125, 1.010, 0.725, 0.715),
    "NII_6548": (0.0111, 1.007, 0.774, 0.723),
    "HALPHA": (0.0135, 1.013, 0.869, 0.862),
    "NII_6584": (0.0112, 1.006, 0.784, 0.732),
    "SII_6716": (0.0135, 1.012, 0.835, 0.826),
    "SII_6731": (0.0135, 1.012, 0.805, 0.801),
}
#: half widths of the central 68 % of the EW ratios, dex: (observed, predicted, predicted + noise), of 68,127 galaxies
RATIOS = {"OIII_5007/HBETA": (0.408, 0.243, 0.323), "NII_6584/HALPHA": (0.244, 0.260, 0.254)}
SPEED_UP = 400  #: of the abstract: the network over PCA and nearest neighbours; what was timed is not said

MISSING = (
    (
        "scores of all test galaxies (N = 72,204 to 103,644)",
        "the table with their band fluxes and EWs; 4000 of them are public",
    ),
    (
        "training of the published networks",
        "the training set of about 23,000 galaxies, the loss weights, rate, epochs and batch",
    ),
    (
        "the published scalers of the stored predictions",
        "those released were fitted to another selection: 0.5 to 1.4 % in EW",
    ),
    (
        "the published map, from its beginning",
        "neighbours, distance and seed of UMAP; the coordinates of the 4000 are public",
    ),
    (
        "accuracy and time of the published PCA and neighbours",
        "number of components and neighbours, hardware, what was timed",
    ),
    ("scores against the number of bands", "band fluxes in other numbers of bands"),
)
