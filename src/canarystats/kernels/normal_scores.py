"""Normal scores: each value replaced by the normal quantile of its rank within its row.

Heavy tails and single spikes lose their weight, a strictly increasing transformation of the values
changes nothing, and independent values become near normal, whatever their distribution.

References
----------
Blom (1958), Statistical estimates and transformed beta-variables (the ranks' plotting positions).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from canarystats.kernels.ranks import midranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

KEPT_LENGTHS = 32  # at most 32 * 2n numbers


def normal_scores(values: FloatArray) -> FloatArray:
    """Scores of each row; tied values share the score of their mean rank.

    Parameters
    ----------
    values
        Shape (K, n), any unit, no NaN; infinities are ranked.

    Returns
    -------
    ndarray
        Shape (K, n), symmetric about 0 without ties; all zero in a row that never varies.
    """
    rows, n = values.shape
    if not n:
        return np.zeros((rows, 0))
    table = _score_of_half_ranks(n)
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    scores = np.empty((rows, n))
    np.put_along_axis(scores, order, np.broadcast_to(table[2::2], (rows, n)), axis=1)
    tied = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if tied.any():
        scores[tied] = table[np.rint(2 * midranks(values[tied])).astype(np.intp)]
    return scores


@lru_cache(maxsize=KEPT_LENGTHS)
def _score_of_half_ranks(n: int) -> FloatArray:
    # entry 2r is the score of rank r; odd entries serve ties; entries 0 and 1 are never asked for
    half_ranks = np.maximum(np.arange(2 * n + 1), 2)
    below = ndtri((half_ranks / 2 - 0.375) / (n + 0.25))
    table: FloatArray = np.where(half_ranks <= n + 1, below, -below[2 * n + 2 - half_ranks])
    table[n + 1] = 0.0  # the middle rank
    table.setflags(write=False)
    return table
