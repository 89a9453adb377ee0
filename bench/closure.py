"""Is a population with lineless galaxies found again behind a cut on its lines?

    python bench/closure.py [--galaxies 5000] [--program build/release/starglow] [--only K] [key=value ...]

Synthetic galaxies have true lines: draws of the shipped model, of which a share (0.4, by chance) is
replaced by weak lines with EW(Ha) about 0.5 A. They are measured with noise, bounded at 0 as FastSpecFit bounds them,
and only those whose four BPT lines are positive are trained on. Printed: the fraction of *all* galaxies with a true
EW(Ha) < 2 A; and as each training says it of all of them: with the cut undone, without, and with quoted errors that are
too small or too large by 30 %. key=value are settings of the training."""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table

LINES = ("OII_DOUBLET", "HGAMMA", "HBETA", "OIII_5007", "HALPHA", "NII_6584", "SII_6716", "SII_6731")
WEAK = {"OII_DOUBLET": 1.0, "HALPHA": 0.48, "NII_6584": 0.45}  # asinh EW; others 0.15
SIGMA = {"OII_DOUBLET": 2.0, "HGAMMA": 0.7, "HBETA": 0.6, "OIII_5007": 0.6, "HALPHA": 0.8, "NII_6584": 0.7}
CUT = ("HBETA", "OIII_5007", "HALPHA", "NII_6584")
RECIPE = (
    "--preset every-kind epochs=100 joint_epochs=200 members=1 point_members=2 sibling=false anchor=0 peaks= dust= "
    "error_scale= unmeasured= evolution= widen=0 contrast=false z_high=1e9"
).split()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--galaxies", type=int, default=5000)
    parser.add_argument("--weak", type=float, default=0.4)
    parser.add_argument("--program", default="build/release/starglow")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", type=int, help="one of the four trainings, 0 to 3")
    parser.add_argument("settings", nargs="*", help="key=value: settings of the training")
    given = parser.parse_intermixed_args()
    random = np.random.default_rng(1)

    def run(*command):
        subprocess.run([given.program, *map(str, command)], check=True, stderr=subprocess.DEVNULL)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run("mock", "-n", given.galaxies, "-o", folder / "mock.fits")
        run("predict", folder / "mock.fits", "-o", folder / "drawn.fits", "--draws", 1)
        table, drawn = (Table.read(folder / f, hdu="GALAXIES") for f in ("mock.fits", "drawn.fits"))
        n = len(table)
        weak = random.uniform(size=n) < given.weak
        quality = np.exp(0.4 * random.normal(size=n))
        measured, sigma, truth = {}, {}, {}
        for line in LINES:
            t = WEAK.get(line, 0.15) + 0.25 * random.normal(size=n)
            truth[line] = np.where(weak, np.sinh(np.clip(t, 0, None)), np.ravel(drawn[line + "_EW_DRAW"]))
            sigma[line] = SIGMA.get(line, 0.6) * quality
            measured[line] = np.clip(truth[line] + sigma[line] * random.normal(size=n), 0, None)
        passes = np.all([measured[line] > 0 for line in CUT], axis=0)
        lineless = (truth["HALPHA"] < 2).mean()
        print(
            f"true fraction with EW(Ha) < 2 A: {lineless:.3f}; of the {passes.sum()} of {n} that pass the cut: ", end=""
        )
        print(f"{(truth['HALPHA'][passes] < 2).mean():.3f}")
        everyone = folder / "everyone.fits"
        bare = table["TARGETID", "Z", "BAND_FLUX"]
        for key in ("CHECKSUM", "DATASUM"):  # of the table as it was drawn
            bare.meta.pop(key, None)
        bare.meta.update(EXTNAME="GALAXIES", APERTURE="fibre", MWCORR="T", LABELVER="synthetic")
        bare.write(everyone)
        undone = f"selection={','.join(CUT)} > 0"
        trainings = (
            ("cut undone", undone, 1.0),
            ("cut not undone", "selection=", 1.0),
            ("cut undone, errors 30 % too small", undone, 0.7),
            ("cut undone, errors 30 % too large", undone, 1.3),
        )
        for what, selection, factor in trainings if given.only is None else [trainings[given.only]]:
            known = bare[passes]
            for line in LINES:
                ew = measured[line][passes]
                known[line + "_EW"] = ew.astype("f4")
                # a line at the bound has no number
                known[line + "_EW_IVAR"] = np.where(ew > 0, (factor * sigma[line][passes]) ** -2, 0).astype("f4")
            known.write(folder / "known.fits", overwrite=True)
            run("train", folder / "known.fits", "-o", folder / "m.safetensors", "--overwrite", "--threads",
                given.threads, *RECIPE, selection, *given.settings)  # fmt: skip
            run("predict", everyone, "-o", folder / "p.fits", "--overwrite", "--model", folder / "m.safetensors")
            found = np.mean(Table.read(folder / "p.fits", hdu="GALAXIES")["P_LINELESS"])
            print(f"{what:<36}{found:.3f}  ({found - lineless:+.3f})", flush=True)


if __name__ == "__main__":
    main()
