"""Lines of galaxies: points, quantiles, distributions, draws and noise; every function is pure and of arrays alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import names
from .._arrays import optional, real
from .._units import FLUX, FLUX_IVAR, MAGNITUDE, REDSHIFT
from ..errors import error
from ..names import ALL_LINES, LINES, independent
from . import features
from .conventions import usable_conventions
from .domain import LIMIT_GRADE, grade, outside
from .dust import dust_to_add, own_dust, usual_ebv
from .joint import MOST_T, Distribution, adjusted, all_lines, calibrated, ew_of, mixture_of, quantile_of
from .network import forward
from .weights import TEN_LINES, Weights


class Prediction(NamedTuple):
    """Answer for a batch of galaxies; EWs in A, rest frame, emission positive, NaN where there is no answer."""

    ew: jax.Array  #: (..., 10) median of the intrinsic distribution, or the point
    p16: jax.Array | None  #: (..., 10); None for point models
    p84: jax.Array | None
    flags: jax.Array  #: (...) int32, bits of docs/flags.md

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines."""
        return LINES

    def __getitem__(self, which: Any) -> Any:
        """A field by its place, as of every tuple; or by name the EWs of a line, ``p["HALPHA"]``."""
        if isinstance(which, str):
            if which.upper() not in self.lines:
                raise KeyError(f"no line {which}; there are {', '.join(self.lines)}")
            return self.ew[..., self.lines.index(which.upper())]
        return tuple.__getitem__(self, which)


@cache
def _prediction_of(lines: tuple[int, ...]) -> type[Prediction]:
    """The Prediction of a model with these lines: its names are those of the type, so that it stays a tuple of four."""
    if lines == TEN_LINES:
        return Prediction
    return type("Prediction", (Prediction,), {"lines": tuple(ALL_LINES[line] for line in lines)})


def _real(name: str, given: Any) -> Any:
    """Arrays of this machine as every interface of starglow takes them: any byte order, masked, lists; JAX's as they
    are."""
    if isinstance(given, jax.Array):
        if given.dtype.kind not in "fiu":
            raise error("input", f"{name} is not an array of real numbers", f"type {given.dtype}", "float32 or float64")
        return given
    units = {"band_flux": FLUX, "band_flux_ivar": FLUX_IVAR, "z": REDSHIFT, "ebv": MAGNITUDE}
    return real(name, given, units[name])


class _Rows(NamedTuple):
    """A batch made ready: what is known of each galaxy."""

    flux: jax.Array
    usable: jax.Array
    z: jax.Array
    z_known: jax.Array
    luminosity: jax.Array
    full: jax.Array  # answered by the networks that need everything
    flags: jax.Array
    columns: jax.Array  # (..., columns): features.columns

    @property
    def answered(self) -> jax.Array:
        return (self.flags & names.FATAL) == 0


