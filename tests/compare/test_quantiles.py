"""Quantile ratios: the level they keep, what they find, and what buckets cannot say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from canarystats.compare import histogram_quantile, quantile_level, quantile_ratio
from canarystats.errors import InputError
from canarystats.evidence import Question, Status
from canarystats.windows import Pair

BOUNDS = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, np.inf]
SIDES = st.lists(st.integers(1, 60).map(float), min_size=3, max_size=80)


def samples(x, y):
    return Pair.samples("latency_seconds", canary=x, baseline=y)


def histogram(x, y):
    edges = [-np.inf, *BOUNDS]
    # Prometheus buckets include their upper end
    rows = [[-np.histogram(-v, -np.array(edges)[::-1])[0][::-1] * -1] for v in (x, y)]
    return Pair.histogram("latency_seconds", upper_bounds=BOUNDS, canary=rows[0], baseline=rows[1])


def brute_force(x, y, q, ratio, levels):
    """The least level at which the two halves reject, by the definition."""
    x, y = np.asarray(x), np.sort(y)
    bounding = stats.binom.sf(np.arange(len(y)), len(y), q)
    exceeding = stats.binom.sf([(x > ratio * a).sum() - 1 for a in y], len(x), 1 - q)
    for level in levels:
        bounds = np.flatnonzero(bounding <= level / 2)
        if bounds.size and exceeding[bounds[0]] <= level / 2:
            return level
    return 1.0


@settings(max_examples=40)
@given(SIDES, SIDES, st.sampled_from([0.5, 0.9]), st.sampled_from([0.5, 1.0, 2.0]))
def test_the_p_value_is_the_least_level_that_rejects(x, y, q, ratio):
    y = np.sort(np.array(y) + np.linspace(0, 0.5, len(y)))  # the definition above knows no ties
    found = quantile_ratio(samples(x, y), q=q, null_ratio=ratio).p_value
    levels = np.geomspace(1e-6, 0.999, 400)
    expected = brute_force(x, y, q, ratio, levels)
    assert found <= expected * (1 + 1e-9)
    assert found >= min(expected / (levels[1] / levels[0]) * (1 - 1e-9), 1) or expected == 1


@given(SIDES, SIDES, st.sampled_from([0.5, 0.9]), st.floats(0.01, 0.4))
def test_a_test_rejects_what_its_interval_excludes(x, y, q, level):
    found = quantile_ratio(samples(x, y), q=q, level=level)
    if found.p_value < level - 1e-9:
        assert found.interval.low > 1
    if found.interval is not None and found.interval.low > 1:
        assert found.p_value <= level + 1e-9


@given(SIDES, SIDES, st.sampled_from([2.0**-30, 2.0**30]))
def test_units_do_not_matter_and_less_mirrors_greater(x, y, unit):
    found = quantile_ratio(samples(x, y), q=0.8)
    other = quantile_ratio(samples(np.array(x) * unit, np.array(y) * unit), q=0.8)
    assert (other.p_value, other.effect) == (found.p_value, found.effect)
    turned = samples(-np.array(x), -np.array(y))
    less = quantile_ratio(turned, q=0.2, alternative="less").p_value
    assert less == pytest.approx(found.p_value, rel=1e-9)


@pytest.mark.parametrize("make", [samples, histogram])
@pytest.mark.parametrize(("q", "ratio"), [(0.9, 1.0), (0.9, 2.0), (0.99, 2.0)])
def test_the_level_holds_at_the_edge_of_the_hypothesis(make, q, ratio):
    rng = np.random.default_rng(31)
    runs = 300
    pairs = [
        make(ratio * rng.lognormal(-2, 0.8, 400), rng.lognormal(-2, 0.8, 800)) for _ in range(runs)
    ]
    rejected = [
        sum(
            e.decides for e in quantile_ratio(pairs, q=q, null_ratio=ratio, alternative=alternative)
        )
        for alternative in ("greater", "less")
    ]
    assert max(rejected) <= stats.binom.ppf(1 - 1e-4, runs, 0.05)


def test_a_tail_three_times_as_slow_is_found_beyond_twice():
    rng = np.random.default_rng(5)
    slow = rng.lognormal(-2, 0.6, 6000)
    slow[rng.random(6000) < 0.05] *= 6
    pair = samples(slow, rng.lognormal(-2, 0.6, 60_000))
    found = quantile_ratio(pair, q=0.99, null_ratio=2.0, level=0.01)
    assert found.decides
    assert found.question is Question.BEYOND
    assert found.interval.low > 2
    buckets = quantile_ratio(histogram(slow, pair.baseline[:, 0]), q=0.99, level=0.01)
    assert buckets.decides


def test_buckets_are_never_read_more_finely_than_they_are():
    """A shift inside one bucket cannot be seen; raw samples show it."""
    x, y = np.full(500, 0.45), np.full(500, 0.25)
    assert quantile_ratio(samples(x, y), q=0.5).decides
    found = quantile_ratio(histogram(x, y), q=0.5)
    assert not found.decides
    assert found.interval.low <= 1 <= found.interval.high
    assert (found.observed, found.reference) == (0.35, 0.35)


def test_the_last_bucket_has_no_upper_end():
    found = quantile_ratio(histogram(np.full(500, 99.0), np.full(500, 0.03)), q=0.5, null_ratio=2)
    assert found.decides
    assert found.interval.low == 100
    assert found.interval.high is None


def test_a_p99_needs_368_baseline_observations():
    rng = np.random.default_rng(6)
    for m, status in ((367, Status.INSUFFICIENT), (368, Status.OK)):
        pair = samples(rng.lognormal(5, 1, 50), rng.lognormal(0, 1, m))
        found = quantile_ratio(pair, q=0.99)
        assert found.status is status
        assert found.p_value < 0.06


def test_statuses_and_missing_ticks():
    assert quantile_ratio(samples([], [])).status is Status.NO_DATA
    assert quantile_ratio(samples([1.0], [])).status is Status.ONE_SIDE_ONLY
    k = len(BOUNDS)
    lonely = Pair.histogram("latency_seconds", upper_bounds=BOUNDS, canary=np.ones((2, k)))
    assert quantile_ratio(lonely).status is Status.ONE_SIDE_ONLY
    canary, baseline = np.ones((3, k)), np.ones((3, k))
    canary[1] = np.nan
    pair = Pair.histogram("l", upper_bounds=BOUNDS, canary=canary, baseline=baseline)
    found = quantile_ratio(pair, q=0.5)
    assert (found.n_canary, found.n_baseline) == (2 * k, 2 * k)
    assert found.seen == ("canary: 1 of 3 ticks missing",)


def test_values_of_both_signs_have_no_ratio_but_a_p_value():
    rng = np.random.default_rng(8)
    found = quantile_ratio(samples(rng.normal(3, 1, 200), rng.normal(0, 1, 200)), q=0.5)
    assert found.interval is None
    assert found.p_value < 1e-6


@pytest.mark.parametrize(
    ("counts", "q", "expected"),
    [
        ([0, 0, 50, 50, 0, 0, 0, 0], 0.75, (0.2, 0.5, 0.35)),
        ([0, 0, 0, 0, 0, 0, 0, 9], 0.5, (5.0, None, 5.0)),
        ([4, 0, 0, 0, 0, 0, 0, 0], 0.5, (0.0, 0.05, 0.025)),
        ([0] * 8, 0.5, (None, None, None)),
    ],
)
def test_a_bracket_holds_the_value_prometheus_interpolates(counts, q, expected):
    found = histogram_quantile(BOUNDS, counts, q)
    for value, wanted in zip(found, expected, strict=True):
        assert value == (wanted if wanted is None else pytest.approx(wanted))


def test_wrong_settings_are_refused():
    with pytest.raises(InputError, match="kind counts"):
        quantile_ratio(Pair.counts("requests", canary=([1], [2]), baseline=([1], [2])))
    for setting in ({"q": 1}, {"null_ratio": -1}, {"level": 0}, {"alternative": "up"}):
        with pytest.raises(InputError, match=next(iter(setting))):
            quantile_ratio(samples([1.0], [1.0]), **setting)
    with pytest.raises(InputError, match="last one infinite"):
        histogram_quantile([1, 2], [1, 2], 0.5)
    with pytest.raises(InputError, match="must increase"):
        histogram_quantile([2, 1, np.inf], [1, 2, 3], 0.5)
    with pytest.raises(InputError, match="counts must be 2"):
        histogram_quantile([1, np.inf], [1, -2], 0.5)


def test_a_quantile_is_held_against_a_constant_by_a_binomial_test():
    rng = np.random.default_rng(9)
    values = rng.lognormal(-1, 0.7, 400)
    pair = Pair.samples("latency_seconds", canary=values, baseline=[])
    for alternative, successes, share in (
        ("greater", int((values > 0.7).sum()), 0.2),
        ("less", int((values < 0.7).sum()), 0.8),
    ):
        found = quantile_level(pair, q=0.8, threshold=0.7, alternative=alternative)
        expected = stats.binomtest(successes, 400, share, alternative="greater")
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-10)
        assert found.question is Question.LEVEL
        assert found.effect == np.sort(values)[319] / 0.7
        # the interval inverts the one-sided tests
        for end, side in ((found.interval.low, "greater"), (found.interval.high, "less")):
            p = quantile_level(pair, q=0.8, threshold=0.7 * end * (1 + 1e-12), alternative=side)
            q = quantile_level(pair, q=0.8, threshold=0.7 * end * (1 - 1e-12), alternative=side)
            assert min(p.p_value, q.p_value) <= 0.05 < max(p.p_value, q.p_value)


def test_a_quantile_of_buckets_has_edges_for_bounds():
    bounds, counts = [0.1, 0.5, 1.0, np.inf], [[900, 60, 40, 0], [np.nan] * 4]
    pair = Pair.histogram("latency_seconds", upper_bounds=bounds, canary=counts)
    found = quantile_level(pair, q=0.98, threshold=0.5)
    assert (found.interval.low, found.interval.high) == (1.0, 2.0)
    assert found.decides
    assert found.seen == ("canary: 1 of 2 ticks missing",)
    assert found.p_value == pytest.approx(stats.binom.sf(39, 1000, 0.02), rel=1e-10)
    # within the bucket that holds it nothing can be shown, either way
    for alternative in ("greater", "less"):
        inside = quantile_level(pair, q=0.98, threshold=0.7, alternative=alternative)
        assert not inside.decides
    few = quantile_level(Pair.samples("s", canary=[1.0] * 9, baseline=[]), threshold=0.5, q=0.5)
    assert few.decides
    nothing = Pair.samples("s", canary=[], baseline=[1.0])
    assert quantile_level(nothing, threshold=0.5).status is Status.NO_DATA
    short = Pair.samples("s", canary=[0.1] * 9, baseline=[])
    assert quantile_level(short, threshold=0.5, alternative="less").status is Status.INSUFFICIENT


def test_a_quantiles_interval_covers():
    rng = np.random.default_rng(10)
    pairs = [Pair.samples("s", canary=rng.exponential(size=60), baseline=[]) for _ in range(400)]
    found = quantile_level(pairs, q=0.9, threshold=float(np.log(10)), alternative="two-sided")
    held = sum(one.interval.low <= 1 <= (one.interval.high or np.inf) for one in found)
    assert held >= stats.binom.ppf(1e-4, 400, 0.95)
    assert sum(one.decides for one in found) <= stats.binom.ppf(1 - 1e-4, 400, 0.05)
