"""Verdicts and pairs as a judge would hand them to a report, written by hand."""

from __future__ import annotations

import math

import numpy as np

from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.verdict import Condition, Decision, Firing, Reading, Verdict, Way
from canarystats.windows import Pair

START = 1704440760.0  # 2024-01-05 07:46:00Z
TICK = 15.0
FAULT = 20  # the tick at which the trouble begins
N = 40
TIMES = START + TICK * np.arange(N)


def readings(*, fired: bool = True) -> tuple[Reading, ...]:
    error = Condition.FIRED if fired else Condition.CLEAR
    return (
        Reading(
            trigger="error_rate",
            metric="requests",
            condition=error,
            observed=0.312 if fired else 0.0012,
            reference=0.0011,
            threshold=1.5,
            held_seconds=90.0 if fired else 0.0,
            for_seconds=300.0,
            severity=1.0,
            detail="31 in 100 requests fail; the baseline fails 1 in 900" if fired else "as before",
        ),
        Reading(
            trigger="latency_p99",
            metric="latency_seconds",
            condition=Condition.PENDING if fired else Condition.CLEAR,
            observed=0.512 if fired else 0.21,
            reference=0.204,
            threshold=2.0,
            held_seconds=120.0 if fired else 0.0,
            for_seconds=300.0,
            severity=0.6,
            detail="p99 above twice the baseline's, evidence complete" if fired else "",
        ),
        Reading(
            trigger="success_rate",
            metric="requests",
            condition=Condition.PENDING if fired else Condition.CLEAR,
            observed=0.688 if fired else 0.9988,
            threshold=0.95,
            held_seconds=90.0 if fired else 0.0,
            for_seconds=180.0,
        ),
        Reading(
            trigger="throughput",
            metric="requests",
            condition=Condition.CLEAR,
            observed=1.02,
            reference=1.0,
            threshold=0.8,
            for_seconds=600.0,
        ),
        Reading(
            trigger="byzantine",
            metric="byzantine_events",
            condition=Condition.NO_DATA,
            threshold=0.0,
            detail="no series came back for this metric",
        ),
        Reading(
            trigger="data_integrity",
            metric="integrity_violations",
            condition=Condition.CLEAR,
            observed=0.0,
            threshold=0.0,
        ),
        Reading(
            trigger="memory",
            metric="memory_bytes",
            condition=Condition.WARNING,
            observed=447.4e6,
            reference=536.9e6,
            threshold=0.95,
            for_seconds=300.0,
            severity=0.3,
            detail="pod adservice-0 stands at 83 % of its limit",
        ),
        Reading(
            trigger="breaker_storm",
            metric="breaker_trips",
            condition=Condition.NOT_EVALUABLE,
            threshold=10.0,
            detail="the metric has no query",
        ),
    )


def evidence(*, fired: bool = True, strength: float = 60.0) -> tuple[Evidence, ...]:
    return (
        Evidence(
            metric="requests",
            method="rate_ratio",
            question=Question.WORSE,
            n_canary=1530,
            n_baseline=28950,
            observed=0.312 if fired else 0.0012,
            reference=0.0011,
            effect=283.0 if fired else 1.08,
            interval=Interval(low=180.0 if fired else 0.4, high=None, level=0.996),
            log_e_value=strength if fired else -1.2,
            level=0.0016,
            margin=1.05,
            assumptions=("requests fail independently within a tick",),
        ),
        Evidence(
            metric="requests",
            method="split",
            question=Question.SPLIT,
            n_canary=1530,
            n_baseline=28950,
            observed=0.0502,
            reference=0.05,
            effect=0.0502,
            effect_scale="share",
            interval=Interval(low=0.0478, high=0.0527, level=0.999),
            p_value=0.43,
            level=0.001,
        ),
        Evidence(
            metric="latency_seconds",
            method="quantile_ratio",
            question=Question.NOT_WORSE,
            n_canary=1530,
            n_baseline=28950,
            n_effective=410.0,
            observed=0.512 if fired else 0.21,
            reference=0.204,
            effect=2.51 if fired else 1.03,
            interval=Interval(low=1.9 if fired else 0.9, high=3.2 if fired else 1.2, level=0.95),
            p_value=0.98 if fired else 2e-7,
            level=0.05,
            margin=1.0,
            seen=("2 of 40 scrapes of the canary are missing",),
        ),
        Evidence(
            metric="memory_bytes",
            method="mann_whitney",
            question=Question.WORSE,
            status=Status.INSUFFICIENT,
            n_canary=3,
            n_baseline=57,
            detail="3 independent observations; 8 are needed",
        ),
        Evidence(
            metric="byzantine_events",
            method="events",
            question=Question.LEVEL,
            status=Status.NO_DATA,
        ),
    )


