"""Since when more of a canary's requests have been slow, dated at two of the watched bucket edges.

Beyond an edge latency is a count of slow requests, and a larger share of them is dated as more
errors are (see `onset`). Two edges are followed, because a tail and the whole distribution need not
grow worse together: the first one watched, near the baseline's median, and the one watched for the
quantile. Assumes one step that stays, and clumps no larger than the Fano factor says. Near the
median a share varies less than counts of rare events do, which makes the interval too wide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from canarystats.sequential import onset
from canarystats.sequential.edges import places, slot_of

if TYPE_CHECKING:
    from canarystats.sequential.onset import Began

FloatArray = NDArray[np.float64]
RATIOS = np.array([1.1, 1.4, 2.5, 10.0])
LOWER, EDGES, TAIL = 0.5, 2, 1  # the quantile beside the metric's own; how many; the latter's place


def begin(size: int = 1, *, followed: bool = True) -> FloatArray:
    """The state of ``size`` histograms before the first tick, shape (K, 2, ratios, 6).

    Shape (K, 0, ratios, 6) where their onset is not ``followed``.
    """
    state = onset.begin(size * EDGES, RATIOS).reshape(size, EDGES, len(RATIOS), -1)
    return state if followed else state[:, :0]


def step(
    state: FloatArray,
    slow: FloatArray,
    total: FloatArray,
    edges: FloatArray,
    quantile: float,
    fano: FloatArray,
    at: float,
) -> FloatArray:
    """One tick.

    Parameters
    ----------
    state
        From `begin` or the tick before.
    slow
        Requests slower than each finite edge, of the canary and the baseline, shape (2, K, k - 1).
    total
        All requests, shape (2, K); a row with NaN or 0 on a side tells nothing.
    edges
        Those of each row of tests before the tick, shape (K, 11): see `edges.frozen`. A row that
        has none yet tells nothing.
    quantile
        That of the tail edge.
    fano
        How slow requests clump at each row of tests, shape (K, 11).
    at
        Unix seconds.
    """
    rows = np.arange(len(edges))[:, None]
    slots = np.stack([slot_of(edges, q) for q in (LOWER, quantile)], axis=1)
    counted = slow[:, rows, places(edges)[rows, slots]]
    read = (edges[rows, slots] >= 0) & np.isfinite(total.sum(axis=0))[:, None]
    exposure = np.where(read, np.nan_to_num(total)[:, :, None], 0.0)
    sides = np.stack([np.where(read, counted, 0.0), exposure], axis=-1).reshape(2, -1, 2)
    flat = state.reshape(-1, *state.shape[2:])
    clumps = fano[rows, slots].ravel()
    return onset.step(flat, sides[0], sides[1], at, RATIOS, clumps).reshape(state.shape)


def began(state: FloatArray, question: str, row: int = 0) -> Began | None:
    """The onset of what *worse* (any edge) or *beyond* (that of the quantile) is about."""
    followed = state[row] if question == "worse" else state[row, TAIL:]
    loudest = int(followed[..., onset.SUM].max(axis=1).argmax())
    return onset.began(followed, loudest)
