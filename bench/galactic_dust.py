#!/usr/bin/env python3
"""What an unknown amount of Galactic dust does to predicted lines.

Galaxies of the mock population, their bands with the dust of E(B-V) put in or removed by somebody, answered as if they
were the model's own.
Prints median and 16-84 % of EW / EW of the right bands - 1.
"""

import numpy as np

import starglow as sg

LINES = ("OII_DOUBLET", "HBETA", "OIII_5007", "HALPHA", "NII_6584")

model = sg.Model.shipped()
galaxies = sg.mock(20000, seed=1)
right = model.predict(galaxies).ew
print("E(B-V)    " + "".join(f"{line:>24}" for line in LINES))
other = "F" if model.metadata["mwcorr"] == "T" else "T"
for ebv in (0.01, 0.04, 0.1):
    # As if the bands were of the other kind: by EBV they are brought to the model's.
    given = sg.Galaxies(galaxies.band_flux, galaxies.z, ebv=np.full(len(galaxies), ebv), conventions={"MWCORR": other})
    changed = model.predict(given).ew
    text = []
    for line in LINES:
        k = sg.LINES.index(line)
        there = right[:, k] > 1
        low, middle, high = np.percentile(
            100 * (right[there, k] / np.maximum(changed[there, k], 1e-9) - 1), (16, 50, 84)
        )
        text.append(f"{middle:+.1f} % ({low:+.1f} to {high:+.1f})")
    print(f"{ebv:<10}" + "".join(f"{t:>24}" for t in text))
