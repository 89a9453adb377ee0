"""The ways into the model from Python, timed beside each other: NumPy call, JAX twin and, where it is built in, the XLA
call of the C++ kernel.

    taskset -c 0 python bench/ffi_twin.py k24.safetensors [--n 100000] [--repeat 7]

One thread, one batch, interleaved; the smallest time of each counts. Prints JSON lines {name, value, unit} and ratios.
"""

import argparse
import json
import os
import time

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax
import numpy as np

import starglow as sg
import starglow.jax as sgj


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="a model file: kind k24 for the comparison with the published networks")
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    galaxies = sg.mock(given.n, seed=1)
    flux, z = np.asarray(galaxies.band_flux, np.float32), np.asarray(galaxies.z, np.float32)
    model, weights = sg.Model.load(given.model), sgj.load(given.model, dtype="float32")
    on_device = jax.device_put(flux), jax.device_put(z)
    whole = jax.jit(lambda f, zz: sgj.predict(weights, f, zz).ew)
    size = next(k for k in range(min(512, given.n), 0, -1) if given.n % k == 0)
    parts = jax.jit(
        lambda f, zz: jax.lax.map(
            lambda a: sgj.predict(weights, *a).ew, (f.reshape(-1, size, 12), zz.reshape(-1, size))
        ).reshape(-1, 10)
    )
    ways = {
        "numpy": lambda: model.predict(flux, z, threads=1).ew,
        "twin": lambda: whole(*on_device).block_until_ready(),
        f"twin, lax.map of {size}": lambda: parts(*on_device).block_until_ready(),
    }
    try:
        from starglow.jax import kernel
    except ImportError:
        kernel = None
    if kernel is not None:
        call = jax.jit(lambda f, zz: kernel.predict(model, f, zz).ew)
        ways["kernel"] = lambda: call(*on_device).block_until_ready()
    best = dict.fromkeys(ways, np.inf)
    for run in ways.values():
        run()
    for _ in range(given.repeat):
        for name, run in ways.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    for name, seconds in best.items():
        print(
            json.dumps({"name": name, "value": given.n / seconds, "unit": "galaxies/s", "threads": 1, "batch": given.n})
        )
    for twin in (name for name in best if name.startswith("twin")):
        for name in ("numpy", "kernel"):
            if name in best:
                print(
                    json.dumps(
                        {"name": f"{name} against {twin}", "value": best[twin] / best[name], "unit": "times as fast"}
                    )
                )
    if "kernel" in best:
        print(
            json.dumps({"name": "kernel against numpy", "value": best["kernel"] / best["numpy"], "unit": "of its time"})
        )


if __name__ == "__main__":
    main()
