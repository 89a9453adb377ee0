"""The joint distribution given measured lines; the twin of ``condition.hpp``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr

from ..errors import error
from ..names import ALL_LINES, DOUBLETS, independent
from .joint import Distribution, quantile_of
from .weights import TEN_LINES

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(48)
_WIDE = 9.0  # sd of a measurement beyond which it is contradicted
_CUT = 32.0  # the sums leave out what is below e^-32 of the highest point
_PASSES = 9.0  # sd above a cut where everything passes
_LOG_2PI = float(np.log(2 * np.pi))
_SWEEPS, _UNDAMPED = 24, 12  # over all lines; those after the first go half of the way
_LEAST_SIGMA = 1e-8


class Evidence(NamedTuple):
    """Information about the eight independent lines in addition to the continuum; each (..., 8)."""

    measured: jax.Array  #: bool: a measurement, likelihood N(value; EW, sigma)
    passed: jax.Array  #: bool: it passes a cut, likelihood Phi((EW - value) / sigma)
    value: jax.Array  #: A
    sigma: jax.Array  #: A


def _tail(mean: Any, sd: Any, edge: Any, sign: float, centre: Any) -> tuple[jax.Array, ...]:
    """Log of the mass of a normal distribution on one side of an edge; means of (t - centre)^1...4 there."""
    a = sign * (edge - mean) / sd
    log_mass = log_ndtr(-a)
    # Where nothing is left the moments do not count: any finite number will do.
    safe = jnp.minimum(a, 30.0)
    ratio = jnp.exp(-0.5 * safe * safe - 0.5 * _LOG_2PI - log_ndtr(-safe))
    u1, u2 = ratio, 1 + safe * ratio
    u3, u4 = safe * safe * ratio + 2 * ratio, safe**3 * ratio + 3 * (1 + safe * ratio)
    step, start = sign * sd, mean - centre
    s2, f2 = step * step, start * start
    return (
        log_mass,
        start + step * u1,
        f2 + 2 * start * step * u1 + s2 * u2,
        f2 * start + 3 * f2 * step * u1 + 3 * start * s2 * u2 + s2 * step * u3,
        f2 * f2 + 4 * f2 * start * step * u1 + 6 * f2 * s2 * u2 + 4 * start * s2 * step * u3 + s2 * s2 * u4,
    )


def _distance(value: Any, sigma: Any, ew: Any, measured: bool) -> jax.Array:
    u = (value - ew) / sigma
    return 0.5 * (u * u if measured else jnp.maximum(u, 0) ** 2)


def _sums(mean: Any, variance: Any, value: Any, sigma: Any, measured: bool) -> tuple[jax.Array, ...]:
    """Of prior x likelihood: log of the integral, mean, variance, third and fourth central moment, and means of EW
    times 1, t - mean, (t - mean)^2."""
    still = jax.lax.stop_gradient
    m, v, y, s = still(mean), still(variance), still(value), still(sigma)
    sd = jnp.sqrt(v)
    # A place near the highest point above 0: Newton's steps between the prior and the line.
    centre = jnp.maximum(m, 0)
    lowest = (centre - m) ** 2 / (2 * v) + _distance(y, s, jnp.sinh(centre), measured)

    def better(t: Any, centre: Any, lowest: Any) -> tuple[jax.Array, jax.Array]:
        d = (t - m) ** 2 / (2 * v) + _distance(y, s, jnp.sinh(t), measured)
        return jnp.where(d < lowest, t, centre), jnp.where(d < lowest, d, lowest)

    centre, lowest = better(jnp.arcsinh(jnp.maximum(y, 0)), centre, lowest)
    for _ in range(8):
        c, u = jnp.cosh(centre), (y - jnp.sinh(centre)) / (s * s)
        t = centre + (u * c - (centre - m) / v) / (c * c / (s * s) + 1 / v)
        centre, lowest = better(jnp.maximum(t, 0), centre, lowest)
    below = _distance(y, s, jnp.zeros_like(y), measured) + jnp.where(m < 0, 0.0, m * m / (2 * v))
    reach = jnp.sqrt(2 * (jnp.minimum(lowest, below) + _CUT + (0.0 if measured else 1.0)))
    low = jnp.maximum(jnp.maximum(m - sd * reach, jnp.arcsinh(y - s * reach)), 0)
    passes = jnp.arcsinh(y + s * (reach if measured else _PASSES))
    high = jnp.minimum(m + sd * reach, passes)
    # Where prior and measurement contradict each other the peak is narrow for these borders.
    ew = jnp.sinh(centre)
    curvature = (1 + ew * ew + ew * (ew - y)) / (s * s) + 1 / v
    near = 12 / jnp.sqrt(jnp.where(curvature > 0, curvature, jnp.inf))
    narrow = (lowest > 40) & (below > lowest + _CUT) & (curvature > 0) & measured
    low = jnp.where(narrow, jnp.maximum(low, centre - near), low)
    high = jnp.where(narrow, jnp.minimum(high, centre + near), high)
    # A contradicted measurement may leave two peaks, one at each: borders where it begins and ends.
    high = jnp.maximum(high, low)
    begins, ends = (jnp.clip(jnp.arcsinh(y + sign * _WIDE * s), low, high) for sign in (-1, 1))
    borders = jnp.stack([low, begins, ends, high], axis=-1)
    halves = 0.5 * (borders[..., 1:] - borders[..., :-1])
    middles = 0.5 * (borders[..., 1:] + borders[..., :-1])
    nodes, weights = (jnp.asarray(a, halves.dtype) for a in (_NODES, _NODE_WEIGHTS))
    t = (middles[..., None] + halves[..., None] * nodes).reshape(*low.shape, -1)
    node_weight = (halves[..., None] * weights).reshape(*low.shape, -1)
    inside = high > low
    ew, x = jnp.sinh(t), t - centre[..., None]
    log_p = -0.5 * (t - mean[..., None]) ** 2 / variance[..., None]
    u = (ew - value[..., None]) / sigma[..., None]
    log_p = log_p + (-0.5 * u * u if measured else log_ndtr(u))
    top = still(log_p.max(-1))
    p = jnp.exp(log_p - top[..., None]) * jnp.where(inside[..., None], node_weight, 1.0)
    total = p.sum(-1)
    p = p / total[..., None]
    likelihood = 0.5 * _LOG_2PI + jnp.log(sigma) if measured else 0.0
    log_mass = jnp.log(total) + top - 0.5 * (_LOG_2PI + jnp.log(variance)) - likelihood
    masses = [jnp.where(inside, log_mass, -1e30)]
    powers = [tuple((p * x**k).sum(-1) for k in (1, 2, 3, 4))]
    ews = tuple((p * ew * x**k).sum(-1) for k in (0, 1, 2))
    deviation = jnp.sqrt(variance)
    at_zero = log_ndtr(-value / sigma) if not measured else -0.5 * (value / sigma) ** 2 - likelihood
    log_mass, *power = _tail(mean, deviation, jnp.zeros_like(m), -1.0, centre)
    masses.append(log_mass + at_zero)
    powers.append(tuple(power))
    if not measured:
        log_mass, *power = _tail(mean, deviation, jnp.maximum(passes, 0), 1.0, centre)
        masses.append(log_mass)
        powers.append(tuple(power))
    log_z = jax.nn.logsumexp(jnp.stack(masses), axis=0)
    share = [jnp.exp(mass - log_z) for mass in masses]
    m1, m2, m3, m4 = (jnp.asarray(sum(q * power[k] for q, power in zip(share, powers))) for k in range(4))
    e0, e1, e2 = (share[0] * e for e in ews)
    var = m2 - m1 * m1
    third = m3 - 3 * m1 * m2 + 2 * m1**3
    fourth = m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * m1**4
    return log_z, centre + m1, var, third, fourth, e0, e1 - m1 * e0, e2 - 2 * m1 * e1 + m1 * m1 * e0


@partial(jax.custom_jvp, nondiff_argnums=(4,))
def _moments(
    mean: jax.Array, variance: jax.Array, value: jax.Array, sigma: jax.Array, measured: bool
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Log of the integral of a normal prior of t times the likelihood of what is known; mean and variance of t."""
    log_z, mean_t, variance_t, *_ = _sums(mean, variance, value, sigma, measured)
    return log_z, mean_t, variance_t


