"""Every check of a window, each by its method, into one report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarystats.errors import InputError
from canarystats.evidence import Status
from canarystats.validate import answers, budgets, counts, leaks, levels, records, shares, trends
from canarystats.validate.checks import Check, Method
from canarystats.validate.findings import Finding, ValidationReport
from canarystats.validate.spans import Span, last_time
from canarystats.validate.table import DURATIONS, checks_of
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from canarystats.validate.records import Change, Incident

    Answerer = Callable[[Check, Any, Span, float], Finding]

OF_PAIRS: dict[Method, tuple[Answerer, tuple[Kind, ...]]] = {
    Method.SHARE: (shares.share, (Kind.COUNTS,)),
    Method.QUANTILE: (shares.quantile, (Kind.HISTOGRAM,)),
    Method.TREND: (trends.trend, (Kind.COUNTS, Kind.GAUGE)),
    Method.LEAK: (leaks.leak, (Kind.GAUGE,)),
    Method.COUNT: (counts.count, (Kind.EVENTS,)),
    Method.STORM: (counts.storm, (Kind.EVENTS,)),
    Method.LEVEL: (levels.level, (Kind.GAUGE,)),
    Method.IMPROVEMENT: (levels.improvement, (Kind.GAUGE,)),
    Method.AVAILABILITY: (budgets.availability, (Kind.GAUGE,)),
    Method.BUDGET: (budgets.budget, (Kind.COUNTS, Kind.GAUGE)),
    Method.CAPACITY: (trends.capacity, (Kind.GAUGE,)),
}
OF_INCIDENTS: dict[Method, Answerer] = {
    Method.DETECTION: records.detection,
    Method.REPAIR: records.repair,
    Method.CRITICAL: records.critical,
}
OF_CHANGES: dict[Method, Answerer] = {
    Method.FAILED_CHANGES: records.failed_changes,
    Method.CADENCE: records.cadence,
}


def run(
    window: str,
    pairs: Sequence[Pair],
    *,
    incidents: Sequence[Incident] | None = None,
    changes: Sequence[Change] | None = None,
    checks: Sequence[Check] | None = None,
    start: float | None = None,
    end: float | None = None,
    level: float = 0.05,
) -> ValidationReport:
    """Validate one window after a rollout.

    Parameters
    ----------
    window
        ``day-1``, ``week-1``, ``month-1`` or ``quarter``; with ``checks`` any name.
    pairs
        The metrics by the names that checks read, with times: the service as ``canary``, and as
        ``baseline`` what was before at the same hours and weekdays, where there is such. Rows may
        be of mixed resolution and have holes.
    incidents, changes
        What happened; None where nobody kept a list, which is not the same as an empty one.
    checks
        Those to answer; the window's own where None.
    start, end
        Unix seconds. The end is the last tick of any pair and the start the window's length before
        the end, where None.
    level
        Probability that an interval ends short of the truth, on each side, in (0, 0.5).

    Returns
    -------
    ValidationReport
        One finding a check. Data that is missing is `Answer.NO_DATA`, and never met.

    Raises
    ------
    InputError
        If an argument cannot be right, a pair is of a kind that its check does not read, or two
        pairs have one name.

    Notes
    -----
    Each check is met where the whole interval is within its target (with the tolerance), missed
    where all of it is beyond, undecided where neither is shown. So a check is wrongly met, or
    wrongly missed, with a probability of at most ``level``. Checks are not corrected for their
    number: each speaks for itself.

    Examples
    --------
    >>> import numpy as np
    >>> import canarystats as cs
    >>> hours = 1_700_006_400 + 3600.0 * np.arange(1, 169)
    >>> errors = np.random.default_rng(1).poisson(5, 168)
    >>> pair = cs.Pair.counts("requests", canary=(errors, np.full(168, 10_000)), times=hours)
    >>> cs.validate.week_1([pair])["error-rate"].answer.value
    'met'
    """
    if not 0 < level < 0.5:
        msg = f"level is {level!r}; it must be between 0 and 0.5"
        raise InputError(msg)
    asked = checks_of(window) if checks is None else tuple(checks)
    named = _by_name(pairs)
    span = _span(window, list(pairs), start, end)
    return ValidationReport(
        window=window,
        start=span.start,
        end=span.end,
        level=level,
        findings=tuple(_answered(check, named, incidents, changes, span, level) for check in asked),
    )


def _answered(
    check: Check,
    named: dict[str, Pair],
    incidents: Sequence[Incident] | None,
    changes: Sequence[Change] | None,
    span: Span,
    level: float,
) -> Finding:
    for methods, given, what in (
        (OF_INCIDENTS, incidents, "incidents"),
        (OF_CHANGES, changes, "changes"),
    ):
        if check.method in methods:
            if given is None:
                why = f"no list of {what} was given"
                return answers.silent(check, Status.NO_DATA, why, method=check.method)
            return methods[check.method](check, given, span, level)
    answer, kinds = OF_PAIRS[check.method]
    pair = named.get(check.reads)
    if pair is None:
        why = f"no metric {check.reads} was given"
        return answers.silent(check, Status.NO_DATA, why, method=check.method)
    if pair.kind not in kinds:
        wanted = " or ".join(kinds)
        msg = f"metric {pair.name!r} is of kind {pair.kind}; {check.id} takes {wanted}"
        raise InputError(msg)
    return answer(check, pair, span, level)


def _by_name(pairs: Sequence[Pair]) -> dict[str, Pair]:
    named = {pair.name: pair for pair in pairs}
    if len(named) < len(pairs):
        twice = next(p.name for i, p in enumerate(pairs) if p.name in [q.name for q in pairs[:i]])
        msg = f"metric {twice!r} is in pairs twice"
        raise InputError(msg)
    return named


def _span(window: str, pairs: list[Pair], start: float | None, end: float | None) -> Span:
    last = last_time(pairs) if end is None else end
    if last is None:
        msg = "end is missing: there is no pair whose last tick it could be"
        raise InputError(msg)
    if start is None:
        if window not in DURATIONS:
            msg = f"start is missing: the window {window!r} has no length of its own"
            raise InputError(msg)
        start = last - DURATIONS[window]
    if not start < last:
        msg = f"start is {start!r}, not before the end, {last!r}"
        raise InputError(msg)
    return Span(start, last)
