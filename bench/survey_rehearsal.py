"""A survey run rehearsed on a synthetic production: rate, memory, kills, lost workers, and what 47 million cost.

usage: python bench/survey_rehearsal.py [--n 100000] [--kills 50] [--workers 5] [--folder DIR] [--rows 500]

Writes a tree of DESI coadds and redrock files (--rows spectra each: starlight of the templates with lines, DESI's
noise, masked pixels, residuals of sky lines, cameras without data, targets on two tiles), about 95 kB a spectrum, and
takes it through plan, run, validate and merge. A tree of a twentieth of it is then worked with the run killed at random
moments, and, where Dask is installed, on a cluster of two processes whose workers are killed; the catalogues must have
the bytes of that of an undisturbed run. Prints one JSON object a line; the last extrapolates and says so."""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))
from synthetic_spectra import CAMERAS, GRID, WAVES, lines_of

# Typical EWs relative to Halpha, in the order of the lines; they scatter by 0.2 dex.
RATIOS = np.array([0.6, 0.08, 0.2, 0.1, 0.3, 0.1, 1.0, 0.3, 0.18, 0.13])
SKY = np.array([5577.3, 5889.9, 6300.3, 6363.8, 7276.4, 7340.9, 7750.6, 7794.1, 8344.6, 8399.2, 8827.1, 8885.8, 9375.9])


def models(count, seed):
    """(z, flux) of noise-free galaxies on the grid: two templates, dust, lines (EW of Halpha 0.3-200 A, or none)."""
    from safetensors.numpy import load_file

    rng = np.random.default_rng(seed)
    stored = load_file(ROOT / "models/templates.safetensors")
    flux = np.asarray(stored["templates.flux"], float)
    first, step = (float(x) for x in stored["templates.grid"])
    wave = np.exp(first + step * np.arange(flux.shape[1]))
    out = []
    for z in rng.uniform(0.02, 0.45, count):
        light = sum(rng.uniform(0.2, 1) * flux[rng.integers(len(flux))] for _ in range(2))
        light = light / np.interp(5500, wave, light) * np.exp(-rng.uniform(0, 1) * (wave / 5500) ** -0.7)
        model = np.interp(GRID / (1 + z), wave, light)
        halpha = 0 if rng.uniform() < 0.2 else 10 ** rng.uniform(-0.5, 2.3)
        ew = halpha * RATIOS * 10 ** rng.normal(0, 0.2, 10)
        ew[3], ew[5] = ew[4] / 2.993, ew[7] / 3.049
        level = np.interp(WAVES, wave, light)
        model += lines_of(
            ew * level * (1 + z), rng.uniform(0.7, 1.45), z, 10 ** rng.uniform(1.7, 2.4), rng.normal(0, 30)
        )
        out.append((z, model.astype("f4")))
    return out


