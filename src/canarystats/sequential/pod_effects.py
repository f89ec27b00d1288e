"""How far single pods of the running baseline differ lastingly, where no history has told it.

Pods of one version are never quite alike: one has the larger shard, another the slower node. Such a
difference stays, so that no length of time averages it away, and two sides of few pods differ by
it without any change. The baseline's pods show it while the rollout runs: each pod's deviation
from their common mean is averaged over time, and what these averages vary by beyond what noise
alone leaves is the variance of the lasting differences.

Assumes that pods keep their places from tick to tick and that the canary's would differ as the
baseline's do. A single pod shows nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

FloatArray = NDArray[np.float64]

MOST_PODS = 16  # of a side are followed
SUM, TICKS = 0, 1
STEADY = 0.5  # a pod that was there for a smaller part of the time says little of what lasts
# Of a hundred pairs of sides of one version, one lies further apart than is called ordinary.
ONE_SIDED = 0.99


def begin(size: int = 1) -> FloatArray:
    """The state of ``size`` gauges before the first tick, shape (K, 2, pods)."""
    return np.zeros((size, 2, MOST_PODS))


def step(state: FloatArray, pods: FloatArray, mean: FloatArray) -> FloatArray:
    """One tick.

    Parameters
    ----------
    state
        From `begin` or the tick before.
    pods
        The baseline's pods, shape (K, pods), in the metric's unit; NaN is a missed scrape.
    mean
        Their mean, shape (K,).
    """
    followed = pods[:, :MOST_PODS]
    if followed.shape[1] < 2:
        return state
    told = np.isfinite(followed)
    told &= (told.sum(axis=1) > 1)[:, None]
    after = state.copy()
    n = followed.shape[1]
    after[:, SUM, :n] += np.where(told, followed - mean[:, None], 0.0)
    after[:, TICKS, :n] += told
    return after


def between(state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The variance of the pods' averages and its degrees of freedom, shape (K,) each."""
    total, ticks = state[:, SUM], state[:, TICKS]
    longest = ticks.max(axis=1, keepdims=True)
    steady = (ticks > 0) & (ticks >= STEADY * longest)
    count = steady.sum(axis=1).astype(np.float64)
    own = np.where(steady, total / np.maximum(ticks, 1.0), 0.0)
    centre = own.sum(axis=1) / np.maximum(count, 1.0)
    squares = np.where(steady, (own - centre[:, None]) ** 2, 0.0).sum(axis=1)
    free = np.maximum(count - 1.0, 0.0)
    return squares / np.maximum(free, 1.0), free


def several(state: FloatArray) -> NDArray[np.bool_]:
    """Where the baseline has ever shown two pods at once, shape (K,)."""
    told: NDArray[np.bool_] = (state[:, TICKS] > 0).sum(axis=1) > 1
    return told


def ordinary(effect: FloatArray, free: FloatArray, pods: FloatArray) -> FloatArray:
    """The lasting difference between two sides that no change needs to explain, shape (K,).

    Parameters
    ----------
    effect
        Standard deviation of what pods differ by lastingly, shape (K,).
    free
        Degrees of freedom it was learned from; 0 where nothing was.
    pods
        Sum over both sides of one over the pods averaged, shape (K,).
    """
    reach = stdtrit(np.maximum(free, 1.0), ONE_SIDED) * np.sqrt(pods)
    return np.where(free > 0, np.maximum(reach, 1.0) * effect, 0.0)
