"""Painting ten lines (eleven Gaussians) on 7781 pixels, against NumPy restricted to +-6 sigma and astropy's Gaussian1D.

    .venv/bin/python bench/paint.py [build/release/starglow]

All on one thread, interleaved in one run; of each the fastest round counts. NumPy and astropy sample the Gaussian at the
pixels' centres, which is less work than integrating it over them, as starglow does. Prints JSON lines.
"""
import json
import os
import subprocess
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from astropy.modeling.models import Gaussian1D

WAVE = 3600 + 0.8 * np.arange(7781)
REST = np.array([3727.10, 3729.86, 4341.692, 4862.71, 4960.295, 5008.24, 6549.861, 6564.6, 6585.273, 6718.294, 6732.674])


def lines(z):
    centre = REST * (1 + z)
    return centre, centre * 100 / 299792.458, np.full(REST.size, 20.0)


def with_numpy(z, out):
    for centre, sigma, flux in zip(*lines(z)):
        a, b = np.searchsorted(WAVE, (centre - 6 * sigma, centre + 6 * sigma))
        out[a:b] += flux / (sigma * 2.5066282746310002) * np.exp(-0.5 * ((WAVE[a:b] - centre) / sigma) ** 2)


def with_astropy(z, out):
    for centre, sigma, flux in zip(*lines(z)):
        out += Gaussian1D(flux / (sigma * 2.5066282746310002), centre, sigma)(WAVE)


def seconds(work, spectra):
    out = np.zeros(WAVE.size)
    start = time.perf_counter()
    for z in np.linspace(0.06, 0.36, spectra):
        work(z, out)
    return (time.perf_counter() - start) / spectra


binary = sys.argv[1] if len(sys.argv) > 1 else "build/release/starglow"
best = {"starglow": np.inf, "numpy": np.inf, "astropy": np.inf}
for _ in range(5):
    run = subprocess.run([binary, "bench", "--json", "--only", "paint", "--threads", "1", "--seconds", "0.3", "-n", "100"],
                         capture_output=True, text=True, check=True)
    best["starglow"] = min(best["starglow"], 1 / json.loads(run.stdout)["value"])
    best["numpy"] = min(best["numpy"], seconds(with_numpy, 200))
    best["astropy"] = min(best["astropy"], seconds(with_astropy, 20))
for name, value in best.items():
    print(json.dumps({"name": f"paint with {name}", "value": round(1 / value, 1), "unit": "spectra/s", "threads": 1}))
for name in ("numpy", "astropy"):
    print(json.dumps({"name": f"paint, starglow over {name}", "value": round(best[name] / best["starglow"], 1), "unit": "ratio"}))
