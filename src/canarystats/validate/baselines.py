"""After a rollback: whether the service is back to what it was."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canarystats.compare import equivalent, paired, rate_ratio
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Status
from canarystats.validate.findings import Answer, Finding, ValidationReport
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MARGIN = 0.1
TAIL_SHARE = 0.01
COMPARED = {Kind.COUNTS, Kind.HISTOGRAM, Kind.GAUGE}


def back_to_baseline(
    pairs: Sequence[Pair],
    *,
    since: float,
    margin: float = MARGIN,
    level: float = 0.05,
    settle_seconds: float = 0.0,
) -> ValidationReport:
    """Test on fresh data whether each metric is back to its baseline after a rollback.

    Parameters
    ----------
    pairs
        What runs after the rollback as ``canary``, and the baseline: a twin beside it, or the time
        before the rollout. Counts, histograms or gauges, with times.
    since
        Unix seconds at which the rollback was complete. A row is fresh where all the time that it
        speaks for comes after: a five-minute rate read a minute after a change is of the old
        version for the most part.
    margin
        The relative difference, either way, within which a metric is back, in (0, 1).
    level
        Probability of calling back what is not, in (0, 0.5).
    settle_seconds
        What is left out after ``since`` as well.

    Returns
    -------
    ValidationReport
        One finding a pair: met where it is shown to be within the margin (two one-sided tests),
        missed where it is shown to be beyond, no data where no row is fresh.

    Raises
    ------
    InputError
        If an argument cannot be right.

    Notes
    -----
    Of a histogram it is the share of requests beyond one of its edges that is compared, the edge
    where the baseline's share is nearest to 1 %: a quantile of buckets is only known to a bucket,
    which is seldom narrower than the margin.

    References
    ----------
    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15:657-680.

    Examples
    --------
    >>> import numpy as np
    >>> import canarystats as cs
    >>> requests = np.full(60, 5000)
    >>> errors = np.random.default_rng(2).poisson(50, (2, 60))
    >>> times = 1_700_000_000 + 15.0 * np.arange(60)
    >>> pair = cs.Pair.counts(
    ...     "requests", canary=(errors[0], requests), baseline=(errors[1], requests), times=times
    ... )
    >>> cs.validate.back_to_baseline([pair], since=1_700_000_000).answer.value
    'met'
    """
    for field, value, most in (("margin", margin, 1.0), ("level", level, 0.5)):
        if not 0 < value < most:
            msg = f"{field} is {value!r}; it must be between 0 and {most:g}"
            raise InputError(msg)
    if not (math.isfinite(since) and 0 <= settle_seconds < math.inf):
        msg = f"since is {since!r} and settle_seconds {settle_seconds!r}; both must be finite"
        raise InputError(msg)
    begin = since + settle_seconds
    findings = [_finding(pair, begin, margin, level) for pair in pairs]
    ends = [float(pair.times[-1]) for pair in pairs if pair.times is not None and pair.n_ticks]
    return ValidationReport(
        window="rollback",
        start=begin,
        end=max([begin, *ends]),
        level=level,
        findings=tuple(findings),
    )


def _finding(pair: Pair, begin: float, margin: float, level: float) -> Finding:
    if pair.kind not in COMPARED:
        msg = f"metric {pair.name!r} is of kind {pair.kind}; it is not compared with a baseline"
        raise InputError(msg)
    fresh = _fresh(pair, begin)
    if pair.baseline is None or not fresh.n_ticks or not np.isfinite(fresh.canary).any():
        why = "it has no baseline" if pair.baseline is None else "no fresh sample"
        evidence = Evidence(
            metric=pair.name,
            method="equivalent",
            question=Question.NOT_WORSE,
            status=Status.NO_DATA,
            level=level,
            seen=pair.notes,
            detail=why,
        )
        return _said(pair, Answer.NO_DATA, why, evidence, margin)
    edge = ""
    if fresh.kind is Kind.HISTOGRAM:
        fresh, at = _beyond_an_edge(fresh)
        edge = f"beyond {at:g}: "
    shown = equivalent(fresh, margin=margin, level=level)
    if shown.status in {Status.NO_DATA, Status.ONE_SIDE_ONLY}:
        return _said(pair, Answer.NO_DATA, shown.status.replace("_", " "), shown, margin)
    answer = Answer.UNDECIDED
    if shown.decides:
        answer = Answer.MET
    elif any(_BEYOND[fresh.kind](fresh, margin, level / 2)):
        answer = Answer.MISSED
    figures = (
        "" if shown.observed is None else f"{shown.observed:.4g} against {shown.reference:.4g}"
    )
    within = "" if shown.interval is None else f", {shown.effect_scale} in {shown.interval}"
    reason = f"{figures}{within}, {fresh.n_ticks} fresh ticks"
    return _said(pair, answer, edge + reason.removeprefix(", "), shown, margin)


def _said(pair: Pair, answer: Answer, reason: str, evidence: Evidence, margin: float) -> Finding:
    return Finding(
        check=f"rollback.{pair.name}",
        title=f"{pair.name} is back to its baseline",
        answer=answer,
        target=f"within {100 * margin:g} % either way",
        reason=reason,
        evidence=evidence,
    )


def _fresh(pair: Pair, begin: float) -> Pair:
    """The rows all of whose time comes after ``begin``; the first row's begins with the row."""
    if pair.times is None:
        msg = f"metric {pair.name!r} has no times; what is fresh cannot be told"
        raise InputError(msg)
    starts = np.concatenate([[-np.inf], pair.times[:-1]])
    if pair.kind is Kind.GAUGE:
        starts = pair.times
    first = int(np.searchsorted(starts, begin - 1e-6))
    return pair.rows(first, pair.n_ticks)


def _beyond_an_edge(pair: Pair) -> tuple[Pair, float]:
    """Counts of requests beyond the edge where about one in a hundred of the baseline's is."""
    bounds, baseline = pair.upper_bounds, pair.baseline
    if bounds is None or baseline is None:
        msg = f"metric {pair.name!r} has no bounds or no baseline"
        raise InputError(msg)
    total = np.nansum(baseline, axis=0)
    beyond = (total.sum() - np.cumsum(total))[:-1] / max(float(total.sum()), 1.0)
    edge = int(np.argmin(np.abs(np.log(np.maximum(beyond, 1e-12) / TAIL_SHARE))))
    sides = [
        (side[:, edge + 1 :].sum(axis=1), side.sum(axis=1)) for side in (pair.canary, baseline)
    ]
    counts = Pair.counts(
        pair.name, canary=sides[0], baseline=sides[1], times=pair.times, notes=pair.notes
    )
    return counts, float(bounds[edge])


def _two_sided(
    test: Callable[..., Evidence],
) -> Callable[[Pair, float, float], tuple[bool, bool]]:
    def beyond(pair: Pair, margin: float, level: float) -> tuple[bool, bool]:
        above = test(pair, alternative="greater", level=level, **_by(test, margin))
        below = test(pair, alternative="less", level=level, **_by(test, -margin))
        return above.decides, below.decides

    return beyond


def _by(test: Callable[..., Evidence], margin: float) -> dict[str, float]:
    return {"margin": abs(margin)} if test is paired else {"null_ratio": 1 + margin}


_BEYOND: dict[Kind, Callable[[Pair, float, float], tuple[bool, bool]]] = {
    Kind.COUNTS: _two_sided(rate_ratio),
    Kind.GAUGE: _two_sided(paired),
}
