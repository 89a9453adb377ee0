"""Speed of the Python paths, as ratios of minima that were measured in turn in one process.

    python bench/python_speed.py [import numpy kernel twin lsdb]

Other work on the machine slows all parts alike; a ratio of minima is what repeats.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np


def minima(parts, rounds, clock=time.perf_counter):
    """{name: seconds}: the smallest of `rounds` calls each, in turn; with several clocks, a tuple of seconds each."""
    clocks = clock if isinstance(clock, tuple) else (clock,)
    best = {name: [float("inf")] * len(clocks) for name in parts}
    for work in parts.values():
        work()
    for _ in range(rounds):
        for name, work in parts.items():
            starts = [c() for c in clocks]
            work()
            best[name] = [min(b, c() - s) for b, c, s in zip(best[name], clocks, starts)]
    return {name: tuple(b) if isinstance(clock, tuple) else b[0] for name, b in best.items()}


def import_time():
    code = (
        "import time, numpy; a, b = time.perf_counter(), time.process_time(); import starglow; "
        "print(time.perf_counter() - a, time.process_time() - b)"
    )
    times = [
        [
            float(t)
            for t in subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stdout.split()
        ]
        for _ in range(20)
    ]
    print(
        "import starglow beyond numpy: {:.1f} ms, {:.1f} ms of a processor (smallest of 20)".format(
            *(1e3 * min(t) for t in zip(*times))
        )
    )


def kernel(n=100_000):
    """FFI call under jit against the NumPy call; float32 both, one thread."""
    import jax

    import starglow as sg
    from starglow.jax import kernel as sgk

    model, g = sg.Model.shipped(), sg.mock(n)
    f, z = g.band_flux.astype("f4"), g.z.astype("f4")
    jf, jz = jax.numpy.asarray(f), jax.numpy.asarray(z)
    call = jax.jit(lambda f, z: sgk.predict(model, f, z, threads=1))
    best = minima(
        {"numpy": lambda: model.predict(f, z, threads=1), "kernel": lambda: jax.block_until_ready(call(jf, jz))}, 9
    )
    print(
        f"kernel in jit against NumPy, {n} galaxies, one thread: {best['kernel'] / best['numpy']:.3f} "
        f"({1e6 * best['kernel'] / n:.2f} and {1e6 * best['numpy'] / n:.2f} us a galaxy)"
    )


def twin(n=100_000):
    """Ten K24 networks: the kernel against the twin, both under jit, on one processor."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import tempfile

    import jax

    import starglow as sg
    import starglow.jax as sgj
    from starglow.jax import kernel as sgk

    g = sg.mock(n)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "k24.safetensors"
        given = (
            Path(os.environ.get("STARGLOW_SHARED", Path(__file__).resolve().parents[1] / ".." / "shared"))
            / "data/k24_weights"
        )
        if given.exists():
            sg.import_k24(
                given / "params_of_model_with_luminosity.npy", given / "params_of_model_without_luminosity.npy"
            ).save(path)
        else:  # networks of the same shape; what they were trained on does not matter for the speed
            few = sg.mock(2000)
            ew = np.abs(sg.Model.shipped().predict(few).ew)
            sg.train(
                sg.Galaxies(few.band_flux, few.z, targetid=few.targetid, ew=ew, ew_ivar=np.ones_like(ew)),
                "k24",
                epochs=1,
                sibling_epochs=1,
            ).save(path)
        weights = sgj.load(path)
        model = sg.Model.load(path)
        f, z = jax.numpy.asarray(g.band_flux.astype("f4")), jax.numpy.asarray(g.z.astype("f4"))
        a, b = jax.jit(lambda f, z: sgk.predict(model, f, z, threads=1)), jax.jit(lambda w, f, z: sgj.predict(w, f, z))
        best = minima(
            {"kernel": lambda: jax.block_until_ready(a(f, z)), "twin": lambda: jax.block_until_ready(b(weights, f, z))},
            7,
        )
        np.testing.assert_allclose(a(f, z).ew, b(weights, f, z).ew, rtol=1e-3, atol=1e-3)
    print(
        f"twin over kernel, ten K24 networks, {n} galaxies, jit, float32, one processor: "
        f"{best['twin'] / best['kernel']:.2f} "
        f"({1e6 * best['twin'] / n:.2f} and {1e6 * best['kernel'] / n:.2f} us a galaxy)"
    )


def lsdb(n=1_000_000):
    """add_lines over an identity map_partitions, against the plain NumPy call, on the same processors."""
    import warnings

    import dask
    import pandas as pd
    import pyarrow as pa

    warnings.simplefilter("ignore")
    import lsdb as engine

    import starglow as sg
    import starglow.lsdb as sl

    model, g = sg.Model.shipped(), sg.mock(n)
    rng = np.random.default_rng(0)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(g.band_flux.ravel()), 12)
    frame = pd.DataFrame(
        {
            "ra": rng.uniform(0, 360, n),
            "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
            "TARGETID": g.targetid,
            "Z": g.z,
            "BAND_FLUX": pd.Series(pd.arrays.ArrowExtensionArray(flat)),
        }
    )
    catalog = engine.from_dataframe(frame, ra_column="ra", dec_column="dec", partition_rows=50_000)
    names = list(sl.columns_of(model))
    same = catalog.map_partitions(lambda part: part)
    lines = sl.add_lines(catalog, model)
    count = lambda c: c.map_partitions(
        lambda part: pd.DataFrame({"n": [len(part)]}), meta=pd.DataFrame({"n": pd.Series([], dtype="int64")})
    )

    def run(c):  # every partition is made and thrown away
        with dask.config.set(scheduler="threads"):
            total = sum(int(part["n"].iloc[0]) for part in dask.compute(*count(c).to_delayed()))
        assert total == n

    best = minima(
        {"numpy": lambda: model.predict(g), "same": lambda: run(same), "lines": lambda: run(lines)},
        4,
        (time.perf_counter, time.process_time),
    )
    print(
        f"LSDB, {n} rows in {catalog.npartitions} partitions, {len(names)} columns, {len(os.sched_getaffinity(0))} "
        f"processors"
    )
    for k, what in enumerate(("time", "processor time")):
        more, numpy = best["lines"][k] - best["same"][k], best["numpy"][k]
        print(f"  {what}: add_lines over identity {more:.2f} s, NumPy {numpy:.2f} s, ratio {more / numpy:.2f}")


if __name__ == "__main__":
    parts = {"import": import_time, "kernel": kernel, "twin": twin, "lsdb": lsdb}
    for name in sys.argv[1:] or ["import", "kernel", "lsdb", "twin"]:  # the twin takes a processor away: last
        parts[name]()
