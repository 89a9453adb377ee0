"""Writes docs/performance.md from what peers.py measured under each instruction set and bulk.py measured:

python bench/peers/peers.py --json v4.json
python bench/peers/peers.py --isa x86-64-v3 --json v3.json
python bench/bulk.py build/release/starglow --json bulk.json
python bench/peers/document.py v4.json v3.json bulk.json > docs/performance.md
"""

import json
import sys
import textwrap
from pathlib import Path

ways = {
    "published": "JAX, the published class's form: un-jitted vmap, line after line, `jax.nn.selu`",
    "published, SELU by hand": "the same, SELU written out",
    "jax.jit": "JAX, jit, a network a call",
    "jax.lax.map, networks stacked": "JAX, jit of `lax.map` in chunks of 512, networks stacked",
    "jax.lax.map, one network a line": "JAX, jit of `lax.map` in chunks of 512, a network a line",
    "jax.lax.map, one network a line, SELU by hand": "the same, SELU written out with e^x - 1, coarser near 0",
    "onnxruntime": "ONNX Runtime, chunks of 512",
    "scikit-learn": "scikit-learn `MLPRegressor` (relu)",
    "torch": "PyTorch, chunks of 512",
}
jacobians = ["jax.grad, jit, a line", "jax.grad, lax.map of 1000, a line", "jax.grad, lax.map of 1000, stacked"]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def number(value):
    """Three figures, thousands set apart."""
    if value >= 1000:
        digits = 10 ** max(len(str(int(value))) - 3, 0)
        return f"{round(value / digits) * digits:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def filled(text):
    """Paragraphs with lines of at most 120 characters, however long the numbers in them are."""
    parts = [textwrap.fill(p, 120, break_long_words=False, break_on_hyphens=False) for p in text.split("\n\n")]
    return "\n\n".join(parts) + "\n" * text.endswith("\n")


