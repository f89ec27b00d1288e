"""The spread test against scipy's Levene test on medians."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canarystats.compare import brunner_munzel, spread
from canarystats.errors import InputError
from canarystats.evidence import Question, Status
from canarystats.windows import Pair

SIDES = st.lists(st.integers(-20, 20).map(float), min_size=4, max_size=25)


def samples(x, y):
    return Pair.samples("latency_seconds", canary=x, baseline=y)


@pytest.mark.parametrize(("n", "m"), [(7, 12), (50, 31)])
def test_scipy_agrees(n, m):
    rng = np.random.default_rng(n)
    x, y = rng.normal(3, 2, n), rng.laplace(0, 1, m)
    expected = stats.levene(x, y, center="median")
    found = spread(samples(x, y))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-10)
    t = np.sqrt(expected.statistic) * np.sign(found.effect - 1)
    assert spread(samples(x, y), alternative="greater").p_value == pytest.approx(
        stats.t.sf(t, n + m - 2), rel=1e-10
    )


def test_what_ranks_cannot_see():
    pair = samples(np.arange(1.0, 20), 10 + 0.1 * np.sin(np.arange(19.0)))
    assert spread(pair, alternative="greater", level=0.01).decides
    assert not brunner_munzel(pair, level=0.01).decides


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_inverts_the_test(seed):
    rng = np.random.default_rng(seed)
    pair = samples(rng.normal(size=14), rng.normal(size=20))
    interval = spread(pair).interval
    for end in (interval.low, interval.high):
        assert spread(pair, null_ratio=end).p_value == pytest.approx(0.05, rel=1e-8)


@given(SIDES, SIDES, st.integers(-8, 8))
def test_moving_a_side_changes_nothing_and_the_unit_does_not_matter(x, y, exponent):
    plain = spread(samples(x, y))
    moved = spread(samples(np.array(x) + 64, np.array(y)))
    scaled = spread(samples(np.array(x) * 2.0**exponent, np.array(y) * 2.0**exponent))
    assert plain.status == moved.status == scaled.status
    assert plain.p_value == pytest.approx(moved.p_value, rel=1e-9)
    assert plain.p_value == pytest.approx(scaled.p_value, rel=1e-9)


def test_a_baseline_that_hardly_varies_leaves_the_top_open():
    found = spread(samples([1.0, 9, 2, 8, 3], [5.0, 5, 5, 5, 5.0]))
    assert found.effect is None
    assert found.interval.high is None
    wild = spread(samples([1.0, 9, 2], [5.0, 5, 5, 5, 99]))
    assert wild.interval.high is None


def test_statuses_and_questions():
    assert spread(samples([], [])).status is Status.NO_DATA
    assert spread(samples([3.0] * 5, [3.0] * 5)).status is Status.DEGENERATE
    assert spread(samples([1.0, 2, 4], [1.0, 5])).status is Status.INSUFFICIENT
    assert spread(samples([1.0, np.inf], [1.0, 5])).status is Status.NOT_EVALUABLE
    x = np.random.default_rng(1).normal(size=(2, 30))
    assert spread(samples(*x), alternative="less", null_ratio=2).question is Question.NOT_WORSE
    assert spread(samples(*x), alternative="greater", null_ratio=2).question is Question.BEYOND
    with pytest.raises(InputError, match="null_ratio is 0"):
        spread(samples(*x), null_ratio=0)


def test_a_slow_gauge_counts_for_less():
    walk = np.cumsum(np.random.default_rng(3).normal(size=(2, 120)), axis=1)
    gauge = spread(Pair.gauge("g", canary=walk[0], baseline=walk[1]))
    assert gauge.n_effective < 40
    assert gauge.p_value > spread(samples(*walk)).p_value
