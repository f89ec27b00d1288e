"""Raw samples without times: every batch that arrives is one look.

Under a policy of many looks the bets on ranks multiply from look to look. The quantile of a look is
judged by that look alone, and spends its part of the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from canarystats.evidence import Evidence, Question, Status
from canarystats.folds import one_look
from canarystats.folds.fold import Fold
from canarystats.folds.setting import Proof, Setting, so_far
from canarystats.sequential.rank_betting import RankBetting, RankState, RankTest
from canarystats.triggers.reasons import limit_of, phrase, sentence
from canarystats.verdict import Condition, Firing, Reading, Way
from canarystats.windows import Kind

if TYPE_CHECKING:
    from canarystats.windows import Pair

RULE = "latency_p99"
ASSUMES = "the samples of a look are exchangeable given the looks before it"


@dataclass(frozen=True, slots=True, eq=False)
class SamplesFoldState:
    """What all looks have shown by ranks, how much they held, and the last look's evidence."""

    ranks: RankState
    looks: int = 0
    samples: int = 0
    found: tuple[str, ...] = ()


class SamplesFold(Fold[SamplesFoldState]):
    """A design: one metric of raw samples under a policy.

    Whether the canary lies on the harmful side adds up over the looks. How far its p99 has moved
    does not: the k-th look is judged at 6 / (π² k²) of the level, so that all looks together stay
    within it. Where that is wanted at many looks, histograms add up.
    """

    kind = Kind.SAMPLES
    state_type = SamplesFoldState

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.design = RankBetting(_tests(setting))

    def begin(self, history: Pair | None = None) -> SamplesFoldState:  # noqa: ARG002
        """The state before the first look."""
        return SamplesFoldState(self.design.begin())

    def observe(self, state: SamplesFoldState, pair: Pair) -> SamplesFoldState:
        """One batch of samples."""
        looks, ranks = state.looks + 1, state.ranks
        once = self.setting.policy.looks == "one"
        part = 1.0 if once else one_look.spent_at(looks)
        found = one_look.shift(self.setting, pair, part)
        if not once and pair.baseline is not None:
            ranks = self.design.step(ranks, pair.canary.T, pair.baseline.T)
            found = self._adding_up(found, ranks)
        found += one_look.tail(self.setting, pair, part)
        return SamplesFoldState(
            ranks,
            looks,
            state.samples + len(pair.canary),
            tuple(e.model_dump_json() for e in found),
        )

    def _adding_up(self, last: list[Evidence], ranks: RankState) -> list[Evidence]:
        """The last look's effects, with what all looks have shown."""
        log_e = self.design.log_e(ranks)
        harm = self.setting.levels().get("harm")
        both_ways = self.setting.metric.harmful == "either"
        looks = int(ranks.looks[0])
        found = []
        for test, evidence in zip(self.design.tests, last, strict=True):
            level: float | None = self.setting.proof_level
            if evidence.claim == "worse":
                level = None if harm is None else harm / 2 if both_ways else harm
            silent = evidence.status in {Status.NO_DATA, Status.ONE_SIDE_ONLY}
            update = {
                "method": "sequential.rank_betting",
                "status": evidence.status if silent else Status.OK,
                "interval": None,
                "p_value": None,
                "log_e_value": float(log_e[test.claim][0]),
                "level": level,
                "assumptions": (ASSUMES,),
                "detail": f"the e-value is of {looks} looks, the effect of the last",
            }
            found.append(evidence.model_copy(update=update))
        return found

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
                trigger=trigger.name,
                rule=RULE,
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
        """Whether harm beyond the metric's margin is shown."""
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
            unit = self.setting.metric.unit
            detail = phrase(RULE, trigger, unit, observed, reference)
            if above:
                detail += f": {limit_of(RULE, trigger, unit)}"
            detail += "; samples have no times, so no duration is kept and decisive evidence fires"
        return [
            Reading(
                trigger=trigger.name,
                rule=RULE,
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
        return [Proof(f"{self.setting.metric.name} not worse", shown, _progress(fine))]

    def trouble(self, state: SamplesFoldState, at: float, patience_seconds: float) -> str:  # noqa: ARG002
        """Why the metric counts as without data, or nothing."""
        empty = {Status.NO_DATA, Status.ONE_SIDE_ONLY}
        found = self.evidence(state)
        if not self.setting.metric.compare:
            return "" if state.samples else "no samples on the canary"
        return "no samples on one side" if any(e.status in empty for e in found) else ""

    def samples(self, state: SamplesFoldState) -> int:
        """Canary samples so far."""
        return state.samples

    def _about(self, state: SamplesFoldState, claim: str) -> Evidence | None:
        return next((e for e in self.evidence(state) if e.claim == claim), None)


def _tests(setting: Setting) -> list[RankTest]:
    """The questions to the ranks, in the order of `one_look.shift`."""
    metric, allowed = setting.metric, 1.0 + setting.allowed((RULE,), setting.margin)
    edge, found = 1.0 + setting.margin, []
    if metric.harmful in {"increase", "either"}:
        found.append(RankTest("worse.up", edge, rising=True))
        found.append(RankTest("not_worse.up", allowed, rising=False))
    if metric.harmful in {"decrease", "either"}:
        found.append(RankTest("worse.down", 1.0 / edge, rising=False))
        found.append(RankTest("not_worse.down", 1.0 / allowed, rising=True))
    return found


def _progress(fine: list[Evidence]) -> str:
    """How far the proof has come, by its weakest part."""
    e_values = [e.log_e_value for e in fine if e.log_e_value is not None]
    if e_values and fine[0].level:
        return so_far(min(e_values), fine[0].level)
    worst = max((e.p_value for e in fine if e.p_value is not None), default=None)
    return "too few samples" if worst is None else f"p {worst:.3g}"
