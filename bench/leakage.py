"""Do lines leak into the bands? Scales the lines of synthetic spectra by 0, 1 and 3 and compares predicted EWs.

usage: python bench/leakage.py [--n 300] [--seed 1] [--binary build/release/starglow]

EW up to 100 A, sigma 30-400 km/s, without noise and with S/N 10 a pixel (the same noise at every scale); the shipped
model. The change is that of the predicted EW against scale 1, over lines and galaxies."""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from synthetic_spectra import GRID, LINES, ROOT, SHARED, Continua, desi_ivar, lines_of, side_band_means, write_coadd


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", default=str(ROOT / "build/release/starglow"))
    args = parser.parse_args()
    if not SHARED.exists():
        raise SystemExit("no shared data here: E-MILES continua are needed")
    rng, continua, shape = np.random.default_rng(args.seed), Continua(), desi_ivar()
    z, sigma = rng.uniform(0.06, 0.3, args.n), 10 ** rng.uniform(np.log10(30), np.log10(400), args.n)
    light, lines, noise = (np.zeros((args.n, len(GRID))) for _ in range(3))
    for i in range(args.n):
        wave, one = continua.draw(rng)
        light[i] = np.interp(GRID / (1 + z[i]), wave, one)
        lines[i] = lines_of(
            10 ** rng.uniform(0, 2, 10) * side_band_means(wave, one) * (1 + z[i]), 1.1, z[i], sigma[i], 0
        )
        noise[i] = np.where(shape > 0, rng.normal(size=len(GRID)) / np.sqrt(np.maximum(shape, 1e-30)), 0)
    print(f"{'recipe':8s} {'noise':10s} {'lines x':8s} {'median':>8s} {'99 %':>8s} {'largest':>8s}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for recipe in ("robust", "k24"):
            for label, snr, noisy in (("none", 1000, 0), ("S/N 10", 10, 1)):
                ew = {}
                for scale in (1, 0, 3):
                    write_coadd(
                        folder, light + scale * lines + noisy * noise / snr, np.tile(shape * snr**2, (args.n, 1)), z
                    )
                    subprocess.run(
                        [
                            args.binary,
                            "prep",
                            folder / "coadd.fits",
                            folder / "redrock.fits",
                            "-o",
                            folder / "t.fits",
                            "--recipe",
                            recipe,
                            "--ew",
                            "none",
                            "--overwrite",
                        ],
                        check=True,
                        capture_output=True,
                    )
                    subprocess.run(
                        [
                            args.binary,
                            "predict",
                            folder / "t.fits",
                            "-o",
                            folder / "p.fits",
                            "--overwrite",
                            "--allow-partial",
                        ],
                        check=True,
                        capture_output=True,
                    )
                    table = Table.read(folder / "p.fits", hdu="GALAXIES")
                    ew[scale] = np.array([table[line + "_EW"] for line in LINES], float)
                for scale in (0, 3):
                    change = np.abs(ew[scale] / ew[1] - 1)
                    print(
                        f"{recipe:8s} {label:10s} {scale:<8d} {100 * np.median(change):7.2f}% "
                        f"{100 * np.percentile(change, 99):7.2f}% {100 * change.max():7.2f}%"
                    )


if __name__ == "__main__":
    main()
