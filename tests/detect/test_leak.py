"""What `leak` says of series whose truth is known, and of series that say nothing."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.detect import Shape, leak
from canarystats.errors import InputError
from tests.detect.processes import ar1, step

N = 720
SECONDS = np.arange(N) * 60.0
MB = 1e6


def memory(seed, rise=0.0, noise=2 * MB, start=3e8, n=N):
    rng = np.random.default_rng(seed)
    return start + rise * np.arange(n) / n + noise * ar1(rng, 1, n, 0.6)[0]


def test_a_steady_rise_is_a_leak_with_its_slope_and_its_time_to_the_limit():
    found = leak(memory(1, 40 * MB), times=SECONDS, limit=4e8)
    assert found.leaking
    assert found.evidence.decides
    assert found.shape is Shape.LINEAR
    truth = 40 * MB / 12
    assert found.slope_interval.low < truth < found.slope_interval.high
    assert found.sen_interval.low < truth < found.sen_interval.high
    left = (1e8 - 40 * MB) / truth * 3600
    assert found.time_to_limit_interval.low < left < found.time_to_limit_interval.high
    assert found.time_to_limit_seconds == pytest.approx(left, rel=0.2)
    assert min(found.halves) > 0
    assert "leaking, linear" in repr(found)
    assert "leaking" in found._repr_html_()


@pytest.mark.parametrize(
    ("shape", "curve"),
    [
        (Shape.FLAT, np.zeros(N)),
        (Shape.STEP, 40 * MB * step(N, 0.45)),
        (Shape.SATURATING, 40 * MB * (1 - np.exp(-np.arange(N) / N / 0.15))),
    ],
)
def test_what_is_no_leak_is_told_by_its_shape(shape, curve):
    found = leak(memory(2) + curve, times=SECONDS, limit=1e9)
    assert not found.leaking
    assert found.shape is shape
    assert found.time_to_limit_seconds is None


def test_growth_under_the_floor_is_none():
    slow = leak(memory(3, rise=3 * MB, noise=0.1 * MB), times=SECONDS)  # 0.25 MB an hour
    assert not slow.leaking
    assert leak(memory(3, 3 * MB, 0.1 * MB), times=SECONDS, floor_per_hour=1e5).leaking
    assert slow.evidence.margin == pytest.approx(100e6 / 168)


def test_a_fall_is_no_leak():
    found = leak(memory(4, rise=-40 * MB), times=SECONDS, limit=1e9)
    assert not found.leaking
    assert found.slope_interval.high < 0
    assert found.time_to_limit_interval is None


def test_a_leak_that_restarts_is_told_from_one_life():
    first = memory(5, 300 * MB, start=1e8, n=240)
    values = np.concatenate([first, memory(6, 600 * MB, start=1e8, n=480)])
    found = leak(values, times=SECONDS, limit=9e8)
    assert found.leaking
    assert found.restarts == 1
    assert found.start == pytest.approx(SECONDS[240], abs=60 * 100)
    truth = 600 * MB / 8
    assert found.slope_interval.low < truth < found.slope_interval.high


def test_many_short_lives_of_equal_height_are_no_leak_of_the_whole():
    lives = [memory(seed, 300 * MB, start=1e8, n=120) for seed in range(6)]
    found = leak(np.concatenate(lives), times=SECONDS)
    assert found.restarts == 5
    assert found.end - found.start < 120 * 60


def test_start_times_tell_restarts_that_values_do_not():
    values = np.concatenate([memory(7, n=360), memory(8, start=3.2e8, n=360)])
    born = np.where(np.arange(N) < 360, 0.0, SECONDS[360])
    assert leak(values, times=SECONDS, started=born).restarts == 1
    assert leak(values, times=SECONDS).restarts == 0


def test_garbage_collection_is_neither_a_restart_nor_a_leak():
    teeth = 3e8 * ((np.arange(N) / 17) % 1)
    found = leak(memory(9, start=1e8) + teeth, times=SECONDS)
    assert (found.leaking, found.restarts) == (False, 0)


def test_the_lower_envelope_shows_a_leak_under_teeth():
    teeth = 100 * MB * ((np.arange(N) / 23.7) % 1)
    found = leak(memory(10, rise=30 * MB, noise=0.5 * MB) + teeth, times=SECONDS)
    assert found.envelope
    assert found.leaking
    assert found.slope_interval.low < 30 * MB / 12 < found.slope_interval.high


def test_a_start_up_jump_is_trimmed():
    values = memory(11, 40 * MB)
    values[:30] -= 2e8
    found = leak(values, times=SECONDS, limit=4e8)
    assert found.leaking
    assert 30 <= found.n_trimmed <= N // 5 + N // 24
    assert leak(values, times=SECONDS, warm_up_seconds=3600).start >= 3600


def test_a_shared_cycle_drops_out_beside_the_baseline():
    day = 40 * MB * np.sin(np.arange(N) / N * np.pi)
    canary, baseline = memory(12, 30 * MB) + day, memory(13) + day
    assert not leak(canary, times=SECONDS).leaking
    found = leak(canary, baseline, SECONDS)
    assert found.leaking
    assert found.evidence.n_baseline == N
    assert not leak(memory(14) + day, baseline, SECONDS).leaking


def test_pods_are_searched_one_by_one_and_the_worst_speaks():
    pods = np.stack([memory(seed) for seed in (15, 16)] + [memory(17, 60 * MB)], axis=1)
    pair = cs.Pair.gauge("rss", canary=pods, baseline=memory(18), times=SECONDS, limit=[0, 0, 9e8])
    found = leak(pair)
    assert found.leaking
    assert found.pod == 2
    assert [pod.leaking for pod in found.pods] == [False, False, True]
    assert found.evidence.p_value == pytest.approx(3 * found.pods[2].evidence.p_value)
    assert found.time_to_limit_seconds > 0
    assert "1 of 3 pods" in repr(found)


def test_a_baseline_pod_that_restarts_is_left_out():
    baseline = np.stack([memory(19), memory(20)], axis=1)
    baseline[:300, 1] += 6e8
    pair = cs.Pair.gauge("rss", canary=memory(21), baseline=baseline, times=SECONDS)
    alone = cs.Pair.gauge("rss", canary=memory(21), baseline=baseline[:, :1], times=SECONDS)
    assert leak(pair).evidence.effect == pytest.approx(leak(alone).evidence.effect)


def test_missing_and_infinite_samples_are_left_out_and_told():
    values = memory(22, 40 * MB)
    values[100:130], values[200] = np.nan, np.inf
    found = leak(values, times=SECONDS)
    assert found.leaking
    assert found.evidence.seen == ("missing: 30", "infinite: 1")


def test_a_baseline_without_data_leaves_the_canary_alone():
    found = leak(memory(23, 40 * MB), np.full(N, np.nan), SECONDS)
    assert found.leaking
    assert "baseline: no data" in found.evidence.seen


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([], "no_data"),
        ([np.nan] * 50, "no_data"),
        ([np.inf] * 50, "no_data"),
        (list(range(23)), "insufficient"),
        ([5.0] * 100, "degenerate"),
    ],
)
def test_too_little_data_is_a_status(values, status):
    found = leak(values, limit=10.0)
    assert (found.leaking, str(found.evidence.status)) == (False, status)
    assert found._repr_html_()
    assert status.replace("_", " ") in repr(found)


def test_without_times_slopes_are_per_tick():
    found = leak(memory(24, 40 * MB), limit=4e8)
    assert found.leaking
    assert found.slope_per_tick == pytest.approx(40 * MB / N, rel=0.2)
    assert found.slope_per_hour is None
    assert found.time_to_limit_seconds is None


def test_at_the_limit_no_time_is_left():
    assert leak(memory(25, 40 * MB), times=SECONDS, limit=3.1e8).time_to_limit_seconds == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"level": 0.0}, "level"),
        ({"interval_level": 1.0}, "interval_level"),
        ({"floor_per_hour": -1.0}, "floor_per_hour"),
        ({"warm_up_seconds": np.inf}, "warm_up_seconds"),
        ({"limit": -1.0}, "limit"),
        ({"limit": [1.0, 2.0]}, "limit"),
        ({"times": [1.0]}, "times"),
        ({"baseline": [1.0]}, "baseline"),
        ({"started": [1.0]}, "started"),
        ({"pair_or_values": np.zeros((2, 2, 2))}, "values"),
        ({"pair_or_values": cs.Pair.samples("x", canary=[1.0], baseline=[1.0])}, "kind"),
    ],
)
def test_bad_input_names_the_field(changes, field):
    with pytest.raises(InputError, match=field):
        leak(**{"pair_or_values": np.arange(50.0), **changes})


def test_a_fleet_is_counted_by_bucket():
    pods = np.array([[10.0, 50.0, 96.0], [10.0, 20.0, np.nan], [5.0, 5.0, 5.0]])
    found = cs.detect.usage_buckets(pods, limit=[100.0, 100.0, 0.0])
    assert found.edges == (0.2, 0.4, 0.6, 0.8, 0.9, 0.95)
    assert found.counts[0] == (2, 0, 0, 0, 0, 0, 0)
    assert found.counts[1] == (0, 1, 1, 0, 0, 0, 0)
    assert found.last == (0, 0, 0, 0, 0, 0, 1)
    assert found.unknown == (1, 1, 2)
    assert found.at_least(0.4) == (0, 1, 1)
    assert "1 from 0.95" in repr(found)
    pair = cs.Pair.gauge("rss", canary=pods.T, limit=[100.0, 100.0, 0.0])
    assert cs.detect.usage_buckets(pair) == found
    assert cs.detect.usage_buckets(pods, edges=[8.0]).counts[0] == (1, 2)
    assert cs.detect.usage_buckets(np.empty((0, 4)), limit=1.0).last == (0,) * 7
    with pytest.raises(InputError, match="edges"):
        cs.detect.usage_buckets(pods)
    with pytest.raises(InputError, match="edge is"):
        found.at_least(0.5)


def test_beside_a_baseline_a_shared_day_leaves_the_time_to_the_limit():
    day = 40 * MB * np.sin(np.arange(N) / N * 5 * np.pi)
    canary, baseline = memory(26, 40 * MB) + day, memory(27) + day
    until = leak(canary, baseline, SECONDS, 5e8).time_to_limit_interval
    truth = (5e8 - 3e8 - 40 * MB) / (40 * MB / 12 / 3600)
    assert until.low < truth < until.high


def test_where_both_arms_leak_the_time_to_the_limit_is_the_canarys_own():
    found = leak(memory(28, 80 * MB), memory(29, 40 * MB), SECONDS, 5e8)
    alone = leak(memory(28, 80 * MB), times=SECONDS, limit=5e8)
    assert found.leaking
    assert found.time_to_limit_seconds == pytest.approx(alone.time_to_limit_seconds, rel=1e-9)
