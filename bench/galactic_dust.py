#!/usr/bin/env python3
"""What an unknown amount of Galactic dust does to predicted lines.

Galaxies of the mock population, their bands with the dust of E(B-V) removed, answered as if nothing had been removed.
Prints median and 16-84 % of EW / EW of the right bands - 1.
"""

import numpy as np

import starglow as sg

LINES = ("OII_DOUBLET", "HBETA", "OIII_5007", "HALPHA", "NII_6584")

model = sg.Model.shipped()
galaxies = sg.mock(20000, seed=1)
right = model.predict(galaxies).ew
print("E(B-V)    " + "".join(f"{line:>24}" for line in LINES))
for ebv in (0.01, 0.03, 0.1):
    # The conversion runs both ways: bands that are said to be clean are reddened by EBV, so -EBV of dust is missing.
    clean = sg.Galaxies(galaxies.band_flux, galaxies.z, ebv=np.full(len(galaxies), ebv), conventions={"MWCORR": "T"})
    reddened = model.predict(clean).ew
    text = []
    for line in LINES:
        k = sg.LINES.index(line)
        there = right[:, k] > 1
        low, middle, high = np.percentile(
            100 * (right[there, k] / np.maximum(reddened[there, k], 1e-9) - 1), (16, 50, 84)
        )
        text.append(f"{middle:+.1f} % ({low:+.1f} to {high:+.1f})")
    print(f"{ebv:<10}" + "".join(f"{t:>24}" for t in text))
