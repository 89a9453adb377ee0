"""A stand-in SSP grid in DSPS layout, so that the examples run where no real one is: black bodies of falling
temperature.

With a break at 4000 A that grows with age and metals. Colours move as those of galaxies do; do no science with it.
`load(path)` takes a real grid instead."""

import numpy as np


def grid(n_wave=500):
    """SSPData: 5 metallicities x 24 ages x n_wave points from 2900 to 9000 A, L_sun/Hz per M_sun formed."""
    from dsps.data_loaders.defaults import SSPData

    lg_age, lgmet = np.linspace(-3.0, 1.15, 24), np.linspace(-3.5, -1.4, 5)
    wave = np.geomspace(2900.0, 9000.0, n_wave)
    # Effective temperature and V light per mass: falling with age; redder with metals.
    age, met = lg_age[None, :], lgmet[:, None] + 2.0
    kelvin = 10 ** (3.95 - 0.10 * (age + 1) - 0.03 * met + 0.02 * (age + 1) ** 2)
    light = 10 ** (-14.6 - 0.75 * (age + 1) - 0.08 * met)

    def planck(w):
        return w**-3.0 / np.expm1(1.4387769e8 / (w * kelvin[..., None]))

    # Metals of old stars take light below 4000 A.
    blue = 0.5 * (1 - np.tanh((wave - 3950.0) / 60.0))
    depth = 0.5 / (1 + np.exp(-3.0 * (met - 0.2))) / (1 + np.exp(-2.0 * (age + 0.5)))
    return SSPData(
        lgmet,
        lg_age,
        wave,
        light[..., None] * planck(wave) / planck(np.array([5500.0])) * (1 - depth[..., None] * blue),
    )


def load(path=None):
    """The grid of an HDF5 file in DSPS layout, with at least three metallicities; without a path the stand-in."""
    if path is None:
        return grid()
    import dsps

    return dsps.load_ssp_templates(fn=path)
