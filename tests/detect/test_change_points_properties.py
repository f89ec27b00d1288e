"""What must not change the answer: units, scales, the direction of time, a batch's company."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import canarystats as cs
from canarystats.kernels.normal_scores import normal_scores
from canarystats.kernels.step_search import search
from tests.detect.processes import ar1


@st.composite
def series(draw, *, settled=False):
    """Independent or autocorrelated noise with up to three steps; else a walk, or along a ramp."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(20, 300))
    values = ar1(rng, 1, n, draw(st.sampled_from([0.0, 0.6])))[0]
    if not settled:
        values = draw(st.sampled_from([np.positive, np.cumsum]))(values)
        values += draw(st.sampled_from([0.0, 5.0, -40.0])) * np.arange(n) / n
    for place, size in draw(
        st.lists(st.tuples(st.integers(1, n - 1), st.floats(-4, 4)), max_size=3)
    ):
        values[place:] += size
    return values


def indices(points):
    return [point.index for point in points]


@settings(max_examples=25, deadline=None)
@given(series())
def test_a_strictly_increasing_scale_moves_no_point(values):
    found = indices(cs.detect.change_points(values))
    for scaled in (np.exp(values), values**3, 8.0 * values, np.arctan(values)):
        assert indices(cs.detect.change_points(scaled)) == found


@settings(max_examples=25, deadline=None)
@given(series(), st.sampled_from([2.0**-10, 0.5, 1024.0]), st.sampled_from([-64.0, 0.0, 4096.0]))
def test_units_scale_the_effect_and_nothing_else(values, scale, shift):
    values = np.round(values, 3)
    rescaled = cs.detect.change_points(scale * values + shift)
    for before, after in zip(cs.detect.change_points(values), rescaled, strict=True):
        assert (before.index, before.p_value, before.interval) == (
            after.index,
            after.p_value,
            after.interval,
        )
        assert after.effect == pytest.approx(scale * before.effect, rel=1e-9, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(series(settled=True))
def test_backwards_the_points_are_mirrored(values):
    """Where the ends of a ramp hold all the extremes, places at equal distances from them tie."""
    forwards = indices(cs.detect.change_points(values))
    backwards = indices(cs.detect.change_points(values[::-1]))
    assert backwards == [len(values) - index for index in reversed(forwards)]


@settings(max_examples=25, deadline=None)
@given(series())
def test_upside_down_the_points_stay(values):
    assert indices(cs.detect.change_points(-values)) == indices(cs.detect.change_points(values))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 400))
def test_a_batch_is_the_loop_bit_for_bit(seed, n):
    rng = np.random.default_rng(seed)
    rows = ar1(rng, 7, n, 0.5) + 3 * (np.arange(n) >= rng.integers(1, n, size=(7, 1)))
    rows[:2] = np.cumsum(rows[:2], axis=1)
    rows[2:5] += np.array([[4], [-9], [50]]) * np.arange(n) / n
    scores = normal_scores(rows)
    for alone, batched in zip(rows, search(scores, 10, 0.01), strict=True):
        (single,) = search(normal_scores(alone[None]), 10, 0.01)
        assert single.places.tolist() == batched.places.tolist()
        assert single.p_values.tobytes() == batched.p_values.tobytes()
        assert (single.time, single.long_run_variance, single.smallest_p, single.settled) == (
            batched.time,
            batched.long_run_variance,
            batched.smallest_p,
            batched.settled,
        )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rows_with_gaps_are_the_loop_too(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(5, 120)) + 3 * (np.arange(120) >= 50)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    assert cs.detect.change_points(rows) == [cs.detect.change_points(row) for row in rows]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.floats(), st.just(1.0)), max_size=60))
def test_no_numbers_at_all_make_it_raise(values):
    found = cs.detect.change_points(values)
    assert [0 < point.index < len(values) for point in found] == [True] * len(found)
    assert all(point.interval.low <= point.at <= point.interval.high for point in found)
    assert all(0 <= point.p_value <= 0.01 for point in found)
