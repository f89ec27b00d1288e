"""What a rollout looks like in one sentence, as windows, and what must be decided."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

import canarystats as cs

START = 1_700_000_000.0
TICK = 30.0
N = 31  # a quarter of an hour: longer than every rule's duration and the minimum of ten minutes
SHARE = 0.05
PROMOTE, HOLD, ROLLBACK = "promote", "hold", "rollback"
PRESET = cs.load_policy("eight-triggers").replace(interval="30s")
CLOCK = START + TICK * np.arange(N)
MARGINS = {"requests": 0.5}  # error_rate's own, also where only another trigger reads them
ALWAYS = {"name": "rehearsal", "from": START - 3600, "to": START + 86_400}


@dataclass(frozen=True)
class Situation:
    """One row: a case, what is seen, and the decision that is right.

    Parameters
    ----------
    case
        Which of the cases that every trigger is shown in.
    seen
        The data in words.
    expected
        The decision that is right, written by hand; empty where the case makes no sense.
    pairs, policy, share
        What is judged.
    batches
        Ticks at which the rollout is cut into looks of a monitor; none is one look.
    why
        Why the case makes no sense.
    """

    case: str
    seen: str
    expected: str = ""
    pairs: tuple[cs.Pair, ...] = ()
    policy: cs.Policy = PRESET
    share: float | None = SHARE
    batches: tuple[int, ...] = ()
    why: str = ""

    @cached_property
    def verdict(self) -> cs.Verdict:
        monitor = cs.Monitor(self.policy, share=self.share)
        cuts = (0, *self.batches, N)
        for start, stop in pairwise(cuts):
            verdict = monitor.observe([pair.rows(start, stop) for pair in self.pairs])
        return verdict


def senseless(case: str, why: str) -> Situation:
    """A case that does not exist for a trigger."""
    return Situation(case, "", why=why)


def only(metric: str, *triggers: str) -> cs.Policy:
    """The preset with one metric, and of its triggers only these where any are named."""
    policy = PRESET.without(*(m.name for m in PRESET.metrics if m.name != metric))
    kept = [t for t in policy.triggers if not triggers or t.name in triggers]
    return policy.replace(triggers=kept).with_metric(metric, non_inferiority=MARGINS.get(metric))


def suppressing(policy: cs.Policy, trigger: str) -> cs.Policy:
    """The policy while it looks away from one trigger."""
    return policy.replace(suppressions=[ALWAYS | {"triggers": [trigger]}])


def beside_memory(policy: cs.Policy, name: str) -> cs.Policy:
    """The policy with one metric on a dry run, and memory to decide."""
    wanted = {metric.name for metric in policy.metrics} | {"memory_bytes"}
    whole = PRESET.without(*(m.name for m in PRESET.metrics if m.name not in wanted))
    return whole.with_metric(name, dry_run=True)


def late(minutes: float, bad: float, good: float) -> np.ndarray:
    """A value a tick: good, and bad for the last minutes."""
    return np.where(np.arange(N) >= N - round(minutes * 60 / TICK), bad, good)


def once(minutes: float, value: float) -> np.ndarray:
    """A value at one tick, that many minutes before the end, and zero at the others."""
    return np.where(np.arange(N) == N - 1 - round(minutes * 60 / TICK), value, 0.0)


def counts(errors=5.0, out_of=5000.0, others=95.0, others_of=95_000.0, scale=2.0):
    """Errors out of requests at every tick; 0.1 % of both sides at the designed share."""
    left, right = (
        [scale * np.broadcast_to(np.asarray(x, dtype=float), (N,)) for x in side]
        for side in ((errors, out_of), (others, others_of))
    )
    return cs.Pair.counts("requests", canary=tuple(left), baseline=tuple(right), times=CLOCK)


def alone(pair: cs.Pair) -> cs.Pair:
    """The pair without its baseline."""
    kept = {"canary": pair.canary, "times": pair.times}
    if pair.kind is cs.Kind.COUNTS:
        return cs.Pair.counts(pair.name, canary=tuple(pair.canary.T), times=CLOCK)
    if pair.kind is cs.Kind.HISTOGRAM:
        return cs.Pair.histogram(pair.name, upper_bounds=pair.upper_bounds, **kept)
    if pair.kind is cs.Kind.GAUGE:
        return cs.Pair.gauge(pair.name, limit=pair.limit, **kept)
    return cs.Pair.events(pair.name, **kept)


def memory(use=0.5, others=0.5, limit=1.0) -> cs.Pair:
    """Two pods a side, as a share of their limit unless it says otherwise."""
    left, right = (
        np.broadcast_to(np.asarray(x, dtype=float).reshape(-1, 1), (N, 2)) * 2.0**30
        for x in (use, others)
    )
    return cs.Pair.gauge(
        "memory_bytes", canary=left, baseline=right, limit=limit * 2.0**30, times=CLOCK
    )


def events(name: str, happened=0.0, others=0.0) -> cs.Pair:
    """Events a tick, nothing unless it says otherwise."""
    left, right = (np.broadcast_to(np.asarray(x, dtype=float), (N,)) for x in (happened, others))
    return cs.Pair.events(name, canary=left, baseline=right, times=CLOCK)


BOUNDS = (*(0.005 * 2.0 ** (np.arange(22) / 2)).tolist(), np.inf)
SHAPE = {2: 0.50, 3: 0.30, 4: 0.18, 6: 0.02}  # p99 lies in the middle of a bucket


def slower(edges: int) -> dict[int, float]:
    """Every request slower by so many bucket bounds; two of them are a factor of 2."""
    return {bucket + edges: share for bucket, share in SHAPE.items()}


def buckets(requests, shape) -> np.ndarray:
    """Bucket counts of so many requests, a number or one a tick."""
    row = np.zeros(len(BOUNDS))
    for bucket, share in shape.items():
        row[bucket] = share
    return np.broadcast_to(np.asarray(requests, dtype=float), (N,))[:, None] * row


def latency(shape=None, others=None, requests=5000.0, others_of=95_000.0, minutes=15.5) -> cs.Pair:
    """A latency histogram; the canary has its shape for the last ``minutes``."""
    canary = buckets(requests, SHAPE)
    if shape is not None:
        bad = late(minutes, 1, 0)[:, None] > 0
        canary = np.where(bad, buckets(requests, shape), canary)
    return cs.Pair.histogram(
        "latency_seconds",
        upper_bounds=BOUNDS,
        canary=canary,
        baseline=buckets(others_of, others or SHAPE),
        times=CLOCK,
    )
