"""Memory: whether any pod leaks, and when it reaches its limit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from canarystats.detect.fleet import usage_buckets
from canarystats.detect.leak import leak as search
from canarystats.evidence import Status
from canarystats.validate import answers
from canarystats.validate.findings import Answer
from canarystats.validate.spans import cut, held, times_of

if TYPE_CHECKING:
    from canarystats.detect.leak_findings import Leak
    from canarystats.validate.checks import Check
    from canarystats.validate.findings import Finding
    from canarystats.validate.spans import Span
    from canarystats.windows import Pair

UNEVEN = 1.5  # rows whose times differ by more were thinned unequally
TOLD = 0.9  # the part of all pods' samples that must be of pods told not to leak
LEAK_LEVEL = 0.01


def leak(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Search every pod for a leak.

    Parameters
    ----------
    check, span
        As of `shares.share`; the target is growth an hour, up to which nothing leaks.
    pair
        A gauge, one column a pod, and its limit.
    tail
        Probability that a pod's slope is above its interval.

    Notes
    -----
    Missed where a pod is shown to leak (`detect.leak`, level 0.01 for all pods together). Met where
    the slope of every pod that lived long enough to be searched is shown to be below the target,
    and these pods hold nine tenths of the samples: a search that saw nothing in too short a time
    proves nothing. Rows of mixed
    resolution are thinned to the coarsest of them, each the last value of its time.
    """
    rows = held(pair, span)
    if not rows.present.any():
        return answers.silent(check, Status.NO_DATA, "no sample", pair, "leak")
    found = search(
        _thinned(pair, span),
        level=LEAK_LEVEL,
        floor_per_hour=check.bound,
        interval_level=1 - 2 * tail,
    )
    if isinstance(found, list):  # of a pair it is one
        (found,) = found
    pods = found.pods or (found,)
    said = found.evidence.model_copy(update={"seen": pair.notes})
    leaking = [pod for pod in pods if pod.leaking]
    told = _told(pair, span, pods, check.bound)
    if leaking:
        answer, reason = Answer.MISSED, _leaking(check, leaking, len(pods))
    elif told >= TOLD:
        answer = Answer.MET
        reason = f"no leak in {len(pods)} pods, none grows by more than {_hourly(check)}"
    else:
        answer = Answer.UNDECIDED
        reason = f"no leak shown in {len(pods)} pods, and growth of {_hourly(check)} not ruled out"
    fleet = _fleet(pair, span)
    return answers.found(
        check,
        answer,
        f"{reason}{fleet}",
        said,
        coverage=rows.coverage,
        leak=found,
    )


def _told(pair: Pair, span: Span, pods: tuple[Leak, ...], floor: float) -> float:
    """The part of all samples that is of pods shown to grow by no more than the floor.

    0 where a pod that was searched may grow by more: only what lived too briefly to be searched may
    be left out.
    """
    samples = np.isfinite(held(pair, span).values).sum(axis=0)
    told = [pod.pod for pod in pods if pod.evidence.status is Status.DEGENERATE]
    for pod in pods:
        if pod.evidence.status is Status.OK:
            high = None if pod.slope_interval is None else pod.slope_interval.high
            if high is None or high > floor:
                return 0.0
            told.append(pod.pod)
    return float(samples[told].sum()) / max(float(samples.sum()), 1.0)


def _thinned(pair: Pair, span: Span) -> Pair:
    """The rows in the span, at one resolution."""
    inside, rows = cut(pair, span), held(pair, span)
    seconds = np.sort(rows.seconds[rows.present])
    finest = float(seconds[len(seconds) // 10])
    return _last_of_each(inside, rows.resolution) if rows.resolution > UNEVEN * finest else inside


def _last_of_each(pair: Pair, seconds: float) -> Pair:
    """The last row of each stretch of time: what a slower scrape would have seen."""
    times = times_of(pair)
    place = np.ceil(times / seconds - 1e-9)
    last = np.flatnonzero(np.append(np.diff(place) > 0, True))
    limit = pair.limit
    return replace(
        pair,
        times=times[last],
        canary=pair.canary[last],
        baseline=None if pair.baseline is None else pair.baseline[last],
        limit=limit if limit is None or len(limit) == 1 else limit[last],
    )


def _leaking(check: Check, leaking: list[Leak], pods: int) -> str:
    soonest = min(
        leaking,
        key=lambda pod: (
            np.inf if pod.time_to_limit_seconds is None else pod.time_to_limit_seconds,
            -(pod.slope_per_hour or 0.0),
        ),
    )
    grows = f"pod {soonest.pod} grows {check.shown(soonest.slope_per_hour)}"
    when = soonest.time_to_limit_seconds
    until = "" if when is None else f", at its limit in {when / 3600:.3g} h"
    return f"{len(leaking)} of {pods} pods leak; {grows}{until}"


def _hourly(check: Check) -> str:
    return check.shown(check.bound)


def _fleet(pair: Pair, span: Span) -> str:
    """How many pods end near their limits."""
    if pair.limit is None or not (pair.limit > 0).any():
        return ""
    buckets = usage_buckets(cut(pair, span))
    near = buckets.at_least(0.8)
    return f"; {near[-1]} of {sum(buckets.last)} pods end at 80 % of their limit or above"
