"""The C++ kernel inside JAX: the fast path on the CPU.

The functions have the names and arguments of the twin (:mod:`starglow.jax`) and run under ``jit``, ``vmap`` (one call
for the whole batch), ``grad``, ``jacfwd`` and ``jacrev``; derivatives are with respect to the band
fluxes and the redshift. ``float32`` computes the networks in single precision, with the numbers of
``starglow predict``; ``float64`` in double precision.

A call is an XLA custom call; it names its model by its hash. Models stay registered to the end of the process, so that
a compiled program can run at any time and from any thread; a program that comes from a compilation cache on disk needs
:func:`register` before it runs. For second derivatives, other devices and
derivatives with respect to the weights use the twin."""

from __future__ import annotations

import functools
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec

from .. import _arrays, _core, _units
from .._arrays import MOST_DRAWS, MOST_THREADS, whole
from ..errors import error
from ..model import Model
from .dust import dust_to_add, own_dust, usual_ebv
from .predict import Prediction, without_ids
from .random import seed_words, split_ids

__all__ = ["Prediction", "predict", "register", "sample"]

if not hasattr(_core, "ffi_handlers"):
    raise ImportError(
        "this starglow was built without jaxlib's headers: "
        "install a wheel of it, or build it with STARGLOW_WITH_JAX=1 set"
    )
_POLICIES = ("warn", "nan", "clip", "prior")
for _name, _handler in _core.ffi_handlers.items():
    jax.ffi.register_ffi_target(f"starglow_{_name}", _handler, platform="cpu")


@functools.lru_cache(maxsize=64)
def _of_file(path: str | None, stamp: Any) -> Model:
    return Model.shipped() if path is None else Model.load(path)


def register(weights: Any = None) -> Model:
    """Registers a model for the compiled programs of this process, and returns it.

    Parameters
    ----------
    weights : Model, path, starglow.jax.Weights or None
        None means the model in the package. Weights stand for the file that they were read from; changes of their
        numbers have no effect here.

    Raises
    ------
    InputError, FileError
        As `starglow.Model.load`.
    """
    if isinstance(weights, Model):
        model = weights
    else:
        path = (
            weights
            if weights is None or isinstance(weights, (str, os.PathLike))
            else getattr(weights, "source", weights)
        )
        if path is not None and not isinstance(path, (str, os.PathLike)):
            raise error(
                "usage",
                "the kernel needs a model",
                f"{type(weights).__name__}",
                "starglow.Model, a path, or what starglow.jax.load gives",
            )
        path = None if path is None or path == "" else os.fspath(path)
        stamp = None
        if path is not None and os.path.exists(path):
            status = os.stat(path)
            stamp = (status.st_mtime_ns, status.st_size)
        model = _of_file(path, stamp)
    _register(model)
    return model


@functools.lru_cache(maxsize=256)
def _register(model: Model) -> None:
    _core.ffi_register(model._core)


class _Static(NamedTuple):
    """What a compiled program holds of its call."""

    model: str
    joint: bool
    conventions: str
    policy: int
    threads: int
    has_ids: bool
    has_ivar: bool
    double: bool

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(
            model=self.model,
            conventions=self.conventions,
            policy=np.int64(self.policy),
            threads=np.int64(self.threads),
            has_ids=self.has_ids,
            has_ivar=self.has_ivar,
        )

    def target(self, name: str) -> str:
        return f"starglow_{name}_{'f64' if self.double else 'f32'}"


def _by_device(x: jax.Array) -> bool:
    """Whether it differs between the devices of a shard_map, by what its type says (an attribute that moved in JAX
    0.10)."""
    kind = jax.typeof(x)
    return bool(getattr(kind, "vma", None) or getattr(getattr(kind, "manual_axis_type", None), "varying", None))


