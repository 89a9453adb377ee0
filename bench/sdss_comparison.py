"""EWs of prep against SDSS's own (SPZLINE), for the public spectra of the shared data folder.

usage: python bench/sdss_comparison.py [--binary build/release/starglow] [--spectra FOLDER]

Lines with S/N > 5 in both, quasars apart. Beside the EWs: line fluxes and continuum levels, which say where a difference comes from:
SDSS divides by the level of its continuum fit under the line, stellar absorption included; prep by the mean of the side bands.
"""
import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from synthetic_spectra import LINES, ROOT, SHARED

NAMES = ["[O_II] 3727", "H_gamma", "H_beta", "[O_III] 4959", "[O_III] 5007", "[N_II] 6548", "H_alpha", "[N_II] 6583", "[S_II] 6716", "[S_II] 6730"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/release/starglow"))
    parser.add_argument("--spectra", default=str(SHARED / "sdss_spec"))
    args = parser.parse_args()
    files = sorted(Path(args.spectra).glob("*.fits"))
    if not files:
        raise SystemExit("no shared data here: SDSS spectra are needed")
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([args.binary, "prep", *files, "-o", name + "/t.fits"], check=True, capture_output=True)
        table = Table.read(name + "/t.fits", hdu="GALAXIES")
    table = table.filled(0.0) if table.has_masked_values else table
    print(f"{'file':28s} {'line':12s} {'EW':>8s} {'error':>7s} {'SDSS':>8s} {'error':>7s} {'EW':>7s} {'flux':>7s} {'cont.':>7s}")
    galaxies, quasars = [], []
    for path, row in zip(files, table):
        with fits.open(path) as hdus:
            lines = {r["LINENAME"].strip(): r for r in hdus["SPZLINE"].data}
            quasar = hdus[2].data["CLASS"][0].strip() == "QSO"
        for line, name in zip(LINES, NAMES):
            ew, error = float(row[line + "_EW"]), float(row[line + "_EW_IVAR"]) ** -0.5 if row[line + "_EW_IVAR"] > 0 else np.inf
            theirs, their_error = float(row[line + "_EW_CAT"]), float(row[line + "_EW_CAT_IVAR"]) ** -0.5 if row[line + "_EW_CAT_IVAR"] > 0 else np.inf
            if not (ew > 5 * error and theirs > 5 * their_error):
                continue
            area = lines[name]["LINEAREA"] + (lines["[O_II] 3725"]["LINEAREA"] if line == "OII_DOUBLET" else 0)
            relative, flux, level = ew / theirs - 1, row[line + "_FLUX"] / area - 1, row[line + "_CONT"] / lines[name]["LINECONTLEVEL"] - 1
            beyond = abs(relative) > 0.15 and abs(ew - theirs) > 3 * np.hypot(error, their_error)
            scaled = np.hypot(error * area / theirs, their_error * area / theirs)  # errors of both fluxes, in units of flux
            flux_beyond = abs(flux) > 0.15 and abs(row[line + "_FLUX"] - area) > 3 * scaled
            (quasars if quasar else galaxies).append((abs(relative), beyond, abs(flux), flux_beyond))
            print(f"{path.name:28s} {line:12s} {ew:8.2f} {error:7.2f} {theirs:8.2f} {their_error:7.2f} {100 * relative:6.1f}% {100 * flux:6.1f}% "
                  f"{100 * level:6.1f}% {'beyond' if beyond else ''} {'QSO' if quasar else ''}")
    for name, rows in (("galaxies", galaxies), ("quasars", quasars)):
        if rows:
            r = np.array(rows, float)
            print(f"{name}: {len(r)} lines, median |EW difference| {100 * np.median(r[:, 0]):.1f} %, beyond 15 % and 3 sigma: {int(r[:, 1].sum())}, "
                  f"median |flux difference| {100 * np.median(r[:, 2]):.1f} %, beyond 15 % and 3 sigma: {int(r[:, 3].sum())}")


if __name__ == "__main__":
    main()
