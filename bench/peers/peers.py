"""Speed of starglow beside other ways to the same numbers: one process after the other on one thread, each way measured
in turn, in rounds, the smallest time of each kept. Prints all times as JSON, with versions, hardware and batch;
document.py makes docs/performance.md of it.

The ways:
  published    the published class as its description says: weights (out, in), a network a line, un-jitted vmap over the
  galaxies, line after line jax.jit      all galaxies at once, one compiled call a line jax.lax.map  chunks of 512
  galaxies inside one compiled call for all ten lines; also with a SELU by hand, e^x - 1 for expm1, which is coarser
  near 0 onnxruntime  the ten networks as ONNX graphs of MatMul, Add, Selu torch        the same as
  torch.nn.functional.linear and selu scikit-learn MLPRegressor's own forward pass (relu: it has no SELU) llr 1000
  local linear regression as the authors do it: KD-tree, k = 1000, weights 1/d, least squares for each galaxy llr lean
  the same with k = 30 on five components, batched normal equations in NumPy knn tree     k-d tree, k = 30, weights 1/d,
  five components
The networks have the shape of K24 (12-64-128-64-1, SELU) and random weights, which change no time. All outputs are
compared first."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

THREADS = "1"
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = THREADS
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})  # one core, for every thread that a library may start

import itertools

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SIZES, LINES, BATCH, TRAIN_BATCH, CATALOGUE = [12, 64, 128, 64, 1], 10, 20480, 1024, 23000
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772


def weights(rng):
    return [
        [
            (rng.normal(0, 0.1, (i, o)).astype("f4"), rng.normal(0, 0.1, o).astype("f4"))
            for i, o in itertools.pairwise(SIZES)
        ]
        for _ in range(LINES)
    ]


def reference(net, x):
    for k, (w, b) in enumerate(net):
        x = x @ w.astype("f8") + b
        if k + 1 < len(net):
            x = SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0)))
    return x[:, 0]


def jax_ways(nets, x):
    import jax
    import jax.numpy as jnp

    nets = [[(jnp.asarray(w), jnp.asarray(b)) for w, b in net] for net in nets]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *nets)
    xj = jnp.asarray(x)

    def forward(net, x):
        for w, b in net[:-1]:
            x = jax.nn.selu(jnp.dot(x, w) + b)
        return (jnp.dot(x, net[-1][0]) + net[-1][1])[..., 0]

    as_published = [[(w.T, b) for w, b in net] for net in nets]

    def selu_by_hand(x):
        return SCALE * jnp.where(x > 0, x, ALPHA * jnp.exp(x) - ALPHA)

    def published(net, x, selu):  # of one galaxy
        for w, b in net[:-1]:
            x = selu(jnp.dot(w, x) + b)
        return (jnp.dot(net[-1][0], x) + net[-1][1])[0]

    def un_jitted(selu):
        one_network = jax.vmap(lambda net, x: published(net, x, selu), (None, 0))
        return lambda: np.stack([np.asarray(one_network(net, xj)) for net in as_published])

    def forward_by_hand(net, x):
        for w, b in net[:-1]:
            x = selu_by_hand(jnp.dot(x, w) + b)
        return (jnp.dot(x, net[-1][0]) + net[-1][1])[..., 0]

    one_line = jax.jit(forward)
    in_chunks = jax.jit(
        lambda nets, x: jax.lax.map(lambda c: jax.vmap(forward, (0, None))(nets, c), x.reshape(-1, 512, SIZES[0]))
    )
    in_chunks_by_line = jax.jit(
        lambda nets, x: [
            jax.lax.map(lambda c, n=n: forward(n, c), x.reshape(-1, 512, SIZES[0])).reshape(-1) for n in nets
        ]
    )
    by_hand = jax.jit(
        lambda nets, x: [
            jax.lax.map(lambda c, n=n: forward_by_hand(n, c), x.reshape(-1, 512, SIZES[0])).reshape(-1) for n in nets
        ]
    )
    ways = {
        "published": un_jitted(jax.nn.selu),
        "published, SELU by hand": un_jitted(selu_by_hand),
        "jax.jit": lambda: np.stack([np.asarray(one_line(net, xj)) for net in nets]),
        "jax.lax.map, one network a line": lambda: np.stack([np.asarray(y) for y in in_chunks_by_line(nets, xj)]),
        "jax.lax.map, one network a line, SELU by hand": lambda: np.stack([np.asarray(y) for y in by_hand(nets, xj)]),
        "jax.lax.map, networks stacked": lambda: (
            np.asarray(in_chunks(stacked, xj)).transpose(1, 0, 2).reshape(LINES, -1)
        ),
    }
    gradient = jax.grad(lambda x, net: forward(net, x))
    one_gradient = jax.jit(jax.vmap(gradient, (0, None)))
    chunks = xj[:20000].reshape(-1, 1000, SIZES[0])
    by_chunk = jax.jit(lambda net, x: jax.lax.map(lambda c: jax.vmap(gradient, (0, None))(c, net), x))
    all_at_once = jax.jit(
        lambda nets, x: jax.lax.map(lambda c: jax.vmap(lambda n: jax.vmap(gradient, (0, None))(c, n))(nets), x)
    )
    jacobians = {
        "jax.grad, jit, a line": (lambda: [np.asarray(one_gradient(xj, net)) for net in nets], len(x)),
        "jax.grad, lax.map of 1000, a line": (lambda: [np.asarray(by_chunk(net, chunks)) for net in nets], 20000),
        "jax.grad, lax.map of 1000, stacked": (lambda: np.asarray(all_at_once(stacked, chunks)), 20000),
    }

    # Adam by hand, as optax does it; steps in one compiled scan.
    steps = 16
    xs = jnp.asarray(np.random.default_rng(5).normal(size=(steps, TRAIN_BATCH, SIZES[0])).astype("f4"))
    ys = jnp.zeros((steps, TRAIN_BATCH), "f4")

    def step(carry, batch):
        net, m, v, t = carry
        xb, yb = batch
        g = jax.grad(lambda n: jnp.mean((forward(n, xb) - yb) ** 2))(net)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        net = jax.tree.map(
            lambda p, m, v: p - 1e-4 * (m / (1 - 0.9**t) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8) + 1e-3 * p), net, m, v
        )
        return (net, m, v, t), None

    def begin(net):
        zeros = jax.tree.map(jnp.zeros_like, net)
        return net, zeros, zeros, jnp.float32(0)

    scan = jax.jit(lambda carry: jax.lax.scan(step, carry, (xs, ys))[0])
    scan_ten = jax.jit(lambda carry: jax.vmap(lambda c: jax.lax.scan(step, c, (xs, ys))[0])(carry))
    one, ten = begin(nets[0]), jax.vmap(begin)(stacked)
    training = {
        "jax.lax.scan": (lambda: jax.block_until_ready(scan(one)), steps * TRAIN_BATCH),
        "ten: jax.lax.scan, one after the other": (
            lambda: [jax.block_until_ready(scan(begin(net))) for net in nets],
            steps * TRAIN_BATCH,
        ),
        "ten: jax.vmap of lax.scan": (lambda: jax.block_until_ready(scan_ten(ten)), steps * TRAIN_BATCH),
    }
    return ways, jacobians, training, f"JAX {jax.__version__}"


def onnx_way(nets, x):
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    sessions = []
    for net in nets:
        nodes, constants, name = [], [], "x"
        for k, (w, b) in enumerate(net):
            constants += [numpy_helper.from_array(w, f"w{k}"), numpy_helper.from_array(b, f"b{k}")]
            nodes.append(helper.make_node("Gemm", [name, f"w{k}", f"b{k}"], [f"g{k}"]))
            name = f"g{k}"
            if k + 1 < len(net):
                nodes.append(helper.make_node("Selu", [name], [f"s{k}"]))
                name = f"s{k}"
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, SIZES[0]])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1])],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        sessions.append(ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]))
    chunks = [x[i : i + 512] for i in range(0, len(x), 512)]
    return lambda: np.stack(
        [np.concatenate([s.run(None, {"x": c})[0][:, 0] for c in chunks]) for s in sessions]
    ), f"ONNX Runtime {ort.__version__}"


def sklearn_way(nets, x):
    import sklearn
    from sklearn.neural_network import MLPRegressor

    models = []
    for net in nets:
        model = MLPRegressor(SIZES[1:-1], max_iter=1)
        model._validate_params = lambda: None
        model.coefs_, model.intercepts_ = [w for w, _ in net], [b for _, b in net]
        model.n_layers_, model.out_activation_, model.n_outputs_, model.n_features_in_ = (
            len(SIZES),
            "identity",
            1,
            SIZES[0],
        )
        models.append(model)
    return lambda: np.stack([m.predict(x) for m in models]), f"scikit-learn {sklearn.__version__}"


def regressions(x, rng):
    """x: galaxies asked; returns {name: (work, galaxies)} of one line."""
    from scipy.spatial import cKDTree

    known, target = rng.normal(size=(CATALOGUE, 12)), rng.normal(size=CATALOGUE)
    asked = x.astype("f8")
    _, _, axes = np.linalg.svd(known - known.mean(0), full_matrices=False)
    five, asked_five = known @ axes[:5].T, asked @ axes[:5].T
    tree, tree5 = cKDTree(known), cKDTree(five)

    def authors(n=40, k=1000):
        out = []
        for row in asked[:n]:
            d, i = tree.query(row[None], k)
            w = np.sqrt(1 / np.maximum(d[0], 1e-12))[:, None]
            design = np.concatenate([np.ones((k, 1)), known[i[0]]], 1)
            beta = np.linalg.lstsq(w * design, w[:, 0] * target[i[0]], rcond=None)[0]
            out.append(beta[0] + row @ beta[1:])
        return np.array(out)

    def lean(n=1024, k=30):
        d, i = tree5.query(asked_five[:n], k)
        w = 1 / np.maximum(d, 1e-12)
        design = np.concatenate([np.ones((n, k, 1)), five[i]], 2)
        left = np.einsum("nki,nk,nkj->nij", design, w, design)
        right = np.einsum("nki,nk->ni", design, w * target[i])
        beta = np.linalg.solve(left, right[..., None])[..., 0]
        return beta[:, 0] + (beta[:, 1:] * asked_five[:n]).sum(1)

    def neighbours(n=1024, k=30):
        d, i = tree5.query(asked_five[:n], k)
        w = 1 / np.maximum(d, 1e-12)
        return (w * target[i]).sum(1) / w.sum(1)

    return {"llr 1000": (authors, 40), "llr lean": (lean, 1024), "knn tree": (neighbours, 1024)}


TORCH = """
import json, sys, time
import numpy as np, torch
torch.set_num_threads(1)
data = np.load(sys.argv[1])
x = torch.from_numpy(data["x"])
def layer(n, k):
    return torch.from_numpy(np.ascontiguousarray(data[f"w{n}_{k}"].T)), torch.from_numpy(data[f"b{n}_{k}"])
