"""What lines cost on top of DSPS's SEDs: sed_with_lines beside the SED itself, as ratios of minima in one run, one
thread.

    python bench/lines_speed.py

The SED is the careful form of bench/dsps_speed.py, its grid, 256 galaxies a call: weights, then a matrix product. With
one width for all galaxies the eleven lines are painted once a call; with a width for each galaxy they are painted for
each. The painted light is compared with the sum, galaxy by galaxy, of lines painted on their own."""

import os

import dsps_speed as stars  # first: sets the thread and float64
import jax
import jax.numpy as jnp
import numpy as np
from python_speed import minima

import starglow.dsps as sgd
import starglow.jax as sgj


def main():
    lines = sgd.Lines(np.asarray(stars.WAVE))
    sfr, p, t_obs, _ = stars.inputs()
    sed = jax.jit(stars.careful_sed)
    seds = sed(sfr, p, t_obs)
    rng = np.random.default_rng(3)
    ew = jnp.asarray(np.exp(rng.normal(1, 1, (stars.N, 10))))
    width = jnp.asarray(rng.uniform(60, 200, stars.N))
    batch = jax.jit(lines.sed_with_lines)
    mapped = jax.jit(jax.vmap(lines.sed_with_lines))
    own = jax.jit(lambda s, e, w: lines.sed_with_lines(s, e, sigma_v=w))
    wait = jax.block_until_ready
    best = minima(
        {
            "the SED": lambda: wait(sed(sfr, p, t_obs)),
            "sed_with_lines of all": lambda: wait(batch(seds, ew)),
            "vmap of sed_with_lines": lambda: wait(mapped(seds, ew)),
            "a width for each galaxy": lambda: wait(own(seds, ew, width)),
            "one galaxy a call": lambda: wait(batch(seds[0], ew[0])),
        },
        int(os.environ.get("ROUNDS", "7")),
    )
    for name, seconds in best.items():
        n = 1 if name.startswith("one") else stars.N
        print(
            f"{name:<26}{1e6 * seconds / n:10.1f} us a galaxy{seconds / n * stars.N / best['the SED']:9.3f} of the SED"
        )
    luminosity = sgj.line_luminosities(lines.wave, seds[:8], ew[:8])
    each = sum(
        sgj.paint_flux(lines.wave, jnp.zeros_like(luminosity).at[:, k].set(luminosity[:, k]), jnp.zeros(8), 100.0)
        for k in range(10)
        if k not in (3, 5)  # the weak members of doublets come with their partners
    )
    at_once = sgj.paint_flux(lines.wave, luminosity, 0.0, 100.0)
    print(
        f"lines painted once and for each galaxy differ by {float(jnp.max(jnp.abs(at_once / each - 1)[each > 0])):.1e}"
    )


if __name__ == "__main__":
    main()
