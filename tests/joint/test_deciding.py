"""Several systems at once: a decision each, joint rules, dependencies, the latch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import canarystats as cs
from canarystats.joint import JointPolicy, JointVerdict, judge_systems
from canarystats.verdict import Decision, Way
from tests import rollouts
from tests.joint.systems import CHAIN, all_of, firing, policy, verdict

BOTH = {
    "name": "integration",
    "when": {"fired": "integration_calls", "of": ["manager", "compression"]},
    "then": ["manager", "compression"],
}
CASCADE = {"name": "cascade", "when": {"degraded": 2}, "then": "all"}
INTEGRATION = {"metric": "integration_calls", "action": "hold"}


def decisions(joint):
    return {system.system: str(system.decision) for system in joint.systems}


def test_each_system_keeps_its_own_verdict_where_nothing_joins_them():
    joint = judge_systems(policy(), all_of(manager=verdict("promote"), compression=verdict("hold")))
    assert decisions(joint)["manager"] == "promote"
    assert joint["compression"].reason == "Hold, as it stands."
    assert joint.decision == "hold"
    assert judge_systems(policy(), all_of()).decision == "promote"


def test_integration_failures_of_one_roll_back_both_and_no_third():
    failing = verdict("hold", firing("error_rate_absolute", 60, **INTEGRATION))
    joint = judge_systems(policy(rules=[BOTH]), all_of("hold", compression=failing))

    assert decisions(joint) == {
        "manager": "rollback",
        "compression": "rollback",
        "probft": "hold",
        "bullshark": "hold",
    }
    (fired,) = joint.firings
    assert (fired.rule, fired.systems) == ("integration", ("compression", "manager"))
    assert fired.reason == "compression: error_rate_absolute fired"
    assert joint["manager"].reason == (
        "Joint rule integration: compression: error_rate_absolute fired."
    )


def test_a_rule_reads_only_the_systems_it_names_and_only_what_acts():
    elsewhere = verdict("hold", firing("error_rate", 60, **INTEGRATION))
    reported = verdict(
        "hold", firing("error_rate", 60, metric="integration_calls", action="report")
    )
    for given_ in ({"probft": elsewhere}, {"manager": reported}):
        joint = judge_systems(policy(rules=[BOTH]), all_of("hold", **given_))
        assert joint.firings == ()
        assert joint.decision == "hold"


def test_several_degraded_systems_roll_back_all():
    one = verdict("hold", firing("memory", 60))
    held = verdict("hold", firing("throughput", 90, action="hold"), now=("throughput",))
    rule = policy(rules=[CASCADE])

    alone = judge_systems(rule, all_of("hold", manager=one))
    both = judge_systems(rule, all_of("hold", manager=one, bullshark=held))

    assert decisions(alone)["bullshark"] == "hold"
    assert set(decisions(both).values()) == {"rollback"}
    assert both.firings[0].at == one.started + 90
    assert both.firings[0].reason == "2 of 4 systems degraded: bullshark, manager"


def test_waiting_is_not_being_degraded():
    quiet_again = verdict("hold", firing("throughput", 90, action="hold"))
    joint = judge_systems(policy(rules=[CASCADE]), all_of("hold", manager=quiet_again))
    assert joint.firings == ()


def test_a_system_is_not_blamed_for_what_it_depends_on():
    manager = verdict("hold", firing("error_rate", 60))
    compression = verdict("hold", firing("latency_p99", 90))
    bullshark = verdict("hold", firing("error_rate", 120))
    joint = judge_systems(
        policy(), all_of("hold", manager=manager, compression=compression, bullshark=bullshark)
    )
    assert decisions(joint) == {
        "manager": "rollback",
        "compression": "hold",
        "probft": "hold",
        "bullshark": "hold",
    }
    assert joint["compression"].blames == joint["bullshark"].blames == "manager"
    assert joint["compression"].own == "rollback"
    assert joint["compression"].reason.startswith("Manager, which it depends on, was rolled back")


def test_what_failed_first_is_its_own_fault():
    manager = verdict("hold", firing("error_rate", 90))
    compression = verdict("hold", firing("error_rate", 60))
    joint = judge_systems(policy(), all_of("hold", manager=manager, compression=compression))
    assert decisions(joint)["compression"] == "rollback"


def test_trouble_does_not_travel_from_the_caller_to_the_called():
    joint = judge_systems(
        policy(),
        all_of(
            "hold",
            bullshark=verdict("hold", firing("error_rate", 60)),
            manager=verdict("hold", firing("error_rate", 90)),
        ),
    )
    assert decisions(joint)["manager"] == decisions(joint)["bullshark"] == "rollback"


def test_what_must_never_happen_is_never_laid_to_another():
    corrupt = verdict("hold", firing("data_integrity", 90, way=Way.IMMEDIATE))
    joint = judge_systems(
        policy(), all_of("hold", manager=verdict("hold", firing("error_rate", 60)), probft=corrupt)
    )
    assert decisions(joint)["probft"] == "rollback"


def test_without_times_nobody_is_excused():
    joint = judge_systems(
        policy(),
        all_of(
            "hold",
            manager=verdict("hold", firing("error_rate", None)),
            compression=verdict("hold", firing("error_rate", None)),
        ),
    )
    assert decisions(joint)["compression"] == "rollback"


def test_nothing_is_promoted_before_what_it_depends_on():
    joint = judge_systems(policy(), all_of(compression=verdict("hold")))
    assert decisions(joint) == {
        "manager": "promote",
        "compression": "hold",
        "probft": "hold",
        "bullshark": "hold",
    }
    assert joint["probft"].reason == (
        "Compression, which it depends on, is held, and is to be promoted first."
    )


def test_a_dependency_that_waits_further_ahead_is_no_obstacle_unless_a_rule_fires_there():
    shares = {"manager": 0.5, "compression": 0.25, "probft": 0.05, "bullshark": 0.05}
    ahead = {name: verdict("promote", share=share) for name, share in shares.items()}
    waiting = ahead | {"manager": verdict("hold", share=0.5)}
    firing_now = verdict(
        "hold", firing("throughput", 9, action="hold"), now=("throughput",), share=0.5
    )
    assert decisions(judge_systems(policy(), waiting))["compression"] == "promote"
    joint = judge_systems(policy(), waiting | {"manager": firing_now})
    assert decisions(joint)["compression"] == "hold"
    # ProBFT and Bullshark stand at the same share: neither is ahead of the other.
    level = judge_systems(policy(), ahead | {"probft": verdict("hold", share=0.05)})
    assert decisions(level)["bullshark"] == "hold"


def test_a_system_without_a_verdict_holds_what_depends_on_it_unless_it_is_complete():
    given_ = all_of()
    del given_["manager"]
    missing, complete = judge_systems(policy(), given_), judge_systems(policy(manager=1), given_)

    assert missing["manager"].reason == "There is no verdict of it."
    assert set(decisions(missing).values()) == {"hold"}
    assert set(decisions(complete).values()) == {"promote"}
    assert complete.decision == "promote"


def test_a_rollback_by_a_joint_rule_stays_until_the_systems_own_rollout_begins_anew():
    rule = policy(rules=[CASCADE])
    held = verdict("hold", firing("throughput", 90, action="hold"), now=("throughput",))
    quiet = verdict("hold", firing("throughput", 90, action="hold"))
    one = verdict("hold", firing("memory", 60))
    first = judge_systems(rule, all_of("hold", manager=one, probft=held))
    later = all_of("hold", manager=one, probft=quiet)

    assert decisions(judge_systems(rule, later))["bullshark"] == "hold"
    kept = judge_systems(rule, later, previous=first)
    assert set(decisions(kept).values()) == {"rollback"}
    assert kept["bullshark"].reason == first["bullshark"].reason
    assert kept["bullshark"].decision_id == first["bullshark"].decision_id
    saved = JointVerdict.from_json(first.to_json())
    assert judge_systems(rule, later, previous=saved) == kept
    anew = later | {"bullshark": verdict("hold", rollout="r2")}
    assert decisions(judge_systems(rule, anew, previous=kept))["bullshark"] == "hold"


def test_an_excuse_that_comes_too_late_takes_no_rollback_back():
    compression = verdict("hold", firing("error_rate", 90))
    before = judge_systems(policy(), all_of("hold", compression=compression))
    # The manager's own rollback is found later, though it is dated earlier.
    manager = verdict("hold", firing("error_rate", 60))
    after = all_of("hold", compression=compression, manager=manager)
    assert decisions(judge_systems(policy(), after, previous=before))["compression"] == "rollback"


VERDICTS = st.sampled_from(
    [
        verdict("promote", share=0.05),
        verdict("promote", share=0.25),
        verdict("hold", share=0.25),
        verdict("hold", firing("throughput", 30, action="hold"), now=("throughput",)),
        verdict("hold", firing("error_rate", 60)),
        verdict("hold", firing("error_rate", 60, **INTEGRATION)),
        verdict("hold", firing("memory", 120)),
        verdict("hold", firing("data_integrity", 120, way=Way.IMMEDIATE)),
    ]
)
GIVEN = st.dictionaries(st.sampled_from(CHAIN), VERDICTS)
RULES = st.lists(st.sampled_from([BOTH, CASCADE]), unique_by=lambda rule: rule["name"])


@given(GIVEN, RULES, st.randoms(use_true_random=False))
def test_the_order_of_systems_and_rules_plays_no_part(given_, rules, random):
    first = policy(rules=rules)
    data = first.model_dump()
    turned = {key: random.sample(data[key], len(data[key])) for key in ("systems", "rules")} | {
        "name": first.name
    }
    other = JointPolicy.parse(turned)
    shuffled = dict(random.sample(list(given_.items()), len(given_)))

    assert judge_systems(other, shuffled) == judge_systems(first, given_)


@given(GIVEN, RULES)
def test_nothing_is_promoted_beside_a_rolled_back_dependency_nor_against_its_own_verdict(
    given_, rules
):
    made = policy(rules=rules)
    joint = judge_systems(made, given_)
    for system in joint.systems:
        own = given_.get(system.system)
        if system.decision is Decision.PROMOTE:
            assert own is not None
            assert own.decision is Decision.PROMOTE
            for one in made.upstream(system.system):
                assert joint[one].decision is not Decision.ROLLBACK


@given(GIVEN, GIVEN, RULES)
def test_what_was_rolled_back_stays_so(first, second, rules):
    made = policy(rules=rules)
    before = judge_systems(made, first)
    after = judge_systems(made, second, previous=before)
    for system in before.systems:
        # Verdicts of one rollout: a system that had one before has the same rollout after.
        if system.decision is Decision.ROLLBACK and system.began:
            assert after[system.system].decision is Decision.ROLLBACK


@given(GIVEN, RULES)
def test_somebody_answers_for_every_trouble(given_, rules):
    """Wherever a system is excused, the one it is laid to is rolled back."""
    joint = judge_systems(policy(rules=rules), given_)
    for system in joint.systems:
        if system.blames:
            assert joint[system.blames].decision is Decision.ROLLBACK
    rolled_back = any(v.decision is Decision.ROLLBACK for v in given_.values())
    assert not rolled_back or joint.decision is Decision.ROLLBACK


def test_a_monitors_verdicts_go_in_as_they_are():
    alone = rollouts.eight_triggers("requests")
    rng = np.random.default_rng(2)
    given_ = {
        name: cs.judge([rollouts.requests(rng, 120, ratio=ratio)], alone, share=0.05, rollout=name)
        for name, ratio in (("manager", 20.0), ("compression", 1.0))
    }
    joint = judge_systems(policy(), given_)
    assert decisions(joint)["manager"] == "rollback"
    assert decisions(joint)["compression"] == "hold"


def test_what_does_not_fit_is_refused():
    with pytest.raises(cs.InputError, match="verdict of 'raft'"):
        judge_systems(policy(), {"raft": verdict()})
    with pytest.raises(cs.InputError, match="verdicts\\['manager'\\] is str"):
        judge_systems(policy(), {"manager": "hold"})
    with pytest.raises(cs.InputError, match="the policy has 0"):
        judge_systems(policy(manager=0.05), {"manager": verdict(share=0.25)})
    with pytest.raises(cs.InputError, match="previous was reached under a policy of digest"):
        judge_systems(policy(), {}, previous=judge_systems(policy(rules=[CASCADE]), {}))
    with pytest.raises(cs.InputError, match="there is no system 'raft'"):
        judge_systems(policy(), {})["raft"]
