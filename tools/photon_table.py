"""Writes src/stars/photon_table.cpp: the rate of hydrogen-ionising photons of simple stellar populations by age.

    python tools/photon_table.py fsps_ssp.npz > src/stars/photon_table.cpp
    python tools/photon_table.py fsps_ssp.npz --python > python/starglow/jax/_photon_table.py

The file holds the light of populations of one metallicity (Z = 0.0190) of FSPS 2 (Conroy, Gunn & White 2009, ApJ 699,
486; Conroy & Gunn 2010, ApJ 712, 833; Padova tracks with their post-AGB stars, BaSeL spectra): wave_A, logage (log10
yr) in steps of 0.025 dex, lnu_lsun_hz (L_sun/Hz per M_sun formed). Steps of 0.05 dex are written: means over the ages
in between, each with the time that it stands for."""

import sys

import numpy as np

H, L_SUN, LYMAN = 6.62607015e-27, 3.828e33, 911.753  # erg s; erg/s; A


def main(path, language="C++"):
    data = np.load(path)
    wave, log_age, light = (np.asarray(data[k], float) for k in ("wave_A", "logage", "lnu_lsun_hz"))
    below = np.append(wave[wave < LYMAN], LYMAN)
    # photons/s = integral of L_nu / (h nu) over nu = integral of L_nu / (h lambda) over lambda
    rate = [np.trapezoid(np.interp(below, wave, row) * L_SUN / (H * below), below) for row in light]
    rate, time = np.asarray(rate), 10**log_age
    out = []
    for k in range(0, len(rate) - 1, 2):
        near = [i for i in (k - 1, k, k + 1) if 0 <= i < len(rate)]
        share = np.asarray([time[i] * (1.0 if i == k else 0.5) for i in near])
        out.append(np.log10((rate[near] * share).sum() / share.sum()))
    rows = [", ".join(f"{x:.3f}" for x in out[first : first + 10]) for first in range(0, len(out), 10)]
    if language == "--python":
        print("# Written by tools/photon_table.py --python.\n# fmt: off\nLOG_PHOTONS = (")
        print("\n".join(f"    {row}," for row in rows) + "\n)")
        return
    print("// Written by tools/photon_table.py.")
    print('#include "stars/photon_table.hpp"\n\nnamespace starglow {\n')
    print("const std::array<double, k_n_photon_ages> k_log_photons{{")
    for row in rows:
        print(f"    {row},")
    print("}};\n\n}  // namespace starglow")


if __name__ == "__main__":
    main(*sys.argv[1:])
