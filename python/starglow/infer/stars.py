"""Galaxies made of stars: parameters to band luminosities (DSPS) to the distribution of the lines (starglow)."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from dsps.dust.att_curves import sbl18_k_lambda
from dsps.sed.ssp_weights import calc_ssp_weights_sfh_table_lognormal_mdf

from .. import jax as sgj
from .. import names
from ..errors import error
from ..jax import features
from ..jax.bands import C_ANGSTROM, window_matrix
from ..jax.joint import calibrated, mixture_of
from ..jax.network import forward
from ..jax.weights import Bank

#: Of a galaxy: log10 of the time scale of its history, t exp(-t/tau) (Gyr); log10 of its star-formation rate over the
#: last 0.1 Gyr in units of that history's; log10 of its stars' metallicity Z; log10 of their Av (mag).
PARAMETERS = ("lg_tau", "lg_recent", "lg_met", "lg_av")
RECENT = 0.1  # Gyr
_PARTS = 3  # of a band: dust is taken in the middle of each
_MET_SCATTER = 0.2  # dex, within a galaxy
_RV = 4.05


class Prior(NamedTuple):
    """Normal distributions of the PARAMETERS; of one galaxy, and where a population's mean and scatter start from."""

    mean: tuple[float, ...] = (0.4, 0.0, -2.0, -0.5)
    sd: tuple[float, ...] = (0.4, 0.35, 0.3, 0.35)


def package_grid() -> Any:
    """The stellar populations inside the package (models/ssp.md) as DSPS has them: SSPData, L_sun/Hz per M_sun."""
    from dsps.data_loaders.defaults import SSPData
    from safetensors.numpy import load_file

    path = sgj.weights.shipped_path().with_name("ssp.safetensors")
    t = {key.removeprefix("ssp."): value.astype(float) for key, value in load_file(path).items()}
    lgmet = np.linspace(t["lgmet_range"][0], t["lgmet_range"][1], 13)
    u = np.linspace(-1, 1, 13)
    scores = np.einsum("kpa,pm->kma", t["coefficients"], np.polynomial.chebyshev.chebvander(u, 3).T)
    flux = 10 ** (t["mean"] + np.einsum("kma,kw->maw", scores, t["basis"]))
    return SSPData(lgmet, t["lg_age_gyr"], t["wave"], flux)


