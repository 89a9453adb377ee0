"""Galaxies made of stars: parameters to band luminosities (DSPS) to the distribution of the lines (starglow)."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from dsps.dust.att_curves import sbl18_k_lambda

from .. import jax as sgj
from .. import names
from ..errors import error
from ..jax import features
from ..jax.bands import C_ANGSTROM, L_SUN_CGS, window_matrix
from ..jax.joint import calibrated, mixture_of
from ..jax.network import forward
from ..jax.weights import Bank, need_ten_lines
from .histories import RECENT, light_table, recent_over_old

#: Of a galaxy: log10 of the time scale of its history, t exp(-t/tau) (Gyr); log10 of its star-formation rate over the
#: last 0.1 Gyr in units of that history's; log10 of its stars' metallicity Z; log10 of their Av (mag).
PARAMETERS = ("lg_tau", "lg_recent", "lg_met", "lg_av")
_PARTS = 3  # of a band: dust is taken in the middle of each
WAVE_HALPHA = 6564.6  # A
_LN10 = float(np.log(10))  # a number of Python: one of NumPy would make float64 of float32
_PHOTONS = 1e45  # photons/s, the unit of a table in float32
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
    lines : {"continuum", "photons"}
        What the lines follow: the light alone; or also the ionising photons of the history, which give Halpha (case B),
        the other lines being predicted given that Halpha. "photons" where the last 10 Myr of a history are meant.
    photon_scatter : float
        Of Halpha about that of the photons, dex; 1 A is added to it for light that is not of young stars.
    gas_dust, gas_curve
        Of the gas, as of :func:`starglow.jax.gas_attenuation`.

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
        lines: str = "continuum",
        photon_scatter: float = 0.1,
        gas_dust: float = 2.27,
        gas_curve: str = "calzetti",
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
        need_ten_lines(self.weights, "inference")
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
        light = np.einsum("maw,bw->mab", np.asarray(ssp.ssp_flux, float), matrix)
        middle = 0.5 * (edges[1:] + edges[:-1]) / 1e4
        self._dust = jnp.asarray(np.asarray(sbl18_k_lambda(middle, bump, slope)) / _RV, self.weights.dtype)
        self.t_obs, self.prior = t_obs, Prior(*(prior or Prior()))
        self._table = light_table(light, ssp.ssp_lgmet, ssp.ssp_lg_age_gyr, t_obs, _MET_SCATTER)
        if lines not in ("continuum", "photons"):
            raise error("usage", "lines follow something unknown", f"'{lines}'", "continuum or photons")
        if not (np.isfinite(photon_scatter) and photon_scatter > 0):
            raise error("usage", "photon_scatter out of range", str(photon_scatter), "a positive number, dex")
        self.follow, self._photon_scatter = lines, photon_scatter
        if lines == "photons":
            grid = sgj.photon_grid(ssp)
            rate = np.maximum(np.asarray(grid.rate) / _PHOTONS, 1e-12)[..., None]
            self._photons = light_table(rate, grid.lgmet, grid.lg_age_gyr, t_obs, _MET_SCATTER)
            # A line of one unit of photons behind the gas' dust, L_sun, and how that dust goes with Av.
            self._unit = 1.37e-12 * _PHOTONS / L_SUN_CGS
            self._gas = float(sgj.gas_attenuation(WAVE_HALPHA, 1.0, gas_dust, gas_curve))
        banks = [b for b in (self.weights.full, self.weights.partial) if b is not None]
        self._calibrate = any(np.any(np.asarray(b.shift) != 0) or np.any(np.asarray(b.slope) != 1) for b in banks)

    def lg_ssfr(self, theta: Any) -> jax.Array:
        """log10 of the star-formation rate of the last 0.1 Gyr over the mass formed, 1/yr; (...)."""
        theta = jnp.asarray(theta, float)
        lg_ratio = recent_over_old(theta[..., 0], self.t_obs) + theta[..., 1]
        return lg_ratio - jnp.log10(1 + 10**lg_ratio) - np.log10(RECENT * 1e9)

    def _dusty(self, theta: jax.Array) -> jax.Array:
        light = self._table(theta)
        return light * jnp.exp(-0.4 * _LN10 * 10 ** theta[..., 3, None] * self._dust)

    def bands(self, theta: Any) -> jax.Array:
        """Mean L_lambda in the twelve bands, L_sun/A per M_sun formed, of parameters (..., 4)."""
        theta = jnp.asarray(theta).astype(self.weights.dtype)
        return self._dusty(theta).reshape(*theta.shape[:-1], 12, _PARTS).mean(-1)

    def photon_halpha(self, theta: Any) -> tuple[jax.Array, jax.Array]:
        """EW of the Halpha of the ionising photons, and its scatter, A; (...). Of ``lines="photons"``."""
        theta = jnp.asarray(theta).astype(self.weights.dtype)
        dust = jnp.exp(-0.4 * _LN10 * self._gas * 10 ** theta[..., 3])
        beside = self._dusty(theta)[..., int((WAVE_HALPHA - 3400) / 100)]
        ew = self._unit * self._photons(theta)[..., 0] * dust / beside
        return ew, jnp.sqrt(1 + (_LN10 * self._photon_scatter * ew) ** 2)

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
        outputs = forward(bank, *features.network_input(bank, values, there, usable))
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
        return factor.astype(self.weights.dtype)

    def correlation(self, z: jax.Array | None) -> jax.Array:
        """(components, 8, 8), whose diagonal is 1."""
        factor = self.bank(z is not None).factor
        assert factor is not None
        return jnp.einsum("cik,cjk->cij", factor, factor, precision=jax.lax.Precision.HIGHEST)
