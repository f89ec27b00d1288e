"""Whether the baseline has left its own past: what tells an incident of both sides from a canary's.

A comparison of two sides cannot tell which of them moved. The baseline's events since a tick are
therefore compared with its own before it: given the events of both stretches, those since are
binomial with that stretch's part of the exposure, whatever the rate is. The likelihood ratio of a
rate some `RATIOS` times as high against an equal one starts anew wherever it falls to nothing (a
CUSUM), and the tick after is the likeliest onset; what shows a change is its mixture over the
ratios. The same is done for a rate that fell. What the canary did is kept beside and moves nothing.

Hypothesis: the baseline's rate is as before. At any tick a false change at ``level`` has at most
that chance where events are independent up to the discount; a rate that drifts or wanders by
itself has changed and is told so. The past is an exponentially weighted one, and a change older
than the time given is the new past.

References
----------
Page (1954), Continuous inspection schemes, Biometrika 41:100-115.
Przyborowski & Wilenski (1940), Homogeneity of results in testing samples from Poisson series,
Biometrika 31:313-323.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.kernels.combination import log_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FloatArray = NDArray[np.float64]
RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
RISE, FALL = 0, 1
NOTHING = 1e-9  # log likelihood that is nothing but rounding
# Columns of a row: events and exposure of the baseline and of the canary before the change, and
# since; when it began; the discount and the canary's evidence then; that evidence at the last tick.
BEFORE, SINCE, BEGAN, DISCOUNT, LED, LATELY = slice(0, 4), slice(4, 8), 8, 9, 10, 11
COLUMNS = 12
NOTHING_SINCE = (0.0, 0.0, 0.0, 0.0, math.nan, 1.0, 0.0)


class Rates(NamedTuple):
    """Events and exposure of a stretch, on both sides."""

    baseline: tuple[float, float]
    canary: tuple[float, float]


class Shift(NamedTuple):
    """A change of the baseline, and what the canary did beside it.

    Parameters
    ----------
    began
        Unix seconds of its first tick.
    before, since
        What happened before it and since.
    discount
        How many events count as one: a bound of the Fano factor before the change.
    led
        The log likelihood ratio, discounted, that the canary was worse than the baseline before it.
    """

    began: float
    before: Rates
    since: Rates
    discount: float
    led: float


def begin(history: Sequence[float] = ()) -> FloatArray:
    """The state before the first tick, shape (2, columns).

    ``history`` is the events and the exposure of the old version lately, where it is known.
    """
    state = np.zeros((2, COLUMNS))
    state[:, BEGAN] = np.nan
    state[:, : len(history)] = history
    return state


def step(
    state: FloatArray,
    baseline: FloatArray,
    canary: FloatArray,
    evidence: float,
    at: float,
    *,
    discount: Callable[[], float],
    interval: float,
    longest: float,
) -> FloatArray:
    """One tick.

    Parameters
    ----------
    state
        From `begin` or the tick before.
    baseline, canary
        Events and exposure of the tick, shape (2,) each.
    evidence
        The log likelihood ratio that the canary is worse than the baseline, before this tick.
    discount
        How many events count as one, before this tick: a bound of their Fano factor, at least 1.
        A change begins with it, for the change itself would look like a burst.
    at, interval
        Unix seconds, and the seconds between ticks.
    longest
        Seconds after which a change is the new past; the past is forgotten at half that pace.
    """
    tick = (*baseline.tolist(), *canary.tolist())
    rows = []
    for row, ratio in zip(state.tolist(), (RATIOS[0], 1.0 / RATIOS[0]), strict=True):
        since = [a + b for a, b in zip(row[SINCE], tick, strict=True)]
        began = at if math.isnan(row[BEGAN]) else row[BEGAN]
        lasted = at - began + interval
        if lasted > longest:
            rows.append([*since, *NOTHING_SINCE, evidence])
        # Concave in the log of the ratio and nothing at 1: where the smallest gains nothing, none
        # does.
        elif _gain(row[BEFORE], since, ratio) <= NOTHING:
            kept = math.exp(-lasted / (2.0 * longest))
            past = [kept * a + b for a, b in zip(row[BEFORE], since, strict=True)]
            rows.append([*past, *NOTHING_SINCE, evidence])
        elif began == at:
            clumps = discount()
            led = row[LATELY] / clumps
            rows.append([*row[BEFORE], *since, at, clumps, led, evidence])
        else:
            rows.append([*row[BEFORE], *since, *row[BEGAN:LATELY], evidence])
    return np.array(rows)


def _gain(before: Sequence[float], since: Sequence[float], ratio: float) -> float:
    """The log likelihood ratio of a rate so many times as high since, against an equal one."""
    exposure = before[1] + since[1]
    if exposure <= 0.0:
        return 0.0
    grown = math.log1p((ratio - 1.0) * since[1] / exposure)
    return since[0] * math.log(ratio) - (before[0] + since[0]) * grown


def shifted(state: FloatArray, direction: int, level: float) -> Shift | None:
    """The change of the baseline in a direction, where it is shown.

    Parameters
    ----------
    state
        From `step`.
    direction
        `RISE` or `FALL`.
    level
        The chance of a false change at a tick.
    """
    row = state[direction].tolist()
    before, since, began = row[BEFORE], row[SINCE], row[BEGAN]
    if math.isnan(began) or not before[1] > 0.0:
        return None
    ratios = [1.0 / ratio if direction == FALL else ratio for ratio in RATIOS]
    gains = [_gain(before, since, ratio) / row[DISCOUNT] for ratio in ratios]
    if max(gains) < -math.log(level) or log_mean(np.array(gains)) < -math.log(level):
        return None
    return Shift(began, _rates(before), _rates(since), row[DISCOUNT], row[LED])


def _rates(columns: Sequence[float]) -> Rates:
    theirs, exposed, ours, exposure = columns
    return Rates((theirs, exposed), (ours, exposure))
