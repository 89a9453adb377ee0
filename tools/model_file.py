"""Model files as the library writes them (docs/model-format.md): sealed(tensors, metadata) gives the bytes.

Run as a program it seals files of format 1 anew, in place: model_file.py FILE ...
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np

NAMES = {"<f2": "F16", "<f4": "F32", "<f8": "F64", "<i4": "I32", "<i8": "I64", "|u1": "U8"}


def read(path):
    """Tensors and metadata of a safetensors file."""
    raw = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    types = {name: dtype for dtype, name in NAMES.items()}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + at for at in entry["data_offsets"])
        tensors[name] = np.frombuffer(raw[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
    return tensors, header.get("__metadata__", {})


def is_structural(key):
    """Metadata that say how the tensors are run."""
    group, _, item = key.partition(".")
    return key in ("kind", "format_version", "lines", "band_edges") or (
        group in ("full", "partial", "neighbours")
        and item in ("k", "sizes", "activation", "features", "z_clip", "outputs")
    )


def described(name, tensor):
    return f"{name}:{NAMES[tensor.dtype.str]}" + "".join(f",{n}" for n in tensor.shape) + "\n"


def sealed(tensors, metadata):
    """The bytes of a file with these tensors (arrays) and metadata (texts), with both of its sums."""
    tensors = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    tensors = {name: value.astype(value.dtype.newbyteorder("<")) for name, value in sorted(tensors.items())}
    meta = {k: v for k, v in metadata.items() if k not in ("sha256", "layout_hash")} | {"format_version": "2"}
    text = "".join(f"{k}={meta[k]}\n" for k in sorted(meta) if is_structural(k))
    text += "".join(described(*item) for item in tensors.items())
    meta["layout_hash"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    content = hashlib.sha256("".join(f"{k}={meta[k]}\n" for k in sorted(meta)).encode())
    for name, tensor in tensors.items():
        content.update(described(name, tensor).encode() + tensor.tobytes())
    header, at, body = {"__metadata__": meta | {"sha256": content.hexdigest()}}, 0, []
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):  # the widest first
        header[name] = {
            "data_offsets": [at, at + tensor.nbytes],
            "dtype": NAMES[tensor.dtype.str],
            "shape": list(tensor.shape),
        }
        at += tensor.nbytes
        body.append(tensor.tobytes())
    packed = json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    packed += b" " * (-len(packed) % 8)
    return struct.pack("<Q", len(packed)) + packed + b"".join(body)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for path in sys.argv[1:]:
        Path(path).write_bytes(sealed(*read(path)))


if __name__ == "__main__":
    main()
