"""Rates of events: the canary's against the baseline's, or against a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.compare import sides
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.binomial import lower_tail, share_bounds, upper_tail
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

STEADY_SHARE = 2.0  # the canary's share of exposure may move by this factor before it is told


@dataclass(frozen=True, slots=True)
class _Totals:
    canary: FloatArray  # (events, exposure)
    baseline: FloatArray
    seen: tuple[str, ...]


def rate_ratio(
    pair: Pair,
    *,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    null_ratio: float = 1.0,
    harmful: sides.Harmful = "increase",
) -> Evidence:
    """Test the ratio of the canary's event rate to the baseline's, exactly.

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

    Returns
    -------
    Evidence
        ``effect`` is the ratio, None where the baseline has no event; the interval is the exact
        conditional one. Status is NO_EVENTS without an event on either side, INSUFFICIENT where so
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
    sides.require_between("null_ratio", null_ratio, 0, np.inf)
    totals = _together(pair)
    evidence = Evidence(
        metric=pair.name,
        method="rate_ratio",
        question=_ratio_question(alternative, harmful, null_ratio),
        status=_present(pair, totals),
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
    return evidence.model_copy(update=_ratio(totals, alternative, level, null_ratio))


def _ratio(
    totals: _Totals, alternative: sides.Alternative, level: float, null_ratio: float
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
    low, high = (float(b) for b in share_bounds(ours, total, beyond))
    odds = other / exposure
    found |= {
        "p_value": p,
        "effect": (ours / exposure) / (theirs / other) if theirs else None,
        "interval": sides.interval(
            odds * low / (1 - low), odds * high / (1 - high) if high < 1 else np.inf, beyond
        ),
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


def _require(alternative: str, harmful: str, level: float) -> None:
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_between("level", level, 0, 0.5)


def _ratio_question(alternative: str, harmful: str, null_ratio: float) -> Question:
    asked = sides.question(alternative, harmful)
    return Question.BEYOND if asked is Question.WORSE and null_ratio != 1 else asked


def _together(pair: Pair) -> _Totals:
    baseline = pair.baseline if pair.baseline is not None else np.full_like(pair.canary, np.nan)
    present = ~np.isnan(pair.canary[:, 1]) & ~np.isnan(baseline[:, 1])
    seen = list(pair.notes)
    for label, side in (("canary", pair.canary), ("baseline", baseline)):
        missing = int(np.isnan(side[:, 1]).sum())
        if side is baseline and pair.baseline is None:
            seen.append("no baseline")
        elif missing:
            seen.append(f"{label}: {missing} of {pair.n_ticks} ticks missing")
    moved = _share_moved(pair.canary[present, 1], baseline[present, 1])
    if moved:
        seen.append(moved)
    return _Totals(pair.canary[present].sum(axis=0), baseline[present].sum(axis=0), tuple(seen))


def _share_moved(canary: FloatArray, baseline: FloatArray) -> str:
    # thirds of the window, so that the noise of single ticks is not taken for a ramp
    totals = [
        (float(a.sum()), float(a.sum() + b.sum()))
        for a, b in zip(np.array_split(canary, 3), np.array_split(baseline, 3), strict=True)
    ]
    shares = [ours / both for ours, both in totals if both > 0]
    if not shares or max(shares) <= STEADY_SHARE * min(shares):
        return ""
    return f"the canary's share of the exposure moved from {shares[0]:.3g} to {shares[-1]:.3g}"


def _present(pair: Pair, totals: _Totals) -> Status:
    def exposed(side: FloatArray | None) -> float:
        return 0.0 if side is None else float(np.nansum(side[:, 1]))

    apart = sides.absent(exposed(pair.canary), exposed(pair.baseline))
    together = sides.absent(totals.canary[1], totals.baseline[1])
    # both were seen, but never at the same time
    return apart or (Status.INSUFFICIENT if together else Status.OK)
