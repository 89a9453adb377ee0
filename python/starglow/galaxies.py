"""A table of galaxies in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from . import _arrays, _core
from ._arrays import optional, real

LINES: tuple[str, ...] = _core.lines


@dataclass(frozen=True)
class Galaxies:
    """One row a galaxy; an absent column is None. Arrays are kept as given where their type allows it.

    Attributes
    ----------
    band_flux : (n, 12) float
        Mean F_lambda of the stellar continuum in twelve top hats of 300 A from 3400 A (rest frame, vacuum), in
        1e-17 erg s^-1 cm^-2 A^-1 as observed. A band that is NaN or not positive counts as missing.
    z : (n,) float
        Redshift.
    band_flux_ivar : (n, 12) float
        Inverse variance; 0 = band missing.
    targetid : (n,) int64
        Keys the random numbers; without it the row number does, and FLAGS say so.
    ew, ew_ivar : (n, 10) float
        Measured rest-frame equivalent widths, A, positive in emission, in the order of `starglow.LINES`; ivar 0 = no
        number.
    survey, program : (n,) str
        Key the random numbers too, where present.
    flags : (n,) int32
    ebv : (n,) float
        E(B-V) of the Milky Way, mag, on the scale of the SFD98 map; NaN = unknown. Band fluxes whose MWCORR is not the
        model's are converted by it.
    conventions : dict
        What the numbers mean: APERTURE, MWCORR, MASKRULE, CONTSRC, LABELVER, FLUXSCAL, VACUUM (docs/tables.md).

    Raises
    ------
    InputError
        Columns of different lengths, a wrong number of bands, another unit, or a type that is not a real number.
    """

    band_flux: Any = None
    z: Any = None
    band_flux_ivar: Any = None
    targetid: Any = None
    ew: Any = None
    ew_ivar: Any = None
    survey: Any = None
    program: Any = None
    flags: Any = None
    ebv: Any = None
    conventions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "band_flux", optional(real, "BAND_FLUX", self.band_flux, _arrays.FLUX))
        put(self, "band_flux_ivar", optional(real, "BAND_FLUX_IVAR", self.band_flux_ivar))
        z = optional(real, "Z", self.z)
        if z is not None and z.ndim == 0 and self.band_flux is not None:  # one redshift for all
            z = np.broadcast_to(z, self.band_flux.shape[:1])
        put(self, "z", z)
        put(self, "ebv", optional(real, "EBV", self.ebv, "mag"))
        put(self, "targetid", optional(_arrays.ids, "TARGETID", self.targetid))
        put(self, "ew", optional(real, "EW", self.ew, _arrays.EW))
        put(self, "ew_ivar", optional(real, "EW_IVAR", self.ew_ivar))
        put(self, "survey", optional(_arrays.words, "SURVEY", self.survey))
        put(self, "program", optional(_arrays.words, "PROGRAM", self.program))
        put(self, "conventions", _arrays.conventions(self.conventions))
        _core.check(self._columns())

    def __len__(self) -> int:
        for f in fields(self):
            column = getattr(self, f.name)
            if f.name != "conventions" and column is not None:
                return len(column)
        return 0

    def _columns(self) -> dict[str, Any]:
        """The dictionary that the compiled half takes."""
        return {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.name != "flags" and getattr(self, f.name) is not None
        }

    def __getitem__(self, rows: Any) -> Galaxies:
        """Some rows, by slice, mask or index array."""
        take = np.arange(len(self))[rows]
        if take.ndim == 0:
            take = take[None]

        def of(column: Any) -> Any:
            if column is None:
                return None
            if isinstance(column, list):
                return [column[i] for i in take]
            return column[rows] if isinstance(rows, slice) else column[take]

        return Galaxies(
            **{f.name: of(getattr(self, f.name)) for f in fields(self) if f.name != "conventions"},
            conventions=self.conventions,
        )
