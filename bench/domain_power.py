"""What DOMAIN says of light that is not that of the training galaxies, and of light that is.

    python bench/domain_power.py GRID.h5 [GRID.h5 ...] [--tables TABLE.fits ...] [--spectra SPEC.fits ...]

Grids of simple stellar populations are in the layout of DSPS (ssp_lg_age_gyr, ssp_lgmet, ssp_wave, ssp_flux). From
each: its young populations, star formation that was constant and stopped, old light with a burst, and - as galaxies
are - smooth histories (delayed exponentials, dust) and old populations. Quasars are power laws, stars black bodies.
`--tables` are catalogues of galaxies; `--spectra` files of spectra, measured by `prep`. Printed: the number of objects
and the fraction with DOMAIN > 0.5, for all bands, without the bluest, the two bluest, the two reddest. Without
redshift, so that colours alone count; `--redshift` gives tables and spectra theirs."""

import argparse
import itertools
import subprocess
import tempfile
from pathlib import Path

import h5py
import numpy as np
from astropy.table import Table

EDGES = 3400 + 300 * np.arange(13.0)
MIDDLE = 0.5 * (EDGES[1:] + EDGES[:-1])
AGES = np.logspace(-3, 1.1, 300)


def bands(wave, flux):
    out = []
    for low, high in itertools.pairwise(EDGES):
        x = np.concatenate([[low], wave[(wave > low) & (wave < high)], [high]])
        out.append(np.trapezoid(np.interp(x, wave, flux), x) / (high - low))
    return np.array(out)


def dust(light, av):
    return light * 10 ** (-0.4 * av * (MIDDLE / 5500) ** -0.7)


class Grid:
    def __init__(self, path):
        with h5py.File(path) as f:
            self.age, self.lgmet = 10 ** f["ssp_lg_age_gyr"][:], f["ssp_lgmet"][:]
            wave, flux = f["ssp_wave"][:], f["ssp_flux"][:]
        self.light = np.array([[bands(wave, x / wave**2) for x in of_z] for of_z in flux])
        self.youngest = self.age.min()
        self.normal = [i for i, z in enumerate(self.lgmet) if -2.41 < z < -1.29]  # Z of .004 to .05

    def between(self, low, high, lowest=-9):
        rows = [(i, j) for i in range(len(self.lgmet)) for j in range(len(self.age))]
        return [self.light[i, j] for i, j in rows if low <= self.age[j] < high and self.lgmet[i] >= lowest]

    def history(self, i, rate):
        light = [np.exp(np.interp(np.log(AGES), np.log(self.age), np.log(b))) for b in self.light[i].T]
        return np.array(light) @ (rate(AGES) * np.gradient(AGES))

    def stopped(self, times):
        return [
            dust(self.history(i, lambda t, s=s: (t > s) * (t < 10.0)), av)
            for i in self.normal
            for s in times
            for av in (0, 0.3)
        ]

    def bursts(self, times, fractions):
        def rate(t, s, f):
            old = (1 - f) / 5 * (t > s + 2) * (t < 10) * np.exp((t - 10) / 2)
            return old + f / 0.1 * ((t > s) & (t < s + 0.1))

        return [
            dust(self.history(i, lambda t, s=s, f=f: rate(t, s, f)), av)
            for i in self.normal
            for s in times
            for f in fractions
            for av in (0, 0.3)
        ]

    def smooth(self, n, random):
        out = []
        for k in range(n):
            begun, scale = random.uniform(5, 13), np.exp(random.uniform(np.log(0.5), np.log(20)))
            since = np.clip(begun - AGES, 0, None)
            light = self.history(self.normal[k % len(self.normal)], lambda _, s=since, c=scale: s * np.exp(-s / c))
            out.append(dust(light, random.uniform(0, 1)))
        return out


def probes(paths):
    random, out = np.random.default_rng(1), {}
    for path in paths:
        grid, name = Grid(path), Path(path).stem
        if grid.youngest < 0.03:
            out[f"{name}: populations below 30 Myr"] = grid.between(0, 0.03)
            out[f"{name}: smooth histories"] = grid.smooth(100, random)
        out[f"{name}: populations of 60-500 Myr"] = grid.between(0.06, 0.5)
        out[f"{name}: stopped 100-300 Myr ago"] = grid.stopped((0.1, 0.2, 0.3))
        out[f"{name}: bursts 100-400 Myr ago"] = grid.bursts((0.1, 0.2, 0.4), (0.03, 0.1, 0.3))
        out[f"{name}: populations of 5-12 Gyr"] = grid.between(4.9, 12.1, -2.1)
    out["power laws"] = [dust((MIDDLE / 5000) ** s, av) for s in np.arange(-2.5, -0.4, 0.2) for av in (0, 0.3)]
    out["black bodies"] = [
        MIDDLE**-5 / np.expm1(1.438777e8 / (MIDDLE * t))
        for t in (3000, 3500, 4000, 5000, 6000, 7000, 8000, 10000, 15000, 30000)
    ]
    return {name: np.array(light) for name, light in out.items() if len(light)}


def graded(program, model, flux, z, folder):
    table = Table({"TARGETID": np.arange(len(flux)), "Z": z, "BAND_FLUX": flux})
    table.meta.update(EXTNAME="GALAXIES", APERTURE="fibre", MWCORR="T", CONTSRC="synthetic")
    if not np.isfinite(z).any():
        table.meta["FLUXSCAL"] = "relative"
    table.write(folder / "in.fits", overwrite=True)
    command = [program, "predict", folder / "in.fits", "-o", folder / "out.fits", "--overwrite", "--allow-partial"]
    subprocess.run([*map(str, command), *(["--model", model] if model else [])], check=True, stderr=subprocess.DEVNULL)
    return np.asarray(Table.read(folder / "out.fits", hdu="GALAXIES")["DOMAIN"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grids", nargs="*")
    parser.add_argument("--tables", nargs="*", default=[])
    parser.add_argument("--spectra", nargs="*", default=[])
    parser.add_argument("--program", default="build/release/starglow")
    parser.add_argument("--model")
    parser.add_argument("--redshift", action="store_true", help="give the galaxies of the tables their redshift")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        light = {what: (flux, np.full(len(flux), np.nan)) for what, flux in probes(given.grids).items()}
        for k, path in enumerate([*given.tables, *given.spectra]):
            if path in given.spectra:
                measured = folder / f"{k}.fits"
                subprocess.run([given.program, "prep", path, "-o", measured], check=True, stderr=subprocess.DEVNULL)
            table = Table.read(measured if path in given.spectra else path, hdu=1)
            z = np.asarray(table["Z"], float)
            light[Path(path).stem] = (
                np.asarray(table["BAND_FLUX"], float),
                z if given.redshift else np.full(len(z), np.nan),
            )
        print(f"{'':<55}{'N':>5}  all bands, without 1 blue, 2 blue, 2 red")
        for what, (flux, z) in light.items():
            shares = []
            for blue, red in ((0, 0), (1, 0), (2, 0), (0, 2)):
                some = flux.copy()
                some[:, :blue] = np.nan
                some[:, 12 - red :] = np.nan
                shares.append((graded(given.program, given.model, some, z, folder) > 0.5).mean())
            print(f"{what:<55}{len(flux):>5}  " + "  ".join(f"{s:9.3f}" for s in shares))


if __name__ == "__main__":
    main()
