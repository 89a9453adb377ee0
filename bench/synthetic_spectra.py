"""Synthetic DESI coadds whose truth is known: continua of a library that the fit does not have, lines, noise with
DESI's ivar.

Used by synthetic_truth.py and leakage.py; needs the shared data folder (ssp/emiles..., desi_files/).
"""

import os
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.ndimage import gaussian_filter1d
from scipy.special import ndtr

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("STARGLOW_SHARED", ROOT / ".." / "shared")) / "data"
C = 299792.458
LINES = "OII_DOUBLET HGAMMA HBETA OIII_4959 OIII_5007 NII_6548 HALPHA NII_6584 SII_6716 SII_6731".split()
WAVES = np.array([3728.48, 4341.692, 4862.71, 4960.295, 5008.24, 6549.861, 6564.6, 6585.273, 6718.294, 6732.674])
BANDS = np.array(
    [
        (3685, 3711, 3745, 3771),
        (4296, 4318, 4372, 4394),
        (4805, 4835, 4890, 4920),
        (4900, 4930, 5036, 5066),
        (4900, 4930, 5036, 5066),
        (6470, 6510, 6622, 6662),
        (6470, 6510, 6622, 6662),
        (6470, 6510, 6622, 6662),
        (6640, 6680, 6772, 6812),
        (6640, 6680, 6772, 6812),
    ],
    float,
)
GRID = 3600 + 0.8 * np.arange(7781)
CAMERAS = {"B": (0, 2751), "R": (2700, 2326), "Z": (4900, 2881)}


def side_band_means(wave_rest, continuum):
    """(10,) mean of a noise-free continuum in the side bands."""
    fine = [np.linspace(a, b, 400) for a, b in BANDS.reshape(-1, 2)]
    means = np.array([np.interp(x, wave_rest, continuum).mean() for x in fine]).reshape(10, 2)
    return means.mean(axis=1)


class Continua:
    """Sums of three populations of E-MILES with dust and a velocity dispersion; F_lambda at rest, mean 1 at 5500 A."""

    def __init__(self):
        data = np.load(SHARED / "ssp/emiles_chabrier_padova_compact_3000_7600.npz")
        self.age, self.wave, self.flux = data["age_gyr"], data["wave_vac"], data["flux"]
        self.log = np.exp(np.arange(np.log(self.wave[0]), np.log(self.wave[-1]), 1e-4))

    def draw(self, rng):
        total = np.zeros(len(self.wave))
        for low, high, share in (
            (0.06, 0.6, rng.uniform(0, 1) ** 2),
            (0.6, 4, rng.uniform(0, 1)),
            (4, 14, rng.uniform(0.2, 1)),
        ):
            ages = np.flatnonzero((self.age >= low) & (self.age <= high))
            one = self.flux[rng.integers(2, 7), rng.choice(ages)]
            total += share * one / one[(self.wave > 5400) & (self.wave < 5600)].mean()
        total *= np.exp(-rng.uniform(0, 1.2) * (self.wave / 5500) ** -0.7)
        log_flux = gaussian_filter1d(np.interp(self.log, self.wave, total), rng.uniform(50, 250) / C / 1e-4)
        return self.log, log_flux / np.interp(5500, self.log, log_flux)


def desi_ivar():
    """ivar of the real coadd on the common grid, relative to its median, where it has any."""
    ivar = np.zeros(7781)
    with fits.open(SHARED / "desi_files/coadd-4-80613-thru20210324.fits") as hdus:
        for name, (first, n) in CAMERAS.items():
            ivar[first : first + n] += hdus[f"{name}_IVAR"].data[0]
    return ivar / np.median(ivar[ivar > 0])


def gaussian(wave, centre, sigma):
    """Unit flux, integrated over pixels."""
    edge = np.concatenate([[wave[0] - 0.4], 0.5 * (wave[1:] + wave[:-1]), [wave[-1] + 0.4]])
    return np.diff(ndtr((edge - centre) / sigma)) / np.diff(edge)


def lines_of(fluxes, oii_ratio, z, sigma_v, v):
    """Spectrum of the ten lines on GRID; the instrument adds 0.75 A."""
    out = np.zeros(len(GRID))
    parts = [
        (3727.10, fluxes[0] / (1 + oii_ratio)),
        (3729.86, fluxes[0] * oii_ratio / (1 + oii_ratio)),
        *zip(WAVES[1:], fluxes[1:]),
    ]
    for wave, flux in parts:
        if flux == 0:
            continue
        centre = wave * (1 + z) * (1 + v / C)
        out += flux * gaussian(GRID, centre, np.hypot(centre * sigma_v / C, 0.75))
    return out


def write_coadd(folder, flux, ivar, z):
    """coadd.fits and redrock.fits in `folder`, rows in order, TARGETID from 1."""
    n = len(z)
    ids = np.arange(1, n + 1)
    hdus = [
        fits.PrimaryHDU(),
        fits.BinTableHDU.from_columns(
            [fits.Column("TARGETID", "K", array=ids), fits.Column("EBV", "E", array=np.full(n, 0.03), unit="mag")],
            name="FIBERMAP",
        ),
    ]
    for name, (first, pixels) in CAMERAS.items():
        part = slice(first, first + pixels)
        hdus.append(fits.ImageHDU(GRID[part], name=f"{name}_WAVELENGTH"))
        image = fits.ImageHDU(flux[:, part].astype("f4"), name=f"{name}_FLUX")
        image.header["BUNIT"] = "10**-17 erg/(s cm2 Angstrom)"
        hdus.append(image)
        # where cameras overlap each has half of the information
        share = np.ones(7781)
        share[2700:2751] = share[4900:5026] = 0.5
        hdus.append(fits.ImageHDU((ivar * share)[:, part].astype("f4"), name=f"{name}_IVAR"))
    fits.HDUList(hdus).writeto(folder / "coadd.fits", overwrite=True)
    table = [
        fits.Column("TARGETID", "K", array=ids),
        fits.Column("Z", "D", array=z),
        fits.Column("ZWARN", "K", array=np.zeros(n, int)),
        fits.Column("SPECTYPE", "6A", array=["GALAXY"] * n),
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(table, name="REDSHIFTS")]).writeto(
        folder / "redrock.fits", overwrite=True
    )
