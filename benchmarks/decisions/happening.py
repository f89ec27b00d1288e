"""The three triggers that count events."""

from __future__ import annotations

from benchmarks.decisions.situation import (
    HOLD,
    PRESET,
    PROMOTE,
    ROLLBACK,
    Situation,
    alone,
    beside_memory,
    counts,
    events,
    late,
    memory,
    once,
    only,
    senseless,
    suppressing,
)

NAN = float("nan")
COLD = {"warm_up": "1h"}
OTHERS = {"byzantine_events", "integrity_violations", "breaker_trips"}
STORM = "breaker_trips"


def never(name, trigger, what):
    """Events of which one is too many."""
    policy = only(name, trigger)
    divided = PRESET.without("latency_seconds", "memory_bytes", *(OTHERS - {name}))
    twice = counts(errors=10, out_of=10_000)
    one = once(0, 1)

    def row(case, seen, expected, happened=0.0, others=0.0, policy=policy):
        return Situation(case, seen, expected, (events(name, happened, others),), policy)

    return [
        row("clean", f"no {what} on either side", PROMOTE),
        senseless("borderline", "exactly at the threshold is none at all: clean"),
        row("plain", f"one {what} at the last tick: there is no duration", ROLLBACK, one),
        row("plain", f"one {what} a while ago: a rollback stays", ROLLBACK, once(10, 1)),
        senseless("sustained", "there is no duration to sustain"),
        senseless("decisive", "one is enough; nothing is tested"),
        Situation("no data", "the metric never came", HOLD, (), policy),
        row("NaN", "both sides NaN at every tick", HOLD, NAN, NAN),
        row("NaN", "NaN for the last 4 min, none before", HOLD, late(4, NAN, 0)),
        row(
            "NaN",
            f"one {what}, then NaN for the last 4 min",
            ROLLBACK,
            once(4, 1) + late(4, NAN, 0),
        ),
        Situation(
            "one side only",
            f"no baseline, no {what} on the canary",
            PROMOTE,
            (alone(events(name)),),
            policy,
        ),
        Situation(
            "one side only",
            f"no baseline, one {what}",
            ROLLBACK,
            (alone(events(name, one)),),
            policy,
        ),
        row("one side only", "the canary NaN at every tick, the baseline at none", HOLD, NAN),
        senseless("baseline zero", "zero is the healthy baseline: clean"),
        row("baseline bad", f"one {what} on the baseline only", HOLD, 0.0, one),
        row(
            "both bad", f"one {what} on each side: it acts whoever else has it", ROLLBACK, one, one
        ),
        row(
            "warm-up", f"one {what} while warming up", ROLLBACK, one, policy=policy.replace(**COLD)
        ),
        row(
            "suppressed",
            f"one {what}, looked away from",
            HOLD,
            one,
            policy=suppressing(policy, trigger),
        ),
        Situation(
            "dry run",
            f"one {what}; memory healthy",
            PROMOTE,
            (events(name, one), memory()),
            beside_memory(policy, name),
        ),
        senseless("tiny traffic", "events are counted whatever the traffic"),
        row("huge traffic", "10^12 of them at one tick", ROLLBACK, one * 1e12),
        Situation(
            "split mismatch",
            f"no {what}; the canary gets 10 %, not 5 %",
            HOLD,
            (events(name), twice),
            divided,
        ),
        Situation(
            "split mismatch",
            f"one {what}; the canary gets 10 %, not 5 %",
            ROLLBACK,
            (events(name, one), twice),
            divided,
        ),
    ]


def byzantine():
    """Any Byzantine event."""
    return never("byzantine_events", "byzantine", "Byzantine event")


def data_integrity():
    """Any integrity violation."""
    return never("integrity_violations", "data_integrity", "integrity violation")


def breaker_storm():
    """More than 10 trips in 5 minutes."""
    policy = only(STORM, "breaker_storm")
    divided = PRESET.without("latency_seconds", "memory_bytes", *(OTHERS - {STORM}))
    twice = counts(errors=10, out_of=10_000)
    storm = late(1, 6, 0)  # 12 within a minute

    def row(case, seen, expected, happened=0.0, others=0.0, policy=policy, share=0.05):
        pair = events(STORM, happened, others)
        return Situation(case, seen, expected, (pair,), policy, share)

    return [
        row("clean", "no trips on either side", PROMOTE),
        row("borderline", "exactly 10 in 5 min", PROMOTE, late(5, 1, 0)),
        row("plain", "12 within the last minute: there is no further duration", ROLLBACK, storm),
        row("plain", "30 in 15 min, never more than 10 in 5 min", PROMOTE, thirds()),
        senseless("sustained", "the window of 5 min is the duration"),
        senseless("decisive", "trips are counted; nothing is tested"),
        Situation("no data", "the metric never came", HOLD, (), policy),
        row("NaN", "both sides NaN at every tick", HOLD, NAN, NAN),
        row("NaN", "NaN for the last 4 min, none before", HOLD, late(4, NAN, 0)),
        row(
            "NaN",
            "12 in one tick, then NaN for the last 4 min",
            ROLLBACK,
            once(4, 12) + late(4, NAN, 0),
        ),
        Situation(
            "one side only", "no baseline, no trips", PROMOTE, (alone(events(STORM)),), policy
        ),
        Situation(
            "one side only",
            "no baseline, 12 trips",
            ROLLBACK,
            (alone(events(STORM, storm)),),
            policy,
        ),
        row("one side only", "the canary NaN at every tick, the baseline at none", HOLD, NAN),
        row("baseline zero", "12 trips beside none", ROLLBACK, storm),
        row("baseline bad", "no trips beside 12", HOLD, 0.0, storm),
        row("both bad", "12 beside 228: the canary's share of a storm", HOLD, storm, 19 * storm),
        row("both bad", "12 beside 12: nineteen times its share", ROLLBACK, storm, storm),
        row(
            "both bad",
            "12 beside 228, and no share is known",
            ROLLBACK,
            storm,
            19 * storm,
            share=None,
        ),
        row("warm-up", "12 trips while warming up", ROLLBACK, storm, policy=policy.replace(**COLD)),
        row(
            "suppressed",
            "12 trips, looked away from",
            HOLD,
            storm,
            policy=suppressing(policy, "breaker_storm"),
        ),
        Situation(
            "dry run",
            "12 trips; memory healthy",
            PROMOTE,
            (events(STORM, storm), memory()),
            beside_memory(policy, STORM),
        ),
        senseless("tiny traffic", "trips are counted whatever the traffic"),
        row("huge traffic", "10^12 trips at one tick", ROLLBACK, once(0, 1e12)),
        Situation(
            "split mismatch",
            "no trips; the canary gets 10 %, not 5 %",
            HOLD,
            (events(STORM), twice),
            divided,
        ),
        Situation(
            "split mismatch",
            "12 trips; the canary gets 10 %, not 5 %",
            ROLLBACK,
            (events(STORM, storm), twice),
            divided,
        ),
    ]


def thirds():
    """Ten at once, thrice, each time more than five minutes after the last."""
    return once(14.5, 10) + once(9, 10) + once(3.5, 10)
