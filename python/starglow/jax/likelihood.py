"""The likelihood of a training as a function of the weights: the twin of ``likelihood.hpp``, for fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr

from .. import _core
from .._arrays import MOST_THREADS, whole
from ..errors import error
from ..galaxies import Galaxies
from ..model import Model
from ..training import _text
from .conventions import usable_conventions
from .features import columns
from .joint import MOST_T
from .predict import _answers, _checked, _need_distribution, _rows
from .weights import MIN_SD, Bank, Weights, _pytree

_MOST_LOG_SD = 3.0  # widths of standardised t end here while they are learnt
_LEAST_OWN = 0.0999  # diagonal of a factor: 1 % of a line's variance is its own, or two lines become one
_NODES = 16
_LOG_2PI = float(np.log(2 * np.pi))


@_pytree
class Labels:
    """Galaxies with measured lines as a training sees them; a pytree. ``labels[rows]`` are some of them."""

    band_flux: jax.Array  #: (n, 12), with the Galactic dust of the model
    band_flux_ivar: jax.Array | None
    z: jax.Array  #: (n)
    luminosity: jax.Array  #: (n) bool: the flux scale and the aperture allow for it
    centre: jax.Array  #: (n, 8): what the labels say of t = asinh(EW / A), as normal distributions
    variance: jax.Array  #: (n, 8)
    cut_limit: jax.Array  #: (n, 8) A: by which EW the galaxy came into its table
    cut_sigma: jax.Array  #: (n, 8) A: error of that measurement; 0: no cut on this line
    turn: jax.Array  #: (n): which nodes stand for the lines in the probability of the cut
    row: jax.Array  #: (n): of the table
    columns: jax.Array | None = None  #: (n, columns): inputs of the networks that are columns of the table

    def __len__(self) -> int:
        return int(self.z.shape[0])

    def __getitem__(self, rows: Any) -> Labels:
        part: Labels = jax.tree_util.tree_map(lambda a: a[rows], self)
        return part

    def hide(self, *, z: bool = False) -> Labels:
        """The same galaxies without luminosity, and without redshift where `z`: the networks for these answer."""
        hidden: Labels = replace(self, luminosity=jnp.zeros_like(self.luminosity))
        return replace(hidden, z=jnp.full_like(self.z, jnp.nan)) if z else hidden


def join(*labels: Labels) -> Labels:
    """Several tables' labels as one."""
    some = [one.band_flux_ivar is not None for one in labels]
    if any(some) and not all(some):
        labels = tuple(
            one if one.band_flux_ivar is not None else replace(one, band_flux_ivar=jnp.full_like(one.band_flux, 1e30))
            for one in labels
        )
    both: Labels = jax.tree_util.tree_map(lambda *a: jnp.concatenate(a), *labels)
    return both


def _is_concrete(weights: Weights) -> bool:
    return not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree_util.tree_leaves(weights))


def labels(
    weights: Weights,
    table: Any,
    *,
    preset: str = "every-kind",
    names: Mapping[str, str] | None = None,
    threads: int = 0,
    **settings: Any,
) -> Labels:
    """The labels of a table, made ready for :func:`log_likelihood`.

    Parameters
    ----------
    weights : Weights
        Of kind ``joint``. What a measured EW says of t = asinh(EW / A) depends on what is expected: a normal
        distribution of t stands for the label's likelihood such that its product with the model's distribution keeps
        its mean and variance (expectation propagation). Call again when the weights have moved far.
    table : Galaxies, or what `starglow.galaxies` takes
        With band_flux, z, ew and ew_ivar.
    preset, **settings
        As of `starglow.train`: ``selection="SNR(HALPHA) > 3"``, ``error_scale``, ``peaks``, ``negative``, ``censor``,
        ``unmeasured``, ``deconvolve``, ``site_passes``, ``label_gates`` count here. Rules of a preset are of tables by
        the beginning of their LABELVER (docs/training.md).

    Raises
    ------
    ValueError
        A point model; no usable rows; an unknown setting.
    """
    from ..tables import galaxies

    _need_distribution(weights)
    g = galaxies(table, names=names)
    model = to_model(weights) if _is_concrete(weights) else Model.load(weights.source)
    chosen = {key: _text(value) for key, value in settings.items()}
    made = _core.label_rows(model._core, g._columns(), preset, chosen, whole("threads", threads, MOST_THREADS))
    rows = made["rows"]
    part: Galaxies = g[rows]
    luminosity, redshift = usable_conventions(weights, g.conventions)
    like = jax.tree_util.tree_map(lambda a: jnp.zeros((), a.dtype), weights) if not _is_concrete(weights) else weights
    flux, z, ivar = _checked(like, part.band_flux, part.z, part.band_flux_ivar, part.ebv, g.conventions)
    centre, variance, limit, sigma = (
        jnp.asarray(made[k], weights.dtype) for k in ("centre", "variance", "cut_limit", "cut_sigma")
    )
    return Labels(
        flux,
        ivar,
        z if redshift else jnp.full_like(z, jnp.nan),
        jnp.full(len(rows), luminosity),
        centre,
        variance,
        limit,
        sigma,
        jnp.arange(len(rows), dtype=jnp.int32),
        jnp.asarray(rows, jnp.int32),
        columns(part.inputs, z.shape, weights.dtype),
    )


