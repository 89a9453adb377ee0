"""Emission lines of starglow for galaxies of diffsky, inside diffsky's own kernels.

diffsky sums the lines of an SSP grid over a galaxy's populations, each behind its dust: the grid's lines enter as
`ssp_data.ssp_emline_luminosity`, their wavelengths as `line_wave_table`. Put other quantities there - the light in
starglow's twelve bands and beside its lines, and the ionising photons - and the same kernels return these for the
galaxy, its bulge, disk and knots. `linelum` turns them into lines: with [NII], [SII], scatter, and quiescent galaxies.

    ssp_data = with_tracers(ssp_data)                  # once, before the light cone is made
    ...                                                # diffsky as it is; line_wave_table = wave_table(ssp_data)
    lum = linelum(results.linelum_gal)                 # (n, 11) erg/s, in the order of LINE_NAMES

Everything is jax.numpy: jit, vmap, and gradients to every parameter of diffsky."""

from collections import namedtuple

import jax.numpy as jnp
import numpy as np

import starglow.jax as sgj
from starglow.dsps import COMPONENT_NAMES as LINE_NAMES
from starglow.jax.bands import L_SUN_CGS
from starglow.jax.paint import OII_RATIO, component_fluxes
from starglow.jax.weights import need_ten_lines
from starglow.names import BAND_EDGES, LINES, SIDE_BANDS

__all__ = ["LINE_NAMES", "linelum", "linelum_of_parts", "wave_table", "with_tracers"]

N_BANDS, HALPHA = len(BAND_EDGES) - 1, LINES.index("HALPHA")
TOTAL = {"APERTURE": "total", "MWCORR": "unknown"}  # whole galaxies: colours answer, without luminosity
Tracers = namedtuple(
    "Tracers", [f"BAND_{i}" for i in range(N_BANDS)] + [f"BESIDE_{line}" for line in LINES] + ["PHOTONS"]
)


def with_tracers(ssp_data):
    """The grid with starglow's tracers in place of its lines; erg/s/A per M_sun, the photons in photons/s per M_sun.

    Dust is diffsky's own, taken at the middle of each window (under 1 % of a band's light for Av = 1), and for the
    photons at Halpha, where their line is: behind the dust of the young stars."""
    flux = jnp.asarray(ssp_data.ssp_flux)
    light = [f(ssp_data.ssp_wave, flux) for f in (sgj.band_luminosities, sgj.line_continua)]
    rate = _photons(ssp_data)[..., None]
    edges, sides = np.asarray(BAND_EDGES), np.asarray(SIDE_BANDS)
    wave = np.concatenate([0.5 * (edges[:-1] + edges[1:]), sides.mean(axis=1), sides[[HALPHA]].mean(axis=1)])
    table = jnp.concatenate([L_SUN_CGS * jnp.concatenate(light, axis=-1), rate], axis=-1)
    if not bool(jnp.isfinite(table).all()):
        raise ValueError("the SSP grid does not cover 3400 to 7000 A, or is not finite there")
    return ssp_data._replace(ssp_emline_wave=Tracers(*wave), ssp_emline_luminosity=table)


def _photons(ssp_data):
    """Photons/s below 912 A of each population: the grid's own, or starglow's table at its metallicities and ages."""
    grid = sgj.photon_grid(ssp_data)
    lgmet, age = (np.asarray(v, float) for v in (ssp_data.ssp_lgmet, ssp_data.ssp_lg_age_gyr))
    if np.array_equal(grid.lgmet, lgmet) and np.array_equal(grid.lg_age_gyr, age):
        return grid.rate
    log_rate = np.log10(np.asarray(grid.rate))
    by_age = np.stack([np.interp(age, grid.lg_age_gyr, row) for row in log_rate])
    return 10.0 ** jnp.asarray(np.stack([np.interp(lgmet, grid.lgmet, column) for column in by_age.T], axis=1))


def wave_table(ssp_data):
    """`line_wave_table` of diffsky's kernels for a grid of `with_tracers`."""
    return jnp.asarray(ssp_data.ssp_emline_wave)


def linelum(tracers, lines="continuum", *, weights=None, targetid=None, seed=1, oii_ratio=OII_RATIO):
    """Line luminosities (..., 11), erg/s, named LINE_NAMES; dust is in them.

    Parameters
    ----------
    tracers : array (..., 23)
        What diffsky's kernels return for a grid of `with_tracers`: linelum_gal, linelum_bulge, ...
    lines : {"continuum", "photons"}
        What the lines follow: the light; or the ionising photons, which give Halpha (case B), the other lines going
        with it. "photons" where the history is meant on scales of 10 Myr, bursts included.
    weights : Weights, optional
        `starglow.jax.load()`: pass it where the call is traced.
    targetid : int array (...), optional
        One joint draw for each id, instead of the median.
    """
    if lines not in ("continuum", "photons"):
        raise ValueError(f"lines = {lines!r}: continuum or photons")
    weights = sgj.load() if weights is None else weights
    need_ten_lines(weights, "diffsky")
    tracers = jnp.asarray(tracers)
    bands, beside = tracers[..., :N_BANDS] / L_SUN_CGS, tracers[..., N_BANDS:-1]
    distribution = sgj.distribution(weights, bands, None, conventions=TOTAL)
    if lines == "photons":
        ew = sgj.halpha_case_b(tracers[..., -1]) / beside[..., HALPHA]
        known = jnp.zeros(beside.shape).at[..., HALPHA].set(ew)
        ivar = jnp.zeros(beside.shape).at[..., HALPHA].set(1 / (0.01 * (1 + ew)) ** 2)
        distribution = sgj.condition(distribution, known, ivar, lines=["HALPHA"])
    if targetid is None:
        ew = sgj.quantile(distribution, 0.5)
    else:
        ew = sgj.draw(distribution, targetid, draws=1, seed=seed)[..., 0]
    return component_fluxes(ew * beside, oii_ratio)


def linelum_of_parts(whole, *parts):
    """Luminosities of a galaxy's parts (bulge, disk, knots; each of `linelum`) that add up to those of the `whole`:
    shares of it, in proportion to what each part would have by itself."""
    total = sum(parts)
    safe = jnp.where(total > 0, total, 1)
    return tuple(jnp.where(total > 0, whole * part / safe, whole / len(parts)) for part in parts)
