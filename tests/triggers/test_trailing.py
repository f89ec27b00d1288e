"""The minutes a literal condition reads."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from canarystats.triggers import trailing


def pushed(times, values, span):
    window = trailing.begin(1)
    for at, value in zip(times, values, strict=True):
        window = trailing.push(window, at, np.array([value]), span)
    return window


def test_an_empty_window_sums_to_zero():
    assert trailing.begin(3).total.tolist() == [0.0, 0.0, 0.0]


def test_five_minutes_are_twenty_ticks_of_fifteen_seconds():
    window = pushed(15.0 * np.arange(50), np.arange(50.0), 300.0)
    assert len(window.times) == 20
    assert window.total[0] == sum(range(30, 50))


def test_what_lies_before_a_gap_drops_out():
    window = pushed([0.0, 15.0, 1000.0], [1.0, 2.0, 4.0], 300.0)
    assert window.total[0] == 4.0


def test_the_window_that_was_pushed_to_is_left_as_it_was():
    window = pushed([0.0, 15.0], [1.0, 2.0], 300.0)
    trailing.push(window, 30.0, np.array([4.0]), 300.0)
    assert window.total[0] == 3.0


@given(
    gaps=st.lists(st.integers(1, 100), min_size=1, max_size=40),
    span=st.integers(1, 500),
)
def test_it_holds_the_ticks_of_the_last_span_and_no_others(gaps, span):
    times = np.cumsum(gaps).astype(float)
    window = pushed(times, np.ones(len(times)), float(span))
    inside = times > times[-1] - span
    assert window.total[0] == inside.sum()
    assert window.times.tolist() == times[inside].tolist()
