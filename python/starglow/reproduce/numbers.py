"""The numbers: scores beside the published ones, the released weights, line ratios, baselines and their speed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..galaxies import LINES, Galaxies
from ..model import Model
from ..prediction import Prediction
from ..training import evaluate, train
from . import published
from .inputs import Inputs, _light

OURS = {"sibling": False, "calibration_folds": 0}  # no galaxy of the table lacks anything


@dataclass
class Result:
    """Everything that the page shows."""

    inputs: Inputs
    ours: Prediction  #: cross-validated, with noise
    theirs_noisy: np.ndarray
    baselines: dict[str, np.ndarray]
    table: list[dict[str, Any]] = field(default_factory=list)
    weights: list[dict[str, Any]] = field(default_factory=list)
    ratios: list[dict[str, Any]] = field(default_factory=list)
    methods: list[dict[str, Any]] = field(default_factory=list)
    speed: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self, figures: list[str]) -> dict[str, Any]:
        """For ``--json``."""
        missing = [{"what": what, "lacking": why} for what, why in published.MISSING]
        if self.inputs.stand_in:
            missing.insert(0, {"what": "every number of the paper", "lacking": "the public files; this is a stand-in"})
        return {
            "table": self.table,
            "weights": self.weights,
            "ratios": self.ratios,
            "methods": self.methods,
            "speed": self.speed,
            "figures": figures,
            "missing": missing,
            "stand_in": self.inputs.stand_in,
            "files": list(self.inputs.files),
            "seconds": round(self.seconds, 1),
        }


def folds_of(table: Galaxies, folds: int) -> np.ndarray:
    """The part of each galaxy: at random, of the galaxies in the order of their ids."""
    part = np.empty(len(table), int)
    part[np.argsort(np.asarray(table.targetid), kind="stable")] = np.random.default_rng(2).permutation(
        np.arange(len(table)) % folds
    )
    return part


def cross_validated(
    table: Galaxies, preset: str, folds: int, say: Callable[[str], None], **settings: Any
) -> tuple[Prediction, Model]:
    """Every galaxy by a model that has not seen it; and the last of the models."""
    part, kept = folds_of(table, folds), {}
    for k in range(folds):
        say(f"{preset}: part {k + 1} of {folds}")
        model = train(table[part != k], preset, **settings)
        here = np.flatnonzero(part == k)
        light = Galaxies(
            table.band_flux[here], table.z[here], targetid=table.targetid[here], ew_ivar=table.ew_ivar[here],
            conventions=table.conventions,
        )  # fmt: skip
        kept[k] = here, model.predict(light, noise=True, seed=1)

    def joined(name: str) -> Any:
        if getattr(kept[0][1], name) is None:
            return None
        out = np.empty((len(table), *getattr(kept[0][1], name).shape[1:]), getattr(kept[0][1], name).dtype)
        for here, p in kept.values():
            out[here] = getattr(p, name)
        return out

    made = Prediction(joined("ew"), joined("p16"), joined("p84"), joined("flags"), noisy=joined("noisy"))
    return made, model


def _noisy(ew: np.ndarray, ivar: np.ndarray, seed: int = 1) -> np.ndarray:
    """EW + N(0, 1/sqrt(ivar)), each galaxy's own error, as the paper has it."""
    there = ivar > 0
    sigma = np.where(there, 1 / np.sqrt(np.where(there, ivar, 1)), np.nan)
    return ew + sigma * np.random.default_rng(seed).standard_normal(ew.shape)


def run(inputs: Inputs, folds: int = 4, say: Callable[[str], None] = print, **settings: Any) -> Result:
    """All numbers; three to five minutes on two processors, of which most is the training of ours, fold by fold."""
    started = time.monotonic()
    ours, _ = cross_validated(inputs.table, "joint", folds, say, **OURS | settings)
    baselines, models = {}, {}
    for name in ("knn", "llr"):
        p, models[name] = cross_validated(inputs.table, name, 2, say)
        baselines[name] = p.ew
    result = Result(inputs, ours, _noisy(inputs.theirs, inputs.table.ew_ivar), baselines)
    say("scores")
    result.table = scores(inputs, ours.ew)
    result.weights = weights(inputs)
    result.ratios = _ratios(result)
    result.methods = _methods(result)
    say("speed")
    result.speed = speeds(inputs, models)
    result.seconds = time.monotonic() - started
    return result


def scores(inputs: Inputs, ours: np.ndarray) -> list[dict[str, Any]]:
    lines = [p["lines"] for p in evaluate(inputs.table, {"theirs": inputs.theirs, "ours": ours}).points["predictions"]]
    out = []
    for k, line in enumerate(LINES):
        theirs, mine = lines[0][line], lines[1][line]
        ew, ivar = inputs.table.ew[:, k], inputs.table.ew_ivar[:, k]
        there = (ivar > 0) & (ew > 0)
        row = {
            "line": line,
            "n": theirs["n"],
            "spearman": theirs["rho"],
            "nmad": theirs["nmad"],
            "ratio": theirs["ratio"],
            "median_ew": float(np.median(ew[there])),
            "snr3": float((ew * np.sqrt(ivar) > 3)[there].mean()),
            "spearman_ours": mine["rho"],
            "nmad_ours": mine["nmad"],
            "ratio_ours": mine["ratio"],
        }
        if not inputs.stand_in:
            known = dict(zip(("n", "spearman", "nmad", "ratio", "median_ew", "snr3"), published.SAMPLE[line]))
            row |= {f"{key}_printed": value for key, value in known.items()}
            row["spearman_difference"] = row["spearman"] - row["spearman_printed"]
            row["nmad_difference"] = row["nmad"] / row["nmad_printed"] - 1
            row["n_all"], row["spearman_all"], row["nmad_all"] = published.FULL[line]
            near = abs(row["spearman_difference"]) <= 0.005 and abs(row["nmad_difference"]) <= 0.02
            row["why"] = "" if near else "other rows than those of the published number"
        out.append(row)
    return out


