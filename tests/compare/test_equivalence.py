"""Non-inferiority and equivalence, whatever the kind."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from canarystats.compare import (
    equivalent,
    mann_whitney,
    not_worse,
    paired,
    quantile_ratio,
    rate_difference,
    rate_ratio,
    share_above,
)
from canarystats.errors import InputError
from canarystats.evidence import Question, Status
from canarystats.windows import Pair

BOUNDS = [0.1, 0.5, 1.0, np.inf]


def gauge(factor=1.0):
    rng = np.random.default_rng(1)
    x, y = 100 * np.exp(0.05 * rng.normal(size=(2, 200)))
    return Pair.gauge("cpu", canary=x * factor, baseline=y)


def samples(factor=1.0):
    rng = np.random.default_rng(2)
    x, y = np.exp(0.1 * rng.normal(size=(2, 200)))
    return Pair.samples("latency", canary=x * factor, baseline=y)


def counts(factor=1.0):
    return Pair.counts("requests", canary=([2000 * factor], [10**5]), baseline=([2000], [10**5]))


def histogram(factor=1.0):
    slow = 1000 * factor
    return Pair.histogram(
        "seconds",
        upper_bounds=BOUNDS,
        canary=[[9000 - slow, 500, slow, 0]],
        baseline=[[8000, 500, 1000, 0]],
    )


@pytest.mark.parametrize("make", [gauge, samples, counts])
def test_alike_is_shown_not_worse_and_equivalent_and_far_off_is_not(make):
    assert not_worse(make(), margin=0.2).decides
    assert equivalent(make(), margin=0.2).decides
    assert not not_worse(make(1.3), margin=0.2).decides
    assert not equivalent(make(1.3), margin=0.2).decides
    assert not equivalent(make(0.7), margin=0.2).decides
    assert not_worse(make(0.7), margin=0.2).decides
    assert not not_worse(make(0.7), margin=0.2, harmful="decrease").decides
    assert not_worse(make(1.3), margin=0.2, harmful="decrease").decides


def test_each_kind_asks_its_own_method():
    less = {"alternative": "less", "level": 0.05}
    asked = {
        gauge: paired(gauge(), margin=-0.2, **less),
        samples: mann_whitney(samples(), margin=-0.2, **less),
        counts: rate_ratio(counts(), null_ratio=1.2, **less),
        histogram: quantile_ratio(histogram(), q=0.9, null_ratio=1.2, **less),
    }
    for make, expected in asked.items():
        found = not_worse(make(), margin=0.2, q=0.9)
        assert (found.method, found.p_value) == (expected.method, expected.p_value)
        assert found.question is Question.NOT_WORSE
        assert found.margin == 0.2


def test_absolute_margins_are_in_the_metrics_unit():
    less = {"alternative": "less", "level": 0.05}
    found = not_worse(counts(), margin=0.002, absolute=True)
    assert found.p_value == rate_difference(counts(), margin=-0.002, **less).p_value
    found = not_worse(histogram(), margin=0.02, absolute=True, edge=0.5)
    assert found.p_value == share_above(histogram(), edge=0.5, margin=-0.02, **less).p_value
    x, y = (side[:, 0] for side in (samples().canary, samples().baseline))
    found = not_worse(samples(), margin=0.1, absolute=True)
    expected = stats.mannwhitneyu(x, y + 0.1, alternative="less").pvalue
    assert found.p_value == pytest.approx(expected, rel=1e-10)
    assert found.effect == mann_whitney(samples()).effect
    assert not_worse(gauge(), margin=20, absolute=True).effect_scale == "difference"
    assert equivalent(gauge(), margin=20, absolute=True).decides


def test_two_one_sided_tests_are_the_larger_p_value():
    one, two = (
        not_worse(counts(1.05), margin=0.2, harmful=harmful) for harmful in ("increase", "decrease")
    )
    both = equivalent(counts(1.05), margin=0.2)
    assert both.p_value == max(one.p_value, two.p_value)
    assert not_worse(counts(1.05), margin=0.2, harmful="either") == both


def test_too_little_data_shows_nothing():
    little = Pair.counts("requests", canary=([0], [10]), baseline=([1], [10]))
    assert not not_worse(little, margin=0.5).decides
    few = Pair.gauge("g", canary=[1.0, 1.1], baseline=[1.0, 1.05])
    found = equivalent(few, margin=0.5)
    assert found.status is Status.INSUFFICIENT
    assert not found.decides


@pytest.mark.parametrize(
    ("pair", "settings", "says"),
    [
        (counts(), {"margin": 0}, "margin is 0"),
        (counts(), {"margin": 1.0, "harmful": "decrease"}, "margin is 1.0"),
        (histogram(), {"margin": 0.1, "absolute": True}, "edge is missing"),
        (histogram(), {"margin": 0.1, "edge": 0.5}, "absolute margin only"),
        (Pair.events("panics", canary=[0, 0]), {"margin": 0.1}, "kind events"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(pair, settings, says):
    with pytest.raises(InputError, match=says):
        not_worse(pair, **settings)


def test_harm_at_the_margin_is_rarely_called_not_worse():
    rng = np.random.default_rng(3)
    runs = 400
    base = 100 * np.exp(0.1 * rng.normal(size=(2, runs, 60)))
    pairs = [Pair.gauge("g", canary=1.1 * x, baseline=y) for x, y in zip(*base, strict=True)]
    wrong = sum(not_worse(p, margin=0.1).decides for p in pairs)
    assert 0 < wrong <= stats.binom.ppf(0.9999, runs, 0.05)
