"""Where a process began anew: what grows is the memory of one process, not of its successors."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

FALL = 0.5  # share of its memory that a restart leaves at most
NEAR_START = 1.1  # of the least value so far, up to which a fall is one to the beginning
FEWEST_TICKS = 30  # from one restart to the next; what falls more often collects garbage


def restarts(values: FloatArray, started: FloatArray | None) -> IntArray:
    """Ticks at which a new process is first seen.

    Parameters
    ----------
    values
        One series, shape (n,); NaN is a missed sample.
    started
        Start time of the process at each tick, the same shape, NaN where it is not known; None
        infers restarts from the values: a fall by half in one tick, to where the process began.
        Falls that come more often than every `FEWEST_TICKS` ticks are taken for collections.
    """
    where = np.flatnonzero(np.isfinite(values))
    if started is not None:
        known = np.flatnonzero(np.isfinite(started))
        return known[1:][np.diff(started[known]) > 0]
    held = values[where]
    falls = np.flatnonzero(held[1:] < FALL * held[:-1]) + 1
    if not len(falls):
        return falls
    found: list[int] = []
    begin = 0
    for fall in falls.tolist():
        if held[fall] <= NEAR_START * held[begin:fall].min():
            found.append(fall)
            begin = fall
    if len(found) * FEWEST_TICKS > len(held):
        return np.empty(0, dtype=np.intp)
    return where[np.array(found, dtype=np.intp)]


def longest(cuts: IntArray, present: NDArray[np.bool_]) -> tuple[int, int]:
    """The stretch between two cuts, or a cut and an end, with the most samples: start and stop."""
    ends = np.concatenate([[0], cuts, [len(present)]])
    counts = [int(present[a:b].sum()) for a, b in pairwise(ends)]
    best = int(np.argmax(counts))
    return int(ends[best]), int(ends[best + 1])
