"""SSP grids that already contain nebular lines: adding lines to them would count them twice."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import error
from ..jax.bands import C_ANGSTROM, window_matrix
from ..names import BAND_EDGES, COMPONENTS, LEADING_LINES, LINE_WAVE, LINES, SIDE_BANDS

YOUNG_LG_AGE_GYR = -2.0  # 10 Myr: older stars ionise little
#: A stellar spectrum has no such excess: its Balmer lines are absorption, and the emission of winds is weaker
EXCESS_EW = 10.0  # A

# Rest wavelengths (vacuum, A) of lines in HII regions between 3400 and 7200 A, for masking: those that starglow
# predicts and others; and the strong ones among them, which alone matter on a grid of points so far apart that lines
# are spread over them.
_PREDICTED = tuple(wave for _, _, wave, _ in COMPONENTS)
_OTHERS = (
    *(3750.15, 3771.70, 3798.98, 3836.47, 3869.86, 3889.7, 3968.59, 3971.20, 4026.9, 4069.7, 4077.6, 4102.89),
    *(4364.44, 4472.73, 4687.0, 4712.6, 4741.5, 4922.9, 5016.9, 5201.7, 5519.2, 5539.4, 5756.2, 5877.25),
    *(6302.05, 6313.8, 6365.5, 6680.0, 7067.2, 7137.8),
)
NEBULAR = tuple(sorted(_PREDICTED + _OTHERS))
_STRONG_OTHERS = (3869.86, 3968.59, 4102.89, 5877.25)
STRONG = tuple(sorted(LINE_WAVE + _STRONG_OTHERS))
GROUPS = LEADING_LINES  # each with those that share its side bands
COARSE = 6.0  # A between points


class GridReport(NamedTuple):
    """What was found in an SSP grid, and what was done."""

    nebular: bool  #: whether the flux of young stars holds emission lines
    conclusive: bool  #: False when the grid has no SSP below 10 Myr: nothing to look at
    ew: dict[
        str, float
    ]  #: line, with those that share its side bands -> largest emission EW of any young SSP, A (negative: absorption)
    action: str  #: "none", "masked" or "allowed"
    n_points: int  #: points of the grid that were replaced

    def __str__(self) -> str:
        worst = max(self.ew, key=self.ew.__getitem__) if self.ew else None
        found = (
            f"{worst} reaches an EW of {self.ew[worst]:.0f} A in SSPs below 10 Myr"
            if worst
            else "no line is covered by the grid"
        )
        if not self.conclusive:
            return "the grid has no SSP below 10 Myr: it cannot hold nebular lines of young stars"
        if not self.nebular:
            return f"no nebular lines in the grid ({found})"
        did = {
            "masked": f"{self.n_points} points of wavelength were replaced by straight lines; the nebular continuum "
            f"is still in it",
            "allowed": "kept: lines that are added are counted twice",
        }[self.action]
        return f"the grid holds nebular lines ({found}); {did}"


def emission_ews(wave: np.ndarray, lum_nu: Any) -> np.ndarray:
    """EW of each of the ten lines against its side bands, all light between them, A; (..., 10). NaN where not
    covered."""
    f_lambda = np.asarray(lum_nu, float) * (C_ANGSTROM / np.square(wave))
    windows = np.asarray(SIDE_BANDS)
    means = [
        f_lambda @ np.nan_to_num(m).T + np.where(np.isnan(m[:, 0]), np.nan, 0)
        for m in (window_matrix(wave, windows[:, a], windows[:, b]) for a, b in ((0, 1), (1, 2), (2, 3)))
    ]
    return (means[1] / (0.5 * (means[0] + means[2])) - 1) * (windows[:, 2] - windows[:, 1])


def _without_lines(wave: np.ndarray, flux: np.ndarray, extra: list[float], width: float) -> tuple[np.ndarray, int]:
    """The grid with straight lines in F_lambda under each nebular line, and how many points were replaced.

    Half width of a mask: 14 A or 2.5 points, times `width`.
    """
    spacing = np.gradient(wave)
    hidden = np.zeros(wave.shape, bool)
    coarse = np.median(spacing[(wave > 3400) & (wave < 7000)]) > COARSE
    for line in STRONG if coarse else (*NEBULAR, *extra):
        hidden |= np.abs(wave - line) <= width * max(14.0, 2.5 * float(np.interp(line, wave, spacing)))
    seen = np.flatnonzero(~hidden)
    right = np.clip(np.searchsorted(seen, np.flatnonzero(hidden)), 1, len(seen) - 1)
    a, b = seen[right - 1], seen[right]
    t = (wave[hidden] - wave[a]) / (wave[b] - wave[a])
    f_lambda = flux / np.square(wave)
    f_lambda[..., hidden] = f_lambda[..., a] * (1 - t) + f_lambda[..., b] * t
    return f_lambda * np.square(wave), int(hidden.sum())


def _band_means(wave: np.ndarray, flux: np.ndarray) -> np.ndarray:
    return flux @ np.nan_to_num(window_matrix(wave, BAND_EDGES[:-1], BAND_EDGES[1:]) / np.square(wave)).T


def check_grid(ssp_data: Any, nebular: str = "refuse") -> tuple[Any, GridReport]:
    """Checks whether the SSPs younger than 10 Myr of a DSPS grid contain nebular lines.

    Parameters
    ----------
    ssp_data : SSPData
        Of ``dsps.load_ssp_templates``.
    nebular : {"refuse", "mask", "allow"}
        What to do with such a grid: raise an error; replace the wavelengths around each line by a straight line in
        F_lambda, in the young SSPs; or keep it, if you add no lines.

    Returns
    -------
    ssp_data : SSPData
        The given one, or a copy with ``ssp_flux`` masked.
    report : GridReport

    Raises
    ------
    ValueError
        The grid contains nebular lines and `nebular` is "refuse"; masking does not remove them; or this is not a grid.
    """
    if nebular not in ("refuse", "mask", "allow"):
        raise error("usage", "unknown value of nebular", f"'{nebular}'", "refuse, mask or allow")
    wave, flux = np.asarray(ssp_data.ssp_wave, float), np.asarray(ssp_data.ssp_flux)
    age = np.asarray(ssp_data.ssp_lg_age_gyr, float)
    if wave.ndim != 1 or flux.ndim != 3 or flux.shape[1:] != (len(age), len(wave)):
        raise error("input", "ssp_flux has a wrong shape", f"{flux.shape}", f"(n_met, {age.size}, {wave.size})")
    if not np.all(np.diff(wave) > 0):
        raise error("input", "ssp_wave does not increase", "", "vacuum wavelengths in A")
    young = age < YOUNG_LG_AGE_GYR
    if not young.any():
        return ssp_data, GridReport(False, False, {}, "none", 0)

    def strongest(of: np.ndarray) -> tuple[dict[str, float], bool]:
        with np.errstate(invalid="ignore"):
            ews = emission_ews(wave, of[:, young])
        found = {
            name: float(np.nanmax(ews[..., k]))
            for k, name in enumerate(LINES)
            if name in GROUPS and np.isfinite(ews[..., k]).any()
        }
        return found, any(ew > EXCESS_EW for ew in found.values())

    ews, found = strongest(flux)
    report = GridReport(found, True, ews, "none", 0)
    if not found:
        return ssp_data, report
    if nebular == "allow":
        return ssp_data, report._replace(action="allowed")
    worst = max(ews, key=ews.__getitem__)
    if nebular == "refuse":
        raise error(
            "input",
            "the SSP grid holds nebular lines: lines painted on it would be counted twice",
            f"an EW of {ews[worst]:.0f} A at {worst} in SSPs below 10 Myr",
            f"less than {EXCESS_EW:.0f}",
            "Use a grid of stars alone, or mask it: check_grid(ssp_data, nebular='mask').",
        )
    extra = [w for w in (getattr(ssp_data, "ssp_emline_wave", None) or ()) if 3300 < w < 7200]
    # Lines may be broader than the masks: widen them until the bands no longer change.
    before = None
    for width in (1, 2, 3, 4):
        part, n_points = _without_lines(wave, flux[:, young].astype(float), extra, width)
        masked = flux.astype(float)
        masked[:, young] = part
        means = _band_means(wave, part)
        if (
            before is not None
            and np.max(np.abs(means - before[1])) <= 0.02 * np.max(means)
            and not strongest(before[0])[1]
        ):
            return ssp_data._replace(ssp_flux=before[0]), report._replace(action="masked", n_points=before[2])
        before = masked, means, n_points
    raise error(
        "input",
        "the nebular lines in the SSP grid are broader than any mask",
        f"an EW of {ews[worst]:.0f} A at {worst}",
        "",
        "Use a grid of stars alone.",
    )
