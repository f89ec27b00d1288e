"""A histogram by segment of the traffic: what its rows of tests ask within each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from canarystats.sequential.edges import FAR, NEAR, places, slower
from canarystats.sequential.strata import standardised

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarystats.sequential.strata import Strata

FloatArray = NDArray[np.float64]
Asked = tuple[tuple[FloatArray, FloatArray], FloatArray]


def within_segments(
    strata: Strata,
    edges: FloatArray,
    used: NDArray[np.bool_],
    questions: Callable[[FloatArray, FloatArray, NDArray[np.bool_]], Asked],
) -> Asked:
    """Successes, failures and the null's share within each segment, shape (S, 1, 11).

    *Beyond* asks whether as large a share of the canary's requests is slower than B as of the
    baseline's is slower than A, which no canary brings about that is at most k times as slow.

    Parameters
    ----------
    strata
        The tick by segment.
    edges
        Shape (11,): the edge of each row of tests.
    used
        Shape (1, 11): the rows that have an edge.
    questions
        What a histogram asks of both sides as a whole.
    """
    sides = np.stack([strata.canary, strata.baseline])
    sides = np.where(strata.compared[None, :, None], sides, 0.0)
    slow, total = slower(sides)[:, :, places(edges)], sides.sum(axis=2)
    (successes, failures), share = questions(slow, total, used)
    both = used & (total.min(axis=0) > 0)[:, None]
    realised = (total[0] / np.maximum(total.sum(axis=0), 1.0))[:, None]
    ours, theirs = (
        np.where(both[:, FAR], part, 0.0) for part in (slow[0, :, FAR], slow[1, :, NEAR])
    )
    successes[:, FAR], failures[:, FAR], share[:, FAR] = ours, theirs, realised
    successes[:, NEAR], failures[:, NEAR], share[:, NEAR] = theirs, ours, 1.0 - realised
    return (successes[:, None], failures[:, None]), share[:, None]


def alike(strata: Strata) -> FloatArray:
    """Bucket counts of both sides on the canary's mix of segments, shape (2, 1, k)."""
    requests = strata.canary.sum(axis=1), strata.baseline.sum(axis=1)
    return np.stack(standardised(strata.canary, strata.baseline, *requests))[:, None]
