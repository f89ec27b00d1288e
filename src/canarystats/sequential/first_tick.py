"""The tick that brings enough baseline requests to choose edges, asked about every edge at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from canarystats.kernels.combination import log_mean
from canarystats.kernels.mixture import ODDS, shifted_share
from canarystats.sequential import binomial, dispersion, slow_requests
from canarystats.sequential.edges import slower
from canarystats.sequential.slow_requests import CLUMPS

FloatArray = NDArray[np.float64]
# How much rarer the baseline's slow requests are than the quantile allows, for all practical ends.
FEW_ODDS = -np.log(np.resize([1.5, 4.0, 30.0], len(ODDS)))


def every_edge(
    canary: FloatArray,
    baseline: FloatArray,
    at: float,
    *,
    quantile: float,
    margin: float,
    far: NDArray[np.int64],
) -> FloatArray:
    """Log e-values of *worse* and *beyond* of one tick by itself, shape (K, 2).

    Parameters
    ----------
    canary, baseline
        Bucket counts of the tick, shape (K, k).
    at
        Unix seconds.
    quantile, margin
        As of `histogram.Histogram`.
    far
        Shape (k - 1,): for each edge the first one the threshold's factor away; k - 1 for none.
    """
    rows, edges = len(canary), len(far)
    requests, others = canary.sum(axis=1)[:, None], baseline.sum(axis=1)[:, None]
    slow, slow_other = slower(canary), slower(baseline)
    both = (requests > 0) & (others > 0)
    realised = np.where(both, requests, 0.0) / np.where(both, requests + others, 1.0)
    odds = binomial.log_odds([True] * (3 * edges))
    odds[2 * edges :] = FEW_ODDS
    successes = np.hstack([np.where(both, slow, 0.0), slow, slow_other])
    failures = np.hstack([np.where(both, slow_other, 0.0), requests - slow, others - slow_other])
    share = np.full(successes.shape, 1.0 - quantile)
    share[:, :edges] = shifted_share(realised, 1.0 + margin)
    cautious = dispersion.fano(dispersion.begin(1, 1), clumps=CLUMPS)[0, 0]
    unknown = np.full((rows, 3 * edges), cautious)
    unknown[:, edges:] = np.minimum(unknown[:, edges:], slow_requests.UNSEEN)
    fresh = binomial.begin(rows, 3 * edges)
    _, log_e = binomial.step(fresh, odds, (successes, failures), share, at, unknown)
    worse, beyond, near = np.hsplit(log_e, 3)
    start = np.flatnonzero(far < edges)
    found = np.zeros((rows, 2))
    found[:, 0] = log_mean(worse.T)
    if start.size:
        found[:, 1] = log_mean(np.minimum(beyond[:, far[start]], near[:, start]).T)
    return found
