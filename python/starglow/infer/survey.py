"""Measured galaxies, and what their light and lines say of parameters."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import error
from ..jax.joint import HALPHA, all_lines, ew_of, possible_sii
from ..jax.weights import _pytree
from ..names import INDEPENDENT_LINES, LINES
from .density import mixture_log_density, solve_positive
from .evidence import NOTHING, expected_light, line_sites
from .stars import Stars


@_pytree
class Survey:
    """Galaxies: band fluxes with errors, and lines with errors where they are measured. A pytree; ``survey[rows]``.

    Attributes
    ----------
    band_flux, band_flux_ivar : (n, 12)
        Mean F_lambda of the continuum in the twelve bands, any unit (1e-17 erg/s/cm2/A where `z` is given), and inverse
        variances, calibration included; ivar 0: missing. Whatever errors the *model* of the stars has belong here too.
    z : (n,), optional
        With it the lines are those of light in a fibre, of a galaxy of this redshift and luminosity; without, those of
        any galaxy with these colours, as `starglow.dsps` has them for total light.
    ew, ew_ivar : (n, 10), optional
        Measured EWs, A, in the order of `starglow.LINES`, and inverse variances; 0: not measured. They may be negative.
        [OIII] 4959 and [NII] 6548 count through their partners, where those have no number.
    """

    band_flux: Any
    band_flux_ivar: Any
    z: Any = None
    ew: Any = None
    ew_ivar: Any = None

    def __post_init__(self) -> None:
        if isinstance(self.band_flux, (jax.Array, type(None), jax.core.Tracer)) or not hasattr(
            self.band_flux, "__len__"
        ):
            return  # made by a transformation of JAX
        flux = np.asarray(self.band_flux, float)
        ivar = np.broadcast_to(np.asarray(self.band_flux_ivar, float), flux.shape)
        if flux.ndim != 2 or flux.shape[1] != 12:
            raise error("input", "band_flux has a wrong shape", str(flux.shape), "(n, 12)")
        there = (ivar > 0) & np.isfinite(ivar) & np.isfinite(flux) & (flux > 0)
        if there.sum(1).min(initial=12) < 6:
            raise error("input", "a galaxy has too few bands", f"{there.sum(1).min()}", "at least 6", "Leave it out.")
        put = object.__setattr__
        put(self, "band_flux", jnp.asarray(np.where(there, flux, 1.0)))
        put(self, "band_flux_ivar", jnp.asarray(np.where(there, ivar, 0.0)))
        if self.z is not None:
            z = np.asarray(self.z, float)
            if z.shape != flux.shape[:1] or not (np.isfinite(z) & (z > 0)).all():
                raise error("input", "z does not fit", f"shape {z.shape}", "a positive redshift a galaxy, or z=None")
            put(self, "z", jnp.asarray(z))
        if (self.ew is None) != (self.ew_ivar is None):
            raise error("input", "ew and ew_ivar go together", "", "both or none")
        if self.ew is not None:
            ew = np.asarray(self.ew, float)
            line_ivar = np.broadcast_to(np.asarray(self.ew_ivar, float), ew.shape)
            if ew.shape != (len(flux), len(LINES)):
                raise error("input", "ew has a wrong shape", str(ew.shape), f"({len(flux)}, {len(LINES)})")
            says = (line_ivar > 0) & np.isfinite(line_ivar) & np.isfinite(ew)
            put(self, "ew", jnp.asarray(np.where(says, ew, 0.0)))
            put(self, "ew_ivar", jnp.asarray(np.where(says, line_ivar, 0.0)))

    def __len__(self) -> int:
        return int(self.band_flux.shape[0])

    def __getitem__(self, rows: Any) -> Survey:
        part: Survey = jax.tree_util.tree_map(lambda a: a[rows], self)
        return part


def checked(survey: Survey) -> Survey:
    """The survey with what :class:`Survey` asks of NumPy's arrays asked of JAX's too."""
    if not isinstance(survey, Survey):
        raise error("usage", "this is no survey", type(survey).__name__, "a starglow.infer.Survey")
    columns = (survey.band_flux, survey.band_flux_ivar, survey.z, survey.ew, survey.ew_ivar)
    return Survey(*(None if a is None else np.asarray(a) for a in columns))


@_pytree
class Data:
    """A survey made ready: light of mean 1, lines as normal distributions of t = asinh(EW / A)."""

    flux: jax.Array  #: (n, 12), over `scale`
    ivar: jax.Array
    scale: jax.Array  #: (n) mean of the measured band fluxes
    z: jax.Array | None
    centre: jax.Array  #: (n, 8)
    variance: jax.Array  #: (n, 8)


def sites(stars: Stars, survey: Survey) -> Data:
    """What the measured lines say of t, given what the measured bands let expect (:mod:`.evidence`)."""
    n, dtype = survey.band_flux.shape[0], stars.weights.dtype
    there = survey.band_flux_ivar > 0
    scale = jnp.where(there, survey.band_flux, 0).sum(-1) / there.sum(-1)
    flux, ivar = survey.band_flux / scale[:, None], survey.band_flux_ivar * scale[:, None] ** 2
    if survey.ew is None:
        centre, variance = jnp.zeros((n, 8)), jnp.full((n, 8), NOTHING)
    else:
        light = scale[:, None] * expected_light(stars, flux, ivar)
        centre, variance = line_sites(stars, light, survey.z, survey.ew, survey.ew_ivar)
    z = None if survey.z is None else survey.z.astype(dtype)
    flux, ivar, scale, centre, variance = (a.astype(dtype) for a in (flux, ivar, scale, centre, variance))
    return Data(flux, ivar, scale, z, centre, variance)


def filled(flux: jax.Array, ivar: jax.Array) -> jax.Array:
    """Fluxes with the missing ones interpolated in the logarithm, for expectations alone."""

    def one(f: jax.Array, w: jax.Array) -> jax.Array:
        place = jnp.arange(12.0)
        order = jnp.argsort(jnp.where(w > 0, place, place + 100))
        last = (w > 0).sum()
        x = jnp.where(jnp.arange(12) < last, place[order], 100.0 + place)
        y = jnp.log(f)[order]
        y = jnp.where(jnp.arange(12) < last, y, y[last - 1])
        return jnp.exp(jnp.where(w > 0, jnp.log(f), jnp.interp(place, x, y)))

    return jax.vmap(one)(flux, ivar)


def log_likelihood(stars: Stars, theta: jax.Array, data: Data) -> tuple[jax.Array, jax.Array]:
    """ln of the probability of each galaxy's data given parameters (..., 4), data broadcast against them; and chi^2 of
    the bands. The mass is integrated over, with a prior flat in its logarithm."""
    shape = stars.bands(theta)
    shape = shape / shape.mean(-1, keepdims=True)
    weight = data.ivar * shape * shape
    total = weight.sum(-1)
    amplitude = (data.ivar * shape * data.flux).sum(-1) / total
    scaled = amplitude[..., None] * shape
    chi2 = (data.ivar * (data.flux - scaled) ** 2).sum(-1)
    value = -0.5 * chi2 - 0.5 * jnp.log(total) - jnp.log(jnp.abs(amplitude))
    weight, mean, sd = stars.lines(scaled if data.z is None else scaled * data.scale[..., None], data.z)
    centre, variance = data.centre, data.variance
    if stars.follow == "photons":  # p(measured, Halpha of the photons) / p(Halpha of the photons)
        t, v = photon_site(stars, theta)
        own, own_v = centre[..., HALPHA], variance[..., HALPHA]
        value = value + _log_normal(own - t, own_v + v)
        of_component = _log_normal(t[..., None] - mean[..., HALPHA], sd[..., HALPHA] ** 2 + v[..., None])
        value = value - jax.nn.logsumexp(jnp.log(weight) + of_component, axis=-1)
        both, both_v = (t * own_v + own * v) / (v + own_v), v * own_v / (v + own_v)
        shape8 = (*both.shape, 8)
        centre = jnp.broadcast_to(centre, shape8).at[..., HALPHA].set(both)
        variance = jnp.broadcast_to(variance, shape8).at[..., HALPHA].set(both_v)
    return value + mixture_log_density(weight, mean, sd, stars.correlation(data.z), centre, variance), chi2


def _log_normal(apart: jax.Array, variance: jax.Array) -> jax.Array:
    return -0.5 * (apart * apart / variance + jnp.log(2 * np.pi * variance))


def photon_site(stars: Stars, theta: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Centre and variance of t = asinh(EW / A) of Halpha, as the ionising photons have it."""
    ew, sigma = stars.photon_halpha(theta)
    return jnp.arcsinh(ew), sigma**2 / (1 + ew * ew)


