"""Rates of events: the canary's against the baseline's, or against a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import ndtr, ndtri

from canarystats.compare import sides
from canarystats.compare.totals import Totals, present, together
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.binomial import lower_tail, share_bounds, upper_tail
from canarystats.kernels.score import rate_ratio_bounds, rate_ratio_score
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]


def rate_ratio(
    pair: Pair,
    *,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    null_ratio: float = 1.0,
    harmful: sides.Harmful = "increase",
    method: Literal["exact", "score"] = "exact",
) -> Evidence:
    """Test the ratio of the canary's event rate to the baseline's.

    Parameters
    ----------
    pair
        Counts: events out of an exposure. Ticks missing on either side are left out of both.
    alternative
        ``greater``: H0 is that the ratio is at most ``null_ratio``; ``less``: at least.
    level
        The p-value at which the evidence decides, in (0, 0.5).
    null_ratio
        The ratio under the hypothesis, positive: 1 asks for any harm, a trigger's threshold for
        harm beyond it, and with ``less`` a margin for non-inferiority.
    harmful
        The direction that hurts; it names the question and changes no number.
    method
        ``exact`` never errs more often than it says; ``score`` errs about as often as it says and
        finds a little more.

    Returns
    -------
    Evidence
        ``effect`` is the ratio, None where the baseline has no event; the interval inverts the
        test. Status is NO_EVENTS without an event on either side, INSUFFICIENT where so
        few events could never reach the level.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Given how many events there were, the canary's number is binomial with a share known from the
    exposures (two Poisson rates; conservative for events out of requests). Two-sided p-values are
    twice the smaller tail. Bursts (variance above the mean) break it: rejections grow several-fold
    at twice the variance. So does a traffic share that moves while the common rate moves.

    References
    ----------
    Przyborowski & Wilenski (1940), Biometrika 31:313-323.
    Gu, Ng, Tang & Schucany (2008), Biometrical Journal 50:283-298 (the score).
    Clopper & Pearson (1934), Biometrika 26:404-413.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> pair = Pair.counts("requests", canary=([66], [240]), baseline=([0], [240]))
    >>> rate_ratio(pair).decides
    True
    """
    sides.require_kind(pair, "rate_ratio", Kind.COUNTS)
    _require(alternative, harmful, level)
    sides.require_setting("method", method, ("exact", "score"))
    sides.require_between("null_ratio", null_ratio, 0, np.inf)
    totals = together(pair)
    evidence = Evidence(
        metric=pair.name,
        method="rate_ratio",
        question=_ratio_question(alternative, harmful, null_ratio),
        status=present(pair, totals),
        n_canary=int(totals.canary[1]),
        n_baseline=int(totals.baseline[1]),
        level=level,
        margin=null_ratio if null_ratio != 1 else None,
        assumptions=(
            "events come one by one, without bursts",
            "traffic share or common rate steady",
            "one look at a window fixed beforehand",
        ),
        seen=totals.seen,
    )
    if evidence.status is not Status.OK:
        return evidence
    return evidence.model_copy(update=_ratio(totals, alternative, level, null_ratio, method))


def _ratio(
    totals: Totals, alternative: sides.Alternative, level: float, null_ratio: float, method: str
) -> dict[str, object]:
    ours, exposure = (float(v) for v in totals.canary)
    theirs, other = (float(v) for v in totals.baseline)
    total = ours + theirs
    found: dict[str, object] = {"observed": ours / exposure, "reference": theirs / other}
    if not total:
        detail = "not one event on either side"
        return found | {"status": Status.NO_EVENTS, "p_value": 1.0, "detail": detail}
    share = null_ratio * exposure / (null_ratio * exposure + other)
    p, least = _p_values(ours, total, share, alternative)
    beyond = sides.tail(alternative, level)
    if method == "score":
        deviate = rate_ratio_score((ours, theirs), (exposure, other), null_ratio)
        p = _normal_p_value(deviate, alternative)
        ends = rate_ratio_bounds((ours, theirs), (exposure, other), -float(ndtri(beyond)))
    else:
        low, high = (float(b) for b in share_bounds(ours, total, beyond))
        odds = other / exposure
        ends = odds * low / (1 - low), odds * high / (1 - high) if high < 1 else np.inf
    found |= {
        "p_value": p,
        "effect": (ours / exposure) / (theirs / other) if theirs else None,
        "interval": sides.interval(*ends, beyond),
    }
    if least > level:
        detail = f"{total:g} events cannot reach a level of {level:g}"
        return found | {"status": Status.INSUFFICIENT, "detail": detail}
    return found | ({} if theirs else {"detail": f"{ours:g} events against none"})


def rate_level(
    pair: Pair,
    *,
    threshold: float,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
) -> Evidence:
    """Test the canary's event rate against a constant, exactly.

    Parameters
    ----------
    pair
        Counts: events out of an exposure; the baseline is not read.
    threshold
        The rate under the hypothesis, events per exposure, in (0, 1).
    alternative
        ``greater``: H0 is that the rate is at most the threshold; ``less``: at least.
    level
        The p-value at which the evidence decides, in (0, 0.5).

    Returns
    -------
    Evidence
        ``effect`` and ``observed`` are the rate, the interval is Clopper and Pearson's. Status is
        INSUFFICIENT where so little exposure could never reach the level.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Assumes that requests fail independently at a steady rate; bursts break it. Scrapes can catch an
    event before its request: where events exceed the exposure, it is taken to be as large.

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26:404-413.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> rate_level(Pair.counts("requests", canary=([9], [100])), threshold=0.05).decides
    False
    """
    sides.require_kind(pair, "rate_level", Kind.COUNTS)
    _require(alternative, "increase", level)
    sides.require_between("threshold", threshold, 0, 1)
    missing = np.isnan(pair.canary[:, 1])
    events, exposure = (float(v) for v in pair.canary[~missing].sum(axis=0))
    seen = list(pair.notes)
    if missing.any():
        seen.append(f"canary: {int(missing.sum())} of {pair.n_ticks} ticks missing")
    if events > exposure > 0:
        seen.append(f"canary: {events:g} events out of an exposure of {exposure:g}")
        exposure = events
    evidence = Evidence(
        metric=pair.name,
        method="rate_level",
        question=Question.LEVEL,
        status=Status.OK if exposure > 0 else Status.NO_DATA,
        n_canary=int(exposure),
        reference=threshold,
        effect_scale="share",
        level=level,
        assumptions=(
            "requests fail independently at a steady rate",
            "one look at a window fixed beforehand",
        ),
        seen=tuple(seen),
    )
    if exposure <= 0:
        return evidence
    p, least = _p_values(events, exposure, threshold, alternative)
    beyond = sides.tail(alternative, level)
    low, high = (float(b) for b in share_bounds(events, exposure, beyond))
    found: dict[str, object] = {
        "observed": events / exposure,
        "effect": events / exposure,
        "interval": sides.interval(low, high, beyond),
        "p_value": p,
    }
    if least > level:
        found["status"] = Status.INSUFFICIENT
        found["detail"] = f"an exposure of {exposure:g} cannot reach a level of {level:g}"
    return evidence.model_copy(update=found)


def _p_values(
    events: float, total: float, share: float, alternative: sides.Alternative
) -> tuple[float, float]:
    """The p-value, and the least one that any split of the total could give."""
    upper = float(upper_tail(events, total, share)), float(upper_tail(total, total, share))
    lower = float(lower_tail(events, total, share)), float(lower_tail(0, total, share))
    if alternative == "greater":
        return upper
    if alternative == "less":
        return lower
    return min(1.0, 2 * min(upper[0], lower[0])), 2 * min(upper[1], lower[1])


def _normal_p_value(deviate: float, alternative: str) -> float:
    greater, less = float(ndtr(-deviate)), float(ndtr(deviate))
    if alternative == "greater":
        return greater
    return less if alternative == "less" else min(1.0, 2 * min(greater, less))


def _require(alternative: str, harmful: str, level: float) -> None:
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_between("level", level, 0, 0.5)


def _ratio_question(alternative: str, harmful: str, null_ratio: float) -> Question:
    asked = sides.question(alternative, harmful)
    return Question.BEYOND if asked is Question.WORSE and null_ratio != 1 else asked
