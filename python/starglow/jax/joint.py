"""The joint distribution of the lines: a mixture of normals of t, EW = sinh(max(t, 0)) A (``joint.hpp``)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr

from ..errors import error
from ..names import ALL_LINES, DOUBLETS, SII_RATIO, independent
from .weights import MIN_SD, TEN_LINES, Bank, Evolution, _pytree, _static

MOST_EW, MOST_NOISY_EW = 1e4, 1e5  # A: answers are held to these (limits.hpp)
MOST_T = 9.9034875550361281  # asinh of the first
ACTIVE_EW = 8.0  # A of Halpha at which a component has half of the growth (k_active_ew)
HALPHA = independent(TEN_LINES).index(ALL_LINES.index("HALPHA"))  # among the independent of the ten
MOST_PARAMETER = 1e3  # of t: means and widths of the components


@_pytree
class Distribution:
    """Intrinsic distribution of the independent lines of each galaxy, in the order of ``names.independent(lines)``:
    eight of the shipped model.

    A mixture of `components` normal distributions of t = asinh(EW / A): EW = sinh(max(t, 0)), so the probability of t <
    0 is that of no line at all."""

    weight: jax.Array  #: (..., components)
    mean: jax.Array  #: (..., components, 8)
    sd: jax.Array  #: (..., components, 8)
    factor: jax.Array  #: (..., components, 8, 8): lower Cholesky factors of the correlations
    median: jax.Array  #: (..., 8): of t
    known: jax.Array  #: (...): whether there is an answer
    ew_ratio: jax.Array  #: (2) EW(strong)/EW(weak) of the doublets
    lines: tuple[int, ...] = _static(default=TEN_LINES)  #: of the answers, indices into names.ALL_LINES


def mixture_of(bank: Bank, outputs: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(weight, mean, sd) of a bank's outputs (..., 17 components - 1), before calibration."""
    assert bank.factor is not None  # kind "joint"
    c, n = bank.factor.shape[:2]
    shape = outputs.shape[:-1]
    mean = bank.y_mean + bank.y_scale * outputs[..., : n * c].reshape(*shape, c, n)
    mean = jnp.clip(mean, -MOST_PARAMETER, MOST_PARAMETER)
    sd = bank.y_scale * (MIN_SD + jnp.exp(outputs[..., n * c : 2 * n * c].reshape(*shape, c, n)))
    sd = jnp.minimum(sd, MOST_PARAMETER)
    logits = jnp.concatenate([jnp.zeros((*shape, 1), outputs.dtype), outputs[..., 2 * n * c :]], axis=-1)
    return jax.nn.softmax(logits, axis=-1), mean, sd


