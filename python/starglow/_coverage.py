"""Which wavelengths a grid covers: `src/spectra/coverage.cpp` in NumPy, for what runs without the C++ library."""

from __future__ import annotations

import numpy as np

_FACTOR = 2.01
_NEIGHBOURS = 6


def _median(steps: np.ndarray) -> float:
    return float(np.sort(steps)[(len(steps) - 1) // 2]) if len(steps) else 0.0


def _typical(wave: np.ndarray, i: int) -> float:
    """The larger of the typical steps before and after the step from i to i + 1."""

    def pair(first: int, last: int) -> np.ndarray:
        """Half of two steps, which does not notice pixels of two cameras that alternate."""
        last = min(last, first + _NEIGHBOURS)
        return 0.5 * (wave[first + 2 : last + 2] - wave[first:last])

    low = max(i - _NEIGHBOURS - 1, 0)
    before = _median(pair(low, i - 1)) if i >= 2 else 0.0
    after = _median(pair(i + 1, len(wave) - 2)) if i + 3 < len(wave) else 0.0
    return max(before, after) or float(wave[i + 1] - wave[i])


def holes(wave: np.ndarray) -> list[tuple[float, float]]:
    """The ranges between pixels that nobody looked at: steps of more than twice the steps around them."""
    step = np.diff(wave)
    wide = np.zeros(len(step), bool)
    wide[1:] |= step[1:] > _FACTOR * step[:-1]
    wide[:-1] |= step[:-1] > _FACTOR * step[1:]
    out = []
    for i in np.flatnonzero(wide):
        typical = _typical(wave, int(i))
        if step[i] > _FACTOR * typical:
            out.append((wave[i] + typical / 2, wave[i + 1] - typical / 2))
    return out


def covers(wave: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether holes take no more than half of each window [low, high]."""
    lost = np.zeros(np.shape(low))
    for a, b in holes(wave):
        lost += np.clip(np.minimum(high, b) - np.maximum(low, a), 0, None)
    return lost <= 0.5 * (np.asarray(high) - np.asarray(low))
