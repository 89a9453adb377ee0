"""Reading a model file into a pytree of arrays.

The file is the one that the C++ library reads and writes (``docs/model-format.md``): safetensors with string metadata.
"""

from __future__ import annotations

import itertools
import json
import math
import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import FileError, MissingFileError
from ..errors import error as failure
from ..names import ALL_LINES, BAND_EDGES, DOUBLETS, INPUTS, LINES, independent
from .hashes import content_hash, layout_hash

TEN_LINES = tuple(range(len(LINES)))
MIN_SD = 0.03  # of standardised t, added to the exponential of the outputs


_Class = TypeVar("_Class")


def _static(**options: Any) -> Any:
    return field(metadata={"static": True}, **options)


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(_static,))
def _pytree(cls: type[_Class]) -> type[_Class]:
    """A frozen dataclass whose fields marked static are part of the tree's structure and the others its leaves."""
    cls = dataclass(frozen=True, eq=False)(cls)
    of: Any = fields(cls)  # type: ignore[arg-type]
    static = [f.name for f in of if f.metadata.get("static")]
    jax.tree_util.register_dataclass(cls, [f.name for f in of if f.name not in static], static)
    return cls


@_pytree
class Bank:
    """Networks of one shape that answer together: members of an ensemble, or (``per_line``) one a line."""

    layers: tuple[tuple[jax.Array, jax.Array], ...]  #: ((W (nets, out, in), b (nets, out)), ...)
    x_mean: jax.Array  #: (nets, features)
    x_scale: jax.Array
    y_mean: jax.Array  #: (outputs)
    y_scale: jax.Array
    factor: jax.Array | None  #: (components, lines, lines), rows of length 1: Cholesky factors of the correlations
    shift: jax.Array | None  #: (lines) calibration of t
    slope: jax.Array | None
    activation: str = _static()
    inputs: tuple[int, ...] = _static()  #: beside the band ratios, indices into names.INPUTS
    masks: bool = _static()
    outputs: tuple[int, ...] = _static()  #: indices into names.ALL_LINES
    per_line: bool = _static()
    z_clip: tuple[float, float] = _static(default=(0.0, 1e9))  #: the networks see the redshift clipped to these


@_pytree
class Domain:
    """Where the training galaxies lie: normals of the eleven band ratios and log_lum."""

    mean: jax.Array  #: (components, 12)
    covariance: jax.Array  #: (components, 12, 12)
    root: jax.Array  #: (components, 12, 12): inverses of the Cholesky factors
    threshold: jax.Array  #: (): log10 of the probability below which a galaxy is outside
    limit: jax.Array  #: (13): squared distance beyond which a galaxy with k known features is outside
    forms: jax.Array | None  #: (4, kinds, 12, 12): quadratic forms of (1, ratios), by pattern of bands
    levels: jax.Array | None  #: (4, kinds, 2): their values where the grade is 0 and 1/2


@_pytree
class Evolution:
    """Growth of the lines of active galaxies with redshift (``evolution.hpp``)."""

    z0: jax.Array  #: (): none below it
    power: jax.Array  #: (lines) of (1 + z)/(1 + z0)
    width: jax.Array  #: (lines) scatter of ln EW, over ln((1 + z)/(1 + z0))
    components: int = _static()  #: the first of the mixture
    halpha: int = _static(default=4)  #: place of Halpha among the independent lines


@_pytree
class Noise:
    """Law of log10 sigma_EW (``noise_model.hpp``)."""

    coefficients: jax.Array  #: (lines, 8)
    range: jax.Array  #: (4): z low, high, log10 flux low, high


