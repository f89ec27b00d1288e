"""A past rollout replayed tick by tick ends where judging all of it at once does."""

import itertools

import numpy as np
import pytest

import canarystats as cs
from canarystats.errors import InputError
from canarystats.replay import replay, tick_count
from canarystats.sources.files import list_recordings, read_recording, shipped
from tests import rollouts

ONLY_REQUESTS = rollouts.eight_triggers("requests")


@pytest.mark.parametrize("change", [{}, {"ratio": 5.0, "onset": 20}, {"factor": 3.0, "onset": 20}])
def test_the_last_verdict_equals_judging_everything(change):
    pairs, policy = rollouts.whole(1, 60, **change), rollouts.eight_triggers()
    history = list(replay(pairs, policy, share=0.05, rollout="r"))
    assert len(history) == tick_count(pairs) == 60
    assert history[-1] == cs.judge(pairs, policy, share=0.05, rollout="r")
    assert [verdict.ticks for verdict in history] == list(range(1, 61))
    assert [verdict.at for verdict in history] == pairs[0].times.tolist()


@pytest.mark.parametrize("name", list_recordings())
def test_a_shipped_recording_ends_where_judging_it_does(name):
    held = read_recording(shipped(name))
    policy = cs.load_policy(held.policy)
    last = list(replay(held.pairs, policy, share=held.share, rollout=name))[-1]
    assert last == cs.judge(held.pairs, policy, share=held.share, rollout=name)


def test_every_verdict_on_the_way_equals_judging_what_had_come_by_then():
    pairs = rollouts.whole(2, 24, ratio=4.0, onset=8)
    policy = rollouts.eight_triggers()
    for n, verdict in enumerate(replay(pairs, policy, share=0.05), start=1):
        assert verdict == cs.judge([p.rows(0, n) for p in pairs], policy, share=0.05)


def test_it_goes_on_after_a_decision_unless_told_to_stop():
    pairs = [rollouts.steady_requests(60, errors=1500.0)]
    whole = list(replay(pairs, ONLY_REQUESTS, share=0.05))
    stopped = list(replay(pairs, ONLY_REQUESTS, share=0.05, stop_when_decided=True))
    assert len(whole) == 60
    assert stopped == whole[: len(stopped)]
    assert len(stopped) < 10
    assert [v.decision for v in stopped] == ["hold"] * (len(stopped) - 1) + ["rollback"]
    assert {v.decision for v in whole[len(stopped) :]} == {"rollback"}, "a rollback is latched"


def test_stopping_at_a_promotion():
    pairs = [rollouts.steady_requests(100)]
    history = list(replay(pairs, ONLY_REQUESTS, share=0.05, stop_when_decided=True))
    assert history[-1].decision == "promote"
    assert len(history) * rollouts.TICK == ONLY_REQUESTS.min_duration


def test_metrics_on_clocks_of_their_own_are_replayed_on_all_of_them():
    every = rollouts.clock(40)
    counted = rollouts.steady_requests(40)
    other = cs.Pair.events("byzantine_events", canary=np.zeros(20), times=every[::2] + 5.0)
    policy = rollouts.eight_triggers("requests", "byzantine_events")
    pairs = [counted, other]
    history = list(replay(pairs, policy, share=0.05))
    assert tick_count(pairs) == len(history) == 60
    assert all(a.at < b.at for a, b in itertools.pairwise(history))
    assert history[-1] == cs.judge(pairs, policy, share=0.05)


def test_samples_are_looked_at_on_the_last_tick():
    rng = np.random.default_rng(5)
    counted = rollouts.steady_requests(60)
    slow = cs.Pair.samples(
        "latency_seconds", canary=rng.lognormal(2, 1, 4000), baseline=rng.lognormal(0, 1, 4000)
    )
    policy = rollouts.eight_triggers("requests", "latency_seconds")
    history = list(replay([counted, slow], policy, share=0.05))
    before, last = history[-2], history[-1]
    assert before.reason.startswith("latency_seconds: no data")
    assert before.decision == "hold"
    assert last.decision == "rollback"
    assert {firing.metric for firing in last.firings} == {"latency_seconds"}
    assert last == cs.judge([counted, slow], policy, share=0.05)


def test_a_share_that_is_not_one_is_refused():
    with pytest.raises(InputError, match="share is 5"):
        list(replay([rollouts.steady_requests(4)], ONLY_REQUESTS, share=5))


def test_a_replay_under_a_policy_of_one_look_is_refused():
    policy = ONLY_REQUESTS.replace(looks="one")
    with pytest.raises(InputError, match="looks: one"):
        list(replay([rollouts.steady_requests(4)], policy, share=0.05))


@pytest.mark.parametrize(
    "pairs",
    [[], [cs.Pair.samples("latency_seconds", canary=[1.0], baseline=[1.0])]],
    ids=["nothing", "samples alone"],
)
def test_there_must_be_a_tick(pairs):
    policy = rollouts.eight_triggers("latency_seconds")
    with pytest.raises(InputError, match="no tick to replay"):
        list(replay(pairs, policy))
    assert tick_count(pairs) == 0
