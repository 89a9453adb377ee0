"""The map against umap-learn in one run: time of making it and of putting new galaxies into it, and how good both are.

    python -m pip install umap-learn==0.5.9.post2 scikit-learn==1.9.1 astropy==8.0.2
    python bench/map_peer.py build/release/starglow [table.fits]

One thread each, CPU seconds, umap-learn compiled before timing. Without a table: galaxies of `starglow mock`, of which
100,000 are also mapped (--large). "Moved": fit three quarters of the galaxies, put the last quarter into that map, and
compare with the map of all of them, laid over the first one by a similarity (Procrustes); median distance in units of
the map's rms radius, mean over three seeds up to 10,000 galaxies: one seed differs from the next by a tenth."""

import argparse
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

os.environ["NUMBA_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import umap
from astropy.io import fits
from astropy.table import Table
from sklearn.manifold import trustworthiness

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("program")
parser.add_argument("table", nargs="?")
parser.add_argument("--large", action="store_true", help="also 100,000 mock galaxies (minutes)")
given = parser.parse_args()
folder = Path(tempfile.mkdtemp())


def starglow(*arguments):
    """CPU seconds of one call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([given.program, *map(str, arguments), "--threads", "1"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def features(flux, of=None):
    """Standardised by their own means and standard deviations, or by those of another table."""
    x, other = (
        y - y.mean(axis=1, keepdims=True)
        for y in (np.log10(np.asarray(f, dtype=np.float64)) for f in (flux, flux if of is None else of))
    )
    return (x - other.mean(axis=0)) / other.std(axis=0)


def peer(x, seed=1):
    before = time.process_time()
    fitted = umap.UMAP(n_neighbors=15, min_dist=0.1, random_state=seed).fit(x)
    return fitted, time.process_time() - before


def moved(first, joint, placed, n):
    """Of the galaxies from n on: `placed` in the map `first` of the others, against `joint`, the map of all."""
    a, b = first - first.mean(0), joint[:n] - joint[:n].mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    turn, scale = u @ vt, s.sum() / (b**2).sum()
    expected = (joint[n:] - joint[:n].mean(0)) @ turn * scale + first.mean(0)
    return np.median(np.hypot(*(placed - expected).T)) / np.sqrt((a**2).sum(1).mean())


def compare(name, path):
    table = Table.read(path, hdu=1)
    for key in ("CHECKSUM", "DATASUM"):  # of the whole table, not of its parts
        table.meta.pop(key, None)
    x = features(table["BAND_FLUX"])
    n = len(x) * 3 // 4
    table[:n].write(folder / "first.fits", overwrite=True)
    table[n:].write(folder / "rest.fits", overwrite=True)
    rest = len(x) - n
    far = []
    for seed in (1, 2, 3) if len(x) <= 10000 else (1,):
        options = ("--overwrite", "--seed", seed)
        own = [starglow("embed", path, "-o", folder / "all_out.fits", *options)]
        starglow(
            "embed",
            folder / "first.fits",
            "-o",
            folder / "first_out.fits",
            "--save-map",
            folder / "map.safetensors",
            *options,
        )
        own.append(
            starglow(
                "embed",
                folder / "rest.fits",
                "--map",
                folder / "map.safetensors",
                "-o",
                folder / "rest_out.fits",
                *options,
            )
        )
        ours = {
            key: np.asarray(fits.getdata(folder / f"{key}_out.fits", 1)["UMAP"]) for key in ("all", "first", "rest")
        }
        fitted, made = peer(x, seed)
        first, _ = peer(x[:n], seed)
        before = time.process_time()
        placed = first.transform(x[n:])
        others = [made, time.process_time() - before]
        far.append(
            (moved(ours["first"], ours["all"], ours["rest"], n), moved(first.embedding_, fitted.embedding_, placed, n))
        )
        if seed == 1 and len(x) <= 10000:
            many = Table.read(folder / "many.fits", hdu=1)["BAND_FLUX"]
            fresh = features(many, table["BAND_FLUX"][:n])
            mass = [
                starglow(
                    "embed",
                    folder / "many.fits",
                    "--map",
                    folder / "map.safetensors",
                    "-o",
                    folder / "many_out.fits",
                    *options,
                )
            ]
            before = time.process_time()
            first.transform(fresh)
            mass.append(time.process_time() - before)
        if seed == 1:
            seconds, peer_seconds, maps = own, others, (ours["all"], fitted.embedding_)
    some = np.random.default_rng(1).choice(len(x), min(len(x), 5000), replace=False)
    print(f"{name}: {len(x)} galaxies; umap-learn {umap.__version__}, {given.program}")
    print(f"{'':24}{'starglow':>12}{'umap-learn':>12}{'ratio':>9}")
    row = lambda what, a, b, ratio: print(f"{what:24}{a:12.4g}{b:12.4g}{ratio:9.3g}", flush=True)
    row("make the map (s)", seconds[0], peer_seconds[0], peer_seconds[0] / seconds[0])
    row("place new ones (1/s)", rest / seconds[1], rest / peer_seconds[1], peer_seconds[1] / seconds[1])
    if len(x) <= 10000:
        row(f"place {len(many)} (1/s)", len(many) / mass[0], len(many) / mass[1], mass[1] / mass[0])
    trust = [trustworthiness(x[some], y[some], n_neighbors=15) for y in maps]
    row("trustworthiness(15)", *trust, trust[0] / trust[1])
    far = np.mean(far, axis=0)
    row("moved", *far, far[0] / far[1])


umap.UMAP(n_epochs=20, random_state=1).fit(np.random.default_rng(0).normal(size=(500, 12)))  # compile
umap.UMAP(n_epochs=20, random_state=1).fit(np.random.default_rng(0).normal(size=(500, 12))).transform(np.zeros((3, 12)))
starglow("mock", "-n", 20000, "--first-id", 1000001, "--seed", 9, "-o", folder / "many.fits")
if given.table:
    compare(Path(given.table).name, given.table)
else:
    starglow("mock", "-n", 4000, "-o", folder / "mock.fits")
    compare("mock", folder / "mock.fits")
if given.large:
    starglow("mock", "-n", 100000, "-o", folder / "large.fits")
    compare("mock", folder / "large.fits")
