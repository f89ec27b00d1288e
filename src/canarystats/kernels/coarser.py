"""Dependence that noise hides, seen in longer blocks.

The autocorrelation of a slow process behind fast noise is small at every lag, and a short series
tells little of it; in sums over more blocks the noise averages out and the slow part stays. An
error is therefore estimated from blocks of several lengths, and the widest interval is used.

References
----------
Flegal & Jones (2010), Annals of Statistics 38:1034-1070 (batch means and their lengths).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

LENGTHS = (1, 4, 8)  # in blocks
FEWEST = 14  # of the longer blocks
DESIGN_TAIL = 0.05  # the tail at which intervals are compared


def lengths(blocks: int) -> tuple[int, ...]:
    """How many blocks are joined, in turn; always 1."""
    return tuple(m for m in LENGTHS if m == 1 or blocks // m >= FEWEST)


def joined(values: FloatArray, length: int) -> FloatArray:
    """Sums of ``length`` neighbours, shape (ceil(B / length),); NaN where all are missing."""
    if length == 1:
        return values
    begin = np.arange(0, len(values), length)
    present = np.add.reduceat((~np.isnan(values)).astype(np.float64), begin)
    total = np.add.reduceat(np.nan_to_num(values), begin)
    sums: FloatArray = np.where(present > 0, total, np.nan)
    return sums
