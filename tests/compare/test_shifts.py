"""The Hodges-Lehmann shift and its interval."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canarystats.compare import mann_whitney, shift
from canarystats.errors import InputError
from canarystats.evidence import Status
from canarystats.windows import Pair
from tests.needs import SHARED, need

SIDES = st.lists(st.integers(-50, 50).map(float), min_size=4, max_size=25)


def samples(x, y):
    return Pair.samples("memory_bytes", canary=x, baseline=y)


@given(SIDES, SIDES, st.integers(-1000, 1000))
def test_moving_the_canary_moves_estimate_and_interval_with_it(x, y, by):
    before, after = shift(samples(x, y)), shift(samples([v + by for v in x], y))
    assert after.effect == before.effect + by
    if before.interval is not None:
        assert after.interval.low == before.interval.low + by
        assert after.interval.high == before.interval.high + by


@given(SIDES, SIDES)
def test_swapping_the_sides_turns_the_sign(x, y):
    one, two = shift(samples(x, y)), shift(samples(y, x))
    assert one.effect == -two.effect
    if one.interval is not None:
        assert (one.interval.low, one.interval.high) == (-two.interval.high, -two.interval.low)


@pytest.mark.parametrize(("n", "m"), [(8, 9), (30, 30), (80, 60)])
def test_the_interval_is_what_the_test_does_not_reject(n, m):
    rng = np.random.default_rng(n)
    x, y = rng.normal(1, 1, n), rng.normal(0, 1, m)
    interval = shift(samples(x, y), level=0.05).interval
    method = "exact" if n * m <= 900 else "asymptotic"

    def p(moved):
        return stats.mannwhitneyu(x - moved, y, method=method).pvalue

    for end, outward in ((interval.low, -1e-9), (interval.high, 1e-9)):
        assert p(end + outward) <= 0.05 < p(end - outward)


@pytest.mark.parametrize(("n", "m"), [(10, 10), (60, 20)])
def test_the_interval_covers(n, m):
    rng = np.random.default_rng(17)
    runs = 400
    held = 0
    for _ in range(runs):
        interval = shift(samples(rng.gumbel(2, 1, n), rng.gumbel(0, 1, m)), level=0.1).interval
        held += interval.low <= 2 <= interval.high
    assert held >= stats.binom.ppf(1e-4, runs, 0.9)
    assert held <= stats.binom.ppf(1 - 1e-4, runs, 0.93)


def test_a_gauge_has_a_wider_interval_than_the_same_values_as_samples():
    rng = np.random.default_rng(3)
    x, y = (np.cumsum(rng.normal(size=100)) * 0.1 for _ in range(2))
    gauge = shift(Pair.gauge("g", canary=x, baseline=y), level=0.2)
    assert gauge.effect == shift(samples(x, y)).effect
    assert gauge.n_effective < 30


def test_statuses():
    assert shift(samples([], [])).status is Status.NO_DATA
    assert shift(samples([1.0], [])).status is Status.ONE_SIDE_ONLY
    few = shift(samples([3.0, 4], [1.0, 2]))
    assert few.status is Status.INSUFFICIENT
    assert few.effect == 2
    assert few.interval is None
    both = shift(samples([np.inf, 1.0], [np.inf, 2.0]))
    assert both.status is Status.NOT_EVALUABLE
    outage = shift(samples([np.inf] * 9, np.arange(9.0)))
    assert outage.effect is None
    assert outage.interval is None
    with pytest.raises(InputError, match="kind counts"):
        shift(Pair.counts("requests", canary=([1], [2]), baseline=([1], [2])))


def test_estimates_are_kayentas_within_its_tolerance():
    path = SHARED / "data" / "kayenta" / "vectors.jsonl"
    need(path.exists(), "the recorded judgements of Kayenta")
    compared = 0
    for line in path.read_text().splitlines():
        case = json.loads(line)
        if case["kind"] != "metric" or not isinstance(case["output"].get("estimate"), float):
            continue
        sides = [case["input"][key] for key in ("experiment", "control")]
        values = sides[0] + sides[1]
        if None in values or len(set(values)) < len(values) or case["input"].get("outliers"):
            continue
        if min(map(len, sides)) < 20:
            continue  # Kayenta cuts its search to the range of the data
        compared += 1
        found = shift(samples(*sides), level=0.02)
        # a step of the order statistics is Kayenta's ambiguity beside its root tolerance of 1e-4
        table = np.sort(np.subtract.outer(*map(np.array, sides)), axis=None)
        middle = table.size // 2
        near = 3e-4 + table[min(middle + 2, table.size - 1)] - table[max(middle - 3, 0)]
        assert abs(found.effect - case["output"]["estimate"]) <= near
    assert compared > 30


def test_the_ratio_is_the_shift_of_logarithms():
    rng = np.random.default_rng(5)
    x, y = rng.lognormal(0.5, 1, 70), rng.lognormal(0, 1, 50)
    found = shift(samples(x, y), scale="ratio")
    logs = shift(samples(np.log(x), np.log(y)))
    assert found.effect_scale == "ratio"
    assert found.effect == pytest.approx(np.exp(logs.effect), rel=1e-12)
    assert found.interval.low == pytest.approx(np.exp(logs.interval.low), rel=1e-12)
    assert shift(samples([0.0, 1], [1.0, 2]), scale="ratio").status is Status.NOT_EVALUABLE


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_unit_scales_estimate_and_interval(unit):
    rng = np.random.default_rng(6)
    x, y = rng.lognormal(0.5, 1, 70), rng.lognormal(0, 1, 50)
    plain, scaled = shift(samples(x, y)), shift(samples(x * unit, y * unit))
    assert scaled.effect == pytest.approx(plain.effect * unit, rel=1e-12)
    assert scaled.interval.low == pytest.approx(plain.interval.low * unit, rel=1e-12)


def test_a_batch_is_a_loop_bit_for_bit():
    rng = np.random.default_rng(7)
    pairs = [samples(rng.lognormal(size=n), rng.lognormal(size=m)) for n, m in [(60, 60), (9, 300)]]
    pairs += [samples(rng.lognormal(size=60), rng.lognormal(size=60)), samples([], [1.0])]
    pairs += [Pair.gauge("g", canary=rng.normal(size=60), baseline=[np.nan, *rng.normal(size=59)])]
    pairs += [samples([np.inf] * 60, [np.inf] * 60)]
    assert shift(pairs) == [shift(p) for p in pairs]
    assert shift([]) == []


def test_a_hundred_thousand_values_a_side_are_compared():
    rng = np.random.default_rng(8)
    found = shift(samples(rng.normal(1, 1, 100_000), rng.normal(0, 1, 100_000)))
    assert found.effect == pytest.approx(1, abs=0.03)
    assert found.interval.high - found.interval.low < 0.03


def test_the_published_interval_of_the_permeability_data():
    """Hollander & Wolfe (1973), Nonparametric Statistical Methods, p. 69 f.

    The first example of R's ``wilcox.test``: W = 35, p = 0.1272 one-sided; with ``conf.int = TRUE``
    difference in location 0.305, interval from -0.15 to 0.76.
    """
    at_term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    earlier = [1.15, 0.88, 0.90, 0.74, 1.21]
    pair = samples(at_term, earlier)
    tested, found = mann_whitney(pair, alternative="greater"), shift(pair)
    assert tested.effect * 50 == 35
    assert tested.p_value == pytest.approx(0.1272, abs=5e-5)
    assert mann_whitney(pair).p_value == pytest.approx(0.2544, abs=5e-5)
    assert found.effect == pytest.approx(0.305, rel=1e-12)
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.15, 0.76), rel=1e-12)


def test_the_published_test_of_ozone_in_two_months():
    """The second example of R's ``wilcox.test``: W = 127.5, p = 0.0001208, with ties."""
    may = [41, 36, 12, 18, 28, 23, 19, 8, 7, 16, 11, 14, 18, 14, 34, 6, 30, 11, 1, 11, 4, 32, 23]
    may += [45, 115, 37]
    august = [39, 9, 16, 78, 35, 66, 122, 89, 110, 44, 28, 65, 22, 59, 23, 31, 44, 21, 9, 45, 168]
    august += [73, 76, 118, 84, 85]
    tested = mann_whitney(samples(may, august))
    assert tested.effect * len(may) * len(august) == pytest.approx(127.5, rel=1e-12)
    assert tested.p_value == pytest.approx(0.0001208, abs=5e-8)


