"""Writes the first files of the corpora: small valid files, and the bad ones that have really happened. Findings of
fuzzing are added by hand. Needs NumPy, astropy and h5py; run from anywhere: .venv/bin/python
tests/fuzz/make_corpus.py"""

import hashlib
import io
import json
import pickle
import struct
from pathlib import Path

import h5py
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
put(
    "safetensors",
    "plain",
    safetensors({"__metadata__": metadata, "a": tensor(0, 8, [2]), "b": tensor(8, 16, [1], "F64")}, bytes(16)),
)
put("safetensors", "no_metadata", safetensors({"a": tensor(0, 8, [2])}, bytes(8)))
put("safetensors", "hole", safetensors({"a": tensor(4, 8, [1])}, bytes(8)))
put("safetensors", "overlap", safetensors({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, bytes(12)))
put("safetensors", "overflow", safetensors({"a": tensor(0, 8, [2**62, 4])}, bytes(8)))
put("safetensors", "shape_is_not_size", safetensors({"a": tensor(0, 8, [3])}, bytes(8)))
put("safetensors", "negative", safetensors({"a": tensor(-8, 0, [2])}, bytes(8)))
put(
    "safetensors",
    "duplicate",
    safetensors(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
    ),
)
put("safetensors", "deep", safetensors(b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}"))
put("safetensors", "long_header", struct.pack("<Q", 2**63) + b"{}")
put("safetensors", "empty", b"")
checkpoint = {
    "kind": "checkpoint",
    "format_version": "1",
    "identity.seed": "1",
    "network.0.0": "1 1 0 4 0",
    "sha256": "0" * 64,
}
put(
    "safetensors",
    "checkpoint_wrong_sum",
    safetensors({"__metadata__": checkpoint, "0.0/params": tensor(0, 8, [2])}, bytes(8)),
)
sum_ = hashlib.sha256()
for key in sorted(k for k in checkpoint if k != "sha256"):
    sum_.update(f"{key}={checkpoint[key]}\n".encode())
sum_.update(b"0.0/params 8\n" + bytes(8))
put(
    "safetensors",
    "checkpoint",
    safetensors({"__metadata__": checkpoint | {"sha256": sum_.hexdigest()}, "0.0/params": tensor(0, 8, [2])}, bytes(8)),
)


def npy(body, descr="|O"):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00\x76\x00" + header.encode() + body


small = {"HALPHA": {"params": [[np.ones((2, 2), "f4"), np.zeros(2, "f4")]]}}
for name, value in {
    "array": np.arange(3, dtype="f8"),
    "dictionary": small,
    "text": "abc",
    "empty_list": [],
    "nested": [[[1]], (True, False, None)],
}.items():
    put("pickle", name, pickle.dumps(value, 3))
    put("pickle", name + "_npy", npy(pickle.dumps(value, 3)))
put("pickle", "object_array", npy(pickle.dumps(np.array(small, dtype=object), 3)))
put("pickle", "system", b"\x80\x03cos\nsystem\nq\x00X\x02\x00\x00\x00id\x85R.")
put("pickle", "memo", b"\x80\x03]q\x01.")
put("pickle", "mark", b"\x80\x03(((((tuae.")
put("pickle", "long_text", b"\x80\x03X\xff\xff\xff\xffa.")
put("pickle", "itself", b"\x80\x03]q\x00h\x00a.")
put("pickle", "no_object_npy", npy(b"\x00" * 8, "<f8"))

put("toml", "plain", "seed = 5\nthreads = 3\n[train]\nepochs = 7\nhidden = [8, 8]\nrate = 1e-3\nnoise = true\n")
put("toml", "unknown", "[train]\nepoch = 7\n")
put("toml", "types", "[train]\nepochs = 'seven'\nrate = nan\nhidden = {a = 1}\nnoise = 1979-05-27T07:32:00Z\n")
put("toml", "large", "[train]\nepochs = 9223372036854775807\nrate = 1e308\nhidden = [[[1]], 2]\n")
put("toml", "deep", "a = " + "[" * 2000 + "]" * 2000 + "\n")
put("toml", "utf8", b"[train]\nhidden = '\xff\xfe'\n")
put("toml", "twice", "seed = 1\nseed = 2\n")
put("toml", "empty", "")
put("toml", "config", "config = 'other.toml'\n")

table = fits.BinTableHDU.from_columns(
    [
        fits.Column("TARGETID", "K", array=np.array([39627776344457978, -1])),
        fits.Column("Z", "D", array=[0.1, np.nan]),
        fits.Column("BAND_FLUX", "12E", array=np.ones((2, 12)), unit="10**-17 erg s-1 cm-2 Angstrom-1"),
        fits.Column("SURVEY", "4A", array=["sv3", "main"]),
        fits.Column("HALPHA_EW", "E", array=[1.0, np.inf], unit="Angstrom"),
        fits.Column("FLAGS", "J", array=[0, 1]),
    ],
    name="GALAXIES",
)
Path("/tmp/corpus.fits").unlink(missing_ok=True)
fits.HDUList([fits.PrimaryHDU(), table]).writeto("/tmp/corpus.fits", checksum=True)
whole = Path("/tmp/corpus.fits").read_bytes()
Path("/tmp/corpus.fits").unlink()
put("fits", "plain", whole)


def card(old, new):
    assert old in whole
    return whole.replace(old, new.ljust(len(old))[: len(old)], 1)


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


def image(data, name, unit=None):
    hdu = fits.ImageHDU(data, name=name)
    if unit:
        hdu.header["BUNIT"] = unit
    return hdu


def columns(name, **values):
    return fits.BinTableHDU.from_columns(
        [fits.Column(key, kind, array=value, unit=unit) for key, (kind, value, unit) in values.items()], name=name
    )


def written(*hdus, **cards):
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(header=fits.Header(cards)), *hdus]).writeto(out)
    return out.getvalue()


