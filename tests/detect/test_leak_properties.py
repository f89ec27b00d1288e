"""What must not change the answer: units, levels, the clock, a batch's company; and what must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canarystats.detect import leak
from tests.detect.processes import ar1

START = 1e6


@st.composite
def series(draw):
    """Noise with memory, a rise, and perhaps a step or a tooth."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(24, 300))
    values = ar1(rng, 1, n, draw(st.sampled_from([0.0, 0.6, 0.95])))[0]
    values = values + draw(st.floats(-6, 12)) * np.arange(n) / n
    values[draw(st.integers(1, n - 1)) :] += draw(st.sampled_from([0.0, 3.0]))
    return START + values + draw(st.sampled_from([0.0, 8.0])) * ((np.arange(n) / 19) % 1)


def ticks(values):
    return np.arange(len(values)) * 60.0


def free(values, baseline=None, times=None, **settings):
    times = ticks(values) if times is None else times
    return leak(values, baseline, times, floor_per_hour=0, **settings)


def same(one, other, scale=1.0):
    assert one.leaking == other.leaking
    assert one.shape == other.shape
    assert one.evidence.p_value == pytest.approx(other.evidence.p_value, rel=1e-4, abs=1e-9)
    reach = abs(other.slope_interval.high - other.slope_interval.low)
    tolerance = 1e-6 * reach + 1e-9 * abs(other.slope_per_hour)
    assert one.slope_per_hour / scale == pytest.approx(other.slope_per_hour, abs=tolerance)


@settings(max_examples=20, deadline=None)
@given(series(), st.sampled_from([2.0**-300, 2.0**-10, 0.5, 1024.0, 2.0**400]))
def test_the_unit_changes_the_slope_and_nothing_else(values, factor):
    one = free(factor * values, limit=2 * START * factor)
    other = free(values, limit=2 * START)
    same(one, other, factor)
    assert (one.time_to_limit_seconds is None) == (other.time_to_limit_seconds is None)
    if one.time_to_limit_seconds is not None:
        assert one.time_to_limit_seconds == pytest.approx(other.time_to_limit_seconds, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(series(), st.sampled_from([-5e5, 1e5, 1e6]))
def test_a_shift_of_level_changes_nothing(values, shift):
    same(free(values + shift), free(values))


@settings(max_examples=20, deadline=None)
@given(series(), st.sampled_from([1.0, 1e6, 1.7e9]))
def test_a_shift_of_time_changes_nothing(values, shift):
    same(free(values, times=ticks(values) + shift), free(values))


@settings(max_examples=15, deadline=None)
@given(series(), st.integers(2, 5))
def test_a_batch_is_a_loop(values, rows):
    rng = np.random.default_rng(rows)
    batch = values + rng.normal(size=(rows, len(values)))
    batch[0, : len(values) // 3] = np.nan
    other = START + rng.normal(size=len(values))
    for baseline in (None, other):
        found = free(batch, baseline, times=ticks(values), limit=2 * START)
        for row, one in zip(batch, found, strict=True):
            alone = free(row, baseline, limit=2 * START)
            assert one.evidence.status == alone.evidence.status
            if alone.evidence.p_value is not None:
                same(one, alone)


@settings(max_examples=40, deadline=None)
@given(series(), st.floats(0.01, 30))
def test_a_steeper_leak_never_gets_a_better_answer(values, more):
    steeper = values + more * np.arange(len(values)) / len(values)
    before, after = free(values), free(steeper)
    assert after.evidence.p_value <= before.evidence.p_value * (1 + 1e-6) + 1e-12
    assert after.leaking or not before.leaking
    assert after.slope_per_hour > before.slope_per_hour


@settings(max_examples=20, deadline=None)
@given(series())
def test_swapping_the_arms_flips_the_sign(values):
    rng = np.random.default_rng(len(values))
    other = START + ar1(rng, 1, len(values), 0.6)[0]
    one, swapped = free(values, other), free(other, values)
    reach = abs(one.slope_interval.high - one.slope_interval.low)
    assert swapped.slope_per_hour == pytest.approx(-one.slope_per_hour, abs=1e-6 * reach)
    assert swapped.slope_interval.low == pytest.approx(-one.slope_interval.high, abs=1e-6 * reach)
    assert swapped.sen_slope_per_hour == pytest.approx(-one.sen_slope_per_hour, abs=1e-6 * reach)
    assert not (one.leaking and swapped.leaking)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.floats(), st.just(float("nan"))), max_size=80),
    st.one_of(st.none(), st.floats(0, 1e9)),
)
def test_no_series_of_numbers_is_an_error(values, limit):
    found = leak(values, times=np.arange(len(values)) * 15.0, limit=limit)
    assert isinstance(found.leaking, bool)
    assert repr(found)
    assert found._repr_html_()
