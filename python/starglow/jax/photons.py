"""Ionising photons of star-formation histories, and the Halpha that follows; the twin of ``src/stars/photons.cpp``.

Tables of rates go as in DSPS: mass formed is interpolated in log time, a galaxy's metallicities are a triweight
distribution about lgmet. Pure functions of arrays, differentiable by every rate, metallicity, scatter and time."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import error
from ._photon_table import LOG_PHOTONS

_LYMAN, _PLANCK, _L_SUN = 911.753, 6.62607015e-27, 3.828e33  # A; erg s; erg/s
_SOLAR, _FIRST_AGE, _STEP, _YOUNGER = 0.0190, 5.5, 0.05, 30
_T_BIRTH_MIN, _SFR_MIN = 0.001, 1e-14
_LG_E = 0.4342944819032518


class PhotonGrid(NamedTuple):
    """Photons/s below 911.75 A per M_sun formed, of simple stellar populations."""

    lgmet: jax.Array  #: (n_met) log10 Z
    lg_age_gyr: jax.Array  #: (n_age)
    rate: jax.Array  #: (n_met, n_age)


def photon_grid(ssp_data: Any = None) -> PhotonGrid:
    """Rates of populations: the integrals over a grid's own spectra where it has stars of 1 Myr and light from 100 A
    on; else, and without a grid, the table of the library (FSPS 2 by age, Ly et al. 2016 by metallicity)."""
    if ssp_data is not None:
        wave, age = np.asarray(ssp_data.ssp_wave, float), np.asarray(ssp_data.ssp_lg_age_gyr, float)
        if age[0] <= -2.99 and wave[0] <= 100:
            below = np.append(wave[wave < _LYMAN], _LYMAN)
            light = np.apply_along_axis(lambda row: np.interp(below, wave, row), -1, np.asarray(ssp_data.ssp_flux))
            rate = np.trapezoid(light / below, below) * _L_SUN / _PLANCK
            return PhotonGrid(jnp.asarray(np.asarray(ssp_data.ssp_lgmet, float)), jnp.asarray(age), jnp.asarray(rate))
    lgmet = -4.0 + 0.1 * np.arange(29)
    y = np.clip(lgmet, np.log10(0.0004), np.log10(0.05)) - np.log10(_SOLAR)
    by_age = 10.0 ** np.concatenate([np.full(_YOUNGER, LOG_PHOTONS[0]), LOG_PHOTONS])
    lg_age = _FIRST_AGE - 9.0 + _STEP * (np.arange(len(by_age)) - float(_YOUNGER))
    rate = 10.0 ** (-0.39 * y - 0.127 * y * y)[:, None] * by_age
    return PhotonGrid(jnp.asarray(lgmet), jnp.asarray(lg_age), jnp.asarray(rate))


def _widths(t: Any) -> Any:
    middle = 0.5 * (t[:-1] + t[1:])
    first = middle[0] - (t[0] - (t[1] - t[0]) / 2)
    last = t[-1] + (middle[-1] - middle[-2]) / 2 - middle[-1]
    return jnp.concatenate([first[None], jnp.diff(middle), last[None]])


def _triweight_cdf(z: jax.Array) -> jax.Array:
    inside = jnp.clip(z, -3, 3)
    z2 = inside * inside
    value = inside * (z2 * (z2 * (z2 * (-5.0 / 69984) + 7.0 / 2592) - 35.0 / 864) + 35.0 / 96) + 0.5
    return jnp.where(z < -3, 0.0, jnp.where(z > 3, 1.0, value))


def _metallicity_weights(grid: jax.Array, lgmet: Any, scatter: Any) -> jax.Array:
    edges = grid - _widths(grid) / 2
    edges = jnp.concatenate([jnp.full(1, -10.0, edges.dtype), edges[1:], jnp.full(1, 10.0, edges.dtype)])
    below = _triweight_cdf((lgmet - edges) / scatter)
    weight = below[:-1] - below[1:]
    return weight / weight.sum()


def _mass_formed(t: jax.Array, sfr: jax.Array) -> jax.Array:
    """log10 of the mass formed by each time of the table, M_sun."""
    rate = jnp.concatenate([jnp.full(1, _SFR_MIN, sfr.dtype), jnp.maximum(sfr, _SFR_MIN)])
    time = jnp.concatenate([jnp.full(1, _T_BIRTH_MIN, t.dtype), t])
    return jnp.log(1e9 * jnp.cumsum(0.5 * (rate[1:] + rate[:-1]) * jnp.diff(time))) * _LG_E


def ionising_photons(
    t_gyr: Any, sfr: Any, lgmet: Any, lgmet_scatter: Any, t_obs: Any, grid: PhotonGrid | None = None
) -> jax.Array:
    """Rate of hydrogen-ionising photons of one history, photons/s; ``vmap`` for many.

    Parameters
    ----------
    t_gyr : array (n_times)
        Cosmic times of the table, Gyr, ascending.
    sfr : array (n_times)
        M_sun/yr.
    lgmet, lgmet_scatter
        log10 Z of the stars, and its scatter inside the galaxy, dex.
    t_obs
        Age of the universe at observation, Gyr.
    grid : PhotonGrid, optional
        :func:`photon_grid` of an SSP grid; default the library's table.

    Returns
    -------
    array ()
    """
    t, rates = jnp.asarray(t_gyr), jnp.asarray(sfr)
    if t.ndim != 1 or t.shape[0] < 3 or rates.shape != t.shape:
        raise error("input", "a history is no table", f"times {t.shape}, rates {rates.shape}", "(n,) both, n >= 3")
    grid = photon_grid() if grid is None else grid
    lg_time, lg_mass = jnp.log(t) * _LG_E, _mass_formed(t, rates)
    age = grid.lg_age_gyr
    width = _widths(age)
    edges = jnp.concatenate([(age[0] - (age[1] - age[0]) / 2)[None], age[1:] - width[1:] / 2, (age + width / 2)[-1:]])
    born = jnp.log(jnp.maximum(t_obs - 10.0**edges, _T_BIRTH_MIN)) * _LG_E
    mass = 10.0 ** jnp.interp(born, lg_time, lg_mass)
    weight = mass[:-1] - mass[1:]
    total = 10.0 ** jnp.interp(jnp.log(jnp.asarray(t_obs)) * _LG_E, lg_time, lg_mass)
    by_metal = _metallicity_weights(grid.lgmet, lgmet, lgmet_scatter)
    return total * jnp.einsum("m,a,ma->", by_metal, weight / weight.sum(), grid.rate)


def halpha_case_b(photons: Any, f_esc: Any = 0.0, f_dust: Any = 0.0) -> jax.Array:
    """Halpha before dust, erg/s: 1.37e-12 erg a photon that neither escapes nor is taken by dust (case B, 1e4 K)."""
    return 1.37e-12 * jnp.asarray(photons) * (1 - f_esc) * (1 - f_dust)


def gas_attenuation(wave: Any, av: Any, gas_dust: Any = 2.27, gas_curve: str = "calzetti") -> jax.Array:
    """Attenuation (mag) of a line of the gas at `wave` (A), where the stars have `av` (mag): E(B-V) of the gas is
    `gas_dust` times that of the stars, av / 4.05; "calzetti" (2000) or "milky_way" (Cardelli et al. 1989)."""
    reddening = gas_dust * jnp.maximum(jnp.asarray(av), 0.0) / 4.05
    y = 1e4 / jnp.asarray(wave)
    if gas_curve == "calzetti":
        blue = 2.659 * (-2.156 + y * (1.509 + y * (-0.198 + y * 0.011))) + 4.05
        red = 2.659 * (-1.857 + 1.040 * y) + 4.05
        return reddening * jnp.maximum(jnp.where(y > 1 / 0.63, blue, red), 0.0)
    if gas_curve == "milky_way":
        y = y - 1.82
        a = jnp.polyval(jnp.asarray([0.32999, -0.77530, 0.01979, 0.72085, -0.02427, -0.50447, 0.17699, 1.0]), y)
        b = jnp.polyval(jnp.asarray([-2.09002, 5.30260, -0.62251, -5.38434, 1.07233, 2.28305, 1.41338, 0.0]), y)
        return reddening * (3.1 * a + b)
    raise error("usage", "unknown curve of the gas' dust", f"'{gas_curve}'", "calzetti or milky_way")


def halpha_ew(
    photons: Any,
    continuum: Any,
    av: Any = 0.0,
    *,
    f_esc: Any = 0.0,
    f_dust: Any = 0.0,
    gas_dust: Any = 2.27,
    gas_curve: str = "calzetti",
) -> jax.Array:
    """EW of the Halpha of these photons behind the gas' dust, A, on the galaxy's own dusty `continuum` (L_sun/A, of
    :func:`starglow.jax.line_continua`)."""
    dust = 10.0 ** (-0.4 * gas_attenuation(6564.6, av, gas_dust, gas_curve))
    return halpha_case_b(jnp.asarray(photons) / _L_SUN, f_esc, f_dust) * dust / jnp.asarray(continuum)
