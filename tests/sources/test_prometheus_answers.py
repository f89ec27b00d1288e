"""What is read from what a server answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.sources.asking import BASELINE, CANARY, T0, gauge, kind_of, policy, read, samples
from tests.sources.fake_prometheus import Answer, Asked, Fake, good, serving

from canarystats.errors import InputError, SourceErrorKind
from canarystats.policy import Policy
from canarystats.sources import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from canarystats.windows import Pair

MATRIX = {"resultType": "matrix"}


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving(Fake()) as served:
        yield served


def test_warnings_and_infos_stay_with_the_pair(fake: Fake) -> None:
    asked = gauge(fake, samples(1, 2), samples(1, 2))
    fake.extras = {"warnings": ["store-3 is gone"], "infos": ["not a counter"], "isPartial": True}
    notes = read(fake, asked).notes
    assert "partial_response: store-3 is gone" in notes
    assert "info: not a counter" in notes
    assert len([n for n in notes if n.startswith("partial_response")]) == 2
    assert len(set(notes)) == len(notes)


def test_written_nan_and_infinities_are_read(fake: Fake) -> None:
    asked = gauge(fake, samples(0, math.nan, math.inf, -math.inf), samples(0, 2e-09, None, 3))
    pair = read(fake, asked)
    np.testing.assert_array_equal(pair.canary[:, 0], [math.nan, math.inf, -math.inf])
    assert pair.baseline is not None
    np.testing.assert_array_equal(pair.baseline[:, 0], [2e-09, math.nan, 3])


@pytest.mark.parametrize("value", [-1, math.inf])
def test_a_counter_that_is_none_is_malformed(fake: Fake, value: float) -> None:
    fake.data["req_total" + CANARY] = [({"__name__": "req_total"}, samples(1, value))]
    assert kind_of(lambda: read(fake)) is SourceErrorKind.MALFORMED


def native(*buckets: tuple[int, float, float, float]) -> dict[str, Any]:
    total = sum(b[3] for b in buckets)
    written = [[rule, str(lo), str(hi), str(n)] for rule, lo, hi, n in buckets]
    return {"count": str(total), "sum": "1", "buckets": written}


ZERO = (3, -0.001, 0.001)


def histogram(fake: Fake, canary: dict[float, Any], baseline: dict[float, Any]) -> Pair:
    fake.data["h" + CANARY] = [({"__name__": "h", "pod": "a"}, canary)]
    fake.data["h" + BASELINE] = [({"__name__": "h", "pod": "b"}, baseline)]
    return read(fake, policy("histogram", buckets="h{$arm}"))


def test_native_histograms_become_plain_counts_on_the_bounds_of_both_sides(fake: Fake) -> None:
    canary = samples(
        native((*ZERO, 1), (0, 0.5, 1, 4)),
        native((*ZERO, 1), (0, 0.5, 1, 6), (0, 2, 4, 3)),
        native((0, 0.5, 1, 2)),  # restarted
        native((0, 0.5, 1, 2), (0, 1, 2, 5)),
    )
    baseline = samples(*[native((0, 0.25, 0.5, 10 * i)) for i in range(1, 5)])
    pair = histogram(fake, canary, baseline)
    assert pair.upper_bounds is not None
    assert pair.upper_bounds.tolist() == [0.001, 0.5, 1, 2, 4, math.inf]
    assert pair.canary.tolist() == [[0, 0, 2, 0, 3, 0], [0, 0, 2, 0, 0, 0], [0, 0, 0, 5, 0, 0]]
    assert pair.baseline is not None
    assert pair.baseline.tolist() == [[0, 10, 0, 0, 0, 0]] * 3
    assert any(n.startswith("counter_reset: canary") for n in pair.notes)


def test_native_bounds_inside_a_coarser_bucket_are_left_out(fake: Fake) -> None:
    canary = samples(
        native((0, 1, 2, 1), (0, 2, 4, 1)),
        native((0, 1, 2, 3), (0, 2, 4, 2)),
        native((0, 1, 4, 7)),  # resolution halved
        native((0, 1, 4, 9)),
    )
    baseline = samples(*[native((0, 4, 8, i)) for i in range(1, 5)])
    pair = histogram(fake, canary, baseline)
    assert pair.upper_bounds is not None
    assert pair.upper_bounds.tolist() == [4, 8, math.inf]
    assert pair.canary.tolist() == [[3, 0, 0], [2, 0, 0], [2, 0, 0]]
    assert any(n.startswith("merged_buckets") and "2" in n for n in pair.notes)


def classic(fake: Fake, side: str, bounds: Mapping[str, dict[float, Any]]) -> None:
    fake.data["h" + side] = [({"__name__": "h", "le": le}, values) for le, values in bounds.items()]


def test_sides_that_share_no_bound_are_refused(fake: Fake) -> None:
    classic(fake, CANARY, {"0.1": samples(0, 1), "+Inf": samples(0, 1)})
    classic(fake, BASELINE, {"0.2": samples(0, 1), "+Inf": samples(0, 1)})
    with pytest.raises(InputError, match="share no bound"):
        read(fake, policy("histogram", buckets="h{$arm}"))


def test_the_same_bound_written_two_ways_is_one(fake: Fake) -> None:
    classic(fake, CANARY, {"1": samples(0, 1, 2, 3), "+Inf": samples(0, 2, 4, 6)})
    classic(fake, BASELINE, {"1.0": samples(0, 2, 4, 6), "Inf": samples(0, 2, 4, 6)})
    pair = read(fake, policy("histogram", buckets="h{$arm}"))
    assert pair.canary.tolist() == [[1, 1]] * 3
    assert pair.baseline is not None
    assert pair.baseline.tolist() == [[2, 0]] * 3


@pytest.mark.parametrize(
    "bounds",
    [
        {"1": samples(0, 5), "+Inf": samples(0, 4)},
        {"1": samples(0, 5)},
        {"x": samples(0, 5), "+Inf": samples(0, 5)},
        {"1": samples(0, 5), "1.0": samples(0, 5), "+Inf": samples(0, 5)},
    ],
)
def test_buckets_that_are_none_are_malformed(
    fake: Fake, bounds: Mapping[str, dict[float, Any]]
) -> None:
    classic(fake, CANARY, bounds)
    assert kind_of(lambda: read(fake, policy("histogram", buckets="h{$arm}"))) is (
        SourceErrorKind.MALFORMED
    )


def test_a_counter_without_le_is_no_histogram(fake: Fake) -> None:
    fake.data["h" + CANARY] = [({"__name__": "h"}, samples(1, 2))]
    with pytest.raises(InputError, match="no label le"):
        read(fake, policy("histogram", buckets="h{$arm}"))


def test_no_series_anywhere_is_missing_for_every_kind(fake: Fake) -> None:
    for kind, query in (
        ("gauge", {"value": "h{$arm}", "limit": "l"}),
        ("events", {"events": "h{$arm}"}),
    ):
        pair = read(fake, policy(kind, **query))
        assert pair.n_ticks == 3
        assert np.isnan(pair.canary).all()
        assert f"no_series: canary: h{CANARY}" in pair.notes


def test_a_histogram_without_series_or_bounds_is_left_out_and_with_bounds_missing(
    fake: Fake,
) -> None:
    asked, source = policy("histogram", buckets="h{$arm}"), Prometheus(fake.url)
    assert source.read(asked, start=T0, end=T0 + 45) == []
    bounds = {"m": [0.1, math.inf]}
    (pair,) = source.read(asked, start=T0, end=T0 + 45, upper_bounds=bounds)
    assert pair.upper_bounds is not None
    assert pair.upper_bounds.tolist() == [0.1, math.inf]
    assert np.isnan(pair.canary).all()
    assert f"no_series: canary: h{CANARY}" in pair.notes


def test_bounds_of_an_earlier_window_are_kept(fake: Fake) -> None:
    for side in (CANARY, BASELINE):
        grown = [samples(0, i, 2 * i, 3 * i) for i in (1, 2, 3)]
        classic(fake, side, dict(zip(("0.1", "0.5", "+Inf"), grown, strict=True)))
    asked, source = policy("histogram", buckets="h{$arm}"), Prometheus(fake.url)
    (pair,) = source.read(asked, start=T0, end=T0 + 45, upper_bounds={"m": [0.5, math.inf]})
    assert pair.canary.tolist() == [[2, 1]] * 3
    with pytest.raises(InputError, match="not the bounds"):
        source.read(asked, start=T0, end=T0 + 45, upper_bounds={"m": [0.2, math.inf]})
    with pytest.raises(InputError, match="increase up to infinity"):
        source.read(asked, start=T0, end=T0 + 45, upper_bounds={"m": [0.2, 0.5]})


def test_a_gauge_that_is_not_compared_shows_whether_the_baseline_is_in_the_same_trouble(
    fake: Fake,
) -> None:
    asked = gauge(fake, samples(1, 2, 3, 4), {}).with_metric("m", compare=False)
    alone = read(fake, asked)
    assert alone.baseline is None
    assert not [note for note in alone.notes if note.startswith("no_series")]
    query = str(asked.metric("m").query.value).replace("{$arm}", BASELINE)
    fake.data[query] = [({"pod": "b"}, samples(5, 6, 7, 8))]
    pair = read(fake, asked)
    assert pair.baseline is not None
    assert pair.baseline[:, 0].tolist() == [6, 7, 8]


def test_what_is_not_compared_is_read_of_the_canary_alone_where_nothing_tells_the_sides_apart(
    fake: Fake,
) -> None:
    asked = gauge(fake, samples(1, 2, 3, 4), {}).with_metric("m", compare=False)
    one = asked.with_metric(
        "m", query={"value": str(asked.metric("m").query.value).replace("{$arm}", CANARY)}
    )
    assert read(fake, one).baseline is None
    assert not [a for a in fake.asked if "baseline" in a.form.get("query", "")]


def test_events_and_exposure_always_cover_the_same_time(fake: Fake) -> None:
    labels = {"job": "j", "instance": "i"}
    fake.data["err_total" + CANARY] = [(labels, samples(0, 1, 2, 3))]
    fake.data["req_total" + CANARY] = [(labels, samples(0, 10, None, 30))]
    exposure = fake.data["req_total" + CANARY][0][1]

    def repeated(asked: Asked) -> Answer | None:
        if asked.form.get("query") != "req_total" + CANARY:
            return None
        values = [[t, str(exposure.get(t, 10))] for t in samples(0, 0, 0, 0)]
        return good({**MATRIX, "result": [{"metric": labels, "values": values}]})

    fake.always = repeated
    pair = read(fake)
    np.testing.assert_array_equal(pair.canary, [[1, 10], [math.nan] * 2, [2, 20]])
    assert any(n.startswith("held_back: canary") for n in pair.notes)


def test_a_series_that_comes_back_after_its_target_was_scraped_without_it_began_anew(
    fake: Fake,
) -> None:
    labels = {"job": "j", "instance": "i"}
    fake.data["err_total" + CANARY] = [({**labels, "t": "x"}, samples(5, None, None, 7))]
    fake.data["req_total" + CANARY] = [(labels, samples(0, 10, 20, 30))]
    assert read(fake).canary.tolist() == [[0, 10], [0, 10], [7, 10]]


@pytest.mark.parametrize(("up", "counted"), [(1, [0, 3, 0]), (0, [math.nan, math.nan, 0])])
def test_a_scrape_that_failed_does_not_show_that_a_series_was_not_there(
    fake: Fake, up: int, counted: list[float]
) -> None:
    labels = {"job": "j", "instance": "i"}
    fake.data["b" + CANARY] = [(labels, samples(None, None, 3, 3))]
    asked = 'up{job=~"j",instance=~"i"}'
    fake.data[asked] = [({"__name__": "up", **labels}, samples(up, up, 1, 1))]
    pair = read(fake, policy("events", events="b{$arm}"))
    np.testing.assert_array_equal(pair.canary[:, 0], counted)


def test_a_gauge_in_percent_is_scaled_to_its_unit_and_the_pair_says_so(fake: Fake) -> None:
    gauge(fake, samples(4, 5, 6, 7), samples(4, 4, 4, 4))
    asked = {"value": "g{$arm}", "scale": 0.01}
    data = {"metrics": [{"name": "m", "kind": "gauge", "unit": "ratio", "query": asked}]}
    pair = read(fake, Policy.parse(data))
    assert pair.canary[:, 0].tolist() == pytest.approx([0.05, 0.06, 0.07])
    assert pair.baseline[:, 0].tolist() == pytest.approx([0.04] * 3)
    assert "scale: what the server holds, times 0.01" in pair.notes


def test_bounds_in_milliseconds_become_the_seconds_a_person_would_write(fake: Fake) -> None:
    for arm in (CANARY, BASELINE):
        fake.data["h" + arm] = [
            ({"__name__": "h", "le": le}, samples(*values))
            for le, values in (("300", (0, 5, 5)), ("700", (0, 7, 7)), ("+Inf", (0, 9, 10)))
        ]
    asked = {"buckets": "h{$arm}", "scale": 0.001}
    data = {"metrics": [{"name": "m", "kind": "histogram", "unit": "seconds", "query": asked}]}
    pair = read(fake, Policy.parse(data), ticks=2)
    assert pair.upper_bounds.tolist() == [0.3, 0.7, math.inf]


def test_a_metric_may_be_labelled_unlike_the_others(fake: Fake) -> None:
    fake.data['g{model_version="v2"}'] = [({"__name__": "g"}, samples(1, 1, 1, 1))]
    fake.data['g{model_version="v1"}'] = [({"__name__": "g"}, samples(2, 2, 2, 2))]
    arms = {"canary": 'model_version="v2"', "baseline": 'model_version="v1"'}
    asked = {"value": "g{$arm}", "arms": arms}
    own = Policy.parse({"metrics": [{"name": "m", "kind": "gauge", "query": asked}]})
    pair = read(fake, own)
    assert (pair.canary[0, 0], pair.baseline[0, 0]) == (1.0, 2.0)
    source = Prometheus(fake.url)
    (kept,) = source.read(own, start=T0, end=T0 + 45, canary='version="x"')
    assert kept.canary[0, 0] == 1.0
