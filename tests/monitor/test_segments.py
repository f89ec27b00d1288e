"""A mix shift must not fake a regression, and must not hide one."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

import canarystats as cs
from canarystats.evidence import Question
from tests import rollouts
from tests.monitor import segmented

TICKS = 120
REQUESTS = rollouts.eight_triggers("requests").replace(segments=segmented.shares())
LATENCY = rollouts.eight_triggers("latency_seconds")
BOTH = rollouts.eight_triggers("requests", "latency_seconds").replace(segments=segmented.shares())


def evidence(verdict, claim):
    return next(item for item in verdict.evidence if item.claim == claim)


@pytest.mark.parametrize("seed", range(3))
def test_simpson_a_canary_with_more_difficult_users_is_not_rolled_back(seed):
    rng = np.random.default_rng(seed)
    for pair, policy in (
        (segmented.requests(rng, TICKS), REQUESTS),
        (segmented.latency(rng, TICKS), LATENCY),
    ):
        assert cs.judge([segmented.pooled(pair)], policy).decision == "rollback"
        verdict = cs.judge([pair], policy)
        assert verdict.decision != "rollback"
        assert not {"error_rate", "latency_p99"} & {firing.trigger for firing in verdict.firings}


def test_latency_of_another_mix_is_even_promoted():
    verdict = cs.judge([segmented.latency(np.random.default_rng(1), TICKS)], LATENCY)
    assert verdict.decision == "promote"


def test_an_absolute_rule_that_the_mix_alone_breaks_holds_as_the_baseline_would_break_it_too():
    verdict = cs.judge([segmented.requests(np.random.default_rng(1), 240)], REQUESTS)
    assert verdict.decision == "hold"
    assert verdict.reason.startswith("Error rate")
    assert "the baseline is at an error rate of 3." in verdict.reason


@pytest.mark.parametrize("mix", [segmented.SHIFTED, segmented.SAME], ids=["shifted", "same"])
def test_a_regression_is_found_within_the_segments_whatever_the_mix(mix):
    rng = np.random.default_rng(2)
    policy = REQUESTS.replace(segments=segmented.shares(mix))
    errors = cs.judge([segmented.requests(rng, TICKS, mix=mix, ratio=4.0)], policy)
    slow = cs.judge([segmented.latency(rng, TICKS, mix=mix, factor=4.0)], LATENCY)

    assert (errors.decision, slow.decision) == ("rollback", "rollback")
    assert errors.decided_at - errors.started < 600


def test_easy_users_hide_a_regression_from_the_whole_and_not_from_their_segments():
    easy = {"internal": (0.05, 0.6), "standard": (0.95, 0.4)}
    pair = segmented.requests(np.random.default_rng(3), 240, mix=easy, ratio=4.0)
    policy = REQUESTS.replace(segments=segmented.shares(easy))

    assert cs.judge([segmented.pooled(pair)], policy).decision != "rollback"
    assert cs.judge([pair], policy).decision == "rollback"


def test_the_evidence_tells_the_common_ratio_and_every_segment():
    pair = segmented.requests(np.random.default_rng(4), 240, ratio=2.0)
    verdict = cs.judge([pair], REQUESTS)
    common, internal = evidence(verdict, "error_rate.worse"), evidence(verdict, "segment.internal")

    assert common.interval.low < 2.0 < common.interval.high
    assert common.observed == pytest.approx(0.096, rel=0.15)
    assert common.reference == pytest.approx(0.050, rel=0.15)  # at the canary's mix
    assert internal.question is Question.DIFFERENCE
    assert internal.level is None
    assert internal.interval.low < 2.0 < internal.interval.high
    assert internal.observed == pytest.approx(0.16, rel=0.15)
    lines = {line.matter for line in verdict.explain().standings}
    assert {"segment internal", "segment standard"} <= lines


def test_every_segments_own_share_is_what_its_traffic_is_held_against():
    pair = segmented.requests(np.random.default_rng(5), 240)
    halved = {segment: share / 2 for segment, share in segmented.shares().items()}
    right, wrong = REQUESTS, REQUESTS.replace(segments=halved)
    lost = segmented.requests(np.random.default_rng(5), 240, traffic=0.4)

    assert not any("divided as designed" in r for r in cs.judge([pair], right).reasons)
    assert any("divided as designed" in r for r in cs.judge([pair], wrong).reasons)
    assert "throughput" in {firing.trigger for firing in cs.judge([lost], right).firings}


def test_a_segment_of_the_canary_alone_is_compared_with_nothing_and_judged_by_constants():
    rng = np.random.default_rng(6)
    n = np.full(TICKS, 40.0)
    failing = cs.Pair.counts("requests", canary=(0.2 * n, n), times=rollouts.clock(TICKS))
    parts = {
        "internal": failing,
        "standard": segmented.pooled(segmented.requests(rng, TICKS, mix={"standard": (1.0, 1.0)})),
    }
    policy = REQUESTS.replace(segments={"internal": 1.0, "standard": segmented.SHARE})
    verdict = cs.judge([cs.Pair.by_segment(parts)], policy)

    assert not evidence(verdict, "error_rate.worse").decides
    assert not any("divided as designed" in reason for reason in verdict.reasons)
    assert {firing.trigger for firing in verdict.firings} == {"success_rate", "error_rate_absolute"}
    assert evidence(verdict, "segment.internal").status == "no_data"


def test_tick_by_tick_saved_and_all_at_once_are_one():
    rng = np.random.default_rng(7)
    pairs = [segmented.requests(rng, 60, ratio=1.5), segmented.latency(rng, 60)]
    whole = cs.Monitor(BOTH)
    last = whole.observe(pairs)
    saved = cs.Monitor(BOTH).to_json()
    for tick in range(60):
        monitor = cs.Monitor.from_json(saved, BOTH)
        verdict = monitor.observe([pair.rows(tick, tick + 1) for pair in pairs])
        saved = monitor.to_json()
    assert verdict.to_json() == last.to_json()
    assert json.loads(saved)["metrics"] == json.loads(whole.to_json())["metrics"]
    assert max(len(json.dumps(held)) for held in json.loads(saved)["metrics"].values()) < 4_000


def test_segments_that_come_later_join():
    rng = np.random.default_rng(8)
    first = segmented.requests(rng, 40, mix={"standard": (1.0, 1.0)})
    then = segmented.requests(rng, 80)
    policy = REQUESTS.replace(segments={})
    monitor = cs.Monitor(policy)
    monitor.observe([first])
    verdict = monitor.observe([then.rows(40, 80)])

    assert evidence(verdict, "segment.standard").n_canary > 0
    assert evidence(verdict, "segment.internal").n_canary > 0
    again = cs.Monitor.from_json(monitor.to_json(), policy)
    assert again.to_json() == monitor.to_json()


def test_the_segments_are_part_of_what_was_judged():
    pair = segmented.requests(np.random.default_rng(9), 20)
    other = dataclasses.replace(pair, canary_by=pair.canary_by[:, ::-1].copy())
    digests = {
        cs.judge([given], REQUESTS).input_digest for given in (pair, other, segmented.pooled(pair))
    }
    assert len(digests) == 3


def test_a_history_by_segment_teaches_as_a_whole():
    rng = np.random.default_rng(10)
    history = segmented.requests(rng, 200)
    before = dataclasses.replace(history, times=history.times - 4000.0)
    given = segmented.requests(rng, 20)
    by_segment = cs.judge([given], REQUESTS, history=[before])
    whole = cs.judge([given], REQUESTS, history=[segmented.pooled(before)])
    assert by_segment.evidence == whole.evidence


def test_no_comparison_is_made_during_the_warm_up():
    pair = segmented.requests(np.random.default_rng(11), 40, ratio=8.0)
    verdict = cs.judge([pair], REQUESTS.replace(warm_up="1h"))
    assert evidence(verdict, "error_rate.worse").log_e_value == pytest.approx(0.0, abs=1e-9)


def test_planned_looks_refuse_what_they_would_compare_as_a_whole():
    rng = np.random.default_rng(13)
    for pair, policy in (
        (segmented.requests(rng, 20), REQUESTS),
        (segmented.latency(rng, 20), LATENCY),
    ):
        planned = policy.replace(looks="planned", bake={"duration": "1h"})
        with pytest.raises(cs.InputError, match="comes by segment, and planned looks"):
            cs.judge([pair], planned)


@pytest.mark.calibration
def test_healthy_rollouts_of_another_mix_are_rolled_back_at_most_as_often_as_promised():
    rng = np.random.default_rng(12)
    rolled_back = 0
    for _ in range(300):
        pairs = [segmented.requests(rng, 240), segmented.latency(rng, 240)]
        rolled_back += cs.judge(pairs, BOTH).decision == "rollback"
    assert rolled_back <= stats.binom.ppf(0.999, 300, 0.01)
