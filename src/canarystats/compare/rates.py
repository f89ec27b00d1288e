"""Rates of events: the canary's against the baseline's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from scipy.special import ndtri

from canarystats.compare import sides, tails
from canarystats.compare.totals import Totals, present, together
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.binomial import share_bounds
from canarystats.kernels.score import rate_ratio_bounds, rate_ratio_score
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Method = Literal["exact", "score"]
STEADY = (
    "events come one by one, without bursts",
    "traffic share or common rate steady",
    "one look at a window fixed beforehand",
)


@dataclass(frozen=True, slots=True)
class _Asked:
    alternative: sides.Alternative
    level: float
    null_ratio: float
    question: Question
    method: Method


@overload
def rate_ratio(
    pair: Pair,
    *,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    null_ratio: float = 1.0,
    harmful: sides.Harmful = "increase",
    method: Method = "exact",
) -> Evidence: ...


@overload
def rate_ratio(
    pair: Sequence[Pair],
    *,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    null_ratio: float = 1.0,
    harmful: sides.Harmful = "increase",
    method: Method = "exact",
) -> list[Evidence]: ...


def rate_ratio(
    pair: Pair | Sequence[Pair],
    *,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    null_ratio: float = 1.0,
    harmful: sides.Harmful = "increase",
    method: Method = "exact",
) -> Evidence | list[Evidence]:
    """Test the ratio of the canary's event rate to the baseline's.

    Parameters
    ----------
    pair
        Counts: events out of an exposure, or a sequence of them, tested together. Ticks missing on
        either side are left out of both.
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
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_between("level", level, 0, 0.5)
    sides.require_setting("method", method, ("exact", "score"))
    sides.require_between("null_ratio", null_ratio, 0, np.inf)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "rate_ratio", Kind.COUNTS)
    question = sides.question(alternative, harmful, beyond=null_ratio != 1)
    asked = _Asked(alternative, level, null_ratio, question, method)
    found = _ratios(pairs, asked)
    return found[0] if isinstance(pair, Pair) else found


def _ratios(pairs: list[Pair], asked: _Asked) -> list[Evidence]:
    totals = [together(each) for each in pairs]
    told = [_untested(each, total) for each, total in zip(pairs, totals, strict=True)]
    untold = [total for total, said in zip(totals, told, strict=True) if said is None]
    tested = iter(_tested(untold, asked))
    return [
        Evidence(
            metric=each.name,
            method="rate_ratio",
            question=asked.question,
            n_canary=int(total.canary[1]),
            n_baseline=int(total.baseline[1]),
            level=asked.level,
            margin=asked.null_ratio if asked.null_ratio != 1 else None,
            assumptions=STEADY,
            seen=total.seen,
            **(next(tested) if said is None else said),
        )
        for each, total, said in zip(pairs, totals, told, strict=True)
    ]


def _untested(pair: Pair, total: Totals) -> dict[str, Any] | None:
    """What is said without a test; None where one is made."""
    state = present(pair, total)
    if state is not Status.OK:
        return {"status": state}
    if total.canary[0] or total.baseline[0]:
        return None
    return {
        "status": Status.NO_EVENTS,
        "observed": 0.0,
        "reference": 0.0,
        "p_value": 1.0,
        "detail": "not one event on either side",
    }


def _tested(totals: list[Totals], asked: _Asked) -> list[dict[str, Any]]:
    """Figures of pairs that have exposure on both sides and at least one event."""
    if not totals:
        return []
    ours, exposure = np.stack([total.canary for total in totals], axis=1)
    theirs, other = np.stack([total.baseline for total in totals], axis=1)
    events = ours + theirs
    share = asked.null_ratio * exposure / (asked.null_ratio * exposure + other)
    p, least = tails.binomial_p_values(ours, events, share, asked.alternative)
    beyond = sides.tail(asked.alternative, asked.level)
    if asked.method == "score":
        score = rate_ratio_score((ours, theirs), (exposure, other), asked.null_ratio)
        p = tails.normal_p_value(score, score, asked.alternative)
        low, high = rate_ratio_bounds((ours, theirs), (exposure, other), -float(ndtri(beyond)))
    else:
        low, high = (
            other / exposure * np.divide(b, 1 - b, out=np.full_like(b, np.inf), where=b < 1)
            for b in share_bounds(ours, events, beyond)
        )
    columns = (ours / exposure, theirs / other, p, low, high)
    standing = [
        _standing(a, a + b, one, asked.level)
        for a, b, one in zip(ours.tolist(), theirs.tolist(), least.tolist(), strict=True)
    ]
    return [
        {
            "observed": rate,
            "reference": reference,
            "p_value": value,
            "effect": rate / reference if reference else None,
            "interval": sides.interval(start, end, beyond),
            **more,
        }
        for rate, reference, value, start, end, more in zip(
            *(column.tolist() for column in columns), standing, strict=True
        )
    ]


def _standing(ours: float, events: float, least: float, level: float) -> dict[str, Any]:
    if least > level:
        detail = f"{events:g} events cannot reach a level of {level:g}"
        return {"status": Status.INSUFFICIENT, "detail": detail}
    return {} if ours < events else {"detail": f"{ours:g} events against none"}
