"""Growth of lines with redshift against a survey of distant galaxies: EW(Halpha + [NII]) of galaxies with a column UVJ
(3: quiescent) beside draws of the model; docs/evolution.md shows the output.

bench/evolution.py hst3d.fits [--program build/release/starglow] [--options "--no-evolution"]
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits

Z_RANGE, OUT_OF_DOMAIN = 32, 16  # docs/flags.md
BINS = ((0.7, 0.9), (0.9, 1.1), (1.1, 1.3), (1.3, 1.5), (0.7, 1.5))


def crps(draws, y):
    """Unbiased continuous ranked probability score of draws (n, k)."""
    k = draws.shape[1]
    ranked = np.sort(draws, axis=1)
    return np.abs(draws - y[:, None]).mean(1) - (ranked * (2 * np.arange(k) - k + 1)).sum(1) / (k * (k - 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--program", default="build/release/starglow")
    parser.add_argument("--options", default="", help="further options of predict")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lines.fits"
        command = [given.program, "predict", given.table, "-o", str(out), "--draws", "64", *given.options.split()]
        subprocess.run(command, check=True)
        lines = fits.getdata(out)
    told = (lines["FLAGS"] & (Z_RANGE | OUT_OF_DOMAIN) != 0) | (lines["DOMAIN"] > 0.5)
    table = fits.getdata(given.table)
    ew, sigma = np.array(table["HALPHA_NII_EW"], float), np.array(table["HALPHA_NII_EW_IVAR"], float) ** -0.5
    drawn = sum(np.array(lines[f"{line}_EW_DRAW"], float) for line in ("HALPHA", "NII_6548", "NII_6584"))
    noisy = drawn + np.random.default_rng(1).normal(size=drawn.shape) * sigma[:, None]
    below = ((noisy < ew[:, None]).sum(1) + 0.5) / (noisy.shape[1] + 1)
    inside = np.abs(below - 0.5) < 0.5 * 0.6826894921370859
    score = crps(np.arcsinh(noisy), np.arcsinh(ew))
    quiescent = table["UVJ"] == 3
    print("star-forming: mean EW observed, drawn (A), ratio; quiescent: median EW observed, drawn (A)")
    for low, high in BINS:
        here = (table["Z"] >= low) & (table["Z"] < high)
        a, q = here & ~quiescent, here & quiescent
        print(
            f"z {low}-{high}: {a.sum():5d} {ew[a].mean():7.1f} {drawn[a].mean():7.1f} "
            f"{ew[a].mean() / drawn[a].mean():6.2f}   {q.sum():5d} {np.median(ew[q]):6.1f} {np.median(drawn[q]):6.1f}"
        )
    for name, which in (("all", np.ones(len(ew), bool)), ("star-forming", ~quiescent), ("quiescent", quiescent)):
        print(
            f"{name}: mean CRPS of asinh EW {score[which].mean():.3f}, 68 % intervals hold {inside[which].mean():.3f}; "
            f"Z_RANGE, OUT_OF_DOMAIN or DOMAIN > .5: {told[which].mean():.3f}"
        )


if __name__ == "__main__":
    main()
