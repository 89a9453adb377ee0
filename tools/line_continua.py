"""Continua beside the lines from band fluxes: fits the table of src/spectra/line_continua.cpp.

    python tools/line_continua.py [--starglow build/release/starglow] [-n 3000]

For starlight of `starglow mock` (presets universe at z = 0.1, 0.84, 1.47, and desi-bgs without its scatter of bands)
the continuum in the side bands of each group of lines is known exactly. It is fitted by a sum of the three nearest
bands, for bands with independent errors of 1 %. Prints the weights, and quantiles of fitted over true for galaxies that
the fit did not see.
"""

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.cosmology import FlatLambdaCDM
from astropy.table import Table

GROUPS = ("OII_DOUBLET", "HGAMMA", "HBETA", "OIII_5007", "HALPHA", "SII_6716")
CM_PER_MPC = 3.0856775814913673e24
CASES = (
    *(("--preset", "universe", f"redshift=fixed {z}") for z in (0.1, 0.84, 1.47)),
    ("--preset", "desi-bgs", "band_offset=0", "band_scatter=0"),
)


def side_bands():
    text = (Path(__file__).parent.parent / "include/starglow/base/lines.hpp").read_text()
    names = re.findall(r'LineInfo\{\.name = "(\w+)"', text)
    bands = re.findall(r"\.side_bands = \{([^}]*)\}", text)
    return {n: [float(x) for x in b.split(",")] for n, b in zip(names, bands, strict=True)}


def light(program, n, case):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mock.fits"
        command = [program, "mock", "--population", "stars", "-n", str(n), "-o", str(path), *case]
        subprocess.run(command, check=True, capture_output=True)
        t = Table.read(path, hdu="GALAXIES")
    z = np.asarray(t["Z"], float)
    area = 4 * np.pi * (FlatLambdaCDM(70, 0.3).luminosity_distance(z).value * CM_PER_MPC) ** 2
    with np.errstate(all="ignore"):
        continua = {g: np.asarray(t[g + "_LUM"], float) / t[g + "_EW_DRAW"] / (area * (1 + z)) * 1e17 for g in GROUPS}
    return np.asarray(t["BAND_FLUX"], float), continua, {g: np.asarray(t[g + "_EW_DRAW"]) for g in GROUPS}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starglow", default="build/release/starglow")
    parser.add_argument("-n", type=int, default=3000)
    options = parser.parse_args()
    sets = [light(options.starglow, options.n, case) for case in CASES]
    flux = np.concatenate([s[0] for s in sets])
    kept_out = np.arange(len(flux)) % 2 == 1
    for group in GROUPS:
        side = side_bands()[group]
        middle = (side[0] + side[3]) / 2
        near = np.sort(np.argsort(np.abs(3550 + 300 * np.arange(12) - middle))[:3])
        truth, ew = (np.concatenate([s[k][group] for s in sets]) for k in (1, 2))
        good = (ew > 0.3) & np.isfinite(truth)  # float32 columns: a line of 0 says nothing
        a = flux[:, near] / np.where(good, truth, 1)[:, None]
        fit = a[good & ~kept_out]
        noise = np.diag((1e-2 * fit).T @ (1e-2 * fit))
        weights = np.linalg.solve(fit.T @ fit + np.diag(noise), fit.sum(0))
        ratio = np.percentile(a[good & kept_out] @ weights, [2.5, 16, 50, 84, 97.5])
        print(f"{group:<12} bands {near[0]}-{near[2]}: {{{', '.join(f'{w:.4f}' for w in weights)}}}", ratio.round(3))


if __name__ == "__main__":
    main()
