"""What lines add to LSST magnitudes: a young galaxy at every redshift, with the scatter of its lines."""

import dsps
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import stand_in  # examples/python: black bodies as a DSPS grid; dsps.load_ssp_templates() reads a real one
import starglow as sg
import starglow.dsps as sgd

BANDS = {"g": (4000, 5500), "r": (5500, 7000), "i": (6900, 8200), "z": (8200, 9200)}  # A, as top hats
ssp = stand_in.load()
lines = sgd.Lines(ssp)
time = jnp.linspace(0.1, 12.0, 60)  # Gyr
sfr = 3 * (time / 20) * jnp.exp(-time / 20)
sed = dsps.calc_rest_sed_sfh_table_lognormal_mdf(
    time, sfr, -2.2, 0.2, ssp.ssp_lgmet, ssp.ssp_lg_age_gyr, ssp.ssp_flux, 12.0
).rest_sed
drawn = np.asarray(lines.sample(sed, draws=20, seed=1)).T  # (20, 10) A
z = np.linspace(0.03, 0.38, 50)
filters = [sg.Filter(name, np.linspace(*edges, 300), np.ones(300)) for name, edges in BANDS.items()]
seds = np.broadcast_to(sed, (len(z), len(sed)))
change = []
for ew in drawn:
    bare, total = sg.magnitudes(filters, np.asarray(lines.wave), seds, z, np.broadcast_to(ew, (len(z), 10)))
    change.append(total - bare)  # (z, filters)
figure, axes = plt.subplots(2, 2, figsize=(8, 5.5), sharex=True, layout="constrained")
for k, (ax, name) in enumerate(zip(axes.flat, BANDS)):
    ax.fill_between(z, *np.percentile(np.array(change)[:, :, k], [16, 84], axis=0), alpha=0.4)
    ax.plot(z, np.median(change, axis=0)[:, k])
    ax.set(title=f"{name} band", xlabel="z", ylabel="lines add / mag")
figure.savefig("lsst_magnitudes.png", dpi=120)
