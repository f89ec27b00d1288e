"""What is read from a real Prometheus equals what was written into it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.sources.prometheus_server import open_metrics, real_prometheus

from canarystats.errors import InputError, SourceError, SourceErrorKind
from canarystats.policy import Policy
from canarystats.sources import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from canarystats.windows import Pair

T0 = 1_700_000_100  # a multiple of 15
N = 12
NAN = math.nan
Points = list[tuple[float, float]]


def points(values: Sequence[float | None], phase: float = -4.0) -> Points:
    """One sample a tick, `phase` seconds off it; None is a missed scrape."""
    return [(T0 + 15 * i + phase, v) for i, v in enumerate(values) if v is not None]


def running(first: float, *steps: float) -> list[float]:
    return np.cumsum([first, *steps]).tolist()


def series(name: str, arm: str, host: str, **labels: str) -> str:
    every = {"version": arm, "job": "web", "instance": f"{arm}-{host}:80", **labels}
    return name + "{" + ",".join(f'{k}="{v}"' for k, v in every.items()) + "}"


STEADY = running(100, *[10] * N)
BUCKETS = {"0.1": 4, "0.5": 9, "+Inf": 10}


def telemetry() -> dict[str, Points]:
    """Two arms; each metric carries one fault that the tests below look for."""
    made: dict[str, Points] = {}
    for arm in ("canary", "baseline"):
        for pod in ("a", "b"):
            made[series("req_total", arm, pod, status="200")] = points(STEADY)
            made[series("up", arm, pod)] = points([1.0] * (N + 1))
        made[series("plain_total", arm, "a")] = points(STEADY)
        made[series("whole_total", arm, "a", code="200")] = points(STEADY)
    # errors on the baseline from the start; on the canary's pod a born at tick 6 with 2 at once
    made[series("req_total", "baseline", "a", status="500")] = points(running(5, *[1] * N))
    made[series("req_total", "canary", "a", status="500")] = points(
        [None] * 6 + [2, 2, 5, 5, 5, 5, 5]
    )
    # a restart between ticks 4 and 5
    made[series("reset_total", "canary", "a")] = points(
        [50, 60, 70, 80, 90, 7, *running(17, *[10] * 6)]
    )
    made[series("reset_total", "baseline", "a")] = points(STEADY)
    # two scrapes missed in the middle, and none after tick 9
    gap = [v if i not in (4, 5) and i <= 9 else None for i, v in enumerate(STEADY)]
    made[series("gap_total", "canary", "a")] = points(gap)
    made[series("gap_total", "baseline", "a")] = points(STEADY)
    made[series("byz_total", "canary", "a")] = points([None] * 7 + [1] * 6)
    # a pod that nothing was known of before tick 5
    made[series("late_total", "canary", "a")] = points(STEADY)
    made[series("late_total", "canary", "new")] = points([None] * 5 + running(40, *[3] * 7))
    for arm, factor in (("canary", 2), ("baseline", 1)):
        for le, step in BUCKETS.items():
            made[series("lat_bucket", arm, "a", le=le)] = points(running(7, *[step * factor] * N))
    made[series("lat_bucket", "canary", "a", le="0.25")] = points(running(7, *[12] * N))
    for pod, size in (("b", 200.0), ("a", 100.0)):
        name = series("mem_bytes", "canary", pod, pod=pod)
        made[name] = points([size + i if i != 3 else None for i in range(N + 1)])
    made[series("mem_bytes", "baseline", "a", pod="z")] = points([50.0] * (N + 1))
    made['limit_bytes{pod="a",job="ksm",instance="k:1"}'] = points([400.0] * 3)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    text = open_metrics(telemetry())
    with real_prometheus(text, tmp_path_factory.mktemp("prometheus")) as url:
        yield url


def policy(**metrics: Mapping[str, object]) -> Policy:
    return Policy.parse({"metrics": [{"name": name, **rest} for name, rest in metrics.items()]})


def counts(events: str, exposure: str) -> dict[str, object]:
    return {"kind": "counts", "query": {"events": events, "exposure": exposure}}


def read(server: str, start: float = T0, end: float = T0 + 15 * N, **metrics: object) -> Pair:
    (pair,) = Prometheus(server).read(policy(**metrics), start=start, end=end)
    return pair


def noted(pair: Pair, start: str) -> list[str]:
    return [note for note in pair.notes if note.startswith(start)]


REQUESTS = counts('req_total{$arm,status=~"5.."}', "req_total{$arm}")


def test_the_server_says_its_version_and_the_pair_keeps_it(server: str) -> None:
    version = Prometheus(server).version()
    assert version[0].isdigit()
    assert f"server: prometheus {version}" in read(server, requests=REQUESTS).notes


def test_errors_born_in_the_window_count_from_zero_and_before_that_are_true_zeros(
    server: str,
) -> None:
    pair = read(server, requests=REQUESTS)
    assert pair.times is not None
    assert pair.times.tolist() == [T0 + 15 * i for i in range(1, N + 1)]
    assert pair.canary[:, 0].tolist() == [0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 0]
    assert pair.canary[:, 1].tolist() == [20, 20, 20, 20, 20, 22, 20, 23, 20, 20, 20, 20]
    assert pair.baseline is not None
    assert pair.baseline.tolist() == [[1, 21]] * N


def test_ticks_lie_after_start_and_up_to_end_whatever_the_ends(server: str) -> None:
    pair = read(server, start=T0 + 31, end=T0 + 89, requests=REQUESTS)
    assert pair.times is not None
    assert pair.times.tolist() == [T0 + 45, T0 + 60, T0 + 75]
    assert Prometheus(server).read(policy(r=REQUESTS), start=T0 + 1, end=T0 + 14) == []


def test_reading_tick_by_tick_adds_up_to_reading_at_once(server: str) -> None:
    whole = read(server, requests=REQUESTS)
    parts = [
        read(server, start=T0 + 15 * i, end=T0 + 15 * (i + 1), requests=REQUESTS) for i in range(N)
    ]
    assert np.concatenate([part.canary for part in parts]).tolist() == whole.canary.tolist()


def test_a_window_that_starts_on_a_missed_scrape_counts_from_the_last_one_seen(
    server: str,
) -> None:
    asked = counts("gap_total{$arm}", "gap_total{$arm}")
    pair = read(server, start=T0 + 75, end=T0 + 105, r=asked)
    assert pair.canary[:, 0].tolist() == [30, 10]


def test_no_errors_are_zero_only_where_the_exposure_has_the_label(server: str) -> None:
    silent = read(server, r=counts('whole_total{$arm,code=~"5.."}', "whole_total{$arm}"))
    assert silent.canary.tolist() == [[0, 10]] * N
    blind = read(server, r=counts('plain_total{$arm,status=~"5.."}', "plain_total{$arm}"))
    assert np.isnan(blind.canary).all()
    (note,) = noted(blind, "missing_label: canary")
    assert "status" in note


def test_an_events_counter_nobody_exports_is_missing_not_zero(server: str) -> None:
    pair = read(server, r=counts("errors_total{$arm}", "plain_total{$arm}"))
    assert np.isnan(pair.canary).all()
    assert noted(pair, "unseen_counter: canary")


def test_a_side_without_series_is_missing_and_said_to_be(server: str) -> None:
    pair = read(server, late=counts("late_total{$arm}", "late_total{$arm}"))
    assert pair.baseline is not None
    assert np.isnan(pair.baseline).all()
    assert 'no_series: baseline: late_total{version="baseline"}' in pair.notes


def test_after_a_restart_the_new_value_is_the_increment(server: str) -> None:
    pair = read(server, r=counts("reset_total{$arm}", "reset_total{$arm}"))
    assert pair.canary[:, 0].tolist() == [10, 10, 10, 10, 7] + [10] * 7
    assert noted(pair, "counter_reset: canary")
    assert not noted(pair, "counter_reset: baseline")


def test_missed_scrapes_are_missing_and_their_counts_stand_in_the_next_tick(server: str) -> None:
    pair = read(server, r=counts("gap_total{$arm}", "gap_total{$arm}"))
    expected = [10, 10, 10, NAN, NAN, 30, 10, 10, 10, NAN, NAN, NAN]
    np.testing.assert_array_equal(pair.canary[:, 0], expected)
    assert noted(pair, "missed_scrape: canary")
    (tail,) = noted(pair, "stale_tail: canary")
    assert "last 3 ticks" in tail
    assert not noted(pair, "stale_tail: baseline")


def test_the_stale_tail_of_an_aggregated_counter_is_missing_too(server: str) -> None:
    total = "sum(gap_total{$arm})"
    pair = read(server, r=counts(total, total))
    expected = [10, 10, 10, NAN, NAN, 30, 10, 10, 10, NAN, NAN, NAN]
    np.testing.assert_array_equal(pair.canary[:, 0], expected)


def test_of_an_aggregate_that_falls_nothing_is_guessed(server: str) -> None:
    total = "sum(reset_total{$arm})"
    pair = read(server, r=counts(total, total))
    np.testing.assert_array_equal(pair.canary[:, 0], [10, 10, 10, 10, NAN] + [10] * 7)
    assert noted(pair, "aggregate_fell: canary")


def test_the_first_event_of_a_scraped_target_is_counted(server: str) -> None:
    pair = read(server, byz={"kind": "events", "query": {"events": "byz_total{$arm}"}})
    assert pair.canary[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]


def test_the_first_value_of_a_new_target_is_only_a_start(server: str) -> None:
    pair = read(server, late={"kind": "events", "query": {"events": "late_total{$arm}"}})
    assert pair.canary[:, 0].tolist() == [10] * 5 + [13] * 7
    assert noted(pair, "new_target: canary")


def test_buckets_are_plain_counts_on_the_bounds_both_sides_have(server: str) -> None:
    pair = read(server, lat={"kind": "histogram", "query": {"buckets": "lat_bucket{$arm}"}})
    assert pair.upper_bounds is not None
    assert pair.upper_bounds.tolist() == [0.1, 0.5, np.inf]
    assert pair.canary.tolist() == [[8, 10, 2]] * N
    assert pair.baseline is not None
    assert pair.baseline.tolist() == [[4, 5, 1]] * N
    (note,) = noted(pair, "merged_buckets")
    assert "0.25" in note


def test_gauges_are_columns_by_label_and_limits_stand_beside_their_pod(server: str) -> None:
    query = {"value": "mem_bytes{$arm}", "limit": "limit_bytes"}
    pair = read(server, mem={"kind": "gauge", "query": query})
    left = [100.0 + i if i != 3 else NAN for i in range(1, N + 1)]
    np.testing.assert_array_equal(pair.canary, np.array([left, np.array(left) + 100]).T)
    assert pair.limit is not None
    assert pair.limit[:, 0].tolist() == [400.0] * N
    assert np.isnan(pair.limit[:, 1]).all()
    assert noted(pair, "limit: canary")


def test_a_baseline_from_the_past_stands_beside_the_canarys_ticks(server: str) -> None:
    asked = policy(r=counts("reset_total{$arm}", "reset_total{$arm}"))
    same = 'version="canary"'
    (pair,) = Prometheus(server).read(
        asked,
        start=T0 + 90,
        end=T0 + 150,
        baseline_offset_seconds=75,
        canary=same,
        baseline=same,
    )
    assert pair.times is not None
    assert pair.times[0] == T0 + 105
    assert pair.canary[:, 0].tolist() == [10] * 4
    assert pair.baseline is not None
    assert pair.baseline[:, 0].tolist() == [10, 10, 10, 7]


def test_a_query_the_server_refuses_is_rejected_in_its_words(server: str) -> None:
    with pytest.raises(SourceError, match="parse error") as caught:
        read(server, r=counts("req_total{$arm", "req_total{$arm}"))
    assert caught.value.kind is SourceErrorKind.REJECTED


def test_sides_that_would_read_the_same_series_are_refused(server: str) -> None:
    with pytest.raises(InputError, match="same series"):
        read(server, r=counts("req_total", "req_total{$arm}"))


def test_more_points_than_the_server_allows_are_asked_for_in_parts(server: str) -> None:
    end = T0 + 15 * N
    pair = read(server, start=end - 15 * 12_000, end=end, r=REQUESTS)
    assert pair.n_ticks == 12_000
    assert np.nansum(pair.canary[:, 1]) == 20 * N + 5


SCRAPES_ITSELF = """scrape_configs:
  - job_name: self
    scrape_interval: 2s
    static_configs: [{targets: ["127.0.0.1:%d"], labels: {version: canary}}]
