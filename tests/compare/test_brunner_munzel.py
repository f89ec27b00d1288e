"""Brunner-Munzel against scipy, and what the ranks say under complete separation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canarystats.compare import brunner_munzel, mann_whitney
from canarystats.errors import InputError
from canarystats.evidence import Status
from canarystats.windows import Pair

SIDES = st.lists(st.integers(-9, 9).map(float), min_size=2, max_size=25)


def samples(x, y):
    return Pair.samples("latency_seconds", canary=x, baseline=y)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("distribution", ["t", "normal"])
@pytest.mark.parametrize(("n", "m"), [(11, 30), (200, 40)])
@pytest.mark.parametrize("digits", [1, 12])
def test_scipy_agrees(alternative, distribution, n, m, digits):
    rng = np.random.default_rng(n + m)
    x, y = rng.normal(0.3, 3, n).round(digits), rng.normal(0, 1, m).round(digits)
    expected = stats.brunnermunzel(x, y, alternative=alternative, distribution=distribution)
    found = brunner_munzel(samples(x, y), alternative=alternative, distribution=distribution)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-10, abs=1e-14)


@given(SIDES, SIDES)
def test_swapping_mirrors_and_monotone_transforms_change_nothing(x, y):
    one = brunner_munzel(samples(x, y), alternative="greater")
    two = brunner_munzel(samples(y, x), alternative="less")
    assert one.p_value == pytest.approx(two.p_value, abs=1e-12)
    assert one.effect == pytest.approx(1 - two.effect, abs=1e-12)
    moved = samples(np.exp(np.array(x) / 3), np.exp(np.array(y) / 3))
    assert brunner_munzel(moved, alternative="greater").p_value == one.p_value


@pytest.mark.parametrize("distribution", ["t", "normal"])
def test_the_interval_inverts_the_test(distribution):
    rng = np.random.default_rng(5)
    pair = samples(rng.normal(0.4, 2, 40), rng.normal(0, 1, 25))
    settings = {"level": 0.05, "distribution": distribution}
    low = brunner_munzel(pair, **settings).interval.low
    at_end = brunner_munzel(pair, alternative="greater", margin=low - 0.5, **settings)
    assert at_end.p_value == pytest.approx(0.025, rel=1e-9)


def test_unequal_spreads_alone_do_not_reject():
    rng = np.random.default_rng(6)
    runs = 1000
    pairs = [samples(rng.normal(0, 6, 20), rng.normal(0, 1, 80)) for _ in range(runs)]
    ours = sum(e.decides for e in brunner_munzel(pairs))
    assert ours <= stats.binom.ppf(0.999, runs, 0.06)
    assert sum(e.decides for e in mann_whitney(pairs)) > 1.5 * ours


def test_complete_separation_has_the_exact_p_value_and_an_interval():
    found = brunner_munzel(samples(np.arange(12.0) + 20, np.arange(12.0)))
    assert found.p_value == pytest.approx(
        2 * stats.mannwhitneyu(range(12), range(20, 32), alternative="less", method="exact").pvalue
    )
    assert found.interval.high == 1
    assert 0.7 < found.interval.low < 0.95


def test_a_gauge_counts_for_its_effective_values():
    walk = np.cumsum(np.random.default_rng(7).normal(size=(2, 200)), axis=1)
    found = brunner_munzel(Pair.gauge("g", canary=walk[0], baseline=walk[1]))
    assert found.n_effective < 30
    assert found.p_value > brunner_munzel(samples(*walk)).p_value


def test_a_batch_is_a_loop_and_statuses():
    rng = np.random.default_rng(8)
    pairs = [
        samples(rng.normal(size=n), rng.normal(size=m)) for n, m in [(3, 40), (15, 20), (1, 1)]
    ]
    pairs += [samples([], []), samples([1.0], []), samples([2.0] * 12, [2.0] * 12)]
    found = brunner_munzel(pairs)
    assert found == [brunner_munzel(p) for p in pairs]
    assert [e.status for e in found] == [
        Status.INSUFFICIENT,
        Status.OK,
        Status.INSUFFICIENT,
        Status.NO_DATA,
        Status.ONE_SIDE_ONLY,
        Status.DEGENERATE,
    ]
    with pytest.raises(InputError, match="two-sided"):
        brunner_munzel(pairs[0], margin=-0.1)