def write_part(folder, name, ids, galaxies, rng):
    folder.mkdir(parents=True)
    n = len(ids)
    chosen = rng.integers(len(galaxies), size=n)
    snr = 10 ** rng.uniform(0, 1.4, n)
    flux = np.stack([galaxies[k][1] for k in chosen])
    ivar = np.repeat((snr**2)[:, None], len(GRID), 1).astype("f4") * (1 - 0.6 * np.abs(GRID / 6700 - 1)).astype("f4")
    flux += rng.standard_normal(flux.shape, dtype="f4") / np.sqrt(ivar)
    for sky in SKY:  # residuals that the noise does not know
        i = int((sky - GRID[0]) / 0.8)
        flux[:, i - 1 : i + 2] += (rng.standard_normal((n, 3), dtype="f4") * 3) / np.sqrt(ivar[:, i - 1 : i + 2])
    mask = (rng.uniform(size=(n, 40)) * len(GRID)).astype(int)
    bad = np.zeros(flux.shape, "i4")
    np.put_along_axis(bad, mask, 4, axis=1)
    for row in np.flatnonzero(rng.uniform(size=n) < 0.01):  # a camera without data
        first, pixels = list(CAMERAS.values())[rng.integers(3)]
        ivar[row, first : first + pixels] = 0
    z = np.array([galaxies[k][0] for k in chosen])
    place = rng.uniform(0, 1, (n, 2)) * (360, 60)
    target = [
        fits.Column("TARGETID", "K", array=ids),
        fits.Column("TARGET_RA", "D", array=place[:, 0], unit="deg"),
        fits.Column("TARGET_DEC", "D", array=place[:, 1], unit="deg"),
        fits.Column("COADD_FIBERSTATUS", "J", array=np.zeros(n)),
        fits.Column("OBJTYPE", "3A", array=["TGT"] * n),
        fits.Column("EBV", "E", array=np.full(n, 0.03)),
    ]
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(target, name="FIBERMAP")]
    for camera, (first, pixels) in CAMERAS.items():
        part = slice(first, first + pixels)
        hdus.append(fits.ImageHDU(GRID[part], name=f"{camera}_WAVELENGTH"))
        image = fits.ImageHDU(np.ascontiguousarray(flux[:, part]), name=f"{camera}_FLUX")
        image.header["BUNIT"] = "10**-17 erg/(s cm2 Angstrom)"
        hdus += [image, fits.ImageHDU(np.ascontiguousarray(ivar[:, part]), name=f"{camera}_IVAR")]
        hdus.append(fits.ImageHDU(np.ascontiguousarray(bad[:, part]), name=f"{camera}_MASK"))
    fits.HDUList(hdus).writeto(folder / f"coadd-{name}.fits")
    table = [
        fits.Column("TARGETID", "K", array=ids),
        fits.Column("Z", "D", array=z),
        fits.Column("ZERR", "D", array=np.full(n, 1e-5)),
        fits.Column("ZWARN", "K", array=np.where(rng.uniform(size=n) < 0.02, 4, 0)),
        fits.Column("SPECTYPE", "6A", array=["GALAXY"] * n),
        fits.Column("DELTACHI2", "D", array=rng.exponential(200, n)),
    ]
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(table, name="REDSHIFTS")]
    fits.HDUList(hdus).writeto(folder / f"redrock-{name}.fits")


