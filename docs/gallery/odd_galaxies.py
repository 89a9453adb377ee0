"""Odd galaxies: each line against what the starlight and the galaxy's other lines lead to expect."""

import matplotlib.pyplot as plt
import numpy as np

import starglow as sg

galaxies = sg.mock(1500, seed=5)  # in earnest: sg.read_table("measured.fits")
random, sigma = np.random.default_rng(5), 0.8  # A
ew = sg.Model.shipped().sample(galaxies, draws=1, seed=5)[:, :, 0] + sigma * random.standard_normal((1500, 10))
odd = random.choice(1500, 12, replace=False)
ew[odd, sg.LINES.index("OIII_5007")] += 40  # an active nucleus, say
ivar = np.full_like(ew, sigma**-2)
table = sg.Galaxies(galaxies.band_flux, galaxies.z, targetid=galaxies.targetid, ew=ew, ew_ivar=ivar)

figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for ax, line in zip(axes, ("OIII_5007", "HALPHA")):
    k = sg.LINES.index(line)
    partners = {"OIII_5007": "OIII_4959"}.get(line)
    others = [name for name in sg.LINES if name not in (line, partners)]
    expected = sg.Model.shipped().predict(table, given=others)
    width = np.hypot(0.5 * (expected.p84[:, k] - expected.p16[:, k]), sigma)
    pull = (ew[:, k] - expected.ew[:, k]) / width
    ax.plot(expected.ew[:, k], ew[:, k], ".", ms=2, color="0.6")
    ax.plot(expected.ew[odd, k], ew[odd, k], "o", mfc="none", color="C3", label="made odd")
    strange = pull > 5
    ax.plot(expected.ew[strange, k], ew[strange, k], "x", color="k", label="more than 5 widths above")
    ax.set(xlabel=f"EW({line}) expected / A", ylabel="measured / A", xscale="symlog", yscale="symlog")
    ax.legend()
figure.savefig("odd_galaxies.png", dpi=120)
