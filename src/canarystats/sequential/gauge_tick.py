"""One tick of K gauges: what either side reads, over how many pods, and what pods make."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canarystats.sequential import noise, pod_effects
from canarystats.sequential.gauge_state import ordinary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.sequential.gauge_state import GaugeState

    FloatArray = NDArray[np.float64]


class GaugeTick(NamedTuple):
    """A tick; every field but the last has shape (K,).

    ``seen`` says whether both sides have a value; ``canary`` and ``baseline`` are means over pods,
    0 where not seen; ``pods`` is the variance of their difference in those of one pod, ``share``
    the same in those of the history; ``lasting`` is the difference that pods make. ``apart`` is
    what is known of how far they differ, after the tick: see `pod_effects`.
    """

    seen: NDArray[np.bool_]
    canary: FloatArray
    baseline: FloatArray
    pods: FloatArray
    share: FloatArray
    lasting: FloatArray
    apart: FloatArray


def read(
    state: GaugeState,
    canary: FloatArray,
    baseline: FloatArray,
    *,
    times: float | None,
    pod_difference: float,
) -> GaugeTick:
    """Read the pods of both sides, shape (K, pods) each; settings as of `gauge.Gauge`."""
    (left, left_pods), (right, right_pods) = noise.pod_mean(canary), noise.pod_mean(baseline)
    apart = pod_effects.step(state.apart, baseline, right)
    right = right if times is None else times * right
    seen = np.isfinite(left) & np.isfinite(right)
    left, right = np.where(seen, left, 0.0), np.where(seen, right, 0.0)
    others = 0.0 if times is None else 1.0 / np.maximum(right_pods, 1.0)
    pods = 1.0 / np.maximum(left_pods, 1.0) + others
    # With fewer pods than in its history a side is noisier; with more it may not be calmer.
    share = np.maximum(pods / state.noise.pods, 1.0)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        lasting = ordinary(state, pods, pod_difference)
    return GaugeTick(seen, left, right, pods, share, lasting, apart)