def _rows_call(target: str, outputs: tuple[tuple[int | None, Any], ...], attributes: dict[str, Any]) -> Any:
    """A custom call whose rows depend on themselves alone: in any batch shape, under vmap as one call, and under jit on
    devices that share the rows, where each answers its own.

    Inputs: the first (..., n), the others (...) or (..., m); outputs (last axis or None, dtype).
    """

    def plain(*given: jax.Array) -> list[jax.Array]:
        batch = given[0].shape[:-1]
        shapes = [jax.ShapeDtypeStruct((*batch, *(() if n is None else (n,))), dtype) for n, dtype in outputs]
        return list(jax.ffi.ffi_call(target, shapes, vmap_method="broadcast_all")(*given, **attributes))

    shared = custom_partitioning(plain)

    def specs(mesh: Any, shapes: Any, rows: tuple[Any, ...]) -> list[Any]:
        return [NamedSharding(mesh, PartitionSpec(*(*rows, None)[: len(s.shape)])) for s in shapes]

    def rows_of(given: Any) -> tuple[Any, ...]:
        n = len(given[0].shape) - 1
        return (*tuple(given[0].sharding.spec), *n * (None,))[:n]

    def partition(mesh: Any, given: Any, results: Any) -> Any:
        if not all(isinstance(a.sharding, NamedSharding) for a in given):  # no mesh by name: as the rule has led to
            return mesh, plain, [r.sharding for r in results], tuple(a.sharding for a in given)
        rows = rows_of(given)
        return mesh, plain, specs(mesh, results, rows), tuple(specs(mesh, given, rows))

    def infer(mesh: Any, given: Any, results: Any) -> Any:
        return specs(mesh, results, rows_of(given))

    def rule(mesh: Any, given: Any, results: Any) -> str:
        """Rows are shared; the last axes are whole. Of MLIR's types."""
        n = len(given[0].shape) - 1
        batch = " ".join(f"b{i}" for i in range(n))
        names = iter(f"w{i}" for i in range(100))
        sides = (
            ", ".join(f"{batch} {next(names)}" if len(t.shape) > n else batch for t in side)
            for side in (given, results)
        )
        return " -> ".join(sides)

    shared.def_partition(partition=partition, infer_sharding_from_operands=infer, sharding_rule=rule)

    @jax.custom_batching.custom_vmap
    def answer(*given: jax.Array) -> list[jax.Array]:
        # Inside shard_map every device has its own rows already.
        return plain(*given) if _by_device(given[0]) else list(shared(*given))

    @answer.def_vmap
    def _(size: int, batched: list[bool], *given: jax.Array) -> Any:
        whole_batch = [a if b else jnp.broadcast_to(a, (size, *a.shape)) for a, b in zip(given, batched)]
        return answer(*whole_batch), [True] * len(outputs)

    return answer


