"""How well a survey predicts itself: measured lines of the nearest galaxies of the same table as the prediction.

    python bench/nearest_galaxies.py table.fits [--neighbours 15] [--folds 3]

For each galaxy the labels of its nearest galaxies of the other folds (splitmix64 of TARGETID, as `evaluate --cv`) are
draws of each line, noise included. Nearness: standardised ratios of adjacent bands that all galaxies have, and the
luminosity. Printed: CRPS of asinh EW by line, their mean over independent lines, and the fraction with EW(Ha) < 2 A by
colour, to set beside `starglow evaluate --cv`."""

import argparse

import numpy as np
from astropy.table import Table
from folds import folds_of

INDEPENDENT = "OII_DOUBLET HGAMMA HBETA OIII_5007 HALPHA NII_6584 SII_6716 SII_6731".split()


def features(table):
    flux, z = np.asarray(table["BAND_FLUX"], float), np.asarray(table["Z"], float)
    ratios = np.log10(flux[:, 1:] / flux[:, :-1])
    ratios = ratios[:, np.isfinite(ratios).all(axis=0)]
    grid = np.linspace(0, 4, 4001)
    distance = np.concatenate([[0], np.cumsum(1e-3 / np.sqrt(0.3 * (1 + grid[1:] - 5e-4) ** 3 + 0.7))])
    luminosity = np.log10(flux[:, 9] * (1 + z) ** 3 * np.interp(z, grid, distance) ** 2)
    x = np.column_stack([ratios, luminosity])
    return (x - x.mean(axis=0)) / x.std(axis=0)


def crps(draws, y):
    """Unbiased, of sorted draws."""
    n = len(draws)
    return np.abs(draws - y).mean() - np.dot(draws, 2 * np.arange(n) - n + 1) / (n * (n - 1))


def main(path, neighbours, folds):
    table = Table.read(path, hdu=1)
    x, fold = features(table), folds_of(np.asarray(table["TARGETID"]), folds)
    ew = {line: np.asarray(table[line + "_EW"], float) for line in INDEPENDENT if line + "_EW" in table.colnames}
    if "SII_6716" not in ew and "SII_TOTAL_EW" in table.colnames:
        ew["SII_TOTAL"] = np.asarray(table["SII_TOTAL_EW"], float)
    known = {line: np.isfinite(v) & (np.asarray(table[f"{line}_EW_IVAR"]) > 0) for line, v in ew.items()}
    order = np.argsort(((x[:, None] - x[None]) ** 2).sum(-1), axis=1)
    scores, few = {line: [] for line in ew}, np.full(len(x), np.nan)
    for i in range(len(x)):
        others = order[i][fold[order[i]] != fold[i]]
        for line, value in ew.items():
            if not known[line][i]:
                continue
            near = value[others[known[line][others]][:neighbours]]
            scores[line].append(crps(np.sort(np.arcsinh(near)), np.arcsinh(value[i])))
            if line == "HALPHA":
                few[i] = (near < 2).mean()
    for line, s in scores.items():
        print(f"{line:<14}{len(s):>8}{np.mean(s):>10.4f}")
    print(f"{'mean':<22}{np.mean([np.mean(s) for s in scores.values()]):>10.4f}")
    flux = np.asarray(table["BAND_FLUX"], float)
    colour, use = np.log10(flux[:, 1] / flux[:, 6]), np.isfinite(few)
    differences = []
    for low in np.arange(-0.45, -0.21, 0.05):
        rows = use & (colour >= low) & (colour < low + 0.05)
        observed, predicted = (ew["HALPHA"][rows] < 2).mean(), few[rows].mean()
        differences.append(abs(predicted - observed))
        print(f"{low:.2f} to {low + 0.05:.2f}  {rows.sum():>5}  observed {observed:.3f}  predicted {predicted:.3f}")
    print(f"bins: mean difference {np.mean(differences):.3f}, worst {max(differences):.3f}; all: ", end="")
    print(f"observed {(ew['HALPHA'][use] < 2).mean():.3f}, predicted {few[use].mean():.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--neighbours", type=int, default=15)
    parser.add_argument("--folds", type=int, default=3)
    arguments = parser.parse_args()
    main(arguments.table, arguments.neighbours, arguments.folds)
