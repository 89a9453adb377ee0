"""A narrow-band survey: which galaxies stand out by the Halpha in its filter?"""

import matplotlib.pyplot as plt
import numpy as np

import starglow as sg

CENTRE, WIDTH, BROAD = 8160.0, 120.0, 1300.0  # A: the filter, and the broad one beside it
galaxies = sg.mock(30000, seed=7)
z = galaxies.z
seen = 6564.6 * (1 + z)
inside = np.abs(seen - CENTRE) < WIDTH / 2
ew = sg.Model.shipped().sample(galaxies, draws=1, seed=7)[:, sg.LINES.index("HALPHA"), 0] * (1 + z)  # observed, A
# Both filters see the line; the narrow one has it over a smaller width.
excess = 2.5 * np.log10((1 + np.where(inside, ew, 0) / WIDTH) / (1 + np.where(inside, ew, 0) / BROAD))
continuum = galaxies.band_flux[:, 10] * 1e-17 * CENTRE**2 / 2.998e18  # erg/s/cm2/Hz
magnitude = -2.5 * np.log10(continuum) - 48.6
noise = 0.03 * 10 ** (0.3 * (magnitude - 19))
excess += noise * np.random.default_rng(7).standard_normal(len(z))
chosen = excess > np.maximum(3 * noise, 0.15)

figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
axes[0].plot(magnitude, excess, ".", ms=1, color="0.7")
axes[0].plot(magnitude[chosen & inside], excess[chosen & inside], ".", ms=3, color="C3", label="chosen, Halpha inside")
axes[0].set(xlabel="narrow-band magnitude", ylabel="excess / mag", xlim=(15, 21), ylim=(-0.4, 1.0))
axes[0].legend()
bins = np.arange(0, 151, 10)
axes[1].hist(ew[inside], bins, histtype="step", label="Halpha inside the filter")
axes[1].hist(ew[inside & chosen], bins, histtype="step", label="of these chosen")
axes[1].set(xlabel="observed EW(Halpha) / A", ylabel="galaxies")
axes[1].legend()
figure.savefig("narrow_band.png", dpi=120)