class Stars:
    """The model of a galaxy.

    Parameters
    ----------
    ssp : SSPData, optional
        A grid of DSPS, continuum only, that covers 3400-7000 A; default that of the package.
    weights : starglow.jax.Weights, optional
        A model of kind ``joint``; default the shipped one.
    t_obs : float
        Age of the universe at the galaxies' redshift, Gyr.
    prior : Prior
        Of the parameters.
    slope, bump : float
        Of the dust curve (Salim et al. 2018).

    Raises
    ------
    ValueError
        A grid that does not cover the bands, or holds nebular lines already.
    """

    def __init__(
        self,
        ssp: Any = None,
        weights: Any = None,
        *,
        t_obs: float = 12.0,
        prior: Prior | None = None,
        slope: float = -0.2,
        bump: float = 1.0,
    ) -> None:
        from ..dsps import check_grid

        if ssp is None:
            ssp = package_grid()
        else:
            check_grid(ssp, "refuse")
            if len(ssp.ssp_lgmet) < 3:
                raise error(
                    "input", "the grid has too few metallicities for DSPS", str(len(ssp.ssp_lgmet)), "at least 3"
                )
        if not t_obs > 2 * RECENT:
            raise error("usage", "t_obs out of range", str(t_obs), "an age of the universe, Gyr")
        self.weights = sgj.load(dtype="float32") if weights is None else weights
        if not self.weights.has_distribution:
            raise error("model", "inference needs a joint distribution of the lines", self.weights.kind, "kind joint")
        for bank in (self.weights.full, self.weights.partial):
            if bank is not None and any(names.INPUTS[k] not in ("log_lum", "z") for k in bank.inputs):
                raise error(
                    "model",
                    "inference needs a model of bands and redshift",
                    ", ".join(names.INPUTS[k] for k in bank.inputs),
                    "the inputs log_lum and z alone",
                )
        edges = np.linspace(3400.0, 7000.0, 12 * _PARTS + 1)
        wave = np.asarray(ssp.ssp_wave, float)
        matrix = window_matrix(wave, edges[:-1], edges[1:]) * (C_ANGSTROM / wave**2)
        if not np.isfinite(matrix).all():
            raise error("input", "the grid does not cover the bands", f"{wave[0]:.0f}-{wave[-1]:.0f} A", "3400-7000 A")
        self._light = jnp.asarray(np.einsum("maw,bw->mab", np.asarray(ssp.ssp_flux, float), matrix))
        middle = 0.5 * (edges[1:] + edges[:-1]) / 1e4
        self._dust = jnp.asarray(sbl18_k_lambda(middle, bump, slope)) / _RV
        self._lgmet, self._lg_age = jnp.asarray(ssp.ssp_lgmet), jnp.asarray(ssp.ssp_lg_age_gyr)
        recent = t_obs - RECENT
        self._time = jnp.asarray(
            np.concatenate([np.linspace(0.05, recent, 40), [recent + 1e-3], np.linspace(recent + 0.02, t_obs, 5)])
        )
        self.t_obs, self.prior = t_obs, Prior(*(prior or Prior()))
        banks = [b for b in (self.weights.full, self.weights.partial) if b is not None]
        self._calibrate = any(np.any(np.asarray(b.shift) != 0) or np.any(np.asarray(b.slope) != 1) for b in banks)

    def _history(self, theta: jax.Array) -> jax.Array:
        tau = 10 ** theta[..., 0, None]
        sfr = self._time / tau * jnp.exp(-self._time / tau)
        return sfr * jnp.where(self._time > self.t_obs - RECENT, 10 ** theta[..., 1, None], 1.0)

    def lg_ssfr(self, theta: Any) -> jax.Array:
        """log10 of the star-formation rate of the last 0.1 Gyr over the mass formed, 1/yr; (...)."""
        theta = jnp.asarray(theta)
        sfr = self._history(theta)
        step = jnp.diff(self._time)
        mass = 0.5 * (sfr[..., 1:] + sfr[..., :-1]) * step
        recent = jnp.where(self._time[1:] > self.t_obs - RECENT + 1e-6, mass, 0).sum(-1)
        return jnp.log10(recent / mass.sum(-1) / (RECENT * 1e9))

    def bands(self, theta: Any) -> jax.Array:
        """Mean L_lambda in the twelve bands, L_sun/A per M_sun formed, of parameters (..., 4)."""
        theta = jnp.asarray(theta, float)

        def one(p: jax.Array) -> jax.Array:
            w = calc_ssp_weights_sfh_table_lognormal_mdf(
                self._time, self._history(p), p[2], _MET_SCATTER, self._lgmet, self._lg_age, self.t_obs
            ).weights
            light = jnp.einsum("ma,mab->b", w.reshape(self._light.shape[:2]), self._light)
            return (light * 10 ** (-0.4 * 10 ** p[3] * self._dust)).reshape(12, _PARTS).mean(-1)

        made = jax.vmap(one)(theta.reshape(-1, len(PARAMETERS)))
        return made.reshape(*theta.shape[:-1], 12)

    def bank(self, luminosity: bool) -> Bank:
        """The networks that answer: those that know redshift and luminosity, or those of colours."""
        w = self.weights
        chosen = (w.full if luminosity else w.partial) or w.full or w.partial
        assert chosen is not None
        return chosen

    def lines(self, bands: jax.Array, z: jax.Array | None) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Mixture of t = asinh(EW / A) of the eight lines, (weight, mean, sd), given bands (..., 12).

        They are fluxes in 1e-17 erg/s/cm2/A where z (...) is given, of any scale where it is not."""
        dtype = self.weights.dtype
        shape = bands.shape[:-1]
        # Colours alone: any scale will do, and that of float32 is narrow.
        flux = (bands if z is not None else bands / bands[..., 9:10]).astype(dtype)
        usable = flux > 0
        known = usable[..., 9] if z is not None else ~usable[..., 9]
        redshift = jnp.broadcast_to(jnp.asarray(1.0 if z is None else z, dtype), shape)
        values, there = features.compute(flux, usable, redshift, known, known, False)
        bank = self.bank(z is not None)
        outputs = forward(bank, *features.network_input(bank, values, there, usable)).astype(float)
        weight, mean, sd = mixture_of(bank, outputs)
        if self._calibrate:
            assert bank.shift is not None and bank.slope is not None
            each = (jnp.broadcast_to(a, (*shape, 8)) for a in (bank.shift, bank.slope))
            mean, sd, _ = calibrated(weight, mean, sd, *each)
        return weight, mean, sd

    def factor(self, z: jax.Array | None) -> jax.Array:
        """(components, 8, 8) lower factors of the correlations."""
        factor = self.bank(z is not None).factor
        assert factor is not None
        return factor.astype(float)
