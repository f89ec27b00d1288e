"""Pairs: what they accept, what they refuse and what they leave alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import canarystats as cs
from canarystats.windows import Kind
from tests.rollouts import START, clock

INF = float("inf")
NAN = float("nan")


def counts(**changes):
    given = {
        "canary": ([1, 2], [10, 20]),
        "baseline": ([3, 4], [30, 40]),
        "times": [START, START + 15],
    }
    return cs.Pair.counts("requests", **(given | changes))


def gauge(**changes):
    given = {"canary": [1.0, 2.0], "baseline": [1.0, 2.0], "times": [START, START + 15]}
    return cs.Pair.gauge("memory_bytes", **(given | changes))


def histogram(**changes):
    given = {
        "upper_bounds": [0.1, 1.0, INF],
        "canary": [[5, 2, 1], [6, 2, 0]],
        "baseline": [[50, 20, 10], [60, 20, 0]],
        "times": [START, START + 15],
    }
    return cs.Pair.histogram("latency_seconds", **(given | changes))


def events(**changes):
    given = {"canary": [0, 1], "times": [START, START + 15]}
    return cs.Pair.events("byzantine_events", **(given | changes))


def test_a_pair_keeps_its_numbers_as_columns():
    assert counts().canary.tolist() == [[1, 10], [2, 20]]
    assert gauge().canary.tolist() == [[1], [2]]
    assert gauge(canary=[[1, 2], [3, 4]]).canary.shape == (2, 2)
    assert histogram().canary.shape == (2, 3)
    assert events(canary=[[0, 1], [2, 3]]).canary.shape == (2, 2)
    samples = cs.Pair.samples("latency_seconds", canary=[1, 2, 3], baseline=[4])
    assert (samples.canary.shape, samples.baseline.shape) == ((3, 1), (1, 1))
    assert [p.kind for p in (counts(), gauge(), histogram(), events(), samples)] == [
        Kind.COUNTS,
        Kind.GAUGE,
        Kind.HISTOGRAM,
        Kind.EVENTS,
        Kind.SAMPLES,
    ]


def test_arrays_are_copied_and_cannot_be_written():
    canary, times = np.array([1.0, 2.0]), np.array([START, START + 15])
    pair = gauge(canary=canary, times=times)
    canary[0], times[0] = 99.0, 0.0
    assert pair.canary[0, 0] == 1.0
    assert pair.times[0] == START
    for array in (pair.canary, pair.baseline, pair.times):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5.0
    with pytest.raises(AttributeError):
        pair.name = "other"


def test_a_single_tick_needs_no_lists():
    pair = cs.Pair.counts("requests", canary=(1, 10), baseline=(3, 30), times=START)
    assert pair.n_ticks == 1
    assert cs.Pair.gauge("g", canary=1.0, baseline=2.0, times=START).n_ticks == 1
    assert cs.Pair.events("e", canary=0, times=START).n_ticks == 1
    row = cs.Pair.histogram("h", upper_bounds=[1, INF], canary=[3, 1], times=[START])
    assert row.canary.tolist() == [[3, 1]]


def test_a_missed_scrape_takes_its_whole_row_with_it():
    assert np.isnan(counts(canary=([NAN, 2], [10, 20])).canary[0]).all()
    assert np.isnan(histogram(canary=[[NAN, 2, 1], [6, 2, 0]]).canary[0]).all()
    assert np.isnan(gauge(canary=[[NAN, 2.0], [1.0, 2.0]]).canary[0]).tolist() == [True, False]


def test_missing_samples_are_dropped_and_infinite_ones_kept():
    pair = cs.Pair.samples("s", canary=[1, NAN, INF], baseline=[2])
    assert pair.canary.ravel().tolist() == [1, INF]


def test_no_ticks_are_no_mistake():
    assert gauge(canary=[], baseline=[], times=[]).n_ticks == 0
    assert counts(canary=([], []), baseline=([], []), times=[]).n_ticks == 0


def test_rows_take_every_column_with_them():
    pair = gauge(canary=[1.0, 2.0], limit=[[5.0], [6.0]])
    part = pair.rows(1, 2)
    assert (part.canary.item(), part.baseline.item()) == (2.0, 2.0)
    assert (part.times.item(), part.limit.item()) == (START + 15, 6.0)
    assert gauge(limit=5.0).rows(1, 2).limit.item() == 5.0


def test_swapping_exchanges_the_sides_and_needs_both():
    assert counts().swapped().canary.tolist() == [[3, 30], [4, 40]]
    with pytest.raises(cs.InputError, match="no baseline to swap with"):
        events().swapped()


@pytest.mark.parametrize(
    ("limit", "shape"),
    [(5.0, (1, 2)), ([5.0, 6.0], (1, 2)), ([[5.0, 6.0]] * 3, (3, 2)), ([[5.0]] * 3, (3, 2))],
)
def test_a_limit_is_a_number_or_one_per_pod_or_one_per_pod_and_tick(limit, shape):
    pair = cs.Pair.gauge("memory_bytes", canary=np.ones((3, 2)), times=clock(3), limit=limit)
    assert pair.limit.shape == shape


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: counts(times=[START]), r"times has shape \(1,\); there are 2 ticks"),
        (lambda: counts(times=[START + 15, START]), r"times\[1\] = .* does not come after"),
        (lambda: counts(times=[START, START]), "times must increase"),
        (lambda: counts(times=[START, NAN]), r"times\[1\] is not a finite number"),
        (lambda: counts(times=[START, 1.7e12]), "Unix seconds, not milliseconds"),
        (lambda: counts(times=["soon", "later"]), "times is not an array of numbers"),
        (lambda: counts(canary=([1], [10]), times=None), "canary has 1 ticks, baseline has 2"),
        (lambda: counts(canary=([1, 2], [10])), r"events has shape \(2,\), exposure \(1,\)"),
        (lambda: counts(canary=[1, 2, 3]), r"canary must be a pair \(events, exposure\)"),
        (lambda: counts(canary=([1, -2], [10, 20])), r"canary.events\[1, 0\] is -2.0; counts"),
        (lambda: counts(canary=([1, 2], [10, INF])), r"canary.exposure\[1, 0\] is inf"),
        (lambda: counts(baseline=([1, -2], [10, 20])), "baseline.events"),
        (lambda: counts(canary=([0, 1], [5, 0])), r"events\[1\] is 1.0 where the exposure is 0"),
        (lambda: counts(canary=(["a", "b"], [1, 2])), "canary.events is not an array of numbers"),
        (lambda: gauge(canary=[1.0], times=None), "canary has 1 ticks, baseline has 2"),
        (lambda: gauge(canary=np.ones((2, 2, 2))), r"shape \(2, 2, 2\); it must be \(n,\)"),
        (lambda: gauge(canary=["a", "b"]), "canary is not an array of numbers"),
        (lambda: gauge(limit=[1.0, 2.0, 3.0]), "limit has shape"),
        (lambda: gauge(limit=-1.0), "limit is negative; 0 means unlimited"),
        (lambda: histogram(upper_bounds=[INF]), "at least two bounds"),
        (lambda: histogram(upper_bounds=[0.1, 1.0, 2.0]), "must increase and end on infinity"),
        (lambda: histogram(upper_bounds=[1.0, 0.1, INF]), "must increase and end on infinity"),
        (lambda: histogram(upper_bounds=[NAN, 0.1, INF]), "at least two bounds"),
        (lambda: histogram(canary=[[1, 2], [3, 4]]), r"it must be \(n, 3\), one column a bucket"),
        (lambda: histogram(canary=[[5, -2, 1], [6, 2, 0]]), r"canary\[0, 1\] is -2.0"),
        (lambda: events(canary=[0, -1]), r"canary\[1, 0\] is -1.0"),
        (lambda: events(canary=[0, INF]), r"canary\[1, 0\] is inf"),
        (lambda: cs.Pair.samples("s", canary=[[1, 2]], baseline=[1]), "samples must be flat"),
        (lambda: cs.Pair.samples("s", canary=["x"], baseline=[1]), "not an array of numbers"),
    ],
)
def test_what_cannot_be_right_is_refused_with_the_field_and_the_reason(build, message):
    with pytest.raises(cs.InputError, match=message) as refused:
        build()
    assert str(refused.value).startswith("metric '")
    assert isinstance(refused.value, ValueError)


def test_cumulative_buckets_are_refused_with_the_way_out():
    rows = np.cumsum([[50, 20, 10, 5], [60, 20, 8, 0], [55, 30, 3, 9]], axis=1)
    with pytest.raises(cs.InputError, match=r"np.diff\(buckets, axis=1, prepend=0\)"):
        histogram(
            upper_bounds=[0.1, 0.5, 1.0, INF], canary=rows, baseline=10 * rows, times=clock(3)
        )
    plain = np.diff(rows, axis=1, prepend=0)
    assert histogram(
        upper_bounds=[0.1, 0.5, 1.0, INF], canary=plain, baseline=plain, times=clock(3)
    )


def test_an_outage_that_fills_the_last_bucket_is_no_cumulative_histogram():
    slow = [[0, 0, 40], [0, 0, 50]]
    assert histogram(canary=slow, baseline=slow).n_ticks == 2


@pytest.mark.parametrize(
    ("pair", "text"),
    [
        (counts(), "Pair 'requests': counts, canary and baseline, 2 ticks."),
        (events(), "Pair 'byzantine_events': events, no baseline, 2 ticks."),
        (
            counts(canary=([NAN, 1], [1, 1])),
            "Pair 'requests': counts, canary and baseline, 2 ticks, 1 missing on the canary.",
        ),
        (
            cs.Pair.samples("s", canary=[1, 2], baseline=[1]),
            "Pair 's': 2 canary and 1 baseline samples.",
        ),
    ],
)
def test_repr_is_one_plain_sentence(pair, text):
    assert repr(pair) == text


def test_notes_travel_with_the_pair():
    pair = counts(notes=["partial_response: 3 of 5 shards"])
    assert pair.notes == pair.rows(0, 1).notes == ("partial_response: 3 of 5 shards",)


def test_times_with_a_zone_are_unix_seconds():
    index = pd.date_range("2026-11-24", periods=3, freq="15s", tz="Europe/Berlin")
    expected = [1795474800.0, 1795474815.0, 1795474830.0]
    for times in (index, pd.Series(index), list(index.to_pydatetime())):
        pair = cs.Pair.counts("requests", canary=([1, 2, 3], [9, 9, 9]), times=times)
        assert pair.times.tolist() == expected


def test_times_without_a_zone_are_refused():
    index = pd.date_range("2026-11-24", periods=3, freq="15s")
    for times in (index, index.to_numpy(), list(index.to_pydatetime())):
        with pytest.raises(cs.InputError, match=r"requests.*times have no time zone"):
            cs.Pair.counts("requests", canary=([1, 2, 3], [9, 9, 9]), times=times)


def growing(n, seed=3):
    rng = np.random.default_rng(seed)
    return {
        side: (np.cumsum(rng.binomial(mean, 0.01, n)), np.cumsum(rng.poisson(mean, n) + 1))
        for side, mean in (("canary", 50), ("baseline", 950))
    }


def test_running_totals_in_place_of_increments_are_refused():
    with pytest.raises(cs.InputError, match=r"'requests'.*running totals.*np.diff"):
        cs.Pair.counts("requests", **growing(30))
    buckets = np.cumsum(np.tile([8, 3, 1], (30, 1)), axis=0)
    with pytest.raises(cs.InputError, match=r"'latency'.*running totals"):
        cs.Pair.histogram(
            "latency", upper_bounds=[0.1, 1, np.inf], canary=buckets, baseline=9 * buckets
        )


def test_a_load_that_grows_on_its_own_is_no_running_total():
    totals = growing(30)
    totals["canary"][1][20] -= 400  # one tick with less than the one before
    assert cs.Pair.counts("requests", **totals).n_ticks == 30
    assert cs.Pair.counts("requests", **growing(29)).n_ticks == 29
    assert cs.Pair.counts("requests", canary=growing(60)["canary"]).n_ticks == 60
