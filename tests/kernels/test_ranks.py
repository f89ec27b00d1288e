"""The kernels of ranks, against scipy, brute force and each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from canarystats.kernels import ranks
from canarystats.kernels.exceedance import probability_interval

VALUES = st.lists(
    st.one_of(st.integers(-5, 5).map(float), st.floats(-1e6, 1e6), st.just(np.inf)),
    min_size=1,
    max_size=25,
)


def sums(x, y):
    return ranks.rank_sums(np.array([x], float), np.array([y], float))


@given(VALUES, VALUES)
def test_u_counts_the_pairs_and_placements_give_their_variance(x, y):
    found = sums(x, y)
    over = np.array([[(a > b) + 0.5 * (a == b) for b in y] for a in x])
    assert found.u[0] == over.sum()
    assert (found.n[0], found.m[0]) == over.shape
    rows, columns = over.mean(axis=1), over.mean(axis=0)
    expected = sum(v.var(ddof=1) / len(v) for v in (rows, columns) if len(v) > 1)
    assert found.placement_variance[0] == pytest.approx(expected, abs=1e-12)


@given(VALUES, VALUES)
def test_mirroring_is_ranking_the_other_way_round(x, y):
    there, back = sums(y, x), ranks.mirrored(sums(x, y))
    for name in ranks.RankSums.__dataclass_fields__:
        assert getattr(there, name)[0] == getattr(back, name)[0]


@given(VALUES)
def test_midranks_are_scipys(values):
    found = ranks.midranks(np.array([[*values, np.nan, np.nan]]))[0]
    assert found[: len(values)].tolist() == stats.rankdata(values).tolist()
    assert np.isnan(found[len(values) :]).all()


@pytest.mark.parametrize("method", ["exact", "asymptotic"])
@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_p_values_are_scipys(method, alternative):
    rng = np.random.default_rng(11)
    for _ in range(60):
        n, m = rng.integers(1, 31, 2)
        x, y = rng.normal(size=n), rng.normal(0.7, 2, size=m)
        if method == "asymptotic" and rng.random() < 0.6:
            x, y = np.round(x), np.round(y)
        if np.ptp(np.concatenate([x, y])) == 0:
            continue
        exact = method == "exact"
        upper = ranks.upper_p_value(sums(x, y), exact=exact)[0]
        lower = ranks.upper_p_value(sums(y, x), exact=exact)[0]
        found = {"greater": upper, "less": lower, "two-sided": min(1, 2 * min(upper, lower))}
        expected = stats.mannwhitneyu(x, y, alternative=alternative, method=method).pvalue
        assert found[alternative] == pytest.approx(min(expected, 1.0), rel=1e-10, abs=1e-12)


def test_the_counted_distribution_is_that_of_all_orderings():
    n, m = 3, 4
    u = [
        sum(r - i for i, r in enumerate(chosen))
        for chosen in itertools.combinations(range(n + m), n)
    ]
    expected = [np.mean(np.array(u) >= k) for k in range(n * m + 1)]
    assert ranks.null_tail(n, m) == pytest.approx(expected, abs=1e-15)


def test_the_far_tail_keeps_its_digits():
    tail = ranks.null_tail(30, 30)
    assert tail[900] == pytest.approx(1 / 118264581564861424, rel=1e-12)  # (60 choose 30)
    assert tail[899] == pytest.approx(2 / 118264581564861424, rel=1e-12)


def test_permeability_constants_of_the_chorioamnion():
    """Hollander & Wolfe (1973), page 69; R's documentation of wilcox.test."""
    at_term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    early = [1.15, 0.88, 0.90, 0.74, 1.21]
    found = sums(at_term, early)
    assert found.u[0] == 35
    assert ranks.upper_p_value(found)[0] == pytest.approx(0.1272, abs=5e-5)


@settings(max_examples=50)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6), st.integers(0, 5))
def test_a_batch_is_a_loop_bit_for_bit(pairs, padding):
    def stacked(side):
        width = max(len(p[side]) for p in pairs) + padding
        return np.array([[*p[side], *[np.nan] * (width - len(p[side]))] for p in pairs])

    batch = ranks.rank_sums(stacked(0), stacked(1))
    p = ranks.upper_p_value(batch)
    for i, (x, y) in enumerate(pairs):
        alone = sums(x, y)
        for name in ranks.RankSums.__dataclass_fields__:
            assert getattr(alone, name)[0] == getattr(batch, name)[i]
        assert ranks.upper_p_value(alone)[0] == p[i]


def test_blocks_do_not_show():
    rng = np.random.default_rng(5)
    x, y = rng.poisson(3, (700, 60)).astype(float), rng.poisson(3, (700, 50)).astype(float)
    whole = ranks.rank_sums(x, y)
    for i in (0, 297, 298, 699):
        assert ranks.rank_sums(x[i : i + 1], y[i : i + 1]).u[0] == whole.u[i]


def test_empty_and_constant_rows_have_a_p_value_of_one():
    x = np.array([[np.nan, np.nan], [1.0, 1.0], [1.0, np.nan]])
    y = np.array([[1.0, 2.0], [1.0, 1.0], [np.nan, np.nan]])
    assert ranks.upper_p_value(ranks.rank_sums(x, y)).tolist() == [1.0, 1.0, 1.0]
    assert ranks.rank_sums(np.empty((2, 0)), np.empty((2, 0))).u.tolist() == [0.0, 0.0]


def test_the_probability_interval_solves_its_equation():
    rng = np.random.default_rng(8)
    n, m = np.floor(10 ** rng.uniform(0, 4, (2, 5000)))
    p = np.clip(rng.uniform(0, 1, 5000) ** rng.choice([1, 0.02, 50], 5000), 0.5 / (n * m), None)
    p = np.minimum(p, 1 - 0.5 / (n * m))
    p[:2] = 0, 1
    critical = rng.uniform(0.3, 12, 5000)
    low, high = probability_interval(p, np.zeros(5000), n, m, critical)

    def distance(t):
        bracket = (1 - t) / (2 - t) + t / (1 + t)
        variance = t * (1 - t) * (1 + ((n + m) / 2 - 1) * bracket) / (n * m)
        return np.abs(p - t) - critical * np.sqrt(variance)

    assert low[0] == 0
    assert high[1] == 1
    assert np.abs(distance(low)[p > 0]).max() < 1e-10
    assert np.abs(distance(high)[p < 1]).max() < 1e-7  # 1 - high carries few digits near 1
    assert (low <= p).all()
    assert (p <= high).all()
