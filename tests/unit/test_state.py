"""States go to JSON and come back bit for bit."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

import canarystats as cs
from canarystats.state import pack, unpack


@dataclass(frozen=True)
class Inner:
    count: int
    truth: bool | None = None


@dataclass(frozen=True)
class Outer:
    table: NDArray[np.float64]
    inner: Inner
    since: float | None
    words: tuple[str, ...] = ()
    parts: dict[str, Inner] = field(default_factory=dict)


def there_and_back(state):
    return unpack(type(state), json.loads(json.dumps(pack(state), allow_nan=False)))


@given(
    table=arrays.arrays(
        np.float64,
        arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4),
        elements=st.floats(allow_nan=False),
    ),
    count=st.integers(-(2**53), 2**53),
    since=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    words=st.lists(st.text(), max_size=3),
    truth=st.none() | st.booleans(),
)
def test_a_state_survives_json_bit_for_bit(table, count, since, words, truth):
    first = Outer(table, Inner(count, truth), since, tuple(words), {"a": Inner(count)})
    again = there_and_back(first)
    assert again.table.shape == table.shape
    assert again.table.tobytes() == np.ascontiguousarray(table).tobytes()
    assert (again.inner, again.words, again.parts) == (first.inner, first.words, first.parts)
    assert (again.since is None) == (since is None)
    assert again.since == since


def test_last_values_that_are_as_they_begin_are_left_out_of_states_within():
    first = Outer(np.zeros(1), Inner(1), None, parts={"a": Inner(2, truth=False)})
    assert pack(first)["values"] == [[1], [1], None, [], {"a": [2, False]}]
    again = there_and_back(first)
    assert (again.inner, again.words, again.parts) == (first.inner, (), first.parts)


def test_whole_numbers_are_read_where_numbers_belong():
    again = unpack(Outer, changed(pack(Outer(np.zeros(2), Inner(1), 2.0)), SINCE, 2))
    assert (again.since, type(again.since)) == (2.0, float)


def test_an_array_keeps_its_order_whatever_its_memory():
    table = np.arange(12.0).reshape(3, 4).T
    assert not table.flags.c_contiguous
    np.testing.assert_array_equal(there_and_back(Outer(table, Inner(1), None)).table, table)


def test_a_long_array_takes_less_than_its_digits():
    table = np.random.default_rng(0).random((40, 12))
    text = json.dumps(pack(table))
    assert len(text) < 11 * table.size < len(json.dumps(table.tolist())) / 1.5
    window = np.random.default_rng(0).poisson(75, (20, 12)).astype(float)
    assert len(json.dumps(pack(window))) < 2.5 * window.size


TABLE, INNER, SINCE, WORDS, PARTS = range(5)  # the fields of Outer in their order
GOOD = pack(Outer(np.zeros((2, 2)), Inner(1), 2.0, ("a",), {"a": Inner(2)}))
TEXT = GOOD["arrays"]


def changed(data, place, value):
    """The same with another value of one field."""
    values = list(data["values"])
    values[place] = value
    return data | {"values": values}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "state",
        {},
        GOOD | {"more": 1},
        {"values": GOOD["values"]},
        {"arrays": TEXT},
        GOOD | {"values": None},
        GOOD | {"values": dict.fromkeys(GOOD["values"][WORDS])},
        GOOD | {"values": GOOD["values"][:-1]},
        GOOD | {"values": [*GOOD["values"], 1]},
        changed(GOOD, SINCE, "yesterday"),
        changed(GOOD, SINCE, True),
        changed(GOOD, INNER, ["1", None]),
        changed(GOOD, INNER, None),
        changed(GOOD, TABLE, [3]),
        changed(GOOD, TABLE, [5]),
        changed(GOOD, TABLE, [-2, -2]),
        changed(GOOD, TABLE, [10**9, 10**9]),
        changed(GOOD, TABLE, [2.0, 2.0]),
        changed(GOOD, TABLE, [True, 4]),
        changed(GOOD, TABLE, 4),
        changed(GOOD, TABLE, "22"),
        changed(GOOD, WORDS, 5),
        changed(GOOD, WORDS, "a"),
        changed(GOOD, PARTS, []),
        changed(GOOD, PARTS, {"a": [[1], 2]}),
        GOOD | {"arrays": "*" + TEXT},
        GOOD | {"arrays": TEXT[:-8]},
        GOOD | {"arrays": "AAAA"},
        GOOD | {"arrays": ""},
        GOOD | {"arrays": None},
        GOOD | {"arrays": pack(np.zeros(3))["arrays"]},
        GOOD | {"arrays": b64encode(zlib.compress(bytes(31))).decode()},
    ],
)
def test_what_was_never_packed_is_refused_with_its_place(data):
    with pytest.raises(cs.InputError, match=r"^metrics.requests: this is not a saved Outer"):
        unpack(Outer, data, "metrics.requests")
