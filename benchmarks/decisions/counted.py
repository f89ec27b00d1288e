"""The two triggers that read errors."""

from __future__ import annotations

import numpy as np
from benchmarks.decisions.situation import (
    HOLD,
    PROMOTE,
    ROLLBACK,
    Situation,
    alone,
    beside_memory,
    counts,
    late,
    memory,
    once,
    only,
    senseless,
    suppressing,
)

NAN = float("nan")
ERRORS = only("requests", "error_rate", "throughput")
SUCCESS = only("requests", "success_rate", "throughput")
COLD = {"warm_up": "1h"}
TINY = {"out_of": 1, "others": 0, "others_of": 19, "scale": 1}


def row(policy, case, seen, expected, **numbers):
    """A situation of these counts."""
    return Situation(case, seen, expected, (counts(**numbers),), policy)


def unseen(policy):
    """What every one of them is shown without data."""
    empty = counts(NAN, NAN, NAN, NAN)
    return [
        Situation("no data", "the metric never came", HOLD, (), policy),
        Situation("NaN", "both sides NaN at every tick", HOLD, (empty,), policy),
        row(
            policy,
            "NaN",
            "the canary NaN for the last 4 min, healthy before",
            HOLD,
            errors=late(4, NAN, 5),
            out_of=late(4, NAN, 5000),
        ),
        Situation(
            "one side only", "no baseline, a healthy canary", HOLD, (alone(counts()),), policy
        ),
        row(
            policy,
            "one side only",
            "the canary NaN at every tick, the baseline healthy",
            HOLD,
            errors=NAN,
            out_of=NAN,
        ),
    ]


def on_a_dry_run(policy, seen, **numbers):
    """The metric reported, memory deciding."""
    tried = beside_memory(policy, "requests")
    return Situation("dry run", seen, PROMOTE, (counts(**numbers), memory()), tried)


def error_rate():
    """Canary error rate above 1.5 times the baseline's, or above 3 %."""
    return [
        row(ERRORS, "clean", "0.1 % on both sides", PROMOTE),
        row(
            ERRORS,
            "borderline",
            "0.15 % beside 0.1 %: exactly 1.5 times",
            HOLD,
            errors=15,
            out_of=10_000,
            others=190,
            others_of=190_000,
        ),
        row(ERRORS, "borderline", "exactly 3 %, beside 2.9 %", PROMOTE, errors=150, others=2755),
        row(
            ERRORS,
            "plain",
            "3 times for the last 2 min, 1000 requests a tick",
            HOLD,
            errors=late(2, 3, 1),
            out_of=1000,
            others=19,
            others_of=19_000,
            scale=1,
        ),
        row(ERRORS, "plain", "1.6 times for 2 min, over since 5 min", PROMOTE, errors=brief(8, 5)),
        row(
            ERRORS,
            "sustained",
            "1.6 times for the last 12 min",
            ROLLBACK,
            **times(20, late(12, 8, 5)),
        ),
        row(
            ERRORS,
            "sustained",
            "4 % beside 3.5 % for 15 min: the baseline is above 3 % too",
            HOLD,
            errors=40,
            out_of=1000,
            others=665,
            others_of=19_000,
        ),
        row(ERRORS, "decisive", "10 times for the last minute", ROLLBACK, errors=late(1, 50, 5)),
        row(
            ERRORS,
            "decisive",
            "every request fails at the last tick",
            ROLLBACK,
            errors=late(0.5, 5000, 5),
        ),
        *errors_beside_the_baseline(),
        *errors_under_the_policy(),
    ]


def errors_beside_the_baseline():
    """Sides that are missing, at zero or unwell."""
    return [
        *unseen(ERRORS),
        Situation(
            "one side only",
            "no baseline, the canary at 10 %",
            ROLLBACK,
            (alone(counts(errors=500)),),
            ERRORS,
        ),
        row(
            ERRORS,
            "baseline zero",
            "the first error just now, beside none",
            HOLD,
            errors=once(0, 1),
            others=0,
        ),
        row(
            ERRORS,
            "baseline zero",
            "one error 8 min ago, beside none",
            PROMOTE,
            errors=once(8, 1),
            others=0,
        ),
        row(ERRORS, "baseline zero", "0.1 % beside none", ROLLBACK, others=0),
        row(ERRORS, "baseline zero", "no errors on either side", PROMOTE, errors=0, others=0),
        row(ERRORS, "baseline bad", "0.1 % beside 10 %", HOLD, others=9500),
        row(ERRORS, "both bad", "10 % on both sides", HOLD, errors=500, others=9500),
        row(ERRORS, "both bad", "20 % beside 10 %", ROLLBACK, errors=1000, others=9500),
    ]