def write_tree(tree, n, rows, seed):
    """Nine parts of ten are healpix, the tenth tiles; a tenth of the targets of a tile were on the tile before."""
    galaxies, rng = models(200, seed), np.random.default_rng(seed + 1)
    ids = 39627000000000000 + np.arange(n)
    before = None
    for k in range(0, n, rows):
        these = ids[k : k + rows].copy()
        number = k // rows
        if number % 10 == 9:
            if before is not None:
                these[: len(these) // 10] = before[: len(these) // 10]
            before = these
            name = f"0-{number}-thru20210324"
            write_part(tree / f"tiles/cumulative/{number}/20210324", name, these, galaxies, rng)
        else:
            name = f"main-bright-{number}"
            write_part(tree / f"healpix/main/bright/{number // 100}/{number}", name, these, galaxies, rng)


def say(**what):
    print(json.dumps(what), flush=True)


def call(binary, *words):
    start = time.monotonic()
    subprocess.run([binary, "survey", *map(str, words)], check=True, capture_output=True, text=True)
    return time.monotonic() - start


def killed_run(binary, tree, run, kills, seconds, threads, seed):
    """Starts the run again and again, killing it after a random time, then lets it end. Kills that hit."""
    rng, hits = random.Random(seed), 0
    for _ in range(kills):
        words = [binary, "survey", "run", str(tree), "--out", str(run), "--threads", str(threads)]
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.02, 1.0) * seconds)
        hits += process.poll() is None
        os.kill(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.wait()
    call(binary, "run", tree, "--out", run, "--threads", threads)
    return hits


def cluster_run(binary, tree, run, kills, seconds):
    """On a Dask cluster of two processes, of which `kills` workers are killed on the way. Seconds, kills that hit."""
    import threading

    from distributed import Client, LocalCluster

    import starglow.survey as survey

    os.environ["STARGLOW_EXECUTABLE"] = binary
    survey.plan(tree, run)
    hits = 0
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as two, Client(two) as client:

        def kill():
            nonlocal hits
            for _ in range(kills):
                time.sleep(seconds / (kills + 1))
                pids = list(client.run(os.getpid).values())
                if pids and not stop.is_set():
                    os.kill(pids[0], signal.SIGKILL)
                    hits += 1

        stop, thread = threading.Event(), threading.Thread(target=kill)
        start = time.monotonic()
        thread.start()
        made = survey.run(run, client)
        took = time.monotonic() - start
        stop.set()
        thread.join()
    assert not made["failed"], made
    return took, hits


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--workers", type=int, default=5, help="workers of the cluster that are killed")
    parser.add_argument("--rows", type=int, default=500, help="spectra of one coadd")
    parser.add_argument("--folder", help="keeps the tree and the run there; default: a temporary one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--binary", default=str(ROOT / "build/release/starglow"))
    args = parser.parse_args()
    folder = Path(args.folder or tempfile.mkdtemp(prefix="rehearsal-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        start = time.monotonic()
        write_tree(folder / "tree", args.n, args.rows, 1)
        say(name="tree written", spectra=args.n, seconds=time.monotonic() - start)
        plan = call(args.binary, "plan", folder / "tree", "--out", folder / "run")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = call(args.binary, "run", folder / "tree", "--out", folder / "run", "--threads", args.threads)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        say(name="run", spectra=args.n, seconds=took, rate=args.n / took, core_ms_a_spectrum=1e3 * cpu / args.n)
        say(name="memory", peak_mb=after.ru_maxrss / 1e3, plan_seconds=plan)
        say(name="validate", seconds=call(args.binary, "validate", "--out", folder / "run"))
        took = call(args.binary, "merge", "--out", folder / "run", "-o", folder / "catalogue.fits")
        with fits.open(folder / "catalogue.fits") as hdus:
            flags = np.asarray(hdus["GALAXIES"].data["FLAGS"])
            rows, columns = len(flags), len(hdus["GALAXIES"].columns)
        rejects = len((folder / "run/rejects.csv").read_text().splitlines()) - 1
        assert rows + rejects == args.n
        repeated = int(np.count_nonzero(flags & (1 << 19)))
        say(name="merge", seconds=took, rows=rows, rejects=rejects, columns=columns, repeated=repeated)

        small = max(args.n // 20, 4 * args.rows)
        write_tree(folder / "small", small, args.rows, 2)
        took = call(args.binary, "run", folder / "small", "--out", folder / "whole", "--threads", 2)
        call(args.binary, "merge", "--out", folder / "whole", "-o", folder / "whole.fits")
        want = (folder / "whole.fits").read_bytes()
        hits = killed_run(args.binary, folder / "small", folder / "killed", args.kills, took / 4, 2, 3)
        call(args.binary, "merge", "--out", folder / "killed", "-o", folder / "killed.fits")
        say(name="kills", spectra=small, kills=hits, same_bytes=(folder / "killed.fits").read_bytes() == want)
        try:
            undisturbed, _ = cluster_run(args.binary, folder / "small", folder / "dask", 0, took)
            _, hits = cluster_run(args.binary, folder / "small", folder / "lost", args.workers, took)
            for run in ("dask", "lost"):
                call(args.binary, "merge", "--out", folder / run, "-o", folder / f"{run}.fits")
                same = (folder / f"{run}.fits").read_bytes() == want
                say(name=f"cluster, {run}", kills=hits if run == "lost" else 0, same_bytes=same)
            say(name="cluster, overhead", percent=100 * (undisturbed / took - 1), note="against two threads of one run")
        except ImportError as e:
            say(name="cluster", skipped=str(e))
        say(name="extrapolated, not measured", spectra=47_000_000, core_hours=cpu / args.n * 47e6 / 3600)
    finally:
        if not args.folder:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
