"""Lines for the galaxies of diffsky's halos: a light cone, and the Halpha of its galaxies behind their dust."""

from collections import namedtuple

import jax
import matplotlib.pyplot as plt
import numpy as np
import starglow_lines as adapter  # contrib/diffsky
from diffsky.experimental import lightcone_generators as lcg
from diffsky.experimental.kernels import dbk_photline_kernels_in_situ as kernels
from diffsky.param_utils import diffsky_param_wrapper_merging as parameters
from dsps.cosmology import DEFAULT_COSMOLOGY
from dsps.data_loaders import retrieve_fake_fsps_data as fake
from dsps.data_loaders.defaults import TransmissionCurve

import stand_in  # examples/python: black bodies as a DSPS grid; dsps.load_ssp_templates() reads a real one

ssp = adapter.with_tracers(stand_in.load())  # light in starglow's bands and beside its lines, where diffsky has lines
wave, *curves = fake.load_fake_filter_transmission_curves()
bands = namedtuple("Bands", ("g", "i"))(*(TransmissionCurve(wave, curves[k]) for k in (1, 3)))
z = 0.05, 0.3
cone = lcg.weighted_lc_photdata(jax.random.key(0), 300, *z, 11.0, 14.5, 100.0, ssp, bands, np.geomspace(*z, 6))
upid = np.where(cone.is_central == 1, -1, cone.halo_indx)
infall = cone.logmp_infall - cone.logmhost_infall, cone.logmhost_infall, cone.t_obs - cone.t_infall
tables = cone.ssp_data, cone.precomputed_ssp_mag_table, cone.z_phot_table, cone.wave_eff_table, adapter.wave_table(ssp)
kinds = ("diffstarpop", "mzr", "spspop", "scatter", "ssperr", "merging")
laws = [getattr(parameters.DEFAULT_PARAM_COLLECTION, f"{kind}_params") for kind in kinds]
galaxies = kernels._mc_dbk_photline_kern(
    jax.random.key(1), cone.z_obs, cone.t_obs, cone.mah_params, upid, *infall, *tables, *laws, DEFAULT_COSMOLOGY, 0.156
)[0]
halpha = adapter.LINE_NAMES.index("Ba_alpha_6563")
mass, ids = np.asarray(galaxies.logsm_obs), np.arange(len(upid))
figure, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
for lines, color in (("continuum", "C0"), ("photons", "C1")):
    drawn = np.asarray(adapter.linelum(galaxies.linelum_gal, lines, targetid=ids))[:, halpha]
    ax.plot(mass, np.log10(np.maximum(drawn, 1e36)), ".", ms=3, color=color, label=f"lines follow the {lines}")
ax.set(xlim=(8.5, 12), ylim=(37, 43.5), xlabel="log stellar mass / M$_\\odot$", ylabel="log L(H$\\alpha$) / (erg/s)")
ax.legend()
figure.savefig("diffsky_halos.png", dpi=120)
