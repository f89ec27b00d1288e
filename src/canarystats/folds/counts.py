"""A metric of counts, tick by tick: error rate, success rate, throughput and traffic split."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from canarystats.folds import segments, together
from canarystats.folds.bake import Bake, Part
from canarystats.folds.bank import Row, TestedFold, placed
from canarystats.folds.count_tests import TARGET, compares, mean_of, nearest, tests
from canarystats.folds.exchanged import refuse_exchanged, refuse_outnumbered
from canarystats.folds.presence import Presence
from canarystats.folds.rule import RuleState
from canarystats.folds.segments import SegmentTotals
from canarystats.folds.setting import Proof, Setting, Tick, reached, so_far
from canarystats.folds.together import Together
from canarystats.sequential import onset, own_past
from canarystats.sequential.counts import Counts, CountsState
from canarystats.sequential.planned import PlannedState, counted_z
from canarystats.triggers import beside, literal, trailing
from canarystats.triggers.trailing import Trailing
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Hashable

    from canarystats.evidence import Evidence
    from canarystats.sequential.onset import Began
    from canarystats.verdict import Reading
    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

EXPOSURE = 1


@dataclass(frozen=True, slots=True, eq=False)
class CountsFoldState:
    """Everything remembered of a metric of counts."""

    counts: CountsState | Row
    rules: dict[str, RuleState]
    windows: dict[str, Trailing]
    presence: Presence = field(default_factory=Presence)
    plan: PlannedState | None = None
    segments: SegmentTotals = field(default_factory=partial(segments.none, 2))
    past: NDArray[np.float64] = field(default_factory=own_past.begin)


class CountsFold(TestedFold[CountsFoldState]):
    """A design: one metric of counts under a policy."""

    kind = Kind.COUNTS
    keeps = "counts"
    state_type = CountsFoldState

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        asked, planned = tests(setting), set[str]()
        if setting.policy.looks == "planned":
            planned = {test.claim for test in asked if compares(test)}
        self.design = Counts(
            setting.metric.name, asked, clumps=setting.metric.clumps, planned=planned, dated=True
        )
        throughput = [t.claim for t in self.design.tests if t.claim.endswith(".not_worse")]
        self._proven = (*NOT_WORSE, "low_enough", TARGET, *throughput)
        self.bake = None
        if setting.policy.looks == "planned":
            levels = self._levels()
            self._planned = [i for i, test in enumerate(asked) if test.claim in planned]
            claims = [asked[i].claim for i in self._planned]
            self.bake = Bake(setting, [Part(claim, levels.get(claim)) for claim in claims])

    def begin(self, history: Pair | None = None) -> CountsFoldState:
        """The state before the first tick."""
        windows = {
            key: trailing.begin(len(BESIDE if key.startswith("canary") else COMPARED))
            for key in map(self._window, self.rules)
        }
        past = None if history is None else (history.canary, history.baseline)
        plan = None if self.bake is None else self.bake.design.begin()
        begun = self.design.begin(history=past)
        lately = together.begin(self.setting, history)
        return CountsFoldState(begun, self.no_rules(), windows, plan=plan, past=lately)

    def step(self, state: CountsFoldState, tick: Tick) -> CountsFoldState:
        """One tick."""
        has_canary = not np.isnan(tick.canary[0])
        has_baseline = tick.baseline is not None and not np.isnan(tick.baseline[0])
        quiet = self.setting.quiet_at(tick.at) is not None
        presence = state.presence.tick(
            tick.at, canary=has_canary, baseline=has_baseline, quiet=quiet
        )
        if not has_canary:
            return replace(state, rules=self.unread(state.rules, tick.at), presence=presence)
        if self.design.needs_proportions:
            refuse_outnumbered(self.setting.metric.name, tick)
        compared = tick.baseline if has_baseline and tick.comparing and not quiet else None
        strata = None if quiet else segments.strata_of(self.setting, tick)
        counts = state.counts if quiet else self.tested(state.counts, tick)
        plan = state.plan if quiet else self._follow(state, tick)
        log_e = self._weights(counts, plan) if self.rules else {}
        if not self.setting.policy.segments:
            refuse_exchanged(self.setting.metric.name, state.counts, counts, tick.share)
        windows = self._advance(state.windows, tick, compared)
        rules = dict(state.rules)
        for name in self.rules:
            if compared is None and self.rules[name].condition not in JUDGED_ALONE:
                rules |= self.unread({name: rules[name]}, tick.at)
            else:
                total = self.rules[name].kept(windows[self._window(name)]).total
                rules[name] = self._step_rule(name, rules[name], total, log_e, tick.at)
        past = state.past
        if has_baseline and not quiet:
            sides = segments.side_by_side(tick, strata)
            before, row = placed(state.counts)
            discount = partial(self.design.clumpiness, before, row)
            loudest = onset.loudest(before.began, row)
            past = together.step(self.setting, past, sides, tick.at, loudest, discount)
        by_segment = state.segments if strata is None else segments.add(state.segments, strata)
        return CountsFoldState(counts, rules, windows, presence, plan, by_segment, past)

    def _follow(self, state: CountsFoldState, tick: Tick) -> PlannedState | None:
        """What the planned looks have shown after a tick that has the canary."""
        if self.bake is None or state.plan is None:
            return None
        segments.refuse_planned(self.setting, tick)
        canary = tick.canary[None]
        baseline = np.full_like(canary, np.nan) if tick.baseline is None else tick.baseline[None]
        share = np.full(1, np.nan if tick.share is None else tick.share)
        counts, shares = self.design.asked(canary, baseline, share, self._unasked(tick.at))
        exposures, rows = (canary[:, EXPOSURE], baseline[:, EXPOSURE]), self._planned
        brought = (counts[0][0, rows], counts[1][0, rows]), shares[0, rows]

        def measured(plan: PlannedState) -> tuple[FloatArray, FloatArray]:
            fano = self.design.discounts(self.tests(state), exposures)[0, rows]
            return counted_z(plan.tally, self.design.rising[rows], fano)

        return self.bake.follow(state.plan, tick, brought, measured)

    def _weights(self, counts: CountsState | Row, plan: PlannedState | None) -> dict[str, float]:
        """The log e-value of every claim: for any number of looks, or as planned."""
        log_e = self.log_e(counts)
        return log_e if self.bake is None or plan is None else log_e | self.bake.log_e(plan)

    def _outdone(
        self, total: NDArray[np.float64], log_e: dict[str, float], *, wanted: bool
    ) -> bool:
        """Whether the canary is shown to have more errors than the baseline, beyond the margin."""
        canary, baseline, margin = total[:2], total[2:4], self.setting.margin
        if wanted:  # what happens is good, and what does not happen is the error
            canary, baseline = beside.others(canary), beside.others(baseline)
            return beside.plainly_more_errors(
                canary, baseline, margin, self.setting.metric.clumps
            ) or (beside.more_errors(canary, baseline, margin) and self._harmed(log_e))
        acting = {n: rule for n, rule in self.rules.items() if rule.trigger.action != "report"}
        rates = [n for n, rule in acting.items() if rule.condition == "error_rate"]
        if any(self._shown(f"{name}.beyond", log_e) for name in rates):
            return True
        clumps = self.setting.metric.clumps
        if beside.plainly_more_errors(canary, baseline, margin, clumps):
            return True
        return beside.more_errors(canary, baseline, margin) and (
            any(self._shown(f"{name}.worse", log_e) for name in rates) or self._harmed(log_e)
        )

    @property
    def questions(self) -> Hashable:
        """What the tests ask; where it is equal they can stand in one state."""
        return self.design.tests, self.design.clumps

    def advance(
        self,
        tests: CountsState,
        canary: NDArray[np.float64],
        baseline: NDArray[np.float64],
        tick: Tick,
    ) -> CountsState:
        """One tick of K rows of tests."""
        unasked, strata = self._unasked(tick.at), segments.strata_of(self.setting, tick)
        dating = self.gathers("error_rate.worse", tick.at)
        return self.design.step(
            tests, canary, baseline, tick.share, tick.at, strata, unasked=unasked, dating=dating
        )

    def _unasked(self, at: float) -> set[str]:
        """The claims that gather no evidence at a tick."""
        claims = (test.claim for test in self.design.tests)
        return {claim for claim in claims if not self.gathers(claim, at)}

    def weighed(self, tests: CountsState) -> dict[str, NDArray[np.float64]]:
        """The log e-value of every claim, shape (K,) each."""
        return self.design.log_e(tests)

    def _window(self, rule: str) -> str:
        """The window a rule reads: rules of one span share it."""
        side = "canary" if self.rules[rule].condition in JUDGED_ALONE else "both"
        return f"{side} {self.rules[rule].trigger.window:g}"

    def _advance(
        self, windows: dict[str, Trailing], tick: Tick, compared: NDArray[np.float64] | None
    ) -> dict[str, Trailing]:
        if not windows:
            return windows
        advanced = dict(windows)
        strata = None if compared is None else segments.strata_of(self.setting, tick)
        both, others = segments.beside_each_other(tick, compared, strata)
        for key, window in windows.items():
            side, span = key.split()
            if side == "canary":
                row = np.concatenate([tick.canary, others])
                advanced[key] = trailing.push(window, tick.at, row, float(span))
            elif compared is not None:
                advanced[key] = trailing.push(window, tick.at, both, float(span))
        return advanced

    def _step_rule(
        self,
        name: str,
        state: RuleState,
        total: NDArray[np.float64],
        log_e: dict[str, float],
        at: float,
    ) -> RuleState:
        canary, baseline = total[:2], total[2:4]

        condition = self.rules[name].condition

        def look(threshold: float, side: NDArray[np.float64] = canary) -> literal.Look:
            if condition == "error_rate":
                return literal.error_rate(canary, baseline, threshold)
            if condition == "success_rate":
                return literal.success_rate(side, threshold)
            if condition == "throughput":
                return literal.throughput(float(total[5]), float(total[4]), threshold)
            return literal.share(side, threshold, above=condition != "share_below")

        worse, beyond = self.claims(name)
        return self.rules[name].step(
            state,
            at,
            look,
            worse=self._shown(worse, log_e),
            beyond=beyond is not None and self._shown(beyond, log_e),
            beside=partial(look, side=baseline) if condition in JUDGED_ALONE else None,
            outdone=lambda: self._outdone(total, log_e, wanted=condition == "share_below"),
        )

    def claims(self, name: str) -> tuple[str, str | None]:
        """What must be shown for a rule to fire sustained, and decisively."""
        rule = self.rules[name]
        worse, beyond = CLAIMS[rule.condition]
        trigger = rule.trigger.name
        return f"{trigger}.{worse}", None if beyond is None else f"{trigger}.{beyond}"

    def _shown(self, claim: str, log_e: dict[str, float]) -> bool:
        return claim in log_e and reached(log_e[claim], self.levels.get(claim))

    def onset(self, state: CountsFoldState, rule: str) -> float | None:
        """Unix seconds since when the evidence behind a rule has only grown."""
        worse, beyond = self.claims(rule)
        return self.design.onset(self.tests(state), beyond or worse)

    def began(self, state: CountsFoldState, rule: str) -> Began | None:
        """Since when the canary has had more errors, where that is what the rule is about."""
        metric = self.setting.metric
        if rule == HARM[0]:
            dated = metric.harmful == "increase"
        else:
            dated = self.rules[rule].condition in DATED
        return onset.began(self.tests(state).began) if dated else None

    def together(self, state: CountsFoldState, rule: str, at: float) -> Together:
        """Whether both arms changed together, where the rule compares them."""
        held = self.rules.get(rule)
        if rule != HARM[0] and (held is None or held.condition not in together.COMPARED):
            return Together(shared=False, said="")
        seen = None if held is None else held.kept(state.windows[self._window(rule)]).total[:4]
        return together.of_counts(self.setting, state.past, rule, at, seen)

    def moved(self, state: CountsFoldState, at: float) -> str:
        """That the baseline alone got worse lately."""
        return together.alone(self.setting, state.past, own_past.RISE, together.TOLD_LEVEL, at)

    def harm(self, state: CountsFoldState) -> tuple[bool, float | None]:
        """Whether the metric's own test shows harm beyond its margin, and since when."""
        log_e = self._weights(state.counts, state.plan)
        names = [claim for claim in log_e if claim in HARM]
        if not names:
            return False, None
        if not self._harmed(log_e):
            return False, None
        loudest = max(names, key=lambda claim: log_e[claim])
        return True, self.design.onset(self.tests(state), loudest)

    def _harmed(self, log_e: dict[str, float]) -> bool:
        values = [log_e[claim] for claim in log_e if claim.startswith("harm")]
        return bool(values) and reached(mean_of(values), self.levels.get("harm"))

    def _levels(self) -> dict[str, float]:
        """The level of every claim that has one."""
        levels = self.levels | dict.fromkeys(self._proven, self.setting.proof_level)
        levels |= dict.fromkeys(SPLIT, self.setting.policy.error_budget.split / 2)
        if "harm" in self.levels:
            levels |= dict.fromkeys(HARM[1:], self.levels["harm"] / 2)  # two directions, averaged
        return levels

    def evidence(self, state: CountsFoldState) -> list[Evidence]:
        """What has been found."""
        seen = state.presence.seen(has_baseline=True)
        within = state.segments.totals if state.segments.names else None
        found = self.design.evidence(self.tests(state), self._levels(), within=within)
        found = [self._aimed(e) for e in found]
        if self.bake is not None and state.plan is not None:
            found = [self.bake.told(state.plan, evidence) for evidence in found]
        found += segments.of_counts(self.setting.metric.name, state.segments)
        return [evidence.model_copy(update={"seen": seen}) for evidence in found] if seen else found

    def _aimed(self, evidence: Evidence) -> Evidence:
        """Evidence on the target, which names the target and not where its tolerance ends."""
        target = self.setting.metric.target
        if target is None or evidence.claim != TARGET:
            return evidence
        return evidence.model_copy(update={"reference": target.aim, "margin": target.tolerance})

    def proofs(self, state: CountsFoldState) -> list[Proof]:
        """What promotion needs to be shown, and whether it is."""
        log_e, level = self._weights(state.counts, state.plan), self.setting.proof_level
        name = self.setting.metric.name
        found = []
        rates = [claim for claim in log_e if claim in NOT_WORSE]
        if rates:
            tried = rates + (["low_enough"] if "low_enough" in log_e else [])
            best, alone = nearest(log_e, tried)
            detail, about = self.progress(state, log_e, tried), f"{name} not worse"
            found.append(Proof.by_evidence(about, best, level, detail, from_start=alone))
        for claim in self._proven[len(NOT_WORSE) + 1 :]:
            if claim in log_e and (claim == TARGET or self._weighs_traffic(state)):
                about = f"{name} meets its target" if claim == TARGET else "throughput not lower"
                detail = self.progress(state, log_e, [claim])
                best, alone = nearest(log_e, [claim])
                found.append(Proof.by_evidence(about, best, level, detail, from_start=alone))
        return found + self.unread_proofs(state)

    def progress(self, state: CountsFoldState, log_e: dict[str, float], claims: list[str]) -> str:
        """How far the best of some claims has come."""
        if self.bake is not None and state.plan is not None:
            planned = [claim for claim in claims if claim in self.bake.claims]
            if planned:
                return self.bake.progress(state.plan, planned)
        best, _ = nearest(log_e, claims)
        return so_far(best, self.setting.proof_level)

    def readings(self, state: CountsFoldState) -> list[Reading]:
        """What the rules see."""
        found = super().readings(state)
        if self._weighs_traffic(state):
            return found
        return [reading for reading in found if reading.rule != "throughput"]

    def _weighs_traffic(self, state: CountsFoldState) -> bool:
        """Whether throughput is judged: where no traffic is divided, only once a share is given."""
        if not self.setting.policy.undivided:
            return True
        weighing = [name for name, rule in self.rules.items() if rule.condition == "throughput"]
        return any(state.rules[name].evaluated for name in weighing)

    def split_is_off(self, state: CountsFoldState) -> bool:
        """Whether the traffic is shown not to be divided as designed."""
        log_e = self.log_e(state.counts)
        level = self.setting.policy.error_budget.split / 2
        return any(reached(log_e[claim], level) for claim in SPLIT if claim in log_e)

    def samples(self, state: CountsFoldState) -> int:
        """Canary requests so far."""
        return round(float(self.tests(state).alone[0, EXPOSURE]))


JUDGED_ALONE = {"success_rate", "error_rate_absolute", "share_above", "share_below"}
BESIDE = ("canary_events", "canary_exposure", "baseline_events", "baseline_exposure")
COMPARED = (*BESIDE, "designed_exposure", "carried_exposure")
DATED = {"error_rate", "error_rate_absolute", "success_rate"}  # more errors than the baseline
HARM = ("harm", "harm.up", "harm.down")
NOT_WORSE = ("not_worse", "not_worse.up", "not_worse.down")
SPLIT = ("split.high", "split.low")
CLAIMS: dict[str, tuple[str, str | None]] = {
    "error_rate": ("worse", "beyond"),
    "error_rate_absolute": ("absolute", None),
    "success_rate": ("below", None),
    "throughput": ("worse", "beyond"),
    "share_above": ("above", None),
    "share_below": ("below", None),
}
