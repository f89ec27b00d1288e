"""Rates of events: how many more per exposure the canary has."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Literal

from scipy.special import ndtr, ndtri

from canarystats.compare import sides
from canarystats.compare.totals import present, together
from canarystats.evidence import Evidence, Status
from canarystats.kernels.score import inverted, rate_difference_score, share_difference_score
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarystats.compare.totals import Totals
    from canarystats.windows import Pair

Model = Literal["binomial", "poisson"]
ASSUMES = {
    "binomial": "requests fail independently at a steady rate",
    "poisson": "events come one by one, without bursts, at a steady rate",
}


def rate_difference(
    pair: Pair,
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
    model: Model = "binomial",
) -> Evidence:
    """Test the difference between the canary's event rate and the baseline's by its score.

    Parameters
    ----------
    pair
        Counts: events out of an exposure. Ticks missing on either side are left out of both.
    alternative
        ``greater`` asks whether the canary's rate is larger, ``less`` whether it is smaller.
    level
        The p-value at which the evidence decides, in (0, 0.5).
    margin
        A difference that never counts, in events per exposure, in (-1, 1): ``greater`` tests
        against ``+margin``, ``less`` against ``-margin``. A negative one, with one side only,
        asks for non-inferiority.
    harmful
        The direction that hurts; it names the question and changes no number.
    model
        ``binomial`` for requests that fail, ``poisson`` for events in time, of which there may be
        more than exposure.

    Returns
    -------
    Evidence
        ``effect`` is the canary's rate minus the baseline's; the interval inverts the test.
        Status is NO_EVENTS without an event on either side unless a margin is asked for,
        NOT_EVALUABLE where a binomial side has more events than exposure.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Miettinen and Nurminen's score for shares, the score at constrained rates for Poisson events. It
    is approximate: with a handful of events it errs up to about one and a half times as often as it
    says; `rate_ratio` is exact. Bursts (variance above the mean) break it.

    References
    ----------
    Miettinen & Nurminen (1985), Statistics in Medicine 4:213-226.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> pair = Pair.counts("requests", canary=([56], [70]), baseline=([48], [80]))
    >>> print(rate_difference(pair).interval)
    [0.0528, 0.338]
    """
    sides.require_kind(pair, "rate_difference", Kind.COUNTS)
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_setting("model", model, tuple(ASSUMES))
    sides.require_between("level", level, 0, 0.5)
    sides.require_between("margin", margin, -1, 1)
    sides.require_one_sided(margin, alternative)
    totals = together(pair)
    evidence = Evidence(
        metric=pair.name,
        method="rate_difference",
        question=sides.question(alternative, harmful),
        status=present(pair, totals),
        n_canary=int(totals.canary[1]),
        n_baseline=int(totals.baseline[1]),
        effect_scale="difference",
        level=level,
        margin=margin or None,
        assumptions=(ASSUMES[model], "one look at a window fixed beforehand"),
        seen=totals.seen,
    )
    if evidence.status is not Status.OK:
        return evidence
    return evidence.model_copy(update=_difference(totals, alternative, level, margin, model))


def _difference(
    totals: Totals, alternative: sides.Alternative, level: float, margin: float, model: Model
) -> dict[str, object]:
    events = (float(totals.canary[0]), float(totals.baseline[0]))
    exposure = (float(totals.canary[1]), float(totals.baseline[1]))
    rates = events[0] / exposure[0], events[1] / exposure[1]
    found: dict[str, object] = {"observed": rates[0], "reference": rates[1]}
    if model == "binomial" and max(rates) > 1:
        detail = "more events than exposure on a side; the model may be 'poisson'"
        return found | {"status": Status.NOT_EVALUABLE, "detail": detail}
    if not any(events) and not margin:
        detail = "not one event on either side"
        return found | {"status": Status.NO_EVENTS, "p_value": 1.0, "detail": detail}
    shares = model == "binomial"
    score = partial(share_difference_score if shares else rate_difference_score, events, exposure)
    beyond = sides.tail(alternative, level)
    ends = (-1.0, 1.0) if shares else _widest(rates, exposure, beyond)
    low, high = inverted(score, rates[0] - rates[1], ends, -float(ndtri(beyond)))
    return found | {
        "effect": rates[0] - rates[1],
        "interval": sides.interval(low, high, beyond),
        "p_value": _p_value(score, alternative, margin),
    }


def _widest(
    rates: tuple[float, float], exposure: tuple[float, float], beyond: float
) -> tuple[float, float]:
    # a rate that leaves no more than a tail of what was seen lies within this of it
    z = -float(ndtri(beyond))
    reach = [z * z / n + z * math.sqrt(2 * r / n) for r, n in zip(rates, exposure, strict=True)]
    span = 4 * (sum(reach) + sum(rates)) + z * z * sum(1 / n for n in exposure)
    middle = rates[0] - rates[1]
    return middle - span, middle + span


def _p_value(score: Callable[[float], float], alternative: str, margin: float) -> float:
    greater, less = float(ndtr(-score(margin))), float(ndtr(score(-margin)))
    if alternative == "greater":
        return greater
    return less if alternative == "less" else min(1.0, 2 * min(greater, less))