def weights(inputs: Inputs) -> list[dict[str, Any]]:
    """What the released weights give, against the released predictions."""
    light = _light(inputs.table)
    alone = Galaxies(light.band_flux, None, targetid=light.targetid, conventions=light.conventions)
    both = {
        "with": inputs.networks.predict(light, float64=True).ew,
        "without": inputs.networks.predict(alone, float64=True).ew,
    }
    lines = [p["lines"] for p in evaluate(inputs.table, both).points["predictions"]]
    out = []
    for k, line in enumerate(LINES):
        there = np.isfinite(inputs.theirs[:, k])
        ratio = both["with"][there, k] / inputs.theirs[there, k]
        row = {
            "line": line,
            "difference": float(np.median(abs(ratio - 1))),
            "ratio": float(np.median(ratio)),
            "spearman_with": lines[0][line]["rho"],
            "spearman_without": lines[1][line]["rho"],
        }
        if not inputs.stand_in:
            names = ("difference", "ratio", "spearman_with", "spearman_without")
            row |= {f"{name}_printed": value for name, value in zip(names, published.WEIGHTS[line])}
        out.append(row)
    return out


def log_ratio(ew: np.ndarray, top: str, bottom: str) -> np.ndarray:
    """log10 of the ratio of two EWs; NaN where one is not positive."""
    a, b = ew[:, LINES.index(top)], ew[:, LINES.index(bottom)]
    good = (a > 0) & (b > 0)
    return np.where(good, np.log10(np.where(good, a, 1) / np.where(good, b, 1)), np.nan)


def states(result: Result) -> dict[str, Any]:
    """The EWs (n, 10) of each state of the figures."""
    i = result.inputs
    return {
        "observed": np.where(i.table.ew_ivar > 0, i.table.ew, np.nan).astype(float),
        "K24": i.theirs,
        "K24 + noise": result.theirs_noisy,
        "starglow": result.ours.ew,
        "starglow, a draw + noise": result.ours.noisy,
    }


def _ratios(result: Result) -> list[dict[str, Any]]:
    out = []
    for name, printed in published.RATIOS.items():
        top, bottom = name.split("/")
        row: dict[str, Any] = {"ratio": name}
        for state, ew in states(result).items():
            low, high = np.nanpercentile(log_ratio(ew, top, bottom), [15.865, 84.135])
            row[state] = float(high - low) / 2
        if not result.inputs.stand_in:
            row |= dict(zip(("observed_printed", "K24_printed", "K24 + noise_printed"), printed))
            row["why"] = "the published widths are those of 68,127 galaxies, these of 4000 of them"
        out.append(row)
    return out


def _methods(result: Result) -> list[dict[str, Any]]:
    """Accuracy of every method on the same galaxies: mean over the lines. Only the published one may have seen some."""
    given = {"K24": result.inputs.theirs, "starglow": result.ours.ew} | result.baselines
    out = []
    for name, p in zip(given, evaluate(result.inputs.table, given).points["predictions"]):
        scores = list(p["lines"].values())
        out.append({"method": name} | {k: float(np.mean([s[k] for s in scores])) for k in ("rho", "nmad", "asinh_rms")})
    return out


def _seconds(call: Callable[[], Any], times: int = 3) -> float:
    best = np.inf
    for _ in range(times):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return float(best)


def speeds(inputs: Inputs, models: dict[str, Model]) -> list[dict[str, Any]]:
    """Four readings of "400 times as fast": seconds a galaxy of the ten networks, and of nearest neighbours."""
    light = _light(inputs.table)
    n, one = len(light), light[:1]
    half = n // 2

    def plain() -> None:
        """As one would write it down: principal components, all distances, the mean of the nearest 30."""
        x = np.log10(np.abs(light.band_flux))
        x = (x - x.mean(axis=0)) @ np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:5].T
        known, asked = x[:half], x[half : half + 500]
        d = ((asked[:, None] - known[None]) ** 2).sum(-1)
        _ = inputs.table.ew[:half][np.argpartition(d, 30, axis=1)[:, :30]].mean(axis=1)

    def row(reading: str, networks: float, neighbours: float) -> dict[str, Any]:
        return {
            "reading": reading,
            "networks_us": 1e6 * networks,
            "neighbours_us": 1e6 * neighbours,
            "times": neighbours / networks,
            "printed": published.SPEED_UP,
        }

    def per(model: Model, table: Galaxies, threads: int) -> float:
        return _seconds(lambda: model.predict(table, threads=threads)) / len(table)

    k24, knn, processors = (
        inputs.networks,
        models["knn"],
        os.process_cpu_count() if hasattr(os, "process_cpu_count") else None,
    )
    return [
        row("one galaxy a call", per(k24, one, 1), per(knn, one, 1)),
        row("a table, one thread", per(k24, light, 1), per(knn, light, 1)),
        row(f"a table, all threads ({processors or os.cpu_count()})", per(k24, light, 0), per(knn, light, 0)),
        row("a table, one thread, against neighbours in plain NumPy", per(k24, light, 1), _seconds(plain, 1) / 500),
    ]
