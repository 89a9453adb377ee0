"""The hashes by which a model file knows its content (``files/models/whole.cpp``, ``docs/model-format.md``)."""

from __future__ import annotations

import hashlib

import numpy as np


def layout_hash(tensors: dict[str, np.ndarray], meta: dict[str, str]) -> str:
    """First 16 digits of SHA-256 over what says how the tensors are run (``docs/model-format.md``)."""

    def structural(key: str) -> bool:
        if key in ("kind", "format_version", "lines", "band_edges"):
            return True
        group, _, item = key.partition(".")
        return group in ("full", "partial", "neighbours") and item in (
            "k",
            "sizes",
            "activation",
            "features",
            "z_clip",
            "outputs",
        )

    text = "".join(f"{k}={meta[k]}\n" for k in sorted(meta) if structural(k))
    for name in sorted(tensors):
        text += _described(name, tensors[name])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def content_hash(tensors: dict[str, np.ndarray], meta: dict[str, str]) -> str:
    """SHA-256 over all metadata but itself and all tensors (``docs/model-format.md``)."""
    total = hashlib.sha256("".join(f"{k}={meta[k]}\n" for k in sorted(meta) if k != "sha256").encode())
    for name in sorted(tensors):
        total.update(_described(name, tensors[name]).encode())
        total.update(np.ascontiguousarray(tensors[name]).data)
    return total.hexdigest()


def _described(name: str, tensor: np.ndarray) -> str:
    kind = {"f": "F", "u": "U", "i": "I"}[tensor.dtype.kind]
    return f"{name}:{kind}{8 * tensor.dtype.itemsize}" + "".join(f",{size}" for size in tensor.shape) + "\n"
