"""Speed on spectra of 7781 pixels, one thread, in one run: measuring, EWs against side bands, painting.

    python -m venv venv && venv/bin/pip install -r bench/requirements.txt
    venv/bin/python bench/spectra_speed.py [build/release/starglow]

prep        three cameras merged, bands, starlight and Gaussians fitted; milliseconds a spectrum
side bands  EWs of ten lines, against NumPy (slices, means and the trapezoid rule; no errors, where starglow has them)
            and specutils (extract_region and equivalent_width)
painting    ten lines (eleven Gaussians), against NumPy restricted to +-6 sigma and astropy's Gaussian1D on all pixels;
            both sample the Gaussian at the pixels' centres, which is less work than integrating it over them

Rounds are interleaved, all by the processor's clock; of each the fastest counts. Prints JSON lines.
"""

import json
import os
import subprocess
import sys
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from astropy import units
from astropy.modeling.models import Gaussian1D
from specutils import SpectralRegion, Spectrum
from specutils.analysis import equivalent_width
from specutils.manipulation import extract_region
from synthetic_spectra import BANDS

WAVE = 3600 + 0.8 * np.arange(7781)
REST = np.array(
    [3727.10, 3729.86, 4341.692, 4862.71, 4960.295, 5008.24, 6549.861, 6564.6, 6585.273, 6718.294, 6732.674]
)
# Integration windows of docs/spectra.md (line_fit.hpp), rest frame.
WINDOWS = np.array(
    [
        (3717, 3740),
        (4331, 4352),
        (4850, 4875),
        (4950, 4970),
        (4997, 5019),
        (6542, 6556),
        (6556, 6574),
        (6574, 6597),
        (6706, 6725.5),
        (6725.5, 6745),
    ]
)


def lines(z):
    centre = REST * (1 + z)
    return centre, centre * 100 / 299792.458, np.full(REST.size, 20.0)


def paint_numpy(z, out):
    for centre, sigma, flux in zip(*lines(z)):
        a, b = np.searchsorted(WAVE, (centre - 6 * sigma, centre + 6 * sigma))
        out[a:b] += flux / (sigma * 2.5066282746310002) * np.exp(-0.5 * ((WAVE[a:b] - centre) / sigma) ** 2)


def paint_astropy(z, out):
    for centre, sigma, flux in zip(*lines(z)):
        out += Gaussian1D(flux / (sigma * 2.5066282746310002), centre, sigma)(WAVE)


def ew_numpy(z, flux):
    out = []
    for bands, window in zip(BANDS * (1 + z), WINDOWS * (1 + z)):
        at = np.searchsorted(WAVE, np.concatenate((bands, window)))
        blue, red = flux[at[0] : at[1]].mean(), flux[at[2] : at[3]].mean()
        x = WAVE[at[4] : at[5]]
        t = (x - bands[:2].mean()) / (bands[2:].mean() - bands[:2].mean())
        out.append(np.trapezoid(flux[at[4] : at[5]] / ((1 - t) * blue + t * red) - 1, x) / (1 + z))
    return np.array(out)


def ew_specutils(z, flux):
    spectrum, out = Spectrum(flux=flux * units.dimensionless_unscaled, spectral_axis=WAVE * units.AA), []
    region = lambda lo, hi: SpectralRegion(lo * units.AA, hi * units.AA)
    for bands, window in zip(BANDS * (1 + z), WINDOWS * (1 + z)):
        blue, red = (extract_region(spectrum, region(*pair)).flux.mean() for pair in (bands[:2], bands[2:]))
        part = extract_region(spectrum, region(*window))
        t = (part.spectral_axis.value - bands[:2].mean()) / (bands[2:].mean() - bands[:2].mean())
        out.append(-equivalent_width(part / ((1 - t) * blue + t * red)).value / (1 + z))
    return np.array(out)


def seconds(work, spectra, start):
    planes = np.full((spectra, WAVE.size), start)
    redshifts = np.linspace(0.06, 0.36, spectra)
    before = time.process_time()
    for z, plane in zip(redshifts, planes):
        work(z, plane)
    return (time.process_time() - before) / spectra


def main():
    warnings.simplefilter("ignore")
    binary = sys.argv[1] if len(sys.argv) > 1 else "build/release/starglow"
    spectrum = np.ones(WAVE.size)
    paint_numpy(0.2, spectrum)
    np.testing.assert_allclose(
        ew_numpy(0.2, spectrum), ew_specutils(0.2, spectrum), rtol=0.05, atol=0.05
    )  # the same quantity
    best = {}
    for _ in range(5):
        run = subprocess.run(
            [binary, "bench", "--json", "--only", "prep,side-bands,paint", "--threads", "1", "--seconds", "0.7"],
            capture_output=True,
            text=True,
            check=True,
        )
        now = {("starglow", line["name"]): 1 / line["value"] for line in map(json.loads, run.stdout.splitlines())}
        now |= {
            ("numpy", "paint"): seconds(paint_numpy, 200, 0.0),
            ("astropy", "paint"): seconds(paint_astropy, 20, 0.0),
            ("numpy", "side-bands"): seconds(ew_numpy, 200, 1.0),
            ("specutils", "side-bands"): seconds(ew_specutils, 3, 1.0),
        }
        best = {key: min(value, best.get(key, np.inf)) for key, value in now.items()}
    print(
        json.dumps(
            {
                "name": "prep, with template and Gaussian fits",
                "value": round(1e3 * best["starglow", "prep"], 2),
                "unit": "ms/spectrum",
                "threads": 1,
            }
        )
    )
    for (who, what), value in sorted(best.items()):
        print(
            json.dumps({"name": f"{what} with {who}", "value": round(1 / value, 1), "unit": "spectra/s", "threads": 1})
        )
    for (who, what), value in sorted(best.items()):
        if who != "starglow":
            print(
                json.dumps(
                    {
                        "name": f"{what}, starglow over {who}",
                        "value": round(value / best["starglow", what], 1),
                        "unit": "ratio",
                    }
                )
            )


if __name__ == "__main__":
    main()
