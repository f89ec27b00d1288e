"""What must not change the answer: units, sides, a batch's company; and what must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import canarystats as cs
from tests.detect.processes import ar1

SCALES = st.sampled_from([2.0**-10, 0.5, 1024.0])
SHIFTS = st.sampled_from([-64.0, 0.0, 4096.0])


@st.composite
def sides(draw, rows=1):
    """Fresh values and a record of any size, rounded so that a shift is exact."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(1, 30)), draw(st.integers(2, 200))
    record = np.round(ar1(rng, rows, m, draw(st.sampled_from([0.0, 0.6]))), 3)
    fresh = np.round(rng.normal(size=(rows, n)), 3)
    fresh[:, n // 2 :] += draw(st.sampled_from([0.0, 3.0, 8.0]))
    return fresh, record


def told(found):
    return (
        found.anomalous,
        [(one.start, one.end, one.peak) for one in found.found],
        found.p_values,
        found.evidence.p_value,
        found.evidence.status,
    )


@settings(max_examples=30, deadline=None)
@given(sides(), SCALES, SHIFTS)
def test_units_change_no_answer(given_sides, scale, shift):
    fresh, record = (side[0] * 1000 // 1 / 1024 for side in given_sides)  # exact in binary
    before = cs.detect.anomalies(fresh, record)
    after = cs.detect.anomalies(scale * fresh + shift, scale * record + shift)
    assert told(before) == told(after)


@settings(max_examples=30, deadline=None)
@given(sides())
def test_upside_down_increase_is_decrease(given_sides):
    fresh, record = (side[0] for side in given_sides)
    up = cs.detect.anomalies(fresh, record, harmful="increase")
    down = cs.detect.anomalies(-fresh, -record, harmful="decrease")
    assert told(up) == told(down)


@settings(max_examples=30, deadline=None)
@given(sides(), st.floats(0, 100))
def test_larger_values_are_never_less_suspicious(given_sides, more):
    fresh, record = (side[0] for side in given_sides)
    before = cs.detect.anomalies(fresh, record, harmful="increase")
    after = cs.detect.anomalies(fresh + more, record, harmful="increase")
    assert after.anomalous >= before.anomalous
    if before.p_values:
        assert all(b <= a for a, b in zip(before.p_values, after.p_values, strict=True))
        assert after.evidence.p_value <= before.evidence.p_value


@settings(max_examples=30, deadline=None)
@given(sides(rows=4), st.floats(0, 0.5))
def test_a_batch_is_the_loop_bit_for_bit(given_sides, gaps):
    fresh, record = given_sides
    rng = np.random.default_rng(1)
    fresh, record = (np.where(rng.random(s.shape) < gaps, np.nan, s) for s in (fresh, record))
    batch = cs.detect.anomalies(fresh, record)
    for i, one in enumerate(batch):
        alone = cs.detect.anomalies(fresh[i], record[i])
        assert one.model_copy(update={"pod": 0}).model_dump_json() == alone.model_dump_json()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), SCALES)
def test_novelties_of_a_batch_are_the_loops_and_know_no_unit(seed, scale):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(3, 400))
    rows[:, 300:] += rng.integers(0, 9, (3, 1))
    rows[0, rng.random(400) < 0.1] = np.nan
    batch = cs.detect.novelties(rows)
    assert batch == [cs.detect.novelties(row) for row in rows]
    for one, scaled in zip(batch, cs.detect.novelties(scale * rows), strict=True):
        assert [new.index for new in one.found] == [new.index for new in scaled.found]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(), max_size=20), st.lists(st.floats(), max_size=20))
def test_no_numbers_at_all_make_it_raise(values, record):
    found = cs.detect.anomalies(values, record)
    assert all(p is None or 0 < p <= 1 for p in found.p_values)
    assert found.model_dump_json()
    assert cs.detect.novelties(values).model_dump_json()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), SCALES)
def test_the_order_and_units_of_metrics_do_not_matter_to_their_joint_distance(seed, scale):
    rng = np.random.default_rng(seed)
    sides = rng.normal(size=(5, 40, 3)) @ rng.normal(size=(3, 3))
    pairs = [
        cs.Pair.gauge(f"m{i}", canary=sides[0, :, i], baseline=sides[1:, :, i].T) for i in range(3)
    ]
    scaled = [
        cs.Pair.gauge(pair.name, canary=scale * pair.canary, baseline=scale * pair.baseline)
        for pair in pairs[:1]
    ]
    one = cs.detect.joint_anomalies(pairs)
    other = cs.detect.joint_anomalies([*pairs[1:], *scaled])
    assert other.distances == pytest.approx(one.distances, rel=1e-6)
    assert other.shares == pytest.approx((*one.shares[1:], one.shares[0]), rel=1e-5, abs=1e-6)
