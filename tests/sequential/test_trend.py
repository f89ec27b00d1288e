"""Slopes at any number of looks: what is shown falsely, and how soon what is true is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom

from canarystats.sequential.trend import Trend

TICK, AT, SLACK = 15.0, 1_700_000_000.0, 1.0
LEVEL = math.log(20.0)
LOOK_EVERY = 8


def noise(rng, n, phi):
    """First-order noise of standard deviation 1; ``saw``: a sawtooth of 37 ticks and noise."""
    if phi == "saw":
        phase = (np.arange(n) + rng.integers(37)) % 37
        return 2.0 * phase / 37 - 1.0 + 0.5 * noise(rng, n, 0.6)
    drawn = rng.standard_normal(n + 400) * math.sqrt(1.0 - phi * phi)
    return lfilter([1.0], [1.0, -phi], drawn)[400:]


def shown_at(seed, phi, slope, *, history, n=720, shape=None):
    """The tick at which the slope is shown below the slack, looked at again and again."""
    rng = np.random.default_rng(seed)
    past = 1440 if history else 0
    drawn = noise(rng, n + past, phi)
    design = Trend("m", edge=SLACK, below=True, interval=TICK, batch=40, beside=False)
    state = design.begin((drawn[None, :past, None], None) if history else None)
    hours = TICK * np.arange(n) / 3600.0
    values = 100.0 + drawn[past:] + slope * hours + (0.0 if shape is None else shape(hours))
    for i in range(n):
        state = design.step(state, values[i : i + 1], None, AT + TICK * i)
        if i % LOOK_EVERY == LOOK_EVERY - 1 and design.log_e(state) >= LEVEL:
            return i
    return None


@pytest.mark.parametrize(("phi", "history"), [(0.6, False), ("saw", False), (0.9, True)])
def test_a_slope_at_the_end_of_the_slack_is_shown_as_seldom_as_promised(phi, history):
    runs = 40
    wrong = sum(shown_at(s, phi, SLACK, history=history) is not None for s in range(runs))
    assert wrong <= binom.ppf(0.999, runs, 0.05)


@pytest.mark.parametrize(("phi", "history"), [(0.6, False), (0.6, True), ("saw", True)])
def test_a_slope_at_its_target_is_shown_in_time(phi, history):
    found = [shown_at(s, phi, 0.0, history=history) for s in range(8)]
    assert None not in found


@pytest.mark.parametrize("history", [False, True])
def test_a_cache_that_fills_is_shown_flat_only_when_its_mean_slope_is(history):
    def fills(hours):
        return 8.0 * (1.0 - np.exp(-hours / 0.4))

    for seed in range(4):
        at = shown_at(seed, 0.6, 0.0, history=history, n=960, shape=fills)
        if at is not None:
            hours = TICK * np.arange(at + 1) / 3600.0
            assert np.polyfit(hours, fills(hours), 1)[0] < SLACK


def test_a_process_that_settles_hides_its_growth():
    """The limit that the docs name: what settles at first must not be watched."""
    settles = [
        shown_at(s, 0.6, 1.5, history=False, shape=lambda h: 5.0 * np.exp(-h / 0.8))
        for s in range(4)
    ]
    assert any(at is not None for at in settles)


@pytest.mark.calibration
@pytest.mark.parametrize("phi", [0.0, 0.6, 0.9, "saw"])
@pytest.mark.parametrize("history", [False, True])
def test_at_full_size(phi, history):
    runs, most = 400, 0.05
    if (phi, history) == (0.9, False):
        most = 0.09  # it remembers for longer than a third of a batch, as the docs say
    wrong = sum(shown_at(s, phi, SLACK, history=history, n=960) is not None for s in range(runs))
    assert wrong <= binom.ppf(0.999, runs, most)
    right = [shown_at(s, phi, 0.0, history=history, n=960) for s in range(runs // 4)]
    assert sum(at is None for at in right) <= 2