nets = [[layer(n, k) for k in range(4)] for n in range(10)]
def forward(net, x):
    for w, b in net[:-1]:
        x = torch.selu(torch.nn.functional.linear(x, w, b))
    return torch.nn.functional.linear(x, *net[-1])[:, 0]
chunks = x.split(512)
with torch.inference_mode():
    def work(): return [torch.cat([forward(net, c) for c in chunks]) for net in nets]
    out = np.stack([y.numpy() for y in work()])
    best, end = 1e9, time.perf_counter() + float(sys.argv[2])
    while time.perf_counter() < end:
        start = time.perf_counter(); work(); best = min(best, time.perf_counter() - start)
print(json.dumps({"seconds": best, "version": torch.__version__, "sum": float(np.abs(out - data["y"]).max())}))
"""


def torch_way(nets, x, expected, seconds, folder):
    """In the first Python that has torch: this one, else the system's (Debian: python3-torch)."""
    arrays = (
        {"x": x, "y": expected}
        | {f"w{n}_{k}": w for n, net in enumerate(nets) for k, (w, _) in enumerate(net)}
        | {f"b{n}_{k}": b for n, net in enumerate(nets) for k, (_, b) in enumerate(net)}
    )
    file = Path(folder) / "torch.npz"
    np.savez(file, **arrays)
    for python in (sys.executable, "/usr/bin/python3"):
        run = subprocess.run([python, "-c", TORCH, str(file), str(seconds)], capture_output=True, text=True)
        if run.returncode == 0:
            return json.loads(run.stdout)
    return None


