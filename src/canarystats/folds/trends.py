"""The target of a gauge's slope: that it grows, or falls, by at most so much an hour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from canarystats.folds.setting import Proof, so_far
from canarystats.folds.standards import TARGET, share_of_limit
from canarystats.sequential.trend import Trend, TrendState
from canarystats.triggers import figures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from canarystats.evidence import Evidence
    from canarystats.folds.setting import Setting, Tick

    FloatArray = NDArray[np.float64]


class TrendTarget:
    """A design: the target of one gauge's slope."""

    def __init__(self, setting: Setting, design: Trend, aim: float, *, of_limit: bool) -> None:
        self.name, self.level = setting.metric.name, setting.proof_level
        self.design, self.aim, self.of_limit = design, aim, of_limit
        self.unit = "ratio" if of_limit else setting.metric.unit

    @classmethod
    def of(cls, setting: Setting) -> TrendTarget | None:
        """The metric's target, where it is one of its slope."""
        metric, target = setting.metric, setting.metric.target
        if target is None or target.trend is None:
            return None
        if target.needs_baseline and not metric.compare:
            return None
        design = Trend(
            metric.name,
            edge=target.edge,
            below=target.at_most is not None,
            interval=setting.policy.interval,
            batch=metric.batch,
            beside=target.trend == "difference",
        )
        return cls(setting, design, target.aim, of_limit=target.of == "limit")

    def begin(self, history: tuple[FloatArray, FloatArray | None] | None) -> TrendState:
        """The state before the first tick; ``history`` as in `Gauge.begin`."""
        if history is None or self.of_limit:
            return self.design.begin()
        return self.design.begin((history[0], history[1] if self.design.beside else None))

    def step(self, state: TrendState, tick: Tick) -> TrendState:
        """One tick on which the canary has data."""
        if not tick.comparing:
            return state
        canary = share_of_limit(tick.canary, tick.limit) if self.of_limit else tick.canary
        return self.design.step(state, canary, tick.baseline, tick.at)

    def evidence(self, state: TrendState) -> Evidence:
        """What has been found, in the metric's unit an hour."""
        found = self.design.evidence(state, self.aim, self.level)
        return found.model_copy(update={"claim": TARGET})

    def proof(self, state: TrendState) -> Proof:
        """What promotion needs to be shown.

        It grows with the cube of the time, so how long it takes is not told from how far it is.
        """
        value = self.design.log_e(state)
        slope = figures.quantity(self.design.slope(state), self.unit)
        detail = f"{self.design.gathered(state)}, slope {slope} an hour, "
        detail += so_far(value, self.level)
        shown = value >= -math.log(self.level)
        return Proof(f"{self.name} meets its target", shown=shown, detail=detail)