FLUX = "10**-17 erg/(s cm2 Angstrom)"
ids = ("K", np.array([39627776344457978, 7]), None)
wave, noise = 3600 + 0.8 * np.arange(40), np.ones((2, 40), "f4")
redshifts = columns(
    "REDSHIFTS",
    TARGETID=ids,
    Z=("D", [0.1, 0.2], None),
    ZWARN=("K", [0, 4], None),
    SPECTYPE=("6A", ["GALAXY", "QSO"], None),
)
camera = [
    image(wave, "B_WAVELENGTH", "Angstrom"),
    image(noise, "B_FLUX", FLUX),
    image(noise, "B_IVAR"),
    image(np.zeros((2, 40), "i4"), "B_MASK"),
    image(np.ones((2, 11, 40), "f4"), "B_RESOLUTION"),
]
fibres = columns("FIBERMAP", TARGETID=ids, EBV=("E", [0.02, 0.03], None))
desi = written(fibres, *camera, redshifts)
put("spectra", "desi", desi)
put("spectra", "desi_without_ivar", written(fibres, *camera[:2], redshifts))
put(
    "spectra",
    "desi_spoiled",
    written(
        fibres,
        image(wave[::-1].copy(), "B_WAVELENGTH"),
        image(noise * np.nan, "B_FLUX"),
        image(-noise, "B_IVAR"),
        redshifts,
    ),
)
put("spectra", "desi_images_for_tables", written(image(np.ones(3), "FIBERMAP"), *camera[:3], image(None, "REDSHIFTS")))
put("spectra", "desi_grid_without_axes", written(fibres, image(None, "B_WAVELENGTH"), *camera[1:3], redshifts))
put("spectra", "desi_cut", desi[: len(desi) - 2880])
put("spectra", "desi_huge", desi.replace(b"NAXIS2  =                    2", b"NAXIS2  =            999999999"))
put("spectra", "redrock_alone", written(redshifts))
log = np.log10(3800) + 1e-4 * np.arange(30)
coadd = columns(
    "COADD",
    flux=("E", np.ones(30), None),
    loglam=("E", log, None),
    ivar=("E", np.ones(30), None),
    wdisp=("E", np.ones(30), None),
)
object_ = columns(
    "SPECOBJ", SPECOBJID=("22A", ["315284161675945984"], None), Z=("E", [0.1], None), CLASS=("6A", ["GALAXY"], None)
)
peaks = columns(
    "SPZLINE", LINENAME=("13A", ["H_alpha"], None), LINEEW=("E", [55.0], None), LINEEW_ERR=("E", [1.1], None)
)
put("spectra", "sdss", written(coadd, object_, peaks, VACUUM=True, BUNIT="1E-17 erg/cm^2/s/Ang"))
put("spectra", "sdss_in_air", written(coadd, object_, VACUUM=False))
put(
    "spectra",
    "sdss_text_for_number",
    written(
        columns("COADD", flux=("4A", ["a"] * 30, None), loglam=("E", log, None), ivar=("E", np.ones(30), None)),
        object_,
        VACUUM=True,
        BUNIT="1E-17 erg/cm^2/s/Ang",
    ),
)
galaxies = columns("GALAXIES", TARGETID=ids, Z=("D", [0.1, np.nan], None), FLAGS=("J", [0, 1], None))
own = written(
    galaxies,
    image(wave, "WAVE", "Angstrom"),
    image(noise, "FLUX", FLUX),
    image(noise, "IVAR"),
    image(noise.astype("i4"), "MASK"),
)
put("spectra", "own", own)
put("spectra", "sdss_images_for_tables", written(image(None, "COADD"), image(None, "SPECOBJ"), VACUUM=True))
put("spectra", "fastspec_image_for_table", written(image(None, "FASTSPEC")))
put("spectra", "own_other_rows", written(galaxies, image(wave, "WAVE", "Angstrom"), image(noise[:1], "FLUX", FLUX)))
labels = {
    f"{line}_{part}": ("E", [1.0, 2.0], None)
    for line in (
        "OII_3726",
        "OII_3729",
        "HGAMMA",
        "HBETA",
        "OIII_4959",
        "OIII_5007",
        "NII_6548",
        "HALPHA",
        "NII_6584",
        "SII_6716",
        "SII_6731",
    )
    for part in ("EW", "EW_IVAR", "FLUX", "FLUX_IVAR")
}
put(
    "spectra",
    "fastspec",
    written(columns("FASTSPEC", **labels), columns("METADATA", TARGETID=ids, Z=("D", [0.1, 0.2], None))),
)
put(
    "spectra",
    "fastspec_models",
    written(
        columns("FASTSPEC", **labels),
        columns("METADATA", TARGETID=ids, Z=("D", [0.1, 0.2], None)),
        image(np.ones((2, 3, 9), "f4"), "MODELS"),
    ),
)

