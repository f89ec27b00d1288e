"""Several e-values made into one, and the metrics a rollback is about."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from scipy.special import log_ndtr

from canarystats.errors import InputError
from canarystats.sequential.budget import averaged, explanation, from_any_stage, over_stages
from tests.sequential.simulated import most_by_chance


def test_the_average_is_the_logarithm_of_the_mean():
    e = np.array([[2.0, 0.0, 1e-9], [8.0, 0.0, 3.0]])
    with np.errstate(divide="ignore"):
        log_e = np.log(e)
    assert np.exp(averaged(log_e)) == pytest.approx([5, 0, (1e-9 + 3) / 2])
    assert np.exp(averaged(log_e, np.array([0.25, 0.75]))) == pytest.approx([6.5, 0, 2.25])
    assert averaged(np.array([[5000.0], [0.0]])) == pytest.approx(5000 - math.log(2))
    assert averaged(np.array([[math.inf], [0.0]])).tolist() == [math.inf]


def test_columns_together_equal_single_ones_bit_for_bit():
    log_e = np.random.default_rng(1).normal(0, 5, (7, 50))
    for function in (averaged, over_stages, lambda x: from_any_stage(x, np.full(9, 1 / 9))):
        together = function(log_e)
        assert together.tolist() == [function(log_e[:, [i]])[0] for i in range(50)]


def test_stages_multiply():
    assert over_stages(np.log([[2.0], [0.5], [7.0]])) == pytest.approx(math.log(7))


def test_a_stage_that_is_yet_to_come_keeps_what_it_began_with():
    weights = np.full(5, 0.2)
    two = np.log([[0.1], [40.0]])
    # From stage one 4, from stage two 40, and three that are at one.
    assert np.exp(from_any_stage(two, weights)) == pytest.approx((4 + 40 + 3) / 5)
    assert from_any_stage(np.zeros((0, 1)), weights) == pytest.approx([0])


def test_a_regression_from_the_third_stage_costs_no_more_than_its_weight():
    # A long healthy past is a debt of the plain product and none of the mixture.
    log_e = np.array([[-6.0], [-4.0], [9.0]])
    found = from_any_stage(log_e, np.full(5, 0.2))
    assert found >= 9 - math.log(5)
    assert over_stages(log_e) == pytest.approx(-1)


def test_averages_products_and_mixtures_keep_the_level():
    # Two dependent normal e-processes a stage, five stages of 40 ticks, looked at every tick.
    rng, runs, level = np.random.default_rng(2), 2000, 0.05
    weights, done = np.full(5, 0.2), np.zeros((0, runs))
    highest = dict.fromkeys(("product", "mixture"), np.zeros(runs))
    for _ in range(5):
        sums = np.zeros(runs)
        for tick in range(1, 41):
            sums = sums + rng.normal(size=runs)
            # Two alternatives on the same data: as dependent as detectors get.
            both = np.stack([d * sums - tick * d**2 / 2 for d in (0.3, 1.0)])
            stages = np.vstack([done, averaged(both)[None]])
            now = {"product": over_stages(stages), "mixture": from_any_stage(stages, weights)}
            highest = {name: np.maximum(highest[name], value) for name, value in now.items()}
        done = stages
    for reached in highest.values():
        assert (reached >= -math.log(level)).sum() <= most_by_chance(runs, level)


@pytest.mark.parametrize("weights", [[0.5, 0.6], [1.5, -0.5], [1.0], [np.nan, 1.0]])
def test_weights_that_do_not_sum_to_one_are_refused(weights):
    with pytest.raises(InputError, match="weights"):
        averaged(np.zeros((2, 1)), np.array(weights))
    with pytest.raises(InputError, match="weights"):
        from_any_stage(np.zeros((2, 1)), np.array(weights))


@pytest.mark.parametrize("level", [0.01, 0.05, 0.3])
def test_the_explanation_is_the_largest_set_that_stands_together(level):
    rng = np.random.default_rng(3)
    for _ in range(40):
        log_e = rng.normal(2, 3, 6)
        named = set(np.flatnonzero(explanation(log_e, level)))
        standing = [
            set(chosen)
            for k in range(7)
            for chosen in combinations(range(6), k)
            if all(log_e[i] >= math.log(6 / (k * level)) for i in chosen)
        ]
        assert named == max(standing, key=len)


def test_many_columns_are_explained_each_by_itself():
    log_e = np.random.default_rng(4).normal(3, 3, (10, 30))
    together = explanation(log_e, 0.05)
    for column in range(30):
        assert together[:, column].tolist() == explanation(log_e[:, column], 0.05).tolist()
    assert explanation(np.zeros(0), 0.05).tolist() == []
    assert not explanation(np.full(4, -np.inf), 0.05).any()
    with pytest.raises(InputError, match="level"):
        explanation(np.zeros(3), 1.0)


def test_running_maxima_name_healthy_metrics_far_more_often_than_the_level():
    # Every metric is healthy. Its e-process is s at time s until it falls to nothing at 1 / u,
    # with u uniform: a martingale. The u are tied together (Guo & Rao) so that, for a k drawn at
    # random, k of the m processes last until about m / (k level), just enough to be named. A
    # moment fixed beforehand meets one k; the maxima collect them all.
    rng, runs, m, level = np.random.default_rng(5), 20_000, 10, 0.05
    u = rng.uniform(level, 1.0, (runs, m))
    for i in np.flatnonzero(rng.uniform(size=runs) < level * harmonic(m)):
        weights = 1 / np.arange(1, m + 1)
        k = 1 + rng.choice(m, p=weights / weights.sum())
        chosen = rng.permutation(m)[:k]
        u[i, chosen] = rng.uniform((k - 1) * level / m, k * level / m, k)
    for at in (1 / level, 2 / level, m / level):
        assert most_by_chance(runs * m, 1 / at) >= (1 / u > at).sum()  # each alone is honest
    maxima = explanation(np.log(1 / u).T, level).any(axis=0).sum()
    assert maxima > 2.5 * level * runs
    assert maxima == pytest.approx(level * harmonic(m) * runs, rel=0.1)
    for at in (1 / level, 2 / level, 3 / level, m / level):
        with np.errstate(divide="ignore"):
            current = np.log(np.where(1 / u >= at, at, 0.0)).T
        assert explanation(current, level).any(axis=0).sum() <= most_by_chance(runs, level)


def harmonic(m):
    return float(sum(Fraction(1, k) for k in range(1, m + 1)))


METRICS, TICKS, CORRELATION, LEVEL, CRITICAL = 150, 288, 0.3, 0.05, 10
WEIGHTS = np.where(np.arange(METRICS) < CRITICAL, 0.8 / CRITICAL, 0.2 / (METRICS - CRITICAL))


def fleet(runs, shift, harmed, seed):
    """First tick at which each rule alarms: 150 metrics, a day of 5 min, as the reference pages."""
    rng = np.random.default_rng(seed)
    sums, tuned = np.zeros((METRICS, runs)), 12 / 6.329
    first = {
        name: np.full(runs, np.inf)
        for name in ("naive", "each", "bonferroni", "weighted", "e-BH", "mean")
    }
    for tick in range(1, TICKS + 1):
        common = math.sqrt(CORRELATION) * rng.normal(size=runs)
        own = math.sqrt(1 - CORRELATION) * rng.normal(size=(METRICS, runs))
        sums += common + own + shift * (np.arange(METRICS) < harmed)[:, None]
        log_e = 0.5 * math.log(4 * tuned / (tick + tuned)) + sums**2 / (2 * (tick + tuned))
        log_e += log_ndtr(sums / math.sqrt(tick + tuned))
        best = log_e.max(axis=0)
        now = {
            "naive": sums.max(axis=0) / math.sqrt(tick) > 1.645,
            "each": best >= math.log(1 / LEVEL),
            "bonferroni": best >= math.log(METRICS / LEVEL),
            "weighted": (log_e >= -np.log(LEVEL * WEIGHTS)[:, None]).any(axis=0),
            "e-BH": explanation(log_e, LEVEL).any(axis=0),
            "mean": averaged(log_e) >= math.log(1 / LEVEL),
        }
        for name, alarm in now.items():
            first[name][alarm & np.isinf(first[name])] = tick
    return first


def test_a_healthy_fleet_is_called_bad_as_rarely_as_the_budget_says():
    first = fleet(200, 0.0, 0, seed=1)
    alarms = {name: int(np.isfinite(ticks).sum()) for name, ticks in first.items()}
    assert alarms["naive"] == 200
    assert alarms["each"] == pytest.approx(0.745 * 200, abs=25)  # what the budget is there for
    for name in ("bonferroni", "weighted", "e-BH", "mean"):
        assert alarms[name] <= most_by_chance(200, LEVEL)


@pytest.mark.parametrize(
    ("shift", "harmed", "bonferroni", "weighted"),
    [(0.3, 1, 200, 144), (0.3, 10, 96, 61), (0.6, 1, 46, 34), (1.0, 1, 18, 14)],
)
def test_a_harmed_metric_is_found_as_soon_as_the_reference_table_says(
    shift, harmed, bonferroni, weighted
):
    # The table's medians come from few runs, of metrics that move together: within a quarter.
    first = fleet(100, shift, harmed, seed=2)
    assert np.median(first["bonferroni"]) == pytest.approx(bonferroni, rel=0.25)
    assert np.median(first["weighted"]) == pytest.approx(weighted, rel=0.25)
    assert (first["e-BH"] <= first["bonferroni"]).all()
