"""A model of one's own: trained on one half of a catalogue, judged on the other beside the shipped one."""

import matplotlib.pyplot as plt
import numpy as np

import starglow as sg

galaxies = sg.mock(3000, seed=9)  # in earnest: sg.read_table("measured.fits")
random, sigma = np.random.default_rng(9), 1.0  # A
ew = 1.5 * sg.Model.shipped().sample(galaxies, draws=1, seed=9)[:, :, 0]  # lines half as strong again: another survey
ew = ew + sigma * random.standard_normal(ew.shape)
ivar = np.full_like(ew, sigma**-2)
table = sg.Galaxies(galaxies.band_flux, galaxies.z, targetid=galaxies.targetid, ew=ew, ew_ivar=ivar)

own = sg.train(table[:2000], "joint", epochs=15, joint_epochs=10, point_members=3, members=2, sibling=False,
               calibration_folds=0)  # fmt: skip
judged = table[2000:]
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
ha = sg.LINES.index("HALPHA")
for ax, (name, model) in zip(axes, {"shipped": sg.Model.shipped(), "own": own}.items()):
    p = model.predict(judged.band_flux, judged.z)
    ratio = np.median(judged.ew[:, ha]) / np.median(p.ew[:, ha])
    ax.plot(p.ew[:, ha], judged.ew[:, ha], ".", ms=2)
    ax.plot([0.5, 300], [0.5, 300], color="0.5")
    ax.set(xlabel="EW(Halpha) predicted / A", xscale="log", yscale="log", xlim=(0.5, 300), ylim=(0.5, 300))
    ax.set_title(f"{name}: medians measured / predicted {ratio:.2f}")
axes[0].set_ylabel("measured / A")
figure.savefig("own_model.png", dpi=120)
