"""A latency histogram, tick by tick."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.folds import segments, shares
from canarystats.folds.bake import Bake, Part
from canarystats.folds.bank import Row, TestedFold
from canarystats.folds.presence import Presence
from canarystats.folds.rule import RuleState
from canarystats.folds.segments import SegmentTotals
from canarystats.folds.setting import Proof, Setting, Tick, reached, so_far
from canarystats.sequential import slow_onset
from canarystats.sequential.counts import CountsState
from canarystats.sequential.histogram import RISING_AT_THE_QUANTILE, Histogram
from canarystats.sequential.histogram_state import HistogramState
from canarystats.sequential.planned import PlannedState, counted_z
from canarystats.sequential.slow_strata import alike
from canarystats.triggers import beside, literal, trailing
from canarystats.triggers.trailing import Trailing
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from canarystats.evidence import Evidence
    from canarystats.sequential.onset import Began
    from canarystats.sequential.strata import Strata
    from canarystats.windows import Pair

RULE = "latency_p99"
MARGIN_OF_SHARE = 0.0  # how much larger a share of slow requests may be, where nothing is critical


@dataclass(frozen=True, slots=True, eq=False)
class HistogramFoldState:
    """Everything remembered of a histogram; ``upper_bounds`` is empty before its first tick."""

    histogram: HistogramState | Row
    rules: dict[str, RuleState]
    windows: dict[str, Trailing]
    upper_bounds: tuple[float, ...]
    samples: float
    presence: Presence = field(default_factory=Presence)
    shares: dict[str, CountsState] = field(default_factory=dict)
    plan: PlannedState | None = None
    segments: SegmentTotals = field(default_factory=SegmentTotals)


class HistogramFold(TestedFold[HistogramFoldState]):
    """A design: one histogram under a policy; the bucket bounds come with the data."""

    kind = Kind.HISTOGRAM
    keeps = "histogram"
    state_type = HistogramFoldState

    def __init__(self, setting: Setting, upper_bounds: NDArray[np.float64]) -> None:
        super().__init__(setting)
        trigger = setting.trigger(RULE)
        self.design = Histogram(
            setting.metric.name,
            upper_bounds,
            quantile=literal.QUANTILE,
            threshold=2.0 if trigger is None else trigger.threshold,
            margin=setting.margin if setting.metric.critical else MARGIN_OF_SHARE,
            allowed=1.0 + setting.allowed((RULE,), setting.margin or 0.05),
            dated=setting.policy.looks != "planned",
        )
        self.shares = {each.claim: each for each in shares.shares(setting, upper_bounds)}
        self._claim = RULE if trigger is None else trigger.name
        self.bake = None
        if setting.policy.looks == "planned" and setting.metric.compare:
            self.bake = Bake(setting, self._parts())

    def _parts(self) -> list[Part]:
        """One edge a question: that of the quantile, and for *beyond* the pair nearest to it."""
        level = self._levels()
        return [
            Part("worse", level.get("worse")),
            Part("beyond", level.get("beyond"), every=True),
            Part("beyond", level.get("beyond"), every=True),
            Part("not_worse", level["not_worse"]),
        ]

    def begin(self, history: Pair | None = None) -> HistogramFoldState:
        """The state before the first tick."""
        bounds = self.design.upper_bounds
        before = None if history is None else (history.canary, history.baseline)
        return HistogramFoldState(
            self.design.begin(history=before),
            self.no_rules(),
            {key: trailing.begin(2 * len(bounds)) for key in map(self._window, self.rules)},
            tuple(bounds[:-1].tolist()),
            0.0,
            shares={claim: share.design.begin() for claim, share in self.shares.items()},
            plan=None if self.bake is None else self.bake.design.begin(),
            segments=segments.none(len(bounds)),
        )

    def check(self, upper_bounds: NDArray[np.float64]) -> None:
        """Refuse a window whose buckets are not those of the first one."""
        if not np.array_equal(upper_bounds, self.design.upper_bounds):
            msg = (
                f"metric {self.setting.metric.name!r}: upper_bounds are {upper_bounds.tolist()}; "
                f"the rollout began with {self.design.upper_bounds.tolist()}"
            )
            raise InputError(msg)

    def step(self, state: HistogramFoldState, tick: Tick) -> HistogramFoldState:
        """One tick."""
        has_canary = not np.isnan(tick.canary[0])
        has_baseline = tick.baseline is not None and not np.isnan(tick.baseline[0])
        quiet = self._quiet_at(tick.at)
        presence = state.presence.tick(
            tick.at, canary=has_canary, baseline=has_baseline, quiet=quiet
        )
        samples = state.samples + (float(tick.canary.sum()) if has_canary else 0.0)
        histogram, plan = state.histogram, state.plan
        compares = has_canary and has_baseline and tick.comparing and not quiet
        if compares:
            histogram, plan = self.tested(histogram, tick), self._follow(state, tick)
        log_e = self._weights(histogram, plan) if compares and self.rules else {}
        strata = segments.strata_of(self.setting, tick) if compares else None
        by_segment = state.segments if strata is None else segments.add(state.segments, strata)
        windows = self._advance(state.windows, tick, strata, alone=has_canary, both=compares)
        held = state.shares
        if has_canary:
            held = {
                c: shares.step(s, held[c], tick.canary, tick.at)
                if self.gathers(c, tick.at)
                else held[c]
                for c, s in self.shares.items()
            }
        rules = dict(state.rules)
        for name, rule in self.rules.items():
            if rule.trigger.quantile is not None and has_canary:
                rules[name] = self._step_quantile(name, rules[name], windows, held, tick.at)
            elif compares:
                rules[name] = self._step_rule(name, rules[name], log_e, windows, tick.at)
            else:
                rules |= self.unread({name: rules[name]}, tick.at)
        return HistogramFoldState(
            histogram, rules, windows, state.upper_bounds, samples, presence, held, plan, by_segment
        )

    def _follow(self, state: HistogramFoldState, tick: Tick) -> PlannedState | None:
        """What the planned looks have shown after a tick that compares."""
        if self.bake is None or state.plan is None or tick.baseline is None:
            return None
        segments.refuse_planned(self.setting, tick)
        asked = self.design.asked_at_the_quantile(
            self.tests(state), tick.canary[None], tick.baseline[None]
        )
        brought = (asked.counts[0][0], asked.counts[1][0]), asked.share[0]

        def measured(plan: PlannedState) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            return counted_z(plan.tally, RISING_AT_THE_QUANTILE, asked.fano[0])

        return self.bake.follow(state.plan, tick, brought, measured)

    def _weights(
        self, histogram: HistogramState | Row, plan: PlannedState | None
    ) -> dict[str, float]:
        """The log e-value of every question: for any number of looks, or as planned."""
        log_e = self.log_e(histogram)
        return log_e if self.bake is None or plan is None else log_e | self.bake.log_e(plan)

    def _step_quantile(
        self,
        name: str,
        state: RuleState,
        windows: dict[str, Trailing],
        held: dict[str, CountsState],
        at: float,
    ) -> RuleState:
        rule, bounds = self.rules[name], self.design.upper_bounds
        canary, baseline = np.split(rule.kept(windows[self._window(name)]).total, 2)
        look = partial(literal.quantile_above, bounds, quantile=rule.trigger.quantile or 0.0)
        claim = f"{name}.above"
        here = look(canary, threshold=rule.threshold).observed
        there = look(baseline, threshold=rule.threshold)
        return rule.step(
            state,
            at,
            lambda value: look(canary, threshold=value),
            worse=claim in held and shares.shown(self.shares[claim], held[claim]),
            beside=lambda _: there,
            outdone=lambda: beside.further(here, there.observed, self.setting.margin, above=True),
        )

    def _window(self, rule: str) -> str:
        """The window a rule reads: rules of one span share it."""
        side = "both" if self.rules[rule].condition == RULE else "canary"
        return f"{side} {self.rules[rule].trigger.window:g}"

    def _advance(
        self,
        windows: dict[str, Trailing],
        tick: Tick,
        strata: Strata | None,
        *,
        alone: bool,
        both: bool,
    ) -> dict[str, Trailing]:
        advanced = dict(windows)
        for key, window in windows.items():
            side, span = key.split()
            if not (both if side == "both" else alone):
                continue
            other = tick.baseline
            if other is None or np.isnan(other[0]):
                other = np.zeros_like(tick.canary)
            ours = tick.canary
            if strata is not None:
                within, other = alike(strata)[:, 0]
                ours = within if side == "both" else ours
            row = np.concatenate([ours, other])
            advanced[key] = trailing.push(window, tick.at, row, float(span))
        return advanced

    def _quiet_at(self, at: float) -> bool:
        """Whether no evidence gathers: the metric's, which is also that behind its rule."""
        named = self.setting.quiet_at(at) is not None
        acting = {trigger.name for trigger in self.setting.acting}
        rules = (rule for rule in self.rules.values() if rule.condition == RULE)
        return named or any(rule.silence(at) for rule in rules if rule.name in acting)

    @property
    def questions(self) -> Hashable:
        """What the tests ask; where it is equal they can stand in one state."""
        made = self.design
        bounds = tuple(made.upper_bounds.tolist())
        return bounds, made.quantile, made.threshold, made.margin, made.allowed

    def advance(
        self,
        tests: HistogramState,
        canary: NDArray[np.float64],
        baseline: NDArray[np.float64],
        tick: Tick,
    ) -> HistogramState:
        """One tick of K rows of tests."""
        strata = segments.strata_of(self.setting, tick)
        dating = self.gathers(f"{self._claim}.worse", tick.at)
        return self.design.step(tests, canary, baseline, tick.at, strata, dating=dating)

    def _step_rule(
        self,
        name: str,
        state: RuleState,
        log_e: dict[str, float],
        windows: dict[str, Trailing],
        at: float,
    ) -> RuleState:
        rule, bounds = self.rules[name], self.design.upper_bounds
        total = rule.kept(windows[self._window(name)]).total
        canary, baseline = np.split(total, 2)
        return rule.step(
            state,
            at,
            lambda threshold: literal.latency_p99(bounds, canary, baseline, threshold),
            worse=reached(log_e["worse"], self.levels.get(f"{name}.worse")),
            beyond=reached(log_e["beyond"], self.levels.get(f"{name}.beyond")),
        )

    def weighed(self, tests: HistogramState) -> dict[str, NDArray[np.float64]]:
        """The log e-value of every claim, shape (K,) each."""
        return self.design.log_e(tests)

    def onset(self, state: HistogramFoldState, rule: str) -> float | None:  # noqa: ARG002
        """Unix seconds since when the evidence behind the rule has only grown."""
        return self.design.onset(self.tests(state), "beyond")

    def began(self, state: HistogramFoldState, rule: str) -> Began | None:
        """Since when more of the canary's requests have been slow, where the rule compares that."""
        question = "worse" if rule == "harm" else "beyond"
        dated = rule == "harm" or self.rules[rule].condition == RULE
        held = self.tests(state).began
        return slow_onset.began(held, question) if dated and held.size else None

    def harm(self, state: HistogramFoldState) -> tuple[bool, float | None]:
        """Whether the metric's own test shows harm beyond its margin, and since when."""
        log_e = self._weights(state.histogram, state.plan)["worse"]
        harmed = reached(log_e, self.levels.get("harm"))
        return harmed, self.design.onset(self.tests(state), "worse") if harmed else None

    def evidence(self, state: HistogramFoldState) -> list[Evidence]:
        """What has been found."""
        beyond = [shares.evidence(s, state.shares[c]) for c, s in self.shares.items()]
        if not self.setting.metric.compare:
            seen = state.presence.seen(has_baseline=False)
            return [evidence.model_copy(update={"seen": seen}) for evidence in beyond]
        seen = state.presence.seen(has_baseline=True)
        found = self.design.evidence(self.tests(state), self._levels())
        if self.bake is not None and state.plan is not None:
            found = [self.bake.told(state.plan, evidence) for evidence in found]
        return [
            evidence.model_copy(update={"seen": seen, "claim": f"{self._claim}.{evidence.claim}"})
            for evidence in found
        ] + [evidence.model_copy(update={"seen": seen}) for evidence in beyond]

    def _levels(self) -> dict[str, float]:
        """The level of every question that has one."""
        levels = {"not_worse": self.setting.proof_level}
        for question in ("worse", "beyond"):
            level = self.levels.get(f"{self._claim}.{question}")
            if level is not None:
                levels[question] = level
        if "harm" in self.levels and not ("worse" in levels and self.setting.acts(RULE)):
            levels["worse"] = self.levels["harm"]
        return levels

    def proofs(self, state: HistogramFoldState) -> list[Proof]:
        """What promotion needs to be shown, and whether it is."""
        found = self.unread_proofs(state)
        if shares.TARGET in self.shares:
            aimed, held = self.shares[shares.TARGET], state.shares[shares.TARGET]
            found.insert(0, shares.proof(aimed, held, self.setting.metric.name))
        if not self.setting.metric.compare:
            return found
        log_e = self._weights(state.histogram, state.plan)["not_worse"]
        level = self.setting.proof_level
        detail = so_far(log_e, level)
        if self.bake is not None and state.plan is not None:
            detail = self.bake.progress(state.plan, ["not_worse"])
        name = self.setting.metric.name
        return [Proof.by_evidence(f"{name} not worse", log_e, level, detail), *found]

    def samples(self, state: HistogramFoldState) -> int:
        """Canary observations so far."""
        return round(state.samples)