@_moments.defjvp
def _moments_jvp(measured: bool, primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]) -> Any:
    """Derivatives of an integral by a parameter: covariances with the slope of its logarithm."""
    mean, variance, value, sigma = primals
    d_mean, d_variance, d_value, _ = tangents
    log_z, centre, var, third, fourth, e0, e1, e2 = _sums(mean, variance, value, sigma, measured)
    apart, over = centre - mean, 0.5 / variance**2
    d = [
        apart / variance * d_mean + ((var + apart**2) * over - 0.5 / variance) * d_variance,
        var / variance * d_mean + (third + 2 * apart * var) * over * d_variance,
        third / variance * d_mean + (fourth - var**2 + 2 * apart * third) * over * d_variance,
    ]
    if measured:
        weight = d_value / sigma**2
        d = [d[0] + weight * (e0 - value), d[1] + weight * e1, d[2] + weight * (e2 - var * e0)]
    return (log_z, centre, var), tuple(d)


def _site(mean: Any, variance: Any, e: Evidence, kinds: tuple[bool, bool]) -> tuple[jax.Array, ...]:
    """Moments with whichever likelihood a line has; those of the prior where it has none."""
    log_z, centre, var = jnp.zeros_like(mean), mean, variance
    for kind, there, asked in ((True, e.measured, kinds[0]), (False, e.passed, kinds[1])):
        if not asked:
            continue
        there = jnp.broadcast_to(there, mean.shape)
        value = jnp.where(there, jnp.broadcast_to(e.value, mean.shape), 1.0)
        sigma = jnp.where(there, jnp.broadcast_to(e.sigma, mean.shape), 1.0)
        answer = _moments(mean, variance, value, jnp.maximum(sigma, _LEAST_SIGMA), kind)
        log_z, centre, var = (jnp.where(there, a, b) for a, b in zip(answer, (log_z, centre, var)))
    return log_z, centre, var


