"""Which arm changed: the canary, the baseline, or both together, which is an incident of neither.

The difference of the arms, the canary and the baseline are searched for change points; places that
lie within each other's intervals are one change. At each, three explanations are tested on the
same split: the canary alone changed (the baseline did not step), the baseline alone (the canary did
not), both alike (the difference did not). The one contradicted least is told; if each is
contradicted, both changed, and differently.

Hypothesis: each arm and their difference are steps in stationary noise. What breaks it is told in
`change_point`; an arm whose own noise hides its step is taken not to have changed, and a slow cycle
that both share hides the steps of single arms but not of their difference.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from canarystats import arrays
from canarystats.detect.change_point import FEWEST_BESIDE, require_sizes
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Interval, Question, Record
from canarystats.kernels.normal_scores import normal_scores
from canarystats.kernels.step_search import search, steps_at

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

CONTRADICTED = 3.0  # standard errors from 0 at which an explanation no longer holds
INTERVAL_LEVEL = 0.95
ASSUMES = ("steps in noise that is stationary around them, on each arm and on their difference",)


class Who(StrEnum):
    """Which arm changed."""

    CANARY = "canary"
    BASELINE = "baseline"
    BOTH = "both"  # alike: a shared incident
    BOTH_DIFFERENTLY = "both_differently"


class ArmChange(Record):
    """One change, and whose it is.

    Parameters
    ----------
    who
        The arm that changed.
    index
        The first tick after the change.
    at
        Its time in Unix seconds; the index where no times were given.
    interval
        Where the first tick after the change may lie, in the unit of ``at``.
    p_value
        Of the clearest step there, over all places of the difference, the canary or the baseline.
    canary_effect, baseline_effect
        Median after minus median before on each arm, in the unit of the values.
    evidence
        The same as evidence: the canary's effect beside the baseline's.
    """

    who: Who
    index: int
    at: float
    interval: Interval
    p_value: float
    canary_effect: float
    baseline_effect: float
    evidence: Evidence

    def __repr__(self) -> str:
        return f"ArmChange at {self.at:.10g}: {_SENTENCES[self.who]}{self._effects()}."

    __str__ = __repr__

    def _effects(self) -> str:
        return f" (canary {self.canary_effect:+.3g}, baseline {self.baseline_effect:+.3g})"


_SENTENCES = {
    Who.CANARY: "the canary changed",
    Who.BASELINE: "the baseline changed",
    Who.BOTH: "both changed together",
    Who.BOTH_DIFFERENTLY: "both changed, and differently",
}


def arm_changes(
    canary: ArrayLike,
    baseline: ArrayLike,
    times: ArrayLike | None = None,
    *,
    level: float = 0.01,
    min_segment: int = FEWEST_BESIDE,
    name: str = "series",
) -> list[ArmChange]:
    """Find when either arm changed its level, and which.

    Parameters
    ----------
    canary, baseline
        Shape (n,) each, the same ticks, any unit. A tick that either side misses, or where it is
        not finite, is left out.
    times
        Unix seconds of the ticks, shape (n,), strictly increasing; None counts ticks.
    level
        Largest p-value of a change on each of the three series searched, in (0, 1).
    min_segment
        Fewest ticks on each side of a change, at least 2.
    name
        How evidence names the metric.

    Returns
    -------
    list
        `ArmChange` in time; empty where there is too little data.

    Raises
    ------
    InputError
        If an argument cannot be right.
    """
    require_sizes(level=level, min_segment=min_segment)
    left, right = arrays.numbers(canary, "canary"), arrays.numbers(baseline, "baseline")
    if left.ndim != 1 or left.shape != right.shape:
        msg = f"canary has shape {left.shape}, baseline {right.shape}; both must be (n,)"
        raise InputError(msg)
    clock = arrays.clock(times, len(left), "")
    ticks = np.arange(len(left), dtype=np.float64) if clock is None else clock
    held = np.isfinite(left) & np.isfinite(right)
    if held.sum() < 2 * min_segment:
        return []
    left, right, ticks, where = left[held], right[held], ticks[held], np.flatnonzero(held)
    scores = normal_scores(np.stack([left - right, left, right]))
    changes = []
    found = _merged(scores, min_segment, level)
    shifts = _shifts(scores, found[:, 0].astype(np.intp), min_segment)
    effects = [_effects(side, found[:, 0].astype(np.intp)) for side in (left, right)]
    for i, (place, low, high, p_value) in enumerate(found.tolist()):
        who = _who(*shifts[:, i])
        change = ArmChange(
            who=who,
            index=int(where[int(place)]),
            at=float(ticks[int(place)]),
            interval=Interval(
                low=float(ticks[int(low)]), high=float(ticks[int(high)]), level=INTERVAL_LEVEL
            ),
            p_value=p_value,
            canary_effect=float(effects[0][i]),
            baseline_effect=float(effects[1][i]),
            evidence=Evidence(
                metric=name,
                method="arms",
                question=Question.DIFFERENCE,
                n_canary=len(left),
                n_baseline=len(right),
                observed=float(effects[0][i]),
                reference=float(effects[1][i]),
                effect=float(effects[0][i] - effects[1][i]),
                effect_scale="difference",
                p_value=p_value,
                level=level,
                assumptions=ASSUMES,
                detail=_SENTENCES[who],
            ),
        )
        changes.append(change)
    return changes


def _merged(scores: FloatArray, shortest: int, level: float) -> FloatArray:
    """Place, low, high and p-value of each change of any row, shape (c, 4), in time."""
    n = scores.shape[1]
    rows = [
        (place, max(place - reach, 1), min(place + reach, n - 1), p)
        for steps in search(scores, shortest, level)
        for place, reach, p in zip(steps.places, steps.reach, steps.p_values, strict=True)
    ]
    kept: list[tuple[float, float, float, float]] = []
    for row in sorted(rows, key=lambda row: row[3]):
        near = (abs(row[0] - other[0]) < shortest for other in kept)
        overlapping = (row[1] <= other[2] and other[1] <= row[2] for other in kept)
        if not any(near) and not any(overlapping):
            kept.append(row)
    return np.array(sorted(kept), dtype=np.float64).reshape(-1, 4)


def _shifts(scores: FloatArray, places: IntArray, shortest: int) -> FloatArray:
    """The step of each row at each place, in standard errors, shape (rows, c)."""
    width = np.diff(np.concatenate([[0], places, [scores.shape[1]]]))
    balance = np.sqrt(width[:-1] * width[1:] / (width[:-1] + width[1:]))
    rows = [steps_at(row, places, shortest) for row in scores]
    shifts: FloatArray = np.array(
        [steps.sizes * balance / np.sqrt(steps.long_run_variance) for steps in rows]
    )
    return shifts


def _who(difference: float, canary: float, baseline: float) -> Who:
    against = {Who.CANARY: baseline, Who.BASELINE: canary, Who.BOTH: difference}
    who = min(against, key=lambda who: abs(against[who]))
    return who if abs(against[who]) < CONTRADICTED else Who.BOTH_DIFFERENTLY


def _effects(side: FloatArray, places: IntArray) -> FloatArray:
    medians = [float(np.median(part)) for part in np.split(side, places)]
    effects: FloatArray = np.diff(medians)
    return effects
