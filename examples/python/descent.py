"""Descent on a sum of squares, each step scaled by the Fisher matrix (Gauss, Newton; damped as by Levenberg)."""

import jax
import jax.numpy as jnp
import numpy as np


def minimise(residuals, start, steps=12):
    """(best, covariance, cost): parameters at the minimum of sum(residuals(p)^2), and the inverse of the Fisher matrix
    there."""
    both = jax.jit(lambda p: (residuals(p), jax.jacfwd(residuals)(p)))
    p, damping = jnp.asarray(start, float), 1e-3
    r, slopes = both(p)
    for _ in range(steps):
        fisher, gradient = slopes.T @ slopes, slopes.T @ r
        step = jnp.linalg.solve(fisher + damping * jnp.diag(jnp.diag(fisher)), -gradient)
        step = step * jnp.minimum(
            1.0, 0.7 / jnp.max(jnp.abs(step))
        )  # no parameter of these problems moves by more at once
        tried = both(p + step)
        if float(jnp.sum(tried[0] ** 2)) < float(jnp.sum(r**2)):
            p, (r, slopes), damping = p + step, tried, damping / 5
        else:
            damping *= 10
    return np.asarray(p), np.linalg.inv(np.asarray(slopes.T @ slopes)), float(jnp.sum(r**2))


def report(names, truth, best, covariance):
    """Prints truth and answer; returns (best - truth)/error."""
    error = np.sqrt(np.diag(covariance))
    pull = (best - truth) / error
    for row in zip(names, truth, best, error, pull):
        print("{:>24}  truth {:7.3f}  found {:7.3f} +- {:.3f}  ({:+.1f})".format(*row))
    return pull
