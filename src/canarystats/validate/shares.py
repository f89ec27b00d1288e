"""Shares: error rates against a ceiling, and latency as the share of requests beyond its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.evidence import Status
from canarystats.kernels.block_ratio import block_ratio
from canarystats.kernels.buckets import interpolated_quantile
from canarystats.validate import answers
from canarystats.validate.findings import Answer
from canarystats.validate.spans import held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.kernels.block_ratio import BlockRatio
    from canarystats.validate.checks import Check
    from canarystats.validate.findings import Finding
    from canarystats.validate.spans import Held, Span
    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

ASSUMES = (
    "the share is stationary beside patterns shorter than the window",
    "dependence fades within a part of the window",
)


def share(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Hold a share of events against a ceiling.

    Parameters
    ----------
    check
        The target, a fraction; a ceiling of 0 without tolerance is a count and no estimate: one
        event misses it.
    pair
        Counts: events out of an exposure.
    span
        The time that is validated.
    tail
        Probability that the interval ends short of the truth, on each side.

    Notes
    -----
    Sums over blocks of equal time; the long-run variance of what each block is off by says how many
    independent requests all are worth, and Clopper and Pearson's interval is taken of those. A
    daily pattern reads as dependence, which widens the interval: the safe direction.

    References
    ----------
    In `kernels.block_ratio`.
    """
    rows = held(pair, span)
    events, exposure = _totals(rows)
    if not exposure > 0:
        why = "no sample" if not rows.present.any() else "samples, and an exposure of 0"
        return answers.silent(check, Status.NO_DATA, why, pair, "share")
    ratio = _ratio(rows, rows.values)
    low, high = ratio.share_bounds(tail)
    said = answers.evidence(
        check,
        pair,
        "share",
        n_canary=round(exposure),
        n_effective=ratio.effective_trials(tail),
        observed=events / exposure,
        effect=events / exposure,
        effect_scale="share",
        interval=answers.interval(low, high, tail),
        assumptions=ASSUMES,
        detail=f"{events:g} of {exposure:g} in {ratio.blocks} blocks",
    )
    counted = f"{_whole(events)} of {_whole(exposure)}"
    if check.bound == 0:
        answer = Answer.MISSED if events > 0 else Answer.MET
        return answers.found(check, answer, counted, said, coverage=rows.coverage)
    reason = f"{check.shown(events / exposure)} {_ends(check, low, high)}, {counted}"
    if ratio.blocks < answers.FEWEST_BLOCKS:
        return answers.too_few(check, reason, said, ratio.blocks, rows.coverage)
    answer = answers.within(check, low, high)
    return answers.found(check, answer, reason, said, coverage=rows.coverage)


def quantile(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Hold a quantile of latency against a target, by the share of requests beyond the target.

    Parameters
    ----------
    check, pair, span, tail
        As of `share`; the pair is a histogram.

    Notes
    -----
    The q-quantile is within the target where at most 1 - q of all requests are beyond it. Buckets
    are added up first: quantiles of hours or pods have no average. A target inside a bucket leaves
    open on which side that bucket's requests are; the answer then is one that holds for both.
    """
    rows = held(pair, span)
    bounds = np.array([np.inf]) if pair.upper_bounds is None else pair.upper_bounds
    counts = np.where(rows.present[:, None], np.nan_to_num(rows.values), 0.0)
    total = float(counts.sum())
    if not total > 0:
        why = "no sample" if not rows.present.any() else "samples, and not one request"
        return answers.silent(check, Status.NO_DATA, why, pair, "quantile")
    lower = np.concatenate([[-np.inf], bounds[:-1]])
    each = counts.sum(axis=1)
    surely = _ratio(rows, np.stack([counts[:, lower >= check.bound].sum(axis=1), each], axis=1))
    maybe = _ratio(rows, np.stack([counts[:, bounds > check.bound].sum(axis=1), each], axis=1))
    low, high = surely.share_bounds(tail)[0], maybe.share_bounds(tail)[1]
    allowed = 1 - check.q
    shown = float(interpolated_quantile(bounds, counts.sum(axis=0)[None], check.q)[0])
    said = answers.evidence(
        check,
        pair,
        "quantile",
        n_canary=round(total),
        n_effective=maybe.effective_trials(tail),
        observed=shown if np.isfinite(shown) else None,
        effect=maybe.value,
        effect_scale="share",
        interval=answers.interval(low, high, tail),
        margin=allowed,
        assumptions=ASSUMES,
        detail=f"share beyond {check.bound:g}, allowed {allowed:g}",
    )
    reason = (
        f"{100 * maybe.value:.3g} % beyond {check.shown(check.bound)} "
        f"[{100 * low:.3g}, {100 * high:.3g}], {100 * allowed:.3g} % allowed"
    )
    if surely.value < maybe.value:
        reason = f"{reason}; {check.shown(check.bound)} is inside a bucket"
    if surely.blocks < answers.FEWEST_BLOCKS:
        return answers.too_few(check, reason, said, surely.blocks, rows.coverage)
    answer = Answer.UNDECIDED
    if high <= allowed:
        answer = Answer.MET
    elif low > allowed:
        answer = Answer.MISSED
    return answers.found(check, answer, reason, said, coverage=rows.coverage)


def _totals(rows: Held) -> tuple[float, float]:
    events, exposure = rows.values[rows.present].sum(axis=0)
    return min(float(events), float(exposure)), float(exposure)


def _ratio(rows: Held, amounts: FloatArray) -> BlockRatio:
    table = rows.sums(amounts)
    # scrapes can catch an event before its request
    return block_ratio(np.minimum(table[:, 0], table[:, 1]), table[:, 1])


def _ends(check: Check, low: float, high: float) -> str:
    return f"[{check.shown(low)}, {check.shown(high)}]"


def _whole(number: float) -> str:
    return f"{number:,.0f}" if number.is_integer() else f"{number:,.6g}"
