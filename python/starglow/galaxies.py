"""A table of galaxies in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _arrays, _core, _units
from ._arrays import optional, real
from ._columns import common_index
from .errors import error

LINES: tuple[str, ...] = _core.lines
ALL_LINES: tuple[str, ...] = tuple(line["name"] for line in _core.line_table)
_NAMED = ("targetid", "survey", "program", "z", "band_flux", "band_flux_ivar", "z_err", "ebv", "flags")
_ROWS: tuple[str, ...] = ("band_flux", "z", "band_flux_ivar", "targetid", "ew", "ew_ivar", "survey", "program", "flags")
_ROWS += ("z_err", "ebv", "inputs")


@dataclass(frozen=True, repr=False)
class Galaxies:
    """Galaxies, one per row. An absent column is None. Arrays are not copied if their type allows it.

    Attributes
    ----------
    band_flux : (n, 12) float
        Mean F_lambda of the stellar continuum in twelve top hats of 300 A from 3400 A (rest frame, vacuum), in
        1e-17 erg s^-1 cm^-2 A^-1 as observed. A band that is NaN or not positive counts as missing.
    z : (n,) float
        Redshift.
    band_flux_ivar : (n, 12) float
        Inverse variance; 0 means that the band is missing.
    targetid : (n,) int64
        Ids; random numbers depend on them. Without ids the row number is used, with a flag. If some ids are null or
        masked this is a masked array, and only those rows use their row number.
    ew, ew_ivar : (n, 10) float
        Measured rest-frame equivalent widths, A, positive in emission, in the order of `starglow.LINES`; ivar 0 means
        no measurement. Or (n, 15), in the order of `starglow.names.ALL_LINES`.
    survey, program : (n,) str
        Optional; random numbers depend on them too. Null is the empty text.
    flags : (n,) int32
    z_err : (n,) float
        One standard deviation of the redshift; NaN = unknown. It widens the predicted lines where it is above
        0.0003 (1 + z).
    inputs : dict of (n,) float
        Columns that some models use beside the bands, by name: ``{"D4000": ...}``; NaN = unknown.
    ebv : (n,) float
        E(B-V) of the Milky Way, mag, on the scale of the SFD98 map; NaN = unknown. Used to
        convert band fluxes if MWCORR differs from the model's.
    conventions : dict
        What the numbers mean: APERTURE, MWCORR, MASKRULE, CONTSRC, LABELVER, FLUXSCAL, VACUUM (docs/tables.md).
    index : any
        Index of the DataFrame that it came from; `to_pandas` returns it.

    Raises
    ------
    InputError
        Columns of different lengths, a wrong number of bands, a unit of another dimension (others are converted), or a
        type that is not a real number.

    Examples
    --------
    >>> import starglow as sg
    >>> sg.Galaxies(band_flux=[[3.0] * 12], z=[0.1], targetid=[7])
    <starglow.Galaxies: 1 row of TARGETID, Z, BAND_FLUX>
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
    z_err: Any = None
    ebv: Any = None
    inputs: Any = None
    conventions: dict[str, str] = field(default_factory=dict)
    index: Any = field(default=None, compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "index", common_index(((n.upper(), getattr(self, n)) for n in _ROWS), self.index))
        for name, of, unit, of_unit in (
            ("band_flux_ivar", "band_flux", _units.FLUX_IVAR, _units.FLUX),
            ("ew_ivar", "ew", _units.EW_IVAR, _units.EW),
        ):
            put(
                self,
                name,
                optional(_arrays.ivar, name.upper(), getattr(self, name), unit, of.upper(), getattr(self, of), of_unit),
            )
        put(self, "band_flux", optional(real, "BAND_FLUX", self.band_flux, _units.FLUX))
        z = optional(real, "Z", self.z, _units.REDSHIFT)
        if z is not None and z.ndim == 0 and self.band_flux is not None:  # one redshift for all
            z = np.broadcast_to(z, self.band_flux.shape[:1])
        put(self, "z", z)
        put(self, "z_err", optional(real, "Z_ERR", self.z_err, _units.REDSHIFT))
        put(self, "ebv", optional(real, "EBV", self.ebv, "mag"))
        if self.inputs is not None:
            put(self, "inputs", {name: real(name, column) for name, column in self.inputs.items()} or None)
        put(self, "targetid", optional(_arrays.ids, "TARGETID", self.targetid))
        put(self, "ew", optional(real, "EW", self.ew, _units.EW))
        put(self, "survey", optional(_arrays.words, "SURVEY", self.survey))
        put(self, "program", optional(_arrays.words, "PROGRAM", self.program))
        put(self, "conventions", _arrays.conventions(self.conventions))
        _core.check(self._columns())
        if self.index is not None and len(self.index) != len(self):
            raise error("input", "the index does not fit the rows", str(len(self.index)), str(len(self)))

    def __len__(self) -> int:
        for name in _ROWS:
            column = getattr(self, name)
            if isinstance(column, dict):
                column = next(iter(column.values()), None)
            if column is not None:
                return len(column)
        return 0

    @property
    def without_id(self) -> np.ndarray | None:
        """(n,) bool: rows whose id is null or masked; None where there are none, or no ids at all."""
        return np.ma.getmaskarray(self.targetid) if isinstance(self.targetid, np.ma.MaskedArray) else None

    def _columns(self) -> dict[str, Any]:
        """The dictionary that the compiled half takes."""
        out = {n: getattr(self, n) for n in (*_ROWS, "conventions") if n != "flags" and getattr(self, n) is not None}
        if self.without_id is not None:
            out["targetid"] = np.where(self.without_id, _arrays.NULL_ID, self.targetid.data)
        return out

    def __getitem__(self, rows: Any) -> Any:
        """Some rows, by slice, mask or index array; or one column, by its name in docs/tables.md, as
        ``g["HALPHA_EW"]``."""
        if isinstance(rows, str):
            return self._column(rows)
        take = np.arange(len(self))[rows]
        if take.ndim == 0:
            take = take[None]

        def of(column: Any) -> Any:
            if column is None:
                return None
            if isinstance(column, dict):
                return {name: of(one) for name, one in column.items()}
            if isinstance(column, list):
                return [column[i] for i in take]
            return column[rows] if isinstance(rows, slice) else column[take]

        return Galaxies(
            **{name: of(getattr(self, name)) for name in _ROWS},
            conventions=self.conventions,
            index=None if self.index is None else self.index[take],
        )

    def _column(self, name: str) -> Any:
        wanted = name.upper()
        for line, suffix, values in (
            (wanted[: -len(s)], s, v) for s, v in (("_EW", self.ew), ("_EW_IVAR", self.ew_ivar))
        ):
            if wanted.endswith(suffix) and values is not None and line in ALL_LINES[: values.shape[1]]:
                return values[:, ALL_LINES.index(line)]
        if wanted in (self.inputs or {}):
            return self.inputs[wanted]
        found = getattr(self, wanted.lower(), None) if wanted.lower() in _ROWS[:-1] else None
        if found is None:
            raise KeyError(f"no column {name}; there are {', '.join(self._names())}")
        return found

    def _names(self) -> list[str]:
        out = [n.upper() for n in _NAMED if getattr(self, n) is not None] + list(self.inputs or {})
        return out + [f"{{LINE}}_{n.upper()}" for n in ("ew", "ew_ivar") if getattr(self, n) is not None]

    def __repr__(self) -> str:
        n = len(self)
        said = "".join(f", {k}={v}" for k, v in self.conventions.items() if v != "unknown")
        names = ", ".join(self._names()) or "no columns"
        return f"<starglow.Galaxies: {n} {'row' if n == 1 else 'rows'} of {names}{said}>"

    def _repr_html_(self) -> str:
        from .tables import columns, html

        return html(repr(self)[1:-1], columns(self), len(self))
