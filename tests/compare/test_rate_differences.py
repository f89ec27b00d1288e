"""Score comparisons of rates and shares against statsmodels and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.rates import confint_poisson_2indep
from statsmodels.stats.rates import test_poisson_2indep as poisson_test

from canarystats.compare import rate_difference, rate_ratio, share_above
from canarystats.errors import InputError
from canarystats.evidence import Status
from canarystats.windows import Pair

BOUNDS = [0.1, 0.5, 1.0, np.inf]


def counts(a, n, b, m):
    return Pair.counts("requests", canary=([a], [n]), baseline=([b], [m]))


def histogram(canary, baseline):
    return Pair.histogram("s", upper_bounds=BOUNDS, canary=canary, baseline=baseline)


@pytest.mark.parametrize(("a", "n", "b", "m"), [(56, 300, 48, 280), (12, 500, 30, 900)])
def test_poisson_differences_and_ratios_agree_with_statsmodels(a, n, b, m):
    for compare, ours in (
        ("diff", rate_difference(counts(a, n, b, m), model="poisson")),
        ("ratio", rate_ratio(counts(a, n, b, m), method="score", alternative="two-sided")),
    ):
        expected = poisson_test(a, n, b, m, method="score", compare=compare)
        assert ours.p_value == pytest.approx(expected.pvalue, rel=1e-10)
        ends = confint_poisson_2indep(a, n, b, m, method="score", compare=compare)
        # its root finder stops at about 1e-8
        assert (ours.interval.low, ours.interval.high) == pytest.approx(ends, abs=2e-8)


def test_equal_shares_are_the_chi_squared_test():
    p = stats.chi2_contingency([[30, 270], [50, 240]], correction=False).pvalue
    z = stats.norm.isf(p / 2) * np.sqrt(589 / 590)  # Miettinen and Nurminen's N / (N - 1)
    found = rate_difference(counts(30, 300, 50, 290))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(z), rel=1e-10)


@given(st.integers(0, 30), st.integers(30, 90), st.integers(0, 30), st.integers(30, 90))
def test_swapping_mirrors(a, n, b, m):
    for model in ("binomial", "poisson"):
        one = rate_difference(counts(a, n, b, m), model=model)
        two = rate_difference(counts(b, m, a, n), model=model)
        assert one.p_value == pytest.approx(two.p_value, abs=1e-12)
        if one.interval:
            assert one.interval.low == pytest.approx(-two.interval.high, abs=1e-9)


@given(st.integers(1, 30), st.integers(30, 90), st.integers(0, 30), st.integers(30, 90))
def test_the_interval_inverts_the_test(a, n, b, m):
    pair = counts(a, n, b, m)
    for model in ("binomial", "poisson"):
        low = rate_difference(pair, model=model).interval.low
        if -0.99 < low < 0.99:
            p = rate_difference(pair, model=model, alternative="greater", margin=low).p_value
            assert p == pytest.approx(0.025, rel=1e-6)


def test_no_events_are_no_events_unless_a_margin_is_asked_for():
    nothing = counts(0, 500, 0, 500)
    assert rate_difference(nothing).status is Status.NO_EVENTS
    proof = rate_difference(nothing, alternative="less", margin=-0.02)
    assert proof.decides
    assert rate_difference(counts(66, 240, 0, 240)).p_value < 1e-12
    assert rate_difference(counts(66, 24, 0, 24)).status is Status.NOT_EVALUABLE
    assert rate_difference(counts(66, 24, 0, 24), model="poisson").decides


def test_the_share_above_an_edge_is_a_rate():
    pair = histogram([[50, 30, 15, 5], [40, 30, 20, 10]], [[60, 30, 5, 5], [np.nan] * 4])
    found = share_above(pair, edge=0.5)
    expected = rate_difference(counts(20, 100, 10, 100))
    assert (found.p_value, found.interval) == (expected.p_value, expected.interval)
    assert found.method == "share_above"
    exact = share_above(pair, edge=0.5, threshold=0.1, alternative="greater")
    assert exact.p_value == pytest.approx(
        stats.binomtest(50, 200, 0.1, "greater").pvalue, rel=1e-10
    )
    raw = Pair.samples("s", canary=[0.2, 0.6, 0.7], baseline=[0.5, 0.1, 2.0])
    assert share_above(raw, edge=0.5).effect == pytest.approx(1 / 3)


def test_an_edge_between_two_bounds_is_refused():
    pair = histogram([[1, 1, 1, 1]], [[1, 1, 1, 1]])
    with pytest.raises(InputError, match="one of the finite bounds"):
        share_above(pair, edge=0.3)
    with pytest.raises(InputError, match="one of the finite bounds"):
        share_above(pair, edge=np.inf)
    with pytest.raises(InputError, match="beside a threshold"):
        share_above(pair, edge=0.5, threshold=0.1, margin=0.1)
