"""Fine-tuning in JAX: a model that has not seen RESOLVE learns from half of it, with half of the DESI galaxies beside.

    python bench/fine_tuning.py DESI.fits RESOLVE.fits [--steps 300] [--json]

Scores (mean CRPS of asinh EW over the lines, and mean Spearman) are of the other halves, before and after.
"""

import argparse
import json

import jax
import numpy as np
import optax

import starglow as sg
import starglow.jax as sgj


def halves(table):
    """By a hash of the id: the half to learn from, and the other."""
    odd = (table.targetid.astype("u8") * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)) % np.uint64(2) == 1
    return table[odd], table[~odd]


def score(model, table):
    result = sg.evaluate(table, model, draws=64, seed=1)
    lines = result.points["predictions"][0]["lines"]
    return {
        "crps": result.distributions["distributions"][0]["mean_crps"],
        "rho": float(np.mean([line["rho"] for line in lines.values()])),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("desi")
    parser.add_argument("resolve")
    parser.add_argument("--model", default="joint-0.1", help="trained without RESOLVE")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    desi, desi_other = halves(sg.read_table(given.desi))
    resolve, resolve_other = halves(sg.read_table(given.resolve))
    weights = sgj.load(given.model)
    old = sgj.labels(weights, desi, preset="joint-bgs")
    new = sgj.labels(weights, resolve, preset="every-kind")
    p = sgj.parameters(weights)
    optimiser = optax.adam(optax.cosine_decay_schedule(given.rate, given.steps))
    state = optimiser.init(p)

    @jax.jit
    def step(p, state, key):
        pick = [jax.random.choice(k, len(t), (given.batch,)) for k, t in zip(jax.random.split(key), (old, new))]
        both = sgj.join(old[pick[0]], new[pick[1]])
        loss, slope = jax.value_and_grad(lambda p: -sgj.log_likelihood(sgj.with_parameters(weights, p), both).mean())(p)
        updates, state = optimiser.update(slope, state)
        return optax.apply_updates(p, updates), state, loss

    losses = []
    for key in jax.random.split(jax.random.key(1), given.steps):
        p, state, loss = step(p, state, key)
        losses.append(float(loss))
    tuned = sgj.to_model(sgj.with_parameters(weights, p), tuned="on RESOLVE")
    before = sg.Model.shipped("0.1") if given.model == "joint-0.1" else sg.Model.load(given.model)
    out = {
        "loss": [float(np.mean(losses[:20])), float(np.mean(losses[-20:]))],
        "RESOLVE": {"before": score(before, resolve_other), "after": score(tuned, resolve_other)},
        "DESI": {"before": score(before, desi_other), "after": score(tuned, desi_other)},
    }
    print(json.dumps(out, indent=None if given.json else 1))
