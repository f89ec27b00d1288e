"""Histograms added up over the ticks that both sides have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.buckets import interpolated_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BucketTotals:
    """Observations in each bucket on both sides.

    Parameters
    ----------
    bounds
        Upper bounds, shape (k,), the last one infinite.
    canary, baseline
        Shape (k,).
    columns
        One value a tick on each side, NaN where it is missing.
    """

    bounds: FloatArray
    canary: FloatArray
    baseline: FloatArray
    columns: tuple[FloatArray, FloatArray]

    @property
    def whole(self) -> bool:
        """Whether every count is a whole number."""
        return all(bool((side == np.round(side)).all()) for side in (self.canary, self.baseline))

    def quantile(self, counts: FloatArray, q: float) -> float:
        """The quantile that Prometheus interpolates; NaN without observations."""
        return float(interpolated_quantile(self.bounds, counts[None], q)[0])


def together(pair: Pair) -> BucketTotals:
    """Add up the ticks that both sides have; without a baseline its counts are 0."""
    baseline = pair.baseline if pair.baseline is not None else np.full_like(pair.canary, np.nan)
    present = ~np.isnan(pair.canary).any(axis=1)
    if pair.baseline is not None:
        present &= ~np.isnan(baseline).any(axis=1)
    bounds = pair.upper_bounds if pair.upper_bounds is not None else np.array([np.inf])
    return BucketTotals(
        bounds,
        pair.canary[present].sum(axis=0),
        np.nan_to_num(baseline[present], nan=0.0).sum(axis=0),
        (pair.canary[:, 0], baseline[:, 0]),
    )
