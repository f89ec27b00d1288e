"""Levels of gauges: against a floor, against what was before, and as the time that all is up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from canarystats.errors import InputError
from canarystats.evidence import Status
from canarystats.kernels.block_ratio import block_ratio, error_of_sum
from canarystats.validate import answers
from canarystats.validate.spans import held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.validate.checks import Check
    from canarystats.validate.findings import Finding
    from canarystats.validate.spans import Held, Span
    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

ASSUMES = ("the gauge is stationary beside patterns shorter than the window",)
MOST_OF_A_SHARE = 1.0 + 1e-9


def level(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Hold the mean of a gauge over time against a floor or a ceiling.

    Parameters
    ----------
    check, span, tail
        As of `shares.share`.
    pair
        A gauge; its pods' mean at each tick is weighted by the time the tick speaks for.

    Raises
    ------
    InputError
        If a share is above 1: a percentage where a fraction is declared.

    Notes
    -----
    Student's interval of the mean of blocks, with their long-run variance.
    """
    rows = held(pair, span)
    values = _over_pods(rows)
    if not rows.present.any():
        return answers.silent(check, Status.NO_DATA, "no sample", pair, "level")
    if check.unit == "share" and float(np.nanmax(values)) > MOST_OF_A_SHARE:
        msg = (
            f"metric {pair.name!r}: {float(np.nanmax(values)):g} is no share; {check.id} takes "
            "fractions, 0.9965 for 99.65 %"
        )
        raise InputError(msg)
    table = rows.sums(np.stack([values * rows.seconds, rows.seconds], axis=1))
    ratio = block_ratio(table[:, 0], table[:, 1])
    low, high = ratio.bounds(tail)
    said = answers.evidence(
        check,
        pair,
        "level",
        n_canary=int(rows.present.sum()),
        n_effective=ratio.blocks / ratio.time,
        observed=ratio.value,
        effect=ratio.value,
        effect_scale="mean",
        interval=answers.interval(low, high, tail),
        assumptions=ASSUMES,
    )
    reason = f"{check.shown(ratio.value)} [{check.shown(low)}, {check.shown(high)}]"
    if ratio.blocks < answers.FEWEST_BLOCKS:
        return answers.too_few(check, reason, said, ratio.blocks, rows.coverage)
    answer = answers.within(check, low, high)
    return answers.found(check, answer, reason, said, coverage=rows.coverage)


def improvement(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Hold the mean of a gauge, relative to its baseline's, against a target such as +28.4 %.

    Parameters
    ----------
    check, span, tail
        As of `shares.share`; the target is a relative change, 0.284 for +28.4 %.
    pair
        A gauge that is positive, and its baseline: from before the rollout at the same hours and
        weekdays, or a twin beside it.

    Notes
    -----
    The logarithm of the ratio of means, its error from the blocks of both sides taken together (the
    delta method), so that what moves both drops out.
    """
    rows, before = held(pair, span), held(pair, span, baseline=True)
    both = rows.present & before.present
    if not both.any():
        missing = "the pair has no baseline" if pair.baseline is None else "no tick on both sides"
        return answers.silent(check, Status.NO_DATA, missing, pair, "improvement")
    weighted = [np.where(both, _over_pods(side) * rows.seconds, np.nan) for side in (rows, before)]
    here = [np.nan_to_num(column) for column in weighted]
    table = rows.sums(np.stack([*here, both * rows.seconds], axis=1))
    table[~(table[:, 2] > 0)] = np.nan
    sums = np.nansum(table, axis=0)
    if not (sums[0] > 0 and sums[1] > 0):
        why = "a mean of 0 or less has no ratio"
        return answers.silent(check, Status.DEGENERATE, why, pair, "improvement")
    off = table[:, 0] / sums[0] - table[:, 1] / sums[1]
    n = int((~np.isnan(off)).sum())
    error, time, free = error_of_sum(off)
    middle = math.log(sums[0] / sums[1])
    reach = -float(stdtrit(free, tail)) * error
    value, low, high = (math.expm1(x) for x in (middle, middle - reach, middle + reach))
    said = answers.evidence(
        check,
        pair,
        "improvement",
        n_canary=int(both.sum()),
        n_baseline=int(both.sum()),
        n_effective=n / time,
        observed=value,
        effect=value,
        effect_scale="relative change",
        interval=answers.interval(low, high, tail),
        assumptions=ASSUMES,
    )
    reason = f"{100 * value:+.3g} % [{100 * low:+.3g}, {100 * high:+.3g}]"
    covered = min(float(rows.seconds[both].sum()) / span.seconds, 1.0)
    if n < answers.FEWEST_BLOCKS:
        return answers.too_few(check, reason, said, n, covered)
    return answers.found(check, answers.within(check, low, high), reason, said, coverage=covered)


def _over_pods(rows: Held) -> FloatArray:
    finite = np.isfinite(rows.values)
    count = finite.sum(axis=1)
    total = np.where(finite, rows.values, 0.0).sum(axis=1)
    mean: FloatArray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