def _checked(
    weights: Weights, band_flux: Any, z: Any, band_flux_ivar: Any, ebv: Any, conventions: dict[str, str] | None
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Band fluxes, redshifts (NaN where absent) and ivar of a batch, in the type and with the Galactic dust of the
    weights."""
    _check_weights(weights)
    band_flux, z, band_flux_ivar = (
        _real("band_flux", band_flux),
        optional(_real, "z", z),
        optional(_real, "band_flux_ivar", band_flux_ivar),
    )
    if np.ndim(band_flux) == 0 or band_flux.shape[-1] != features.N_BANDS:
        raise error("input", "band_flux has a wrong shape", f"{np.shape(band_flux)}", "(..., 12)")
    shape = band_flux.shape[:-1]
    if band_flux_ivar is not None and band_flux_ivar.shape != band_flux.shape:
        raise error(
            "input", "band_flux_ivar does not fit band_flux", f"shape {band_flux_ivar.shape}", f"{band_flux.shape}"
        )
    if z is not None and np.shape(z) not in (shape, ()):
        raise error("input", "z does not fit band_flux", f"shape {np.shape(z)}", f"{shape}")
    redshift = jnp.broadcast_to(jnp.asarray(jnp.nan if z is None else z, weights.dtype), shape)
    ivar = None if band_flux_ivar is None else jnp.asarray(band_flux_ivar, weights.dtype)
    if ebv is not None and np.shape(ebv) not in (shape, ()):
        raise error("input", "ebv does not fit band_flux", f"shape {np.shape(ebv)}", f"{shape}")
    dust = dust_to_add(dict(weights.conventions)["mwcorr"], conventions)
    flux, ivar = own_dust(
        jnp.asarray(band_flux, weights.dtype),
        ivar,
        redshift,
        optional(_real, "ebv", ebv),
        dust,
        usual_ebv(conventions),
    )
    return flux, redshift, ivar


def _rows(
    weights: Weights,
    flux: jax.Array,
    redshift: jax.Array,
    ivar: jax.Array | None,
    no_ids: bool,
    conventions: tuple[bool, bool],
    columns: jax.Array | None = None,
) -> _Rows:
    luminosity_usable, redshift_usable = conventions
    usable = features.usable_bands(flux, ivar)
    flags = features.band_flags(flux, ivar) | jnp.int32(names.ID_IS_ROW if no_ids else 0)
    low, high = weights.z_range
    z_range = (redshift <= 0) | (redshift < low) | (redshift > high) | jnp.isinf(redshift)
    z_known = redshift_usable & (redshift > 0) & jnp.isfinite(redshift)
    luminosity = z_known & (luminosity_usable and (weights.full is not None or weights.masked))
    missing = (flags & names.BAND_MISSING) != 0
    n_bands = jnp.where(missing, usable.sum(-1), features.N_BANDS)
    # Networks with masks that need everything else do without the bluest band.
    enough = n_bands == features.N_BANDS
    if weights.full is not None and weights.full.masks:
        enough = enough | usable[..., 1:].all(-1)
    no_answer = n_bands < features.MIN_BANDS if weights.masked else ~enough
    bank = weights.full if weights.full is not None else weights.partial
    assert bank is not None
    if columns is None:
        columns = features.columns(None, redshift.shape, flux.dtype)
    lacking = features.lacking(bank.inputs, columns)
    flags = flags | features.bit(lacking, names.INPUT_MISSING)
    if weights.partial is None:
        no_answer = no_answer | ~luminosity | lacking
    for value, where in ((names.Z_RANGE, z_range), (names.NO_LUMINOSITY, ~luminosity), (names.NO_ANSWER, no_answer)):
        flags = flags | features.bit(where, value)
    full = luminosity & enough & ~lacking & (weights.full is not None)
    return _Rows(flux, usable, redshift, z_known, luminosity, full, flags, columns)


def _answers(weights: Weights, rows: _Rows, policy: str) -> tuple[list[jax.Array | None], jax.Array, jax.Array]:
    """What the banks say: for each bank (outputs (..., n_out)) or None, flags with OUT_OF_DOMAIN, who is outside."""
    values, known = features.compute(rows.flux, rows.usable, rows.z, rows.z_known, rows.luminosity, False, rows.columns)
    out = jnp.zeros(rows.full.shape, bool)
    if weights.domain is not None:
        place, there = values[..., :12], known[..., :12]
        if policy == "clip":
            out, moved = outside(weights.domain, place, there, clip=True)
            values = jnp.concatenate([moved, values[..., 12:]], axis=-1)
        else:
            out, _ = outside(weights.domain, jax.lax.stop_gradient(place), jax.lax.stop_gradient(there))
    if weights.z_domain < 1e9:
        out = out | (rows.z_known & (rows.z > weights.z_domain))
    out = out & rows.answered
    answers: list[jax.Array | None] = []
    for bank, mine in ((weights.full, rows.full), (weights.partial, ~rows.full)):
        if bank is None:
            answers.append(None)
            continue
        x, there = features.network_input(bank, values, known, rows.usable)
        if weights.full is None or weights.partial is None:
            answers.append(forward(bank, x, there))
            continue
        # A bank that no galaxy of the batch needs is not run (under vmap both are).
        n_out = bank.layers[-1][1].shape[-1] * (len(bank.outputs) if bank.per_line else 1)
        zero = jnp.where(mine, 0, 0).astype(x.dtype)  # of the rows: under shard_map it differs by device as they do
        empty = jnp.broadcast_to(zero[..., None], (*mine.shape, n_out))
        answers.append(
            jax.lax.cond(
                jnp.any(mine & rows.answered), lambda b, x, t: forward(b, x, t), lambda *_: empty, bank, x, there
            )
        )
    flags = rows.flags | features.bit(out, names.OUT_OF_DOMAIN)
    for k, (outputs, mine) in enumerate(zip(answers, (rows.full, ~rows.full))):
        if outputs is None:
            continue
        finite = jnp.all(jnp.isfinite(outputs), axis=-1)  # else so far off that the networks overflow
        answers[k] = jnp.where(finite[..., None], outputs, 0)
        lost = ~finite & rows.answered
        lost = lost & mine if None not in (weights.full, weights.partial) else lost
        lost = lost & ~out if policy == "prior" else lost
        flags = flags | features.bit(lost, names.NONFINITE)
    return answers, flags, out


def _widening(weights: Weights, rows: _Rows) -> jax.Array:
    """What the widths of each galaxy are multiplied by: 1 inside the domain."""
    assert weights.domain is not None
    place, there = features.compute(rows.flux, rows.usable, rows.z, rows.z_known, rows.luminosity, False)
    how_far = grade(weights.domain, place[..., :12], there[..., :12])
    highest = weights.z_range[1]
    if weights.z_domain < 1e9:
        along = (rows.z - highest) / (weights.z_domain - highest)
        by_z = jnp.where(rows.z_known & (along > 0), LIMIT_GRADE + (1 - LIMIT_GRADE) * jnp.minimum(along, 1), 0)
        how_far = jnp.maximum(how_far, by_z)
    beyond = jnp.clip((jnp.nan_to_num(how_far) - LIMIT_GRADE) / (1 - LIMIT_GRADE), 0, 1)
    return 1 + weights.widen * beyond


def _check_policy(policy: str) -> None:
    if policy not in ("warn", "nan", "clip", "prior"):
        raise error("usage", "unknown value of out_of_domain", f"'{policy}'", "warn, nan, clip or prior")


def _distribution_of(weights: Weights, rows: _Rows, policy: str) -> tuple[Distribution, jax.Array]:
    answers, flags, out = _answers(weights, rows, policy)
    widen = None
    if weights.widen > 0 and weights.domain is not None:
        widen = _widening(weights, rows)
        if policy == "clip":  # an answer for the edge of the domain is no wider than there
            widen = jnp.where(out, 1, widen)
    parts: list[tuple[jax.Array, ...]] = []
    for bank, outputs in zip((weights.full, weights.partial), answers):
        if bank is None or outputs is None:
            continue
        assert bank.factor is not None and bank.shift is not None and bank.slope is not None  # kind "joint"
        weight, mean, sd = mixture_of(bank, outputs)
        mean, sd = adjusted(weights.evolution, rows.z, widen, mean, sd)
        n = bank.shift.shape[0]
        shift, slope = jnp.broadcast_to(bank.shift, (*out.shape, n)), jnp.broadcast_to(bank.slope, (*out.shape, n))
        if policy == "prior":  # all training galaxies, not calibrated
            prior = out[..., None]
            weight = jnp.where(prior, jnp.zeros_like(weight).at[..., 0].set(1), weight)
            mean = jnp.where(prior[..., None], bank.y_mean, mean)
            sd = jnp.where(prior[..., None], bank.y_scale, sd)
            shift, slope = jnp.where(prior, 0, shift), jnp.where(prior, 1, slope)
        parts.append((weight, mean, sd, jnp.broadcast_to(bank.factor, (*weight.shape, n, n)), shift, slope))
    most = max(p[0].shape[-1] for p in parts)
    parts = [_pad(p, most) for p in parts]
    chosen = parts[0]
    if len(parts) == 2:
        full = rows.full
        chosen = tuple(jnp.where(full.reshape(full.shape + (1,) * (a.ndim - full.ndim)), a, b) for a, b in zip(*parts))
    weight, mean, sd, factor, shift, slope = chosen
    mean, sd, median = calibrated(weight, mean, sd, shift, slope)
    known = (flags & names.FATAL) == 0
    if policy == "nan":
        known = known & ~out
    beyond = known & jnp.any(median >= MOST_T, axis=-1)  # no galaxy has such a line
    flags = flags | features.bit(beyond, names.NONFINITE | names.BOUNDED)
    known = known & ~beyond
    return Distribution(weight, mean, sd, factor, median, known, weights.ew_ratio, weights.lines), flags


def _pad(parts: tuple[jax.Array, ...], components: int) -> tuple[jax.Array, ...]:
    """More components: copies of the first without weight."""
    weight, mean, sd, factor, *rest = parts
    extra = components - weight.shape[-1]
    if extra == 0:
        return parts
    copies = (
        jnp.concatenate([a] + extra * [jax.lax.slice_in_dim(a, 0, 1, axis=axis)], axis=axis)
        for a, axis in ((mean, -2), (sd, -2), (factor, -3))
    )
    return (jnp.concatenate([weight, jnp.zeros((*weight.shape[:-1], extra), weight.dtype)], axis=-1), *copies, *rest)


def predict(
    weights: Weights,
    band_flux: Any,
    z: Any = None,
    *,
    band_flux_ivar: Any = None,
    targetid: Any = None,
    ebv: Any = None,
    inputs: Mapping[str, Any] | None = None,
    conventions: dict[str, str] | None = None,
    out_of_domain: str = "warn",
) -> Prediction:
    """Lines of every galaxy: the medians of their intrinsic distributions, with 16 and 84 % quantiles.

    Parameters
    ----------
    weights : Weights
        Of :func:`starglow.jax.load`; its dtype is that of the answer.
    band_flux : array (..., 12)
        Mean F_lambda in the twelve bands, 1e-17 erg/s/cm2/A, observed frame. A band that is NaN or not positive is
        missing: six are enough for the shipped model.
    z : array (...), optional
        Redshift. Without one, or with one that is not positive, the networks without luminosity answer.
    band_flux_ivar : array (..., 12), optional
        0 marks a missing band.
    targetid : optional
        Only says that there is one: without it ID_IS_ROW is flagged, as in every other interface.
    ebv : array (...), optional
        E(B-V) of the Milky Way, mag: converts fluxes whose MWCORR is not that of the weights.
    inputs : dict, optional
        Columns that some models use beside the bands: ``{"D4000": array (...)}``; NaN is missing.
    conventions : dict, optional
        What the fluxes mean, as in the header of a table: ``{"APERTURE": "total"}`` for the light of whole galaxies,
        which the shipped model, trained on light in a fibre, answers from the colours alone.
    out_of_domain : {"warn", "nan", "clip", "prior"}
        What a galaxy unlike those of the training gets: the networks' answer, NaN, that of the nearest place inside, or
        the distribution of all training galaxies. It is flagged in any case.

    Returns
    -------
    Prediction
        ``ew``, ``p16``, ``p84`` (..., 10), A; ``flags`` (...).

    Raises
    ------
    ValueError
        Shapes that do not fit, or conventions that clash.

    Notes
    -----
    Differentiable any number of times with respect to band_flux, z and the weights. Where there is no answer, values
    are NaN and derivatives 0, so that a bad row does not spoil the gradient of a sum over good ones. Flags are not
    differentiable."""
    _check_policy(out_of_domain)
    answer: Prediction = _predict(
        weights,
        *_checked(weights, band_flux, z, band_flux_ivar, ebv, conventions),
        targetid is None,
        usable_conventions(weights, conventions),
        out_of_domain,
        features.columns(inputs, np.shape(band_flux)[:-1], weights.dtype) if inputs else None,
    )
    return without_ids(answer, targetid)


def without_ids(answer: Prediction, targetid: Any) -> Prediction:
    """ID_IS_ROW in the rows whose ids are masked."""
    if not isinstance(targetid, np.ma.MaskedArray) or not np.ma.is_masked(targetid):
        return answer
    gone = jnp.asarray(np.where(np.ma.getmaskarray(targetid), names.ID_IS_ROW, 0).astype(np.int32))
    return answer._replace(flags=answer.flags | gone)


@partial(jax.jit, static_argnums=(4, 5, 6))
def _predict(
    weights: Weights,
    flux: jax.Array,
    z: jax.Array,
    ivar: jax.Array | None,
    no_ids: bool,
    conventions: tuple[bool, bool],
    policy: str,
    columns: jax.Array | None = None,
) -> Prediction:
    rows = _rows(weights, flux, z, ivar, no_ids, conventions, columns)
    if weights.has_distribution:
        d, flags = _distribution_of(weights, rows, policy)
        levels = d.median, quantile_of(d.weight, d.mean, d.sd, -1.0), quantile_of(d.weight, d.mean, d.sd, 1.0)
        ew, p16, p84 = (
            jnp.where(d.known[..., None], all_lines(independent(d.lines), d.ew_ratio, ew_of(t), d.lines), jnp.nan)
            for t in levels
        )
        return _prediction_of(weights.lines)(ew, p16, p84, flags)
    answers, flags, out = _answers(weights, rows, policy)
    parts = []
    for bank, outputs in zip((weights.full, weights.partial), answers):
        if bank is None or outputs is None:
            continue
        prior = (out & (policy == "prior"))[..., None]
        t = bank.y_mean + jnp.where(prior, 0, bank.y_scale * outputs)
        held = jnp.any(jnp.abs(t) >= MOST_T, axis=-1)
        parts.append(
            (all_lines(bank.outputs, weights.ew_ratio, jnp.sinh(jnp.clip(t, -MOST_T, MOST_T)), weights.lines), held)
        )
    ew, held = parts[0]
    if len(parts) == 2:
        ew, held = jnp.where(rows.full[..., None], ew, parts[1][0]), jnp.where(rows.full, held, parts[1][1])
    known = (flags & names.FATAL) == 0
    if policy == "nan":
        known = known & ~out
    flags = flags | features.bit(known & held, names.NONFINITE | names.BOUNDED)
    known = known & ~held
    return _prediction_of(weights.lines)(jnp.where(known[..., None], ew, jnp.nan), None, None, flags)


def distribution(
    weights: Weights,
    band_flux: Any,
    z: Any = None,
    *,
    band_flux_ivar: Any = None,
    targetid: Any = None,
    ebv: Any = None,
    inputs: Mapping[str, Any] | None = None,
    conventions: dict[str, str] | None = None,
    out_of_domain: str = "warn",
) -> Distribution:
    """The joint intrinsic distribution of every galaxy's lines; parameters as of :func:`predict`.

    Returns
    -------
    Distribution
        For :func:`quantile`, :func:`log_density` and :func:`draw`.
    """
    _check_policy(out_of_domain)
    _need_distribution(weights)
    checked = _checked(weights, band_flux, z, band_flux_ivar, ebv, conventions)
    answer: Distribution = _distribution(
        weights,
        *checked,
        targetid is None,
        usable_conventions(weights, conventions),
        out_of_domain,
        features.columns(inputs, np.shape(band_flux)[:-1], weights.dtype) if inputs else None,
    )
    return answer


@partial(jax.jit, static_argnums=(4, 5, 6))
def _distribution(
    weights: Weights,
    flux: jax.Array,
    z: jax.Array,
    ivar: jax.Array | None,
    no_ids: bool,
    conventions: tuple[bool, bool],
    policy: str,
    columns: jax.Array | None = None,
) -> Distribution:
    return _distribution_of(weights, _rows(weights, flux, z, ivar, no_ids, conventions, columns), policy)[0]


def _check_weights(weights: Any) -> None:
    if not isinstance(weights, Weights):
        raise error(
            "usage",
            "the twin needs weights",
            type(weights).__name__,
            "what starglow.jax.load gives",
            "starglow.jax.load(path) reads a model file.",
        )


def _need_distribution(weights: Weights) -> None:
    _check_weights(weights)
    if not weights.has_distribution:
        raise error(
            "model",
            "this model kind has no distribution",
            f"kind {weights.kind}",
            "kind joint",
            "Noise can be added to its points (add_noise).",
        )
