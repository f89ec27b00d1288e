"""Whole ladders of the six systems, simulated: healthy ones, and each fault at three sizes.

A rollout climbs the stages of its preset. At each it is judged by `cs.judge`, which goes tick
by tick and latches a rollback; promoted stages lead to the next, and a
stage that neither promotes nor rolls back ends the rollout as held. A fault strikes in its stage
twenty minutes after that began. Beside it stand the same rules read literally (`evidence: none`).

A stage lasts two hours of one-minute ticks here, where the ladder says days: what a stage must
show does not depend on how long it may wait.

Run ``python -m benchmarks.systems.rollouts --keep``. It writes results/systems.json; without
``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import time
import zlib
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from benchmarks.systems import results
from benchmarks.systems.scenes import SCENES
from benchmarks.systems.telemetry import UNTOUCHED, Clock, Gauge, drawn

import canarystats as cs

INTERVAL = 60.0
TICKS = 120
HISTORY = 240
ONSET = 20
START = 1.7e9
SEED = 20_260_301
SIZES = ("near", "plain", "gross")
AT_ONCE = 10
BESIDE = {"healthy": 5, "struck": 3}  # of so many, one is read by the literal rules too
NOT_ROLLED_BACK = "neither"  # what is followed of the literal rules is rollbacks alone
ROLLOUTS, HEALTHY = 500, 200  # of a system, at least; and how many of them without a fault


@dataclass(frozen=True)
class Outcome:
    """How one rollout ended.

    Parameters
    ----------
    decision
        ``promote`` through the last stage, ``hold`` or ``rollback``; or `NOT_ROLLED_BACK`.
    stage
        The last one judged.
    by
        The trigger that rolled back, if any.
    delay_seconds
        From the onset of the fault to the rollback; None without either.
    exposed
        Canary requests, or what the system counts as such, from the onset to the decision.
    reason
        The verdict's own.
    """

    decision: str
    stage: str
    by: str = ""
    delay_seconds: float | None = None
    exposed: float = 0.0
    reason: str = ""


def at_stage(policy, stage, *, literal=False):
    """The policy at a stage of `TICKS` one-minute ticks; ``literal`` asks for no evidence."""
    here = policy.at_stage(stage.name).replace(
        interval="1m", min_duration=f"{min(here_seconds(stage), TICKS * INTERVAL):.0f}s"
    )
    if not literal:
        return here
    triggers = [trigger.model_copy(update={"evidence": "none"}) for trigger in here.triggers]
    return here.replace(triggers=triggers)


def here_seconds(stage):
    """What the ladder asks for, at least."""
    return TICKS * INTERVAL if stage.min_duration is None else stage.min_duration


def climbed(scene, policy, rng, fault=None, size=0, *, beside=True):
    """One rollout through the whole ladder; ``beside`` it, how the literal rules would end it."""
    begins, plain = START, Outcome(NOT_ROLLED_BACK, "") if beside else None
    for stage in policy.stages:
        clock = Clock(begins + INTERVAL * np.arange(TICKS), INTERVAL, stage.share)
        struck = fault is not None and fault.stage == stage.name
        pairs = drawn(scene.signals, rng, clock, fault.change(size, ONSET) if struck else UNTOUCHED)
        where = stage.name, clock, fault if struck else None
        if plain is not None and plain.decision == NOT_ROLLED_BACK:
            said = cs.judge(pairs.values(), at_stage(policy, stage, literal=True))
            if said.decision is cs.Decision.ROLLBACK:
                plain = ended(said, pairs, *where)
        here = at_stage(policy, stage)
        verdict = cs.judge(pairs.values(), here, history=past(scene, rng, here, begins))
        if verdict.decision is not cs.Decision.PROMOTE:
            return ended(verdict, pairs, *where), plain
        begins += INTERVAL * (TICKS + HISTORY)
    return Outcome("promote", policy.stages[-1].name), plain


def past(scene, rng, here, begins):
    """What was known of the metrics that are tested: both sides ran the old version."""
    before = Clock(begins - INTERVAL * np.arange(HISTORY, 0, -1), INTERVAL, 0.5)
    pairs = drawn(old(scene.signals), rng, before)
    return [pair for name, pair in pairs.items() if taught(here.metric(name))]


def taught(metric):
    """Whether a history says anything of the metric: its noise, where that is tested."""
    return metric.compare or metric.target is not None


def old(signals):
    """The signals of the version before: without what the canary gains."""
    return {
        name: replace(signal, gain=0.0) if isinstance(signal, Gauge) else signal
        for name, signal in signals.items()
    }


def ended(verdict, pairs, stage, clock, fault):
    """How a rollout ended that was not promoted."""
    onset = clock.times[0] + ONSET * INTERVAL
    causes = [firing for firing in verdict.firings if firing.action == "rollback"]
    at = clock.times[-1] if verdict.decided_at is None else verdict.decided_at
    since = onset if fault else clock.times[0]
    counted = pairs.get("requests")
    seen = (clock.times >= since) & (clock.times <= at)
    found = verdict.decided_at is not None and fault is not None
    return Outcome(
        verdict.decision.value,
        stage,
        by=causes[0].trigger if causes else "",
        delay_seconds=at + INTERVAL - onset if found else None,
        exposed=0.0 if counted is None else float(counted.canary[seen, 1].sum()),
        reason=verdict.reason,
    )


def measured(task):
    """Some rollouts of one cell."""
    preset, fault_name, size, part, runs = task
    scene = next(scene for scene in SCENES if scene.preset == preset)
    fault = next((fault for fault in scene.faults if fault.name == fault_name), None)
    policy = cs.load_policy(preset)
    key = zlib.crc32(f"{preset} {fault_name} {size}".encode())
    rng = np.random.default_rng([SEED, key, part])
    every = BESIDE["struck" if fault else "healthy"]
    return [climbed(scene, policy, rng, fault, size, beside=i % every == 0) for i in range(runs)]


def tallied(outcomes, fault):
    """One row of the table."""
    row = {"rollouts": len(outcomes)}
    for i, key in enumerate(("judged", "literal")):
        ends = [pair[i] for pair in outcomes if pair[i] is not None]
        rolled = [end for end in ends if end.decision == "rollback"]
        row[key] = {
            "of": len(ends),
            "rollback": len(rolled),
            "by": counted(end.by for end in rolled),
            "stages": counted(end.stage for end in rolled),
        }
        if fault:
            rightly = [end for end in rolled if end.stage == fault.stage and end.delay_seconds > 0]
            delays = [end.delay_seconds / 60.0 for end in rightly]
            row[key] |= {
                "found": len(rightly),
                "minutes": round(float(np.median(delays)), 1) if delays else None,
                "exposed": round(float(np.median([end.exposed for end in rightly])))
                if rightly
                else None,
            }
    ends = [first for first, _ in outcomes]
    row["judged"] |= {
        "promote": sum(end.decision == "promote" for end in ends),
        "hold": counted(f"{end.stage}: {end.reason}" for end in ends if end.decision == "hold"),
    }
    return row


def counted(words):
    found = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return dict(sorted(found.items()))


def cells(rollouts, healthy):
    """Every cell of the table: preset, fault, size, rollouts."""
    for scene in SCENES:
        yield scene, None, 0, healthy
        struck = -(-(rollouts - healthy) // (len(scene.faults) * len(SIZES)))
        for fault in scene.faults:
            for size in range(len(SIZES)):
                yield scene, fault, size, struck


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=ROLLOUTS, help="of a system, at least")
    parser.add_argument("--healthy", type=int, default=HEALTHY, help="of these, without a fault")
    parser.add_argument("--only", nargs="*", default=[], help="presets")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    start = time.time()
    with get_context("spawn").Pool(asked.processes) as pool:
        under_way = []
        for scene, fault, size, runs in cells(asked.rollouts, asked.healthy):
            if asked.only and scene.preset not in asked.only:
                continue
            name = fault.name if fault else ""
            parts = [min(AT_ONCE, runs - done) for done in range(0, runs, AT_ONCE)]
            tasks = [(scene.preset, name, size, i, some) for i, some in enumerate(parts)]
            under_way.append((scene, fault, size, pool.map_async(measured, tasks, chunksize=1)))
        for scene, fault, size, found in under_way:
            name = fault.name if fault else ""
            outcomes = [one for some in found.get() for one in some]
            row = {"preset": scene.preset, "fault": name, "size": SIZES[size] if fault else ""}
            row |= tallied(outcomes, fault)
            print(row, f"{time.time() - start:.0f} s", flush=True)
            if asked.keep:
                results.merge({"seed": SEED, "ticks": TICKS, "history": HISTORY}, row)


if __name__ == "__main__":
    main()
