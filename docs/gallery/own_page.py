"""A page of one's own: galaxies, their map and the model in one HTML file; and the map as a figure."""

import subprocess

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table

import starglow as sg

galaxies = sg.mock(800, seed=11)  # in earnest: your own table
p = sg.Model.shipped().predict(galaxies)
ivar = np.full(p.ew.shape, 4.0)
table = sg.Galaxies(galaxies.band_flux, galaxies.z, targetid=galaxies.targetid, ew=p.ew, ew_ivar=ivar)
sg.write_table("mine.fits", table)
run = lambda *words: subprocess.run(["starglow", *words], check=True)
run("embed", "mine.fits", "-o", "mapped.fits", "--neighbours", "15")
run("explore", "mapped.fits", "--single-file", "mine.html")  # open it in a browser

umap = np.asarray(Table.read("mapped.fits")["UMAP"])
figure, ax = plt.subplots(figsize=(4.8, 3.8), layout="constrained")
shown = ax.scatter(*umap.T, c=np.log10(np.maximum(p["HALPHA"], 0.1)), s=4)
ax.set(xticks=[], yticks=[], title="galaxies of like starlight lie together")
figure.colorbar(shown, label="log10 EW(H$\\alpha$) / A, predicted")
figure.savefig("own_page.png", dpi=120)