def log_likelihood(weights: Weights, table: Any, **settings: Any) -> jax.Array:
    """ln p of each galaxy's labels under a model: what a training with the settings maximises; (n,), nats.

    Parameters
    ----------
    weights : Weights
        Of kind ``joint``; may be traced.
    table : Labels, or a table as of :func:`labels`
        A table is made ready each time, with the model as it is in its file; `settings` are those of :func:`labels`.

    Returns
    -------
    array (n,)
        Density of t = asinh(EW / A) of the eight lines with the labels' noise, censoring and noise peaks, over the
        probability that the galaxy passes the cut of its table. Differentiable with respect to the weights.

    Notes
    -----
    Equal to C++ (``src/model/likelihood.hpp``) in value and gradient. The distribution is that before the calibration
    of quantiles (``joint_shift``, ``joint_slope``), as in a training; of an ensemble, that of the averaged outputs,
    which is what it answers with.
    """
    _need_distribution(weights)
    if not isinstance(table, Labels):
        table = labels(weights, table, **settings)
    elif settings:
        raise error("usage", "settings belong to the making of labels", ", ".join(settings), "sgj.labels(..., SETTING)")
    value: jax.Array = _log_likelihood(weights, table)
    return value


def unit_factor(factor: jax.Array) -> jax.Array:
    """Lower factors with rows of length 1, in which no line is without a variance of its own."""
    lower = jnp.tril(factor)
    lower = lower / jnp.sqrt((lower * lower).sum(-1, keepdims=True))
    own = jnp.diagonal(lower, axis1=-2, axis2=-1)
    too_small = jnp.abs(own) < _LEAST_OWN
    kept = jnp.where(too_small, _LEAST_OWN, own)
    shrink = jnp.where(too_small, jnp.sqrt((1 - _LEAST_OWN**2) / jnp.maximum(1 - own * own, 0.5)), 1)
    eye = jnp.eye(lower.shape[-1], dtype=bool)
    return jnp.where(eye, kept[..., None], lower * shrink[..., None])


@cache
def _nodes() -> np.ndarray:
    nodes = np.asarray(_core.selection_nodes())
    return nodes.reshape(-1, _NODES, nodes.shape[-1])


def _log_passing(
    log_w: jax.Array, mean: jax.Array, sd: jax.Array, unit: jax.Array, table: Labels
) -> tuple[jax.Array, jax.Array]:
    """ln of the probability of passing the cut (n), and whether there is one."""
    least = max(float(np.log(1e-300)), float(np.log(np.finfo(mean.dtype).tiny)))
    cut = table.cut_sigma > 0
    sets = jnp.asarray(_nodes(), mean.dtype)
    e = jnp.einsum("cij,skj->scki", unit, sets, precision=jax.lax.Precision.HIGHEST)[table.turn % len(sets)]
    t = mean[:, :, None, :] + sd[:, :, None, :] * e
    ew = jnp.sinh(jnp.clip(t, 0, MOST_T))
    u = (ew - table.cut_limit[:, None, None, :]) / jnp.where(cut, table.cut_sigma, 1)[:, None, None, :]
    log_phi = jnp.where(cut[:, None, None, :], jnp.maximum(log_ndtr(u), least), 0)
    each = jax.nn.logsumexp(log_phi.sum(-1), axis=-1) - float(np.log(_NODES))
    return jax.nn.logsumexp(log_w + jnp.maximum(each, least), axis=-1), cut.any(-1)


def mixture_log_density(
    log_w: jax.Array, mean: jax.Array, sd: jax.Array, unit: jax.Array, centre: jax.Array, variance: jax.Array
) -> jax.Array:
    """ln of a mixture (n, c), (n, c, 8) widened by variances (n, 8), at centres; unit (c, 8, 8): lower factors."""
    correlation = jnp.einsum("cik,cjk->cij", unit, unit, precision=jax.lax.Precision.HIGHEST)
    covariance = correlation * sd[..., :, None] * sd[..., None, :]
    eye = jnp.eye(sd.shape[-1], dtype=bool)
    lower = jnp.linalg.cholesky(covariance + jnp.where(eye, variance[:, None, :, None], 0))
    apart = centre[:, None, :] - mean
    v = jax.scipy.linalg.solve_triangular(lower, apart[..., None], lower=True)[..., 0]
    log_det = jnp.log(jnp.diagonal(lower, axis1=-2, axis2=-1)).sum(-1)
    return jax.nn.logsumexp(log_w - 0.5 * (v * v).sum(-1) - log_det, axis=-1) - 0.5 * sd.shape[-1] * _LOG_2PI


