"""A gauge, tick by tick: compared with its twin by pod means, with its limit by the worst pod."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from canarystats.folds import standards
from canarystats.folds.bake import Bake, Part
from canarystats.folds.bank import Row, TestedFold
from canarystats.folds.presence import Presence
from canarystats.folds.rule import RuleState
from canarystats.folds.setting import Proof, Setting, Tick, reached, so_far
from canarystats.folds.standards import StandardState
from canarystats.folds.trends import TrendTarget
from canarystats.rules import BOTH_SIDES, LEVELS
from canarystats.sequential.gauge import Gauge
from canarystats.sequential.gauge_state import GaugeState
from canarystats.sequential.planned import PlannedState
from canarystats.sequential.trend import TrendState
from canarystats.triggers import beside, literal
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    from canarystats.evidence import Evidence
    from canarystats.policy import Trigger
    from canarystats.sequential.onset import Began
    from canarystats.windows import Pair


LONGEST_HISTORY = 20_000  # ticks; three and a half days of 15 s
SAME_PACE = 1.5  # how far the history's tick may be from the policy's interval


@dataclass(frozen=True, slots=True, eq=False)
class GaugeFoldState:
    """Everything remembered of a gauge; ``unused`` says why its history is not used, if so."""

    gauge: GaugeState | Row
    rules: dict[str, RuleState]
    presence: Presence = field(default_factory=Presence)
    unused: str = ""
    standards: dict[str, StandardState] = field(default_factory=dict)
    plan: PlannedState | None = None
    trend: TrendState | None = None


class GaugeFold(TestedFold[GaugeFoldState]):
    """A design: one gauge under a policy."""

    kind = Kind.GAUGE
    keeps = "gauge"
    state_type = GaugeFoldState

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        metric = setting.metric
        self.design = Gauge(
            metric.name,
            harmful=metric.harmful,
            margin=setting.margin,
            allowed=setting.allowed(BOTH_SIDES, setting.margin),
            batch=metric.batch,
            pod_difference=metric.assumed_pod_difference,
        )
        self.standards = {each.claim: each for each in standards.standards(setting)}
        self.trend = TrendTarget.of(setting)
        self.bake = None
        if setting.policy.looks == "planned" and metric.compare:
            self.bake = Bake(setting, self._parts())

    def _parts(self) -> list[Part]:
        """Both directions; where either is harmful they share the level of *worse*."""
        harm, proof = self.levels.get("harm"), self.setting.proof_level
        asked = [self.design.harmful != "decrease", self.design.harmful != "increase"]
        each = None if harm is None else harm / sum(asked)
        return [Part("worse", each if way else None) for way in asked] + [
            Part("not_worse", proof if way else None, every=True) for way in asked
        ]

    def begin(self, history: Pair | None = None) -> GaugeFoldState:
        """The state before the first tick."""
        compared, unused, sides = self.setting.metric.compare, "", None
        if history is not None and (compared or self.standards or self.trend):
            places, unused = self._places(history)
            if not unused:
                other = history.baseline
                others = None if other is None else _laid_out(other, places)
                sides = _laid_out(history.canary, places), others
        return GaugeFoldState(
            self.design.begin(history=sides if compared else None),
            self.no_rules(),
            unused=unused,
            standards={claim: standards.begin(s, sides) for claim, s in self.standards.items()},
            plan=None if self.bake is None else self.bake.design.begin(),
            trend=None if self.trend is None else self.trend.begin(sides),
        )

    def _places(self, history: Pair) -> tuple[NDArray[np.int64], str]:
        """Which tick each row of the history is, and why it cannot be used."""
        if history.times is None or len(history.times) < 2:
            return np.arange(len(history.canary)), ""
        pace, interval = float(np.median(np.diff(history.times))), self.setting.policy.interval
        if not 1.0 / SAME_PACE <= pace / interval <= SAME_PACE:
            unused = f"its history comes every {pace:g} s, the rollout every {interval:g} s"
            return np.arange(0), f"{unused}, so its noise a tick is another"
        back = np.rint((history.times[-1] - history.times) / pace).astype(np.int64)
        return LONGEST_HISTORY - 1 - back, ""

    def step(self, state: GaugeFoldState, tick: Tick) -> GaugeFoldState:
        """One tick."""
        left, right = _any_finite(tick.canary), _any_finite(tick.baseline)
        infinite = _has_infinity(tick.canary) or _has_infinity(tick.baseline)
        quiet = self.setting.quiet_at(tick.at) is not None
        presence = state.presence.tick(
            tick.at, canary=left, baseline=right, infinite=infinite, quiet=quiet
        )
        gauge, plan, comparing = state.gauge, state.plan, tick.comparing and not quiet
        if comparing and self.setting.metric.compare and left and tick.baseline is not None:
            gauge = self.tested(gauge, tick)
            plan = self._follow(state, replace(state, gauge=gauge), tick) if self.bake else None
        held, trend = state.standards, state.trend
        if left:
            if self.trend is not None and trend is not None and not quiet:
                trend = self.trend.step(trend, tick)
            held = {
                c: standards.step(s, held[c], tick) if self.gathers(c, tick.at) else held[c]
                for c, s in self.standards.items()
            }
        rules = {
            name: self._step_rule(name, state.rules[name], tick, held, left=left, right=right)
            for name in self.rules
        }
        return GaugeFoldState(gauge, rules, presence, state.unused, held, plan, trend)

    def _follow(
        self, state: GaugeFoldState, after: GaugeFoldState, tick: Tick
    ) -> PlannedState | None:
        """What the planned looks have shown after a tick that compares."""
        if self.bake is None or state.plan is None:
            return None
        now = self.tests(state if self.bake.design.past(tick.baked) else after)

        def measured(_: PlannedState) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            z, information = self.design.z(now)
            return z[0], information[0]

        return self.bake.follow(state.plan, tick, None, measured)

    def _weights(self, state: GaugeFoldState) -> dict[str, float]:
        """The log e-value of every question: for any number of looks, or as planned."""
        log_e = self.log_e(state.gauge)
        if self.bake is None or state.plan is None:
            return log_e
        return log_e | self.bake.log_e(state.plan)

    def _step_rule(
        self,
        name: str,
        state: RuleState,
        tick: Tick,
        held: dict[str, StandardState],
        *,
        left: bool,
        right: bool,
    ) -> RuleState:
        rule = self.rules[name]
        if not left:
            return rule.unread(state, tick.at)
        look = _look(rule.trigger, tick)
        if rule.condition != "memory":
            claim = f"{name}.{rule.condition.rpartition('_')[2]}"
            tested = self.standards.get(claim)
            worse = tested is not None and standards.shown(tested, held[claim])
            here, there = look(rule.threshold), literal.Look(None)
            if rule.condition in LEVELS and tick.baseline is not None and right:
                there = _look(rule.trigger, tick._replace(canary=tick.baseline))(rule.threshold)
            above = rule.condition == "level_above"
            return rule.step(
                state,
                tick.at,
                look,
                worse=worse,
                beside=lambda _: there,
                outdone=lambda: beside.further(
                    here.observed, there.observed, self.setting.margin, above=above
                ),
            )
        here, there = look(rule.threshold), literal.Look(None)
        if tick.baseline is not None and right:
            limits = beside.limits_beside(tick.limit, len(tick.baseline))
            there = literal.memory(tick.baseline, limits, rule.threshold)
        return rule.step(
            state,
            tick.at,
            look,
            beside=lambda _: there,
            outdone=lambda: beside.nearer_the_limit(
                here.observed, there.observed, self.setting.margin
            ),
        )

    @property
    def questions(self) -> Hashable:
        """What the tests ask; where it is equal they can stand in one state."""
        made = self.design
        return made.harmful, made.margin, made.allowed, made.batch, made.pod_difference

    def advance(
        self,
        tests: GaugeState,
        canary: NDArray[np.float64],
        baseline: NDArray[np.float64],
        tick: Tick,
    ) -> GaugeState:
        """One tick of K rows of tests."""
        return self.design.step(tests, canary, baseline, tick.at)

    def weighed(self, tests: GaugeState) -> dict[str, NDArray[np.float64]]:
        """The log e-value of every claim, shape (K,) each."""
        return self.design.log_e(tests)

    def onset(self, state: GaugeFoldState, rule: str) -> float | None:  # noqa: ARG002
        """None: its rule reads a limit, not the evidence."""
        return None

    def harm(self, state: GaugeFoldState) -> tuple[bool, float | None]:
        """Whether the metric's own test shows harm beyond its margin, and since when."""
        if self.setting.policy.looks == "one":
            return False, None  # the single look spends the level; nothing else may
        log_e = self._weights(state)["worse"]
        harmed = reached(log_e, self.levels.get("harm"))
        return harmed, None

    def began(self, state: GaugeFoldState, rule: str) -> Began | None:
        """Since when the gauge lies off its baseline, where its own test says so."""
        return self.design.began(self.tests(state)) if rule == "harm" else None

    def evidence(self, state: GaugeFoldState) -> list[Evidence]:
        """What has been found."""
        seen = state.presence.seen(has_baseline=self.setting.metric.compare)
        if state.unused:
            seen = (*seen, f"history: {state.unused}")
        found = self._compared(state) if self.setting.metric.compare else []
        found += [standards.evidence(s, state.standards[c]) for c, s in self.standards.items()]
        if self.trend is not None and state.trend is not None:
            found.append(self.trend.evidence(state.trend))
        return [evidence.model_copy(update={"seen": seen}) for evidence in found] if seen else found

    def _compared(self, state: GaugeFoldState) -> list[Evidence]:
        levels = {"not_worse": self.setting.proof_level}
        if "harm" in self.levels:
            levels["worse"] = self.levels["harm"]
        found = self.design.evidence(self.tests(state), levels)
        if self.bake is None or state.plan is None:
            return found
        return [self.bake.told(state.plan, evidence) for evidence in found]

    def proofs(self, state: GaugeFoldState) -> list[Proof]:
        """What promotion needs to be shown, and whether it is."""
        name, found = self.setting.metric.name, list[Proof]()
        if self.setting.metric.compare:
            level = self.setting.proof_level
            log_e = self._weights(state)["not_worse"]
            detail = f"{self.design.gathered(self.tests(state))}, "
            if self.bake is not None and state.plan is not None:
                detail += self.bake.progress(state.plan, ["not_worse"])
            else:
                detail += so_far(log_e, level)
            found.append(Proof.by_evidence(f"{name} not worse", log_e, level, detail))
        aimed = self.standards.get(standards.TARGET)
        if aimed is not None:
            found.append(standards.proof(aimed, state.standards[standards.TARGET], name))
        if self.trend is not None and state.trend is not None:
            found.append(self.trend.proof(state.trend))
        return found + self.unread_proofs(state)


