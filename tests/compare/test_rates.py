"""Exact tests of event rates, against scipy, statsmodels and recorded failures of others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.rates import test_poisson_2indep as poisson_2indep

from canarystats.compare import rate_level, rate_ratio
from canarystats.errors import InputError
from canarystats.evidence import Question, Status
from canarystats.windows import Pair

EVENTS = st.integers(0, 400)
EXPOSURE = st.integers(400, 100_000)


def counts(x1, e1, x0, e0):
    return Pair.counts("requests", canary=([x1], [e1]), baseline=([x0], [e0]))


@given(EVENTS, EXPOSURE, EVENTS.filter(bool), EXPOSURE, st.floats(0.3, 3))
def test_one_sided_p_values_are_scipys_and_statsmodels(x1, e1, x0, e0, ratio):
    share = ratio * e1 / (ratio * e1 + e0)
    for alternative, larger in (("greater", "larger"), ("less", "smaller")):
        found = rate_ratio(counts(x1, e1, x0, e0), alternative=alternative, null_ratio=ratio)
        binomial = stats.binomtest(x1, x1 + x0, share, alternative=alternative)
        assert found.p_value == pytest.approx(binomial.pvalue, rel=1e-9, abs=1e-10)
        poisson = poisson_2indep(
            x1, e1, x0, e0, value=ratio, method="exact-cond", alternative=larger, compare="ratio"
        )
        assert found.p_value == pytest.approx(poisson.pvalue, rel=1e-9, abs=1e-10)
        assert found.effect == pytest.approx((x1 / e1) / (x0 / e0))


@given(EVENTS, EXPOSURE, EVENTS.filter(bool), EXPOSURE)
def test_the_interval_is_clopper_and_pearsons_on_the_ratio(x1, e1, x0, e0):
    found = rate_ratio(counts(x1, e1, x0, e0), alternative="two-sided", level=0.05)
    share = stats.binomtest(x1, x1 + x0).proportion_ci(0.95, method="exact")
    assert found.interval.low == pytest.approx(e0 / e1 * share.low / (1 - share.low), rel=1e-9)
    assert found.interval.high == pytest.approx(e0 / e1 * share.high / (1 - share.high), rel=1e-7)
    assert found.interval.level == pytest.approx(0.95)


@given(EVENTS, EXPOSURE, EVENTS, EXPOSURE, st.floats(0.3, 3), st.floats(0.001, 0.3))
def test_a_one_sided_test_rejects_exactly_what_its_interval_excludes(x1, e1, x0, e0, ratio, level):
    found = rate_ratio(counts(x1, e1, x0, e0), null_ratio=ratio, level=level)
    if found.interval is None or abs(found.p_value - level) < 1e-9:
        return
    assert (found.p_value < level) == (found.interval.low > ratio)
    assert found.interval.level == pytest.approx(1 - 2 * level)


@given(EVENTS, EXPOSURE, EVENTS.filter(bool), EXPOSURE)
def test_swapping_the_sides_mirrors_the_answer(x1, e1, x0, e0):
    one = rate_ratio(counts(x1, e1, x0, e0), alternative="greater")
    two = rate_ratio(counts(x1, e1, x0, e0).swapped(), alternative="less")
    assert one.p_value == pytest.approx(two.p_value, rel=1e-9, abs=1e-300)


@given(EVENTS, EVENTS, EXPOSURE, EXPOSURE)
def test_one_more_canary_error_never_looks_better(x1, x0, e1, e0):
    fewer, more = counts(x1, e1, x0, e0), counts(x1 + 1, e1, x0, e0)
    assert rate_ratio(more).p_value <= rate_ratio(fewer).p_value + 1e-12


def test_sixty_six_errors_against_none_are_overwhelming():
    """0 against 66 errors in 240 minutes: a rank test on minutes passed this canary."""
    errors = np.zeros(240)
    errors[::4] = 1
    errors[:6] += 1
    pair = Pair.counts(
        "errors", canary=(errors, np.ones(240)), baseline=(np.zeros(240), np.ones(240))
    )
    found = rate_ratio(pair, level=0.01)
    assert errors.sum() == 66
    assert found.decides
    assert found.p_value == pytest.approx(0.5**66)
    assert found.effect is None
    assert found.interval.low == pytest.approx(13.8, abs=0.05)
    assert found.interval.high is None
    assert found.detail == "66 events against none"


def test_ten_times_the_errors_at_a_small_rate_are_found():
    """0.02 -> 0.2 per minute: expected 4.8 against 48 events."""
    assert rate_ratio(counts(48, 240, 5, 240)).p_value < 1e-8


def test_a_few_errors_against_none_decide_when_they_can():
    """0, 1, 2, 1, 0, 0 against zeros: p = 1/16."""
    pair = Pair.counts("e", canary=([0, 1, 2, 1, 0, 0], [1] * 6), baseline=([0] * 6, [1] * 6))
    found = rate_ratio(pair)
    assert found.p_value == pytest.approx(1 / 16)
    assert found.status is Status.INSUFFICIENT
    assert rate_ratio(counts(5, 6, 0, 6)).decides


def test_statuses():
    assert rate_ratio(counts(0, 100, 0, 100)).status is Status.NO_EVENTS
    assert rate_ratio(counts(0, 100, 0, 100)).p_value == 1
    assert rate_ratio(counts(0, 0, 3, 100)).status is Status.ONE_SIDE_ONLY
    assert rate_ratio(counts(0, 0, 0, 0)).status is Status.NO_DATA
    lonely = Pair.counts("requests", canary=([1], [2]))
    assert rate_ratio(lonely).status is Status.ONE_SIDE_ONLY
    assert rate_ratio(lonely).seen == ("no baseline",)
    apart = Pair.counts(
        "requests", canary=([1, np.nan], [9, np.nan]), baseline=([np.nan, 1], [np.nan, 9])
    )
    assert rate_ratio(apart).status is Status.INSUFFICIENT


def test_ticks_missing_on_either_side_are_left_out_of_both():
    pair = Pair.counts(
        "requests",
        canary=([1, np.nan, 40], [100, np.nan, 100]),
        baseline=([2, 3, np.nan], [100, 100, np.nan]),
    )
    found = rate_ratio(pair)
    assert (found.n_canary, found.n_baseline) == (100, 100)
    assert found.effect == 0.5
    assert found.seen == ("canary: 1 of 3 ticks missing", "baseline: 1 of 3 ticks missing")


def test_a_ramp_of_the_traffic_share_is_told():
    pair = Pair.counts(
        "requests", canary=([0] * 6, [1, 1, 5, 5, 50, 50]), baseline=([1] * 6, [99] * 6)
    )
    assert "share of the exposure moved" in rate_ratio(pair).seen[0]


def test_the_question_depends_on_ratio_and_direction():
    pair = counts(5, 100, 5, 100)
    assert rate_ratio(pair).question is Question.WORSE
    assert rate_ratio(pair, null_ratio=1.5).question is Question.BEYOND
    assert rate_ratio(pair, null_ratio=1.5, alternative="less").question is Question.NOT_WORSE
    assert rate_ratio(pair, alternative="two-sided").question is Question.DIFFERENCE


@pytest.mark.parametrize(
    ("rates", "ratio"), [((0.02, 0.02), 1.0), ((0.3, 0.2), 1.5), ((0.001, 0.001), 1.0)]
)
def test_the_level_holds_at_the_edge_of_the_hypothesis(rates, ratio):
    rng = np.random.default_rng(23)
    runs, rejected = 2000, 0
    x1, x0 = rng.poisson(rates[0] * 500, runs), rng.poisson(rates[1] * 9500, runs)
    for a, b in zip(x1, x0, strict=True):
        rejected += rate_ratio(counts(a, 500, b, 9500), null_ratio=ratio).decides
    assert rejected <= stats.binom.ppf(1 - 1e-4, runs, 0.05)
    assert rejected >= (runs * 0.01 if rates[1] > 0.01 else 0)


@given(EVENTS, EXPOSURE, st.floats(0.001, 0.9))
def test_a_level_is_tested_as_scipy_does(x, n, threshold):
    pair = Pair.counts("requests", canary=([x], [n]))
    for alternative in ("greater", "less"):
        expected = stats.binomtest(x, n, threshold, alternative=alternative)
        found = rate_level(pair, threshold=threshold, alternative=alternative, level=0.025)
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-10)
    ends = stats.binomtest(x, n).proportion_ci(0.95, method="exact")
    assert found.interval.low == pytest.approx(ends.low, abs=1e-10)
    assert found.interval.high == pytest.approx(ends.high, abs=1e-10)
    assert found.question is Question.LEVEL
    assert (found.effect, found.reference) == (x / n, threshold)


def test_a_level_without_exposure_or_with_more_events_than_exposure():
    nothing = rate_level(Pair.counts("r", canary=([np.nan], [np.nan])), threshold=0.05)
    assert nothing.status is Status.NO_DATA
    assert nothing.seen == ("canary: 1 of 1 ticks missing",)
    more = rate_level(Pair.counts("r", canary=([12], [10])), threshold=0.05)
    assert more.observed == 1
    assert more.decides
    assert "12 events out of an exposure of 10" in more.seen[0]
    few = rate_level(Pair.counts("r", canary=([0], [3])), threshold=0.05, alternative="less")
    assert few.status is Status.INSUFFICIENT


def test_wrong_settings_are_refused():
    gauge = Pair.gauge("cpu", canary=[1.0], baseline=[1.0])
    for call in (lambda: rate_ratio(gauge), lambda: rate_level(gauge, threshold=0.1)):
        with pytest.raises(InputError, match="kind gauge"):
            call()
    with pytest.raises(InputError, match="null_ratio is 0"):
        rate_ratio(counts(1, 2, 1, 2), null_ratio=0)
    with pytest.raises(InputError, match="threshold is 5"):
        rate_level(counts(1, 2, 1, 2), threshold=5)
    with pytest.raises(InputError, match=r"level is 0\.5"):
        rate_ratio(counts(1, 2, 1, 2), level=0.5)


@given(st.integers(0, 40), st.integers(1, 40), st.sampled_from(["greater", "less"]))
def test_fishers_test_is_the_limit_of_rare_events(x1, x0, alternative):
    """Fisher conditions on the events, too; where they are rare the two are one test."""
    for exposure in (10**8, 200):
        table = [[x1, exposure - x1], [x0, exposure - x0]]
        fisher = stats.fisher_exact(table, alternative=alternative).pvalue
        found = rate_ratio(counts(x1, exposure, x0, exposure), alternative=alternative).p_value
        if exposure > 200:
            assert found == pytest.approx(fisher, rel=1e-4)
        if fisher < 0.1:
            assert found >= fisher * (1 - 1e-6)  # conservative for events out of requests
