"""Rates of events: how many more per exposure the canary has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from scipy.special import ndtri

from canarystats.compare import sides, tails
from canarystats.compare.totals import present, together
from canarystats.evidence import Evidence, Status
from canarystats.kernels.score import inverted, rate_difference_score, share_difference_score
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canarystats.compare.totals import Totals

    FloatArray = NDArray[np.float64]

Model = Literal["binomial", "poisson"]
ASSUMES = {
    "binomial": "requests fail independently at a steady rate",
    "poisson": "events come one by one, without bursts, at a steady rate",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    alternative: sides.Alternative
    level: float
    margin: float
    harmful: sides.Harmful
    model: Model


@overload
def rate_difference(
    pair: Pair,
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
    model: Model = "binomial",
) -> Evidence: ...


@overload
def rate_difference(
    pair: Sequence[Pair],
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
    model: Model = "binomial",
) -> list[Evidence]: ...


def rate_difference(
    pair: Pair | Sequence[Pair],
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
    model: Model = "binomial",
) -> Evidence | list[Evidence]:
    """Test the difference between the canary's event rate and the baseline's by its score.

    Parameters
    ----------
    pair
        Counts: events out of an exposure, or a sequence of them, tested together. Ticks missing on
        either side are left out of both.
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
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_setting("model", model, tuple(ASSUMES))
    sides.require_between("level", level, 0, 0.5)
    sides.require_between("margin", margin, -1, 1)
    sides.require_one_sided(margin, alternative)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "rate_difference", Kind.COUNTS)
    found = _differences(pairs, _Asked(alternative, level, margin, harmful, model))
    return found[0] if isinstance(pair, Pair) else found


def _differences(pairs: list[Pair], asked: _Asked) -> list[Evidence]:
    totals = [together(each) for each in pairs]
    told = [_untested(each, total, asked) for each, total in zip(pairs, totals, strict=True)]
    untold = [total for total, said in zip(totals, told, strict=True) if said is None]
    tested = iter(_tested(untold, asked))
    return [
        Evidence(
            metric=each.name,
            method="rate_difference",
            question=sides.question(asked.alternative, asked.harmful),
            n_canary=int(total.canary[1]),
            n_baseline=int(total.baseline[1]),
            effect_scale="difference",
            level=asked.level,
            margin=asked.margin or None,
            assumptions=(ASSUMES[asked.model], "one look at a window fixed beforehand"),
            seen=total.seen,
            **(next(tested) if said is None else said),
        )
        for each, total, said in zip(pairs, totals, told, strict=True)
    ]


def _untested(pair: Pair, total: Totals, asked: _Asked) -> dict[str, Any] | None:
    """What is said without a test; None where one is made."""
    state = present(pair, total)
    if state is not Status.OK:
        return {"status": state}
    rates = [float(side[0]) / float(side[1]) for side in (total.canary, total.baseline)]
    found: dict[str, Any] = {"observed": rates[0], "reference": rates[1]}
    if asked.model == "binomial" and max(rates) > 1:
        detail = "more events than exposure on a side; the model may be 'poisson'"
        return found | {"status": Status.NOT_EVALUABLE, "detail": detail}
    if not any(rates) and not asked.margin:
        detail = "not one event on either side"
        return found | {"status": Status.NO_EVENTS, "p_value": 1.0, "detail": detail}
    return None


def _tested(totals: list[Totals], asked: _Asked) -> list[dict[str, Any]]:
    if not totals:
        return []
    ours, exposure = np.stack([total.canary for total in totals], axis=1)
    theirs, other = np.stack([total.baseline for total in totals], axis=1)
    rates, sizes = (ours / exposure, theirs / other), (exposure, other)
    effect = rates[0] - rates[1]
    shares = asked.model == "binomial"
    kernel = share_difference_score if shares else rate_difference_score
    score = partial(kernel, (ours, theirs), sizes)
    beyond = sides.tail(asked.alternative, asked.level)
    whole = np.full(len(totals), -1.0), np.ones(len(totals))
    ends = whole if shares else _widest(rates, sizes, beyond)
    low, high = inverted(score, effect, ends, -float(ndtri(beyond)))
    margin = np.full(len(totals), asked.margin)
    p = tails.normal_p_value(score(margin), score(-margin), asked.alternative)
    return [
        {
            "observed": observed,
            "reference": reference,
            "effect": difference,
            "interval": sides.interval(start, end, beyond),
            "p_value": value,
        }
        for observed, reference, difference, start, end, value in zip(
            *(array.tolist() for array in (*rates, effect, low, high, p)), strict=True
        )
    ]


def _widest(
    rates: tuple[FloatArray, FloatArray], exposure: tuple[FloatArray, FloatArray], beyond: float
) -> tuple[FloatArray, FloatArray]:
    # a rate that leaves no more than a tail of what was seen lies within this of it
    z = -float(ndtri(beyond))
    reach = [z * z / n + z * np.sqrt(2 * r / n) for r, n in zip(rates, exposure, strict=True)]
    worth = 1 / exposure[0] + 1 / exposure[1]
    span = 4 * (reach[0] + reach[1] + rates[0] + rates[1]) + z * z * worth
    middle = rates[0] - rates[1]
    return middle - span, middle + span
