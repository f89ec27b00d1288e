"""How bursty counts with exposure are: the errors of each side, and the split of the traffic.

What is known of it divides the evidence on counts; how it is estimated stands in `dispersion`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.sequential import dispersion
from canarystats.sequential.dispersion import Dispersion, Seen
from canarystats.sequential.rate_effects import EVENTS, EXPOSURE

FloatArray = NDArray[np.float64]
BASELINE, CANARY, TRAFFIC = 0, 1, 2  # kinds of the dispersion
MOST_COUNTED = np.array([np.inf, np.inf, dispersion.WILDEST])  # of one change: see `dispersion`
BOTH = 3  # the errors of both sides, beside them


class Split(NamedTuple):
    """How many requests are designed to be the canary's, and their variance, shape (K,) each."""

    expected: FloatArray
    variance: FloatArray


def split_of(canary: FloatArray, baseline: FloatArray, share: FloatArray) -> Split:
    """What a design of ``share``, shape (K,), expects of a tick's requests."""
    total = canary[:, EXPOSURE] + baseline[:, EXPOSURE]
    return Split(share * total, share * (1.0 - share) * total)


def seen_in(canary: FloatArray, baseline: FloatArray, split: Split) -> Seen:
    """Each side's errors, and how far the canary's requests are from their design.

    The last speaks of the split alone: a load that both sides share does not look bursty.
    """
    off = canary[:, EXPOSURE] - split.expected
    comparable = np.where(np.isnan(off), 0.0, 1.0)
    errors = baseline[:, EVENTS], canary[:, EVENTS]
    return Seen(
        values=_columns(*errors, off),
        scale=_columns(baseline[:, EXPOSURE], canary[:, EXPOSURE], comparable),
        variance=_columns(*errors, split.variance),
    )


def step(state: Dispersion, seen: Seen) -> Dispersion:
    """One tick of what `seen_in` tells."""
    return dispersion.step(state, seen, MOST_COUNTED)


def errors_seen(state: Dispersion) -> FloatArray:
    """How many of the baseline's errors have shown how bursty they are, shape (K,)."""
    seen: FloatArray = state.ticks.expected[:, BASELINE] / 2.0
    return seen


def _columns(*kinds: FloatArray) -> FloatArray:
    table = np.empty((len(kinds[0]), len(kinds)))
    for i, kind in enumerate(kinds):
        table[:, i] = kind
    return table


def past_of(one: FloatArray, other: FloatArray | None) -> list[Seen]:
    """The old version's series as if each were a baseline; their split where there are two."""
    canary_unknown = np.full_like(one, np.nan)
    unknown = np.full(len(one), np.nan)
    if other is None:
        return [seen_in(canary_unknown, one, split_of(canary_unknown, one, unknown))]
    total = (one + other)[:, EXPOSURE]
    read = np.isfinite(total) & (total > 0)
    share = np.full(len(one), one[read, EXPOSURE].sum() / max(total[read].sum(), 1.0))
    both = seen_in(one, other, split_of(one, other, share))
    both.scale[:, CANARY] = 0.0
    return [both, seen_in(canary_unknown, one, split_of(canary_unknown, one, unknown))]


def discounts(
    state: Dispersion, clumps: float, exposures: tuple[FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray]:
    """What errors and traffic are discounted by, shape (K,) each, given the tick's exposures.

    Both the baseline alone and both sides together bound the errors' Fano factor, and the lower
    bound of the two is used: a canary that fails all at once must not look like a burst, and one
    that errs steadily beside a baseline without errors shows that its errors come one by one.
    """
    known = dispersion.with_both(dispersion.both_scales(state), BASELINE, CANARY)
    exposure = np.zeros_like(known.count[0])
    if exposures is not None:
        canary, baseline = exposures
        total = canary + baseline
        both = 2.0 * canary * baseline / np.where(total > 0, total, 1.0)
        exposure[:, [BASELINE, CANARY, BOTH]] = np.where(np.isnan(both), 0.0, both)[:, None]
    bound = dispersion.bound(known, exposure, clumps)
    return np.minimum(bound[:, BASELINE], bound[:, BOTH]), bound[:, TRAFFIC]