def _of_bank(bank: Bank, outputs: jax.Array, table: Labels) -> jax.Array:
    assert bank.factor is not None  # kind "joint"
    c, n = bank.factor.shape[:2]
    rows = outputs.shape[0]
    mean = bank.y_mean + bank.y_scale * outputs[:, : n * c].reshape(rows, c, n)
    log_sd = jnp.minimum(outputs[:, n * c : 2 * n * c].reshape(rows, c, n), _MOST_LOG_SD)
    sd = bank.y_scale * (MIN_SD + jnp.exp(log_sd))
    logit = jnp.concatenate([jnp.zeros((rows, 1), outputs.dtype), outputs[:, 2 * n * c :]], axis=-1)
    log_w = jax.nn.log_softmax(logit, axis=-1)
    unit = unit_factor(bank.factor)
    value = mixture_log_density(log_w, mean, sd, unit, table.centre, table.variance)
    log_passing, there = _log_passing(log_w, mean, sd, unit, table)
    return value - jnp.where(there, log_passing, 0)


@jax.jit
def _log_likelihood(weights: Weights, table: Labels) -> jax.Array:
    rows = _rows(weights, table.band_flux, table.z, table.band_flux_ivar, True, (True, True), table.columns)
    rows = rows._replace(luminosity=rows.luminosity & table.luminosity, full=rows.full & table.luminosity)
    answers, _, _ = _answers(weights, rows, "warn")
    values = [
        _of_bank(bank, outputs, table)
        for bank, outputs in zip((weights.full, weights.partial), answers)
        if bank is not None and outputs is not None
    ]
    return values[0] if len(values) == 1 else jnp.where(rows.full, values[0], values[1])


def parameters(weights: Weights) -> dict[str, Any]:
    """What a training moves: of each bank its layers and the factors of the correlations; a pytree for an optimiser."""
    banks = {"full": weights.full, "partial": weights.partial}
    return {name: {"layers": b.layers, "factor": b.factor} for name, b in banks.items() if b is not None}


def with_parameters(weights: Weights, p: Mapping[str, Any]) -> Weights:
    """The model with these :func:`parameters`."""
    banks = {name: replace(getattr(weights, name), **values) for name, values in p.items()}
    moved: Weights = replace(weights, **banks)
    return moved


def to_model(weights: Weights, **metadata: Any) -> Model:
    """The weights as a model of the C++ library: predicts, and saves to the format that every interface reads.

    Parameters
    ----------
    weights : Weights
        Read by :func:`load`, with other :func:`parameters` perhaps. Parameters are kept in float32.
    **metadata
        Further metadata of the file, as ``tuned="on RESOLVE"``.

    Raises
    ------
    ValueError
        Weights without a file, or whose scales, calibration or domain are no longer those of the file: the file would
        not answer as they do.
    """
    from .weights import load

    _need_distribution(weights)
    if not weights.source:
        raise error("usage", "these weights came from no file", "", "what starglow.jax.load gives")
    base = load(weights.source, weights.dtype)
    held = with_parameters(weights, parameters(base))
    for part in fields(held):
        ours, theirs = (jax.tree_util.tree_leaves(getattr(w, part.name)) for w in (held, base))
        if any(isinstance(a, jax.Array) and not np.array_equal(a, b) for a, b in zip(ours, theirs)):
            raise error(
                "usage",
                f"weights.{part.name} was changed beside its parameters",
                "",
                "changed parameters alone",
                "Give an optimiser sgj.parameters(weights), not the weights.",
            )
    tensors = {}
    for name, bank in (("full", weights.full), ("partial", weights.partial)):
        if bank is None or bank.factor is None:
            continue
        flat = [np.asarray(a, np.float32).reshape(len(a), -1) for layer in bank.layers for a in layer]
        tensors[f"{name}.params"] = np.concatenate(flat, axis=1)
        if not np.array_equal(bank.factor, getattr(base, name).factor):  # else the file's own, in double
            factor = np.asarray(unit_factor(bank.factor), np.float64)
            factor = factor / np.sqrt((factor * factor).sum(-1, keepdims=True))
            tensors[f"{name}.joint_factor"] = factor.reshape(len(factor), -1)
    said = {key: _text(value) for key, value in metadata.items()}
    return Model(_core.with_numbers(Model.load(weights.source)._core, tensors, said))