ecsv = (
    "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: wavelength, unit: nm, datatype: float64}\n"
    "# - {name: response, datatype: float64}\nwavelength response\n"
)
put("filter", "ecsv", ecsv + "400 0\n500 0.5\n600 0\n")
put("filter", "ecsv_without_rows", ecsv)
put("filter", "ecsv_other_columns", "# %ECSV 1.0\na b\n1 2\n")
put("filter", "text", "# wavelength [Angstrom] transmission\n4000 0\n5000,0.5\r\n6000;0\n")
put("filter", "no_unit", "4000 0\n5000 1\n")
put("filter", "bad_numbers", "# unit: micron\n0.4 nan\n0.5 1e999\n-0.6 0x1p3\n")
put("filter", "unordered", "# [nm]\n500 0\n400 1\n400 1\n")
put("filter", "brackets", "# ](nm[)unit\n500 0\n600 1\n")
put("filter", "one_column", "# [nm]\n500\n")
put("filter", "zeros", b"# [nm]\n500 \0 1\n" + bytes(40))
put("filter", "empty", "")

for name, text in {
    "desi": "10**-17 erg/(s cm2 Angstrom)",
    "fits": "1E-17 erg/s/cm^2/Ang",
    "powers": "10^(-17) erg s^-1 cm**(-2) A-1",
    "nested": "((((1e-17 erg))))/s/(cm2*A)",
    "unclosed": "10**( erg/(s",
    "long_power": "erg**99999999999999999999",
    "sum_of_powers": "A999999999A999999999/A-999999999",
    "slash": "////",
    "minus": "1e-17 erg s-1 cm-2 A--1",
    "empty": "",
    "number": "1e999 1e-999 10**-400",
    "deep": "(" * 3000 + ")" * 3000,
}.items():
    put("unit", name, text)


