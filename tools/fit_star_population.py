"""Fit the default population of `starglow mock --population stars` to a table of real galaxies.

    .venv/bin/python tools/fit_star_population.py table.fits [--grid GRID.h5]

Every galaxy gets the most probable parameters of a delayed exponential history with a burst (weak priors, 2 % errors);
their means and covariances are printed as the distributions that docs/mock.md describes: each parameter normal about a
linear function of those before it. The light is that of the embedded emulator (models/ssp.safetensors), as in the
program, or of a grid in the layout of DSPS. What was chosen and not fitted stands in upper case below, and in
docs/mock.md. Needs jax and dsps.
"""

import argparse
from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
import numpy as np
from astropy.cosmology import FlatLambdaCDM
from astropy.table import Table
from numpy.polynomial import chebyshev
from safetensors.numpy import load_file

jax.config.update("jax_enable_x64", True)
from dsps.dust.att_curves import _frac_transmission_from_k_lambda, sbl18_k_lambda
from dsps.sed import calc_ssp_weights_sfh_table_lognormal_mdf
from dsps.sfh.diffburst import calc_bursty_age_weights

EMULATOR = Path(__file__).resolve().parents[1] / "models/ssp.safetensors"
N_METALLICITIES = 13  # as src/files/models/ssp_model.cpp tabulates the emulator
T = np.linspace(0.1, 13.8, 100)
NAMES = ("redshift", "lgmass", "lgtau", "lgfburst", "lgmet", "av")
BURST_PEAK, BURST_MAX, SCATTER, START = 7.8, 8.8, 0.15, 1.0
PRIOR_MEAN = jnp.array([9.8, 0.35, -2.0, -1.85, 0.6])
PRIOR_SD = jnp.array([2.0, 0.35, 0.7, 0.2, 0.4])
LO = jnp.array([6.0, -0.5, -4.0, -2.38, 0.0])
HI = jnp.array([13.0, 1.3, -1.0, -1.32, 3.0])
BAND_ERROR = 0.009  # dex
REDSHIFT_WIDENING = (
    1.5  # redshifts are nearly flat between their ends: a cut normal of their own sd would be too narrow
)
PLAIN_SHARE = 0.5  # of the plain standard deviation in band_scatter, the rest is the robust one: between tails and core


def emulated():
    """lgmet, lg_age, wave, flux (metallicities, ages, wavelengths) of the embedded emulator."""
    t = load_file(EMULATOR)
    u = np.linspace(-1, 1, N_METALLICITIES)
    lo, hi = t["ssp.lgmet_range"].astype(float)
    polynomials = chebyshev.chebvander(u, t["ssp.coefficients"].shape[1] - 1)
    scores = np.einsum("mp,cpa->mac", polynomials, t["ssp.coefficients"].astype(float))
    return (
        lo + 0.5 * (u + 1) * (hi - lo),
        t["ssp.lg_age_gyr"].astype(float),
        t["ssp.wave"].astype(float),
        10 ** (t["ssp.mean"] + scores @ t["ssp.basis"]),
    )


