"""The watch loop, driven by a clock and a source that the test holds."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest

import canarystats as cs
from canarystats.errors import InputError, SourceError, SourceErrorKind
from canarystats.watch import watch
from tests import rollouts

TICK = rollouts.TICK
SETTLE = 2.0
START = 1_700_000_010.0  # a multiple of the interval, as every tick that comes due
BEGAN = START - TICK + SETTLE + 1.0  # the first tick that comes due is START
POLICY = rollouts.eight_triggers("requests", "latency_seconds")


@dataclasses.dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = BEGAN
    slept: list = dataclasses.field(default_factory=list)

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds


class Memory:
    """A source that holds whole windows, and fails while it is told to."""

    def __init__(self, pairs, clock, failures=()):
        self.pairs, self.clock, self.failures = pairs, clock, failures
        self.asked = []

    def read(self, policy, *, start, end, upper_bounds=None):
        assert end <= self.clock.now, "asked for a time that has not come"
        self.asked.append((start, end))
        for first, last, kind in self.failures:
            if first <= self.clock.now < last:
                raise SourceError(kind, "the server is away")
        found = []
        for pair in self.pairs:
            rows = [i for i, t in enumerate(pair.times) if start < t <= end]
            if rows and pair.name in {metric.name for metric in policy.metrics}:
                found.append(pair.rows(rows[0], rows[-1] + 1))
        return found


def looks(source, clock, policy=POLICY, *, ticks=None, **options):
    """Every look of a watch that lasts so many ticks."""
    if ticks is not None:
        options["for_seconds"] = ticks * TICK
    options = {"share": 0.05, "rollout": "checkout-42"} | options
    return list(watch(source, policy, clock=clock, sleep=clock.sleep, **options))


def healthy(n, seed=3):
    return [on_the_clock(pair) for pair in rollouts.whole(seed, n)[:2]]


def steady(n, **errors):
    return on_the_clock(rollouts.steady_requests(n, **errors))


def on_the_clock(pair):
    return dataclasses.replace(pair, times=pair.times + (START - rollouts.START))


def judged(pairs, n, policy=POLICY):
    return cs.judge([p.rows(0, n) for p in pairs], policy, share=0.05, rollout="checkout-42")


def away(first_tick, last_tick, kind=SourceErrorKind.UNREACHABLE):
    return START + first_tick * TICK, START + last_tick * TICK, kind


def test_every_tick_is_read_once_and_the_verdict_equals_judge_over_the_whole_window():
    clock, pairs = Clock(), healthy(30)
    source = Memory(pairs, clock)
    seen = looks(source, clock, ticks=30)

    assert [look.at for look in seen] == pairs[0].times.tolist()
    assert all(a[1] == b[0] for a, b in itertools.pairwise(source.asked))
    assert seen[-1].verdict == judged(pairs, 30)
    assert seen[-1].verdict.ticks == 30


def test_it_looks_a_settling_time_after_each_tick():
    clock = Clock()
    source = Memory(healthy(5), clock)
    for look in watch(
        source, POLICY, share=0.05, for_seconds=5 * TICK, clock=clock, sleep=clock.sleep
    ):
        assert clock.now == look.at + SETTLE


def test_a_short_interval_settles_a_quarter_of_it():
    clock = Clock()
    source = Memory([], clock)
    policy = POLICY.replace(interval="4s")
    for look in watch(source, policy, for_seconds=20, clock=clock, sleep=clock.sleep):
        assert clock.now == look.at + 1.0


def test_an_outage_loses_nothing():
    clock, pairs = Clock(), healthy(60)
    source = Memory(pairs, clock, [away(10, 25)])
    seen = looks(source, clock, ticks=60)

    failed = [look for look in seen if look.error is not None]
    assert len(failed) == 15
    assert all(look.verdict is None for look in failed)
    assert all(look.error.kind is SourceErrorKind.UNREACHABLE for look in failed)
    ticks = [look.verdict.ticks for look in seen if look.verdict is not None]
    assert max(b - a for a, b in itertools.pairwise(ticks)) == 16
    assert seen[-1].verdict == judged(pairs, 60)


@pytest.mark.parametrize(
    "kind", [SourceErrorKind.UNREACHABLE, SourceErrorKind.TIMEOUT, SourceErrorKind.OVERLOADED]
)
def test_a_failure_that_may_pass_is_told_and_the_watch_goes_on(kind):
    clock, pairs = Clock(), healthy(6)
    seen = looks(Memory(pairs, clock, [away(0, 2, kind)]), clock, ticks=6)
    assert [look.error.kind for look in seen if look.error] == [kind, kind]
    assert seen[-1].verdict == judged(pairs, 6)


@pytest.mark.parametrize(
    "kind",
    [
        SourceErrorKind.UNAUTHORIZED,
        SourceErrorKind.REJECTED,
        SourceErrorKind.MALFORMED,
        SourceErrorKind.NOT_FOUND,
    ],
)
def test_a_failure_that_waiting_cannot_mend_is_raised(kind):
    clock = Clock()
    source = Memory(healthy(6), clock, [away(2, 6, kind)])
    watching = watch(source, POLICY, share=0.05, clock=clock, sleep=clock.sleep)
    assert [next(watching).verdict.ticks for _ in range(2)] == [1, 2]
    with pytest.raises(SourceError, match="away") as raised:
        next(watching)
    assert raised.value.kind is kind


def test_a_rollback_ends_the_watch():
    clock = Clock()
    pairs = [steady(100, errors=1500.0)]
    policy = rollouts.eight_triggers("requests")
    seen = looks(Memory(pairs, clock), clock, policy)

    assert [look.verdict.decision for look in seen[:-1]] == ["hold"] * (len(seen) - 1)
    assert seen[-1].verdict.decision == "rollback"
    assert len(seen) < 10
    assert seen[-1].verdict == judged(pairs, len(seen), policy)


def test_a_promotion_ends_the_watch():
    clock = Clock()
    pairs = [steady(200)]
    policy = rollouts.eight_triggers("requests")
    seen = looks(Memory(pairs, clock), clock, policy)

    assert seen[-1].verdict.decision == "promote"
    assert {look.verdict.decision for look in seen[:-1]} == {"hold"}
    assert seen[-1].at - seen[0].at + TICK == policy.min_duration


def test_it_ends_when_the_time_is_up_and_never_sleeps_beyond_it():
    clock = Clock()
    seen = looks(Memory(healthy(30), clock), clock, for_seconds=4.5 * TICK)
    assert len(seen) == 4
    assert {look.verdict.decision for look in seen} == {"hold"}
    assert clock.now == BEGAN + 4.5 * TICK
    assert math.isclose(sum(clock.slept), 4.5 * TICK)


def test_a_watch_without_time_gives_no_look():
    clock = Clock()
    assert looks(Memory(healthy(3), clock), clock, for_seconds=0.0) == []


def test_ticks_that_passed_while_a_look_took_long_are_made_up_at_once():
    clock, pairs = Clock(), healthy(20)
    source, seen = Memory(pairs, clock), []
    for look in watch(
        source,
        POLICY,
        share=0.05,
        rollout="checkout-42",
        for_seconds=20 * TICK,
        clock=clock,
        sleep=clock.sleep,
    ):
        seen.append(look)
        clock.now += 3.2 * TICK if len(seen) == 2 else 0.0
    assert [look.verdict.ticks for look in seen[:4]] == [1, 2, 5, 6]
    assert seen[-1].verdict == judged(pairs, 20)


def test_a_source_with_nothing_to_say_is_held():
    clock = Clock()
    seen = looks(Memory([], clock), clock, ticks=3)
    assert [look.verdict.decision for look in seen] == ["hold"] * 3
    assert "no data" in seen[-1].verdict.reason


@pytest.mark.parametrize("stops", [(1,), (7, 8), (3, 12, 20)])
def test_a_watch_that_was_stopped_and_begun_again_equals_one_that_was_not(tmp_path, stops):
    pairs, state = healthy(30), tmp_path / "state.json"
    clock, ticks = Clock(), 0
    for stop in (*stops, 30):
        source = Memory(pairs, clock)
        seen = looks(source, clock, ticks=stop - ticks, state_file=state)
        assert seen[-1].verdict == judged(pairs, stop)
        assert source.asked[0][0] == START + (ticks - 1) * TICK
        ticks = stop


def test_what_passed_while_no_watch_ran_is_made_up_from_the_state(tmp_path):
    pairs, state = healthy(40), tmp_path / "state.json"
    clock = Clock()
    looks(Memory(pairs, clock), clock, ticks=5, state_file=state)
    clock.now += 20 * TICK
    source = Memory(pairs, clock)
    seen = looks(source, clock, ticks=15, state_file=state)
    assert seen[0].verdict == judged(pairs, 25)
    assert seen[-1].verdict == judged(pairs, 40)


def test_a_rolled_back_rollout_stays_so_after_a_restart(tmp_path):
    state, clock = tmp_path / "state.json", Clock()
    policy = rollouts.eight_triggers("requests")
    bad = steady(10, errors=1500.0)
    first = looks(Memory([bad], clock), clock, policy, state_file=state)[-1].verdict
    good = steady(100)
    again = looks(Memory([good], clock), clock, policy, state_file=state)
    assert len(again) == 1
    assert (first.decision, again[0].verdict.decision) == ("rollback", "rollback")
    assert again[0].verdict.decision_id == first.decision_id


def test_the_state_is_whole_after_every_look_and_leaves_nothing_beside_it(tmp_path):
    state, clock = tmp_path / "state.json", Clock()
    watching = watch(
        Memory(healthy(5), clock),
        POLICY,
        share=0.05,
        rollout="checkout-42",
        state_file=state,
        for_seconds=5 * TICK,
        clock=clock,
        sleep=clock.sleep,
    )
    for look in watching:
        saved = cs.Monitor.from_json(state.read_text(), POLICY)
        assert saved.last_tick == look.at
        assert list(tmp_path.iterdir()) == [state]


def test_a_write_that_dies_half_way_leaves_the_old_state(tmp_path, monkeypatch):
    state, clock = tmp_path / "state.json", Clock()
    pairs = healthy(10)
    looks(Memory(pairs, clock), clock, ticks=3, state_file=state)
    before = state.read_text()
    path_type = type(state)
    write = path_type.write_text

    def dies(path, text, *args, **kwargs):
        write(path, text[: len(text) // 2], *args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(path_type, "write_text", dies)
    with pytest.raises(KeyboardInterrupt):
        looks(Memory(pairs, clock), clock, ticks=3, state_file=state)
    monkeypatch.undo()
    assert state.read_text() == before
    seen = looks(Memory(pairs, clock), clock, ticks=2, state_file=state)
    assert seen[-1].verdict == judged(pairs, seen[-1].verdict.ticks)


def test_an_outage_leaves_the_state_as_it_was(tmp_path):
    state, clock = tmp_path / "state.json", Clock()
    pairs = healthy(10)
    looks(Memory(pairs, clock), clock, ticks=3, state_file=state)
    before = state.read_text()
    failing = Memory(pairs, clock, [(0.0, math.inf, SourceErrorKind.TIMEOUT)])
    seen = looks(failing, clock, ticks=3, state_file=state)
    assert len(seen) >= 3
    assert all(look.verdict is None for look in seen)
    assert state.read_text() == before


@pytest.mark.parametrize(
    "other", [{"rollout": "checkout-43"}, {"share": 0.1}, {"share": None}, {"rollout": ""}]
)
def test_the_state_of_another_rollout_is_refused(tmp_path, other):
    state, clock = tmp_path / "state.json", Clock()
    looks(Memory(healthy(5), clock), clock, ticks=3, state_file=state)
    before = state.read_text()
    with pytest.raises(InputError, match=r"state\.json .*'checkout-42' at share 0\.05"):
        looks(Memory(healthy(5), clock), clock, ticks=3, state_file=state, **other)
    assert state.read_text() == before


def test_the_state_of_another_policy_is_refused(tmp_path):
    state, clock = tmp_path / "state.json", Clock()
    looks(Memory(healthy(5), clock), clock, ticks=3, state_file=state)
    with pytest.raises(InputError, match="policy"):
        looks(Memory([], clock), clock, POLICY.replace(warm_up="1m"), ticks=1, state_file=state)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "another/1"}', "\x00\x01"])
def test_a_state_file_that_is_none_is_refused(tmp_path, text):
    state, clock = tmp_path / "state.json", Clock()
    state.write_text(text)
    with pytest.raises(InputError, match="not a saved monitor"):
        looks(Memory([], clock), clock, ticks=1, state_file=state)
    assert state.read_text() == text


def test_the_state_is_small_and_does_not_grow_with_the_rollout(tmp_path):
    sizes = []
    for ticks in (20, 100):
        state, clock = tmp_path / f"{ticks}.json", Clock()
        policy = POLICY.replace(min_duration="1d")
        looks(Memory(healthy(ticks), clock), clock, policy, ticks=ticks, state_file=state)
        json.loads(state.read_text())
        sizes.append(state.stat().st_size)
    assert max(sizes) < 30_000
    assert sizes[1] < 1.2 * sizes[0]


def earlier(n, seed=9):
    """The metrics of `healthy` before the rollout."""
    return [dataclasses.replace(p, times=p.times - n * TICK) for p in healthy(n, seed)]


def joined(before, after):
    return [
        dataclasses.replace(
            b,
            times=np.concatenate([a.times, b.times]),
            canary=np.concatenate([a.canary, b.canary]),
            baseline=np.concatenate([a.baseline, b.baseline]),
        )
        for a, b in zip(before, after, strict=True)
    ]


class TestHistory:
    def expected(self, past, pairs, n):
        now = [p.rows(0, n) for p in pairs]
        return cs.judge(now, POLICY, share=0.05, rollout="checkout-42", history=past)

    def test_it_is_read_before_the_first_look_and_only_then(self):
        clock, past, pairs = Clock(), earlier(20), healthy(4)
        source = Memory(joined(past, pairs), clock)
        seen = looks(source, clock, ticks=4, history_seconds=10 * TICK)
        first = START - TICK
        assert source.asked[0] == (first - 10 * TICK, first)
        assert [start for start, _ in source.asked[1:]] == [first + i * TICK for i in range(4)]
        assert seen[-1].verdict == self.expected([p.rows(10, 20) for p in past], pairs, 4)

    def test_a_restarted_watch_has_learned_already(self, tmp_path):
        state, past, pairs = tmp_path / "state.json", earlier(20), healthy(8)
        clock = Clock()
        source = Memory(joined(past, pairs), clock)
        common = {"ticks": 4, "history_seconds": 20 * TICK, "state_file": state}
        looks(source, clock, **common)
        source.asked.clear()
        seen = looks(source, clock, **common)
        assert source.asked[0][0] >= START
        assert seen[-1].verdict == self.expected(past, pairs, seen[-1].verdict.ticks)

    def test_an_outage_at_the_beginning_is_waited_for(self):
        clock, past, pairs = Clock(), earlier(20), healthy(6)
        source = Memory(joined(past, pairs), clock, [away(0, 2)])
        seen = looks(source, clock, ticks=6, history_seconds=20 * TICK)
        assert [look.error is None for look in seen] == [False, False, True, True, True, True]
        assert seen[-1].verdict == self.expected(past, pairs, 6)

    def test_where_there_was_nothing_before_the_watch_goes_on_without(self):
        clock, pairs = Clock(), healthy(4)
        seen = looks(Memory(pairs, clock), clock, ticks=4, history_seconds=20 * TICK)
        assert seen[-1].verdict == judged(pairs, 4)

    @pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
    def test_a_span_that_cannot_be_right_is_refused(self, seconds):
        clock = Clock()
        with pytest.raises(InputError, match=r"history_seconds is .* at least 0"):
            looks(Memory([], clock), clock, ticks=1, history_seconds=seconds)
