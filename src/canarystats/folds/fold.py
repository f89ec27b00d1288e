"""What every fold can be asked, and what those that go tick by tick share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from canarystats.folds.findings import harm_firing
from canarystats.folds.rule import RuleState
from canarystats.folds.setting import Proof
from canarystats.folds.together import Together

if TYPE_CHECKING:
    from canarystats.evidence import Evidence
    from canarystats.folds.presence import Presence
    from canarystats.folds.rule import Rule
    from canarystats.folds.setting import Setting, Tick
    from canarystats.sequential.onset import Began
    from canarystats.verdict import Firing, Reading
    from canarystats.windows import Kind, Pair

S = TypeVar("S")


class HasRules(Protocol):
    """A state that follows rules tick by tick."""

    @property
    def rules(self) -> dict[str, RuleState]:
        """Where each rule stands."""
        ...

    @property
    def presence(self) -> Presence:
        """Which ticks brought data."""
        ...


R = TypeVar("R", bound=HasRules)


class Fold(ABC, Generic[S]):
    """A design: one metric under a policy."""

    kind: ClassVar[Kind]
    state_type: ClassVar[type]
    setting: Setting

    @abstractmethod
    def begin(self, history: Pair | None = None) -> S:
        """The state before anything was seen of the rollout.

        ``history`` is the metric before the rollout, checked against the policy: both sides ran
        the old version then, or ``canary`` holds the old version alone and ``baseline`` is None.
        What it teaches goes into the state; the history itself is not kept.
        """

    @abstractmethod
    def evidence(self, state: S) -> list[Evidence]:
        """What has been found."""

    @abstractmethod
    def readings(self, state: S) -> list[Reading]:
        """What the rules see."""

    @abstractmethod
    def firings(self, state: S, at: float | None) -> list[Firing]:
        """The rules that fire now."""

    @abstractmethod
    def harm(self, state: S) -> tuple[bool, float | None]:
        """Whether the metric's own test shows harm beyond its margin; if so, since when."""

    @abstractmethod
    def proofs(self, state: S) -> list[Proof]:
        """What promotion needs to be shown, and whether it is."""

    @abstractmethod
    def trouble(self, state: S, at: float, patience_seconds: float) -> str:
        """Why the metric counts as without data at ``at``, or nothing."""

    def beside(self, state: S) -> list[str]:  # noqa: ARG002
        """What the baseline alone does not fulfil of the rules."""
        return []

    def moved(self, state: S, at: float) -> str:  # noqa: ARG002
        """That the baseline alone got worse lately, which makes any canary look better."""
        return ""

    def silenced(self, state: S, at: float) -> list[str]:  # noqa: ARG002
        """What a window of the policy looks away from at ``at``, of what may decide."""
        return []

    def suppressed(self, state: S) -> str:  # noqa: ARG002
        """At how many ticks windows of the policy looked away, or nothing."""
        return ""

    def samples(self, state: S) -> int | None:  # noqa: ARG002
        """Canary requests or observations so far; None where the metric counts none."""
        return None

    def began(self, state: S, rule: str) -> Began | None:  # noqa: ARG002
        """The onset of what a rule (or ``harm``) is about by change point, where it is dated."""
        return None

    def split_is_off(self, state: S) -> bool:  # noqa: ARG002
        """Whether the traffic is shown not to be divided as designed."""
        return False


class TickFold(Fold[R]):
    """A fold that goes tick by tick and follows rules."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.levels = setting.levels()
        self.rules: dict[str, Rule] = setting.rules()

    @property
    def may_harm(self) -> bool:
        """Whether the metric's own test has a level of its own to act at."""
        return "harm" in self.levels

    def gathers(self, claim: str, at: float) -> bool:
        """Whether no window of the policy keeps the evidence for a claim from gathering."""
        if not self.setting.policy.suppressions:
            return True
        silent = (rule for rule in self.rules.values() if rule.silence(at))
        named = any(claim.startswith(f"{rule.trigger.name}.") for rule in silent)
        return not named and self.setting.quiet_at(at) is None

    @abstractmethod
    def step(self, state: R, tick: Tick) -> R:
        """One tick."""

    @abstractmethod
    def onset(self, state: R, rule: str) -> float | None:
        """Unix seconds since when the evidence behind a rule has only grown."""

    def no_rules(self) -> dict[str, RuleState]:
        """Every rule before its first look."""
        return {name: RuleState() for name in self.rules}

    def unread(self, rules: dict[str, RuleState], at: float) -> dict[str, RuleState]:
        """Every rule after a tick that could not be read."""
        return {name: self.rules[name].unread(rule, at) for name, rule in rules.items()}

    def readings(self, state: R) -> list[Reading]:
        """What the rules see."""
        return [rule.reading(state.rules[name]) for name, rule in self.rules.items()]

    def unread_proofs(self, state: R) -> list[Proof]:
        """Rules beside the eight that could never be evaluated: absent is not healthy."""
        return [
            Proof(f"{name} readable", shown=False, detail=state.rules[name].detail or "no data yet")
            for name, rule in self.rules.items()
            if rule.stands_against_promotion and not state.rules[name].evaluated
        ]

    def firings(self, state: R, at: float | None) -> list[Firing]:
        """The rules that fire at this tick, and the metric's own test."""
        found = []
        for name, rule in self.rules.items():
            if state.rules[name].way is not None:
                since, began = self.onset(state, name), self.began(state, name)
                beside = self.together(state, name, 0.0 if at is None else at)
                found.append(rule.firing(state.rules[name], at, since, began, beside))
        harmed, since = self.harm(state) if self.may_harm else (False, None)
        if harmed:
            beside = self.together(state, "harm", 0.0 if at is None else at)
            began, metric = self.began(state, "harm"), self.setting.metric
            found.append(harm_firing(metric, self.evidence(state), at, since, began, beside))
        return [firing for firing in found if firing is not None]

    def together(self, state: R, rule: str, at: float) -> Together:  # noqa: ARG002
        """Whether the canary and the baseline changed together, which a rule (or ``harm``) saw."""
        return Together(shared=False, said="")

    def beside(self, state: R) -> list[str]:
        """What the baseline alone does not fulfil of the rules."""
        if self.setting.policy.unhealthy_baseline == "ignore":
            return []
        found = [rule.beside_alone(state.rules[name]) for name, rule in self.rules.items()]
        return [said for said in found if said]

    def silenced(self, state: R, at: float) -> list[str]:
        """What a window of the policy looks away from at ``at``, of what may decide."""
        quiet = self.setting.quiet_at(at)
        found = [f"{self.setting.metric.name} gathers no evidence during {quiet}"] if quiet else []
        return found + [
            f"{name} is suppressed by {state.rules[name].silenced_by}"
            for name, rule in self.rules.items()
            if state.rules[name].silenced_by and rule.trigger.action != "report"
        ]

    def suppressed(self, state: R) -> str:
        """At how many ticks windows of the policy looked away, or nothing."""
        most = max([state.presence.quiet, *(rule.suppressed for rule in state.rules.values())])
        names = ", ".join(str(window) for window in self.setting.suppressions)
        return f"suppressed: {most} of {state.presence.ticks} ticks by {names}" if most else ""

    def trouble(self, state: R, at: float, patience_seconds: float) -> str:
        """Why the metric counts as without data at ``at``, or nothing."""
        return state.presence.trouble(
            at, patience_seconds, needs_baseline=self.setting.metric.compare
        )


AnyFold = Fold[Any]
