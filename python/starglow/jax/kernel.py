"""The C++ kernel inside JAX: the fast path on the CPU.

The functions have the names and arguments of the twin (:mod:`starglow.jax`) and run under ``jit``, ``vmap`` (one call
for the whole batch), ``grad``, ``jacfwd`` and ``jacrev``; derivatives are the kernel's own, with respect to the band
fluxes and the redshift. ``float32`` runs the networks in single precision - the numbers of ``starglow predict`` -,
``float64`` in double.

A call is an XLA custom call; it names its model by its hash. Models stay registered to the end of the process, so that
a compiled program can run at any time and from any thread; a program that comes from a compilation cache on disk needs
:func:`register` before it runs. Second derivatives, other devices and derivatives with respect to the weights are the
twin's."""

from __future__ import annotations

import functools
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import _arrays, _core
from .._arrays import MOST_DRAWS, MOST_THREADS, whole
from ..errors import error
from ..model import Model
from .dust import dust_to_add, own_dust
from .predict import Prediction
from .random import split_ids

__all__ = ["Prediction", "predict", "register", "sample"]

if not hasattr(_core, "ffi_handlers"):
    raise ImportError(
        "this starglow was built without jaxlib's headers: pip install it where jaxlib is, or without "
        "--no-build-isolation"
    )
_POLICIES = ("warn", "nan", "clip", "prior")
for _name, _handler in _core.ffi_handlers.items():
    jax.ffi.register_ffi_target(f"starglow_{_name}", _handler, platform="cpu")


@functools.lru_cache(maxsize=64)
def _of_file(path: str | None, stamp: Any) -> Model:
    return Model.shipped() if path is None else Model.load(path)


def register(weights: Any = None) -> Model:
    """Makes a model known to compiled programs of this process; returns it.

    Parameters
    ----------
    weights : Model, path, starglow.jax.Weights or None
        None: the model inside the package. Weights stand for the file that they were read from: changed numbers are not
        seen here.

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


@functools.lru_cache(maxsize=256)
def _predict(s: _Static) -> Any:
    def shapes(flux: jax.Array, *last: int) -> list[jax.ShapeDtypeStruct]:
        one, none = (
            jax.ShapeDtypeStruct((*flux.shape[:-1], *last), flux.dtype),
            jax.ShapeDtypeStruct((*flux.shape[:-1], 0), flux.dtype),
        )
        return [one, one if s.joint else none, one if s.joint else none]

    def slopes(flux: jax.Array, ivar: jax.Array, z: jax.Array) -> list[jax.Array]:
        call = jax.ffi.ffi_call(s.target("derivatives"), shapes(flux, 10 * 13), vmap_method="broadcast_all")
        return [jnp.nan_to_num(d.reshape(*d.shape[:-1], -1, 13), nan=0.0) for d in call(flux, ivar, z, **s.attributes)]

    @jax.custom_jvp
    def answer(flux: jax.Array, ivar: jax.Array, z: jax.Array) -> Any:
        results = [*shapes(flux, 10), jax.ShapeDtypeStruct(flux.shape[:-1], jnp.int32)]
        return jax.ffi.ffi_call(s.target("predict"), results, vmap_method="broadcast_all")(
            flux, ivar, z, **s.attributes
        )

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
        from .._arrays import EW, FLUX, real

        given = real(name, given, {"BAND_FLUX": FLUX, "EW": EW}.get(name))
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


def _own_dust(
    model: Model, flux: jax.Array, ivar: jax.Array, z: jax.Array, ebv: Any, conventions: dict[str, str] | None
) -> tuple[jax.Array, jax.Array]:
    if ebv is None:
        return flux, ivar
    ebv = _numbers("EBV", ebv, flux.dtype)
    if ebv.shape not in (z.shape, ()):
        raise error("input", "EBV and BAND_FLUX differ in length", f"shape {ebv.shape}", f"{z.shape}")
    dust = dust_to_add(model.metadata.get("mwcorr", "unknown"), conventions)
    return own_dust(flux, None, z, ebv, dust)[0], ivar  # the ivar only says which bands are there


def _conventions(given: dict[str, str] | None) -> str:
    return "".join(f"{key}={value};" for key, value in sorted(_arrays.conventions(given).items()))


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
    """Lines of galaxies by the C++ kernel; arguments and answers as :func:`starglow.jax.predict`.

    Parameters
    ----------
    weights : Model, path, starglow.jax.Weights or None
        See :func:`register`.
    band_flux : (..., 12) array
        1e-17 erg s^-1 cm^-2 A^-1; NaN = missing.
    z : (...) array
    band_flux_ivar : (..., 12) array
    targetid : any
        Only whether it is there matters (flag ID_IS_ROW).
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
        Shapes, types, units, conventions that clash; derivatives for another `out_of_domain` than "warn".
    """
    model = register(weights)
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
    return Prediction(ew, p16 if static.joint else None, p84 if static.joint else None, flags)


def sample(
    weights: Any,
    band_flux: Any,
    z: Any = None,
    targetid: Any = None,
    *,
    draws: int = 1,
    seed: int = 1,
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
    draws, seed : int

    Raises
    ------
    InputError
        As :func:`predict`; a point model.
    """
    model = register(weights)
    if not model.has_distribution:
        raise error("model", "a point model has no distribution", f"kind {model.kind}", "kind joint")
    said = _conventions(conventions)
    model._core.notes(_arrays.conventions(conventions))
    flux, ivar, redshift = _arguments(weights, band_flux, z, band_flux_ivar)
    flux, ivar = _own_dust(model, flux, ivar, redshift, ebv, conventions)
    words = _words(targetid, flux.shape[:-1])
    draws, seed, threads = (
        whole("draws", draws, MOST_DRAWS),
        whole("seed", seed),
        whole("threads", threads, MOST_THREADS),
    )
    double = flux.dtype == jnp.float64
    call = jax.ffi.ffi_call(
        f"starglow_sample_{'f64' if double else 'f32'}",
        jax.ShapeDtypeStruct((*flux.shape[:-1], 10 * draws), jnp.float32),
        vmap_method="broadcast_all",
    )
    stop = jax.lax.stop_gradient
    out = call(
        stop(flux),
        ivar,
        stop(redshift),
        words,
        model=model.hash,
        conventions=said,
        threads=np.int64(threads),
        has_ivar=band_flux_ivar is not None,
        draws=np.int64(draws),
        seed=np.int64(np.uint64(seed).view(np.int64)),
    )
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
        words = jnp.asarray(split_ids(given))
    if words.shape != (*shape, 2):
        raise error("input", "TARGETID and BAND_FLUX differ in length", f"{words.shape[:-1]}", f"{shape}")
    return words
