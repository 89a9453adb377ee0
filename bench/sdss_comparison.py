"""EWs of prep against SDSS's own (SPZLINE), for the public spectra of the shared data folder.

usage: python bench/sdss_comparison.py [--binary build/release/starglow] [--spectra FOLDER]

Lines with S/N > 5 in both, quasars apart. The columns after the EWs are ratios minus one, which say where a difference
comes from:
  flux    of the line, over SDSS's
  level   SDSS's LINECONTLEVEL, by which it divides, over prep's continuum
  data    median of the spectrum's own pixels in the two side bands, over prep's continuum: how right the latter is
  under   SDSS's level over prep's starlight under the line: SDSS's level includes stellar absorption, prep's continuum
  does not
Last, SDSS's ratios of [NII] 6583 and 6548, which it leaves free; the atom has 3.05.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from synthetic_spectra import BANDS, LINES, ROOT, SHARED

NAMES = [
    "[O_II] 3727",
    "H_gamma",
    "H_beta",
    "[O_III] 4959",
    "[O_III] 5007",
    "[N_II] 6548",
    "H_alpha",
    "[N_II] 6583",
    "[S_II] 6716",
    "[S_II] 6730",
]
REST = [3728.5, 4341.692, 4862.71, 4960.295, 5008.24, 6549.861, 6564.6, 6585.273, 6718.294, 6732.674]


def prep(binary, path):
    """The row of the table, and wavelength and starlight of the spectrum."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(
            [binary, "prep", path, "-o", name + "/t.fits", "--spectra", name + "/s.fits"],
            check=True,
            capture_output=True,
        )
        table = Table.read(name + "/t.fits", hdu="GALAXIES")
        with fits.open(name + "/s.fits") as hdus:
            wave, light = (
                np.array(hdus[k].data, float).reshape(-1, hdus[k].data.shape[-1])[0] for k in ("WAVE", "CONTINUUM")
            )
    return (table.filled(0.0) if table.has_masked_values else table)[0], wave, light


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/release/starglow"))
    parser.add_argument("--spectra", default=str(SHARED / "sdss_spec"))
    args = parser.parse_args()
    files = sorted(Path(args.spectra).glob("*.fits"))
    if not files:
        raise SystemExit("no shared data here: SDSS spectra are needed")
    print(
        f"{'file':28s} {'line':12s} {'EW':>8s} {'error':>7s} {'SDSS':>8s} {'error':>7s} {'EW':>7s} {'flux':>7s} "
        f"{'level':>7s} {'data':>7s} {'under':>7s}"
    )
    galaxies, quasars, pairs = [], [], []
    for path in files:
        row, wave, light = prep(args.binary, path)
        with fits.open(path) as hdus:
            lines = {r["LINENAME"].strip(): r for r in hdus["SPZLINE"].data}
            quasar, stretch = hdus[2].data["CLASS"][0].strip() == "QSO", 1 + float(hdus[2].data["Z"][0])
            pixels = hdus[1].data[hdus[1].data["ivar"] > 0]
        seen = 10 ** pixels["loglam"].astype(float)
        if not quasar and lines[NAMES[5]]["LINEAREA"] > 5 * lines[NAMES[5]]["LINEAREA_ERR"] > 0:
            pairs.append(lines[NAMES[7]]["LINEAREA"] / lines[NAMES[5]]["LINEAREA"])
        for line, name, rest, bands in zip(LINES, NAMES, REST, BANDS.reshape(10, 2, 2)):
            ew, error = (
                float(row[line + "_EW"]),
                float(row[line + "_EW_IVAR"]) ** -0.5 if row[line + "_EW_IVAR"] > 0 else np.inf,
            )
            theirs, their_error = (
                float(row[line + "_EW_CAT"]),
                float(row[line + "_EW_CAT_IVAR"]) ** -0.5 if row[line + "_EW_CAT_IVAR"] > 0 else np.inf,
            )
            if not (ew > 5 * error and theirs > 5 * their_error):
                continue
            area = lines[name]["LINEAREA"] + (lines["[O_II] 3725"]["LINEAREA"] if line == "OII_DOUBLET" else 0)
            relative, flux, level = (
                ew / theirs - 1,
                row[line + "_FLUX"] / area - 1,
                lines[name]["LINECONTLEVEL"] / row[line + "_CONT"] - 1,
            )
            data = (
                np.mean([np.median(pixels["flux"][(seen >= lo * stretch) & (seen < hi * stretch)]) for lo, hi in bands])
                / row[line + "_CONT"]
                - 1
            )
            under = lines[name]["LINECONTLEVEL"] / np.interp(rest * stretch, wave, light) - 1
            beyond = abs(relative) > 0.15 and abs(ew - theirs) > 3 * np.hypot(error, their_error)
            scaled = np.hypot(
                error * area / theirs, their_error * area / theirs
            )  # errors of both fluxes, in units of flux
            flux_beyond = abs(flux) > 0.15 and abs(row[line + "_FLUX"] - area) > 3 * scaled
            (quasars if quasar else galaxies).append(
                (abs(relative), beyond, abs(flux), flux_beyond, abs(level), abs(data), abs(level) > 0.1)
            )
            print(
                f"{path.name:28s} {line:12s} {ew:8.2f} {error:7.2f} {theirs:8.2f} {their_error:7.2f} "
                f"{100 * relative:6.1f}% {100 * flux:6.1f}% "
                f"{100 * level:6.1f}% {100 * data:6.1f}% {100 * under:6.1f}% {'beyond' if beyond else ''} "
                f"{'QSO' if quasar else ''}"
            )
    for name, rows in (("galaxies", galaxies), ("quasars", quasars)):
        if rows:
            r = np.array(rows, float)
            print(
                f"{name}: {len(r)} lines, median |EW difference| {100 * np.median(r[:, 0]):.1f} %, beyond 15 % and 3 "
                f"sigma: {int(r[:, 1].sum())}, "
                f"median |flux difference| {100 * np.median(r[:, 2]):.1f} %, beyond 15 % and 3 sigma: "
                f"{int(r[:, 3].sum())}"
            )
            far = r[:, 6] > 0
            print(
                f"  where SDSS's level is within 10 % of prep's continuum: {int((~far).sum())} lines, median |EW "
                f"difference| {100 * np.median(r[~far, 0]):.1f} %, "
                f"beyond: {int(r[~far, 1].sum())}; elsewhere: {int(far.sum())} lines, beyond: {int(r[far, 1].sum())}"
            )
            print(
                f"  the pixels of the side bands against prep's continuum: median {100 * np.median(r[:, 5]):.1f} %, "
                f"at most {100 * r[:, 5].max():.1f} %; "
                f"SDSS's level: median {100 * np.median(r[:, 4]):.1f} %, at most {100 * r[:, 4].max():.1f} %"
            )
    print("SDSS's [NII] 6583 / 6548 in the galaxies: " + ", ".join(f"{p:.2f}" for p in pairs))


if __name__ == "__main__":
    main()
