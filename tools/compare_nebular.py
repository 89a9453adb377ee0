"""Our lines beside those of a nebular grid, on the same continua (docs/stars.md, "Beside a nebular grid").

    .venv/bin/python tools/compare_nebular.py fsps_ref_decoded.npz build/release/starglow

fsps_ref_decoded.npz: a run of FSPS, exponential history of 2 Gyr at Z = 0.002 with dust, by age: spectra with nebular
lines (csp_lnu) and the lines' luminosities (csp_emline_lsun). The lines are taken out of the spectra by straight lines
between their side bands, the bands of what is left are given to `starglow predict`.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table

LINES = {"OII_DOUBLET": (("[O II] 3726", "[O II] 3729"), (3685, 3711, 3745, 3771)),
         "HBETA": (("Ba-beta 4861",), (4805, 4835, 4890, 4920)),
         "OIII_5007": (("[O III] 5007",), (4900, 4930, 5036, 5066)),
         "HALPHA": (("Ba-alpha 6563",), (6470, 6510, 6622, 6662)),
         "NII_6584": (("[N II] 6584",), (6470, 6510, 6622, 6662))}
MASKS = [(3700, 3755), (3850, 3910), (3955, 3985), (4080, 4120), (4320, 4380), (4835, 4890), (4930, 5036), (5860, 5895),
         (6280, 6320), (6510, 6622), (6670, 6750)]
Z, MASS = 0.1, 1e10


def main():
    data = np.load(sys.argv[1])
    wave = data["wave_vac_A"]
    names = [str(n).strip() for n in data["emline_name"]]
    ages = data["csp_logage"] - 9
    pick = [int(np.argmin(abs(ages - a))) for a in (-2, -1.5, -1, -0.5, 0, 0.3, 0.6, 0.85, 1.0, 1.1)]
    f_lambda = data["csp_lnu"][pick].astype(float) * 2.99792458e18 / wave**2
    clean = f_lambda.copy()
    for lo, hi in MASKS:
        inside = (wave > lo) & (wave < hi)
        edge = ~inside & (wave > lo - 40) & (wave < hi + 40)
        for row in clean:
            row[inside] = np.polyval(np.polyfit(wave[edge], row[edge], 1), wave[inside])
    bands = np.array([[np.interp(np.arange(lo, lo + 300), wave, row).mean() for lo in range(3400, 7000, 300)] for row in clean])
    distance = 460.3 * 3.0856776e24  # z = 0.1, H0 = 70, Om0 = 0.3; cm
    flux = MASS * bands * 3.828e33 / (4 * np.pi * distance**2 * (1 + Z)) / 1e-17
    with tempfile.TemporaryDirectory() as folder:
        table = Table({"TARGETID": np.arange(len(pick)), "Z": np.full(len(pick), Z), "BAND_FLUX": flux})
        table["BAND_FLUX"].unit = "1e-17 erg / (s cm2 Angstrom)"
        table.meta.update(EXTNAME="GALAXIES", APERTURE="fibre")
        table.write(Path(folder) / "in.fits")
        subprocess.run([sys.argv[2], "predict", "in.fits", "-o", "out.fits", "--allow-partial"], cwd=folder, check=True, capture_output=True)
        ours = Table.read(Path(folder) / "out.fits", hdu="GALAXIES")
    print("log age  g-r  " + "".join(f"{n:>24}" for n in LINES))
    for i, k in enumerate(pick):
        colour = -2.5 * np.log10(bands[i, 4] / bands[i, 9] * (4750 / 6250) ** 2)
        row = f"{ages[k]:7.2f} {colour:5.2f}  "
        for line, (members, (b0, b1, r0, r1)) in LINES.items():
            side = 0.5 * (clean[i][(wave > b0 - 10) & (wave < b1 + 10)].mean() + clean[i][(wave > r0 - 10) & (wave < r1 + 10)].mean())
            found = [names.index(m) for m in members if m in names]
            fsps = data["csp_emline_lsun"][k][found].sum() / side if found else np.nan
            row += f"{fsps:9.2f} |{ours[line + '_EW'][i]:6.2f} ({ours[line + '_EW_P84'][i]:5.1f})"
        print(row)
    print("FSPS | starglow: median (84th percentile), rest-frame EW, A; flags", sorted(set(ours["FLAGS"])))


if __name__ == "__main__":
    main()