def _multiply(mean: Any, cov: Any, j: int, precision: Any, centre: Any, pull: Any) -> tuple[jax.Array, ...]:
    """A normal (..., n) times exp(-precision (t_j - centre)^2 / 2 + pull (t_j - centre)); and 1 + precision cov_jj."""
    grown = 1 + precision * cov[..., j, j]
    column = cov[..., :, j]
    moved = mean + column * ((pull + precision * (centre - mean[..., j])) / grown)[..., None]
    rest = cov - column[..., :, None] * column[..., None, :] * (precision / grown)[..., None, None]
    # Of the line itself by division: nothing is lost where the site is sharp.
    own = column / grown[..., None]
    here = np.arange(mean.shape[-1]) == j
    rest = jnp.where(here[:, None], own[..., None, :], jnp.where(here[None, :], own[..., :, None], rest))
    return moved, rest, grown


def _condition_normal(
    mean: jax.Array, cov: jax.Array, e: Evidence, lines: tuple[int, ...], kinds: tuple[bool, bool]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Mean (..., 8), covariance and log of the evidence of a normal distribution given lines."""
    g = np.asarray(lines)
    few_mean, few_cov = mean[..., g], cov[..., g[:, None], g[None, :]]
    e = Evidence(*(jnp.asarray(a)[..., g] for a in e))
    n = len(lines)
    zero = jnp.zeros_like(few_mean)

    def update(step: Any, sites: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        """The site of line j = step mod n again, with what all the others say as its prior."""
        precision, centre, pull, _ = sites
        j = step % n
        m, c = few_mean, few_cov
        for i in range(n if n > 1 else 0):
            here = j == i
            m, c, _ = _multiply(
                m, c, i, jnp.where(here, 0, precision[..., i]), centre[..., i], jnp.where(here, 0, pull[..., i])
            )
        cavity, variance = jnp.take(m, j, axis=-1), jnp.take(jnp.take(c, j, axis=-1), j, axis=-1)
        log_z, mean_j, var = _site(cavity, variance, Evidence(*(jnp.take(a, j, axis=-1) for a in e)), kinds)
        # Two peaks of one line are wider than their prior; with other lines only sites that narrow are kept.
        sharper = 1 / var - 1 / variance
        sharper = jnp.maximum(sharper, 0) if n > 1 else sharper
        narrowed, apart = 1 / (1 / variance + sharper), mean_j - cavity
        slope = apart / variance
        level = log_z - 0.5 * jnp.log(narrowed / variance) + 0.5 * apart * apart / variance
        share = jnp.where(step < _UNDAMPED * n, 1.0, 0.5).astype(mean.dtype)
        old = tuple(jnp.take(a, j, axis=-1) for a in sites)
        slope = share * slope + (1 - share) * (old[2] - old[0] * (mean_j - old[1]))
        sharper = share * sharper + (1 - share) * old[0]
        at = np.arange(n) == j
        return tuple(jnp.where(at, new[..., None], a) for new, a in zip((sharper, mean_j, slope, level), sites))

    sites: tuple[jax.Array, ...] = (zero, few_mean, zero, zero)
    sites = update(0, sites) if n == 1 else jax.lax.fori_loop(0, _SWEEPS * n, update, sites)
    precision, centre, pull, scale = sites
    log_z = (scale + 0.5 * (few_mean - centre) * pull).sum(-1)
    for k, j in enumerate(lines):
        mean, cov, grown = _multiply(mean, cov, j, precision[..., k], centre[..., k], pull[..., k])
        log_z = log_z - 0.5 * jnp.log(grown)
    return mean, cov, log_z


@partial(jax.jit, static_argnums=(2, 3))
def _condition(
    d: Distribution, e: Evidence, lines: tuple[int, ...], kinds: tuple[bool, bool]
) -> tuple[Distribution, jax.Array]:
    e = Evidence(*(a[..., None, :] for a in e))
    correlation = jnp.einsum("...ik,...jk->...ij", d.factor, d.factor, precision=jax.lax.Precision.HIGHEST)
    cov = correlation * d.sd[..., :, None] * d.sd[..., None, :]
    mean, cov, log_z = _condition_normal(d.mean, cov, e, lines, kinds)
    there = d.weight > 0
    log_weight = jnp.where(there, jnp.log(jnp.where(there, d.weight, 1)), -jnp.inf) + log_z
    log_evidence = jax.nn.logsumexp(log_weight, axis=-1)
    weight = jnp.exp(log_weight - log_evidence[..., None])
    sd = jnp.sqrt(jnp.diagonal(cov, axis1=-2, axis2=-1))
    factor = jnp.linalg.cholesky(cov / (sd[..., :, None] * sd[..., None, :]))
    median = quantile_of(weight, mean, sd, 0.0)
    return Distribution(weight, mean, sd, factor, median, d.known, d.ew_ratio, d.lines), log_evidence


def given_evidence(
    ew: Any, ew_ivar: Any, ew_ratio: jax.Array, dtype: Any, lines: tuple[int, ...] = TEN_LINES
) -> Evidence:
    """Evidence of measured EWs (..., lines) with inverse variances; an ivar that is not positive and finite, or
    an EW that no galaxy has (-9999, 1e30), says nothing."""
    ew, ivar = jnp.asarray(ew, dtype), jnp.asarray(ew_ivar, dtype)
    ew, ivar = jnp.broadcast_arrays(ew, ivar)
    if ew.ndim == 0 or ew.shape[-1] != len(lines):
        raise error("input", "given lines have a wrong shape", f"{ew.shape}", f"(..., {len(lines)})")
    says = (ivar > 0) & jnp.isfinite(ivar) & (ew > -500) & (ew < 1e5)
    value, sigma = jnp.where(says, ew, 0), 1 / jnp.sqrt(jnp.where(says, ivar, 1))
    at = {line: k for k, line in enumerate(lines)}
    own_lines = independent(lines)
    columns = {line: (says[..., at[line]], value[..., at[line]], sigma[..., at[line]]) for line in own_lines}
    for (weak, strong, _), ratio in zip(DOUBLETS, ew_ratio):
        if weak not in at:
            continue
        own = says[..., at[strong]]
        columns[strong] = (
            own | says[..., at[weak]],
            jnp.where(own, value[..., at[strong]], ratio * value[..., at[weak]]),
            jnp.where(own, sigma[..., at[strong]], ratio * sigma[..., at[weak]]),
        )
    known, value, sigma = (jnp.stack([columns[line][k] for line in own_lines], axis=-1) for k in range(3))
    return Evidence(known, jnp.zeros_like(known), value, sigma)


def _which(lines: Sequence[str] | None, of: tuple[int, ...]) -> tuple[int, ...]:
    """Places of lines among the independent ones; weak members of doublets stand for their partners."""
    own, known = independent(of), [ALL_LINES[line] for line in of]
    if lines is None:
        return tuple(range(len(own)))
    strong_of = {weak: strong for weak, strong, _ in DOUBLETS}
    places = set()
    for name in lines:
        if name not in known:
            raise error("usage", "unknown line", f"'{name}'", ", ".join(known))
        line = ALL_LINES.index(name)
        places.add(own.index(strong_of.get(line, line)))
    return tuple(sorted(places))


def condition(distribution: Distribution, ew: Any, ew_ivar: Any, *, lines: Sequence[str] | None = None) -> Distribution:
    """The joint distribution given measured lines.

    Parameters
    ----------
    distribution : Distribution
        Of :func:`starglow.jax.distribution`.
    ew, ew_ivar : array (..., 10), A and A^-2
        Measured EWs, in the order of the answers (``starglow.LINES``). An ivar of 0 (or not finite) means no
        measurement. [OIII] 4959 and [NII] 6548 are converted to their strong partners, and ignored if the partner is
        given too.
    lines : names, optional
        Use only these lines; this saves time.

    Returns
    -------
    Distribution
        Of all lines, the given ones too: their measurement with what the continuum and the other lines say. For
        :func:`quantile`, :func:`log_density` and :func:`draw`; random numbers are those of the same draws without it.

    Notes
    -----
    Each component's t is normal; the likelihood of a known line is replaced by a normal distribution of t that leaves
    the component the same mean and variance (expectation propagation, Minka 2001), and the rest is closed form. With
    one known line the weights and each component's mean and covariance are exact. Differentiable with respect to the
    distribution and `ew`; errors are held fixed (their slopes are 0).
    """
    return _conditioned(distribution, ew, ew_ivar, lines)[0]


def log_evidence(distribution: Distribution, ew: Any, ew_ivar: Any, *, lines: Sequence[str] | None = None) -> jax.Array:
    """Log of the density of measured EWs before they were known, (...), nats (densities per A); as :func:`condition`.

    The likelihood of measured lines with their errors, all correlations taken into account.
    """
    d = _conditioned(distribution, ew, ew_ivar, lines)
    return jnp.where(distribution.known, d[1], jnp.nan)


_CUT_PART = re.compile(r"\s*(SNR\s*\()?\s*([A-Z0-9_,\s]+?)\s*(\))?\s*>\s*([-+.0-9eE]+)\s*")


def parse_cut(text: str) -> list[tuple[int, float, bool]]:
    """Cuts of a text as in ``starglow.Model.predict``: (index into ALL_LINES, limit, whether it is of the S/N)."""
    wanted = '"HBETA,OIII_5007 > 0" or "SNR(HALPHA) > 3", joined by \'and\''
    cuts: list[tuple[int, float, bool]] = []
    for part in re.split(r"\sand\s", text):
        found = _CUT_PART.fullmatch(part)
        if found is None or bool(found[1]) != bool(found[3]):
            raise error("usage", "a selection cannot be read", f"'{part}'", wanted)
        try:
            limit = float(found[4])
        except ValueError:
            raise error("usage", "a selection cannot be read", f"'{found[4]}'", "a number") from None
        for name in found[2].split(","):
            if name.strip() not in ALL_LINES:
                raise error("usage", "unknown line", f"'{name.strip()}'", ", ".join(ALL_LINES))
            cut = (ALL_LINES.index(name.strip()), limit, bool(found[1]))
            if any(c[0] == cut[0] and c[2] == cut[2] for c in cuts):
                raise error("usage", "a line stands twice in a selection", f"'{name.strip()}'", "each line once")
            cuts.append(cut)
    return cuts


def select(distribution: Distribution, cut: str, sigma: Any) -> Distribution:
    """The joint distribution of galaxies whose measured lines pass a cut.

    Parameters
    ----------
    distribution : Distribution
    cut : str
        ``"HBETA,OIII_5007,HALPHA,NII_6584 > 0"`` (A), ``"SNR(HALPHA) > 3"``, or both, joined by `and`.
    sigma : array (..., 10), A
        Errors of measurement, as of :func:`starglow.jax.sigma_ew`. A weak member of a doublet shares the noise of its
        partner: a cut on it is one on the partner. Where a needed error is not positive and finite, the galaxy's
        distribution stays as it is.

    Returns
    -------
    Distribution
        As of :func:`condition`.
    """
    sigma = jnp.asarray(sigma, distribution.mean.dtype)
    shape = distribution.weight.shape[:-1]
    strong_of = {weak: (strong, k) for k, (weak, strong, _) in enumerate(DOUBLETS)}
    limits: dict[int, jax.Array] = {}
    usable = jnp.ones(shape, bool)
    lines, own = distribution.lines, independent(distribution.lines)
    for line, limit, snr in parse_cut(cut):
        if line not in lines:
            raise error("model", "a cut names a line that the model does not have", ALL_LINES[line], "its own lines")
        ratio: Any = 1.0
        if line in strong_of:
            line, k = strong_of[line]
            ratio = distribution.ew_ratio[k]
        s = sigma[..., lines.index(line)]
        usable = usable & (s > 0) & jnp.isfinite(s)
        bound = jnp.broadcast_to(limit * s if snr else limit * ratio, shape)
        place = own.index(line)
        limits[place] = jnp.maximum(limits[place], bound) if place in limits else bound
    which = tuple(sorted(limits))
    zero = jnp.zeros((*shape, len(own)), distribution.mean.dtype)
    passed, value = zero.astype(bool), zero
    for place in which:
        passed = passed.at[..., place].set(usable)
        value = value.at[..., place].set(jnp.where(usable, limits[place], 0))
    s = jnp.where(passed, sigma[..., [lines.index(line) for line in own]], 1)
    e = Evidence(jnp.zeros_like(passed), passed, value, s)
    answer: Distribution = _condition(distribution, e, which, (False, True))[0]
    return answer


def _conditioned(
    distribution: Distribution, ew: Any, ew_ivar: Any, lines: Sequence[str] | None
) -> tuple[Distribution, jax.Array]:
    e = given_evidence(ew, ew_ivar, distribution.ew_ratio, distribution.mean.dtype, distribution.lines)
    shape = distribution.weight.shape[:-1]
    if e.value.shape[:-1] != shape:
        try:
            e = Evidence(*(jnp.broadcast_to(a, (*shape, a.shape[-1])) for a in e))
        except ValueError:
            raise error(
                "input", "given lines do not fit the distribution", f"{e.value.shape[:-1]} galaxies", f"{shape}"
            ) from None
    which = _which(lines, distribution.lines)
    if not which:
        return distribution, jnp.zeros(shape, distribution.mean.dtype)
    answer: tuple[Distribution, jax.Array] = _condition(distribution, e, which, (True, False))
    return answer