@functools.lru_cache(maxsize=256)
def _predict(s: _Static) -> Any:
    dtype = jnp.float64 if s.double else jnp.float32
    level = 10 if s.joint else 0
    run = _rows_call(
        s.target("predict"), ((10, dtype), (level, dtype), (level, dtype), (None, jnp.int32)), s.attributes
    )
    levels = (10 * 13, 13 * level, 13 * level)
    differentiate = _rows_call(s.target("derivatives"), tuple((n, dtype) for n in levels), s.attributes)

    @jax.custom_jvp
    def slopes(flux: jax.Array, ivar: jax.Array, z: jax.Array) -> list[jax.Array]:
        made = differentiate(flux, ivar, z)
        return [jnp.nan_to_num(d.reshape(*d.shape[:-1], d.shape[-1] // 13, 13), nan=0.0) for d in made]

    @slopes.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        raise error(
            "usage",
            "the kernel has no second derivatives",
            "",
            "first derivatives",
            "The twin, starglow.jax.predict, has them of any order.",
        )

    @jax.custom_jvp
    def answer(flux: jax.Array, ivar: jax.Array, z: jax.Array) -> Any:
        return run(flux, ivar, z)

    @answer.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        if s.policy:
            raise error(
                "usage",
                "the kernel has derivatives for out_of_domain 'warn' alone",
                f"'{_POLICIES[s.policy]}'",
                "'warn'",
                "The twin, starglow.jax.predict, has them all.",
            )
        flux, ivar, z = primals
        out = answer(flux, ivar, z)
        along = jnp.concatenate([tangents[0], tangents[2][..., None]], axis=-1)
        moved = [jnp.einsum("...lk,...k->...l", d, along) for d in slopes(flux, ivar, z)]
        return out, [*moved, np.zeros(out[3].shape, jax.dtypes.float0)]

    return answer


@functools.lru_cache(maxsize=256)
def _sample(model: str, conventions: str, threads: int, has_ivar: bool, double: bool, draws: int) -> Any:
    attributes = dict(
        model=model,
        conventions=conventions,
        threads=np.int64(threads),
        has_ivar=has_ivar,
        draws=np.int64(draws),
    )
    return _rows_call(f"starglow_sample_{'f64' if double else 'f32'}", ((10 * draws, jnp.float32),), attributes)


@jax.custom_jvp
def _fixed(flux: jax.Array, leaves: list[jax.Array]) -> jax.Array:
    """flux; refuses derivatives with respect to the weights, which would silently be 0."""
    return flux


def _fixed_jvp(primals: Any, tangents: Any) -> Any:
    zero = jax.custom_derivatives.SymbolicZero
    if not all(
        isinstance(t, zero) for t in jax.tree_util.tree_leaves(tangents[1], is_leaf=lambda t: isinstance(t, zero))
    ):
        raise error(
            "usage",
            "the kernel has no derivatives with respect to the weights",
            "",
            "",
            "The twin, starglow.jax.predict, has them.",
        )
    d = tangents[0]
    return primals[0], jnp.zeros(d.shape, d.dtype) if isinstance(d, zero) else d


_fixed.defjvp(_fixed_jvp, symbolic_zeros=True)


def _dtype(weights: Any, band_flux: Any) -> Any:
    given = getattr(weights, "dtype", None) or getattr(band_flux, "dtype", None)
    single = given is not None and np.dtype(given).kind == "f" and np.dtype(given).itemsize == 4
    return jax.dtypes.canonicalize_dtype(np.float32 if single else np.float64)


def _numbers(name: str, given: Any, dtype: Any) -> jax.Array:
    """Real numbers of JAX's, whatever their byte order."""
    if not isinstance(given, jax.Array):
        units = {
            "BAND_FLUX": _units.FLUX,
            "BAND_FLUX_IVAR": _units.FLUX_IVAR,
            "Z": _units.REDSHIFT,
            "EBV": _units.MAGNITUDE,
        }
        given = _arrays.real(name, given, units[name])
    elif given.dtype.kind not in "fiu":
        raise error("input", f"{name} is not an array of real numbers", f"type {given.dtype}", "float32 or float64")
    return jnp.asarray(given, dtype)


def _arguments(weights: Any, band_flux: Any, z: Any, band_flux_ivar: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    dtype = _dtype(weights, band_flux)
    flux = _numbers("BAND_FLUX", band_flux, dtype)
    if flux.ndim == 0 or flux.shape[-1] != 12:
        raise error("input", "BAND_FLUX has a wrong number of bands", f"shape {flux.shape}", "(galaxies, 12)")
    shape = flux.shape[:-1]
    redshift = jnp.full(shape, jnp.nan, dtype) if z is None else _numbers("Z", z, dtype)
    if redshift.shape not in (shape, ()):
        raise error("input", "Z and BAND_FLUX differ in length", f"shape {redshift.shape}", f"{shape}")
    redshift = jnp.broadcast_to(redshift, shape)
    ivar = flux if band_flux_ivar is None else _numbers("BAND_FLUX_IVAR", band_flux_ivar, dtype)
    if ivar.shape != flux.shape:
        raise error("input", "BAND_FLUX_IVAR and BAND_FLUX differ in shape", f"{ivar.shape}", f"{flux.shape}")
    # The ivar only says which bands are there.
    return flux, jax.lax.stop_gradient(ivar), redshift


def _bands_alone(model: Model) -> Model:
    """The model. InputError: it uses columns of a table, which the kernel's call does not have."""
    wanted = model.input_columns
    if wanted:
        raise error(
            "model",
            "the kernel takes bands and redshift alone",
            f"a model that uses {', '.join(wanted)}",
            "a model of bands and redshift",
            "starglow.jax.predict has the argument inputs.",
        )
    return model


def _own_dust(
    model: Model, flux: jax.Array, ivar: jax.Array, z: jax.Array, ebv: Any, conventions: dict[str, str] | None
) -> tuple[jax.Array, jax.Array]:
    if ebv is not None:
        ebv = _numbers("EBV", ebv, flux.dtype)
        if ebv.shape not in (z.shape, ()):
            raise error("input", "EBV and BAND_FLUX differ in length", f"shape {ebv.shape}", f"{z.shape}")
    dust = dust_to_add(model.metadata.get("mwcorr", "unknown"), conventions)
    # The ivar only says which bands are there.
    return own_dust(flux, None, z, ebv, dust, usual_ebv(conventions))[0], ivar


def _conventions(given: dict[str, str] | None) -> str:
    """Of the bands as they go to the kernel, whose Galactic dust is then the model's."""
    return "".join(f"{key}={value};" for key, value in sorted(_arrays.conventions(given).items()) if key != "MWCORR")


def predict(
    weights: Any,
    band_flux: Any,
    z: Any = None,
    *,
    band_flux_ivar: Any = None,
    targetid: Any = None,
    ebv: Any = None,
    conventions: dict[str, str] | None = None,
    out_of_domain: str = "warn",
    threads: int = 0,
) -> Prediction:
    """Predicts lines with the C++ kernel; arguments and results as in :func:`starglow.jax.predict`.

    Parameters
    ----------
    weights : Model, path, starglow.jax.Weights or None
        See :func:`register`.
    band_flux : (..., 12) array
        1e-17 erg s^-1 cm^-2 A^-1; NaN = missing.
    z : (...) array
    band_flux_ivar : (..., 12) array
    targetid : any
        Only its presence matters (flag ID_IS_ROW).
    ebv, conventions, out_of_domain
        As `starglow.Model.predict`.
    threads : int
        0: all processors of this process.

    Returns
    -------
    Prediction

    Raises
    ------
    InputError
        Shapes, types, units, incompatible conventions; derivatives for another `out_of_domain` than "warn".
    """
    model = _bands_alone(register(weights))
    if out_of_domain not in _POLICIES:
        raise error("usage", "unknown out_of_domain", f"'{out_of_domain}'", "warn, nan, clip or prior")
    said = _conventions(conventions)
    model._core.notes(_arrays.conventions(conventions))  # raises where they clash
    flux, ivar, redshift = _arguments(weights, band_flux, z, band_flux_ivar)
    flux, ivar = _own_dust(model, flux, ivar, redshift, ebv, conventions)
    if hasattr(weights, "source"):
        flux = _fixed(flux, jax.tree_util.tree_leaves(weights))
    static = _Static(
        model.hash,
        model.has_distribution,
        said,
        _POLICIES.index(out_of_domain),
        whole("threads", threads, MOST_THREADS),
        targetid is not None,
        band_flux_ivar is not None,
        flux.dtype == jnp.float64,
    )
    ew, p16, p84, flags = _predict(static)(flux, ivar, redshift)
    made = Prediction(ew, p16 if static.joint else None, p84 if static.joint else None, flags)
    return without_ids(made, targetid)


def sample(
    weights: Any,
    band_flux: Any,
    z: Any = None,
    targetid: Any = None,
    *,
    draws: int = 1,
    seed: Any = 1,
    band_flux_ivar: Any = None,
    ebv: Any = None,
    conventions: dict[str, str] | None = None,
    threads: int = 0,
) -> jax.Array:
    """Joint draws of the intrinsic EWs, A: (..., 10, draws) float32, the bits of `starglow.Model.sample`.

    Parameters
    ----------
    targetid : (...) int64, or (..., 2) uint32
        Ids; without ``jax_enable_x64`` as the pairs of :func:`starglow.jax.split_ids`. None: the row numbers.
    draws : int
    seed : int, JAX integer or key
        As of :func:`starglow.jax.sample`; it may be traced.

    Raises
    ------
    InputError
        As :func:`predict`; or the model kind has no distribution.
    """
    model = _bands_alone(register(weights))
    if not model.has_distribution:
        raise error("model", "this model kind has no distribution", f"kind {model.kind}", "kind joint")
    said = _conventions(conventions)
    model._core.notes(_arrays.conventions(conventions))
    flux, ivar, redshift = _arguments(weights, band_flux, z, band_flux_ivar)
    flux, ivar = _own_dust(model, flux, ivar, redshift, ebv, conventions)
    words = _words(targetid, flux.shape[:-1])
    draws, threads = whole("draws", draws, MOST_DRAWS), whole("threads", threads, MOST_THREADS)
    low, high = seed_words(seed)
    seeds = jnp.broadcast_to(jnp.stack([high, low]), (*flux.shape[:-1], 2))
    stop = jax.lax.stop_gradient
    call = _sample(model.hash, said, threads, band_flux_ivar is not None, flux.dtype == jnp.float64, draws)
    (out,) = call(stop(flux), ivar, stop(redshift), words, seeds)
    return out.reshape(*flux.shape[:-1], 10, draws)


def _words(targetid: Any, shape: tuple[int, ...]) -> jax.Array:
    """Ids as pairs of uint32, high word first."""
    if isinstance(targetid, jax.Array):
        if targetid.dtype == jnp.uint32 and targetid.shape == (*shape, 2):
            return targetid
        if targetid.dtype != jnp.int64:
            raise error(
                "input",
                "TARGETID is not a column of 64-bit integers",
                f"type {targetid.dtype}",
                "int64",
                "Without jax_enable_x64 pass the NumPy array, or the pairs of starglow.jax.split_ids.",
            )
        bits = jax.lax.bitcast_convert_type(targetid, jnp.uint64)
        words = jnp.stack([(bits >> 32).astype(jnp.uint32), bits.astype(jnp.uint32)], axis=-1)
    else:
        if targetid is not None and np.asarray(targetid).dtype == np.uint32 and np.shape(targetid) == (*shape, 2):
            return jnp.asarray(np.asarray(targetid))
        given = np.arange(int(np.prod(shape))).reshape(shape) if targetid is None else targetid
        words = jnp.asarray(split_ids(_arrays.all_ids("TARGETID", given)[0]))
    if words.shape != (*shape, 2):
        raise error("input", "TARGETID and BAND_FLUX differ in length", f"{words.shape[:-1]}", f"{shape}")
    return words
