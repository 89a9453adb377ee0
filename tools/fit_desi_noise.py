"""The nodes of src/spectra/desi_noise.cpp, from real spectra: smooth noise of DESI against wavelength.

    .venv/bin/python tools/fit_desi_noise.py coadd-*.fits spectrum.npz

For each spectrum the median of log sigma in windows of 200 A, less log sqrt(1 + F/F_s) of its own flux, less its own
level at 6500 A; the nodes are the medians over the spectra. F_s, the flux of the sky in a fibre, is not fitted: three
spectra do not fix it (the best value runs to its bound). It is that of 21 mag per square arcsecond (AB, 6500 A) in a
fibre of 1.5 arcsec."""

import sys

import numpy as np
from astropy.io import fits

WAVE = 3600 + 0.8 * np.arange(7781)
NODES = np.arange(3700.0, 9800.0, 400.0)


def read(path):
    if path.endswith(".npz"):
        data = np.load(path)
        return [(data["flux"].astype(float), data["ivar"].astype(float))]
    out = []
    with fits.open(path) as hdus:
        for row in range(len(hdus["FIBERMAP"].data)):
            flux, ivar = np.zeros(WAVE.size), np.zeros(WAVE.size)
            for camera in "BRZ":
                wave = hdus[camera + "_WAVELENGTH"].data
                part = slice(at := round((wave[0] - 3600) / 0.8), at + wave.size)
                weight = hdus[camera + "_IVAR"].data[row] * (hdus[camera + "_MASK"].data[row] == 0)
                flux[part] += weight * hdus[camera + "_FLUX"].data[row]
                ivar[part] += weight
            out.append((np.divide(flux, ivar, out=np.zeros_like(flux), where=ivar > 0), ivar))
    return out


def medians(values, good):
    return np.array([np.median(values[good & (abs(WAVE - node) < 100)]) for node in NODES])


spectra = [s for path in sys.argv[1:] for s in read(path)]
flux = np.array([medians(f, i > 0) for f, i in spectra])
sigma = np.array([medians(-0.5 * np.log(np.where(i > 0, i, 1)), i > 0) for _, i in spectra])


def shapes(flux_s):
    dark = sigma - 0.5 * np.log1p(np.maximum(flux, 0) / flux_s)
    return dark - np.array([np.interp(6500, NODES, d) for d in dark])[:, None]


FLUX_S = 3.631e-20 * 10 ** (-0.4 * 21) * np.pi * 0.75**2 * 2.998e18 / 6500**2 / 1e-17
nodes = np.median(shapes(FLUX_S), axis=0)
print(
    f"{len(spectra)} spectra; F_s = {FLUX_S:.3g}; rms of log sigma about the nodes "
    f"{np.sqrt(np.mean((shapes(FLUX_S) - nodes) ** 2)):.3f}"
)
print(", ".join(f"{x:.3f}" for x in nodes))