def kernels(binary, isa, seconds):
    run = subprocess.run(
        [binary, str(seconds)], env=os.environ | {"STARGLOW_ISA": isa}, capture_output=True, text=True, check=True
    )
    return {r["name"]: r["value"] for r in map(json.loads, run.stdout.splitlines())}


def cpu():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--kernels", default=str(ROOT / "build/release/bench/bench_kernels"))
    parser.add_argument("--starglow", default=str(ROOT / "build/release/starglow"))
    parser.add_argument(
        "--isa",
        default="",
        help="x86-64-v3 restricts the peers to AVX2 likewise (XLA_FLAGS, ONNX and BLAS where they can be)",
    )
    parser.add_argument("--json", help="also write all numbers here")
    args = parser.parse_args()
    if args.isa == "x86-64-v3":
        os.environ["XLA_FLAGS"] += " --xla_cpu_max_isa=AVX2"
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"
        os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
        os.environ["DNNL_MAX_CPU_ISA"] = "AVX2"
    isa = args.isa or "x86-64-v4"
    import tempfile

    rng = np.random.default_rng(1)
    nets, x = weights(rng), rng.normal(size=(BATCH, SIZES[0])).astype("f4")
    expected = np.stack([reference(net, x.astype("f8")) for net in nets])
    ways, jacobians, training, jax_version = jax_ways(nets, x)
    ways["onnxruntime"], onnx_version = onnx_way(nets, x)
    versions = [jax_version, onnx_version]
    for name, work in ways.items():
        assert np.abs(work() - expected).max() < 2e-5, name
    ways["scikit-learn"], version = sklearn_way(nets, x)
    versions.append(version)
    import scipy

    versions += [f"NumPy {np.__version__}", f"SciPy {scipy.__version__}"]
    units = {name: (work, BATCH * LINES) for name, work in ways.items()}
    units |= {name: (work, n) for name, (work, n) in jacobians.items()}
    units |= {name: (work, n) for name, (work, n) in training.items()}
    units |= regressions(x, rng)
    best = {name: float("inf") for name in units}
    own = {}
    for _ in range(args.rounds):
        for name, (work, n) in units.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], (time.perf_counter() - start) / n)
        for name, value in kernels(args.kernels, isa, 0.6).items():
            better = max if "samples/s" in name or "training" in name else min
            own[name] = better(own.get(name, value), value)
    with tempfile.TemporaryDirectory() as folder:
        torch = torch_way(nets, x, expected, 0.4 * args.rounds, folder)
    if torch:
        assert torch["sum"] < 2e-5
        best["torch"] = torch["seconds"] / (BATCH * LINES)
        versions.append(f"PyTorch {torch['version']}")
    program = subprocess.run(
        [args.starglow, "bench", "--json", "--threads", "1", "--isa", isa, "--seconds", "1"],
        capture_output=True,
        text=True,
        check=True,
    )
    verbs = {r["name"]: r["value"] for r in map(json.loads, program.stdout.splitlines())}
    result = {
        "cpu": cpu(),
        "isa": isa,
        "threads": 1,
        "dtype": "float32",
        "batch": BATCH,
        "rounds": args.rounds,
        "versions": versions,
        "peers": best,
        "kernel": own,
        "verbs": verbs,
        "torch": bool(torch),
    }
    print(json.dumps(result, indent=1))
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
