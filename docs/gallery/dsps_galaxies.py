"""Lines for DSPS galaxies: star-formation histories to SEDs to lines, on the SED, with their scatter."""

import dsps
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import stand_in  # examples/python: black bodies as a DSPS grid; dsps.load_ssp_templates() reads a real one
import starglow.dsps as sgd
from starglow.names import LINES

ssp = stand_in.load()
lines = sgd.Lines(ssp)
time = jnp.linspace(0.1, 12.0, 60)  # Gyr
figure, axes = plt.subplots(3, figsize=(7, 6), sharex=True, layout="constrained")
for ax, (name, tau) in zip(axes, (("star-forming", 20.0), ("fading", 3.0), ("old", 1.0))):
    sfr = 3 * (time / tau) * jnp.exp(-time / tau) + 1e-4
    sed = dsps.calc_rest_sed_sfh_table_lognormal_mdf(
        time, sfr, -2.0, 0.2, ssp.ssp_lgmet, ssp.ssp_lg_age_gyr, ssp.ssp_flux, 12.0
    ).rest_sed
    light = lines.predict(sed)
    drawn = lines.sample(sed, draws=200, seed=1)[LINES.index("HALPHA")]
    low, high = np.percentile(drawn, [16, 84])
    ax.plot(lines.wave, lines.sed_with_lines(sed, light.ew, sigma_v=150.0), color="C1", lw=0.8)
    ax.plot(lines.wave, sed, color="C0", lw=0.8)
    ax.set(xlim=(3500, 6900), ylabel="L / (L$_\\odot$/Hz)", title=f"{name}: EW(H$\\alpha$) {low:.0f} to {high:.0f} A")
axes[-1].set_xlabel("rest wavelength / A")
figure.savefig("dsps_galaxies.png", dpi=120)
