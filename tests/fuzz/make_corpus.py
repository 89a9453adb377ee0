"""Writes the first files of the corpora: small valid files, and the bad ones that have really happened. Findings of fuzzing are added by hand.
Needs NumPy and astropy; run from anywhere: .venv/bin/python tests/fuzz/make_corpus.py"""
import hashlib
import json
import pickle
import struct
from pathlib import Path

import numpy as np
from astropy.io import fits

CORPUS = Path(__file__).parent / "corpus"


def put(folder, name, content):
    (CORPUS / folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def tensor(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


metadata = {"kind": "mlp", "format_version": "1"}
put("safetensors", "plain", safetensors({"__metadata__": metadata, "a": tensor(0, 8, [2]), "b": tensor(8, 16, [1], "F64")}, bytes(16)))
put("safetensors", "no_metadata", safetensors({"a": tensor(0, 8, [2])}, bytes(8)))
put("safetensors", "hole", safetensors({"a": tensor(4, 8, [1])}, bytes(8)))
put("safetensors", "overlap", safetensors({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, bytes(12)))
put("safetensors", "overflow", safetensors({"a": tensor(0, 8, [2**62, 4])}, bytes(8)))
put("safetensors", "shape_is_not_size", safetensors({"a": tensor(0, 8, [3])}, bytes(8)))
put("safetensors", "negative", safetensors({"a": tensor(-8, 0, [2])}, bytes(8)))
put("safetensors", "duplicate", safetensors(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)))
put("safetensors", "deep", safetensors(b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}"))
put("safetensors", "long_header", struct.pack("<Q", 2**63) + b"{}")
put("safetensors", "empty", b"")
checkpoint = {"kind": "checkpoint", "format_version": "1", "identity.seed": "1", "network.0.0": "1 1 0 4 0", "sha256": "0" * 64}
put("safetensors", "checkpoint_wrong_sum", safetensors({"__metadata__": checkpoint, "0.0/params": tensor(0, 8, [2])}, bytes(8)))
sum_ = hashlib.sha256()
for key in sorted(k for k in checkpoint if k != "sha256"):
    sum_.update(f"{key}={checkpoint[key]}\n".encode())
sum_.update(b"0.0/params 8\n" + bytes(8))
put("safetensors", "checkpoint", safetensors({"__metadata__": checkpoint | {"sha256": sum_.hexdigest()}, "0.0/params": tensor(0, 8, [2])}, bytes(8)))


def npy(body, descr="|O"):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00\x76\x00" + header.encode() + body


small = {"HALPHA": {"params": [[np.ones((2, 2), "f4"), np.zeros(2, "f4")]]}}
for name, value in {"array": np.arange(3, dtype="f8"), "dictionary": small, "text": "abc", "empty_list": [], "nested": [[[1]], (True, False, None)]}.items():
    put("pickle", name, pickle.dumps(value, 3))
    put("pickle", name + "_npy", npy(pickle.dumps(value, 3)))
put("pickle", "object_array", npy(pickle.dumps(np.array(small, dtype=object), 3)))
put("pickle", "system", b"\x80\x03cos\nsystem\nq\x00X\x02\x00\x00\x00id\x85R.")
put("pickle", "memo", b"\x80\x03]q\x01.")
put("pickle", "mark", b"\x80\x03(((((tuae.")
put("pickle", "long_text", b"\x80\x03X\xff\xff\xff\xffa.")
put("pickle", "itself", b"\x80\x03]q\x00h\x00a.")
put("pickle", "no_object_npy", npy(b"\x00" * 8, "<f8"))

put("toml", "plain", 'seed = 5\nthreads = 3\n[train]\nepochs = 7\nhidden = [8, 8]\nrate = 1e-3\nnoise = true\n')
put("toml", "unknown", "[train]\nepoch = 7\n")
put("toml", "types", "[train]\nepochs = 'seven'\nrate = nan\nhidden = {a = 1}\nnoise = 1979-05-27T07:32:00Z\n")
put("toml", "large", "[train]\nepochs = 9223372036854775807\nrate = 1e308\nhidden = [[[1]], 2]\n")
put("toml", "deep", "a = " + "[" * 2000 + "]" * 2000 + "\n")
put("toml", "utf8", b"[train]\nhidden = '\xff\xfe'\n")
put("toml", "twice", "seed = 1\nseed = 2\n")
put("toml", "empty", "")
put("toml", "config", "config = 'other.toml'\n")

table = fits.BinTableHDU.from_columns([
    fits.Column("TARGETID", "K", array=np.array([39627776344457978, -1])), fits.Column("Z", "D", array=[0.1, np.nan]),
    fits.Column("BAND_FLUX", "12E", array=np.ones((2, 12)), unit="10**-17 erg s-1 cm-2 Angstrom-1"), fits.Column("SURVEY", "4A", array=["sv3", "main"]),
    fits.Column("HALPHA_EW", "E", array=[1.0, np.inf], unit="Angstrom"), fits.Column("FLAGS", "J", array=[0, 1])], name="GALAXIES")
Path("/tmp/corpus.fits").unlink(missing_ok=True)
fits.HDUList([fits.PrimaryHDU(), table]).writeto("/tmp/corpus.fits", checksum=True)
whole = Path("/tmp/corpus.fits").read_bytes()
Path("/tmp/corpus.fits").unlink()
put("fits", "plain", whole)


def card(old, new):
    assert old in whole
    return whole.replace(old, new.ljust(len(old))[:len(old)], 1)


put("fits", "rows_2e62", card(b"NAXIS2  =                    2", b"NAXIS2  =  4611686018427387904"))
put("fits", "rows_negative", card(b"NAXIS2  =                    2", b"NAXIS2  =                   -2"))
put("fits", "width_0", card(b"TFORM2  = 'D       '", b"TFORM2  = '0D      '"))
put("fits", "width_huge", card(b"TFORM2  = 'D       '", b"TFORM2  = '9999999999D'"))
put("fits", "variable_length", card(b"TFORM2  = 'D       '", b"TFORM2  = '1PD(9)  '"))
put("fits", "bits", card(b"TFORM2  = 'D       '", b"TFORM2  = '64X     '"))
put("fits", "no_end", whole.replace(b"END" + b" " * 77, b" " * 80))
put("fits", "gaps", card(b"PCOUNT  =                    0", b"PCOUNT  =           1000000000"))
put("fits", "fields_998", card(b"TFIELDS =                    6", b"TFIELDS =                  998"))
put("fits", "kind", card(b"XTENSION= 'BINTABLE'", b"XTENSION= 'FOREIGN '"))
put("fits", "scaled", card(b"TTYPE6  = 'FLAGS   '", b"TSCAL6  = 1E308     "))
put("fits", "empty", b"")
