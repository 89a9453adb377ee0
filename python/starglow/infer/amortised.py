"""Posteriors of many galaxies: a network proposes, the likelihood weighs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..errors import error
from .stars import PARAMETERS, Stars
from .survey import Data, Survey, best_residuals, checked, filled, log_likelihood, simulate, sites

_D = len(PARAMETERS)
_COMPONENTS = 3
_OUT = _COMPONENTS * (1 + _D + _D * (_D + 1) // 2)
_ROWS, _COLS = np.tril_indices(_D)
_LOG_2PI = float(np.log(2 * np.pi))  # a number of Python: one of NumPy would make float64 of float32
_WIDER = 1.25  # proposals are this much wider than the network's, and a tenth is the prior's
_FROM_PRIOR = 0.1
_PRIOR = np.zeros(_D), np.ones(_D)  # as a population, in its own units
_ROWS_AT_ONCE = 4096  # what the caches hold
# A Richtmyer sequence: multiples of square roots of primes fill the unit cube evenly.
_STRIDE = np.sqrt([2.0, 3.0, 5.0, 7.0, 11.0]) % 1
_KEPT = ("x_mean", "x_scale", "with_z", "with_lines", "loss")  # in a file, beside the layers

_simulate = jax.jit(simulate, static_argnums=0)
_prepare = jax.jit(sites, static_argnums=0)


@dataclass(frozen=True)
class Start:
    """A network that knows what galaxies like a survey's have; of :func:`amortise`."""

    stars: Stars
    params: Any  #: ((W, b), ...)
    x_mean: jax.Array
    x_scale: jax.Array
    with_z: bool
    with_lines: bool
    loss: tuple[float, ...]  #: of the training, nats, mean over each tenth of the steps

    def save(self, path: Any) -> None:
        """Keeps the network in a file of NumPy (.npz), replaced as a whole, for :meth:`load`."""
        path = Path(path)
        whole = path.with_name(path.name + ".part.npz")
        layers = {f"{what}{k}": a for k, layer in enumerate(self.params) for what, a in zip("wb", layer)}
        rest = {name: getattr(self, name) for name in _KEPT}
        np.savez(whole, stars=_of_stars(self.stars), **layers, **rest)
        whole.replace(path)

    @staticmethod
    def load(path: Any, stars: Stars) -> Start:
        """The network that :meth:`save` kept.

        Raises
        ------
        ValueError
            The file is of other stars: another grid, model of the lines, prior or age of the universe.
        """
        with np.load(path, allow_pickle=False) as kept:
            if not {"stars", *_KEPT} <= set(kept.files):
                raise error("input", f"'{path}' is not a network of starglow.infer", ", ".join(kept.files)[:80])
            if not np.allclose(kept["stars"], _of_stars(stars), rtol=1e-3, atol=1e-3):
                raise error("model", f"'{path}' is of other stars", "", "the Stars that it was trained with")
            layers = sum(name.startswith("w") and name[1:].isdigit() for name in kept.files)
            params = [(jnp.asarray(kept[f"w{k}"]), jnp.asarray(kept[f"b{k}"])) for k in range(layers)]
            mean, scale, with_z, with_lines, loss = (kept[name] for name in _KEPT)
        loss = tuple(map(float, loss))
        return Start(stars, params, jnp.asarray(mean), jnp.asarray(scale), bool(with_z), bool(with_lines), loss)


def _features(data: Data) -> jax.Array:
    light = jnp.log(filled(data.flux, data.ivar))
    error_of = jnp.where(data.ivar > 0, 1 / jnp.sqrt(jnp.where(data.ivar > 0, data.ivar, 1)) / data.flux, 1.0)
    parts = [light - light.mean(-1, keepdims=True), jnp.log(error_of), jnp.clip(data.centre, -3, 9)]
    parts.append(jnp.log(data.variance))
    if data.z is not None:
        parts += [light.mean(-1, keepdims=True) + jnp.log(data.scale)[:, None], data.z[:, None]]
    return jnp.concatenate(parts, axis=-1)


