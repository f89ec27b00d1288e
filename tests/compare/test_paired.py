"""Gauges compared at equal times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canarystats.compare import LongRunVariance, long_run_variance, mann_whitney, paired
from canarystats.errors import InputError
from canarystats.evidence import Question, Status
from canarystats.windows import Pair
from tests.kernels import processes

VALUES = st.lists(st.integers(1, 60).map(float), min_size=8, max_size=30)


def gauge(x, y, name="cpu_cores"):
    return Pair.gauge(name, canary=x, baseline=y)


def day(rng, n, factor):
    pattern = 100 * (1 + 0.4 * np.sin(2 * np.pi * np.arange(n) / 240 + rng.uniform(0, 6)))
    x, y = pattern * (1 + 0.1 * rng.normal(size=(2, n)))
    return gauge(x * factor, y)


def test_ten_percent_under_a_shared_day_is_found_every_time():
    rng = np.random.default_rng(1)
    pairs = [day(rng, 240, 1.1) for _ in range(100)]
    assert all(e.decides for e in paired(pairs, level=0.02))
    assert sum(e.decides for e in mann_whitney(pairs, level=0.02)) < 10


@pytest.mark.parametrize("factor", [1.25, 1.5, 2.0])
def test_a_pattern_that_multiplies_hides_no_large_difference(factor):
    rng = np.random.default_rng(2)
    found = paired([day(rng, 240, factor) for _ in range(50)], level=0.02)
    assert all(e.decides for e in found)
    assert np.mean([e.effect for e in found]) == pytest.approx(factor, rel=0.01)


def test_a_known_variance_gives_the_z_test():
    rng = np.random.default_rng(3)
    x, y = rng.normal(5, 1, (2, 40))
    found = paired(gauge(x, y), scale="difference", long_run_variance=2.0)
    z = (x - y).mean() / np.sqrt(2 / 40)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-7)
    half = stats.norm.isf(0.025) * np.sqrt(2 / 40)
    assert found.interval.high == pytest.approx((x - y).mean() + half, rel=1e-7)


def test_a_known_variance_that_degrees_qualify_gives_the_t_test():
    x, y = np.random.default_rng(4).normal(5, 1, (2, 12))
    known = LongRunVariance(2.0, 9.0, "difference")
    t = (x - y).mean() / np.sqrt(2 / 12)
    found = paired(gauge(x, y), alternative="greater", long_run_variance=known)
    assert found.p_value == pytest.approx(stats.t.sf(t, 9), rel=1e-10)


def test_history_says_what_noise_is_where_the_window_cannot():
    rng = np.random.default_rng(5)
    noise = [np.exp(0.05 * processes.ar1(rng, 0.8, 1, 1000)[0]) for _ in range(2)]
    history = long_run_variance(gauge(*noise))
    assert history.scale == "ratio"
    assert 0.06 < history.value < 0.25  # the truth is 2 * 0.05² / (1 - 0.8)² = 0.125
    short = gauge([2.0] * 5, [1.0] * 5)
    assert paired(short).status is Status.DEGENERATE
    assert paired(short, long_run_variance=history).decides


@given(VALUES, st.integers(-5, 5))
def test_a_shift_moves_the_difference_and_its_interval(values, by):
    other = values[::-1]
    before = paired(gauge(values, other), scale="difference")
    after = paired(gauge([v + by for v in values], other), scale="difference")
    assert after.effect == pytest.approx(before.effect + by, abs=1e-9)
    if before.interval is not None:
        assert after.interval.low == pytest.approx(before.interval.low + by, abs=1e-9)


@given(VALUES)
def test_swapping_mirrors(values):
    pair = gauge(values, [*values[3:], *values[:3]])
    one, two = paired(pair, alternative="greater"), paired(pair.swapped(), alternative="less")
    assert one.p_value == pytest.approx(two.p_value, abs=1e-12)
    assert one.effect == pytest.approx(1 / two.effect, rel=1e-12)


@given(VALUES, st.integers(-9, 9))
def test_the_unit_changes_no_p_value(values, exponent):
    other = [*values[1:], values[0]]
    scaled = gauge(np.multiply(values, 2.0**exponent), np.multiply(other, 2.0**exponent))
    for scale in ("difference", "ratio"):
        one, two = (paired(p, scale=scale) for p in (gauge(values, other), scaled))
        assert one.status == two.status
        assert one.p_value == pytest.approx(two.p_value, rel=1e-9)


def test_a_batch_is_a_loop_bit_for_bit():
    rng = np.random.default_rng(6)
    pairs = [gauge(*rng.lognormal(size=(2, n))) for n in (5, 90, 17, 240)]
    pairs.append(gauge([np.nan, 1, 2, -1], [1, 2, np.nan, 3]))
    assert paired(pairs, margin=0.05) == [paired(p, margin=0.05) for p in pairs]
    assert paired([]) == []


def test_the_interval_inverts_the_test():
    pair = day(np.random.default_rng(7), 120, 1.3)
    interval = paired(pair, level=0.05).interval
    for end in (interval.low, interval.high):
        moved = Pair.gauge("g", canary=pair.canary / end, baseline=pair.baseline)
        assert paired(moved).p_value == pytest.approx(0.05, rel=1e-6)


def test_a_margin_forgives_and_a_negative_one_asks_for_proof():
    pair = day(np.random.default_rng(8), 240, 1.1)
    assert paired(pair, alternative="greater", margin=0.05).decides
    assert not paired(pair, alternative="greater", margin=0.2).decides
    proof = paired(pair, alternative="less", margin=-0.2)
    assert proof.question is Question.NOT_WORSE
    assert proof.decides
    absolute = paired(pair, alternative="less", margin=-30, absolute=True)
    assert absolute.effect_scale == "difference"
    assert absolute.decides


def test_missing_ticks_are_left_out_and_told():
    x, y = np.arange(1.0, 41), np.arange(41.0, 1, -1)
    x[3], y[7] = np.nan, np.nan
    found = paired(gauge(x, y))
    assert (found.n_canary, found.n_baseline) == (39, 39)
    assert found.seen == ("canary: 1 of 40 ticks missing", "baseline: 1 of 40 ticks missing")
    keep = ~np.isnan(x) & ~np.isnan(y)
    assert found.observed == pytest.approx(stats.gmean(x[keep]))


def test_statuses():
    assert paired(gauge([], [])).status is Status.NO_DATA
    assert paired(gauge([1.0], [np.nan])).status is Status.ONE_SIDE_ONLY
    assert paired(gauge([1.0, np.nan], [np.nan, 1])).status is Status.INSUFFICIENT
    assert paired(gauge([np.inf, 1.0], [1.0, 1])).status is Status.NOT_EVALUABLE
    assert paired(gauge([0.0, 1.0], [1.0, 1]), scale="ratio").status is Status.NOT_EVALUABLE
    assert paired(gauge([100.002] * 60, [100.0] * 60)).status is Status.DEGENERATE
    walk = np.cumsum(np.ones(30))
    few = paired(gauge(walk, [1.0] * 30))
    assert few.status is Status.INSUFFICIENT
    assert "independent differences" in few.detail
    assert few.n_effective < 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"margin": -0.1}, "two-sided"),
        ({"margin": -1.5, "alternative": "less"}, "margin is -1.5"),
        ({"margin": 1.0}, "less than 1"),
        ({"absolute": True, "scale": "ratio"}, "absolute is set"),
        ({"long_run_variance": 1.0}, "must be named"),
        ({"long_run_variance": -1.0, "scale": "ratio"}, "long_run_variance is -1.0"),
        ({"long_run_variance": LongRunVariance(1, 9, "ratio"), "scale": "difference"}, "of scale"),
        ({"long_run_variance": LongRunVariance(1, 9, "ratio"), "absolute": True}, "differences"),
    ],
)
def test_settings_that_contradict_are_refused(settings, says):
    with pytest.raises(InputError, match=says):
        paired(gauge([1.0, 2], [2.0, 1]), **settings)


def test_history_that_cannot_teach_is_refused():
    with pytest.raises(InputError, match="it takes 20"):
        long_run_variance(gauge([1.0, 2], [2.0, 1]))
    with pytest.raises(InputError, match="must vary"):
        long_run_variance(gauge([2.0] * 30, [1.0] * 30))
