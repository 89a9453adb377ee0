"""Line ratios of whole galaxies by mass: predicted for the light of a survey's whole galaxies, and measured by CALIFA.

    python bench/total_light.py nsa_fields.fits califa.fits [--model FILE] [--program build/release/starglow]

The first table has BAND_FLUX (fibre), BAND_FLUX_TOTAL (whole galaxy) and MASS (solar masses for h = 1); the second
HALPHA_EW_ALL, LOG_NII_HA_ALL and P3D_log_Mass of whole fields of view. Printed for galaxies with EW(Ha) > 6 A, by log
mass (h = .7): number and median log [NII]/Ha of the second; number, median of the predicted medians for total light,
and the difference; the same for fibre light, and the median that the fibres measured."""

import argparse
import itertools
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table

EDGES = (8.5, 9.25, 9.75, 10.25, 10.75, 12.5)
LEAST_EW, H = 6.0, 0.7


def predicted(given, table, column, aperture, folder):
    some = Table({"TARGETID": table["TARGETID"], "Z": table["Z"], "BAND_FLUX": np.asarray(table[column], float)})
    some.meta.update(EXTNAME="GALAXIES", APERTURE=aperture, MWCORR="T")
    some.write(folder / "in.fits", overwrite=True)
    command = [given.program, "predict", folder / "in.fits", "-o", folder / "out.fits", "--overwrite"]
    command += ["--allow-partial", *(["--model", given.model] if given.model else [])]
    subprocess.run([str(c) for c in command], check=True, stderr=subprocess.DEVNULL)
    lines = Table.read(folder / "out.fits", hdu="GALAXIES")
    return np.asarray(lines["HALPHA_EW"], float), np.asarray(lines["NII_6584_EW"], float)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photometry")
    parser.add_argument("whole")
    parser.add_argument("--program", default="build/release/starglow")
    parser.add_argument("--model")
    given = parser.parse_args()
    table, whole = Table.read(given.photometry, hdu=1), Table.read(given.whole, hdu=1)
    mass = np.log10(np.asarray(table["MASS"], float)) - 2 * np.log10(H)
    whole_mass = np.asarray(whole["P3D_log_Mass"], float)
    with tempfile.TemporaryDirectory() as name:
        total = predicted(given, table, "BAND_FLUX_TOTAL", "total", Path(name))
        fibre = predicted(given, table, "BAND_FLUX", "fibre", Path(name))
    measured = (np.asarray(table["HALPHA_EW"], float), np.asarray(table["NII_6584_EW"], float))
    whole_ratio = np.asarray(whole["LOG_NII_HA_ALL"], float)
    whole_there = (np.asarray(whole["HALPHA_EW_ALL"], float) > LEAST_EW) & np.isfinite(whole_ratio)
    print("log mass       CALIFA, whole    total light, predicted      fibre, predicted   fibre, measured")
    for low, high in itertools.pairwise(EDGES):
        there = whole_there & (whole_mass >= low) & (whole_mass < high)
        line = f"{low:5.2f}-{high:5.2f}  {there.sum():5d} {np.median(whole_ratio[there]):8.2f}"
        aim = np.median(whole_ratio[there])
        for ha, nii in (total, fibre, measured):
            here = (mass >= low) & (mass < high) & (ha > LEAST_EW) & (nii > 0)
            ratio = np.median(np.log10(nii[here] / ha[here])) if here.any() else np.nan
            line += f"  {here.sum():5d} {ratio:6.2f} ({ratio - aim:+.2f})"
        print(line)


if __name__ == "__main__":
    main()
