"""Two gauges side by side at equal times, as differences or as differences of logarithms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from canarystats.compare import sides
from canarystats.errors import InputError
from canarystats.kernels.long_run import long_run
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

Scale = Literal["auto", "ratio", "difference"]
SCALES = ("auto", "ratio", "difference")
FEWEST_IN_HISTORY = 20
ROUNDING = 1e-12  # of the largest value: differences that vary by less are taken to be the same


class LongRunVariance(NamedTuple):
    """How uncertain a mean of differences is, learnt from history.

    Parameters
    ----------
    value
        n times the variance of the mean of n differences, in the metric's unit squared, or of
        differences of natural logarithms.
    degrees
        Degrees of freedom it was estimated with.
    scale
        ``difference`` or ``ratio`` (logarithms).
    """

    value: float
    degrees: float
    scale: Literal["ratio", "difference"]


@dataclass(frozen=True, slots=True)
class Aligned:
    """The ticks that both sides have.

    Parameters
    ----------
    canary, baseline
        Shape (n,), NaN where either side is missing.
    seen
        What is missing or infinite.
    n
        Values on each side.
    ratio
        Whether they are compared by ratios.
    usable
        Whether they can be: finite, and positive for ratios.
    """

    canary: FloatArray
    baseline: FloatArray
    seen: tuple[str, ...]
    n: tuple[int, int]
    ratio: bool
    usable: bool

    @property
    def both(self) -> NDArray[np.bool_]:
        """Which ticks both sides have."""
        present: NDArray[np.bool_] = ~np.isnan(self.canary)
        return present

    @property
    def rounding(self) -> float:
        """Variance of the differences that rounding alone may leave."""
        if self.ratio or not self.usable or not self.both.any():
            return ROUNDING**2
        largest = max(np.nanmax(np.abs(self.canary)), np.nanmax(np.abs(self.baseline)))
        return float((ROUNDING * largest) ** 2)


def long_run_variance(history: Pair, *, scale: Scale = "auto") -> LongRunVariance:
    """Learn from history how uncertain a mean difference is.

    Parameters
    ----------
    history
        A gauge from before the rollout: two baseline replicas, or an earlier healthy canary
        beside its baseline. 960 ticks or more are advised.
    scale
        As in `paired`.

    Raises
    ------
    InputError
        If the pair is of another kind, holds infinities, has fewer than 20 ticks on both sides,
        or never varies.
    """
    sides.require_kind(history, "long_run_variance", Kind.GAUGE)
    sides.require_setting("scale", scale, SCALES)
    aligned = align(history, scale)
    series = differences(aligned, 0.0, absolute=False)
    n = int((~np.isnan(series)).sum())
    if not aligned.usable or n < FEWEST_IN_HISTORY:
        msg = (
            f"metric {history.name!r}: {n} finite ticks on both sides; it takes {FEWEST_IN_HISTORY}"
        )
        raise InputError(msg)
    learnt = long_run(series[None])
    if learnt.variance[0] <= aligned.rounding:
        msg = f"metric {history.name!r}: history must vary; every difference is the same"
        raise InputError(msg)
    return LongRunVariance(
        float(learnt.long_run_variance[0]),
        float(learnt.degrees[0]),
        "ratio" if aligned.ratio else "difference",
    )


def align(pair: Pair, scale: Scale) -> Aligned:
    """Read both sides where both are present."""
    canary, baseline = sides.ordinary_values(pair)
    n = (int((~np.isnan(canary)).sum()), int((~np.isnan(baseline)).sum()))
    both = ~np.isnan(canary) & ~np.isnan(baseline)
    left, right = (np.where(both, side, np.nan) for side in (canary, baseline))
    held = np.concatenate([left[both], right[both]])
    finite = bool(np.isfinite(held).all())
    positive = bool((held > 0).all())
    ratio = positive if scale == "auto" else scale == "ratio"
    usable = finite and (positive or not ratio)
    return Aligned(left, right, sides.seen(pair, canary, baseline), n, ratio, usable)


def differences(aligned: Aligned, margin: float, *, absolute: bool) -> FloatArray:
    """The series whose mean is 0 at the margin; the margin is signed, up or down."""
    if not aligned.usable:
        return np.full_like(aligned.canary, np.nan)
    if aligned.ratio:
        logs: FloatArray = np.log(aligned.canary) - np.log(aligned.baseline)
        return logs - math.log1p(margin)
    if absolute:
        return aligned.canary - aligned.baseline - margin
    return aligned.canary - aligned.baseline - margin * np.abs(aligned.baseline)
