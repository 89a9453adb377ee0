"""How well prep recovers lines that are known: bias, pull width and upper limits.

usage: python bench/synthetic_truth.py [--n 1500] [--seed 1] [--binary build/release/starglow] [--method fit]
                                       [--templates GRID.h5]

EW 0-500 A, sigma 30-400 km/s, z 0-0.45, S/N 1-30 a pixel, ivar of DESI, continua of E-MILES (the fit has BC03 and
CKC14z)."""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from synthetic_spectra import GRID, LINES, ROOT, SHARED, Continua, desi_ivar, lines_of, side_band_means, write_coadd


def draw(n, seed):
    rng = np.random.default_rng(seed)
    continua, shape = Continua(), desi_ivar()
    z, snr = rng.uniform(0.001, 0.45, n), 10 ** rng.uniform(0, np.log10(30), n)
    sigma, shift = 10 ** rng.uniform(np.log10(30), np.log10(400), n), rng.normal(0, 30, n)
    ew = np.where(rng.uniform(size=(n, 10)) < 0.3, 0, 10 ** rng.uniform(-1, np.log10(500), (n, 10)))
    flux, ivar = np.zeros((n, len(GRID))), np.zeros((n, len(GRID)))
    for i in range(n):
        wave, light = continua.draw(rng)
        level = side_band_means(wave, light)
        ew[i, 3], ew[i, 5] = ew[i, 4] / 2.993, ew[i, 7] / 3.049 * level[7] / level[5]
        model = np.interp(GRID / (1 + z[i]), wave, light) + lines_of(
            ew[i] * level * (1 + z[i]), rng.uniform(0.7, 1.45), z[i], sigma[i], shift[i]
        )
        ivar[i] = shape * snr[i] ** 2
        noise = np.where(ivar[i] > 0, rng.normal(size=len(GRID)) / np.sqrt(np.maximum(ivar[i], 1e-30)), 0)
        flux[i] = model + noise
    return flux, ivar, z, ew, snr, sigma


def summary(name, pull, relative, sn, truth):
    rows = []
    for low, high in ((1, 3), (3, 10), (10, 30), (30, 1e9)):
        k = (sn >= low) & (sn < high) & (truth > 0)
        if k.sum() < 30:
            continue
        width = 0.5 * np.diff(np.percentile(pull[k], [15.865, 84.135]))[0]
        rows.append(
            f"{name:12s} S/N {low:>3}-{high if high < 1e9 else '':<3} {k.sum():6d} {np.median(pull[k]):8.3f} "
            f"{pull[k].clip(-10, 10).mean():8.3f} {width:8.3f} "
            f"{100 * np.median(relative[k]):8.2f} %"
        )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", default=str(ROOT / "build/release/starglow"))
    parser.add_argument("--templates", help="templates of the fit; E-MILES itself: ../shared/data/ssp/ssp_emiles.h5")
    parser.add_argument("--method", default="fit", choices=["fit", "side-bands"])
    args = parser.parse_args()
    if not SHARED.exists():
        raise SystemExit("no shared data here: E-MILES continua are needed")
    flux, ivar, z, truth, _snr, _sigma = draw(args.n, args.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_coadd(folder, flux, ivar, z)
        subprocess.run(
            [
                args.binary,
                "prep",
                folder / "coadd.fits",
                folder / "redrock.fits",
                "-o",
                folder / "t.fits",
                "--ew",
                args.method,
                *(["--templates", args.templates] if args.templates else []),
            ],
            check=True,
        )
        table = Table.read(folder / "t.fits", hdu="GALAXIES")
    print(
        "S/N of a line: true EW over its stated error. Bias in units of the error (median, mean), half width of the "
        "central 68 % of"
    )
    print(
        "the pulls, median relative bias; limits: share of lines with true EW 0 whose 95 % upper limit is not below "
        "0.\n"
    )
    print(f"{'line':12s} {'':10s} {'N':>6s} {'median':>8s} {'mean':>8s} {'width':>8s} {'relative':>8s}")
    pulls, relatives, sns, truths, limits = [], [], [], [], []
    for k, line in enumerate(LINES):
        ew, ew_ivar = np.array(table[line + "_EW"], float), np.array(table[line + "_EW_IVAR"], float)
        ok = (ew_ivar > 0) & np.isfinite(ew)
        error = 1 / np.sqrt(ew_ivar[ok])
        pull, true = (ew[ok] - truth[ok, k]) / error, truth[ok, k]
        pulls.append(pull), truths.append(true), sns.append(true / error)
        relatives.append(np.divide(ew[ok] - true, true, out=np.zeros_like(true), where=true > 0))
        limits.append((np.array(table[line + "_EW_LIMIT"], float)[ok] >= 0)[true == 0])
        for row in summary(line, pull, relatives[-1], sns[-1], true):
            print(row)
        if len(limits[-1]):
            print(
                f"{line:12s} EW 0       {len(limits[-1]):6d} {np.median(pull[true == 0]):8.3f} {'':8s} "
                f"{0.5 * np.diff(np.percentile(pull[true == 0], [15.865, 84.135]))[0]:8.3f}          limits "
                f"{100 * limits[-1].mean():.1f} %"
            )
    print()
    for row in summary(
        "all", np.concatenate(pulls), np.concatenate(relatives), np.concatenate(sns), np.concatenate(truths)
    ):
        print(row)
    p, s, t = np.concatenate(pulls), np.concatenate(sns), np.concatenate(truths)
    k = (t > 0) & (s >= 1) & (s < 10)
    print(
        f"all          S/N   1-10  {k.sum():6d} {np.median(p[k]):8.3f} {p[k].clip(-10, 10).mean():8.3f} "
        f"{0.5 * np.diff(np.percentile(p[k], [15.865, 84.135]))[0]:8.3f}"
    )
    print(
        f"all          EW 0: limits hold for {100 * np.concatenate(limits).mean():.2f} % of {sum(map(len, limits))} "
        f"lines (nominal 95)"
    )


if __name__ == "__main__":
    main()