def _unseen(_: float) -> literal.Look:
    """What a rule sees where the canary has no data."""
    return literal.Look(None)


def _look(trigger: Trigger, tick: Tick) -> Callable[[float], literal.Look]:
    """What a rule sees at a tick on which the canary has data, at any threshold."""
    above = trigger.rule.endswith("_above")
    if trigger.rule in LEVELS:
        worst = trigger.pods == "worst"
        return lambda value: literal.level(tick.canary, value, above=above, worst=worst)
    if trigger.rule in BOTH_SIDES:
        other = tick.baseline if tick.comparing else None
        return lambda value: literal.ratio(tick.canary, other, value, above=above)
    return lambda value: literal.memory(tick.canary, tick.limit, value)


def _any_finite(pods: NDArray[np.float64] | None) -> bool:
    return pods is not None and bool(np.isfinite(pods).any())


def _laid_out(side: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rows at their ticks, NaN where there is none, shape (1, ticks, pods)."""
    recent = places >= 0
    first = int(places[recent].min())
    laid = np.full((1, int(places.max()) + 1 - first, side.shape[1]), np.nan)
    laid[0, places[recent] - first] = side[recent]
    return laid


def _has_infinity(pods: NDArray[np.float64] | None) -> bool:
    return pods is not None and bool(np.isinf(pods).any())
