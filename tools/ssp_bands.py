"""Writes src/model/ssp_bands.cpp: light of simple stellar populations in the twelve bands, by age and metallicity.

    python tools/ssp_bands.py models/ssp.safetensors > src/model/ssp_bands.cpp

From the shipped emulator (models/ssp.md): ln of the mean F_lambda in each band per mass formed, up to a constant, at 42
ages in steps of 0.1 dex from 1 Myr, and at Z = 0.004, 0.008, 0.02 and 0.05."""

import sys

import numpy as np
from safetensors.numpy import load_file

FIRST, WIDTH, N_BANDS, N_AGES = 3400.0, 300.0, 12, 42
METALLICITIES = (0.004, 0.008, 0.02, 0.05)


def main(path):
    ssp = {k: v.astype(float) for k, v in load_file(path).items()}
    wave, ages = ssp["ssp.wave"], ssp["ssp.lg_age_gyr"]
    low, high = ssp["ssp.lgmet_range"]
    edges = FIRST + WIDTH * np.arange(N_BANDS + 1)
    wanted = -3 + 0.1 * np.arange(N_AGES)
    rows = []
    for z in METALLICITIES:
        u = 2 * (np.log10(z) - low) / (high - low) - 1
        powers = np.polynomial.chebyshev.chebvander([u], ssp["ssp.coefficients"].shape[1] - 1)[0]
        scores = np.einsum("cpa,p->ca", ssp["ssp.coefficients"], powers)
        light = 10 ** (ssp["ssp.mean"][:, None] + ssp["ssp.basis"].T @ scores) / wave[:, None] ** 2
        bands = np.empty((N_BANDS, len(ages)))
        for b in range(N_BANDS):
            x = np.concatenate([[edges[b]], wave[(wave > edges[b]) & (wave < edges[b + 1])], [edges[b + 1]]])
            for a in range(len(ages)):
                bands[b, a] = np.log(np.trapezoid(np.interp(x, wave, light[:, a]), x) / WIDTH)
        rows += [[np.interp(t, ages, band) for band in bands] for t in wanted]
    rows = np.array(rows)
    rows -= rows.mean()
    print("// Written by tools/ssp_bands.py.")
    print('#include "model/ssp_bands.hpp"\n\nnamespace starglow {\n')
    print("const std::array<std::array<double, k_n_bands>, k_n_ssp_metals * k_n_ssp_ages> k_ssp_bands{{")
    for row in rows:
        print("    {" + ", ".join(f"{x:.4f}" for x in row) + "},")
    print("}};\n\n}  // namespace starglow")


if __name__ == "__main__":
    main(*sys.argv[1:])
