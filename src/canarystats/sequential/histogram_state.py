"""What K histograms with the same buckets remember between ticks, and what a tick asks of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.sequential import binomial
from canarystats.sequential.dispersion import Dispersion

FloatArray = NDArray[np.float64]


class Asked(NamedTuple):
    """What a tick asks of some rows of tests, shape (K, rows) each; see `binomial.step`."""

    counts: tuple[FloatArray, FloatArray]
    share: FloatArray
    fano: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class HistogramState:
    """What K histograms with the same buckets have shown.

    Parameters
    ----------
    tests
        The e-processes at the chosen edges.
    edges
        Shape (K, 11): the edge of each row of tests, -1 for none; all -1 until they are chosen.
    first
        Shape (K, 2): log e-values, of *worse* and *beyond*, of the tick that chose the edges.
    first_at
        Shape (K,): Unix seconds of that tick; NaN before it, or where history chose them.
    canary, baseline
        Bucket totals of each side, shape (K, k).
    chosen_from
        Shape (K,): how many of the old version's requests chose the edges.
    history_ticks
        Shape (K,): ticks of history learned from.
    dispersion
        How bursty the old version's slow requests are, at the edges of *worse*.
    began
        Since when more of the canary's requests are slow: see `slow_onset`; without rows where
        the metric's onset is not dated.
    """

    tests: binomial.BinomialState
    edges: FloatArray
    first: FloatArray
    first_at: FloatArray
    canary: FloatArray
    baseline: FloatArray
    chosen_from: FloatArray
    history_ticks: FloatArray
    dispersion: Dispersion
    began: FloatArray
