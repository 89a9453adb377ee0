"""Measured galaxies, and what their light and lines say of parameters."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import error
from ..jax.condition import given_evidence
from ..jax.likelihood import mixture_log_density
from ..jax.weights import _pytree
from ..names import LINES
from .stars import Stars

_NOTHING = 1e3  # variance of t where a line says nothing
_POINTS, _PASSES, _REACH = 48, 5, 6.0


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
    """A survey made ready: lines as normal distributions of t = asinh(EW / A)."""

    flux: jax.Array  #: (n, 12)
    ivar: jax.Array
    z: jax.Array | None
    centre: jax.Array  #: (n, 8)
    variance: jax.Array  #: (n, 8)


def sites(stars: Stars, survey: Survey) -> Data:
    """What the measured lines say of t, given what the measured bands let expect: a normal distribution that has the
    same effect on that expectation as N(EW; sinh(max(t, 0)), sigma) has."""
    n = survey.band_flux.shape[0]
    if survey.ew is None:
        return Data(survey.band_flux, survey.band_flux_ivar, survey.z, jnp.zeros((n, 8)), jnp.full((n, 8), _NOTHING))
    centre, variance = _sites(stars, survey)
    return Data(survey.band_flux, survey.band_flux_ivar, survey.z, centre, variance)


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


def _sites(stars: Stars, survey: Survey) -> tuple[jax.Array, jax.Array]:
    weight, mean, sd = stars.lines(filled(survey.band_flux, survey.band_flux_ivar), survey.z)
    m = (weight[..., None] * mean).sum(-2)
    v = (weight[..., None] * (sd * sd + mean * mean)).sum(-2) - m * m
    e = given_evidence(survey.ew, survey.ew_ivar, stars.weights.ew_ratio, jnp.float64)
    sigma = jnp.where(e.measured, e.sigma, 1.0)
    deviation = jnp.sqrt(v)
    at = jnp.arcsinh(jnp.maximum(e.value, 0))
    low, high = jnp.minimum(m - _REACH * deviation, at - 0.5), jnp.maximum(m + _REACH * deviation, at + 0.5)
    post_mean, post_var = m, v
    for _ in range(_PASSES):
        t = low[..., None] + (high - low)[..., None] * jnp.linspace(0, 1, _POINTS)
        u = (e.value[..., None] - jnp.sinh(jnp.clip(t, 0, 9.9))) / sigma[..., None]
        log_p = -0.5 * u * u - 0.5 * (t - m[..., None]) ** 2 / v[..., None]
        p = jnp.exp(log_p - log_p.max(-1, keepdims=True))
        p = p / p.sum(-1, keepdims=True)
        post_mean = (p * t).sum(-1)
        step = (high - low) / (_POINTS - 1)
        post_var = jnp.maximum((p * (t - post_mean[..., None]) ** 2).sum(-1), 0.01 * step * step)
        reach = _REACH * jnp.maximum(jnp.sqrt(post_var), step)
        low, high = jnp.maximum(low, post_mean - reach), jnp.minimum(high, post_mean + reach)
    precision = jnp.clip(1 / post_var - 1 / v, 1e-3, 1e6)
    centre = (post_mean / post_var - m / v) / precision
    bound = 5 * jnp.sqrt(v + 1 / precision)
    centre = jnp.clip(centre, m - bound, m + bound)
    return jnp.where(e.measured, centre, 0.0), jnp.where(e.measured, 1 / precision, _NOTHING)


def log_likelihood(stars: Stars, theta: jax.Array, data: Data) -> tuple[jax.Array, jax.Array]:
    """ln of the probability of each galaxy's data given parameters (..., 4), data broadcast against them; and chi^2 of
    the bands. The mass is integrated over, with a prior flat in its logarithm."""
    shape = stars.bands(theta)
    weight = data.ivar * shape * shape
    total = weight.sum(-1)
    amplitude = (data.ivar * shape * data.flux).sum(-1) / total
    scaled = amplitude[..., None] * shape
    chi2 = (data.ivar * (data.flux - scaled) ** 2).sum(-1)
    value = -0.5 * chi2 - 0.5 * jnp.log(total) - jnp.log(jnp.abs(amplitude))
    weight, mean, sd = stars.lines(scaled if data.z is not None else shape, data.z)
    each = weight.shape[:-1]
    log_w, mean, sd = (a.reshape(-1, *a.shape[len(each) :]) for a in (jnp.log(weight), mean, sd))
    centre, variance = (jnp.broadcast_to(a, (*each, 8)).reshape(-1, 8) for a in (data.centre, data.variance))
    lines = mixture_log_density(log_w, mean, sd, stars.factor(data.z), centre, variance)
    return value + lines.reshape(each), chi2


def _residuals(stars: Stars, theta: jax.Array, flux: jax.Array, ivar: jax.Array) -> jax.Array:
    """Of one galaxy's bands in standard errors, at its best mass."""
    shape = stars.bands(theta)
    amplitude = (ivar * shape * flux).sum() / (ivar * shape * shape).sum()
    return jnp.sqrt(ivar) * (flux - amplitude * shape)


def least_chi2(stars: Stars, start: jax.Array, data: Data, steps: int = 6) -> jax.Array:
    """The least chi^2 of each galaxy's bands (n), by damped Gauss-Newton steps from `start` (n, 4)."""
    damping = jnp.diag(1 / jnp.asarray(stars.prior.sd) ** 2)

    def one(theta: jax.Array, flux: jax.Array, ivar: jax.Array) -> jax.Array:
        of = partial(_residuals, stars, flux=flux, ivar=ivar)

        def step(_: int, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            at, best, weight = state
            r, slope = of(at), jax.jacfwd(of)(at)
            move = jnp.linalg.solve(slope.T @ slope + weight * damping, -slope.T @ r)
            moved = at + jnp.clip(move, -0.5, 0.5)
            tried = (of(moved) ** 2).sum()
            good = tried < best
            return jnp.where(good, moved, at), jnp.where(good, tried, best), jnp.where(good, weight / 4, weight * 8)

        return jax.lax.fori_loop(0, steps, step, (theta, (of(theta) ** 2).sum(), jnp.asarray(0.5)))[1]

    return jax.vmap(one)(start, data.flux, data.ivar)


def simulate(stars: Stars, theta: jax.Array, like: Survey, key: jax.Array) -> Survey:
    """Galaxies with parameters (n, 4) as a survey sees them whose errors are those of galaxies of `like`."""
    from ..jax.joint import Distribution
    from ..jax.predict import draw

    which, noise, seed, line_noise = jax.random.split(key, 4)
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
    factor = jnp.broadcast_to(stars.factor(z), (*weight.shape, 8, 8))
    d = Distribution(weight, mean, sd, factor, mean[..., 0, :], jnp.ones(n, bool), stars.weights.ew_ratio.astype(float))
    ew = draw(d, np.arange(n), draws=1, seed=jax.random.bits(seed, (2,), "uint32"))[..., 0]
    ew_ivar = like.ew_ivar[row]
    measured = ew_ivar > 0
    sigma = 1 / jnp.sqrt(jnp.where(measured, ew_ivar, 1))
    ew = jnp.where(measured, ew + sigma * jax.random.normal(line_noise, ew.shape), 0)
    return Survey(flux, ivar, z, ew, ew_ivar)