REASON = "error_rate: 31.2 % of canary requests fail against 0.11 % of the baseline's (decisive)."


def rollback() -> Verdict:
    firing = Firing(
        trigger="error_rate",
        metric="requests",
        way=Way.DECISIVE,
        action="rollback",
        at=float(TIMES[26]),
        onset=float(TIMES[FAULT]),
        observed=0.312,
        reference=0.0011,
        threshold=1.5,
        held_seconds=90.0,
        reason=REASON,
    )
    return Verdict(
        decision=Decision.ROLLBACK,
        score=0.0,
        reason=REASON,
        reasons=(REASON, "latency_p99 has held for 2m of 5m.", "byzantine_events has no data."),
        firings=(firing,),
        readings=readings(),
        evidence=evidence(),
        started=START,
        at=float(TIMES[26]),
        ticks=27,
        decided_at=float(TIMES[26]),
        onset=float(TIMES[FAULT]),
        share=0.05,
        rollout="adservice-canary",
        decision_id="5f1d0a2b9c3e4f60",
        policy="eight-triggers",
        policy_digest="9f86d081884c7d65",
        input_digest="60303ae22b998861",
        library_version="0.1.0",
    )


def hold(tick: int = 12) -> Verdict:
    return rollback().model_copy(
        update={
            "decision": Decision.HOLD,
            "score": 88.4 + tick % 3,
            "reason": "Too early: 3m of 10m have passed and nothing is firing.",
            "reasons": ("Too early: 3m of 10m have passed and nothing is firing.",),
            "firings": (),
            "readings": readings(fired=False),
            "evidence": evidence(fired=tick >= FAULT, strength=1.1 * (tick - FAULT)),
            "at": float(TIMES[tick]),
            "ticks": tick + 1,
            "decided_at": START,
            "next_look": float(TIMES[tick]) + TICK,
            "onset": None,
            "decision_id": f"hold-{tick}",
        }
    )


def promote(*, approval: str = "automatic") -> Verdict:
    return hold(39).model_copy(
        update={
            "decision": Decision.PROMOTE,
            "score": 100.0,
            "reason": "Every required metric is shown not worse within its margin.",
            "reasons": (),
            "evidence": evidence(fired=False),
            "approval": approval,
        }
    )


def history() -> tuple[Verdict, ...]:
    return (*(hold(tick) for tick in range(26)), rollback())


def requests() -> Pair:
    rng = np.random.default_rng(1)
    failing = np.where(np.arange(N) >= FAULT, 0.3, 0.001)
    seen, others = rng.poisson(57, N).astype(float), rng.poisson(1080, N).astype(float)
    errors = rng.binomial(seen.astype(int), failing).astype(float)
    errors[8:11] = np.nan
    seen[8:11] = np.nan
    baseline = (rng.binomial(others.astype(int), 0.001), others)
    return Pair.counts("requests", canary=(errors, seen), baseline=baseline, times=TIMES)


def latency() -> Pair:
    rng = np.random.default_rng(2)
    bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, math.inf]

    def buckets(n: int, slower: float) -> np.ndarray:
        rows = []
        for tick in range(N):
            factor = slower if tick >= FAULT else 1.0
            values = rng.lognormal(math.log(0.04 * factor), 0.7, n)
            cells = np.searchsorted(bounds, values)
            rows.append(np.bincount(cells, minlength=len(bounds)))
        return np.array(rows, dtype=float)

    canary = buckets(57, 2.6)
    canary[30:32] = np.nan
    return Pair.histogram(
        "latency_seconds",
        upper_bounds=bounds,
        canary=canary,
        baseline=buckets(1080, 1.0),
        times=TIMES,
    )


def memory() -> Pair:
    rng = np.random.default_rng(3)
    ramp = np.linspace(330e6, 470e6, N)[:, None]
    canary = ramp + rng.normal(0, 6e6, (N, 2)) + np.array([0.0, -25e6])
    canary[14:17, 0] = np.nan
    baseline = 320e6 + rng.normal(0, 6e6, (N, 4)) + np.linspace(-2e7, 2e7, 4)
    return Pair.gauge(
        "memory_bytes", canary=canary, baseline=baseline, times=TIMES, limit=536870912.0
    )


def trips() -> Pair:
    counts = np.zeros(N)
    counts[[22, 23, 27]] = [1, 3, 2]
    counts[5:7] = np.nan
    return Pair.events("breaker_trips", canary=counts, times=TIMES)


def raw() -> Pair:
    rng = np.random.default_rng(4)
    return Pair.samples(
        "checkout_seconds",
        canary=rng.lognormal(-2.6, 0.6, 900),
        baseline=rng.lognormal(-3.0, 0.6, 5000),
    )


def pairs() -> tuple[Pair, ...]:
    return (requests(), latency(), memory(), trips(), raw())
