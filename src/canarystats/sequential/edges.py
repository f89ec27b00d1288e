"""Which bucket edges a histogram is watched at: chosen once, from the baseline alone.

An edge that the canary's data choose would be chosen because it looks bad. So the edges are read
off history or off the baseline's first requests, and stay.

References
----------
Howard & Ramdas (2022), Sequential estimation of quantiles, Bernoulli 28 (why a fixed quantile).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

QUANTILES = np.array([0.5, 0.75, 0.9, 0.95, 0.99, 0.999])
SLOTS = len(QUANTILES)
PAIRS = 2
NOT_WORSE = SLOTS
FAR = slice(SLOTS + 1, SLOTS + 1 + PAIRS)
NEAR = slice(SLOTS + 1 + PAIRS, SLOTS + 1 + 2 * PAIRS)
ROWS = SLOTS + 1 + 2 * PAIRS
UNUSED = -1.0
SLACK = 1.25  # a share counted from few requests is about right within a quarter


def slower(counts: FloatArray) -> FloatArray:
    """How many observations lie above each finite edge, shape (..., k - 1) from (..., k)."""
    above: FloatArray = np.cumsum(counts[..., ::-1], axis=-1)[..., -2::-1]
    return above


def frozen(counts: FloatArray, quantile: float, far: NDArray[np.int64]) -> FloatArray:
    """The edge of each row of tests, as an index or -1 for none, shape (K, 11).

    Six rows ask for a larger share of slow requests: at the first edges beyond the baseline's p50,
    p75, p90, p95, p99 and p99.9, each edge once. One asks whether the share is not larger, at the
    last edge that a share of 1 - quantile lies beyond. Two pairs ask how far the quantile has
    moved: from the first edges beyond the baseline's to those ``far`` names.

    Parameters
    ----------
    counts
        Shape (K, k): bucket totals of the old version, not all zero.
    quantile
        In (0, 1).
    far
        Shape (k - 1,): for each edge the first one the threshold's factor away; k - 1 for none.
    """
    edges = counts.shape[1] - 1
    share = slower(counts) / counts.sum(axis=1, keepdims=True)
    tails = SLACK * (1.0 - QUANTILES)
    slots = (share[:, None, :] > tails[:, None]).sum(axis=2)
    again = np.diff(slots, axis=1, prepend=-1) == 0
    slots = np.where(again | (slots == edges), -1, slots)
    # Whatever is slower than the last edge was there before: that edge is all there is to watch.
    slots[:, 0] = np.where(slots[:, 0] < 0, edges - 1, slots[:, 0])
    below = (share >= (1.0 - quantile) / SLACK).sum(axis=1) - 1
    near = (share > SLACK * (1.0 - quantile)).sum(axis=1)[:, None] + np.arange(PAIRS)
    reach = np.where(near < edges, far[np.minimum(near, edges - 1)], edges)
    near, reach = np.where(reach < edges, near, -1), np.where(reach < edges, reach, -1)
    chosen: FloatArray = np.hstack([slots, below[:, None], reach, near]).astype(np.float64)
    return chosen


def slot_of(edges: FloatArray, quantile: float) -> NDArray[np.int64]:
    """The slot (0 to 5) with an edge that is watched nearest to a quantile, shape (K,)."""
    away = np.abs(np.arange(SLOTS) - QUANTILES.searchsorted(quantile))
    slot: NDArray[np.int64] = np.where(edges[:, :SLOTS] >= 0, away, SLOTS).argmin(axis=1)
    return slot


def nearest_slots(edges: FloatArray) -> NDArray[np.int64]:
    """The slot (0 to 5) of the edge nearest to that of each later row of tests, shape (K, 5)."""
    slots, others = edges[:, None, :SLOTS], edges[:, SLOTS:, None]
    distance = np.where(slots >= 0, np.abs(others - slots), np.inf)
    nearest: NDArray[np.int64] = distance.argmin(axis=2)
    return nearest


def places(edges: FloatArray) -> NDArray[np.int64]:
    """Edges as indices; rows without an edge read the first and ignore it."""
    return np.maximum(edges, 0.0).astype(np.int64)