@_pytree
class Weights:
    """A model as a pytree: every number is a leaf of one dtype, everything else is structure."""

    full: Bank | None  #: for galaxies that have everything
    partial: Bank | None  #: for those that lack luminosity, redshift or bands
    ew_ratio: jax.Array  #: (2) EW(strong)/EW(weak) of the doublets
    z_range: jax.Array  #: (2) of the training galaxies
    domain: Domain | None
    noise: Noise | None
    kind: str = _static()
    conventions: tuple[tuple[str, str], ...] = (
        _static()
    )  #: ((name, value), ...): what the numbers of the training table mean
    z_domain: float = _static(default=1e9)  #: beyond this redshift a galaxy is out of the domain
    evolution: Evolution | None = None
    widen: float = _static(default=0.0)  #: widths grow by up to this, relatively, outside the domain
    lines: tuple[int, ...] = _static(default=TEN_LINES)  #: of the answers, indices into names.ALL_LINES
    source: str = _static(default="")  #: path of the file, for starglow.jax.kernel

    @property
    def dtype(self) -> np.dtype[Any]:
        """What every answer is computed in, float32 or float64."""
        return self.z_range.dtype

    @property
    def has_distribution(self) -> bool:
        """Whether it gives quantiles and draws (kind "joint"), not points alone."""
        return self.kind == "joint"

    @property
    def line_names(self) -> tuple[str, ...]:
        """Names of the lines of its answers, in their order: the ten, or a choice of its own."""
        return tuple(ALL_LINES[line] for line in self.lines)

    @property
    def masked(self) -> bool:
        """Whether galaxies that lack bands are answered."""
        return self.partial is not None and self.partial.masks

    def astype(self, dtype: Any) -> Weights:
        """The same model in another precision."""
        cast: Weights = jax.tree_util.tree_map(lambda a: a.astype(dtype), self)
        return cast


def need_ten_lines(weights: Weights, what: str) -> None:
    """InputError: the model has lines of its own, and `what` is made for the ten."""
    if weights.lines != TEN_LINES:
        raise failure("model", f"{what} needs a model of the ten lines", ",".join(weights.line_names), ",".join(LINES))


def shipped_path() -> Path:
    """Path of the model that comes with the package."""
    here = Path(__file__).resolve().parents[1]
    for path in (here / "models/starglow.safetensors", here.parents[1] / "models/starglow.safetensors"):
        if path.is_file():
            return path
    raise FileError(
        f"the package's model is not at {here / 'models/starglow.safetensors'}: the installation is not complete"
    )


