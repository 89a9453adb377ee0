"""Memory of long streams of spectra: `prep` of a file with N spectra of 7781 pixels, and of one a tenth as long;
`paint` of N / 10, and of N / 100.

    python bench/stream_memory.py [--binary build/release/starglow] [--n 100000] [--folder FOLDER]

Prints the peak of resident memory of each process. Needs 62 kB of disk a spectrum, in FOLDER (default: the system's
temporary one), and removes them.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits

PIXELS = 7781
ROOT = Path(__file__).resolve().parent.parent


def some_spectra(n=64):
    """Continua with breaks, lines and noise: (n, pixels) of flux and of ivar, and redshifts."""
    rng, wave = np.random.default_rng(1), 3600 + 0.8 * np.arange(PIXELS)
    z, snr = rng.uniform(0.06, 0.3, n), rng.uniform(2, 20, n)
    rest = wave / (1 + z[:, None])
    flux = (rest / 5500) ** rng.uniform(-1.5, 1, (n, 1)) * np.where(rest < 4000, rng.uniform(0.5, 0.9, (n, 1)), 1)
    for line in (3728.5, 4862.7, 5008.2, 6564.6, 6585.3, 6718.3):
        flux += rng.uniform(0, 8, (n, 1)) * np.exp(-0.5 * ((rest - line) / 2.5) ** 2)
    return flux + rng.normal(size=flux.shape) / snr[:, None], np.broadcast_to(snr[:, None] ** 2, flux.shape), z


def write(path, n):
    """A spectra file (docs/spectra.md) of n rows, written in pieces."""
    flux, ivar, z = some_spectra()
    at = np.arange(n) % len(z)
    galaxies = fits.BinTableHDU.from_columns(
        [
            fits.Column("TARGETID", "K", array=1 + np.arange(n)),
            fits.Column("Z", "D", array=z[at]),
            fits.Column("FLAGS", "J", array=np.zeros(n, int)),
        ],
        name="GALAXIES",
    )
    grid = fits.ImageHDU(3600 + 0.8 * np.arange(PIXELS), name="WAVE")
    grid.header["BUNIT"] = "Angstrom"
    fits.HDUList([fits.PrimaryHDU(), galaxies, grid]).writeto(path)
    with open(path, "ab") as out:
        for name, plane, unit in (
            ("FLUX", flux, "10**-17 erg s-1 cm-2 Angstrom-1"),
            ("IVAR", ivar, "10**34 s2 cm4 Angstrom2 erg-2"),
        ):
            header = fits.ImageHDU(np.zeros((1, 1), "f4"), name=name).header
            header["NAXIS1"], header["NAXIS2"], header["BUNIT"] = PIXELS, n, unit
            out.write(header.tostring().encode())
            rows = plane.astype(">f4")
            for first in range(0, n, len(rows)):
                out.write(rows[: min(len(rows), n - first)].tobytes())
            out.write(bytes(-(4 * n * PIXELS) % 2880))


def peak(*command):
    """Peak resident memory of a process, MB."""
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(message.decode())
    return usage.ru_maxrss * 1024 / 1e6, usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/release/starglow"))
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        for verb, n in (("prep", args.n // 10), ("prep", args.n), ("paint", args.n // 100), ("paint", args.n // 10)):
            write(folder / "spectra.fits", n)
            megabytes, seconds = peak(
                args.binary,
                verb,
                folder / "spectra.fits",
                "-o",
                folder / "out.fits",
                "--threads",
                args.threads,
                "--allow-partial",
            )
            print(
                f"{verb:6s} {n:7d} spectra: {megabytes:6.1f} MB, {1e3 * seconds / n:6.2f} ms of processor a spectrum",
                flush=True,
            )
            for path in folder.iterdir():
                path.unlink()


if __name__ == "__main__":
    main()
