"""Speed of starglow's starlight beside DSPS, one thread, in the same run on the same processor.

    python -m venv venv && venv/bin/pip install -r bench/requirements.txt
    venv/bin/python bench/dsps_speed.py build/release/starglow

DSPS in two ways: as shipped, its functions under jit(vmap), and in careful form, its weights followed by one matrix
product over the batch. Float64, 22 metallicities x 94 ages x 1963 wavelengths, histories of 100 points, burst, dust.
Rounds are interleaved and the best rate of each is taken, since other work on the machine only slows.
"""

import json
import os
import subprocess
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})

import jax

jax.config.update("jax_enable_x64", True)
import itertools

import jax.numpy as jnp
import numpy as np
from dsps import calc_rest_sed_sfh_table_lognormal_mdf
from dsps.dust.att_curves import _frac_transmission_from_k_lambda, sbl18_k_lambda
from dsps.photometry.photometry_kernels import calc_obs_mag
from dsps.sed.metallicity_weights import calc_lgmet_weights_from_lognormal_mdf
from dsps.sed.stellar_age_weights import calc_age_weights_from_sfh_table
from dsps.sfh.diffburst import calc_bursty_age_weights

N, ROUNDS, SECONDS = 256, 3, 1.0
T = jnp.linspace(0.1, 13.8, 100)
LGMET, LG_AGE = jnp.array(-3.7 + 0.108 * np.arange(22)), jnp.array(-3.5 + 0.05 * np.arange(94))
WAVE = jnp.array(np.exp(np.linspace(np.log(1000), np.log(20000), 1963)))
FLUX = (
    1e-14
    * (WAVE / 5000)[None, None] ** (2 - 0.02 * jnp.arange(94))[None, :, None]
    * 10 ** (-0.7 * LG_AGE)[None, :, None]
)
FLUX = jnp.array(jnp.broadcast_to(FLUX, (22, 94, 1963)))
FLAT = FLUX.reshape(-1, 1963)
SAMPLES = jnp.arange(3400.0, 7000.0)
TO_BANDS = np.zeros((12, 1963))  # the band means as a matrix, for the careful form
for k, x in enumerate(np.arange(3400.0, 7000.0)):
    i = int(np.searchsorted(WAVE, x, side="right")) - 1
    u = (x - WAVE[i]) / (WAVE[i + 1] - WAVE[i])
    TO_BANDS[k // 300, i] += (1 - u) / 300 * 2.99792458e18 / WAVE[i] ** 2
    TO_BANDS[k // 300, i + 1] += u / 300 * 2.99792458e18 / WAVE[i + 1] ** 2
TO_BANDS = jnp.array(TO_BANDS)
MICRON = WAVE * 1e-4
FILTERS = [jnp.linspace(c - 700, c + 700, 101) for c in (4750.0, 6200.0, 7550.0, 8700.0, 9600.0)]
TRANS = [0.6 / (1 + ((w - w.mean()) / 600) ** 20) for w in FILTERS]
COSMO = (0.3, -1.0, 0.0, 0.7)


def inputs(seed=1):
    rng = np.random.default_rng(seed)
    t = np.array(T)
    sfr = t * np.exp(-t / 10 ** rng.uniform(0, 0.8, (N, 1))) * rng.uniform(0.5, 5, (N, 1))
    p = np.column_stack(
        [
            rng.uniform(-2.4, -1.4, N),
            np.full(N, 0.15),
            rng.uniform(0, 1.5, N),
            rng.uniform(-0.5, 0.2, N),
            rng.uniform(-4, -1, N),
            rng.uniform(6, 7.8, N),
        ]
    )
    return jnp.array(sfr), jnp.array(p), jnp.array(rng.uniform(9, 13, N)), jnp.array(rng.uniform(0.06, 0.3, N))


def age_weights(sfr, p, t_obs):
    return calc_bursty_age_weights(
        (p[4], p[5], p[5] + 1), calc_age_weights_from_sfh_table(T, sfr, LG_AGE, t_obs), LG_AGE
    )


def mass(sfr, t_obs):
    steps = jnp.diff(T) * (sfr[1:] + sfr[:-1]) / 2 * 1e9
    return jnp.interp(t_obs, T, jnp.concatenate([jnp.zeros(1), jnp.cumsum(steps)]))


def transmission(p):
    return _frac_transmission_from_k_lambda(sbl18_k_lambda(MICRON, 0.85 - 1.9 * p[3], p[3]), p[2])


def dusty_sed(sfr, p, t_obs):
    w = calc_lgmet_weights_from_lognormal_mdf(p[0], p[1], LGMET)[:, None] * age_weights(sfr, p, t_obs)[None]
    return mass(sfr, t_obs) * jnp.sum(FLUX * w[:, :, None], (0, 1)) * transmission(p)


def means(sed):
    return jnp.interp(SAMPLES, WAVE, sed * 2.99792458e18 / WAVE**2).reshape(12, 300).mean(1)


def weights(sfr, p, t_obs, burst=True):
    met = calc_lgmet_weights_from_lognormal_mdf(p[0], p[1], LGMET)
    age = age_weights(sfr, p, t_obs) if burst else calc_age_weights_from_sfh_table(T, sfr, LG_AGE, t_obs)
    return mass(sfr, t_obs) * (met[:, None] * age[None]).ravel()


def careful_sed(sfr, p, t_obs):
    return (jax.vmap(weights)(sfr, p, t_obs) @ FLAT) * jax.vmap(transmission)(p)


def network(seed=2):
    rng = np.random.default_rng(seed)
    sizes = (12, 64, 64, 10)
    return [(jnp.array(rng.normal(0, 0.2, (a, b))), jnp.zeros(b)) for a, b in itertools.pairwise(sizes)]


LAYERS = network()


def lines_and_magnitudes(bands, sed, z, key):
    x = jnp.concatenate([jnp.diff(jnp.log10(bands)), jnp.log10(bands[9:10])])
    for i, (w, b) in enumerate(LAYERS):
        x = x @ w + b
        x = jax.nn.selu(x) if i < 2 else x
    ew = jnp.sinh(x) + 0.3 * jax.random.normal(key, (10,))
    return ew, jnp.array([calc_obs_mag(WAVE, sed, f, t, z, *COSMO) for f, t in zip(FILTERS, TRANS)])


def mock_one(sfr, p, t_obs, z, key):
    sed = dusty_sed(sfr, p, t_obs)
    return lines_and_magnitudes(means(sed), sed, z, key)


def mock_careful(sfr, p, t_obs, z, key):
    sed = careful_sed(sfr, p, t_obs)
    return jax.vmap(lines_and_magnitudes)(sed @ TO_BANDS.T, sed, z, key)


def jacobian_careful(sfr, p, t_obs):
    f = lambda q: careful_sed(sfr, q, t_obs) @ TO_BANDS.T
    return [jax.jvp(f, (p,), (jnp.zeros_like(p).at[:, k].set(1.0),))[1] for k in range(6)]


def main():
    sfr, p, t_obs, z = inputs()
    keys = jax.random.split(jax.random.PRNGKey(0), N)
    shipped_sed = jax.jit(
        jax.vmap(
            lambda s, q, t: calc_rest_sed_sfh_table_lognormal_mdf(T, s, q[0], q[1], LGMET, LG_AGE, FLUX, t).rest_sed
        )
    )
    few = 32  # galaxies a call of what is slow
    all_of, some, eight = (
        (sfr, p, t_obs, z, keys),
        (sfr[:few], p[:few], t_obs[:few], z[:few], keys[:few]),
        (sfr[:8], p[:8], t_obs[:8]),
    )
    # Functions of their inputs, so that the compiler folds nothing.
    paths = {
        ("sed", "as shipped"): (few, shipped_sed, some[:3]),
        ("sed", "careful"): (
            N,
            jax.jit(lambda s, q, t: jax.vmap(lambda *a: weights(*a, burst=False))(s, q, t) @ FLAT),
            all_of[:3],
        ),
        ("bands", "as shipped"): (few, jax.jit(jax.vmap(lambda *a: means(dusty_sed(*a)))), some[:3]),
        ("bands", "careful"): (N, jax.jit(lambda *a: careful_sed(*a) @ TO_BANDS.T), all_of[:3]),
        ("star-jacobian", "as shipped"): (
            8,
            jax.jit(jax.vmap(jax.jacfwd(lambda s, q, t: means(dusty_sed(s, q, t)), argnums=1))),
            eight,
        ),
        ("star-jacobian", "careful"): (N, jax.jit(jacobian_careful), all_of[:3]),
        ("mock", "as shipped"): (few, jax.jit(jax.vmap(mock_one)), some),
        ("mock", "careful"): (N, jax.jit(mock_careful), all_of),
    }
    best = {}
    for _, work, arguments in paths.values():
        jax.block_until_ready(work(*arguments))
    for _ in range(ROUNDS):
        for path, (n, work, arguments) in paths.items():
            end = time.perf_counter() + SECONDS
            while True:
                start = time.perf_counter()
                jax.block_until_ready(work(*arguments))
                best[path] = max(best.get(path, 0), n / (time.perf_counter() - start))
                if time.perf_counter() > end:
                    break
        run = subprocess.run(
            [
                sys.argv[1],
                "bench",
                "--json",
                "--threads",
                "1",
                "-n",
                "4096",
                "--seconds",
                str(SECONDS),
                "--only",
                "mock,sed,bands,star-jacobian",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        for line in run.stdout.splitlines():
            row = json.loads(line)
            best[row["name"], "starglow"] = max(best.get((row["name"], "starglow"), 0), row["value"])
    print(
        f"{'path':<14}{'starglow':>12}{'as shipped':>12}{'careful':>12}{'ratio':>9}{'ratio':>9}   galaxies/s, one "
        f"thread"
    )
    for name in ("sed", "bands", "star-jacobian", "mock"):
        own, shipped, careful = (best[name, k] for k in ("starglow", "as shipped", "careful"))
        print(f"{name:<14}{own:>12.4g}{shipped:>12.4g}{careful:>12.4g}{own / shipped:>9.1f}{own / careful:>9.1f}")


if __name__ == "__main__":
    main()
