"""Ranks and stochastic order of histograms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canarystats.compare import mann_whitney, stochastic_order
from canarystats.errors import InputError
from canarystats.evidence import Status
from canarystats.windows import Pair

BOUNDS = [1.0, 2.0, 3.0, np.inf]
# a last bucket of five or more could look like a running total
COUNTS = st.tuples(*(st.integers(0, most) for most in (12, 12, 12, 4))).map(list)


def histogram(canary, baseline):
    return Pair.histogram("s", upper_bounds=BOUNDS, canary=canary, baseline=baseline)


def spelled_out(counts):
    return np.repeat([0.5, 1.5, 2.5, 3.5], counts)


@given(COUNTS, COUNTS, st.sampled_from(["two-sided", "greater", "less"]))
def test_buckets_rank_as_their_observations_do(canary, baseline, alternative):
    settings = {"alternative": alternative, "level": 0.05}
    found = mann_whitney(histogram([canary], [baseline]), **settings)
    raw = Pair.samples("s", canary=spelled_out(canary), baseline=spelled_out(baseline))
    expected = mann_whitney(raw, **settings)
    for name in ("status", "p_value", "effect", "interval", "n_canary", "n_baseline"):
        assert getattr(found, name) == getattr(expected, name)


def test_scipy_agrees_on_a_million_observations():
    rng = np.random.default_rng(1)
    canary, baseline = rng.multinomial(10**6, [0.5, 0.3, 0.15, 0.05], size=2)
    found = mann_whitney(histogram([canary], [baseline]))
    few = mann_whitney(histogram([canary // 1000], [baseline // 1000]))
    raw = [spelled_out(side // 1000) for side in (canary, baseline)]
    assert few.p_value == pytest.approx(stats.mannwhitneyu(*raw).pvalue, rel=1e-10)
    assert found.n_canary == 10**6


def test_histograms_and_samples_share_a_batch_in_order():
    pairs = [
        histogram([[5, 5, 0, 0]], [[0, 5, 5, 0]]),
        Pair.samples("a", canary=[1.0, 2, 3], baseline=[4.0, 5, 6]),
        histogram([[0, 0, 0, 0]], [[1, 2, 3, 4]]),
    ]
    found = mann_whitney(pairs)
    assert found == [mann_whitney(p) for p in pairs]
    assert found[2].status is Status.ONE_SIDE_ONLY
    with pytest.raises(InputError, match="quantile_ratio"):
        mann_whitney(pairs[0], margin=0.1)


def test_the_order_is_smirnovs_statistic():
    rng = np.random.default_rng(2)
    x, y = rng.normal(0.5, 1, 200), rng.normal(0, 1, 300)
    found = stochastic_order(Pair.samples("s", canary=x, baseline=y))
    # scipy's "less" says that the first distribution function lies below: larger values
    expected = stats.ks_2samp(x, y, alternative="less", method="asymp")
    assert found.effect == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(np.exp(-2 * expected.statistic**2 * 120), rel=1e-10)


def test_a_slow_tail_that_the_middle_hides_is_seen():
    pair = histogram([[450, 350, 0, 200]], [[350, 400, 230, 20]])
    assert not mann_whitney(pair, alternative="greater").decides
    found = stochastic_order(pair, level=0.001)
    assert found.decides
    assert found.effect == pytest.approx(0.18)
    assert not stochastic_order(pair, margin=0.17).decides


def test_the_order_keeps_its_level():
    rng = np.random.default_rng(3)
    runs = 500
    draws = rng.multinomial(150, [0.4, 0.3, 0.2, 0.1], size=(2, runs))
    pairs = [histogram([a], [b]) for a, b in zip(*draws, strict=True)]
    alarms = sum(stochastic_order(p).decides for p in pairs)
    assert 0 < alarms <= stats.binom.ppf(0.9999, runs, 0.05)
    assert stochastic_order(histogram([[1, 0, 0, 0]], [[0, 0, 0, 1]])).status is Status.INSUFFICIENT
    assert stochastic_order(pairs[0], alternative="two-sided").p_value <= 1
