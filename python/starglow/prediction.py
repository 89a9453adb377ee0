"""The result of a prediction: EWs, quantiles, draws and flags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from .galaxies import LINES

#: suffix of a column of predicted lines -> attribute of a Prediction
PREDICTED = {
    "_EW": "ew",
    "_EW_P16": "p16",
    "_EW_P84": "p84",
    "_EW_DRAW": "draws",
    "_EW_NOISY": "noisy",
    "_FLUX": "flux",
    "_FLUX_P16": "flux_p16",
    "_FLUX_P84": "flux_p84",
}


@dataclass(frozen=True, repr=False, eq=False)
class Prediction:
    """Predicted lines of n galaxies. EWs are rest-frame, in A, positive in emission; NaN if a fatal flag is set.

    Attributes
    ----------
    ew : (n, 10) float64
        Median of the intrinsic distribution (for a model without distributions, its single prediction); a column a line
        of `lines`, ten of the shipped model.
    p16, p84 : (n, 10) float64 or None
        The 15.9 % and 84.1 % quantiles; None for a model without distributions.
    flags : (n,) int32
        Bits, see docs/flags.md.
    draws : (n, 10, draws) float32 or None
        Joint draws of the intrinsic distribution: draw k of all lines belongs together.
    noisy : (n, 10) float64 or None
        One draw with measurement noise.
    lines : tuple of str
        Names of the lines.
    index : any
        Index of the DataFrame that was given; `to_pandas` returns it.
    p_lineless : (n,) float64 or None
        Probability of EW(Halpha) < 2 A; None for a model without distributions.
    domain : (n,) float64 or None
        How unlike the training galaxies: 0 for a typical one, 0.5 at the limit of OUT_OF_DOMAIN, 1 far outside.
    flux, flux_p16, flux_p84 : (n, 10) float64 or None
        With ``fluxes=True``: median and quantiles of the observed line fluxes, 1e-17 erg s^-1 cm^-2.

    Examples
    --------
    >>> import starglow as sg
    >>> p = sg.Model.shipped().predict(sg.mock(4))
    >>> p["HALPHA"].shape, p["HALPHA_EW_P84"].shape, p[p.flags == 0].ew.shape
    ((4,), (4,), (4, 10))
    """

    ew: np.ndarray
    p16: np.ndarray | None
    p84: np.ndarray | None
    flags: np.ndarray
    draws: np.ndarray | None = None
    noisy: np.ndarray | None = None
    lines: tuple[str, ...] = LINES
    index: Any = None
    p_lineless: np.ndarray | None = None
    domain: np.ndarray | None = None
    flux: np.ndarray | None = None
    flux_p16: np.ndarray | None = None
    flux_p84: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ew)

    def __getitem__(self, which: Any) -> Any:
        """One column, or some rows.

        ``p["HALPHA"]`` are the EWs of a line; other column names are those of docs/tables.md ("HALPHA_EW_P84",
        "FLAGS"). A slice, mask or index array selects rows."""
        if isinstance(which, str):
            return self._column(which)
        rows = np.arange(len(self))[which]
        if rows.ndim == 0:
            rows = rows[None]

        def of(name: str) -> Any:
            value = getattr(self, name)
            return None if value is None else value[rows]

        return Prediction(
            of("ew"),
            of("p16"),
            of("p84"),
            of("flags"),
            of("draws"),
            of("noisy"),
            lines=self.lines,
            index=of("index"),
            p_lineless=of("p_lineless"),
            domain=of("domain"),
            flux=of("flux"),
            flux_p16=of("flux_p16"),
            flux_p84=of("flux_p84"),
        )

    def _column(self, name: str) -> np.ndarray:
        wanted = name.upper()
        if wanted == "FLAGS":
            return self.flags
        if wanted == "P_LINELESS" and self.p_lineless is not None:
            return self.p_lineless
        if wanted == "DOMAIN" and self.domain is not None:
            return self.domain
        for suffix, attribute in (("", "ew"), *PREDICTED.items()):
            line = wanted.removesuffix(suffix)
            values = getattr(self, attribute)
            if wanted.endswith(suffix) and line in self.lines and values is not None:
                return values[:, self.lines.index(line)]
        there = [s for s, attribute in PREDICTED.items() if getattr(self, attribute) is not None]
        raise KeyError(f"no column {name}; lines {', '.join(self.lines)}, alone or with {', '.join(there)}; FLAGS")

    def __iter__(self) -> Iterator[Prediction]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        n, more = len(self), "" if self.p16 is None else ", P16, P84"
        more += "" if self.draws is None else f", {self.draws.shape[-1]} draws"
        more += "" if self.noisy is None else ", noisy"
        more += "" if self.flux is None else ", fluxes"
        lost = int(np.count_nonzero(self.flags & _core.fatal_flags))
        return (
            f"<starglow.Prediction: {len(self.lines)} lines of {n} {'galaxy' if n == 1 else 'galaxies'}: EW{more}"
            + (f"; {lost} without a prediction" if lost else "")
            + ">"
        )

    def _repr_html_(self) -> str:
        from .tables import columns, html

        return html(repr(self)[1:-1], [c for c in columns(None, self) if c[1].ndim == 1], len(self))
