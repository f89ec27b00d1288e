"""The rollouts of the calibration page are followed as the judge follows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.calibration import rollouts
from benchmarks.calibration.draws import Change
from benchmarks.calibration.rollback import held

from tests.sequential.simulated import most_by_chance

TICKS = 120


@pytest.fixture
def small(monkeypatch):
    """Few rollouts of few ticks, with a short history."""
    monkeypatch.setattr(rollouts, "AT_ONCE", 1)
    monkeypatch.setattr(rollouts, "HISTORY", 480)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (Change(ratio=1e9, onset=40), "error_rate"),
        (Change(traffic=0.5, onset=40), "throughput"),
        (Change(scale=3.0, onset=40), "latency_p99"),
    ],
)
def test_many_rollouts_at_once_end_as_the_judge_ends_them(small, change, rule):
    cell = rollouts.Cell("harmed", change=change, ticks=TICKS)
    found = rollouts.measured((cell, 0, 1))  # raises where the judge says anything else
    assert found[0]["said"]["with_history"] == "rollback"
    assert {outcome["with_history_by"] for outcome in found} == {rule}
    assert min(outcome["with_history_at"] for outcome in found) >= change.onset


def test_healthy_rollouts_are_not_rolled_back_where_the_rules_as_written_do(monkeypatch):
    monkeypatch.setattr(rollouts, "AT_ONCE", 60)
    monkeypatch.setattr(rollouts, "HISTORY", 480)
    cell = next(c for c in rollouts.healthy_cells() if (c.error_rate, c.fano) == (0.001, 2.0))
    found = rollouts.measured((replace(cell, ticks=200), 0, 0))
    for key in ("with_history_at", "without_history_at"):
        hits = np.isfinite([outcome[key] for outcome in found]).sum()
        assert hits <= most_by_chance(len(found), 0.01)
    assert np.isfinite([outcome["literal_at"] for outcome in found]).mean() > 0.3


def test_a_condition_has_held_once_its_duration_has_passed():
    true = np.array([[True] * 3 + [False] + [True] * 4])
    assert held(true, 2).tolist() == [[False, False, True, False, False, False, True, True]]
