"""What stellar absorption does to EWs against side bands alone: E-MILES populations without any line, by age.

usage: python bench/side_band_bias.py [--binary build/release/starglow]
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from synthetic_spectra import GRID, LINES, ROOT, SHARED, Continua, desi_ivar, write_coadd


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/release/starglow"))
    args = parser.parse_args()
    if not SHARED.exists():
        raise SystemExit("no shared data here: E-MILES populations are needed")
    continua, z = Continua(), 0.1
    picks = [
        (metal, age)
        for age in np.unique(np.linspace(0, len(continua.age) - 1, 12).astype(int))
        for metal in range(3, 7)
    ]
    flux = np.array(
        [
            np.interp(
                GRID / (1 + z), continua.wave, continua.flux[m, a] / np.interp(5500, continua.wave, continua.flux[m, a])
            )
            for m, a in picks
        ]
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_coadd(folder, flux, np.tile(desi_ivar() * 1e6, (len(picks), 1)), np.full(len(picks), z))
        subprocess.run(
            [
                args.binary,
                "prep",
                folder / "coadd.fits",
                folder / "redrock.fits",
                "-o",
                folder / "t.fits",
                "--ew",
                "side-bands",
            ],
            check=True,
            capture_output=True,
        )
        table = Table.read(folder / "t.fits", hdu="GALAXIES")
    print("EW (A) of no line against side bands, mean over four metallicities; true value 0\n")
    print(f"{'age (Gyr)':>10s} " + " ".join(f"{line:>11s}" for line in LINES))
    for age in sorted({a for _, a in picks}):
        rows = [i for i, (_, a) in enumerate(picks) if a == age]
        print(f"{continua.age[age]:10.3f} " + " ".join(f"{np.mean(table[line + '_EW'][rows]):11.2f}" for line in LINES))


if __name__ == "__main__":
    main()
