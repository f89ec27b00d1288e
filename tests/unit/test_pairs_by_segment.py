"""A metric in segments of the traffic: what is put together, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs

TIMES = [0.0, 15.0, 30.0]


def counts(name="requests", *, factor=1.0, times=TIMES, **sides):
    n = np.full(len(times), 10.0 * factor)
    given = {"canary": (n / 10, n), "baseline": (n / 5, 9 * n)} | sides
    return cs.Pair.counts(name, times=times, **given)


def test_the_whole_is_the_sum_of_what_was_read():
    gap = np.array([np.nan, 2.0, 3.0])
    pair = cs.Pair.by_segment(
        {
            "b": counts(factor=2.0),
            "a": counts(canary=(gap / 10, gap)),
            "c": counts(baseline=None, canary=(gap / 10, gap)),
        }
    )
    assert pair.segments == ("a", "b", "c")
    assert pair.canary[:, 1].tolist() == [20.0, 24.0, 26.0]
    assert pair.baseline[:, 1].tolist() == [270.0, 270.0, 270.0]
    assert pair.canary_by.shape == pair.baseline_by.shape == (3, 3, 2)
    assert np.isnan(pair.baseline_by[:, 2]).all()
    assert repr(pair) == (
        "Pair 'requests': counts by segment (a, b, c), canary and baseline, 3 ticks."
    )


def test_a_tick_without_any_segment_is_missed_and_a_metric_without_any_twin_has_none():
    gone = np.array([1.0, np.nan, 1.0])
    parts = {name: counts(canary=(gone / 10, gone), baseline=None) for name in "ab"}
    pair = cs.Pair.by_segment(parts)
    assert np.isnan(pair.canary[1]).all()
    assert pair.baseline is None


def test_its_parts_follow_its_rows_and_its_sides():
    pair = cs.Pair.by_segment({"a": counts(), "b": counts(factor=3.0)})
    assert np.array_equal(pair.rows(1, 3).canary_by, pair.canary_by[1:3])
    assert np.array_equal(pair.swapped().canary_by, pair.baseline_by)
    assert np.array_equal(pair.swapped().swapped().baseline_by, pair.baseline_by)


def test_the_order_of_segments_means_nothing():
    parts = {"a": counts(), "b": counts(factor=3.0)}
    one, other = cs.Pair.by_segment(parts), cs.Pair.by_segment(dict(reversed(parts.items())))
    assert np.array_equal(one.canary_by, other.canary_by)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (counts("other"), "not of metric 'requests'"),
        (counts(times=[0.0, 15.0, 31.0]), "not on the clock"),
        (counts(times=[0.0, 15.0]), "not on the clock"),
        (cs.Pair.events("requests", canary=[1, 2, 3], times=TIMES), "it is events; only"),
        (
            cs.Pair.histogram(
                "requests", upper_bounds=[1, np.inf], canary=np.ones((3, 2)), times=TIMES
            ),
            "it is not counts",
        ),
        (cs.Pair.by_segment({"x": counts()}), "by segment already"),
        ("requests", "it is str; it must be a Pair"),
    ],
)
def test_what_does_not_belong_together_is_refused(part, says):
    with pytest.raises(cs.InputError, match=f"segment 'b': .*{says}"):
        cs.Pair.by_segment({"a": counts(), "b": part})


def test_histograms_need_the_same_buckets_and_something_must_be_there():
    one, other = (
        cs.Pair.histogram("h", upper_bounds=[bound, np.inf], canary=np.ones((3, 2)), times=TIMES)
        for bound in (1.0, 2.0)
    )
    with pytest.raises(cs.InputError, match="buckets of the others"):
        cs.Pair.by_segment({"a": one, "b": other})
    with pytest.raises(cs.InputError, match="parts is empty"):
        cs.Pair.by_segment({})


def test_a_policy_names_the_shares_of_segments():
    policy = cs.load_policy("eight-triggers").replace(segments={"beta": 0.5, "internal": 1})
    assert policy.segments == {"beta": 0.5, "internal": 1.0}
    with pytest.raises(cs.PolicyError, match="write 0"):
        policy.replace(segments={"beta": 50})
