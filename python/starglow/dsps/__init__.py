"""Emission lines for DSPS: from a rest SED to equivalent widths, line luminosities, spectra and magnitudes with lines.

::

    import starglow.dsps as sgd

    lines = sgd.Lines(ssp_data)                      # once: reads the model, checks the grid
    light = lines.predict(sed_info.rest_sed)         # light.ew, p16, p84: (10,) A; light.luminosity: erg/s
    sed = lines.sed_with_lines(sed_info.rest_sed, light.ew)

Everything is a pure function of arrays: ``jit``, ``vmap`` and ``grad`` with respect to every parameter of DSPS.
Importing DSPS switches ``jax_enable_x64`` on; everything here is float64."""

try:
    import dsps as _dsps  # noqa: F401
except ImportError as error:
    raise ImportError(f"starglow.dsps needs dsps ({error}): pip install 'starglow[dsps]'") from error

from .grids import GridReport, check_grid
from .lines import COMPONENT_NAMES, Light, Lines

__all__ = ["COMPONENT_NAMES", "GridReport", "Light", "Lines", "check_grid"]
