"""The Halpha luminosity function of a mock survey: continuum beside the line times EW, a joint draw for each galaxy."""

import matplotlib.pyplot as plt
import numpy as np

import starglow as sg
from starglow.jax.features import luminosity_distance

galaxies = sg.mock(20000, seed=3)
drawn = sg.Model.shipped().sample(galaxies, draws=1, seed=3)[:, sg.LINES.index("HALPHA"), 0]
medians = sg.Model.shipped().predict(galaxies)["HALPHA"]
continuum = galaxies.band_flux[:, 10]  # 6400-6700 A, 1e-17 erg/s/cm2/A, observed
distance = 3.0857e24 * np.asarray(luminosity_distance(galaxies.z), float)  # cm

figure, ax = plt.subplots(figsize=(4.5, 3.5), layout="constrained")
for name, ew in (("medians", medians), ("draws", drawn)):
    flux = 1e-17 * continuum * ew * (1 + galaxies.z)  # erg/s/cm2
    luminosity = np.log10(np.where(flux > 0, 4 * np.pi * distance**2 * flux, np.nan))
    ax.hist(luminosity, bins=np.arange(38.5, 43.01, 0.15), histtype="step", log=True, label=name)
ax.set(xlabel="log10 L(H$\\alpha$) / (erg/s)", ylabel="galaxies of the mock survey")
ax.legend()
figure.savefig("halpha_luminosities.png", dpi=120)
