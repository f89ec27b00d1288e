"""Canary against baseline on one scale: the test, its interval and its effect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from canarystats.compare import mann_whitney, paired, rate_ratio, shift
from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.windows import Kind

if TYPE_CHECKING:
    from canarystats.compat.kayenta.settings import Settings
    from canarystats.compat.kayenta.window import Window

LEVEL = 0.02
ALLOWED = 0.05  # of the baseline, where the config allows no change at all
ALTERNATIVES: dict[str, Literal["greater", "less", "two-sided"]] = {
    "increase": "greater",
    "decrease": "less",
    "either": "two-sided",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one test says of a metric.

    Parameters
    ----------
    evidence
        The test.
    interval, estimate, scale
        Of the shift in the metric's unit (``difference``) or of the rates' ``ratio``.
    effect
        On the scale of the metric's limits; None where it is undefined, such as against zero.
    increase
        Which way the canary lies.
    not_worse
        Whether the interval excludes harm beyond what is allowed.
    """

    evidence: Evidence
    interval: Interval | None
    estimate: float | None
    scale: str
    effect: float | None
    increase: bool
    not_worse: bool

    @property
    def same_level(self) -> bool:
        """Whether neither direction is shown, the harmless one included."""
        p, one_sided = self.evidence.p_value, self.evidence.question is not Question.DIFFERENCE
        return p is not None and LEVEL < p < (1 - LEVEL if one_sided else math.inf)


def compare(name: str, window: Window, settings: Settings) -> Comparison:
    """Compare the two sides: small counts by their rates, everything else by ranks.

    A series whose ranks depend on each other too much to decide is compared step against step.

    Parameters
    ----------
    name
        The metric's name.
    window
        Both sides, neither of them empty.
    settings
        The metric's.
    """
    if settings.measure == "meanRatio":
        counts = window.counts(name)
        if counts is not None:
            evidence = rate_ratio(counts, alternative=_alternative(settings), level=LEVEL)
            return _of_rates(evidence, settings)
    return _of_ranks(name, window, settings)


def _alternative(settings: Settings) -> Literal["greater", "less", "two-sided"]:
    return ALTERNATIVES[settings.direction]


def _of_rates(evidence: Evidence, settings: Settings) -> Comparison:
    # few events in many steps are an answer; how many steps it takes is asked before
    if evidence.status is Status.INSUFFICIENT:
        evidence = evidence.model_copy(update={"status": Status.OK})
    up, down = _allowed(settings)
    return Comparison(
        evidence,
        evidence.interval,
        evidence.effect,
        "ratio",
        evidence.effect,
        increase=(evidence.observed or 0.0) > (evidence.reference or 0.0),
        not_worse=_within(evidence.interval, 1 - down, 1 + up, settings),
    )


def _of_ranks(name: str, window: Window, settings: Settings) -> Comparison:
    pair = window.pair(name)
    alternative = _alternative(settings)
    evidence = mann_whitney(pair, alternative=alternative, level=LEVEL)
    aligned = pair.kind is Kind.GAUGE and window.experiment.size == window.control.size
    if aligned and evidence.status is Status.INSUFFICIENT and settings.measure == "meanRatio":
        # what moves both sides alike hides a change from the ranks and not from the differences
        steps = paired(pair, alternative=alternative, level=LEVEL)
        if steps.status is Status.OK:
            return _of_steps(steps, settings)
    beyond = LEVEL if alternative == "two-sided" else 2 * LEVEL
    moved = shift(pair, level=beyond)
    probability = 0.5 if evidence.effect is None else evidence.effect
    level = abs(float(np.median(window.present[1])))
    known = moved.effect is not None and 0 < level < math.inf
    effect: float | None = probability
    if settings.measure == "meanRatio":
        effect = 1 + (moved.effect or 0.0) / level if known else None
    up, down = (share * level if known else 0.0 for share in _allowed(settings))
    return Comparison(
        evidence,
        moved.interval,
        moved.effect,
        "difference",
        effect,
        increase=probability > 0.5,
        not_worse=_finer_than(window, min(up, down))
        and _within(moved.interval, -down, up, settings),
    )


def _of_steps(evidence: Evidence, settings: Settings) -> Comparison:
    up, down = _allowed(settings)
    found = evidence.effect or 0.0
    if evidence.effect_scale == "ratio":
        effect: float | None = found
        same, unit = 1.0, 1.0
    else:
        same, unit = 0.0, abs(evidence.reference or 0.0)
        effect = 1 + found / unit if unit else None
    return Comparison(
        evidence,
        evidence.interval,
        evidence.effect,
        evidence.effect_scale,
        effect,
        increase=found > same,
        not_worse=_within(evidence.interval, same - down * unit, same + up * unit, settings),
    )


def _finer_than(window: Window, allowed: float) -> bool:
    """Whether the values lie on a grid finer than the change allowed, so that a shift shows."""
    pooled = np.concatenate(window.present)
    distinct = np.unique(pooled[np.isfinite(pooled)])
    return distinct.size > 1 and float(np.median(np.diff(distinct))) <= allowed


def _allowed(settings: Settings) -> tuple[float, float]:
    """How far up and down, relative to the baseline, a change is allowed."""
    if settings.measure == "cles":
        return ALLOWED, ALLOWED
    up = settings.limits.allowed_increase - 1
    return up or ALLOWED, 1 - settings.limits.allowed_decrease or ALLOWED


def _within(interval: Interval | None, low: float, high: float, settings: Settings) -> bool:
    if interval is None:
        return False
    below = interval.high is not None and interval.high <= high
    above = interval.low is not None and interval.low >= low
    if settings.direction == "either":
        return below and above
    return below if settings.direction == "increase" else above