"""


def test_the_scrape_interval_is_asked_of_the_server(tmp_path: Path) -> None:
    with real_prometheus("", tmp_path, scrape_config=SCRAPES_ITSELF) as url:
        asked = policy(up={"kind": "gauge", "query": {"value": "up{$arm}"}}).replace(interval="2s")
        source = Prometheus(url)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            now = time.time()
            (pair,) = source.read(asked, start=now - 30, end=now)
            if not noted(pair, "no_series: canary"):
                break
            time.sleep(0.2)
        assert not noted(pair, "scrape_interval: unknown")
        with pytest.raises(InputError, match=r"interval is 1s.*scrape interval 2s"):
            source.read(asked.replace(interval="1s"), start=now - 30, end=now)


def test_a_metric_with_arms_and_a_scale_of_its_own(server: str) -> None:
    arms = {"canary": 'pod="a"', "baseline": 'pod="z"'}
    asked = {"value": "mem_bytes{$arm}", "arms": arms, "scale": 0.01}
    pair = read(server, m={"kind": "gauge", "query": asked})
    assert pair.canary[0].tolist() == [1.01]
    assert pair.baseline is not None
    assert pair.baseline[0].tolist() == [0.5]
    assert noted(pair, "scale") == ["scale: what the server holds, times 0.01"]


def test_bounds_in_another_unit_are_scaled(server: str) -> None:
    asked = {"buckets": "lat_bucket{$arm}", "scale": 1000}
    pair = read(server, m={"kind": "histogram", "query": asked})
    assert pair.upper_bounds is not None
    assert pair.upper_bounds.tolist() == [100.0, 500.0, math.inf]


def test_one_query_may_name_several_counters_of_the_same_labels(server: str) -> None:
    both = '{__name__=~"req_total|plain_total",$arm,instance=~".*-a:80"}'
    pair = read(server, r=counts("plain_total{$arm}", both))
    assert pair.canary[:6, 1].tolist() == [20.0] * 5 + [22.0]
    assert not noted(pair, "freshness_unknown")
