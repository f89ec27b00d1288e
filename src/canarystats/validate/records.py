"""Incidents and changes: how soon they were seen and mended, and how many changes failed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from canarystats.evidence import Status
from canarystats.kernels.binomial import share_bounds
from canarystats.kernels.poisson import duration_bounds
from canarystats.section import Section
from canarystats.validate import answers
from canarystats.validate.findings import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.validate.checks import Check
    from canarystats.validate.findings import Finding
    from canarystats.validate.spans import Span

Seconds = Annotated[float, Field(allow_inf_nan=False, lt=1e11)]


class Incident(Section):
    """One incident.

    Parameters
    ----------
    started, detected, resolved
        Unix seconds; None where that has not come.
    critical
        Whether it was critical.
    name
        For readers.
    """

    started: Seconds
    detected: Seconds | None = None
    resolved: Seconds | None = None
    critical: bool = False
    name: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for field in ("detected", "resolved"):
            at = getattr(self, field)
            if at is not None and at < self.started:
                msg = f"{field} is {at!r}, before the incident started at {self.started!r}"
                raise ValueError(msg)
        return self


class Change(Section):
    """One change that went out.

    Parameters
    ----------
    at
        Unix seconds.
    failed
        Whether it failed in production: rolled back, or the cause of an incident.
    name
        For readers.
    """

    at: Seconds
    failed: bool = False
    name: str = ""


def detection(check: Check, given: Sequence[Incident], span: Span, tail: float) -> Finding:
    """Hold the mean time from the start of incidents to their detection against a ceiling.

    Parameters
    ----------
    check, span, tail
        As of `shares.share`; the target is in seconds.
    given
        Incidents; those that started in the span are read.

    Notes
    -----
    Exact for exponential durations; where theirs vary more, as so many fewer incidents as their
    squared coefficient of variation says. One that is still open counts with its time so far, and
    then the mean is not met, however small.

    References
    ----------
    In `kernels.poisson`.
    """
    inside = _inside(given, span)
    return _mean_time(check, [(i.started, i.detected) for i in inside], span, tail, "detected")


def repair(check: Check, given: Sequence[Incident], span: Span, tail: float) -> Finding:
    """Hold the mean time from the start of incidents to their end against a ceiling.

    Parameters
    ----------
    check, given, span, tail
        As of `detection`.
    """
    inside = _inside(given, span)
    return _mean_time(check, [(i.started, i.resolved) for i in inside], span, tail, "resolved")


def critical(check: Check, given: Sequence[Incident], span: Span, tail: float) -> Finding:
    """Hold the number of critical incidents against a number.

    Parameters
    ----------
    check, given, span, tail
        As of `detection`; the tail is not read, because incidents are counted.
    """
    del tail
    inside = _inside(given, span)
    n = sum(incident.critical for incident in inside)
    answer = Answer.MET if n <= check.bound else Answer.MISSED
    reason = f"{n} critical of {len(inside)} incidents"
    said = answers.evidence(
        check, None, "critical", n_canary=len(inside), observed=float(n), effect_scale="incidents"
    )
    return answers.found(check, answer, reason, said)


def failed_changes(check: Check, given: Sequence[Change], span: Span, tail: float) -> Finding:
    """Hold the share of changes that failed against a ceiling, exactly.

    Parameters
    ----------
    check, span, tail
        As of `shares.share`.
    given
        Changes; those in the span are read.

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26:404-413.
    """
    inside = [change for change in given if span.start < change.at <= span.end]
    n, failed = len(inside), sum(change.failed for change in inside)
    if not n:
        return answers.silent(check, Status.NO_DATA, "no change", method="failed_changes")
    low, high = (float(end) for end in share_bounds(failed, n, tail))
    said = answers.evidence(
        check,
        None,
        "failed_changes",
        n_canary=n,
        observed=failed / n,
        effect=failed / n,
        effect_scale="share",
        interval=answers.interval(low, high, tail),
        assumptions=("changes fail independently",),
    )
    reason = f"{failed} of {n}, {check.shown(failed / n)} [{check.shown(low)}, {check.shown(high)}]"
    answer = answers.within(check, low, high)
    needed = math.ceil(math.log(tail) / math.log1p(-check.bound))
    if answer is Answer.UNDECIDED and n < needed:
        reason = f"{reason}; it takes {needed} changes without a failure to show it"
    return answers.found(check, answer, reason, said)


def cadence(check: Check, given: Sequence[Change], span: Span, tail: float) -> Finding:
    """Hold the longest time without a change against a ceiling.

    Parameters
    ----------
    check, given, span, tail
        As of `failed_changes`; the tail is not read, because changes are counted.
    """
    del tail
    at = sorted(change.at for change in given if span.start < change.at <= span.end)
    longest = float(np.diff([span.start, *at, span.end]).max())
    answer = Answer.MET if longest <= check.bound else Answer.MISSED
    reason = f"{len(at)} changes, the longest time without one {check.shown(longest)}"
    said = answers.evidence(
        check, None, "cadence", n_canary=len(at), observed=longest, effect_scale="seconds"
    )
    return answers.found(check, answer, reason, said)


def _inside(given: Sequence[Incident], span: Span) -> list[Incident]:
    return [incident for incident in given if span.start < incident.started <= span.end]


def _mean_time(
    check: Check,
    times: Sequence[tuple[float, float | None]],
    span: Span,
    tail: float,
    done: str,
) -> Finding:
    method = check.method.value
    if not times:
        why = "no incident to measure; a drill would show it"
        return answers.silent(check, Status.NO_DATA, why, method=method)
    taken = np.array([(span.end if end is None else end) - start for start, end in times])
    still = sum(end is None for _, end in times)
    n, mean = len(taken), float(taken.mean())
    spread = float(taken.var(ddof=1)) / mean**2 if n > 1 and mean > 0 else 1.0
    low, high = duration_bounds(mean, n / max(spread, 1.0), tail)
    high = math.inf if still else high
    said = answers.evidence(
        check,
        None,
        method,
        n_canary=n,
        n_effective=n / max(spread, 1.0),
        observed=mean,
        effect=mean,
        effect_scale="seconds",
        interval=answers.interval(low, high, tail),
        assumptions=("durations vary as exponential ones do, or as they are seen to",),
    )
    ends = f"[{check.shown(low)}, {'∞' if still else check.shown(high)}]"
    reason = f"{check.shown(mean)} {ends} over {n} incidents"
    if still:
        reason = f"{reason}, {still} not {done}"
    return answers.found(check, answers.within(check, low, high), reason, said)
