"""One point a side, a million, any unit, infinities, constants: an answer or a status, always."""

from __future__ import annotations

import numpy as np
import pytest

from canarystats.compare import brunner_munzel, mann_whitney, paired, shift, spread
from canarystats.evidence import Status
from canarystats.windows import Pair

BY_RANKS = (mann_whitney, brunner_munzel, shift, spread)
UNITS = (1e-9, 1e-6, 1e-3, 1e3, 1e9)


def samples(x, y):
    return Pair.samples("s", canary=x, baseline=y)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("n", [5, 60, 700])
def test_a_unit_changes_no_p_value_and_scales_the_shift(unit, n):
    rng = np.random.default_rng(n)
    x, y = rng.lognormal(0.3, 1, n), rng.lognormal(0, 1, n)
    plain, scaled = samples(x, y), samples(x * unit, y * unit)
    for method in (mann_whitney, brunner_munzel):
        one, two = method(plain), method(scaled)
        assert (one.p_value, one.effect, one.interval) == (two.p_value, two.effect, two.interval)
    one, two = shift(plain), shift(scaled)
    assert two.effect == pytest.approx(one.effect * unit, rel=1e-12)
    assert two.interval.low == pytest.approx(one.interval.low * unit, rel=1e-12)
    assert two.interval.high == pytest.approx(one.interval.high * unit, rel=1e-12)
    ratio, same = shift(plain, scale="ratio"), shift(scaled, scale="ratio")
    assert same.effect == pytest.approx(ratio.effect, rel=1e-12)
    assert same.interval.high == pytest.approx(ratio.interval.high, rel=1e-12)
    one, two = spread(plain), spread(scaled)
    assert two.p_value == pytest.approx(one.p_value, rel=1e-12)
    assert two.effect == pytest.approx(one.effect, rel=1e-12)


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_scales_a_paired_difference(unit):
    rng = np.random.default_rng(4)
    x, y = rng.normal(10, 1, 80), rng.normal(9, 1, 80)
    one = paired(Pair.gauge("g", canary=x, baseline=y), scale="difference")
    two = paired(Pair.gauge("g", canary=x * unit, baseline=y * unit), scale="difference")
    assert two.p_value == pytest.approx(one.p_value, rel=1e-11)
    assert two.effect == pytest.approx(one.effect * unit, rel=1e-12)
    assert two.interval.low == pytest.approx(one.interval.low * unit, rel=1e-11)


@pytest.mark.parametrize("method", BY_RANKS)
def test_one_point_a_side_is_too_little_and_says_so(method):
    found = method(samples([3.7], [7.9]))
    assert found.status is not Status.OK
    assert not found.decides
    assert method(Pair.gauge("g", canary=[3.7], baseline=[7.9])).status is not Status.OK


def test_one_point_against_many():
    found = mann_whitney(samples([99.0], np.arange(50.0)), alternative="greater")
    assert found.p_value == pytest.approx(1 / 51, rel=1e-12)
    assert shift(samples([99.0], np.arange(50.0)), level=0.1).interval.low == 51


@pytest.mark.parametrize("n", [1, 2, 3, 10, 31, 1000])
def test_every_size_is_answered(n):
    rng = np.random.default_rng(n)
    for method in BY_RANKS:
        found = method(samples(rng.normal(1, 1, n), rng.normal(0, 1, n)))
        assert (found.n_canary, found.n_baseline) == (n, n)
        assert found.status in {Status.OK, Status.INSUFFICIENT, Status.DEGENERATE}


def test_a_million_values_a_side():
    rng = np.random.default_rng(1)
    pair = samples(rng.lognormal(0.02, 1, 10**6), rng.lognormal(0, 1, 10**6))
    tested, moved = mann_whitney(pair), shift(pair, scale="ratio")
    assert tested.p_value < 1e-20
    assert tested.effect == pytest.approx(0.5056, abs=0.002)
    assert moved.interval.low < np.exp(0.02) < moved.interval.high
    assert moved.interval.high / moved.interval.low < 1.007


def test_infinities_of_either_sign_are_ranked():
    x = np.concatenate([np.full(6, np.inf), np.arange(20.0)])
    y = np.concatenate([np.full(6, -np.inf), np.arange(20.0)])
    finite = np.where(np.isinf(x), 1e9, x), np.where(np.isinf(y), -1e9, y)
    for method in (mann_whitney, brunner_munzel):
        assert method(samples(x, y)).p_value == method(samples(*finite)).p_value
    found = shift(samples(x, y))
    assert found.status is Status.OK
    assert found.interval.high is None  # a third of the differences is infinite
    assert found.interval.low == shift(samples(*finite)).interval.low
    assert spread(samples(x, y)).status is Status.NOT_EVALUABLE


@pytest.mark.parametrize("size", [2, 9, 60])
def test_constants(size):
    same = samples([5.0] * size, [5.0] * size)
    assert mann_whitney(same).status is Status.DEGENERATE
    assert shift(same).effect == 0
    apart = mann_whitney(samples([5.0] * size, [0.5] * size))
    assert apart.effect == 1
    assert apart.decides == (size > 2)
