"""Verdicts on single systems, written by hand: a decision, and what fired when."""

from __future__ import annotations

from canarystats.joint import JointPolicy
from canarystats.verdict import Condition, Decision, Firing, Reading, Verdict, Way

START = 1_700_000_000.0
CHAIN = ("manager", "compression", "probft", "bullshark")


def policy(*, rules=(), systems=None, **shares):
    """The chain, each system depending on the one before, with these rules."""
    chain = [
        {"name": name, "depends_on": list(CHAIN[max(i - 1, 0) : i])} for i, name in enumerate(CHAIN)
    ]
    for system in chain:
        system["share"] = shares.get(system["name"])
    return JointPolicy.parse({"systems": systems or chain, "rules": list(rules)})


def firing(trigger, at, *, metric="requests", action="rollback", way=Way.SUSTAINED):
    return Firing(
        trigger=trigger,
        metric=metric,
        way=way,
        action=action,
        at=None if at is None else START + at,
        reason=f"{trigger} fired",
    )


def verdict(decision="hold", *firings, rollout="r1", share=None, now=(), at=600.0, stage=""):
    """A verdict; ``now`` names the triggers that fire at its last tick."""
    causes = [f for f in firings if f.action == "rollback"]
    readings = tuple(
        Reading(trigger=f.trigger, metric=f.metric, condition=Condition.FIRED)
        for f in firings
        if f.trigger in now
    )
    return Verdict(
        decision=Decision.ROLLBACK if causes else Decision(decision),
        score=50.0,
        reason=causes[0].reason if causes else f"{decision}, as it stands",
        approval="automatic",
        firings=tuple(firings),
        readings=readings,
        started=START,
        at=START + at,
        decided_at=causes[0].at if causes else None,
        rollout=rollout,
        share=share,
        stage=stage,
        decision_id="d",
        policy="p",
        policy_digest="0",
        input_digest="0",
        library_version="0",
    )


def all_of(decision="promote", **others):
    """The same verdict of every system, but for these."""
    return {name: verdict(decision) for name in CHAIN} | others
