"""What is not there: metrics that never came, and faults of the monitoring."""

from __future__ import annotations

from benchmarks.decisions.general import NAN, PRESET, REQUESTS, row, whole
from benchmarks.decisions.situation import (
    HOLD,
    PROMOTE,
    ROLLBACK,
    beside_memory,
    counts,
    late,
    memory,
    once,
)

import canarystats as cs


def missing():
    """What is not there."""
    return [*metrics(), *monitoring()]


def metrics():
    """Metrics that never came."""
    without = tuple(pair for pair in whole() if pair.name != "latency_seconds")
    optional = PRESET.with_metric("latency_seconds", required=False)
    return [
        row(
            "one required metric never came, the others are healthy",
            HOLD,
            PRESET,
            without,
            case="missing metric",
        ),
        row(
            "one metric never came, promotion does not need it",
            PROMOTE,
            optional,
            without,
            case="missing metric",
        ),
        row(
            "one metric never came, on_no_data: pass",
            PROMOTE,
            PRESET.replace(on_no_data="pass"),
            without,
            case="missing metric",
        ),
        row(
            "one metric never came, on_no_data: rollback",
            ROLLBACK,
            PRESET.replace(on_no_data="rollback"),
            without,
            case="missing metric",
        ),
        row(
            "one metric never came, another has every request fail",
            ROLLBACK,
            PRESET,
            tuple(counts(errors=5000) if p.name == "requests" else p for p in without),
            case="missing metric",
        ),
        row(
            "a metric on a dry run never came, memory healthy",
            PROMOTE,
            beside_memory(REQUESTS, "requests"),
            (memory(),),
            case="missing metric",
        ),
    ]


def monitoring():
    """Data that stopped, came in part or with gaps."""
    silent = {"errors": late(4, NAN, 5), "out_of": late(4, NAN, 5000)}
    both = silent | {"others": late(4, NAN, 95), "others_of": late(4, NAN, 95_000)}
    return [
        row("the monitoring goes silent on both sides", HOLD, case="monitoring fault", **both),
        row("the monitoring of the canary goes silent", HOLD, case="monitoring fault", **silent),
        row(
            "the monitoring of the baseline goes silent",
            HOLD,
            case="monitoring fault",
            others=late(4, NAN, 95),
            others_of=late(4, NAN, 95_000),
        ),
        row(
            "the errors are NaN and the requests are there",
            HOLD,
            case="monitoring fault",
            errors=late(4, NAN, 5),
        ),
        row(
            "a part of the source did not answer, healthy",
            HOLD,
            pairs=(partial(),),
            case="monitoring fault",
        ),
        row(
            "a part of the source did not answer, 1 % errors beside 0.1 %",
            ROLLBACK,
            pairs=(partial(50),),
            case="monitoring fault",
        ),
        row(
            "a part of the source did not answer, partial_data: accept",
            PROMOTE,
            REQUESTS.replace(partial_data="accept"),
            (partial(),),
            case="monitoring fault",
        ),
        row(
            "the canary's counter reads 0 requests for 4 min, idle or broken",
            ROLLBACK,
            case="monitoring fault",
            errors=late(4, 0, 5),
            out_of=late(4, 0, 5000),
        ),
        row(
            "every third scrape is missed, healthy",
            PROMOTE,
            case="gaps",
            errors=holed(5),
            out_of=holed(5000),
        ),
        row(
            "every third scrape is missed, 1 % errors beside 0.1 %",
            ROLLBACK,
            case="gaps",
            errors=holed(50),
            out_of=holed(5000),
        ),
    ]


def partial(errors=5.0):
    """Requests whose source said that its answer is partial."""
    pair = counts(errors=errors)
    return cs.Pair.counts(
        pair.name,
        canary=tuple(pair.canary.T),
        baseline=tuple(pair.baseline.T),
        times=pair.times,
        notes=("partial_response: one store did not answer",),
    )


def holed(value):
    """The value, NaN at every third tick."""
    return sum(once(minutes / 2, NAN) for minutes in range(1, 31, 3)) + value