def _residuals(stars: Stars, theta: jax.Array, flux: jax.Array, ivar: jax.Array) -> jax.Array:
    """Of one galaxy's bands in standard errors, at its best mass."""
    shape = stars.bands(theta)
    shape = shape / shape.mean()
    amplitude = (ivar * shape * flux).sum() / (ivar * shape * shape).sum()
    return jnp.sqrt(ivar) * (flux - amplitude * shape)


def best_residuals(stars: Stars, start: jax.Array, data: Data, steps: int = 8) -> jax.Array:
    """Each galaxy's bands less those of the best fit to them, in standard errors (n, 12), by damped Gauss-Newton steps
    from `start` (n, 4)."""
    damping = jnp.diag(jnp.asarray(1 / np.asarray(stars.prior.sd) ** 2, start.dtype))

    def one(theta: jax.Array, flux: jax.Array, ivar: jax.Array) -> jax.Array:
        of = partial(_residuals, stars, flux=flux, ivar=ivar)

        def step(_: int, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            at, best, weight = state
            r, slope = of(at), jax.jacfwd(of)(at)
            move = solve_positive(slope.T @ slope + weight * damping, -slope.T @ r)
            moved = at + jnp.clip(move, -0.5, 0.5)
            tried = (of(moved) ** 2).sum()
            good = tried < best
            return jnp.where(good, moved, at), jnp.where(good, tried, best), jnp.where(good, weight / 4, weight * 8)

        begin = theta, (of(theta) ** 2).sum(), jnp.asarray(0.5, theta.dtype)
        return of(jax.lax.fori_loop(0, steps, step, begin)[0])

    return jax.vmap(one)(start, data.flux, data.ivar)


def simulate(stars: Stars, theta: jax.Array, like: Survey, key: jax.Array) -> Survey:
    """Galaxies with parameters (n, 4) as a survey sees them whose errors are those of galaxies of `like`."""
    which, noise, pick, normal, line_noise = jax.random.split(key, 5)
    n = theta.shape[0]
    row = jax.random.randint(which, (n,), 0, like.band_flux.shape[0])
    ivar = like.band_flux_ivar[row]
    shape = stars.bands(theta)
    there = ivar > 0
    # As bright as the galaxy whose errors it has.
    scale = jnp.exp(jnp.where(there, jnp.log(like.band_flux[row] / shape), 0).sum(-1) / there.sum(-1))
    true = scale[:, None] * shape
    flux = true + jnp.where(there, jax.random.normal(noise, true.shape) / jnp.sqrt(jnp.where(there, ivar, 1)), 0)
    flux = jnp.maximum(flux, 1e-3 * true)
    z = None if like.z is None else like.z[row]
    if like.ew is None:
        return Survey(flux, ivar, z)
    weight, mean, sd = stars.lines(true, z)
    log_w = jnp.log(weight)
    if stars.follow == "photons":
        t_photons, v_photons = photon_site(stars, theta)
        apart, own = t_photons[:, None] - mean[..., HALPHA], sd[..., HALPHA] ** 2 + v_photons[:, None]
        log_w = log_w + _log_normal(apart, own)
    c = jax.random.categorical(pick, log_w)
    factor, rows = stars.factor(z)[c], jnp.arange(n)
    mean, sd = mean[rows, c], sd[rows, c]
    t = mean + sd * jnp.einsum("nij,nj->ni", factor, jax.random.normal(normal, (n, 8), mean.dtype))
    if stars.follow == "photons":  # a draw of the line and of its measurement, moved to the measurement that there is
        with_halpha = sd * sd[:, HALPHA, None] * jnp.einsum("nij,nj->ni", factor, factor[:, HALPHA])
        noise_of = jnp.sqrt(v_photons) * jax.random.normal(jax.random.fold_in(normal, 1), (n,), mean.dtype)
        gain = with_halpha / (sd[:, HALPHA] ** 2 + v_photons)[:, None]
        t = t + gain * (t_photons - t[:, HALPHA] - noise_of)[:, None]
    ew = all_lines(INDEPENDENT_LINES, stars.weights.ew_ratio.astype(t.dtype), possible_sii(ew_of(t)))
    ew_ivar = like.ew_ivar[row]
    measured = ew_ivar > 0
    sigma = 1 / jnp.sqrt(jnp.where(measured, ew_ivar, 1))
    ew = jnp.where(measured, ew + sigma * jax.random.normal(line_noise, ew.shape), 0)
    return Survey(flux, ivar, z, ew, ew_ivar)
