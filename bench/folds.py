"""The folds of `starglow evaluate --cv`, for programs that cross-validate beside it."""

import numpy as np


def folds_of(ids, n):
    """Fold 0 to n - 1 of each id: splitmix64 of TARGETID, mod n."""
    x = ids.astype(np.uint64)
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) % np.uint64(n)).astype(int)
