"""Counter-based random numbers: the bits of the C++ library, from 32-bit words alone.

A number depends on (seed, stream, id, draw, lane) and nothing else, so it is the same for any batch, order, machine or
language::

    stream key = threefry({seed low, seed high}, {stream, 0})
    object key = threefry(stream key, {id high, id low})
    two words  = threefry(object key, {draw, lane})

Threefry2x32-20 is that of Salmon et al. 2011 (SC11), which JAX's own generator uses too. Normals are the inverse
distribution function of one word by Wichura 1988 (Applied Statistics 37, 477; AS 241).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import all_ids, ids, whole
from ..errors import error

Pair = tuple[jax.Array, jax.Array]

INTRINSIC, LABEL_NOISE, SPECTRUM_NOISE, POPULATION = 0, 1, 2, 3
"""Streams: the same (id, draw, lane) of two streams are independent."""


def threefry(key: Pair, counter: Pair) -> Pair:
    """Threefry2x32-20 of two pairs of uint32 arrays that broadcast; returns two uint32 arrays."""
    k0, k1 = key
    x0, x1 = counter
    k2 = jnp.uint32(0x1BD11BDA) ^ k0 ^ k1
    x0, x1 = x0 + k0, x1 + k1
    even, odd = (13, 15, 26, 6), (17, 29, 16, 24)
    for count, (rotations, a, b) in enumerate(
        ((even, k1, k2), (odd, k2, k0), (even, k0, k1), (odd, k1, k2), (even, k2, k0)), 1
    ):
        for r in rotations:
            x0 = x0 + x1
            x1 = ((x1 << r) | (x1 >> (32 - r))) ^ x0
        x0, x1 = x0 + a, x1 + (b + jnp.uint32(count))
    return x0, x1


def split_ids(targetid: Any) -> np.ndarray:
    """int64 ids as pairs of words: (...) -> uint32 (..., 2), high word first.

    JAX without ``jax_enable_x64`` cuts 64-bit integers to 32 bits. Give it the pairs instead: this function works on
    NumPy arrays, outside ``jit``.
    """
    found = ids("targetid", targetid)
    if isinstance(found, np.ma.MaskedArray):
        raise error("input", "targetid has masked ids", f"{int(found.mask.sum())} of them", "an id for each galaxy")
    bits = found.view(np.uint64)
    return np.stack([(bits >> np.uint64(32)).astype(np.uint32), bits.astype(np.uint32)], axis=-1)


def id_words(targetid: Any, shape: tuple[int, ...], first_row: int = 0) -> Pair:
    """The words of the ids of a batch of the given shape; without ids those of the row indices."""
    if targetid is None:
        row = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64).reshape(shape) + first_row
        targetid = row
    if not isinstance(targetid, jax.Array):
        given = np.asarray(targetid)
        pairs = given.dtype == np.uint32 and given.shape == (*shape, 2)
        targetid = jnp.asarray(given if pairs else split_ids(all_ids("targetid", targetid, first_row)[0]))
        if targetid.shape != (*shape, 2):
            raise error("input", "targetid does not fit the band fluxes", f"shape {given.shape}", f"{shape}")
    if targetid.dtype == jnp.uint32 and targetid.shape == (*shape, 2):
        return targetid[..., 0], targetid[..., 1]
    if targetid.shape != shape:
        raise error(
            "input",
            "targetid does not fit the band fluxes",
            f"shape {targetid.shape}",
            f"{shape}, or the pairs of split_ids, {(*shape, 2)}",
        )
    if targetid.dtype != jnp.int64:
        raise error(
            "input",
            "targetid is not a column of 64-bit integers",
            f"a JAX array of {targetid.dtype}",
            "int64",
            "Without jax_enable_x64 JAX cuts ids to 32 bits: pass the NumPy array, or "
            "starglow.jax.split_ids(targetid).",
        )
    bits = jax.lax.bitcast_convert_type(targetid, jnp.uint64)
    return (bits >> 32).astype(jnp.uint32), bits.astype(jnp.uint32)


def seed_words(seed: Any) -> Pair:
    """(low, high) words of a seed.

    A Python integer below 2^64; a JAX integer, which may be traced, and must not be negative (its value is not seen
    here);
    a key of `jax.random` - ``jax.random.key(0)``, or the raw words of it -, whose last two words are taken; or the pair
    (low, high) itself.
    """
    if isinstance(seed, (int, float, np.integer, np.floating)):
        number = whole("seed", seed)
        return jnp.uint32(number & 0xFFFFFFFF), jnp.uint32(number >> 32)
    if isinstance(seed, tuple) and len(seed) == 2:
        low, high = seed
        return jnp.asarray(low).astype(jnp.uint32), jnp.asarray(high).astype(jnp.uint32)
    if not isinstance(seed, (jax.Array, np.ndarray)):
        whole("seed", seed)  # raises
    if jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        seed = jax.random.key_data(seed)
    if jnp.ndim(seed) == 0 and jnp.issubdtype(seed.dtype, jnp.integer):
        if not isinstance(seed, jax.core.Tracer):
            return seed_words(int(seed))
        if seed.dtype.itemsize < 8:
            return seed.astype(jnp.uint32), jnp.uint32(0)
        bits = seed.astype(jnp.uint64)
        return bits.astype(jnp.uint32), (bits >> jnp.uint64(32)).astype(jnp.uint32)
    if seed.dtype == jnp.uint32 and jnp.ndim(seed) == 1 and seed.shape[0] >= 2:  # the words of a key, high first
        return seed[-1], seed[-2]
    raise error(
        "usage",
        "seed is no seed",
        f"{seed.dtype} of shape {jnp.shape(seed)}",
        "an integer, or one key of jax.random",
        "Of many keys: jax.vmap, or jax.random.key_data(key) of one.",
    )


def words(seed: Any, stream: int, id_pair: Pair, draw: Any, lane: Any) -> jax.Array:
    """First word of every (id, draw, lane), uint32 (..., draws, lanes); id_pair: two arrays (...)."""
    key = threefry(threefry(seed_words(seed), (jnp.uint32(stream), jnp.uint32(0))), id_pair)
    key = key[0][..., None, None], key[1][..., None, None]
    draw, lane = jnp.asarray(draw, jnp.uint32)[:, None], jnp.asarray(lane, jnp.uint32)[None, :]
    return threefry(key, (draw, lane))[0]


def _ratio(polynomials: tuple[Sequence[float], Sequence[float]], r: jax.Array) -> jax.Array:
    """Numerator over denominator at r, coefficients of the highest power first."""
    top = bottom = jnp.zeros_like(r)
    for n, d in zip(*polynomials):
        top, bottom = top * r + n, bottom * r + d
    return top / bottom


# PPND16, error < 1e-15, highest power first.
_CENTRE = (
    (
        2509.0809287301226727,
        33430.575583588128105,
        67265.770927008700853,
        45921.953931549871457,
        13731.693765509461125,
        1971.5909503065514427,
        133.14166789178437745,
        3.387132872796366608,
    ),
    (
        5226.495278852545925,
        28729.085735721942674,
        39307.89580009271061,
        21213.794301586595867,
        5394.1960214247511077,
        687.1870074920579083,
        42.313330701600911252,
        1.0,
    ),
)
_TAIL = (
    (
        7.7454501427834140764e-4,
        0.0227238449892691845833,
        0.24178072517745061177,
        1.27045825245236838258,
        3.64784832476320460504,
        5.7694972214606914055,
        4.6303378461565452959,
        1.42343711074968357734,
    ),
    (
        1.05075007164441684324e-9,
        5.475938084995344946e-4,
        0.0151986665636164571966,
        0.14810397642748007459,
        0.68976733498510000455,
        1.6763848301838038494,
        2.05319162663775882187,
        1.0,
    ),
)
# PPND7, relative error 3e-7: what float32 can hold.
_CENTRE7 = ((59.109374720, 159.29113202, 50.434271938, 3.3871327179), (67.187563600, 78.757757664, 17.895169469, 1.0))
_TAIL7 = ((0.17023821103, 1.3067284816, 2.7568153900, 1.4234372777), (0.0, 0.12021132975, 0.73700164250, 1.0))


def normal(word: jax.Array, dtype: Any = None) -> jax.Array:
    """Standard normals of uint32 words; |value| < 6.34.

    The top bit is the sign, the tail probability is (low 31 bits + 1/2) / 2^32. float64: error < 1e-15 relative
    (routine PPND16); float32: 3e-7 (PPND7).
    """
    dtype = jnp.dtype(dtype or jnp.result_type(float))
    centre, tail = (_CENTRE, _TAIL) if dtype == jnp.float64 else (_CENTRE7, _TAIL7)
    p = (word & jnp.uint32(0x7FFFFFFF)).astype(dtype) * dtype.type(2.0**-32) + dtype.type(2.0**-33)
    # p - 1/2 by way of a whole number, so that small ones keep their digits
    signed = jax.lax.bitcast_convert_type(word | jnp.uint32(0x80000000), jnp.int32)
    q = signed.astype(dtype) * dtype.type(2.0**-32) + dtype.type(2.0**-33)
    inner = q * _ratio(centre, 0.180625 - q * q)
    outer = -_ratio(tail, jnp.sqrt(-jnp.log(p)) - 1.6)
    lower = jnp.where(p < 0.075, outer, inner)
    return jnp.where(word >> 31 != 0, -lower, lower)