def hdf5(**datasets):
    out = io.BytesIO()
    with h5py.File(out, "w", libver=("earliest", "v108")) as file:
        for name, value in datasets.items():
            file[name] = value
    return out.getvalue()


grid = dict(
    ssp_lgmet=np.array([-3.0, -2.0]),
    ssp_lg_age_gyr=np.array([-1.0, 0, 1]),
    ssp_wave=np.array([3000.0, 5000, 8000, 9000]),
    ssp_flux=np.ones((2, 3, 4)),
)
plain = hdf5(**grid)
put("hdf5", "grid", plain)
put("hdf5", "grid_other_shape", hdf5(**grid | {"ssp_flux": np.ones((2, 3, 5))}))
put("hdf5", "grid_of_text", hdf5(**grid | {"ssp_wave": [b"a", b"b", b"c", b"d"]}))
put("hdf5", "filter", hdf5(wave=np.array([4000.0, 5000, 6000]), transmission=np.array([0.0, 1, 0])))
put("hdf5", "filter_2d", hdf5(wave=np.ones((2, 2)), transmission=np.ones((2, 2))))
put("hdf5", "signature_alone", plain[:8])
put("hdf5", "end_beyond_the_file", plain[:40] + struct.pack("<Q", 2**62) + plain[48:])
put(
    "hdf5",
    "end_overflows",
    plain[:24] + struct.pack("<Q", 100) + plain[32:40] + struct.pack("<Q", 2**64 - 50) + plain[48:],
)
put("hdf5", "version_9", plain[:8] + b"\x09" + plain[9:])
put("hdf5", "empty", b"")

# TOKEN and PORT become those of the server.
host = "Host: 127.0.0.1:PORT\r\n"
for name, text in {
    "page": f"GET /TOKEN/ HTTP/1.1\r\n{host}\r\n",
    "file": f"GET /TOKEN/data/a.bin HTTP/1.1\r\n{host}Range: bytes=1-3\r\n\r\n",
    "ranges": f"GET /TOKEN/data/a.bin HTTP/1.1\r\n{host}Range: bytes=0-0,2-99999999999999999999,-1,5-2\r\n\r\n",
    "head": f"HEAD /TOKEN/ HTTP/1.1\r\n{host}\r\n",
    "no_token": f"GET / HTTP/1.1\r\n{host}\r\n",
    "wrong_token": f"GET /00000000000000000000000000000000/ HTTP/1.1\r\n{host}\r\n",
    "dots": f"GET /TOKEN/../../etc/passwd HTTP/1.1\r\n{host}\r\n",
    "escapes": f"GET /TOKEN/%2e%2e%2fdata%00%ZZ?a=%&b HTTP/1.1\r\n{host}\r\n",
    "other_host": "GET /TOKEN/ HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "two_hosts": f"GET /TOKEN/ HTTP/1.1\r\n{host}Host: example.org\r\n\r\n",
    "post": f"POST /TOKEN/ HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello",
    "long_body": f"POST /TOKEN/ HTTP/1.1\r\n{host}Content-Length: 99999999999999999999\r\n\r\nx",
    "chunked": f"POST /TOKEN/ HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nx",
    "long_path": f"GET /TOKEN/{'a' * 4000} HTTP/1.1\r\n{host}\r\n",
    "many_headers": f"GET /TOKEN/ HTTP/1.1\r\n{host}" + "a: b\r\n" * 300 + "\r\n",
    "version_9": f"GET /TOKEN/ HTTP/9.9\r\n{host}\r\n",
    "no_end": f"GET /TOKEN/ HTTP/1.1\r\n{host}",
    "two": f"GET /TOKEN/ HTTP/1.1\r\n{host}\r\nGET /TOKEN/index.html HTTP/1.1\r\n{host}\r\n",
    "upgrade": f"GET /TOKEN/ HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "expect": f"PUT /TOKEN/ HTTP/1.1\r\n{host}Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    "empty": "",
    "zeros": "\0\0\0\r\n\r\n",
}.items():
    put("http", name, text)
