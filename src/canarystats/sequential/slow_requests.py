"""How bursty slow requests are, and what the tests at bucket edges are discounted by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from canarystats.sequential.dispersion import Seen

if TYPE_CHECKING:
    from canarystats.sequential.dispersion import Dispersion

FloatArray = NDArray[np.float64]
# Nobody knows at first how slow requests clump. Some rows assume no larger clumps than this until
# larger ones are seen. *Beyond* can afford it, for it asks for two things at once, far from the
# quantile; so can a proof, which rolls nothing back.
UNSEEN = 2.0
# The others assume this: slow requests share their causes more often than failed ones do.
CLUMPS = 20.0


def seen(slow: FloatArray, requests: FloatArray, used: NDArray[np.bool_]) -> Seen:
    """The baseline's slow requests beyond each slot, shape (n, 6), out of all of them."""
    return Seen(slow, np.where(used, requests[:, None], 0.0), slow)


def worth(canary: FloatArray, baseline: FloatArray) -> FloatArray:
    """The harmonic mean of both sides' requests, 0 where one has none, shape (K, 1)."""
    total = canary + baseline
    both = 2.0 * canary * baseline / np.where(total > 0, total, 1.0)
    return np.nan_to_num(both)[:, None]


def discounts(fano: FloatArray, learned: Dispersion, slots: NDArray[np.int64]) -> FloatArray:
    """The Fano factor of every row of tests, shape (K, 11), from those of the slots."""
    shown = np.full_like(fano, UNSEEN)
    for scale in (learned.ticks, learned.batches):
        estimate = scale.squares / np.where(scale.expected > 0, scale.expected, 1.0)
        shown = np.maximum(shown, estimate)
    rows = np.arange(len(fano))[:, None]
    return np.hstack([fano, np.minimum(fano, shown)[rows, slots]])
