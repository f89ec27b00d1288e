"""Things that happen or must not: how many a day, and how many in a few minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.evidence import Status
from canarystats.kernels.block_ratio import block_ratio
from canarystats.kernels.poisson import count_bounds
from canarystats.validate import answers
from canarystats.validate.findings import Answer
from canarystats.validate.spans import DAY, held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.validate.checks import Check
    from canarystats.validate.findings import Finding
    from canarystats.validate.spans import Held, Span
    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

STORM_SECONDS = 300.0


def count(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Hold how often something happens against a number a day.

    Parameters
    ----------
    check, span, tail
        As of `shares.share`; the target is a number a day, and 0 is a count and no estimate.
    pair
        Events; their series are added up.

    Notes
    -----
    Garwood's exact Poisson interval, of as many independent events as the variance between blocks
    leaves: restarts that come in clumps count for fewer.

    References
    ----------
    In `kernels.poisson`.
    """
    rows = held(pair, span)
    if not rows.present.any():
        return answers.silent(check, Status.NO_DATA, "no sample", pair, "count")
    happened = _over_series(rows)
    total = float(happened[rows.present].sum())
    days = float(rows.seconds[rows.present].sum()) / DAY
    clumps = _clumps(rows, happened)
    low, high = (end * clumps / days for end in count_bounds(total / clumps, tail))
    said = answers.evidence(
        check,
        pair,
        "count",
        n_canary=int(rows.present.sum()),
        n_effective=total / clumps,
        observed=total / days,
        effect=total / days,
        effect_scale="a day",
        interval=answers.interval(low, high, tail),
        assumptions=("events come by chance at a steady rate, alone or in clumps",),
        detail=f"{total:g} in {days:.3g} days",
    )
    if check.bound == 0:
        reason = f"{total:g} in {days:.3g} days"
        answer = Answer.MISSED if total > 0 else Answer.MET
    else:
        reason = f"{total:g} in {days:.3g} days, {total / days:.3g} [{low:.3g}, {high:.3g}] a day"
        answer = answers.within(check, low, high)
    return answers.found(check, answer, reason, said, coverage=rows.coverage)


def storm(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Hold the most events in any five minutes against a number.

    Parameters
    ----------
    check, span
        As of `shares.share`; the target is a number in five minutes.
    pair
        Events; their series are added up.
    tail
        Not read: what happened is counted.

    Notes
    -----
    Rows that speak for longer than five minutes leave open how their events fell; the answer then
    is one that holds either way.
    """
    del tail
    rows = held(pair, span)
    if not rows.present.any():
        return answers.silent(check, Status.NO_DATA, "no sample", pair, "storm")
    happened = np.where(rows.present, _over_series(rows), 0.0)
    begins = rows.times - rows.seconds
    upto = np.concatenate([[0.0], np.cumsum(happened)])
    last = np.arange(1, len(happened) + 1)
    inside = np.searchsorted(begins, rows.times - STORM_SECONDS - 1e-6)
    touched = np.searchsorted(rows.times, rows.times - STORM_SECONDS + 1e-6)
    surely = float((upto[last] - upto[np.minimum(inside, last)]).max())
    # a five minutes may end inside a row, and then touches the row before the first in full
    at_most = float((upto[last] - upto[np.maximum(touched - 1, 0)]).max())
    at_most = max(at_most, surely) if float(rows.resolution) > STORM_SECONDS else surely
    said = answers.evidence(
        check,
        pair,
        "storm",
        n_canary=int(rows.present.sum()),
        observed=surely,
        effect=surely,
        effect_scale="in 5m",
        interval=answers.interval(surely, at_most, 0.0),
        detail=f"{float(happened.sum()):g} in all",
    )
    reason = f"at most {at_most:g} in 5m, {float(happened.sum()):g} in all"
    answer = answers.within(check, surely, at_most)
    return answers.found(check, answer, reason, said, coverage=rows.coverage)


def _over_series(rows: Held) -> FloatArray:
    total: FloatArray = np.where(np.isfinite(rows.values), rows.values, 0.0).sum(axis=1)
    return total


def _clumps(rows: Held, happened: FloatArray) -> float:
    """How many events come as one, at least 1: the variance of blocks over their mean."""
    table = rows.sums(np.stack([happened, rows.seconds], axis=1))
    ratio = block_ratio(table[:, 0], table[:, 1])
    if ratio.blocks < answers.FEWEST_BLOCKS or not ratio.value > 0:
        return 1.0
    return max(ratio.error**2 * ratio.exposure / ratio.value, 1.0)