def errors_under_the_policy():
    """Warm-up, suppression and dry run, and how much traffic there is and how it is divided."""
    failing = {"errors": 50}
    cold = ERRORS.replace(**COLD)
    return [
        row(cold, "warm-up", "1 % beside 0.1 %, warming up for an hour", HOLD, **failing),
        row(cold, "warm-up", "half of the requests fail while warming up", ROLLBACK, errors=2500),
        row(
            suppressing(ERRORS, "error_rate"),
            "suppressed",
            "1 % beside 0.1 %, looked away from",
            HOLD,
            **failing,
        ),
        on_a_dry_run(ERRORS, "1 % beside 0.1 %; memory healthy", **failing),
        row(
            ERRORS,
            "tiny traffic",
            "1 request a tick, one error in all",
            HOLD,
            errors=once(0, 1),
            **TINY,
        ),
        row(ERRORS, "tiny traffic", "1 request a tick, all fail", ROLLBACK, errors=1, **TINY),
        row(ERRORS, "huge traffic", "equal, 5 x 10^12 requests a tick", PROMOTE, **times(1e9)),
        row(ERRORS, "huge traffic", "1.49 times, 5 x 10^12 a tick", PROMOTE, **times(1e9, 7.45)),
        row(
            ERRORS,
            "huge traffic",
            "1.51 times, 5 x 10^12 a tick, the last minute",
            ROLLBACK,
            **times(1e9, late(1, 7.55, 5)),
        ),
        row(
            ERRORS,
            "split mismatch",
            "0.1 % on both sides; the canary gets 10 %, not 5 %",
            HOLD,
            errors=10,
            out_of=10_000,
        ),
        row(
            ERRORS,
            "split mismatch",
            "1 % beside 0.1 %; the canary gets 10 %, not 5 %",
            ROLLBACK,
            errors=100,
            out_of=10_000,
        ),
    ]


def brief(bad, good):
    """Bad for two minutes that ended more than the rule's window ago."""
    return late(9, bad, good) - late(7, bad - good, 0)


def times(factor, errors=5.0):
    """The same situation with so many times the traffic."""
    return {
        "errors": np.asarray(errors) * factor,
        "out_of": 5000 * factor,
        "others": 95 * factor,
        "others_of": 95_000 * factor,
        "scale": 1,
    }


def success_rate():
    """Canary success rate below 95 %."""
    near = {"others": 4655}  # 4.9 % errors on the baseline
    return [
        row(SUCCESS, "clean", "99.9 % on both sides", PROMOTE),
        row(SUCCESS, "borderline", "exactly 95 % beside 95.1 %", PROMOTE, errors=250, **near),
        row(SUCCESS, "plain", "93 % for the last 2 min", HOLD, errors=late(2, 350, 5)),
        row(SUCCESS, "sustained", "94 % for the last 10 min", ROLLBACK, errors=late(10, 300, 5)),
        row(
            SUCCESS,
            "sustained",
            "94.9 % of 100 requests a tick for 15 min: no evidence yet",
            HOLD,
            errors=5.1,
            out_of=100,
            others=1.9,
            others_of=1900,
            scale=1,
        ),
        senseless("decisive", "a constant has no second threshold; evidence and 3 min are needed"),
        row(
            SUCCESS,
            "sustained",
            "every request fails for the last 2 min",
            HOLD,
            errors=late(2, 5000, 5),
        ),
        *successes_beside_the_baseline(),
        *successes_under_the_policy(),
    ]


def successes_beside_the_baseline():
    """Sides that are missing, at zero or unwell."""
    return [
        *unseen(SUCCESS),
        Situation(
            "one side only",
            "no baseline, the canary at 90 %",
            ROLLBACK,
            (alone(counts(errors=500)),),
            SUCCESS,
        ),
        row(
            SUCCESS,
            "baseline zero",
            "90 % beside a baseline without requests",
            ROLLBACK,
            errors=500,
            others=0,
            others_of=0,
        ),
        row(
            SUCCESS,
            "baseline zero",
            "99.9 % beside a baseline without requests",
            HOLD,
            others=0,
            others_of=0,
        ),
        row(SUCCESS, "baseline bad", "99.9 % beside 90 %", HOLD, others=9500),
        row(SUCCESS, "both bad", "90 % on both sides", HOLD, errors=500, others=9500),
        row(SUCCESS, "both bad", "50 % beside 90 %", ROLLBACK, errors=2500, others=9500),
    ]


def successes_under_the_policy():
    """Warm-up, suppression and dry run, and how much traffic there is and how it is divided."""
    cold = SUCCESS.replace(**COLD)
    hidden = suppressing(SUCCESS, "success_rate")
    return [
        row(
            cold,
            "warm-up",
            "90 % while warming up: a constant waits for nothing",
            ROLLBACK,
            errors=500,
        ),
        row(hidden, "suppressed", "90 %, looked away from", HOLD, errors=500),
        on_a_dry_run(SUCCESS, "90 %; memory healthy", errors=500),
        row(
            SUCCESS, "tiny traffic", "1 request a tick, one fails", HOLD, errors=once(0, 1), **TINY
        ),
        row(SUCCESS, "tiny traffic", "1 request a tick, all fail", ROLLBACK, errors=1, **TINY),
        row(
            SUCCESS,
            "huge traffic",
            "94.99 % for 10 min, 5 x 10^12 a tick",
            ROLLBACK,
            **times(1e9, late(10, 250.5, 5)),
        ),
        row(
            SUCCESS,
            "split mismatch",
            "90 %; the canary gets 10 %, not 5 %",
            ROLLBACK,
            errors=1000,
            out_of=10_000,
        ),
    ]
