"""The triggers that read latency and memory."""

from __future__ import annotations

import numpy as np
from benchmarks.decisions.situation import (
    CLOCK,
    HOLD,
    PRESET,
    PROMOTE,
    ROLLBACK,
    SHAPE,
    N,
    Situation,
    alone,
    beside_memory,
    counts,
    late,
    latency,
    memory,
    only,
    senseless,
    slower,
    suppressing,
)

import canarystats as cs

NAN = float("nan")
LATENCY = only("latency_seconds", "latency_p99")
LIMITS = only("memory_bytes", "memory")
COLD = {"warm_up": "1h"}
TAIL = {**SHAPE, 4: 0.169, 9: 0.011}  # 1.1 % of the requests far slower: p99 beyond twice
WITH_TRAFFIC = PRESET.without("byzantine_events", "integrity_violations", "breaker_trips")


def timings(policy, case, seen, expected, **numbers):
    """A situation of these latencies."""
    return Situation(case, seen, expected, (latency(**numbers),), policy)


def latency_p99():
    """Canary p99 above 2 times the baseline's."""
    four = slower(4)  # 4 times as slow
    return [
        timings(LATENCY, "clean", "p99 alike on both sides", PROMOTE),
        timings(
            LATENCY, "borderline", "every request exactly 2 times as slow", HOLD, shape=slower(2)
        ),
        timings(
            LATENCY,
            "plain",
            "1.5 % far slower for the last 4 min, 200 requests a tick",
            HOLD,
            shape={**SHAPE, 4: 0.165, 9: 0.015},
            minutes=4,
            requests=200,
            others_of=3800,
        ),
        timings(
            LATENCY,
            "sustained",
            "1.1 % far slower for 12 min: p99 beyond 2 times",
            ROLLBACK,
            shape=TAIL,
            minutes=12,
        ),
        timings(
            LATENCY,
            "decisive",
            "4 times as slow for the last minute",
            ROLLBACK,
            shape=four,
            minutes=1,
        ),
        *latencies_beside_the_baseline(),
        *latencies_under_the_policy(),
    ]


def latencies_beside_the_baseline():
    """Sides that are missing, without requests or slow."""
    four = slower(4)  # 4 times as slow
    gone = late(4, NAN, 5000)
    return [
        Situation("no data", "the metric never came", HOLD, (), LATENCY),
        timings(LATENCY, "NaN", "both sides NaN at every tick", HOLD, requests=NAN, others_of=NAN),
        timings(
            LATENCY, "NaN", "the canary NaN for the last 4 min, healthy before", HOLD, requests=gone
        ),
        Situation(
            "one side only", "no baseline, a healthy canary", HOLD, (alone(latency()),), LATENCY
        ),
        timings(
            LATENCY,
            "one side only",
            "the canary NaN at every tick, the baseline healthy",
            HOLD,
            requests=NAN,
        ),
        timings(LATENCY, "baseline zero", "the baseline has no requests", HOLD, others_of=0),
        timings(LATENCY, "baseline zero", "the canary has no requests", HOLD, requests=0),
        timings(
            LATENCY,
            "baseline bad",
            "the baseline 4 times as slow as the canary",
            PROMOTE,
            others=four,
        ),
        timings(
            LATENCY,
            "both bad",
            "both 4 times as slow as they should be, from the start",
            PROMOTE,
            shape=four,
            others=four,
        ),
    ]


def latencies_under_the_policy():
    """Warm-up, suppression and dry run, and how much traffic there is and how it is divided."""
    four = slower(4)  # 4 times as slow
    cold, hidden = LATENCY.replace(**COLD), suppressing(LATENCY, "latency_p99")
    divided = WITH_TRAFFIC.without("memory_bytes")
    twice = counts(errors=10, out_of=10_000)
    return [
        timings(cold, "warm-up", "4 times as slow, warming up for an hour", HOLD, shape=four),
        timings(hidden, "suppressed", "4 times as slow, looked away from", HOLD, shape=four),
        Situation(
            "dry run",
            "4 times as slow; memory healthy",
            PROMOTE,
            (latency(four), memory()),
            beside_memory(LATENCY, "latency_seconds"),
        ),
        timings(LATENCY, "tiny traffic", "1 request a tick, alike", HOLD, requests=1, others_of=19),
        timings(
            LATENCY,
            "tiny traffic",
            "1 request a tick, each far slower than any of the baseline's",
            HOLD,
            requests=1,
            others_of=19,
            shape={14: 1.0},
        ),
        timings(
            LATENCY,
            "tiny traffic",
            "4 requests a tick, each far slower than any of the baseline's",
            ROLLBACK,
            requests=4,
            others_of=76,
            shape={14: 1.0},
        ),
        timings(
            LATENCY,
            "huge traffic",
            "alike, 5 x 10^12 requests a tick",
            PROMOTE,
            requests=5e12,
            others_of=95e12,
        ),
        timings(
            LATENCY,
            "huge traffic",
            "4 times as slow for the last tick, 5 x 10^12 a tick",
            ROLLBACK,
            requests=5e12,
            others_of=95e12,
            shape=four,
            minutes=0.5,
        ),
        Situation(
            "split mismatch",
            "alike; the canary gets 10 %, not 5 %",
            HOLD,
            (latency(), twice),
            divided,
        ),
        Situation(
            "split mismatch",
            "4 times as slow; the canary gets 10 %, not 5 %",
            ROLLBACK,
            (latency(four), twice),
            divided,
        ),
    ]


