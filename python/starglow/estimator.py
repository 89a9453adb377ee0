"""A scikit-learn regressor, for pipelines, cross-validation and parameter searches."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import error
from .galaxies import LINES, Galaxies
from .model import Model
from .prediction import Prediction
from .training import train

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as missing:
    raise ImportError(f"starglow.Estimator needs scikit-learn ({missing}): pip install scikit-learn") from missing

_EXACT = 1e8  # ivar, A^-2, of labels that come without errors


class Estimator(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn regressor: EWs of the ten lines from band fluxes and redshift.

    Parameters
    ----------
    preset : {"joint", "point", "k24", "knn", "llr"}
    settings : dict
        Any of `starglow.training_settings`, e.g. ``{"epochs": 20}``.
    seed, threads : int
        As of `starglow.train`.
    conventions : dict
        What the fluxes mean (docs/tables.md), e.g. {"APERTURE": "fibre"}.

    Attributes
    ----------
    model_ : Model
        The trained model.
    n_features_in_ : int
        13: twelve band fluxes in 1e-17 erg s^-1 cm^-2 A^-1 (NaN = missing), and the redshift.

    Examples
    --------
    >>> import numpy as np, starglow as sg
    >>> g = sg.mock(300)
    >>> X, y = np.column_stack([g.band_flux, g.z]), sg.Model.shipped().predict(g).ew
    >>> quick = {"epochs": 2, "members": 1, "sibling": False}
    >>> sg.Estimator("point", settings=quick).fit(X, y).predict(X).shape
    (300, 10)
    """

    def __init__(
        self,
        preset: str = "joint",
        *,
        settings: dict[str, Any] | None = None,
        seed: int = 1,
        threads: int = 0,
        conventions: dict[str, str] | None = None,
    ) -> None:
        self.preset = preset
        self.settings = settings
        self.seed = seed
        self.threads = threads
        self.conventions = conventions

    def _galaxies(self, X: np.ndarray, **more: Any) -> Galaxies:
        if X.shape[1] != 13:
            raise error(
                "input", "X has a wrong number of columns", f"{X.shape[1]}", "13: twelve band fluxes and the redshift"
            )
        ids = np.arange(len(X))
        return Galaxies(X[:, :12], X[:, 12], targetid=ids, conventions=self.conventions or {}, **more)

    def fit(self, X: Any, y: Any, ivar: Any = None) -> Estimator:
        """Trains.

        Parameters
        ----------
        X : (n, 13) array
            Twelve band fluxes, then the redshift.
        y : (n, 10) array
            EWs, A, in the order of `starglow.LINES`; NaN = not measured.
        ivar : (n, 10) array
            Their inverse variances, A^-2; without them, all have the same weight.

        Raises
        ------
        InputError
            Other shapes; no usable rows.
        """
        X, y = validate_data(self, X, y, multi_output=True, ensure_all_finite="allow-nan", dtype=np.float64)
        if y.ndim != 2 or y.shape[1] != len(LINES):
            raise error("input", "y has a wrong shape", str(y.shape), f"({len(X)}, {len(LINES)})")
        if "lines" in (self.settings or {}):
            raise error("usage", "the estimator predicts the ten lines", "the setting lines", "starglow.train")
        known = np.isfinite(y)
        weight = np.where(known, _EXACT, 0.0)
        if ivar is not None:
            given = np.asarray(ivar, float)
            if given.shape != y.shape:
                raise error("input", "ivar does not fit y", str(given.shape), str(y.shape))
            weight = np.where(known & (given > 0), given, 0.0)
        table = self._galaxies(X, ew=np.where(known, y, 0.0).astype("f4"), ew_ivar=weight.astype("f4"))
        self.model_: Model = train(
            table, self.preset, seed=self.seed, threads=self.threads, **dict(self.settings or {})
        )
        return self

    def predict(self, X: Any) -> np.ndarray:
        """(n, 10) EWs, A: the medians (or single predictions); NaN if there is no prediction."""
        return self.lines(X).ew

    def lines(self, X: Any, **options: Any) -> Prediction:
        """The full prediction (quantiles, flags, draws), with the options of `starglow.Model.predict`."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", dtype=np.float64)
        return self.model_.predict(self._galaxies(X), threads=self.threads, **options)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Mean over the lines of R^2 of asinh(EW / A), over the galaxies that have a label and an answer; 1 is best."""
        ew, y = np.arcsinh(self.predict(X)), np.arcsinh(np.asarray(y, float))
        if y.shape != ew.shape:
            raise error("input", "y has a wrong shape", str(y.shape), str(ew.shape))
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
        each = []
        for line in range(len(LINES)):
            here = np.isfinite(ew[:, line]) & np.isfinite(y[:, line])
            if here.sum() < 2:
                continue
            w, t, p = weight[here], y[here, line], ew[here, line]
            spread = float((w * (t - np.average(t, weights=w)) ** 2).sum())
            each.append(1 - float((w * (t - p) ** 2).sum()) / spread if spread > 0 else 0.0)
        return float(np.mean(each)) if each else float("nan")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.regressor_tags.poor_score = True
        return tags
