"""starglow in jax.numpy: the same model as the C++ library (its *twin*).

It reads the same model files and gives the same predictions, flags, derivatives and random numbers. It runs on CPUs,
GPUs and TPUs, in float32 and float64, under ``jit``, ``vmap`` and ``grad``::

    import starglow.jax as sgj

    weights = sgj.load()
    p = sgj.predict(weights, band_flux, z)          # p.ew, p.p16, p.p84: (n, 10) A; p.flags (n,)
    d = sgj.sample(weights, band_flux, z, targetid, draws=64, seed=1)
    flux = sgj.bands(wave, lum_nu, z)               # rest SED (L_sun/Hz) -> band fluxes

Arrays have the axes (galaxies, lines or bands, draws); the galaxies may have any batch shape.
"""

try:
    import jax as _jax  # noqa: F401
    import safetensors as _safetensors  # noqa: F401
except ImportError as error:
    raise ImportError(f"starglow.jax needs jax and safetensors ({error}): pip install 'starglow[jax]'") from error

from . import _scheduler  # noqa: F401
from .bands import band_luminosities, bands, flux_of, line_continua, line_luminosities
from .condition import condition, log_evidence, select
from .conventions import usable_conventions
from .draws import add_noise, draw, sample, sigma_ew
from .joint import Distribution, log_density, quantile
from .likelihood import Labels, join, labels, log_likelihood, parameters, to_model, with_parameters
from .paint import paint, paint_flux
from .photons import PhotonGrid, gas_attenuation, halpha_case_b, halpha_ew, ionising_photons, photon_grid
from .predict import Prediction, distribution, predict
from .random import split_ids
from .weights import Weights, load

__all__ = [
    "Distribution",
    "Labels",
    "PhotonGrid",
    "Prediction",
    "Weights",
    "add_noise",
    "band_luminosities",
    "bands",
    "condition",
    "distribution",
    "draw",
    "flux_of",
    "gas_attenuation",
    "halpha_case_b",
    "halpha_ew",
    "ionising_photons",
    "join",
    "labels",
    "line_continua",
    "line_luminosities",
    "load",
    "log_density",
    "log_evidence",
    "log_likelihood",
    "paint",
    "paint_flux",
    "parameters",
    "photon_grid",
    "predict",
    "quantile",
    "sample",
    "select",
    "sigma_ew",
    "split_ids",
    "to_model",
    "usable_conventions",
    "with_parameters",
]


def __getattr__(name: str) -> object:
    if name == "kernel":  # the C++ library inside JAX, where it was built with that
        import importlib

        return importlib.import_module(".kernel", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
