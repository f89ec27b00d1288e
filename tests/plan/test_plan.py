"""What a plan says: that it is right about the playbook, honest where nothing can be said, and that
more of anything never makes a stage slower."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import canarystats as cs
from canarystats.plan import EFFECTS, GaugeNoise, Plan
from tests.e2e import command_line

POLICY = cs.Policy.parse(
    {
        "name": "shop",
        "min_duration": "30m",
        "metrics": [{"name": "requests", "kind": "counts", "critical": True}],
        "triggers": [{"name": "error_rate", "metric": "requests"}],
    }
)
HOUR = 3600.0


def planned(policy=POLICY, traffic=500.0, share=0.05, rate=0.01, **more):
    return cs.plan(policy, traffic=traffic, share=share, base_error_rate=rate, **more)


def seconds(plan, trigger, effect):
    """The times of one trigger, infinite for never."""
    for found in plan.stages[0].outlook("requests").detections:
        if (found.trigger, found.effect) == (trigger, effect):
            return [math.inf if t is None else t for t in found.times.model_dump().values()]
    raise AssertionError(trigger)


def all_seconds(plan):
    return np.array(
        [seconds(plan, trigger, e) for trigger in ("error_rate", "harm") for e in EFFECTS]
    )


def promoted(plan):
    return [math.inf if t is None else t for t in plan.stages[0].promote.model_dump().values()]


def test_every_rule_fires_at_what_it_is_there_for():
    plan = planned(rate=0.01)
    assert seconds(plan, "error_rate", 2.0)[0] < HOUR
    assert seconds(plan, "error_rate", 10.0)[0] < 60 < 300 <= seconds(plan, "error_rate", 2.0)[0]
    # Ten times 1 % is above 3 % for all of five minutes; twice 1 % is not.
    assert seconds(plan, "error_rate_absolute", 10.0)[1] == pytest.approx(315.0, abs=15)
    assert math.isinf(seconds(plan, "error_rate_absolute", 2.0)[0])


def test_traffic_that_stays_away_is_noticed_by_the_rule_on_throughput():
    policy = cs.load_policy("eight-triggers").without("latency_seconds", "memory_bytes")
    stage = planned(policy).stages[0]
    rules = {d.effect: d.times.p80 for d in stage.outlook("requests", "traffic").detections}
    # Below four fifths is below the threshold; 1.1 times less is not.
    assert rules[1.1] is None
    assert rules[2.0] < 120
    assert stage.outlook("requests", "traffic").proof.p80 < HOUR


def times_of_harm(policy, noise):
    """When harm is found in four of five, by size; infinite where it never is."""
    stage = cs.plan(policy, traffic=1, share=0.5, noise=noise).stages[0]
    times = [detection.times.p80 for detection in stage.outlook("queue").detections]
    return [np.inf if time is None else time for time in times]


def test_a_gauge_is_planned_from_its_noise():
    policy = cs.Policy.parse(
        {"name": "g", "metrics": [{"name": "queue", "kind": "gauge", "critical": True}]}
    )
    unknown = cs.plan(policy, traffic=1, share=0.5).stages[0]
    assert unknown.can == "unknown"
    found = {}
    for ticks in (0, 960):
        noise = {"queue": GaugeNoise(100.0, 10.0, 4.0, ticks)}
        found[ticks] = times_of_harm(policy, noise)
        assert found[ticks] == sorted(found[ticks], reverse=True)
    assert found[960][0] == np.inf  # ten percent may be what two pods of one version differ by
    assert all(np.array(found[960][1:]) < found[0][1:])
    told = policy.replace(metrics=[policy.metrics[0].model_copy(update={"pod_difference": 0.0})])
    assert all(np.array(times_of_harm(told, noise)) <= found[960])
    assert times_of_harm(told, noise)[0] < np.inf
    with pytest.raises(cs.InputError, match="sigma"):
        GaugeNoise(1.0, 0.0)
    with pytest.raises(cs.InputError, match="noise names 'other'"):
        cs.plan(policy, traffic=1, share=0.5, noise={"other": GaugeNoise(1.0, 1.0)})


def test_the_command_says_what_a_stage_can_decide():
    asked = ["plan", "eight-triggers", "--traffic", "500", "--error-rate", "0.001"]
    asked += ["--share", "0.05", "--without", "latency_seconds"]
    short = command_line.call(*asked, "--duration", "1h")
    assert short.returncode == 10
    assert "never: needs" in short.stdout
    long = command_line.call(*asked, "--duration", "1d", "--format", "json")
    assert long.returncode == 0
    assert Plan.from_json(long.stdout).stages[0].can == "decide"
    assert command_line.refuses(command_line.call(*asked, "--traffic", "0"), 2, "traffic")


def test_larger_effects_are_never_noticed_later():
    found = all_seconds(planned()).reshape(2, len(EFFECTS), 3)
    assert (found[:, 1:] <= found[:, :-1]).all()
    assert (found[:, :, 1:] >= found[:, :, :-1]).all()


@settings(max_examples=4, deadline=None)
@given(
    traffic=st.floats(5.0, 5000.0),
    more=st.floats(1.05, 30.0),
    share=st.sampled_from([0.01, 0.05, 0.25, 0.5]),
    rate=st.sampled_from([1e-4, 1e-3, 0.02]),
)
def test_more_traffic_is_never_slower(traffic, more, share, rate):
    """Not so the literal condition: it flickers less, and below its threshold that is right."""
    few = planned(traffic=traffic, share=share, rate=rate)
    many = planned(traffic=traffic * more, share=share, rate=rate)
    for effect in EFFECTS:
        assert np.all(np.array(seconds(many, "harm", effect)) <= seconds(few, "harm", effect))
    assert np.all(np.array(promoted(many)) <= promoted(few))


@settings(max_examples=4, deadline=None)
@given(share=st.floats(0.005, 0.2), more=st.floats(1.1, 2.5), rate=st.sampled_from([1e-3, 0.02]))
def test_a_larger_share_is_never_slower_up_to_a_half(share, more, rate):
    few, many = (planned(share=s, rate=rate, traffic=2000.0) for s in (share, share * more))
    for effect in (1.25, 1.5, 2.0):
        assert (np.array(seconds(many, "harm", effect)) <= seconds(few, "harm", effect)).all()


def test_twice_the_tick_at_half_the_traffic_takes_twice_the_seconds():
    """The tests count ticks and what they bring; time is only their length."""
    slow = planned(POLICY.replace(interval="30s"), traffic=250.0)
    plain = planned()
    for effect in EFFECTS:
        twice = 2.0 * np.array(seconds(plain, "harm", effect))
        assert seconds(slow, "harm", effect) == twice.tolist()


def test_the_smallest_effect_is_the_one_that_takes_the_whole_stage():
    plan = planned(duration=HOUR)
    outlook = plan.stages[0].outlook("requests")
    again = planned(duration=HOUR, effects=(outlook.smallest_p80, outlook.smallest_p95))
    first = again.stages[0]
    assert first.first(outlook.smallest_p80).p80 == pytest.approx(HOUR, rel=0.1)
    assert first.first(outlook.smallest_p95).p95 == pytest.approx(HOUR, rel=0.1)


def test_at_the_traffic_it_needs_a_stage_decides_just_in_time():
    few = planned(traffic=20.0, duration=HOUR).stages[0]
    assert few.can == "never"
    assert "needs" in repr(planned(traffic=20.0, duration=HOUR))
    enough = planned(traffic=few.traffic_needed, duration=HOUR).stages[0]
    assert enough.promote.p80 == pytest.approx(HOUR, rel=0.1)
    assert planned(traffic=1.1 * few.traffic_needed, duration=HOUR).stages[0].can == "decide"
    assert planned(traffic=0.85 * few.traffic_needed, duration=HOUR).stages[0].can == "never"


def test_the_traffic_needed_is_found_where_a_stage_lasts_its_minimum():
    few = planned(traffic=20.0).stages[0]
    assert few.duration_seconds == POLICY.min_duration
    enough = planned(traffic=few.traffic_needed, duration=HOUR).stages[0]
    proof = enough.outlook("requests").proof.p80
    assert proof == pytest.approx(POLICY.min_duration, rel=0.1)


def test_a_ladder_is_planned_stage_by_stage_at_each_stages_own_level():
    stages = [
        {"name": "canary-5", "share": 0.05, "min_duration": "1h"},
        {"name": "canary-50", "share": 0.5, "min_duration": "1h", "margin": 0.01},
        {"name": "all", "share": 1, "compare": False},
    ]
    ladder = POLICY.replace(stages=stages)
    plan = cs.plan(ladder, traffic=500, base_error_rate=0.01)
    assert [stage.stage for stage in plan.stages] == ["canary-5", "canary-50", "all"]
    assert plan.stages[2].can == "compare nothing"
    alone = cs.plan(ladder, traffic=500, base_error_rate=0.01, stage="canary-5")
    assert alone.stages == plan.stages[:1]
    # A third of the error budget takes longer than all of it.
    assert plan.stages[0].first(2.0).p80 > planned().stages[0].first(2.0).p80
    with pytest.raises(cs.InputError, match="canary-7"):
        cs.plan(ladder, traffic=500, base_error_rate=0.01, stage="canary-7")


def test_a_shadow_can_compare_only_what_is_mirrored():
    nothing = planned(share=0.0).stages[0]
    assert nothing.can == "compare nothing"
    assert "mirrored" in nothing.reason
    whole = planned(share=0.0, mirrored=1.0, traffic=250.0)
    assert all_seconds(whole) == pytest.approx(all_seconds(planned(share=0.5)), rel=1e-6)


def test_where_no_error_is_expected_nothing_is_promised():
    none = planned(rate=0.0).stages[0]
    assert none.can == "unknown" or none.can == "never"
    assert "zero" in none.outlook("requests").reason
    assert all(d.times.p95 is None for d in none.outlook("requests").detections)
    few = planned(traffic=0.01, rate=0.001).stages[0]
    assert few.can == "never"
    assert "only" in few.outlook("requests").reason


def test_a_rate_that_is_not_given_leaves_the_stage_unknown():
    plan = cs.plan(POLICY, traffic=500, share=0.05)
    assert plan.stages[0].can == "unknown"
    assert "base_error_rate" in plan.stages[0].reason


def test_history_tells_the_rate_and_shortens_the_wait():
    rng = np.random.default_rng(4)
    served = np.full(960, 7500.0)
    times = 15.0 * np.arange(960)
    past = cs.Pair.counts("requests", canary=(rng.poisson(75, 960), served), times=times)
    known = cs.plan(POLICY, traffic=500, share=0.05, history=[past]).stages[0]
    assert known.outlook("requests").base == pytest.approx(0.01, rel=0.02)
    assert known.first(1.5).p80 < planned().stages[0].first(1.5).p80


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("traffic", 0),
        ("traffic", -5.0),
        ("traffic", float("nan")),
        ("traffic", "many"),
        ("share", 1.5),
        ("base_error_rate", 1.0),
        ("base_error_rate", -0.1),
        ("base_error_rate", {"other": 0.1}),
        ("duration", 0.0),
        ("mirrored", 2.0),
        ("effects", (1.0,)),
    ],
)
def test_bad_input_is_named(name, wrong):
    given = {"traffic": 500.0, "share": 0.05, "base_error_rate": 0.01} | {name: wrong}
    with pytest.raises(cs.InputError, match=name):
        cs.plan(POLICY, **given)


def test_a_share_is_asked_for():
    with pytest.raises(cs.InputError, match="share is not given"):
        cs.plan(POLICY, traffic=500, base_error_rate=0.01)
    ladder = POLICY.replace(stages=[{"name": "one", "share": 0.1}])
    with pytest.raises(cs.InputError, match="of its own"):
        cs.plan(ladder, traffic=1, share=0.2, base_error_rate=0.01)


def test_a_plan_is_json_and_back():
    plan = planned()
    assert Plan.from_json(plan.to_json()) == plan
    json.loads(plan.to_json(), parse_constant=pytest.fail)
    with pytest.raises(cs.InputError, match="policy_digest"):
        Plan.from_json('{"policy": "x"}')
    with pytest.raises(cs.InputError, match="schema_version"):
        Plan.from_json(plan.to_json().replace('"schema_version":"1"', '"schema_version":"9"'))


def test_a_plan_is_a_frame_a_table_and_a_drawing():
    plan = planned()
    frame = plan.to_frame()
    assert len(frame) == 3 * len(EFFECTS) + 1
    rules = {"error_rate", "error_rate_absolute", "harm"}
    assert set(frame["question"]) == rules | {"not worse"}
    assert "<table>" in plan._repr_html_()
    axes = plan.plot()
    assert axes.get_xscale() == axes.get_yscale() == "log"
    line = axes.get_lines()[0]
    assert set(line.get_xdata()) <= set(EFFECTS)
    with pytest.raises(cs.InputError, match="latency"):
        plan.plot(metric="latency")
    with pytest.raises(cs.InputError, match="latency"):
        plan.stages[0].outlook("latency")
