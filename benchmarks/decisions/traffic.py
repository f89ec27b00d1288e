"""The trigger that reads how much traffic the canary carries."""

from __future__ import annotations

from benchmarks.decisions.counted import COLD, on_a_dry_run, row, unseen
from benchmarks.decisions.situation import (
    HOLD,
    PROMOTE,
    ROLLBACK,
    Situation,
    counts,
    late,
    only,
    suppressing,
)

TRAFFIC = only("requests", "throughput")


def throughput():
    """Canary throughput, per traffic share, below 80 % of the baseline's."""
    return [
        row(TRAFFIC, "clean", "as designed: 5 beside 95", PROMOTE),
        row(TRAFFIC, "borderline", "exactly 80 % of its share", HOLD, errors=4, out_of=4000),
        row(TRAFFIC, "plain", "78 % for the last 3 min", HOLD, out_of=late(3, 3900, 5000)),
        row(
            TRAFFIC,
            "sustained",
            "78 % of 100 requests a tick for 15 min",
            ROLLBACK,
            errors=0.1,
            out_of=78,
            others=1.9,
            others_of=1900,
            scale=1,
        ),
        row(
            TRAFFIC,
            "decisive",
            "half of its share for the last 2 min",
            ROLLBACK,
            out_of=late(2, 2500, 5000),
        ),
        row(
            TRAFFIC,
            "decisive",
            "no requests at all for the last 2 min",
            ROLLBACK,
            errors=late(2, 0, 5),
            out_of=late(2, 0, 5000),
        ),
        row(
            TRAFFIC,
            "decisive",
            "no requests at all for the last minute: two ticks may be a restart",
            HOLD,
            errors=late(1, 0, 5),
            out_of=late(1, 0, 5000),
        ),
        *traffic_under_the_policy(),
    ]


def traffic_under_the_policy():
    """Sides that are missing or unwell, what the policy looks away from, and how much there is."""
    cold = TRAFFIC.replace(**COLD)
    hidden = suppressing(TRAFFIC, "throughput")
    half = {"errors": 2.5, "out_of": 2500}
    return [
        *unseen(TRAFFIC),
        row(TRAFFIC, "baseline zero", "the baseline has no requests", HOLD, others=0, others_of=0),
        row(
            TRAFFIC,
            "baseline bad",
            "the baseline carries half of its share",
            HOLD,
            others=47.5,
            others_of=47_500,
        ),
        row(
            TRAFFIC,
            "both bad",
            "both at a tenth of their load from minute 8 on",
            PROMOTE,
            errors=late(7, 5, 50),
            out_of=late(7, 5000, 50_000),
            others=late(7, 95, 950),
            others_of=late(7, 95_000, 950_000),
        ),
        row(cold, "warm-up", "half of its share while warming up", HOLD, **half),
        row(hidden, "suppressed", "half of its share, looked away from", HOLD, **half),
        on_a_dry_run(TRAFFIC, "half of its share; memory healthy", **half),
        row(
            TRAFFIC,
            "tiny traffic",
            "no request on the canary, 1 a tick on the baseline",
            HOLD,
            errors=0,
            out_of=0,
            others=0,
            others_of=1,
            scale=1,
        ),
        row(
            TRAFFIC,
            "huge traffic",
            "99 % of its share, 5 x 10^12 a tick",
            PROMOTE,
            errors=4.95e9,
            out_of=4.95e12,
            others=95e9,
            others_of=95e12,
            scale=1,
        ),
        row(
            TRAFFIC,
            "huge traffic",
            "79 % of its share for the last 2 min, 5 x 10^12 a tick",
            ROLLBACK,
            errors=5e9,
            out_of=late(2, 3.95e12, 5e12),
            others=95e9,
            others_of=95e12,
            scale=1,
        ),
        row(TRAFFIC, "split mismatch", "twice its share", HOLD, errors=10, out_of=10_000),
        Situation("split mismatch", "no share is known", HOLD, (counts(),), TRAFFIC, None),
    ]
