"""Emission lines for galaxies whose starlight is computed with DSPS."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import jax as sgj
from ..errors import error
from ..jax.bands import C_ANGSTROM, L_SUN_CGS
from ..jax.paint import OII_RATIO, component_fluxes
from ..jax.weights import need_ten_lines
from ..names import COMPONENTS
from .grids import check_grid

COMPONENT_NAMES = tuple(c[3] for c in COMPONENTS)
"""Names of the eleven single lines in DSPS and diffsky, in the order of :meth:`Lines.components`."""


class Light(NamedTuple):
    """Lines of galaxies; (..., 10) in the order of ``starglow.names.LINES``."""

    ew: jax.Array  #: A, rest frame: median of the intrinsic distribution
    p16: jax.Array | None  #: A
    p84: jax.Array | None
    luminosity: jax.Array  #: erg/s, of `ew`
    flags: jax.Array  #: (...) int32


@jax.tree_util.register_pytree_node_class
class Lines:
    """Lines for galaxies on one wavelength grid; a pytree, to be passed through ``jit`` or closed over.

    Parameters
    ----------
    ssp_data : SSPData, or array (n_wave,)
        The grid of DSPS whose ``ssp_wave`` the SEDs have, which is then checked for nebular lines (see `nebular`); or
        the wavelengths alone (rest frame, vacuum, A), which are not.
    weights : Weights, or path
        A model. Default: the one that comes with the package.
    aperture : {"total", "fibre"}
        Whether the SEDs are those of whole galaxies or of the light in a fibre. DSPS computes whole galaxies; the
        shipped model was trained on fibre spectra. "total" (default) therefore predicts from colours alone, without
        luminosity and redshift. "fibre" is for SEDs that were scaled to the light in the fibre, and needs z.
    nebular : {"refuse", "allow"}
        What to do when the grid's flux holds nebular lines already. To mask them, use :func:`check_grid` before DSPS
        sees the grid.
    """

    def __init__(self, ssp_data: Any, weights: Any = None, *, aperture: str = "total", nebular: str = "refuse") -> None:
        if nebular not in ("refuse", "allow"):
            raise error(
                "usage",
                "unknown value of nebular",
                f"'{nebular}'",
                "refuse or allow",
                "check_grid(ssp_data, nebular='mask') gives a masked grid.",
            )
        if hasattr(ssp_data, "ssp_wave"):
            check_grid(ssp_data, nebular)
            ssp_data = ssp_data.ssp_wave
        if not isinstance(weights, sgj.Weights):
            weights = sgj.load(weights)
        if aperture not in ("total", "fibre"):
            raise error("usage", "unknown aperture", f"'{aperture}'", "total or fibre")
        wave = np.asarray(ssp_data, float)
        sgj.band_luminosities(wave, np.ones_like(wave))  # refuses a broken grid now
        need_ten_lines(weights, "lines of DSPS")
        self.weights: sgj.Weights = weights
        self.wave, self.aperture = jnp.asarray(wave), aperture

    def tree_flatten(self) -> tuple[Any, str]:
        return (self.weights, self.wave), self.aperture

    @classmethod
    def tree_unflatten(cls, aperture: str, children: Any) -> Lines:
        made = object.__new__(cls)
        made.weights, made.wave = children
        made.aperture = aperture
        return made

    def bands(self, rest_sed: Any, z: Any = None) -> jax.Array:
        """Band fluxes (..., 12) of SEDs (..., n_wave) in L_sun/Hz: observed at z, 1e-17 erg/s/cm2/A; without z
        L_sun/A."""
        luminosity = sgj.band_luminosities(self.wave, rest_sed)
        return luminosity if z is None else sgj.flux_of(luminosity, z)

    def _inputs(self, rest_sed: Any, z: Any) -> tuple[jax.Array, Any, dict[str, str]]:
        if self.aperture == "fibre" and z is None:
            raise error(
                "usage",
                "z is absent",
                "",
                "the redshifts: light in a fibre is answered with its luminosity and redshift",
            )
        # The colours of total light need no distance; z then only says whether it lies within that of the training.
        flux = self.bands(rest_sed, z if self.aperture == "fibre" else None)
        return flux, z, {"APERTURE": self.aperture, "MWCORR": "unknown"}

    def predict(self, rest_sed: Any, z: Any = None, *, out_of_domain: str = "warn") -> Light:
        """Lines of rest SEDs.

        Parameters
        ----------
        rest_sed : array (..., n_wave)
            L_sun/Hz, as of ``dsps.calc_rest_sed_sfh_table_lognormal_mdf``; with the galaxy's dust, without lines.
        z : array (...), optional
            Redshift; needed for aperture "fibre". For total light it changes no number, and sets the flag Z_RANGE
            where it is outside that of the training.
        out_of_domain
            As of :func:`starglow.jax.predict`.

        Returns
        -------
        Light
        """
        flux, z, conventions = self._inputs(rest_sed, z)
        p = sgj.predict(self.weights, flux, z, targetid=(), conventions=conventions, out_of_domain=out_of_domain)
        return Light(p.ew, p.p16, p.p84, self.luminosities(rest_sed, p.ew), p.flags)

    def distribution(self, rest_sed: Any, z: Any = None, **options: Any) -> sgj.Distribution:
        """The joint distribution of the lines: :func:`starglow.jax.distribution`."""
        flux, z, conventions = self._inputs(rest_sed, z)
        return sgj.distribution(self.weights, flux, z, conventions=conventions, **options)

    def sample(
        self,
        rest_sed: Any,
        z: Any = None,
        targetid: Any = None,
        *,
        draws: int = 1,
        seed: Any = 1,
        first_row: int = 0,
        **options: Any,
    ) -> jax.Array:
        """Joint draws of the EWs, (..., 10, draws), A: :func:`starglow.jax.sample`."""
        return sgj.draw(
            self.distribution(rest_sed, z, **options), targetid, draws=draws, seed=seed, first_row=first_row
        )

    def luminosities(self, rest_sed: Any, ew: Any) -> jax.Array:
        """Line luminosities (..., 10), erg/s: EW x L_lambda of the dusty continuum beside the line.

        This assumes one EW for the whole galaxy. The luminosities are attenuated already: do not apply dust again.
        """
        return L_SUN_CGS * sgj.line_luminosities(self.wave, rest_sed, ew)

    def components(self, luminosity: Any, oii_ratio: float = OII_RATIO) -> jax.Array:
        """Luminosities (..., 11) of the single lines of COMPONENT_NAMES, in the unit of those of the ten lines."""
        return component_fluxes(jnp.asarray(luminosity), oii_ratio)

    def sed_with_lines(
        self,
        rest_sed: Any,
        ew: Any,
        *,
        sigma_v: Any = 100.0,
        resolving_power: float = np.inf,
        oii_ratio: float = OII_RATIO,
    ) -> jax.Array:
        """Rest SEDs (..., n_wave), L_sun/Hz, with the lines on them.

        Each point of the grid gets the mean of the lines over its pixel (half way to its neighbours): the flux is right
        on coarse grids too. `sigma_v` (km/s) is that of the gas.
        """
        lum = sgj.line_luminosities(self.wave, rest_sed, ew)
        painted = sgj.paint_flux(self.wave, lum, 0.0, sigma_v, resolving_power=resolving_power, oii_ratio=oii_ratio)
        return jnp.asarray(rest_sed) + painted * self.wave**2 / C_ANGSTROM

    def _brightening(
        self, rest_sed: Any, ew: Any, wave_filter: Any, trans_filter: Any, z: Any, oii_ratio: float
    ) -> jax.Array:
        """Magnitudes that the lines add: each adds T (L/L_sun) lambda_rest / c to the integral of T L_nu d ln
        lambda."""
        wave_filter, trans_filter = jnp.asarray(wave_filter), jnp.asarray(trans_filter)
        lum = component_fluxes(sgj.line_luminosities(self.wave, rest_sed, ew), oii_ratio)
        rest = jnp.asarray([c[2] for c in COMPONENTS])
        z = jnp.asarray(z)[..., None]
        through = jnp.interp(rest * (1 + z), wave_filter, trans_filter, left=0.0, right=0.0)
        lines = (through * lum * rest / C_ANGSTROM).sum(-1)
        at = wave_filter / (1 + z)
        rest_sed = jnp.asarray(rest_sed)
        flat = jnp.broadcast_to(
            rest_sed, (*np.broadcast_shapes(rest_sed.shape[:-1], at.shape[:-1]), rest_sed.shape[-1])
        )
        at = jnp.broadcast_to(at, (*flat.shape[:-1], at.shape[-1]))
        lum_nu = jnp.vectorize(lambda x, y: jnp.interp(x, self.wave, y, left=0.0, right=0.0), signature="(n),(m)->(n)")(
            at, flat
        )
        continuum = jnp.trapezoid(trans_filter * lum_nu / wave_filter, wave_filter)
        return -2.5 * jnp.log10(1 + lines / continuum)

    def rest_mag(
        self, rest_sed: Any, ew: Any, wave_filter: Any, trans_filter: Any, *, oii_ratio: float = OII_RATIO
    ) -> jax.Array:
        """Absolute AB magnitudes (...) with lines; equal to ``dsps.calc_rest_mag`` without lines.

        Lines are added in closed form, so the result is exact on coarse grids too.
        """
        from dsps import calc_rest_mag

        continuum = jnp.vectorize(calc_rest_mag, signature="(n),(n),(m),(m)->()")(
            self.wave, rest_sed, wave_filter, trans_filter
        )
        return continuum + self._brightening(rest_sed, ew, wave_filter, trans_filter, 0.0, oii_ratio)

    def obs_mag(
        self,
        rest_sed: Any,
        ew: Any,
        wave_filter: Any,
        trans_filter: Any,
        z: Any,
        cosmology: Any,
        *,
        oii_ratio: float = OII_RATIO,
    ) -> jax.Array:
        """Apparent AB magnitudes (...) at z with lines; equal to ``dsps.calc_obs_mag`` without lines.

        `cosmology` is DSPS's (Om0, w0, wa, h), e.g. ``dsps.cosmology.DEFAULT_COSMOLOGY``.
        """
        from dsps import calc_obs_mag

        magnitude = jnp.vectorize(
            lambda w, s, fw, ft, zz: calc_obs_mag(w, s, fw, ft, zz, *cosmology), signature="(n),(n),(m),(m),()->()"
        )
        continuum = magnitude(self.wave, rest_sed, wave_filter, trans_filter, jnp.asarray(z, float))
        return continuum + self._brightening(rest_sed, ew, wave_filter, trans_filter, z, oii_ratio)