def load(path: str | os.PathLike[str] | None = None, dtype: Any = None) -> Weights:
    """Read a model file.

    Parameters
    ----------
    path : path-like, optional
        A safetensors file of kind ``joint``, ``mlp`` or ``k24``. Default: the model that comes with the package.
    dtype : optional
        float32 or float64: what answers are computed in. Default: float64 where ``jax_enable_x64`` is on, else float32.

    Returns
    -------
    Weights
        A pytree: pass it through ``jit``, ``vmap`` and ``grad``.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is no such model: broken, of another kind, or of another version.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path) if path is not None else shipped_path()
    if str(path) == "joint-0.1" and not path.exists():  # the model of 0.1, by its name
        path = shipped_path().with_name("joint-0.1.safetensors")
    dtype = jnp.dtype(dtype or jnp.result_type(float))
    if dtype not in (jnp.dtype("float32"), jnp.dtype("float64")):
        raise failure("usage", "the model cannot be read in this type", str(dtype), "float32 or float64")
    if dtype == jnp.float64 and not jax.config.read("jax_enable_x64"):
        raise failure("usage", "float64 is switched off in JAX", "", "jax.config.update('jax_enable_x64', True)")
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dictionary)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise failure("input", f"{path}: this is no safetensors file", str(error)) from error
    try:
        return replace(_weights(tensors, meta, dtype), source=str(path.resolve()))
    except (KeyError, ValueError) as error:
        what = f"the model lacks {error}" if isinstance(error, KeyError) else error
        raise failure("model", f"{path}: {what}") from error


def _weights(tensors: dict[str, np.ndarray], meta: dict[str, str], dtype: Any) -> Weights:
    kind = meta.get("kind", "")
    if kind not in ("joint", "mlp", "k24"):
        raise ValueError(f"kind '{kind}' has no networks, expected joint, mlp or k24")
    if meta["format_version"] not in ("1", "2"):
        raise ValueError(f"the model's 'format_version' is '{meta['format_version']}', expected '2', or '1'")
    lines = tuple(ALL_LINES.index(name) if name in ALL_LINES else -1 for name in meta["lines"].split(","))
    if -1 in lines or list(lines) != sorted(set(lines)):
        raise ValueError(f"the model's 'lines' is '{meta['lines']}', expected some of {','.join(ALL_LINES)} in order")
    for key, wanted in (
        ("band_edges", ",".join(f"{e:.0f}" for e in BAND_EDGES)),
        ("layout_hash", layout_hash(tensors, meta)),
    ):
        if meta[key] != wanted:
            raise ValueError(f"the model's '{key}' is '{meta[key]}', expected '{wanted}'")
    if meta["format_version"] != "1" and meta["sha256"] != (seen := content_hash(tensors, meta)):
        raise ValueError(f"it was changed after it was written: SHA-256 {seen}, expected {meta['sha256']}")
    for name, tensor in tensors.items():
        if not np.all(np.isfinite(tensor)):
            raise ValueError(f"tensor '{name}' contains numbers that are not finite")

    def number(key: str, default: float) -> float:
        value = float(meta.get(key, default))
        if not math.isfinite(value):
            raise ValueError(f"'{key}' is {value}, expected a number")
        return value

    banks = {name: _bank(tensors, meta, name, kind, lines) for name in ("full", "partial")}
    if not any(banks.values()):
        raise ValueError("a model without networks")
    ratios = [number(f"ew_ratio_{LINES[weak]}", ratio) for weak, _, ratio in DOUBLETS]
    if min(ratios) <= 0:
        raise ValueError(f"the ratios of the doublets are {ratios}, expected positive ones")
    noise = None
    if "noise.coefficients" in tensors:
        noise = Noise(
            _shaped(tensors, "noise.coefficients", (len(independent(lines)), 8)), _shaped(tensors, "noise.range", (4,))
        )
    conventions = tuple((k, meta.get(k, "unknown")) for k in ("aperture", "mwcorr", "maskrule", "contsrc", "labelver"))
    ew_ratio: Any = np.array(ratios)
    z_range: Any = np.array([number("z_min", 0.0), number("z_max", 1e9)])
    weights = Weights(
        banks["full"],
        banks["partial"],
        ew_ratio,
        z_range,
        _domain(tensors),
        noise,
        kind,
        conventions,
        number("z_domain", 1e9),
        _evolution(meta, lines),
        number("domain.widen", 0.0),
        lines,
    )
    made: Weights = jax.tree_util.tree_map(lambda a: jnp.asarray(a, dtype), weights)
    return made


def _evolution(meta: dict[str, str], all_of: tuple[int, ...]) -> Evolution | None:
    if "evolution" not in meta:
        return None
    begin, _, lines = meta["evolution"].partition(":")
    own = [ALL_LINES[line] for line in independent(all_of)]
    if "HALPHA" not in own:
        raise ValueError("lines that evolve need Halpha")
    power, width = np.zeros(len(own)), np.zeros(len(own))
    z0: Any = np.float64(begin)
    for item in lines.split(","):
        name, *numbers = item.split()
        power[own.index(name)], width[own.index(name)] = (float(n) for n in numbers)
    made: Any = (power, width)
    return Evolution(
        z0=z0,
        power=made[0],
        width=made[1],
        components=int(meta.get("evolution.components", "0")),
        halpha=own.index("HALPHA"),
    )


def _shaped(tensors: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> Any:
    tensor = tensors[name]
    if len(tensor.shape) != len(shape) or any(w not in (0, s) for s, w in zip(tensor.shape, shape)):
        raise ValueError(f"tensor '{name}' has shape {tensor.shape}, expected {shape} (0: any)")
    return tensor.astype(np.float64)


def _bank(
    tensors: dict[str, np.ndarray], meta: dict[str, str], name: str, kind: str, lines: tuple[int, ...]
) -> Bank | None:
    if f"{name}.params" not in tensors:
        return None
    sizes = [int(s) for s in meta[f"{name}.sizes"].split(",")]
    recipe = meta[f"{name}.features"].split("+")
    if recipe[0] != "adjacent_log_ratios" or recipe[1:] != [r for r in (*INPUTS, "masks") if r in recipe[1:]]:
        raise ValueError(f"unknown feature recipe '{meta[f'{name}.features']}'")
    activation = meta[f"{name}.activation"]
    if activation not in ("selu", "polyswish", "silu"):
        raise ValueError(f"unknown activation '{activation}', expected selu, polyswish or silu")
    inputs = tuple(k for k, name_of in enumerate(INPUTS) if name_of in recipe)
    masks = "masks" in recipe
    n_in = 11 + len(inputs) + (12 + len(inputs) if masks else 0)
    if sizes[0] != n_in:
        raise ValueError(f"networks '{name}' have {sizes[0]} inputs, their features are {n_in}")
    z_clip = tuple(float(end) for end in meta.get(f"{name}.z_clip", "0,1e9").split(","))
    if len(z_clip) != 2 or not 0 <= z_clip[0] < z_clip[1] < math.inf:
        raise ValueError(f"'{name}.z_clip' is '{meta[f'{name}.z_clip']}', expected low,high")
    outputs = tuple(ALL_LINES.index(line) for line in meta[f"{name}.outputs"].split(","))
    n_params = sum((i + 1) * o for i, o in itertools.pairwise(sizes))
    params = _shaped(tensors, f"{name}.params", (0, n_params))
    layers, at = [], 0
    for i, o in itertools.pairwise(sizes):
        layers.append((params[:, at : at + i * o].reshape(-1, o, i), params[:, at + i * o : at + i * o + o]))
        at += i * o + o
    n_nets = len(params)
    joint = {}
    n = len(independent(lines))
    if kind == "joint":
        joint = {
            k: _shaped(tensors, f"{name}.joint_{k}", s)
            for k, s in (("factor", (0, n, n)), ("shift", (n,)), ("slope", (n,)))
        }
        if outputs != independent(lines) or sizes[-1] != (2 * n + 1) * len(joint["factor"]) - 1:
            raise ValueError(f"the outputs of networks '{name}' do not fit their joint head")
    elif (kind == "k24" and (sizes[-1] != 1 or n_nets != len(outputs))) or (
        kind == "mlp" and sizes[-1] != len(outputs)
    ):
        raise ValueError(f"networks '{name}' give {sizes[-1]} numbers each for {len(outputs)} lines")
    given = set(outputs) | {weak for weak, strong, _ in DOUBLETS if strong in outputs and weak in lines}
    if given != set(lines) or len(set(outputs)) != len(outputs):
        raise ValueError(f"networks '{name}' do not give all lines of the model once: {meta[f'{name}.outputs']}")
    x_scale = _shaped(tensors, f"{name}.x_scale", (n_nets, n_in))
    y_scale = _shaped(tensors, f"{name}.y_scale", (len(outputs),))
    for key, scale in (("x_scale", x_scale), ("y_scale", y_scale)):
        if not np.all(scale > 0):
            raise ValueError(f"tensor '{name}.{key}' holds a scale that is not positive")
    return Bank(
        tuple(layers),
        _shaped(tensors, f"{name}.x_mean", (n_nets, n_in)),
        x_scale,
        _shaped(tensors, f"{name}.y_mean", (len(outputs),)),
        y_scale,
        joint.get("factor"),
        joint.get("shift"),
        joint.get("slope"),
        activation,
        inputs,
        masks,
        outputs,
        kind == "k24",
        (z_clip[0], z_clip[1]),
    )


def log10_chi_square_tail(x: float, n: int) -> float:
    """log10 of the probability that chi-square of n degrees of freedom exceeds x (Abramowitz & Stegun 26.4.6)."""
    if x <= 0:
        return 0.0
    half = 0.5 * x
    root = math.sqrt(half)
    if n % 2 == 0:
        log_q = -half
    else:
        log_q = (
            math.log(math.erfc(root))
            if root < 25
            else -half - math.log(root * math.sqrt(math.pi)) + math.log1p(-0.5 / half)
        )
    for k in range(4 if n % 2 == 0 else 3, n + 1, 2):
        log_q = float(np.logaddexp(log_q, (0.5 * k - 1) * math.log(half) - half - math.lgamma(0.5 * k)))
    return min(log_q, 0.0) / math.log(10)


def _domain(tensors: dict[str, np.ndarray]) -> Domain | None:
    if "domain.mean" not in tensors:
        return None
    mean = _shaped(tensors, "domain.mean", (0, 12))
    covariance = _shaped(tensors, "domain.covariance", (len(mean), 12, 12))
    threshold = float(_shaped(tensors, "domain.threshold", (1,))[0])
    root: Any
    try:
        root = np.linalg.inv(np.linalg.cholesky(covariance))
    except np.linalg.LinAlgError as error:
        raise ValueError("a covariance of the model's domain is not positive definite") from error
    # A score below the threshold is a squared distance beyond a limit that depends on the number of known features
    # alone.
    limit: Any = np.full(13, np.inf)
    for n in range(1, 13):
        low, high = 0.0, 1e6
        for _ in range(100):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if log10_chi_square_tail(middle, n) < threshold else (middle, high)
        limit[n] = low
    limit_of: Any = np.float64(threshold)
    if "domain.forms" not in tensors:
        return Domain(mean, covariance, root, limit_of, limit, None, None)
    forms = _shaped(tensors, "domain.forms", (4, 0, 12, 12))
    levels = _shaped(tensors, "domain.levels", (4, forms.shape[1], 2))
    if not (levels[..., 0] < levels[..., 1]).all():
        raise ValueError("the levels of a form of the model's domain do not rise")
    return Domain(mean, covariance, root, limit_of, limit, forms, levels)
