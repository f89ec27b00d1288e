"""Raw samples without times: every batch that arrives is one look, and spends its part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from canarystats.evidence import Evidence, Question, Status
from canarystats.folds import one_look
from canarystats.folds.fold import Fold
from canarystats.folds.setting import Proof, Setting
from canarystats.triggers.reasons import sentence
from canarystats.verdict import Condition, Firing, Reading, Way
from canarystats.windows import Kind

if TYPE_CHECKING:
    from canarystats.windows import Pair

RULE = "latency_p99"


@dataclass(frozen=True, slots=True)
class SamplesFoldState:
    """The looks so far, the canary samples they held, and the last look's evidence as JSON."""

    looks: int = 0
    samples: int = 0
    found: tuple[str, ...] = ()


class SamplesFold(Fold[SamplesFoldState]):
    """A design: one metric of raw samples under a policy.

    Looks do not add up: each is judged by its own batch, at 6 / (π² k²) of the level for the k-th,
    so that all looks together stay within it. Where many looks are wanted, histograms add up.
    """

    kind = Kind.SAMPLES
    state_type = SamplesFoldState

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def begin(self, history: Pair | None = None) -> SamplesFoldState:  # noqa: ARG002
        """The state before the first look."""
        return SamplesFoldState()

    def observe(self, state: SamplesFoldState, pair: Pair) -> SamplesFoldState:
        """One batch of samples."""
        looks = state.looks + 1
        part = 1.0 if self.setting.policy.looks == "one" else one_look.spent_at(looks)
        found = one_look.shift(self.setting, pair, part) + one_look.tail(self.setting, pair, part)
        return SamplesFoldState(
            looks, state.samples + len(pair.canary), tuple(e.model_dump_json() for e in found)
        )

    def evidence(self, state: SamplesFoldState) -> list[Evidence]:
        """What the last look found."""
        return [Evidence.model_validate_json(text) for text in state.found]

    def firings(self, state: SamplesFoldState, at: float | None) -> list[Firing]:
        """The rule, where the last look shows the tail beyond its threshold."""
        trigger = self.setting.trigger(RULE)
        beyond = self._about(state, f"{RULE}.beyond")
        if trigger is None or beyond is None or not beyond.decides:
            return []
        unit = self.setting.metric.unit
        reason = sentence(RULE, trigger, Way.DECISIVE, unit, beyond.observed, beyond.reference, 0.0)
        return [
            Firing(
                trigger=RULE,
                metric=trigger.metric,
                way=Way.DECISIVE,
                action=trigger.action,
                at=at,
                observed=beyond.observed,
                reference=beyond.reference,
                threshold=trigger.threshold,
                reason=reason,
            )
        ]

    def harm(self, state: SamplesFoldState) -> tuple[bool, float | None]:
        """Whether the last look shows harm beyond the metric's margin."""
        worse = [e for e in self.evidence(state) if e.claim == "worse"]
        return self.setting.metric.critical and any(e.decides for e in worse), None

    def readings(self, state: SamplesFoldState) -> list[Reading]:
        """What the rule sees."""
        trigger, beyond = self.setting.trigger(RULE), self._about(state, f"{RULE}.beyond")
        if trigger is None:
            return []
        condition, severity, detail = Condition.NO_DATA, 0.0, "no samples"
        observed = reference = None
        if beyond is not None and beyond.observed is not None and beyond.reference is not None:
            observed, reference = beyond.observed, beyond.reference
            above = observed > trigger.threshold * reference
            condition = Condition.PENDING if above else Condition.CLEAR
            condition = Condition.FIRED if beyond.decides else condition
            severity = 0.0 if condition is Condition.CLEAR else 1.0
            detail = "samples have no times: no duration is kept, only decisive evidence fires"
        return [
            Reading(
                trigger=RULE,
                metric=trigger.metric,
                condition=condition,
                observed=observed,
                reference=reference,
                threshold=trigger.threshold,
                for_seconds=trigger.for_,
                severity=severity,
                detail=detail,
            )
        ]

    def proofs(self, state: SamplesFoldState) -> list[Proof]:
        """What promotion needs to be shown, and whether it is."""
        if not self.setting.metric.compare:
            return []
        fine = [e for e in self.evidence(state) if e.question is Question.NOT_WORSE]
        shown = bool(fine) and all(e.decides for e in fine)
        worst = max((e.p_value for e in fine if e.p_value is not None), default=None)
        detail = "too few samples" if worst is None else f"p {worst:.3g}"
        return [Proof(f"{self.setting.metric.name} not worse", shown, detail)]

    def trouble(self, state: SamplesFoldState, at: float, patience_seconds: float) -> str:  # noqa: ARG002
        """Why the metric counts as without data, or nothing."""
        empty = {Status.NO_DATA, Status.ONE_SIDE_ONLY}
        found = self.evidence(state)
        return "no samples on one side" if any(e.status in empty for e in found) else ""

    def samples(self, state: SamplesFoldState) -> int:
        """Canary samples so far."""
        return state.samples

    def _about(self, state: SamplesFoldState, claim: str) -> Evidence | None:
        return next((e for e in self.evidence(state) if e.claim == claim), None)
