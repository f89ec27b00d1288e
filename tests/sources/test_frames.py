from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from canarystats.errors import InputError
from canarystats.sources.frames import pair_to_frame, pairs_from_frame, verdicts_to_frame
from canarystats.verdict import Condition, Decision, Reading, Verdict
from canarystats.windows import Kind, Pair

START = 1661154300


def frame(**columns: list[float]) -> pd.DataFrame:
    named = {name.replace("__", "."): values for name, values in columns.items()}
    return pd.DataFrame(named or {"e.canary": [0.0, math.nan]})


def verdict(at: float | None, *readings: Reading) -> Verdict:
    return Verdict(
        decision=Decision.HOLD,
        score=90.0,
        reason="Too early.",
        readings=readings,
        at=at,
        decision_id="d",
        policy="p",
        policy_digest="d",
        input_digest="d",
        library_version="0",
    )


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2022-08-22 07:45", periods=2, freq="15s", tz="UTC"),
        pd.date_range("2022-08-22 09:45", periods=2, freq="15s", tz="Europe/Paris"),
        pd.Index([START, START + 15]),
        pd.RangeIndex(START, START + 30, 15),
    ],
)
def test_the_index_gives_the_times(index):
    (pair,) = pairs_from_frame(frame().set_axis(index))
    assert pair.kind is Kind.EVENTS
    assert pair.times.tolist() == [START, START + 15]
    np.testing.assert_array_equal(pair.canary[:, 0], [0, math.nan])


def test_the_time_column_goes_before_the_index():
    data = frame().assign(time=pd.to_datetime([START, START + 15], unit="s", utc=True))
    assert pairs_from_frame(data)[0].times.tolist() == [START, START + 15]
    assert pairs_from_frame(data.assign(time=[1.5, 2]))[0].times.tolist() == [1.5, 2]


def test_a_frame_numbered_from_zero_holds_samples():
    (pair,) = pairs_from_frame(frame(s__canary=[1, 2, 3], s__baseline=[1, math.nan, math.nan]))
    assert (pair.kind, len(pair.canary), len(pair.baseline)) == (Kind.SAMPLES, 3, 1)


def test_integers_with_missing_values_are_missed_scrapes():
    data = frame().set_axis(pd.Index([0, 15])).astype({"e.canary": "Int64"})
    np.testing.assert_array_equal(pairs_from_frame(data)[0].canary[:, 0], [0, math.nan])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (frame().set_axis(pd.date_range("2022", periods=2)), "'index': these times have no zone"),
        (frame().assign(time=pd.date_range("2022", periods=2)), "'time': these times have no zone"),
        (frame().assign(time=["a", "b"]), "'time': it holds .*; it must hold numbers"),
        (frame().assign(time=[1.0, math.nan]), "row 2, column 'time': there is no time"),
        (frame().assign(time=[2, 1]), "row 2, column 'time': 1.0 does not come after 2.0"),
        (frame(e__canary=[-1]).assign(time=[0]), "row 1, column 'canary': -1.0 is not a count"),
        (frame(e__canary=[True]).assign(time=[0]), "it holds bool"),
        (frame(canary=[1]).assign(time=[0]), "the column 'canary' names no metric"),
        (frame(e__canary=[1]), "columns canary fit no kind of metric"),
        (frame().iloc[:0], "there are no rows"),
        (pd.DataFrame([[1, 2]], columns=["e.canary", "e.canary"]), "is there 2 times"),
    ],
)
def test_a_frame_that_cannot_be_right_is_refused(data, message):
    with pytest.raises(InputError, match=message):
        pairs_from_frame(data)


@pytest.mark.parametrize(
    "pair",
    [
        Pair.events("e", canary=[[0, 1], [math.nan, 2]], times=[START + 0.1, START + 15.123456]),
        Pair.counts("r", canary=([1, 2], [3, 4]), baseline=([0, 0], [5, 5]), times=[0, 0.1]),
        Pair.samples("s", canary=[1.5, 2.5], baseline=[0.1]),
    ],
)
def test_a_pair_survives_being_a_frame(pair):
    data = pair_to_frame(pair)
    assert all(name.startswith(f"{pair.name}.canary") for name in data.columns[:1])
    (back,) = pairs_from_frame(data)
    assert (back.name, back.kind) == (pair.name, pair.kind)
    for field in ("times", "canary", "baseline"):
        np.testing.assert_array_equal(getattr(back, field), getattr(pair, field))


def test_the_frame_of_a_pair_is_indexed_in_utc():
    index = pair_to_frame(Pair.events("e", canary=[1], times=[START])).index
    assert index.name == "time"
    assert index[0] == pd.Timestamp("2022-08-22 07:45", tz="UTC")


def test_verdicts_become_one_row_each():
    pending = Reading(
        trigger="error_rate",
        metric="requests",
        condition=Condition.PENDING,
        observed=0.1,
        held_seconds=60.0,
        for_seconds=300.0,
    )
    data = verdicts_to_frame([verdict(None), verdict(START, pending)])
    assert list(data.columns[:4]) == ["at", "decision", "score", "reason"]
    assert pd.isna(data["at"][0])
    assert data["at"][1] == pd.Timestamp("2022-08-22 07:45", tz="UTC")
    assert data["decision"].tolist() == ["hold", "hold"]
    assert data["error_rate.held_seconds"].tolist()[1] == 60.0
    assert pd.isna(data["error_rate.held_seconds"][0])
    assert data["error_rate.condition"][1] == "pending"


def test_no_verdicts_make_an_empty_frame():
    data = verdicts_to_frame([])
    assert list(data.columns) == ["at", "decision", "score", "reason"]
    assert len(data) == 0
