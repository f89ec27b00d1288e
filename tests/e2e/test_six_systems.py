"""The six systems through a real Prometheus: promoted stage by stage, rolled back by each fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmarks.systems.rollouts import HISTORY, INTERVAL, ONSET, TICKS, at_stage, old
from benchmarks.systems.scenes import SCENES
from benchmarks.systems.telemetry import UNTOUCHED, Clock, Of, drawn

import canarystats as cs
from canarystats.sources.past import as_history, asked_of_the_past
from tests.e2e.system_series import Exposition
from tests.sources.prometheus_server import open_metrics, real_prometheus

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.systems.scenes import Scene

START = 1_700_000_040.0  # a multiple of a minute
PLAIN = 1  # the size of the faults
PART = INTERVAL * (TICKS + 10)


def windows(scene: Scene, policy: cs.Policy) -> list[tuple[str, object]]:
    """What happens one after the other: the healthy ladder, then each fault in its stage."""
    healthy = [(stage.name, None) for stage in policy.stages]
    return healthy + [(fault.stage, fault) for fault in scene.faults]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.preset)
def test_a_healthy_rollout_climbs_the_ladder_and_each_fault_rolls_it_back(
    scene: Scene, tmp_path: Path
) -> None:
    policy, rng = cs.load_policy(scene.preset), np.random.default_rng(5)
    told = Exposition(policy)
    same = {name for name, signal in scene.signals.items() if isinstance(signal, Of)}
    before = Clock(START + INTERVAL * np.arange(HISTORY), INTERVAL, 0.5)
    told.show(drawn(old(scene.signals), rng, before), same, INTERVAL)
    shares = {stage.name: stage.share for stage in policy.stages}
    begins = START + INTERVAL * (HISTORY + 10) + PART * np.arange(99)
    plan = list(zip(windows(scene, policy), begins.tolist(), strict=False))
    for (stage, fault), first in plan:
        clock = Clock(first + INTERVAL * np.arange(TICKS), INTERVAL, shares[stage])
        change = UNTOUCHED if fault is None else fault.change(PLAIN, ONSET)
        told.show(drawn(scene.signals, rng, clock, change), same, INTERVAL)
    text = open_metrics(told.points)
    with real_prometheus(text, tmp_path) as url:
        source = cs.sources.Prometheus(url, scrape_interval_seconds=INTERVAL)
        for (stage, fault), first in plan:
            here = at_stage(policy, next(s for s in policy.stages if s.name == stage))
            start, end = first - INTERVAL, first + INTERVAL * (TICKS - 1)
            pairs = source.read(here, start=start, end=end)
            asked = asked_of_the_past(here)
            past = as_history(source.read(asked, start=START - INTERVAL, end=before.times[-1]))
            verdict = cs.judge(pairs, here, history=past)
            if fault is None:
                assert verdict.decision == "promote", f"{stage}: {verdict.reasons}"
                continue
            assert verdict.decision == fault.decision, f"{fault.name}: {verdict.reasons}"
            causes = [f for f in verdict.firings if f.action == fault.decision]
            assert causes[0].trigger in fault.found_by, f"{fault.name}: {verdict.firings}"
            assert causes[0].at is not None
            assert causes[0].at >= first + INTERVAL * ONSET, fault.name
