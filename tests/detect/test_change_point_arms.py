"""Whose change it is: the canary's, the baseline's, or an incident of both."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.detect import Who
from tests.detect.processes import ar1, step


def arms(seed, on_canary, on_baseline, n=500):
    """AR(0.6) noise on each arm, a slower one that both share, and a step of that many sigmas."""
    rng = np.random.default_rng(seed)
    canary, baseline = ar1(rng, 2, n, 0.6) + ar1(rng, 1, n, 0.9)
    return canary + on_canary * step(n), baseline + on_baseline * step(n)


@pytest.mark.parametrize(
    ("on_canary", "on_baseline", "who"),
    [
        (2, 0, Who.CANARY),
        (0, 2, Who.BASELINE),
        (4, 4, Who.BOTH),
        (6, 3, Who.BOTH_DIFFERENTLY),
    ],
)
def test_the_arm_that_changed_is_named(on_canary, on_baseline, who):
    told = 0
    for seed in range(20):
        changes = cs.detect.arm_changes(*arms(seed, on_canary, on_baseline))
        told += [change.who for change in changes] == [who]
    assert told >= 15


def test_nothing_is_told_where_nothing_changed():
    assert sum(len(cs.detect.arm_changes(*arms(seed, 0, 0))) for seed in range(40)) <= 2


def test_a_change_carries_place_effects_and_evidence():
    canary, baseline = arms(1, 3, 0)
    times = 1.7e9 + 15.0 * np.arange(500)
    canary[[7, 250]] = np.nan
    (change,) = cs.detect.arm_changes(canary, baseline, times)
    assert abs(change.index - 300) <= 10
    assert change.at == times[change.index]
    assert change.interval.low <= times[300] <= change.interval.high
    assert change.canary_effect == pytest.approx(3, abs=0.8)
    assert change.baseline_effect == pytest.approx(0, abs=0.8)
    assert change.evidence.decides
    assert repr(change).startswith(f"ArmChange at {change.at:.10g}: the canary changed")


def test_exchanging_the_arms_exchanges_the_answer():
    canary, baseline = arms(4, 3, 0)
    (one,) = cs.detect.arm_changes(canary, baseline)
    (other,) = cs.detect.arm_changes(baseline, canary)
    assert (one.who, other.who) == (Who.CANARY, Who.BASELINE)
    assert one.index == other.index
    assert one.canary_effect == other.baseline_effect


def test_too_little_data_gives_nothing():
    assert cs.detect.arm_changes([], []) == []
    assert cs.detect.arm_changes([1.0] * 10, [np.nan] * 10) == []
    assert cs.detect.arm_changes([1.0] * 50, [1.0] * 50) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"canary": [1, 2], "baseline": [1]}, r"canary has shape \(2,\), baseline \(1,\)"),
        ({"canary": [1, 2], "baseline": [1, 2], "level": 2}, "level is 2"),
        ({"canary": [1, 2], "baseline": [1, 2], "min_segment": 0}, "min_segment is 0"),
    ],
)
def test_what_cannot_be_right_is_refused(arguments, says):
    with pytest.raises(cs.InputError, match=says):
        cs.detect.arm_changes(**arguments)