def tabulated(path):
    with h5py.File(path) as f:
        return tuple(f[k][:].astype(float) for k in ("ssp_lgmet", "ssp_lg_age_gyr", "ssp_wave", "ssp_flux"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table")
    parser.add_argument("--grid", help="HDF5 in the layout of DSPS; without it the embedded emulator")
    o = parser.parse_args()
    lgmet, lg_age, wave, flux = tabulated(o.grid) if o.grid else emulated()
    f_lambda = flux * 2.99792458e18 / wave**2
    bands = np.stack(
        [
            np.stack(
                [
                    [np.interp(np.arange(lo, lo + 300), wave, f_lambda[m, a]).mean() for a in range(len(lg_age))]
                    for m in range(len(lgmet))
                ]
            )
            for lo in range(3400, 7000, 300)
        ],
        -1,
    )
    centre = jnp.array([(lo + 150) * 1e-4 for lo in range(3400, 7000, 300)])
    table = Table.read(o.table)
    z, data = np.array(table["Z"], float), np.array(table["BAND_FLUX"], float)
    distance = FlatLambdaCDM(70, 0.3).luminosity_distance(z).to_value("cm")
    luminosity = np.log10(data * 1e-17 * 4 * np.pi * (distance**2 * (1 + z))[:, None] / 3.828e33)  # L_sun/A
    t_obs = FlatLambdaCDM(70, 0.3).age(z).to_value("Gyr")

    def light(p, t_now):
        lgm, lgtau, lgf, met, av = p
        sfr = jnp.where(T > START, (T - START) * jnp.exp(-(T - START) / 10**lgtau), 0.0)
        _w, wm, wa = calc_ssp_weights_sfh_table_lognormal_mdf(T, sfr, met, SCATTER, lgmet, lg_age, t_now)
        wa = calc_bursty_age_weights((lgf, BURST_PEAK, BURST_MAX), wa, lg_age)
        k = sbl18_k_lambda(centre, 0.85, 0.0)
        return lgm + jnp.log10(jnp.einsum("m,a,mab->b", wm, wa, bands) * _frac_transmission_from_k_lambda(k, av))

    def residual(u, lum, t_now):
        p = LO + (HI - LO) * jax.nn.sigmoid(u)
        return jnp.concatenate([(light(p, t_now) - lum) / BAND_ERROR, (p - PRIOR_MEAN) / PRIOR_SD])

    @jax.jit
    @jax.vmap
    def step(u, damping, lum, t_now):
        r, j = residual(u, lum, t_now), jax.jacfwd(residual)(u, lum, t_now)
        a = j.T @ j
        new = u - jnp.clip(jnp.linalg.solve(a + damping * jnp.diag(jnp.diag(a) + 1e-6), j.T @ r), -1.0, 1.0)
        new = jnp.clip(new, -7, 7)
        better = (residual(new, lum, t_now) ** 2).sum() < (r**2).sum()
        return jnp.where(better, new, u), jnp.where(better, damping / 4, damping * 4)

    u = jnp.zeros((len(z), 5)).at[:, 0].set(0.2).at[:, 4].set(-1.5)
    damping = jnp.full(len(z), 0.1)
    for _ in range(60):
        u, damping = step(u, damping, luminosity, t_obs)
    p = np.array(LO + (HI - LO) * jax.nn.sigmoid(u))
    left = np.array(jax.vmap(light)(jnp.array(p), t_obs)) - luminosity
    offset = np.median(left, 0)
    spread = (1 - PLAIN_SHARE) * 1.4826 * np.median(abs(left - offset), 0) + PLAIN_SHARE * left.std(0)
    for name, values in (("band_offset", -offset), ("band_scatter", spread)):
        print(f'{name} = "{" ".join(f"{v:.4f}" for v in values)}"')
    x = np.column_stack([z, p])
    lo, hi = np.percentile(x, 0.5, axis=0), np.percentile(x, 99.5, axis=0)
    lo[0], hi[0] = z.min(), z.max()
    for k, name in enumerate(NAMES):
        design = np.column_stack([np.ones(len(x))] + [x[:, i] - x[:, i].mean() for i in range(k)])
        beta, *_ = np.linalg.lstsq(design, x[:, k], rcond=None)
        sd = (x[:, k] - design @ beta).std()
        if k == 0:
            sd *= REDSHIFT_WIDENING
        terms = "".join(f" {b:+.3f}*({NAMES[i]}-{x[:, i].mean():.3f})" for i, b in enumerate(beta[1:]))
        print(f'{name} = "normal {beta[0]:.4f} {sd:.4f} {lo[k]:.4f} {hi[k]:.4f}{terms}"')


if __name__ == "__main__":
    main()
