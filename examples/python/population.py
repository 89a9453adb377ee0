"""Which star-formation histories and metallicities do the galaxies of a survey have?

Colours and lines of a mock survey are reduced to means and scatters; the population's parameters are found by descent
through DSPS and starglow, draws of the lines included. Usage: python population.py [grid.h5]
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

NAMES = ("mean log10 tau/Gyr", "scatter", "mean lgmet", "scatter of lgmet", "mean Av")
TRUTH = np.array([0.6, 0.25, -2.1, 0.20, 0.4])
START = np.array([0.3, 0.40, -1.9, 0.30, 0.2])
USED = [LINES.index(line) for line in ("OII_DOUBLET", "HBETA", "HALPHA", "NII_6584")]
TIME = jnp.linspace(0.1, 13.8, 40)  # Gyr
T_OBS = 12.0


def survey(ssp, lines, parameters, normals, ids, seed):
    """Statistics of galaxies whose parameters are `parameters` applied to standard normals (n, 3); one row a galaxy."""
    attenuation = jnp.asarray(sbl18_k_lambda(ssp.ssp_wave / 1e4, 1.0, -0.2)) / 4.05

    def galaxy(normal):
        tau = 10 ** (parameters[0] + parameters[1] * normal[0])
        lgmet = parameters[2] + parameters[3] * normal[1]
        av = parameters[4] * jnp.exp(0.3 * normal[2])
        sfr = TIME * jnp.exp(-TIME / tau)
        sed = dsps.calc_rest_sed_sfh_table_lognormal_mdf(
            TIME, sfr, lgmet, 0.2, ssp.ssp_lgmet, ssp.ssp_lg_age_gyr, ssp.ssp_flux, T_OBS
        ).rest_sed
        return sed * 10 ** (-0.4 * av * attenuation)

    seds = jax.vmap(galaxy)(normals)
    colour = jnp.log10(lines.bands(seds))
    t = jnp.arcsinh(lines.sample(seds, targetid=ids, draws=1, seed=seed)[:, USED, 0])
    return jnp.concatenate([(colour[:, [1, 3, 11]] - colour[:, [3, 7, 7]]), t], axis=1)


def statistics(rows):
    """Means, and logarithms of the scatters."""
    return jnp.concatenate([rows.mean(0), jnp.log(rows.std(0))])


def infer(ssp, n_data=1500, n_model=600, seed=1):
    """(best, covariance, cost per degree of freedom) for a mock survey of known truth."""
    lines = sgd.Lines(ssp)
    random = np.random.default_rng(seed)
    data = np.asarray(
        jax.jit(lambda p: survey(ssp, lines, p, random.standard_normal((n_data, 3)), np.arange(n_data), 11))(
            jnp.asarray(TRUTH)
        )
    )
    again = [np.asarray(statistics(data[random.integers(0, n_data, n_data)])) for _ in range(300)]
    # The model's galaxies scatter as the data's do: both errors count.
    covariance = np.cov(np.array(again), rowvar=False) * (1 + n_data / n_model)
    whiten = jnp.asarray(np.linalg.inv(np.linalg.cholesky(covariance)))
    observed = statistics(jnp.asarray(data))
    normals, ids = random.standard_normal((n_model, 3)), np.arange(n_model) + 10**6

    def residuals(p):
        return whiten @ (statistics(survey(ssp, lines, p, normals, ids, 12)) - observed)

    best, covariance, cost = descent.minimise(residuals, START)
    sign = np.where(["scatter" in name for name in NAMES], np.sign(best), 1.0)  # a scatter and its negative are one
    best, covariance = best * sign, covariance * np.outer(sign, sign)
    return best, covariance, cost / (len(observed) - len(best))


if __name__ == "__main__":
    best, covariance, cost = infer(stand_in.load(*sys.argv[1:2]))
    descent.report(NAMES, TRUTH, best, covariance)
    print(f"cost per degree of freedom: {cost:.2f}")
