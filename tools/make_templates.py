"""Makes models/templates.safetensors: a few simple stellar populations whose non-negative sums fit the light of
galaxies.

usage: python tools/make_templates.py BC03_FOLDER CKC14Z_FILE MASTAR_FOLDER models/templates.safetensors

BC03_FOLDER holds the 40 simple stellar populations of Bruzual & Charlot (2003) as FITS images in air wavelengths,
CKC14Z_FILE the 16 of solar metallicity of FSPS (Conroy et al.) with the CKC14z library, MASTAR_FOLDER the 54 of
Maraston et al. (2020), which begin at 3622 A: bluewards they are continued by the sum of BC03 populations that fits
them best up to 5500 A. All are brought to vacuum, to one resolution and to one logarithmic grid, and scaled to a mean
of 1 between 5400 and 5600 A. Then the population that the chosen ones fit worst (non-negative least squares) is added
to them, again and again."""

import glob
import hashlib
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from model_file import sealed
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import nnls

STEP, FIRST, LAST = 1e-4, 3335.0, 7300.0  # d ln(wavelength), about 30 km/s
FWHM = 3.0  # A, of all templates at every wavelength
WANTED = 16
GRID = np.exp(np.arange(np.log(FIRST), np.log(LAST), STEP))


def vacuum(air):
    """Wavelengths in vacuum, A, of wavelengths in air: Ciddor (1996), as fitted by Morton (2000) for the inverse."""
    s2 = (1e4 / air) ** 2
    return air * (
        1 + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s2) + 1.599740894897e-4 / (38.92568793293 - s2)
    )


def smooth(wave, flux, fwhm_from):
    """To FWHM on an even grid of 0.5 A."""
    fine = np.arange(FIRST - 30, LAST + 30, 0.5)
    flux = np.interp(fine, wave, flux)
    return np.interp(GRID, fine, gaussian_filter1d(flux, np.sqrt(max(FWHM**2 - fwhm_from**2, 1e-12)) / 2.3548 / 0.5))


def populations(folder, ckc, mastar):
    names, rows = [], []
    for path in sorted(glob.glob(folder + "/*.fits")):
        with fits.open(path) as hdus:
            header, flux = hdus[0].header, hdus[0].data.astype(float).ravel()
        air = header["CRVAL1"] + (np.arange(len(flux)) + 1 - header.get("CRPIX1", 1)) * header.get(
            "CDELT1", header.get("CD1_1", 1)
        )
        rows.append(smooth(vacuum(air), flux, 2.3))
        names.append(f"BC03 Z {header['Z']} age {header['AGE']} Gyr")
    with fits.open(ckc) as hdus:
        wave, flux, meta = hdus["WAVE"].data, hdus["FLUX"].data, hdus["METADATA"].data
        keep = (wave > FIRST - 40) & (wave < LAST + 40)
        for i in range(len(meta)):
            rows.append(smooth(wave[keep], flux[keep, i].astype(float), 0.0))
            names.append(f"CKC14z Z 0.019 age {meta['age'][i] / 1e9:.4g} Gyr")
    bc03 = np.array(rows[:40])
    for path in sorted(glob.glob(mastar + "/*.fits.gz")):
        with fits.open(path) as hdus:
            flux, header, sres = hdus[0].data.astype(float), hdus[0].header, hdus["SRES"].data
        wave = 10 ** (header["CRVAL1"] + header["CDELT1"] * np.arange(len(flux)))
        keep = wave < LAST + 40
        row = smooth(wave[keep], flux[keep], np.median((wave / sres)[keep]))
        seen, fit = GRID > 3650, (GRID > 3650) & (GRID < 5500)
        weights, _ = nnls((bc03[:, fit] / row[fit]).T[::4], np.ones(fit.sum())[::4])
        rows.append(np.where(seen, row, weights @ bc03))
        names.append("MaStar age " + path.split("-A")[1].split("-Z")[0] + " Gyr [Z/H] " + path.split("-Z")[1][:5])
    rows = np.array(rows)
    anchor = (GRID > 5400) & (GRID < 5600)
    return names, rows / rows[:, anchor].mean(axis=1, keepdims=True)


def choose(rows):
    """Indices of the chosen, and the largest rms deviation (relative) of all others from what the chosen can make."""
    chosen = [int(np.argmax(rows[:, 0])), int(np.argmin(rows[:, 0]))]
    while True:
        basis = rows[chosen][:, ::4].T
        error = np.array([nnls(basis / r[::4, None], np.ones(len(r[::4])))[1] / np.sqrt(len(r[::4])) for r in rows])
        if len(chosen) == WANTED:
            return chosen, error
        chosen.append(int(np.argmax(error)))


def main(folder, ckc, mastar, path):
    names, rows = populations(folder, ckc, mastar)
    chosen, error = choose(rows)
    print(
        f"{len(rows)} populations, {len(chosen)} chosen; the others are fitted to {np.median(error):.4f} (median), "
        f"{error.max():.4f} (worst)"
    )
    for i in chosen:
        print("  " + names[i])
    content = sealed(
        {"templates.flux": rows[chosen].astype("f4"), "templates.grid": np.array([np.log(FIRST), STEP])},
        {
            "kind": "templates",
            "names": "; ".join(names[i] for i in chosen),
            "fwhm": str(FWHM),
            "vacuum": "T",
            "source": "Bruzual & Charlot 2003, MNRAS 344, 1000; Conroy et al. 2009, ApJ 699, 486 (CKC14z); Maraston "
            "et al. 2020, MNRAS 496, 2962 (MaStar); see templates.md",
            "worst_fit": f"{error.max():.4f}",
            "median_fit": f"{np.median(error):.4f}",
        },
    )
    Path(path).write_bytes(content)
    print(hashlib.sha256(content).hexdigest(), path)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
