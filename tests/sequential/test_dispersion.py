"""How bursty counts are, learned from history and from the baseline, and what that holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from canarystats.evidence import Question
from canarystats.sequential import counts, dispersion
from canarystats.sequential.counts import Counts
from tests.sequential.simulated import most_by_chance

WORSE = counts.Test("worse", Question.WORSE, "arms", 1.0, True)


def seen(events, exposure):
    """Steps of one kind, shape (T, 1)."""
    events, exposure = (np.array(x, dtype=float)[:, None] for x in (events, exposure))
    return dispersion.Seen(events, exposure, events)


def learn(events, exposure):
    state, steps = dispersion.begin(1, 1), seen(events, exposure)
    for i in range(len(events)):
        tick = dispersion.Seen(steps.values[i : i + 1], steps.scale[i : i + 1], steps.variance[[i]])
        state = dispersion.step(state, tick)
    return state


def fano(events, exposure):
    return float(dispersion.fano(learn(events, exposure))[0, 0])


def clumps(rng, mean, fano_factor):
    """Compound Poisson counts: clumps of geometric size, with the given Fano factor."""
    if fano_factor == 1:
        return rng.poisson(mean).astype(float)
    chance = 2 / (fano_factor + 1)
    number = rng.poisson(mean * chance)
    more = rng.negative_binomial(np.maximum(number, 1), chance)
    return (number + np.where(number > 0, more, 0)).astype(float)


def wandering(rng, ticks, rows, sd):
    """Rates whose logarithm is an AR(0.9) of that standard deviation, shape (ticks, rows)."""
    level = np.empty((ticks, rows))
    level[0] = rng.normal(0, 1, rows)
    for i in range(1, ticks):
        level[i] = 0.9 * level[i - 1] + math.sqrt(1 - 0.81) * rng.normal(0, 1, rows)
    return np.exp(sd * level - sd**2 / 2)


class TestBound:
    def test_before_anything_is_known_it_is_what_is_assumed(self):
        assert fano([], []) == pytest.approx(4.0)
        assert fano([7], [100]) == pytest.approx(4.0)

    def test_it_is_the_formula_written_out(self):
        rng = np.random.default_rng(5)
        events, exposure = rng.poisson(9, 130) * 1.0, rng.integers(800, 1200, 130) * 1.0

        def scale(x, e):
            squares = expected = 0.0
            for i in range(1, len(x)):
                r = e[i] / e[i - 1]
                squares += (x[i] - r * x[i - 1]) ** 2
                expected += x[i] + r**2 * x[i - 1]
            n = len(x) - 1
            f = squares / expected
            return f, math.sqrt(3 / n + 2 * max(f, 1) / (expected / 2)), n

        tick, tick_error, _ = scale(events, exposure)
        batched = [one[:120].reshape(6, 20).sum(axis=1) for one in (events, exposure)]
        batch, batch_error, n = scale(*batched)
        mixed = (n * batch + 2) / (n + 2)
        known = 3 / batch_error**2
        expected = max(
            1 + 1.25 * (max(tick * math.exp(tick_error), 1) - 1),
            1 + 1.25 * (max(mixed, 1) - 1) + 3 * (4 / (4 + known)) ** 2,
        )
        assert fano(events, exposure) == pytest.approx(expected)

    @pytest.mark.parametrize("factor", [1, 2, 5, 20])
    @pytest.mark.parametrize("mean", [2.0, 15.0])
    def test_it_settles_above_the_fano_factor_but_not_far(self, factor, mean):
        rng, found = np.random.default_rng(7), []
        for _ in range(20):
            past = seen(clumps(rng, np.full(960, mean), factor), [1] * 960)
            found.append(dispersion.fano(dispersion.begin(1, 1, [past]))[0, 0])
        found = np.median(found)
        assert factor <= found <= 1.5 * factor

    def test_it_shrinks_as_more_is_known(self):
        events = np.random.default_rng(3).poisson(15, 2000)
        bounds = [fano(events[:n], [1] * n) for n in (10, 60, 200, 600, 2000)]
        assert bounds == sorted(bounds, reverse=True)
        assert bounds[-1] < 1.2

    def test_a_load_that_swings_is_not_bursty(self):
        rng = np.random.default_rng(1)
        load = 1000 * (1 + 0.8 * np.sin(np.arange(600) / 40))
        assert fano(rng.poisson(0.02 * load), load) < 1.6

    def test_slow_noise_of_one_arm_shows_between_batches(self):
        rng = np.random.default_rng(2)
        rates = wandering(rng, 1200, 1, 0.4)[:, 0]
        assert fano(rng.poisson(15 * rates), np.ones(1200)) > 5

    def test_an_even_split_pays_more_for_slow_noise_than_a_narrow_one(self):
        rng = np.random.default_rng(2)
        state = learn(rng.poisson(15 * wandering(rng, 1200, 1, 0.4)[:, 0]), np.ones(1200))
        plain, narrow, even = (
            float(dispersion.fano(state, exposure)[0, 0])
            for exposure in (None, np.array([[0.1]]), np.array([[1.0]]))
        )
        assert plain == narrow
        assert even > 1.5 * narrow

    def test_history_teaches_what_the_running_series_would(self):
        rng = np.random.default_rng(4)
        events, exposure = rng.poisson(9, 400), rng.integers(800, 1200, 400)
        past = dispersion.begin(1, 1, [seen(events, exposure)])
        assert dispersion.fano(past)[0, 0] == pytest.approx(fano(events, exposure), rel=1e-12)

    def test_one_change_counts_for_so_many_ordinary_ones_at_most(self):
        events = np.where(np.arange(100) < 90, 10.0, 1e6)
        ordinary = learn(events[:90], np.ones(90))
        tick = seen(events[90:91], [1.0])
        for wildest, most in ((36.0, 36.0), (np.inf, np.inf)):
            after = dispersion.step(ordinary, tick, wildest).ticks
            expected = after.expected - ordinary.ticks.expected
            grown = (after.squares - ordinary.ticks.squares) / expected
            assert grown[0, 0] == pytest.approx(most if np.isfinite(most) else 1e6, rel=0.01)

    def test_bursts_are_learned_all_the_same_where_single_changes_are_bounded(self):
        events = clumps(np.random.default_rng(5), 40 * np.ones(2000), 50)
        state, steps = dispersion.begin(1, 1), seen(events, np.ones(2000))
        for i in range(2000):
            one = slice(i, i + 1)
            tick = dispersion.Seen(steps.values[one], steps.scale[one], steps.variance[one])
            state = dispersion.step(state, tick, 36.0)
        bounded, free = (
            float(dispersion.fano(s)[0, 0]) for s in (state, learn(events, np.ones(2000)))
        )
        assert 0.95 * free < bounded <= free

    def test_missed_ticks_are_skipped(self):
        rng = np.random.default_rng(4)
        events = rng.poisson(9, 400).astype(float)
        holes = np.where(rng.random(400) < 0.1, np.nan, events)
        kept = ~np.isnan(holes)
        past = dispersion.begin(1, 1, [seen(holes, np.ones(400))])
        for state in (past, learn(holes, np.ones(400))):
            found = dispersion.fano(state)[0, 0]
            assert found == pytest.approx(fano(events[kept], np.ones(kept.sum())))


def test_a_canary_that_errs_steadily_beside_a_baseline_without_errors_is_found():
    design = Counts("requests", [WORSE])
    state, called = design.begin(), None
    for tick in range(600):
        canary = np.array([[float(tick >= 300 and tick % 2), 75.0]])
        state = design.step(state, canary, np.array([[0.0, 1425.0]]), None, tick)
        if called is None and design.log_e(state)["worse"][0] >= math.log(800):
            called = tick - 300
    assert called is not None
    assert called < 120


def called_worse(rng, runs, ticks, *, share=0.1, errors=2.0, fano_factor=1, sd=0.0, past=0):
    """The largest log e-value of every healthy rollout; each hundred share one history."""
    design, most = Counts("requests", [WORSE]), []

    def side(n, part, rows):
        rates = wandering(rng, n, rows, sd) if sd else np.ones((n, rows))
        exposure = np.full((n, rows), 1500.0 * part)
        return np.stack([clumps(rng, errors * part * rates, fano_factor), exposure], axis=2)

    for _ in range(runs // 100):
        history = [side(past, (1 - share) / 2, 1)[:, 0] for _ in range(2)] if past else None
        state = design.begin(100, history=history and (history[0], history[1]))
        top = np.zeros(100)
        both = side(ticks, share, 100), side(ticks, 1 - share, 100)
        for tick in range(ticks):
            state = design.step(state, both[0][tick], both[1][tick], None, tick)
            top = np.maximum(top, design.log_e(state)["worse"])
        most.append(top)
    return np.concatenate(most)


HEALTHY = [
    {"share": 0.5},
    {"fano_factor": 2},
    {"fano_factor": 5},
    {"fano_factor": 20},
    {"sd": 0.3},
    {"sd": 0.6},
    {"errors": 0.01},
]


@pytest.mark.parametrize("past", [0, 960])
@pytest.mark.parametrize("noise", HEALTHY, ids=str)
def test_healthy_rollouts_are_called_worse_no_more_often_than_the_level(noise, past):
    runs = 200
    top = called_worse(np.random.default_rng(11), runs, 150, past=past, **noise)
    for level in (0.05, 0.01):
        assert (top >= -math.log(level)).sum() <= most_by_chance(runs, level)


# What the method cannot hold before it has seen any noise, as `dispersion` says: at 5 % and at 1 %.
NOT_HELD = {"{'fano_factor': 20}": (0.062, 0.033), "{'sd': 0.6}": (0.05, 0.015)}


@pytest.mark.calibration
@pytest.mark.parametrize("past", [0, 960])
@pytest.mark.parametrize("noise", HEALTHY, ids=str)
def test_over_a_thousand_ticks_the_upper_bound_is_within_the_level(noise, past):
    runs, levels = 4000, (0.05, 0.01)
    top = called_worse(np.random.default_rng(12), runs, 1000, past=past, **noise)
    held = levels if past else NOT_HELD.get(str(noise), levels)
    for level, most in zip(levels, held, strict=True):
        found = int((top >= -math.log(level)).sum())
        assert stats.beta.ppf(0.95, found + 1, runs - found) <= most