def main():
    *runs, bulk = (json.loads(Path(file).read_text()) for file in sys.argv[1:])
    first = runs[0]
    isas = [run["isa"] for run in runs]
    print(
        filled(f"""# Performance

Times depend on the machine, and on a shared machine on the moment; compare the ratios. `bench/peers/peers.py` runs all
methods in turn, in one process on one core, {first["rounds"]} rounds, and keeps the shortest time of each.
`bench/peers/document.py` writes this page from its results and those of `bench/bulk.py`.

{first["cpu"]}; one thread; {first["dtype"]}; batches of {first["batch"]} galaxies for the other methods, 1024 for
starglow. {", ".join(first["versions"])}. PyTorch is the build that was installed on this machine: if it comes from a
Linux distribution, without a fast matrix product, its time says little about PyTorch.
""")
    )
    if len(runs) > 1:
        print(
            filled(f"""\
With {isas[1]}, starglow uses AVX2. XLA, ONNX Runtime and OpenBLAS are told to use AVX2 too, but the matrix products of
XLA and ONNX Runtime choose their instructions at run time and still use AVX-512. Their ratios are therefore lower than
those of a library limited to AVX2.
""")
        )
    print("## Ten networks of the published shape (12-64-128-64-1, SELU): ns per galaxy and line\n")
    rows = [["**starglow**"] + [number(run["kernel"]["k24 network forward"]) for run in runs] + [""] * len(runs)]
    for name, says in ways.items():
        if all(name in run["peers"] for run in runs):
            ns = [1e9 * run["peers"][name] for run in runs]
            rows.append(
                [says]
                + [number(v) for v in ns]
                + [f"{v / run['kernel']['k24 network forward']:.2f}" for v, run in zip(ns, runs)]
            )
    print(table(["way", *isas, *[f"over starglow, {isa}" for isa in isas]], rows))
    print(
        filled("""\
All give the same numbers to 2e-5 (except scikit-learn, which has no SELU; its relu is cheaper). A forward pass has 17
216 multiply-adds and 256 exponentials. The *bound* is the time of those multiply-adds at the peak rate of the
processor, which the same program measures on registers, plus the exponentials at the speed of Highway's `Exp`:
""")
    )
    kernel = [
        ("multiply-add at the peak, ns", "multiply-add at the peak"),
        ("exponential, Highway, ns", "exp of Highway"),
        ("exponential, starglow, ns", "exp of the kernel"),
        ("forward: bound over time", "k24 network forward, fraction of the bound"),
        ("forward: multiply-adds at the peak over time", "k24 network forward, fraction of the peak"),
        ("training: multiply-adds at the peak over time", "k24 training, one network, fraction of the peak"),
        ("Jacobian over forward", "k24 jacobian over forward"),
        ("network of the shipped model, ns per galaxy", "shipped network forward"),
    ]
    print(table(["", *isas], [[says] + [f"{run['kernel'][key]:.3g}" for run in runs] for says, key in kernel]))
    print(
        "A value above 1 is possible because SELU needs its exponential only below zero, which costs less than "
        "a full one.\n"
    )

    print("## Jacobian of ten lines by twelve inputs: galaxies per second\n")
    ours = [1e9 / (10 * run["kernel"]["k24 jacobian"]) for run in runs]
    best = [1 / min(run["peers"][name] for name in jacobians) for run in runs]
    print(
        table(
            ["way", *isas],
            [
                ["**starglow**", *map(number, ours)],
                ["JAX, the fastest of three forms", *map(number, best)],
                ["starglow over JAX", *[f"{a / b:.2f}" for a, b in zip(ours, best)]],
            ],
        )
    )
    print("## Training, batch 1024, AdamW: samples per second\n")
    rows = []
    for says, key, peers in (
        ("one network", "k24 training, one network", ["jax.lax.scan"]),
        (
            "ten networks",
            "k24 training, ten networks",
            ["ten: jax.lax.scan, one after the other", "ten: jax.vmap of lax.scan"],
        ),
    ):
        a = [run["kernel"][key] for run in runs]
        b = [1 / min(run["peers"][name] for name in peers) for run in runs]
        rows += [
            [f"**starglow**, {says}", *map(number, a)],
            [
                f"JAX `lax.scan`, {says}" + (", the faster of one after the other and vmap" if len(peers) > 1 else ""),
                *map(number, b),
            ],
            ["starglow over JAX", *[f"{x / y:.2f}" for x, y in zip(a, b)]],
        ]
    print(table(["way", *isas], rows))
    print(
        filled("""## A network against local regression: microseconds per galaxy and line

The other methods search a catalogue of 23 000 galaxies. "Over the network" is the time divided by that of one network.
All use the twelve bands, as the network does.
""")
    )
    run = first
    network = run["kernel"]["k24 network forward"] / 1e3
    regressions = [
        ("authors' local regression: k = 1000, least squares for each galaxy", 1e6 * run["peers"]["llr 1000"]),
        ("a faster one in NumPy: k = 30, five components, normal equations in a batch", 1e6 * run["peers"]["llr lean"]),
        ("k-d tree and 30 neighbours on five components, SciPy", 1e6 * run["peers"]["knn tree"]),
        (
            "`starglow bench`: local regression, k = 30, of 4096 galaxies, all lines at once, per line",
            1e5 / run["verbs"]["llr"],
        ),
        (
            "`starglow bench`: k-nearest neighbours, of 4096 galaxies, all lines at once, per line",
            1e5 / run["verbs"]["knn"],
        ),
    ]
    print(
        table(
            ["way", "time", "over the network"],
            [[f"**one network, {run['isa']}**", f"{network:.3g}", "1"]]
            + [[says, f"{us:.3g}", number(us / network)] for says, us in regressions],
        )
    )
    print(
        "The last two find the neighbours once for all ten lines. Accuracy beside speed: `starglow evaluate "
        "table.fits --cv --baseline knn,llr`; the model card holds the result.\n"
    )

    print(f"## Speed of the commands: galaxies per second, one thread, `starglow bench`, {first['isa']}\n")
    says = {
        "predict": "medians, intervals, flags of the shipped model",
        "sample": "the same and 64 joint draws",
        "jacobian": "the same and the Jacobian of the medians",
        "train": "training samples, the point recipe",
        "llr": "local linear regression",
        "knn": "k-nearest neighbours",
        "mock": "a galaxy of `mock --population stars`: history to bands, lines with noise, luminosities",
        "sed": "rest SED of a star-formation history",
        "bands": "twelve bands of it, with burst and dust",
        "star-jacobian": "Jacobian of the bands by six parameters",
        "paint": "ten lines on a spectrum",
        "prep": "a spectrum of DESI, three cameras, 7781 pixels: starlight, lines, bands",
        "side-bands": "EWs of its ten lines against side bands",
    }
    print(
        table(
            ["part", "what", "rate"],
            [[f"`{name}`", says.get(name, ""), number(rate)] for name, rate in first["verbs"].items()],
        )
    )

    sample = 1e6 / first["verbs"]["sample"]
    fastest, published = (10 * 1e6 * first["peers"][name] for name in ("jax.lax.map, one network a line", "published"))
    print(
        filled(f"""\
The joint distribution costs about as much as single predictions: medians, intervals, flags and 64 joint draws of the
shipped model take {sample:.3g} microseconds per galaxy; single predictions by ten networks of the published shape take
{fastest:.3g} in JAX's compiled form with `jax.nn.selu`, and {published:.3g} in the published class's form.
""")
    )
    print(f"## Tables of any length, {bulk['threads']} threads\n")
    print(
        table(
            ["command", "rows", "CPU, microseconds per row", "peak memory, MB"],
            [[r["verb"], number(r["rows"]), f"{r['cpu_us']:.3g}", f"{r['memory_mb']:.0f}"] for r in bulk["runs"]],
        )
    )
    print(
        filled("""\
The columns are identical for 1, 2 and 7 threads and for chunks of 1, 7 and 4096 rows; `bulk.py` stops if they are not.

More comparisons: with DSPS ([Stars](stars.md), `bench/dsps_speed.py`); in JAX and NumPy ([JAX](jax.md),
`bench/ffi_twin.py`, `bench/python_speed.py`); of the map with umap-learn ([The map](map.md), `bench/map_peer.py`).
Every `./check` counts the instructions of the main paths with callgrind (`tests/budgets`).""")
    )


if __name__ == "__main__":
    main()
