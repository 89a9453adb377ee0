"""Training models, and comparing predictions with measured lines."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._arrays import MOST_THREADS, whole
from ._columns import same_index
from .galaxies import LINES, Galaxies
from .model import Model
from .prediction import Prediction


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(map(_text, value))
    return str(value)


def train(
    table: Any,
    preset: str = "joint",
    *,
    seed: int = 1,
    threads: int = 0,
    progress: Callable[[str, float, float, float], object] | None = None,
    names: Mapping[str, str] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    **settings: Any,
) -> Model:
    """Trains a model on galaxies with measured lines; the same as `starglow train` with the same settings.

    Parameters
    ----------
    table : Galaxies, or what `starglow.galaxies` takes
        With band_flux, z, targetid, ew and ew_ivar. A warning names columns of other lines (HEI_5876_EW, ...).
    preset : {"joint", "point", "k24", "knn", "llr"}
    seed : int
    threads : int
        0 means all processors; the model does not depend on it.
    progress : callable(stage, epochs_done, epochs, loss)
        Called from time to time; an exception raised in it stops the training.
    names : dict
        Other names of the columns, as of `starglow.galaxies`.
    checkpoint : path
        File for the state of an unfinished training, saved every 30 s and on an interrupt. Deleted at the end.
    resume : bool
        Continue from the checkpoint if there is one. The model is identical to one that was never interrupted.
    **settings
        Any of `training_settings` (docs/training.md), e.g. ``epochs=20, hidden=[32, 32]``.

    Raises
    ------
    InputError
        There are no usable rows, a column is absent, a setting is unknown or out of range; or a checkpoint exists and
        `resume` is False, or it is of another training (the message says what differs).

    Examples
    --------
    >>> import starglow as sg
    >>> g = sg.mock(300)
    >>> ew = sg.Model.shipped().predict(g).ew
    >>> table = sg.Galaxies(g.band_flux, g.z, targetid=g.targetid, ew=ew, ew_ivar=0 * ew + 4)
    >>> sg.train(table, "point", epochs=1, members=1, sibling=False).kind
    'mlp'
    """
    from .tables import galaxies, unused_lines

    learnt = str(settings.get("lines", ""))
    if extra := [name for name in unused_lines(table, names) if name.removesuffix("_EW") not in learnt]:
        warnings.warn(
            f"columns of lines that a model does not learn: {', '.join(extra)}; it has {', '.join(LINES)}", stacklevel=2
        )
    chosen = {key: _text(value) for key, value in settings.items()} | {"seed": _text(seed)}
    all_lines = any(line not in ("", "ten", *LINES) for line in chosen.get("lines", "").split(","))
    return Model(
        _core.train(
            galaxies(table, names=names, all_lines=all_lines)._columns(),
            preset,
            chosen,
            whole("threads", threads, MOST_THREADS),
            progress,
            None if checkpoint is None else os.fspath(checkpoint),
            bool(resume),
        )
    )


def training_settings(preset: str = "joint") -> dict[str, Any]:
    """Returns the settings of a preset; docs/training.md explains them.

    Examples
    --------
    >>> import starglow as sg
    >>> sg.training_settings("k24")["hidden"]
    [64, 128, 64]
    """
    return {key: _value(text) for key, text, _ in _core.training_settings(preset)}


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if "," in text:
        return [_value(part) for part in text.split(",")]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


@dataclass(frozen=True)
class Evaluation:
    """Scores of predictions (docs/metrics.md).

    Attributes
    ----------
    points : dict
        Scores of the medians, as in `starglow evaluate --json`.
    distributions : dict or None
        Scores of the distributions, if the first prediction has draws.
    text : str
        The scores as tables of text.
    """

    points: dict[str, Any]
    distributions: dict[str, Any] | None
    text: str

    def __str__(self) -> str:
        return self.text


def evaluate(
    table: Any,
    predictions: Mapping[str, Any] | Prediction | Model,
    *,
    bootstrap: int = 0,
    draws: int = 256,
    seed: int = 1,
    threads: int = 0,
    names: Mapping[str, str] | None = None,
) -> Evaluation:
    """Compares predictions with the measured EWs of a table.

    Parameters
    ----------
    table : Galaxies, or what `starglow.galaxies` takes
        With ew and ew_ivar.
    predictions : dict, Prediction or Model
        Name -> Prediction, Model or (n, 10) array of EWs. A model predicts the table first, with `draws` draws if it
        has distributions. Scores on galaxies of its own training are too good.
    bootstrap : int
        Number of bootstrap samples, for the errors.
    names : dict
        Other names of the columns, as of `starglow.galaxies`.

    Raises
    ------
    InputError
        The shapes do not fit, or predictions of a DataFrame have another index than the table.

    Examples
    --------
    >>> import starglow as sg
    >>> g = sg.mock(300)
    >>> truth = sg.Model.shipped().predict(g, noise=True).noisy
    >>> table = sg.Galaxies(g.band_flux, g.z, targetid=g.targetid, ew=truth, ew_ivar=0 * truth + 1)
    >>> sg.evaluate(table, sg.Model.shipped(), bootstrap=0, draws=16).points is not None
    True
    """
    from .tables import galaxies

    g = galaxies(table, names=names)
    if not isinstance(predictions, Mapping):
        predictions = {"prediction": predictions}
    given = []
    for name, p in predictions.items():
        if isinstance(p, Model):
            p = p.predict(_without_lines(g), draws=draws if p.has_distribution else 0, seed=seed, threads=threads)
        if isinstance(p, Prediction):
            same_index("the table", g.index, name, p.index)
            given.append((name, p.ew, None if p.draws is None else p.draws.reshape(len(p), -1)))
        else:
            given.append((name, np.asarray(p, dtype=np.float64), None))
    points, distributions, text = _core.evaluate(
        g._columns(),
        given,
        whole("bootstrap", bootstrap, 10**6),
        whole("seed", seed),
        whole("threads", threads, MOST_THREADS),
    )
    return Evaluation(json.loads(points), json.loads(distributions) if distributions else None, text)


def _without_lines(g: Galaxies) -> Galaxies:
    return Galaxies(
        g.band_flux,
        g.z,
        g.band_flux_ivar,
        g.targetid,
        survey=g.survey,
        program=g.program,
        conventions=g.conventions,
        ebv=g.ebv,
        index=g.index,
    )
