"""My spectra: what should the lines be? Bands and lines of one, and what its starlight leads to expect."""

import matplotlib.pyplot as plt
import numpy as np

import starglow as sg

# A spectrum of one's own goes here: wave (A, vacuum, observed), flux and ivar (1e-17 erg/s/cm2/A), z.
galaxy = sg.mock(1, seed=5)
z, wave = float(galaxy.z[0]), 3600 + 0.8 * np.arange(7781)
starlight = np.interp(wave / (1 + z), 3550 + 300 * np.arange(12), galaxy.band_flux[0])
lines = sg.Model.shipped().sample(galaxy, draws=1, seed=2)[:, :, 0]
flux = sg.paint(wave, starlight[None], z, lines, resolving_power=3000)["flux"]
error = 0.04 * np.median(starlight)
flux = flux + error * np.random.default_rng(0).standard_normal(flux.shape)

measured = sg.measure(wave, flux, z, np.full_like(flux, error**-2))
expected = sg.Model.shipped().predict(measured["band_flux"], z, draws=500)

figure, (top, bottom) = plt.subplots(2, figsize=(7, 5), layout="constrained")
top.plot(wave / (1 + z), flux[0], color="0.7", lw=0.4, label="spectrum")
top.stairs(measured["band_flux"][0], np.arange(3400, 7001, 300), baseline=None, lw=2, label="the twelve bands")
top.set(xlim=(3400, 7000), xlabel="rest wavelength / A", ylabel="flux density")
top.legend()
bottom.violinplot(np.arcsinh(expected.draws[0]).T, showextrema=False)
bottom.errorbar(
    np.arange(1, 11),
    np.arcsinh(measured["ew"][0]),
    1 / np.sqrt((1 + measured["ew"][0] ** 2) * measured["ew_ivar"][0]),
    fmt="k.",
    label="measured",
)
bottom.set_xticks(np.arange(1, 11), sg.LINES, rotation=30, fontsize=7)
bottom.set(ylabel="asinh(EW / A)")
bottom.legend()
figure.savefig("my_spectra.png", dpi=120)
