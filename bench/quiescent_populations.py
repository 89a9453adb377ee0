"""What a model says of old stellar populations, which have no young stars to make lines.

    python bench/quiescent_populations.py GRID.h5 [GRID.h5 ...] [--model FILE] [--program P] [--each]

Grids of simple stellar populations in the layout of DSPS (ssp_lg_age_gyr, ssp_lgmet, ssp_wave, ssp_flux in
Lsun/Hz/Msun). Their populations of 4.9-12.1 Gyr with Z >= .008, as 10^9.5 to 10^11 solar masses in the fibre at
z = .1, and without redshift and luminosity. Printed: lowest and highest median of EW(Ha) and EW([OII]), highest 84th
percentile of EW(Ha), lowest P_LINELESS, and the fraction with DOMAIN > .5; `--each` lists the populations."""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from domain_power import Grid

Z, DISTANCE = 0.1, 460.0  # Mpc, luminosity distance
TO_FLUX = 3.828e33 * 2.998e18 / (4 * np.pi * (DISTANCE * 3.0857e24) ** 2 * (1 + Z)) / 1e-17


def predicted(program, model, flux, z, folder):
    table = Table({"TARGETID": np.arange(len(flux)), "Z": np.full(len(flux), z), "BAND_FLUX": flux})
    table.meta.update(EXTNAME="GALAXIES", APERTURE="fibre", MWCORR="T", CONTSRC="synthetic")
    if not np.isfinite(z):
        table.meta["FLUXSCAL"] = "relative"
    table.write(folder / "in.fits", overwrite=True)
    command = [program, "predict", folder / "in.fits", "-o", folder / "out.fits", "--overwrite", "--allow-partial"]
    command += ["--model", model] if model else []
    subprocess.run([str(c) for c in command], check=True, stderr=subprocess.DEVNULL)
    return Table.read(folder / "out.fits", hdu="GALAXIES")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grids", nargs="+")
    parser.add_argument("--program", default="build/release/starglow")
    parser.add_argument("--model")
    parser.add_argument("--each", action="store_true", help="list the populations")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for path in given.grids:
            grid = Grid(path)
            which = [
                (i, j)
                for i in range(len(grid.lgmet))
                for j in range(len(grid.age))
                if 4.9 <= grid.age[j] < 12.1 and grid.lgmet[i] >= -2.1
            ]
            light = np.array([grid.light[i, j] for i, j in which]) * TO_FLUX
            cases = [(f"logM {m}", light * 10.0**m, Z) for m in (9.5, 10.0, 10.5, 11.0)]
            for what, flux, z in [*cases, ("colours", light / light[:, 5:6], np.nan)]:
                p = predicted(given.program, given.model, flux, z, Path(name))
                ha, oii = np.asarray(p["HALPHA_EW"]), np.asarray(p["OII_DOUBLET_EW"])
                high, weak = np.asarray(p["HALPHA_EW_P84"]), np.asarray(p["P_LINELESS"])
                print(
                    f"{Path(path).stem:<20}{what:<10}{len(light):>4}  Ha {ha.min():.2f}-{ha.max():.2f}"
                    f"  [OII] {oii.min():.2f}-{oii.max():.2f}  P84 of Ha {high.min():.2f}-{high.max():.2f}"
                    f"  P_LINELESS {weak.min():.2f}-{weak.max():.2f}"
                    f"  DOMAIN > .5 {(np.asarray(p['DOMAIN']) > 0.5).mean():.2f}"
                )
                for k, (i, j) in enumerate(which if given.each else []):
                    print(
                        f"    log Z {grid.lgmet[i]:.2f}  {grid.age[j]:5.1f} Gyr  Ha {ha[k]:.2f} ({high[k]:.2f})"
                        f"  [OII] {oii[k]:.2f}  lineless {weak[k]:.2f}  DOMAIN {p['DOMAIN'][k]:.2f}"
                        f"  flags {p['FLAGS'][k]}"
                    )


if __name__ == "__main__":
    main()