@pytest.mark.parametrize("level", [0.1, 0.05, 0.01])
@pytest.mark.parametrize(("n", "m"), [(4, 6), (5, 10), (8, 12), (20, 20)])
def test_an_exact_interval_begins_at_the_tabled_order_statistic(n, m, level):
    """R's ``conf.int``: from the C-th smallest difference, C = qwilcox(level / 2, n, m)."""
    rng = np.random.default_rng(n * m)
    x, y = rng.normal(1, 1, n), rng.normal(0, 1, m)
    # P(U <= u) counted by scipy from a pair of samples with that u
    ranks = np.arange(1.0, n + m + 1)

    def cdf(u):
        low = np.arange(1.0, n + 1)
        for i in range(n - 1, -1, -1):
            low[i] += min(u, m)
            u -= min(u, m)
        rest = np.setdiff1d(ranks, low)
        return stats.mannwhitneyu(low, rest, alternative="less", method="exact").pvalue

    tabled = next(u for u in range(n * m) if cdf(u) >= level / 2)
    every = np.sort(np.subtract.outer(x, y), axis=None)
    interval = shift(samples(x, y), level=level).interval
    if tabled == 0:
        assert interval is None
    else:
        assert (interval.low, interval.high) == (every[tabled - 1], every[n * m - tabled])
