"""The star-formation history of one galaxy from its band fluxes and the EWs of its lines.

Usage: python one_galaxy.py [grid.h5]
"""

import sys

import descent
import dsps
import jax
import jax.numpy as jnp
import numpy as np
from dsps.dust.att_curves import sbl18_k_lambda

import stand_in
import starglow.dsps as sgd
from starglow.names import LINES

T_OBS = 12.0
EDGES = np.array([0.0, 0.1, 1.0, 4.0, 11.9])  # lookback time, Gyr: SFR is constant between
NAMES = ("log10 SFR < 0.1 Gyr", "0.1-1 Gyr", "1-4 Gyr", "4-11.9 Gyr", "lgmet", "Av")
TRUTH = np.array([0.45, 0.25, 0.30, 0.60, -2.1, 0.35])
PRIOR = np.array([0.3, 0.3, 0.3, 0.3, -2.0, 0.3]), np.array([0.5, 0.5, 0.5, 0.5, 0.4, 0.3])  # mean, sd
USED = [LINES.index(line) for line in ("OII_DOUBLET", "HBETA", "OIII_5007", "HALPHA", "NII_6584", "SII_6716")]
BAND_ERROR = 0.02  # relative


def answers(ssp, lines, parameters):
    """log band luminosities (12), and median and half the width of the central 68 % of asinh EW of the used lines."""
    time = np.unique(np.concatenate([T_OBS - EDGES, T_OBS - EDGES[1:-1] + 1e-3, np.linspace(0.1, 11.9, 40), [12.0]]))
    which = np.clip(np.searchsorted(EDGES, T_OBS - time, side="right") - 1, 0, 3)
    sfr = 10 ** parameters[:4][which]
    sed = dsps.calc_rest_sed_sfh_table_lognormal_mdf(
        jnp.asarray(time), sfr, parameters[4], 0.2, ssp.ssp_lgmet, ssp.ssp_lg_age_gyr, ssp.ssp_flux, T_OBS
    ).rest_sed
    sed = sed * 10 ** (-0.4 * parameters[5] * jnp.asarray(sbl18_k_lambda(ssp.ssp_wave / 1e4, 1.0, -0.2)) / 4.05)
    light = lines.predict(sed)
    t16, t, t84 = (jnp.arcsinh(ew[jnp.asarray(USED)]) for ew in (light.p16, light.ew, light.p84))
    return jnp.log(lines.bands(sed)), t, 0.5 * (t84 - t16), sed


def infer(ssp, seed=3):
    """(best, covariance, cost of the data) for a mock galaxy of known truth."""
    lines = sgd.Lines(ssp)
    model = jax.jit(lambda p: answers(ssp, lines, p))
    bands, _, _, sed = model(jnp.asarray(TRUTH))
    random = np.random.default_rng(seed)
    bands = bands + BAND_ERROR * random.standard_normal(12)
    t = jnp.arcsinh(lines.sample(sed, targetid=np.int64(seed), draws=1, seed=seed)[jnp.asarray(USED), 0])

    def residuals(p):
        model_bands, model_t, width, _ = answers(ssp, lines, p)
        # Lines scatter together at given starlight: six lines count as two.
        lines_off = (t - model_t) / jax.lax.stop_gradient(width) / np.sqrt(len(USED) / 2)
        return jnp.concatenate([(bands - model_bands) / BAND_ERROR, lines_off, (p - PRIOR[0]) / PRIOR[1]])

    return descent.minimise(residuals, PRIOR[0], steps=20)


if __name__ == "__main__":
    best, covariance, cost = infer(stand_in.load(*sys.argv[1:2]))
    descent.report(NAMES, TRUTH, best, covariance)
    print(f"cost: {cost:.1f} for {12 + len(USED)} data and {len(NAMES)} priors")
