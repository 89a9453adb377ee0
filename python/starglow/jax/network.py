"""Dense networks (``network.hpp``): forward pass; derivatives are JAX's."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from .weights import Bank


def _selu(x: jax.Array) -> jax.Array:
    negative = 1.6732632423543772 * jnp.expm1(jnp.minimum(x, 0))
    return 1.0507009873554805 * jnp.where(x > 0, x, negative)


def _polyswish(x: jax.Array) -> jax.Array:
    """x S(t), t = clamp((x + 4)/8, 0, 1), S(t) = t^3 (10 - 15 t + 6 t^2)."""
    t = jnp.clip(x * 0.125 + 0.5, 0, 1)
    return x * (t * t * t * ((6 * t - 15) * t + 10))


def _silu(x: jax.Array) -> jax.Array:
    return x * jax.nn.sigmoid(x)


ACTIVATIONS = {"selu": _selu, "polyswish": _polyswish, "silu": _silu}


def forward(bank: Bank, x: jax.Array, known: jax.Array) -> jax.Array:
    """Outputs of a bank for features (..., n_in): averaged over the members, or one a line; (..., outputs).

    A feature that is not known is 0 after standardisation. Products run in full float32 on every device.
    """
    act = ACTIVATIONS[bank.activation]

    @partial(jax.checkpoint, prevent_cse=False)  # a scan keeps what is computed twice apart
    def one(network: Any) -> jax.Array:
        mean, scale, layers = network
        h = jnp.where(known, (x - mean) / scale, 0)
        for layer, (w, b) in enumerate(layers):
            h = jnp.matmul(h, w.T, precision=jax.lax.Precision.HIGHEST) + b
            if layer + 1 < len(layers):
                h = act(h)
        return h

    # One network after the other: the memory is that of one, and XLA compiles one. A gradient runs each network again
    # on its way back rather than keep the layers of all: a twentieth of the memory, and faster for it.
    answers = jax.lax.map(one, (bank.x_mean, bank.x_scale, bank.layers))
    return jnp.moveaxis(answers[..., 0], 0, -1) if bank.per_line else answers.mean(axis=0)
