"""From a verdict a system to a decision a system: joint rules, dependencies, and the latch.

In this order, for each system:

- *rollback* if a joint rule says so;
- its own *rollback* stands, unless a system it depends on was rolled back first: then it is held,
  for its trouble may be that one's. What fires at once (a Byzantine event, a broken invariant) is
  never laid to another;
- *hold* if a joint rule says so;
- *promote* if its own verdict does and nothing is promoted before what it depends on;
- *hold* else.

It is a function of the verdicts. What a verdict has ever fired stays in it, so most of this stays
decided by itself; ``previous`` holds the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canarystats.errors import InputError
from canarystats.joint.policy import JointPolicy
from canarystats.joint.verdict import JointFiring, JointVerdict, SystemVerdict
from canarystats.verdict import Condition, Decision, Firing, Verdict, Way
from canarystats.version import __version__

if TYPE_CHECKING:
    from canarystats.joint.policy import JointRule

ACTING = ("rollback", "hold")
COMPLETE = 1.0  # the share of a system whose rollout is over


def judge_systems(
    policy: JointPolicy,
    verdicts: Mapping[str, Verdict],
    *,
    previous: JointVerdict | None = None,
) -> JointVerdict:
    """Decide on several systems at once from the verdict on each.

    Parameters
    ----------
    policy
        The systems, what they depend on, and the joint rules.
    verdicts
        The latest verdict by system. A system without one is held, and so is what depends on it,
        unless its share says that its rollout is complete.
    previous
        The joint verdict before. A system that it rolled back stays rolled back until its own
        rollout begins anew. Joint rules that act on what fires now need it to stay.

    Raises
    ------
    InputError
        If a verdict is of no system, was reached at another share or stage than the policy says,
        or the joint verdict before is of another policy.
    """
    _check(policy, verdicts, previous)
    firings = tuple(
        firing
        for rule in sorted(policy.rules, key=lambda rule: rule.name)
        if (firing := _fires(policy, rule, verdicts)) is not None
    )
    bench = _Bench(policy, verdicts, firings, previous)
    decided: dict[str, SystemVerdict] = {}
    for name in policy.order:
        decided[name] = bench.decide(name, decided)
    times = [verdict.at for verdict in verdicts.values() if verdict.at is not None]
    systems = tuple(decided.values())
    ids = "|".join(sorted(system.decision_id for system in systems))
    return JointVerdict(
        decision=_overall(systems),
        systems=systems,
        firings=firings,
        at=max(times, default=None),
        decision_id=_fingerprint(f"{policy.digest}|{ids}"),
        policy=policy.name,
        policy_digest=policy.digest,
        library_version=__version__,
    )


def _check(
    policy: JointPolicy, verdicts: Mapping[str, Verdict], previous: JointVerdict | None
) -> None:
    known = {system.name: system for system in policy.systems}
    for name, verdict in verdicts.items():
        if name not in known:
            msg = f"there is a verdict of {name!r}; the systems are {', '.join(sorted(known))}"
            raise InputError(msg)
        if not isinstance(verdict, Verdict):
            msg = f"verdicts[{name!r}] is {type(verdict).__name__}; it must be a Verdict"
            raise InputError(msg)
        system = known[name]
        for what, given, planned in (
            ("share", verdict.share, system.share),
            ("stage", verdict.stage, system.stage),
        ):
            if given and planned and given != planned:
                msg = f"system {name!r}: its verdict is of {what} {given}, the policy has {planned}"
                raise InputError(msg)
    if previous is not None and previous.policy_digest != policy.digest:
        msg = (
            f"previous was reached under a policy of digest {previous.policy_digest}; "
            f"{policy.name!r} has {policy.digest}"
        )
        raise InputError(msg)


def _fires(
    policy: JointPolicy, rule: JointRule, verdicts: Mapping[str, Verdict]
) -> JointFiring | None:
    """The rule having fired, if it has."""
    looked_at = [name for name in policy.named(rule.when.of) if name in verdicts]
    if rule.when.degraded is None:
        found = [(f, name) for name in looked_at for f in _named(verdicts[name], rule.when.fired)]
        if not found:
            return None
        first, name = min(found, key=lambda item: (_when(item[0].at), item[1], item[0].trigger))
        at, reason = first.at, f"{name}: {first.reason}"
    else:
        degraded = {name: _degraded_at(verdicts[name]) for name in looked_at}
        since = sorted((_when(at), name) for name, (is_, at) in degraded.items() if is_)
        if len(since) < rule.when.degraded:
            return None
        latest = since[rule.when.degraded - 1][0]
        at = latest if latest < NEVER else None
        names = ", ".join(sorted(name for _, name in since))
        reason = f"{len(since)} of {len(policy.named(rule.when.of))} systems degraded: {names}"
    acted_on = policy.named(rule.then)
    return JointFiring(rule=rule.name, systems=acted_on, action=rule.action, at=at, reason=reason)


NEVER = float("inf")


def _when(at: float | None) -> float:
    return NEVER if at is None else at


def _named(verdict: Verdict, names: Sequence[str]) -> list[Firing]:
    return [
        firing
        for firing in verdict.firings
        if firing.action in ACTING and (firing.trigger in names or firing.metric in names)
    ]


def _degraded_at(verdict: Verdict) -> tuple[bool, float | None]:
    """Whether a system is rolled back or held by a rule that fires now, and since when."""
    if verdict.decision is Decision.ROLLBACK:
        return True, verdict.decided_at
    now = {(r.trigger, r.metric) for r in verdict.readings if r.condition is Condition.FIRED}
    holding = [f for f in verdict.firings if f.action == "hold" and (f.trigger, f.metric) in now]
    return bool(holding), min((f.at for f in holding if f.at is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a system is decided from."""

    policy: JointPolicy
    verdicts: Mapping[str, Verdict]
    firings: Sequence[JointFiring]
    previous: JointVerdict | None

    def decide(self, name: str, before: Mapping[str, SystemVerdict]) -> SystemVerdict:
        """The decision on one system, those it depends on being decided."""
        verdict = self.verdicts.get(name)
        kept = self._kept(name, verdict)
        if kept is not None:
            return kept
        decision, reason, blames = self._decision(name, verdict, before)
        began = "" if verdict is None else verdict.rollout or f"{verdict.started}"
        key = f"{began}|{self.policy.digest}|{name}|{decision}"
        return SystemVerdict(
            system=name,
            decision=decision,
            own=None if verdict is None else verdict.decision,
            reason=_sentence(reason),
            approval="required" if verdict is None else verdict.approval,
            blames=blames,
            began=began,
            decision_id=_fingerprint(key),
        )

    def _kept(self, name: str, verdict: Verdict | None) -> SystemVerdict | None:
        """The rollback decided before, while the system's rollout is the same."""
        before = () if self.previous is None else self.previous.systems
        held = next((system for system in before if system.system == name), None)
        if held is None or held.decision is not Decision.ROLLBACK:
            return None
        same = verdict is None or held.began == (verdict.rollout or f"{verdict.started}")
        own = held.own if verdict is None else verdict.decision
        return held.model_copy(update={"own": own}) if same else None

    def _decision(
        self, name: str, verdict: Verdict | None, before: Mapping[str, SystemVerdict]
    ) -> tuple[Decision, str, str]:
        """What to do, why, and whose trouble it is."""
        if verdict is None and self._share(name) == COMPLETE:
            return Decision.PROMOTE, "its rollout is complete", ""
        rules = {f.action: f"joint rule {f.rule}: {f.reason}" for f in self._acting_on(name)}
        if "rollback" in rules:
            return Decision.ROLLBACK, rules["rollback"], ""
        if verdict is None:
            return Decision.HOLD, "there is no verdict of it", ""
        if verdict.decision is Decision.ROLLBACK:
            return self._blamed(name, verdict)
        waits = self._not_ready(name, before) if verdict.decision is Decision.PROMOTE else ""
        if rules or waits:
            return Decision.HOLD, rules.get("hold", waits), ""
        return verdict.decision, verdict.reason, ""

    def _acting_on(self, name: str) -> list[JointFiring]:
        """The joint rules that act on a system, by name from the last."""
        return [firing for firing in reversed(self.firings) if name in firing.systems]

    def _blamed(self, name: str, verdict: Verdict) -> tuple[Decision, str, str]:
        """A system's own rollback: it stands, or is laid to what the system depends on."""
        culprit = self._culprit(name, verdict)
        if not culprit:
            return Decision.ROLLBACK, verdict.reason, ""
        reason = f"{culprit}, which it depends on, was rolled back first; {AFTERWARDS}"
        return Decision.HOLD, reason, culprit

    def _culprit(self, name: str, verdict: Verdict) -> str:
        """The system it depends on that was rolled back before any of its own causes."""
        causes = [firing for firing in verdict.firings if firing.action == "rollback"]
        first = min((_when(firing.at) for firing in causes), default=NEVER)
        if first == NEVER or any(firing.way is Way.IMMEDIATE for firing in causes):
            return ""
        upstream = self.policy.upstream(name)
        for one in self.policy.order:
            held = self.verdicts.get(one) if one in upstream else None
            if held is None or held.decision is not Decision.ROLLBACK:
                continue
            if _when(held.decided_at) <= first:
                return one
        return ""

    def _not_ready(self, name: str, before: Mapping[str, SystemVerdict]) -> str:
        """What a system depends on that must be promoted before it, or nothing."""
        for one in self.policy.order:
            if one not in self.policy.upstream(name) or self._share(one) == COMPLETE:
                continue
            if before[one].decision is Decision.ROLLBACK:
                return f"{one}, which it depends on, is rolled back"
            if before[one].blames or not (
                before[one].decision is Decision.PROMOTE or self._ahead(one, name)
            ):
                return f"{one}, which it depends on, is held, and is to be promoted first"
        return ""

    def _ahead(self, one: str, name: str) -> bool:
        """Whether a system that is held stands at a larger share, and nothing fires on it."""
        share, own = self._share(one), self._share(name)
        if one not in self.verdicts or share is None or own is None or share <= own:
            return False
        fired = any(one in firing.systems for firing in self.firings)
        return not fired and not _degraded_at(self.verdicts[one])[0]

    def _share(self, name: str) -> float | None:
        verdict = self.verdicts.get(name)
        planned = self.policy.system(name).share
        return planned if verdict is None or verdict.share is None else verdict.share


AFTERWARDS = "settle that one, then begin this rollout anew"


def _overall(systems: Sequence[SystemVerdict]) -> Decision:
    decisions = {system.decision for system in systems}
    if Decision.ROLLBACK in decisions:
        return Decision.ROLLBACK
    return Decision.PROMOTE if decisions == {Decision.PROMOTE} else Decision.HOLD


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