def _network(params: Any, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Mixture of standardised parameters: log weights (n, c), means (n, c, d), lower factors of the precisions."""
    for w, b in params[:-1]:
        x = jax.nn.silu(x @ w + b)
    w, b = params[-1]
    out = x @ w + b
    n = out.shape[0]
    log_w = jax.nn.log_softmax(out[:, :_COMPONENTS])
    mean = out[:, _COMPONENTS : _COMPONENTS * (1 + _D)].reshape(n, _COMPONENTS, _D)
    lower = jnp.zeros((n, _COMPONENTS, _D, _D), out.dtype)
    lower = lower.at[..., _ROWS, _COLS].set(out[:, _COMPONENTS * (1 + _D) :].reshape(n, _COMPONENTS, -1))
    own = jnp.eye(_D, dtype=bool)
    return log_w, mean, jnp.where(own, jnp.exp(jnp.clip(lower, -5, 6)), lower)


def _log_density(mixture: tuple[jax.Array, ...], u: jax.Array) -> jax.Array:
    """ln of the mixture at standardised parameters u (..., n, d)."""
    log_w, mean, lower = mixture
    v = jnp.einsum("ncij,...ncj->...nci", lower, u[..., None, :] - mean)
    log_det = jnp.log(jnp.diagonal(lower, axis1=-2, axis2=-1)).sum(-1)
    each = log_w + log_det - 0.5 * (v * v).sum(-1) - 0.5 * _D * _LOG_2PI
    return jax.nn.logsumexp(each, axis=-1)


def amortise(
    stars: Stars, survey: Survey, *, galaxies: int = 20000, steps: int = 3000, width: int = 64, seed: int = 1
) -> Start:
    """Trains a network to propose the parameters of a survey's galaxies.

    It learns from mock galaxies: parameters of ``stars.prior``, light by DSPS, lines drawn by starglow, noise with the
    errors of the survey's own galaxies. One network serves all galaxies with such errors and such lines.

    Parameters
    ----------
    stars : Stars
    survey : Survey
        Its errors, its missing bands and lines, and its redshifts are those of the mock galaxies.
    galaxies, steps, width, seed : int
        Mock galaxies, steps of Adam, width of the two hidden layers.
    """
    survey = checked(survey)
    key = jax.random.key(seed)
    draw, noise, start, order = jax.random.split(key, 4)
    mean, sd = (jnp.asarray(a) for a in stars.prior)
    u = jax.random.normal(draw, (galaxies, _D))
    data = _prepare(stars, _simulate(stars, mean + sd * u, survey, noise))
    x = _features(data)
    x_mean, x_scale = x.mean(0), jnp.maximum(x.std(0), 1e-3)
    x = ((x - x_mean) / x_scale).astype("float32")
    target = u.astype("float32")
    sizes = (x.shape[1], width, width, _OUT)
    params = [
        (jax.random.normal(k, (i, o), "float32") * np.sqrt(1 / i) * (0.1 if o == _OUT else 1), jnp.zeros(o, "float32"))
        for k, i, o in zip(jax.random.split(start, 3), sizes[:-1], sizes[1:])
    ]
    # The components start apart.
    apart = jnp.linspace(-1, 1, _COMPONENTS, dtype="float32")[:, None] * jnp.ones(_D, "float32")
    params[-1] = (params[-1][0], params[-1][1].at[_COMPONENTS : _COMPONENTS * (1 + _D)].set(apart.ravel()))
    optimiser = optax.adam(optax.cosine_decay_schedule(3e-3, steps))

    @jax.jit
    def train(params: Any) -> Any:
        def step(carry: Any, k: jax.Array) -> Any:
            p, state = carry
            rows = jax.random.randint(k, (256,), 0, galaxies)
            loss, slope = jax.value_and_grad(lambda q: -_log_density(_network(q, x[rows]), target[rows]).mean())(p)
            updates, state = optimiser.update(slope, state)
            return (optax.apply_updates(p, updates), state), loss

        (p, _), losses = jax.lax.scan(step, (params, optimiser.init(params)), jax.random.split(order, steps))
        return p, losses

    params, losses = train(params)
    losses = np.asarray(losses)
    if not np.isfinite(losses[-1]):
        raise error("numeric", "the training of the network diverged", f"loss {losses[-1]}", "a finite one")
    tenths = tuple(float(part.mean()) for part in np.array_split(losses, 10))
    return Start(stars, params, x_mean, x_scale, survey.z is not None, survey.ew is not None, tenths)


def _evenly(key: jax.Array, draws: int, n: int, dtype: Any) -> jax.Array:
    """Points in the open unit cube (draws, n, 5): for each galaxy a sequence that fills it evenly, moved at random."""
    points = jnp.asarray((np.arange(draws)[:, None] * _STRIDE) % 1, dtype)
    moved = (points[:, None] + jax.random.uniform(key, (n, len(_STRIDE)), dtype)) % 1
    return jnp.clip(moved, 1e-7, 1 - 1e-6)


def _under(mixture: tuple[jax.Array, ...], centre: jax.Array, width: jax.Array) -> tuple[jax.Array, ...]:
    """The mixture (under the prior, a standard normal) under a population instead: normals, centre and width (d)."""
    log_w, mean, lower = mixture
    precision = jnp.einsum("ncki,nckj->ncij", lower, lower)
    own = jnp.asarray(1 / width**2)
    # A population that is wider than the prior: only moved, so that the sum stays positive.
    both = precision + jnp.diag(jnp.maximum(own - 1, 0))
    reverse = jnp.linalg.cholesky(both[..., ::-1, ::-1])
    factor = jnp.swapaxes(reverse[..., ::-1, ::-1], -1, -2)  # lower again: both = factor^T factor
    linear = jnp.einsum("ncij,ncj->nci", precision, mean) + own * centre
    inverse = jax.vmap(jax.vmap(_inverse_lower))(factor)
    white = jnp.einsum("ncji,ncj->nci", inverse, linear)
    at = jnp.einsum("ncij,ncj->nci", inverse, white)
    log_det = jnp.log(jnp.diagonal(lower, axis1=-2, axis2=-1)) - jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1))
    quadratic = (white**2).sum(-1) - jnp.einsum("nci,ncij,ncj->nc", mean, precision, mean)
    return jax.nn.log_softmax(log_w + log_det.sum(-1) + 0.5 * quadratic), at, factor


@partial(jax.jit, static_argnums=(0, 4))
def _propose(
    stars: Stars, network: Any, data: Data, key: jax.Array, draws: int, population: Any
) -> tuple[jax.Array, ...]:
    """Proposals (draws, n, d) and ln of prior x likelihood over proposal; residuals of the bands' best fit (n, 12).

    They are made for galaxies of a population: its centre and width (d), in units of the prior."""
    params, x_mean, x_scale = network
    mixture = _network(params, ((_features(data) - x_mean) / x_scale).astype("float32"))
    centre, width = (jnp.asarray(a).astype(mixture[1].dtype) for a in population)
    log_w, mean, lower = _under(mixture, centre, width)
    mixture = log_w, mean, lower / _WIDER
    n = mean.shape[0]
    even = _evenly(key, draws, n, mean.dtype)
    z = jax.scipy.special.ndtri(even[..., :_D])
    broad = even[..., _D] < _FROM_PRIOR
    place = (even[..., _D] - _FROM_PRIOR) / (1 - _FROM_PRIOR)
    c = (place[..., None] > jnp.cumsum(jnp.exp(log_w), axis=-1)[:, :-1]).sum(-1)[..., None]
    # Of each component the offset that the inverse of its triangular factor makes of z.
    inverse = jax.vmap(jax.vmap(_inverse_lower))(mixture[2])
    u = jnp.zeros_like(z)
    for k in range(_COMPONENTS):
        u = jnp.where(c == k, mean[:, k] + jnp.einsum("nij,dnj->dni", inverse[:, k], z), u)
    u = jnp.where(broad[..., None], centre + width * z, u)
    log_prior_u = (-0.5 * u * u).sum(-1) - 0.5 * _D * _LOG_2PI
    v = (u - centre) / width
    log_broad = (-0.5 * v * v - jnp.log(width)).sum(-1) - 0.5 * _D * _LOG_2PI
    log_q = jnp.logaddexp(
        _log_density(mixture, u) + float(np.log1p(-_FROM_PRIOR)), float(np.log(_FROM_PRIOR)) + log_broad
    )
    theta = jnp.asarray(stars.prior.mean, u.dtype) + jnp.asarray(stars.prior.sd, u.dtype) * u
    # So many draws at a time that what is in between stays in the caches.
    some = max(b for b in range(1, draws + 1) if draws % b == 0 and (b == 1 or b * n <= _ROWS_AT_ONCE))
    blocks = theta.reshape(draws // some, some, n, _D)
    value, chi2 = jax.lax.map(lambda t: log_likelihood(stars, t, data), blocks)
    value, chi2 = value.reshape(draws, n), chi2.reshape(draws, n)
    first = jnp.where(jnp.isfinite(chi2), chi2, jnp.inf).argmin(0)  # far proposals may give no light
    best = jnp.take_along_axis(theta, first[None, :, None], axis=0)[0]
    return theta, value + log_prior_u - log_q, best_residuals(stars, best, data)


def _inverse_lower(lower: jax.Array) -> jax.Array:
    """Of a lower triangular matrix (d, d), by forward substitution."""
    rows: list[jax.Array] = []
    for i in range(_D):
        row = jnp.zeros(_D, lower.dtype).at[i].set(1.0)
        for j, other in enumerate(rows):
            row = row - lower[i, j] * other
        rows.append(row / lower[i, i])
    return jnp.stack(rows)


def _network_of(start: Start) -> Any:
    return start.params, start.x_mean, start.x_scale


def _of_stars(stars: Stars) -> np.ndarray:
    """Numbers by which stars, lines and prior are known again: light and lines of a few galaxies, and settings."""
    mean, sd = (np.asarray(a) for a in stars.prior)
    light = stars.bands(mean + sd * np.linspace(-1.5, 1.5, 5)[:, None] * [1, -1, 1, -1])
    lines = jnp.sum(stars.lines(light, None)[0][..., None] * stars.lines(light, None)[1], axis=-2)
    settings = [*mean, *sd, stars.t_obs, float(stars.follow == "photons")]
    return np.concatenate([np.log(np.asarray(light, float)).ravel(), np.asarray(lines, float).ravel(), settings])


def _in_units(stars: Stars, population: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean and scatter of a population's posterior, in units of the prior."""
    mean, sd = (np.asarray(a) for a in stars.prior)
    p = population.posterior
    return (p["mean"].values.reshape(-1, _D).mean(0) - mean) / sd, p["scatter"].values.reshape(-1, _D).mean(0) / sd


def _identity(start: Start, survey: Survey, draws: int, seed: int, within: Any) -> str:
    total = hashlib.sha256(f"{draws} {seed} {start.stars.prior} {start.stars.t_obs} {start.stars.follow}".encode())
    for leaf in jax.tree_util.tree_leaves((start.params, survey, within)):
        total.update(np.ascontiguousarray(leaf).tobytes())
    return total.hexdigest()


def galaxies(
    start: Start,
    survey: Survey,
    *,
    draws: int = 512,
    seed: int = 1,
    population: Any = None,
    progress: Callable[[int, int], object] | None = None,
    checkpoint: Any = None,
    chunk: int = 512,
) -> Any:
    """Posteriors of a survey's galaxies: proposals of the network, weighed by prior and likelihood.

    Parameters
    ----------
    start : Start
        Of :func:`amortise` for a survey with such errors and lines.
    survey : Survey
    draws, seed : int
    population : arviz.InferenceData, optional
        Of :func:`population`: a second round. Draws are proposed where galaxies of this population lie, so that more of
        them count in :func:`population`; ``posterior`` is that of each galaxy under it (its mean values), not under
        the prior.
    progress : callable(done, all)
    checkpoint : path
        Where finished galaxies are kept (NumPy's .npz, replaced as a whole); a later call with the same arguments goes
        on there. It stays.
    chunk : int
        Galaxies at a time.

    Returns
    -------
    arviz.InferenceData
        ``posterior``: PARAMETERS and ``lg_ssfr`` (chain, draw, galaxy), drawn again by the weights;
        ``proposals``: `theta`, `log_weight` (draw, galaxy) for :func:`population`;
        ``galaxy_stats``: `ess`, the number of draws that count, and `chi2`, the least of the bands (galaxy);
        ``attrs["check"]`` says whether the model's stars are those of these
        galaxies (:class:`Check`).
    """
    import arviz

    from .checks import check_of, replicas

    survey = checked(survey)
    if (survey.z is not None, survey.ew is not None) != (start.with_z, start.with_lines):
        raise error("usage", "the network was trained for another kind of survey", "", "redshifts and lines as there")
    n = len(survey)
    within = _PRIOR if population is None else _in_units(start.stars, population)
    identity = _identity(start, survey, draws, seed, within)
    path = None if checkpoint is None else Path(checkpoint)
    theta, log_w = np.empty((draws, n, _D), np.float32), np.empty((draws, n), np.float32)
    residuals = np.empty((n, 12))
    done = 0
    if path is not None and path.exists():
        with np.load(path) as kept:
            if str(kept["identity"]) != identity:
                raise error("model", f"'{path}' is of other galaxies or settings", "", "", "Remove it to begin anew.")
            done = kept["log_w"].shape[1]
            theta[:, :done], log_w[:, :done], residuals[:done] = kept["theta"], kept["log_w"], kept["residuals"]
    while done < n:
        here = np.arange(done, min(done + chunk, n))
        padded = np.concatenate([here, np.full(min(chunk, n) - len(here), here[-1])])  # one shape: compiled once
        answer = _propose(
            start.stars,
            _network_of(start),
            _prepare(start.stars, survey[padded]),
            jax.random.fold_in(jax.random.key(seed), done),
            draws,
            within,
        )
        theta[:, here], log_w[:, here] = (np.asarray(part)[:, : len(here)] for part in answer[:2])
        residuals[here] = np.asarray(answer[2])[: len(here)]
        done = int(here[-1]) + 1
        if path is not None:
            kept = {"theta": theta[:, :done], "log_w": log_w[:, :done], "residuals": residuals[:done]}
            whole = path.with_name(path.name + ".part.npz")
            np.savez(whole, identity=identity, **kept)
            whole.replace(path)
        if progress is not None:
            progress(done, n)
    log_w = np.where(np.isfinite(log_w), log_w, -np.inf)
    u = (theta - np.asarray(start.stars.prior.mean, "float32")) / np.asarray(start.stars.prior.sd, "float32")
    under = log_w + 0.5 * (u**2 - ((u - within[0]) / within[1]) ** 2).sum(-1)
    top = under.max(0)
    w = np.exp(under - np.where(np.isfinite(top), top, 0))
    w = np.where(np.isfinite(top), w, 1.0)
    ess = w.sum(0) ** 2 / (w * w).sum(0)
    # Drawn again at even places of the cumulated weights.
    place = (np.arange(draws) + np.random.default_rng(seed).random()) / draws
    cumulated = np.cumsum(w / w.sum(0), axis=0)
    again = np.stack([np.minimum(np.searchsorted(cumulated[:, i], place), draws - 1) for i in range(n)], axis=1)
    again = np.random.default_rng(seed).permuted(again, axis=0)
    posterior = np.take_along_axis(theta, again[..., None], axis=0)
    named = {name: posterior[None, ..., k] for k, name in enumerate(PARAMETERS)}
    named["lg_ssfr"] = np.asarray(start.stars.lg_ssfr(posterior))[None]
    out = arviz.from_dict(posterior=named, dims={name: ["galaxy"] for name in named})
    import xarray

    proposals = xarray.Dataset(
        {"theta": (("proposal", "galaxy", "parameter"), theta), "log_weight": (("proposal", "galaxy"), log_w)},
        coords={"parameter": list(PARAMETERS)},
        attrs={"prior_mean": start.stars.prior.mean, "prior_sd": start.stars.prior.sd},
    )
    stats = xarray.Dataset({"ess": ("galaxy", ess), "chi2": ("galaxy", (residuals**2).sum(1))})
    out.add_groups({"proposals": proposals, "galaxy_stats": stats}, warn_on_custom_groups=False)
    check = check_of(residuals, replicas(start.stars, survey, posterior, seed))
    out.attrs["check"] = str(check)
    out.attrs["check_passed"] = int(check.passed)
    return out
