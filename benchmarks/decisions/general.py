"""What is the same for every trigger: the ways to hold, and what no data may decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.decisions.situation import (
    HOLD,
    PRESET,
    PROMOTE,
    ROLLBACK,
    Situation,
    counts,
    events,
    late,
    latency,
    memory,
    once,
    only,
)

if TYPE_CHECKING:
    import canarystats as cs

NAN = float("nan")
REQUESTS = only("requests")
QUIET = ("byzantine_events", "integrity_violations", "breaker_trips")
NUMBERED = {"error_rate", "latency_p99", "success_rate", "throughput", "memory"}


def whole(**changes: cs.Pair) -> tuple[cs.Pair, ...]:
    """Every metric of the preset, healthy but for those given."""
    healthy = {pair.name: pair for pair in (counts(), latency(), memory(), *map(events, QUIET))}
    return tuple((healthy | {pair.name: pair for pair in changes.values()}).values())


def row(seen, expected, policy=REQUESTS, pairs=None, case="", batches=(), **numbers):
    """A situation of the requests alone, unless it has other pairs."""
    found = (counts(**numbers),) if pairs is None else pairs
    return Situation(case, seen, expected, found, policy, batches=batches)


def promotions():
    """Who may promote, and when."""
    return [
        row("every metric healthy", PROMOTE, PRESET, whole(), case="clean"),
        row(
            "healthy; a person confirms",
            PROMOTE,
            REQUESTS.replace(approval="required"),
            case="approval",
        ),
        row(
            "healthy; the stage lasts an hour",
            HOLD,
            REQUESTS.replace(min_duration="1h"),
            case="minimum duration",
        ),
        row(
            "healthy; the stage wants 10^6 requests",
            HOLD,
            REQUESTS.replace(min_samples=10**6),
            case="minimum samples",
        ),
        row(
            "every request fails; the stage lasts an hour and wants 10^9 requests",
            ROLLBACK,
            REQUESTS.replace(min_duration="1h", min_samples=10**9),
            case="minimum samples",
            errors=5000,
        ),
        row(
            "10 requests a tick, all fail: far from the minimum of 1000",
            ROLLBACK,
            case="minimum samples",
            errors=10,
            out_of=10,
            others=0,
            others_of=190,
            scale=1,
        ),
        row(
            "1.2 times the errors; the stage allows 1.05 times",
            HOLD,
            REQUESTS.with_metric("requests", non_inferiority=0.05),
            case="margin",
            errors=6,
            scale=20,
        ),
        row(
            "1.2 times the errors; the stage allows 1.5 times",
            PROMOTE,
            case="margin",
            errors=6,
            scale=20,
        ),
        row(
            "the only metric is on a dry run, healthy",
            HOLD,
            REQUESTS.with_metric("requests", dry_run=True),
            case="nothing decides",
        ),
        row("no pair at all", HOLD, PRESET, (), case="nothing decides"),
    ]


def shadow_and_latch():
    """Without rollback rights, and after a rollback."""
    shadow = REQUESTS.replace(rollback=False)
    reports = REQUESTS.with_trigger("error_rate", action="report")
    holds = REQUESTS.with_trigger("error_rate", action="hold")
    mostly = REQUESTS.with_trigger("error_rate", absolute=None).with_metric(
        "requests", required=False
    )
    return [
        row("10 times the errors; no rollback rights", HOLD, shadow, case="shadow", errors=50),
        row(
            "10 times the errors at first, healthy since; no rollback rights",
            HOLD,
            shadow,
            case="shadow",
            errors=late(13, 5, 50),
        ),
        row("healthy; no rollback rights", PROMOTE, shadow, case="shadow"),
        row(
            "10 times the errors for 2.5 min, healthy for the 13 min since",
            ROLLBACK,
            case="latch",
            errors=late(13, 5, 50),
        ),
        row(
            "the same, in two looks of a monitor",
            ROLLBACK,
            case="latch",
            errors=late(13, 5, 50),
            batches=(10,),
        ),
        row(
            "10 times the errors for 2.5 min, then no data",
            ROLLBACK,
            case="latch",
            errors=late(13, NAN, 50),
            out_of=late(13, NAN, 5000),
        ),
        row("1 % errors beside 0.1 %, action hold", HOLD, holds, case="action", errors=50),
        row(
            "1 % errors beside 0.1 %, action report, promotion does not need the metric",
            PROMOTE,
            mostly.with_trigger("error_rate", action="report"),
            case="action",
            errors=50,
        ),
        row(
            "1 % errors beside 0.1 %, action report, promotion needs the metric",
            HOLD,
            reports,
            case="action",
            errors=50,
        ),
        row(
            "1 % errors beside 0.1 %, critical, no trigger at all",
            ROLLBACK,
            REQUESTS.replace(triggers=[]).with_metric("requests", critical=True),
            case="harm",
            errors=50,
        ),
        row(
            "1 % errors beside 0.1 %, not critical, no trigger at all",
            HOLD,
            REQUESTS.replace(triggers=[]),
            case="harm",
            errors=50,
        ),
    ]


def ways():
    """How strictly a trigger reads its condition, and several at once."""
    some = {
        "errors": late(5.5, 2, 1),
        "out_of": 1000,
        "others": 19,
        "others_of": 19_000,
        "scale": 1,
    }
    ignoring = REQUESTS.replace(unhealthy_baseline="ignore")
    often = REQUESTS.with_trigger("error_rate", mode="m_of_n", m=3, n=4)
    return [
        row(
            "2 times the errors of 1000 requests a tick for 5.5 min: no evidence yet",
            HOLD,
            case="evidence: required",
            **some,
        ),
        row(
            "the same, read literally for 1 min",
            ROLLBACK,
            REQUESTS.with_trigger("error_rate", evidence="none", for_="1m"),
            case="evidence: none",
            **some,
        ),
        row(
            "the same for 1 min, evidence only said",
            ROLLBACK,
            REQUESTS.with_trigger("error_rate", evidence="advisory", for_="1m"),
            case="evidence: advisory",
            **some,
        ),
        row(
            "1.6 times the errors of 100 000 requests a tick for 6 min, 3 of 4 are enough",
            ROLLBACK,
            often,
            case="mode: m_of_n",
            errors=late(6, 160, 100),
            out_of=100_000,
            others=1900,
            others_of=1_900_000,
            scale=1,
        ),
        row(
            "10 % errors on both sides, the baseline ignored",
            ROLLBACK,
            ignoring,
            case="unhealthy_baseline: ignore",
            errors=500,
            others=9500,
        ),
        row(
            "0.1 % errors beside 10 %, the baseline ignored",
            PROMOTE,
            ignoring,
            case="unhealthy_baseline: ignore",
            others=9500,
        ),
        row(
            "both sides at 10 % for 5 min, recovered since 8 min",
            PROMOTE,
            case="shared incident",
            errors=dip(500, 5),
            others=dip(9500, 95),
        ),
        *together(),
        row(
            "one trigger fires, every other metric is healthy",
            ROLLBACK,
            PRESET,
            whole(changed=events("byzantine_events", once(0, 1))),
            case="veto",
        ),
        row(
            "every trigger fires at once",
            ROLLBACK,
            PRESET,
            whole(
                a=counts(errors=2000, out_of=2500),
                b=latency({16: 1.0}),
                c=memory(0.99),
                **{n: events(n, 20) for n in QUIET},
            ),
            case="all at once",
        ),
    ]


def together():
    """Sides that change at once, and unequally."""
    twice = {"others": late(3, 190, 95), "scale": 40}
    ignoring = REQUESTS.replace(shared_incident="0s")
    return [
        row(
            "6 times the errors of 200 000 requests for 3 min, twice as many on the baseline",
            HOLD,
            case="both changed together",
            errors=late(3, 30, 5),
            **twice,
        ),
        row(
            "the same, shared_incident: 0s",
            ROLLBACK,
            ignoring,
            case="both changed together",
            errors=late(3, 30, 5),
            **twice,
        ),
        row(
            "30 times for 3 min, twice as many on the baseline",
            ROLLBACK,
            case="both changed together",
            errors=late(3, 150, 5),
            **twice,
        ),
        row(
            "every request fails for 1 min, 3 times the errors on the baseline",
            ROLLBACK,
            case="both changed together",
            errors=late(1, 5000, 5),
            others=late(1, 285, 95),
        ),
        row(
            "6 times for 6 min, twice on the baseline for 3 min: the canary was first",
            ROLLBACK,
            case="both changed together",
            errors=late(6, 30, 5),
            **twice,
        ),
        row(
            "0.1 % of 200 000 requests a tick, the baseline at a fifth of it for 6 min",
            ROLLBACK,
            case="the baseline alone",
            others=late(6, 19, 95),
            scale=40,
        ),
        row(
            "0.1 % throughout, 3 times the errors on the baseline for 6 min",
            PROMOTE,
            case="the baseline alone",
            others=late(6, 285, 95),
        ),
    ]


def dip(bad, good):
    """Bad from minute 2 to minute 7."""
    return late(13, bad, good) - late(8, bad - good, 0)