def adjusted(
    evolution: Evolution | None, z: jax.Array, widen: jax.Array | None, mean: jax.Array, sd: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """(mean, sd) of galaxies at z (NaN: not known) whose widths are `widen` times the networks' (``joint.hpp``)."""
    if evolution is not None:
        there = (z > evolution.z0) & jnp.isfinite(z)
        r = jnp.where(there, jnp.log((1 + jnp.where(there, z, evolution.z0)) / (1 + evolution.z0)), 0)[..., None, None]
        near = jnp.abs(mean) < 40  # beyond it t is ln(2 EW), and squares of sinh overflow in float32
        held = jnp.where(near, mean, 1)
        # The share of the growth that a component has, by its Halpha.
        t_ha = mean[..., evolution.halpha, None]
        ew2 = jnp.square(jnp.sinh(jnp.clip(t_ha, 0, 40)))
        r = r * ew2 / (ew2 + ACTIVE_EW**2)
        moved = jnp.where(
            near,
            jnp.arcsinh(jnp.exp(evolution.power * r) * jnp.sinh(held)),
            mean + jnp.sign(mean) * evolution.power * r,
        )
        slope = jnp.where(near, jnp.exp(evolution.power * r) * jnp.cosh(held) / jnp.cosh(jnp.where(near, moved, 1)), 1)
        wide = jnp.sqrt(jnp.square(sd * slope) + jnp.square(evolution.width * r * jnp.tanh(moved)))
        grows = (jnp.arange(mean.shape[-2]) < evolution.components)[:, None] & there[..., None, None]
        mean, sd = jnp.where(grows, moved, mean), jnp.where(grows, wide, sd)
    return mean, sd if widen is None else sd * widen[..., None, None]


def calibrated(
    weight: jax.Array, mean: jax.Array, sd: jax.Array, shift: jax.Array, slope: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(mean, sd, median) after t' = median + shift + slope (t - median); shift, slope (..., 8)."""
    median = quantile_of(weight, mean, sd, 0.0)
    moved = median + shift
    return moved[..., None, :] + slope[..., None, :] * (mean - median[..., None, :]), sd * slope[..., None, :], moved


def _solve(weight: jax.Array, mean: jax.Array, sd: jax.Array, z: float) -> jax.Array:
    """t with distribution function Phi(z) for each line: Halley's steps inside a bracket, bisection where one leaves.

    Lines of a galaxy that have converged rest, so that no value depends on its neighbours.
    """
    target = ndtr(jnp.asarray(z, mean.dtype))
    weight = weight[..., None]
    ends = mean + z * sd
    low, high, narrowest = ends.min(-2), ends.max(-2), sd.min(-2)
    start = jnp.clip((weight * ends).sum(-2), low, high)
    is_open = high - low > 1e-14 * narrowest  # else one component, or NaN
    t = jnp.where(is_open, start, low)

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        t, low, high, is_open, count = state
        u = (t[..., None, :] - mean) / sd
        phi = weight * jnp.exp(-0.5 * u * u) * 0.3989422804014327 / sd
        excess = (weight * ndtr(u)).sum(-2) - target
        density, slope = phi.sum(-2), -(u * phi / sd).sum(-2)
        high = jnp.where(is_open & (excess > 0), t, high)
        low = jnp.where(is_open & (excess <= 0), t, low)
        newton = excess / density
        following = t - newton / (1 - 0.5 * jnp.clip(newton * slope / density, -1, 1))
        kept = jnp.where((following >= low) & (following <= high), following, 0.5 * (low + high))
        # The steps converge with the third power: one below 1e-4 sd leaves an error below 1e-11.
        done = (jnp.abs(following - t) <= 1e-4 * narrowest) | (high - low <= 1e-12 * narrowest)
        return jnp.where(is_open, kept, t), low, high, is_open & ~done, count + 1

    return jax.lax.while_loop(lambda s: jnp.any(s[3]) & (s[4] < 100), step, (t, low, high, is_open, 0))[0]


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def quantile_of(weight: jax.Array, mean: jax.Array, sd: jax.Array, z: float) -> jax.Array:
    """t (..., 8) at which each line's distribution function is Phi(z); differentiable any number of times."""
    return _solve(weight, mean, sd, z)


@quantile_of.defjvp
def _quantile_jvp(
    z: float, primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
    """Implicit differentiation of cdf(t) = Phi(z); t is differentiated by this rule again."""
    weight, mean, sd = primals
    d_weight, d_mean, d_sd = tangents
    t = quantile_of(weight, mean, sd, z)
    u = (t[..., None, :] - mean) / sd
    phi = weight[..., None] * jnp.exp(-0.5 * u * u) * 0.3989422804014327 / sd
    along = (phi * (d_mean + u * d_sd)).sum(-2) - (d_weight[..., None] * ndtr(u)).sum(-2)
    return t, along / phi.sum(-2)


def ew_of(t: jax.Array) -> jax.Array:
    """EW (A) of t: sinh(max(t, 0)), never negative, derivative 0 where there is no line; at most 10,000 A."""
    return jnp.sinh(jnp.minimum(jnp.maximum(t, 0) * (t > 0).astype(t.dtype), MOST_T))


def all_lines(
    outputs: Sequence[int], ew_ratio: jax.Array, ew: jax.Array, lines: Sequence[int] = TEN_LINES
) -> jax.Array:
    """All lines (..., lines) of the EWs (..., outputs): weak members of the doublets from their partners."""
    columns = {line: ew[..., k] for k, line in enumerate(outputs)}
    for (weak, strong, _), ratio in zip(DOUBLETS, ew_ratio):
        if weak in lines:
            columns.setdefault(weak, columns[strong] / ratio)
    return jnp.stack([columns[line] for line in lines], axis=-1)


def possible_sii(ew: jax.Array, lines: tuple[int, ...] = independent(TEN_LINES)) -> jax.Array:
    """Brings the ratio of the [SII] lines within its atomic limits, their sum kept; the last axis are the independent
    `lines`."""
    low, high = SII_RATIO
    pair = tuple(j for j, line in enumerate(lines) if ALL_LINES[line].startswith("SII_"))
    if len(pair) != 2:
        return ew
    blue, red = pair
    strong, weak = ew[..., blue], ew[..., red]
    total = strong + weak
    kept = jnp.clip(strong, total * (low / (1 + low)), total * (high / (1 + high)))
    weak = jnp.where(kept == strong, weak, total - kept)
    return ew.at[..., blue].set(kept).at[..., red].set(weak)


def quantile(distribution: Distribution, p: float) -> jax.Array:
    """EWs (..., 10), A, below which a line lies with probability p.

    Parameters
    ----------
    distribution : Distribution
        Of :func:`starglow.jax.distribution`.
    p : float
        Between 0 and 1, a Python number.
    """
    from statistics import NormalDist

    if not 0 < p < 1:
        raise error("usage", "p is no probability", str(p), "0 < p < 1")
    return _quantile(distribution, NormalDist().inv_cdf(p))


@partial(jax.jit, static_argnums=1)
def _quantile(d: Distribution, z: float) -> jax.Array:
    t = quantile_of(d.weight, d.mean, d.sd, z)
    ew = all_lines(independent(d.lines), d.ew_ratio, ew_of(t), d.lines)
    return jnp.where(d.known[..., None], ew, jnp.nan)


def log_density(distribution: Distribution, ew: Any) -> jax.Array:
    """Log of the joint density of t = asinh(EW / A) of the independent lines, nats; (...).

    Parameters
    ----------
    distribution : Distribution
    ew : array (..., 10), A
        Intrinsic EWs, positive; the weak members of the doublets are not looked at.

    Notes
    -----
    For comparisons of intrinsic lines, without measurement noise. The normals are not cut at t = 0.
    """
    d = distribution
    own = independent(d.lines)
    t = jnp.arcsinh(jnp.asarray(ew)[..., [d.lines.index(line) for line in own]])
    u = (t[..., None, :] - d.mean) / d.sd
    v = jax.scipy.linalg.solve_triangular(d.factor, u[..., None], lower=True)[..., 0]
    log_det = jnp.log(jnp.diagonal(d.factor, axis1=-2, axis2=-1)).sum(-1) + jnp.log(d.sd).sum(-1)
    each = jnp.log(d.weight) - 0.5 * (v * v).sum(-1) - log_det - 0.5 * len(own) * jnp.log(2 * jnp.pi)
    return jnp.where(d.known, jax.nn.logsumexp(each, axis=-1), jnp.nan)
