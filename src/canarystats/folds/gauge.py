"""A gauge, tick by tick: compared with its twin by pod means, with its limit by the worst pod."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from canarystats.folds.fold import TickFold
from canarystats.folds.presence import Presence
from canarystats.folds.rule import RuleState
from canarystats.folds.setting import Proof, Setting, Tick, reached
from canarystats.sequential.gauge import Gauge, GaugeState
from canarystats.triggers import literal
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.evidence import Evidence
    from canarystats.windows import Pair


@dataclass(frozen=True, slots=True, eq=False)
class GaugeFoldState:
    """Everything remembered of a gauge; ``onset`` is when its batches began to look worse."""

    gauge: GaugeState
    rules: dict[str, RuleState]
    presence: Presence = field(default_factory=Presence)
    lowest: float = 0.0
    onset: float | None = None


class GaugeFold(TickFold[GaugeFoldState]):
    """A design: one gauge under a policy."""

    kind = Kind.GAUGE
    state_type = GaugeFoldState

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        metric = setting.metric
        self.design = Gauge(
            metric.name,
            harmful=metric.harmful,
            margin=setting.margin,
            allowed=setting.margin if metric.non_inferiority is None else metric.non_inferiority,
            batch=metric.batch,
        )

    def begin(self, history: Pair | None = None) -> GaugeFoldState:  # noqa: ARG002
        """The state before the first tick."""
        return GaugeFoldState(self.design.begin(), self.no_rules())

    def step(self, state: GaugeFoldState, tick: Tick) -> GaugeFoldState:
        """One tick."""
        canary, baseline = _pod_mean(tick.canary), _pod_mean(tick.baseline)
        infinite = _has_infinity(tick.canary) or _has_infinity(tick.baseline)
        presence = state.presence.tick(
            tick.at, canary=canary is not None, baseline=baseline is not None, infinite=infinite
        )
        gauge, lowest, onset = state.gauge, state.lowest, state.onset
        compares = tick.comparing and self.setting.metric.compare
        if compares and canary is not None and baseline is not None:
            gauge = self.design.step(gauge, canary, baseline)
            log_e = self.design.log_e(gauge)["worse"]
            lower = log_e <= lowest
            onset = None if lower else tick.at if onset is None else onset
            lowest = min(log_e, lowest)
        rules = {
            name: rule.step(
                state.rules[name],
                tick.at,
                lambda threshold: (
                    literal.memory(tick.canary, tick.limit, threshold)
                    if canary is not None
                    else literal.Look(None)
                ),
            )
            for name, rule in self.rules.items()
        }
        return GaugeFoldState(gauge, rules, presence, lowest, onset)

    def onset(self, state: GaugeFoldState, rule: str) -> float | None:  # noqa: ARG002
        """None: its rule reads a limit, not the evidence."""
        return None

    def harm(self, state: GaugeFoldState) -> tuple[bool, float | None]:
        """Whether the metric's own test shows harm beyond its margin, and since when."""
        if self.setting.policy.looks == "one":
            return False, None  # the single look spends the level; nothing else may
        log_e = self.design.log_e(state.gauge)["worse"]
        return reached(log_e, self.levels.get("harm")), state.onset

    def evidence(self, state: GaugeFoldState) -> list[Evidence]:
        """What has been found."""
        if not self.setting.metric.compare:
            return []
        levels = {"not_worse": self.setting.proof_level}
        if "harm" in self.levels:
            levels["worse"] = self.levels["harm"]
        seen = state.presence.seen(has_baseline=True)
        found = self.design.evidence(state.gauge, levels)
        return [evidence.model_copy(update={"seen": seen}) for evidence in found]

    def proofs(self, state: GaugeFoldState) -> list[Proof]:
        """What promotion needs to be shown, and whether it is."""
        name, found = self.setting.metric.name, list[Proof]()
        if self.setting.metric.compare:
            log_e, level = self.design.log_e(state.gauge)["not_worse"], self.setting.proof_level
            detail = f"{state.gauge.batches} batches, e-value {math.exp(min(log_e, 700.0)):.3g}"
            detail += f" of {1.0 / level:.3g}"
            found.append(Proof(f"{name} not worse", reached(log_e, level), detail))
        for rule, trigger in self.rules.items():
            seen = state.rules[rule]
            if not seen.evaluated:
                detail = seen.detail or "no data yet"
                found.append(Proof(f"{trigger.condition} readable", shown=False, detail=detail))
        return found


def _pod_mean(pods: NDArray[np.float64] | None) -> float | None:
    if pods is None:
        return None
    finite = pods[np.isfinite(pods)]
    return float(finite.mean()) if finite.size else None


def _has_infinity(pods: NDArray[np.float64] | None) -> bool:
    return pods is not None and bool(np.isinf(pods).any())