def used(policy, case, seen, expected, **numbers):
    """A situation of this memory."""
    return Situation(case, seen, expected, (memory(**numbers),), policy)


def memory_limit():
    """Any canary pod above 95 % of its limit."""
    return [
        used(LIMITS, "clean", "half of the limit", PROMOTE),
        used(LIMITS, "borderline", "exactly 95 % of the limit", PROMOTE, use=0.95),
        used(LIMITS, "plain", "97 % for the last 2 min", HOLD, use=late(2, 0.97, 0.5)),
        used(
            LIMITS,
            "plain",
            "97 % for 4 min, over since 5 min",
            PROMOTE,
            use=late(9, 0.97, 0.5) - late(5, 0.47, 0),
        ),
        used(LIMITS, "sustained", "97 % for the last 6 min", ROLLBACK, use=late(6, 0.97, 0.5)),
        senseless("decisive", "a share of a limit is no test; nothing is more decisive than 5 min"),
        Situation("no data", "the metric never came", HOLD, (), LIMITS),
        used(LIMITS, "no data", "no limit is set (0 means unlimited)", HOLD, use=0.97, limit=0.0),
        used(LIMITS, "NaN", "both sides NaN at every tick", HOLD, use=NAN, others=NAN),
        used(LIMITS, "NaN", "97 %, then NaN for the last 4 min", ROLLBACK, use=late(4, NAN, 0.97)),
        used(
            LIMITS,
            "NaN",
            "97 % for 2 min, then NaN for the last 4 min",
            HOLD,
            use=late(6, 0.97, 0.5) + late(4, NAN, 0),
        ),
        Situation(
            "one side only", "no baseline, half of the limit", PROMOTE, (alone(memory()),), LIMITS
        ),
        Situation(
            "one side only",
            "no baseline, 97 % of the limit",
            ROLLBACK,
            (alone(memory(0.97)),),
            LIMITS,
        ),
        used(
            LIMITS,
            "one side only",
            "the canary NaN at every tick, the baseline healthy",
            HOLD,
            use=NAN,
        ),
        used(
            LIMITS,
            "baseline zero",
            "97 % beside a baseline that uses nothing",
            ROLLBACK,
            use=0.97,
            others=0.0,
        ),
        used(LIMITS, "baseline bad", "half of the limit beside 97 %", HOLD, others=0.97),
        used(LIMITS, "both bad", "97 % on both sides", HOLD, use=0.97, others=0.97),
        used(LIMITS, "both bad", "110 % beside 97 %", ROLLBACK, use=1.1, others=0.97),
        *memory_under_the_policy(),
    ]


def memory_under_the_policy():
    """Warm-up, suppression and dry run, many pods, and how the traffic is divided."""
    cold, hidden = LIMITS.replace(**COLD), suppressing(LIMITS, "memory")
    divided = WITH_TRAFFIC.without("latency_seconds")
    twice = counts(errors=10, out_of=10_000)
    return [
        used(
            cold, "warm-up", "97 % while warming up: a limit waits for nothing", ROLLBACK, use=0.97
        ),
        used(hidden, "suppressed", "97 %, looked away from", HOLD, use=0.97),
        Situation(
            "dry run",
            "97 %; requests healthy",
            PROMOTE,
            (memory(0.97), counts()),
            beside_memory(only("requests"), "memory_bytes"),
        ),
        senseless("tiny traffic", "memory is read a pod and counts no requests"),
        Situation("huge traffic", "one of 1000 pods at 97 %", ROLLBACK, (many_pods(),), LIMITS),
        Situation(
            "split mismatch",
            "half of the limit; the canary gets 10 %, not 5 %",
            HOLD,
            (memory(), twice),
            divided,
        ),
        Situation(
            "split mismatch",
            "97 %; the canary gets 10 %, not 5 %",
            ROLLBACK,
            (memory(0.97), twice),
            divided,
        ),
    ]


def many_pods():
    """A thousand pods of the canary, one of them near its limit."""
    use = np.full((N, 1000), 0.5)
    use[:, 7] = 0.97
    return cs.Pair.gauge("memory_bytes", canary=use, limit=1.0, times=CLOCK)
