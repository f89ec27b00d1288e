"""Gauges at any number of looks, from paired differences averaged over batches.

Canary and baseline are differenced at equal times, so that what moves both drops out; batches of
consecutive ticks are averaged, so that what one tick remembers of the last is averaged away; the
batch means are tested by the anytime-valid t-test. Without history the batch length is fixed, and
a series that remembers longer than a third of a batch makes the test err more often than it says.
At least seven batches are needed before it can say anything.

Hypotheses: the mean of ``canary - baseline`` is at most ``margin`` times the baseline's level
(*worse*), or at least ``allowed`` times it (*not worse*); signs turn for a harmful decrease.

References
----------
Lindon, Ham, Tingley & Bojinov (2022), Anytime-valid linear models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.kernels import student

if TYPE_CHECKING:
    from collections.abc import Mapping

FloatArray = NDArray[np.float64]
INTERVAL_LEVEL = 0.95
FEWEST_BATCHES = 7
ASSUMES = (
    "batch means are independent and near normal: the series forgets within a third of a batch"
)


@dataclass(frozen=True, slots=True, eq=False)
class GaugeState:
    """Sums of the running batch and moments of the finished ones.

    Rows: worse upwards, worse downwards, not worse upwards, not worse downwards, plain difference.
    ``level`` holds the sums of the canary's and the baseline's values.
    """

    batch: FloatArray
    in_batch: int
    batches: int
    mean: FloatArray
    squares: FloatArray
    level: FloatArray
    ticks: int


class Gauge:
    """A design: the questions put to one gauge.

    Parameters
    ----------
    metric
        The metric's name.
    harmful
        The direction that hurts.
    margin, allowed
        Relative differences: what never counts, and what promotion allows.
    batch
        Ticks in a batch.
    """

    def __init__(
        self,
        metric: str,
        *,
        harmful: Literal["increase", "decrease", "either"],
        margin: float,
        allowed: float,
        batch: int,
    ) -> None:
        self.metric, self.harmful = metric, harmful
        self.margin, self.allowed, self.batch = margin, allowed, batch
        up, down = harmful != "decrease", harmful != "increase"
        self._directions = np.array([up, down])

    def begin(self) -> GaugeState:
        """The state before the first tick."""
        zero = np.zeros(5)
        return GaugeState(zero, 0, 0, zero, zero, np.zeros(2), 0)

    def step(self, state: GaugeState, canary: float, baseline: float) -> GaugeState:
        """One tick: the two values, in the metric's unit."""
        difference, size = canary - baseline, abs(baseline)
        row = np.array(
            [
                difference - self.margin * size,
                -difference - self.margin * size,
                self.allowed * size - difference,
                self.allowed * size + difference,
                difference,
            ]
        )
        with np.errstate(over="ignore", invalid="ignore"):
            return self._added(state, row, canary, baseline)

    def _added(
        self, state: GaugeState, row: FloatArray, canary: float, baseline: float
    ) -> GaugeState:
        batch, in_batch = state.batch + row, state.in_batch + 1
        level = state.level + np.array([canary, baseline])
        batches, mean, squares = state.batches, state.mean, state.squares
        if in_batch == self.batch:
            value = batch / in_batch
            batches += 1
            off = value - mean
            mean = mean + off / batches
            squares = squares + off * (value - mean)
            batch, in_batch = np.zeros(5), 0
        return GaugeState(batch, in_batch, batches, mean, squares, level, state.ticks + 1)

    def log_e(self, state: GaugeState) -> dict[str, float]:
        """The log e-value of each question."""
        n = state.batches
        if n < 2:
            return {"worse": 0.0, "not_worse": 0.0}
        if not np.isfinite(state.squares).all():
            return {"worse": 0.0, "not_worse": 0.0}
        two_sided = student.log_e_value(n, state.mean, state.squares / (n - 1))
        # Counted only on the side the mean lies on; the other side keeps what it cannot claim.
        one_sided = np.where(state.mean > 0, two_sided, np.minimum(two_sided, 0.0))
        worse, not_worse = one_sided[:2][self._directions], one_sided[2:4][self._directions]
        top = float(worse.max())
        return {
            "worse": top + math.log(float(np.exp(worse - top).mean())),
            "not_worse": float(not_worse.min()),
        }

    def evidence(self, state: GaugeState, levels: Mapping[str, float]) -> list[Evidence]:
        """What each question has been answered so far; ``levels`` by question."""
        log_e, shown = self.log_e(state), self._effect(state)
        return [
            Evidence(
                metric=self.metric,
                method="sequential.gauge",
                question=Question(question),
                claim=question,
                n_canary=state.ticks,
                n_baseline=state.ticks,
                n_effective=float(state.batches),
                log_e_value=log_e[question],
                level=levels.get(question),
                margin=margin,
                assumptions=(ASSUMES,),
                **shown,
            )
            for question, margin in (("worse", self.margin), ("not_worse", self.allowed))
        ]

    def _effect(self, state: GaugeState) -> dict[str, object]:
        if not state.ticks:
            return {"status": Status.NO_DATA}
        canary, baseline = (state.level / state.ticks).tolist()
        if not math.isfinite(canary - baseline):
            return {"status": Status.NOT_EVALUABLE, "detail": "values too large to average"}
        shown: dict[str, object] = {"observed": canary, "reference": baseline}
        shown["effect_scale"] = "difference"
        shown["effect"] = canary - baseline
        if state.batches >= 2:
            variance = state.squares[4:] / (state.batches - 1)
            half = float(student.half_width(state.batches, variance, INTERVAL_LEVEL)[0])
            centre = float(state.mean[4])
            ends = (centre - half, centre + half) if math.isfinite(half) else (None, None)
            shown["interval"] = Interval(low=ends[0], high=ends[1], level=INTERVAL_LEVEL)
        if state.batches < FEWEST_BATCHES:
            shown["status"] = Status.INSUFFICIENT
            shown["detail"] = (
                f"{state.batches} of the {FEWEST_BATCHES} batches of {self.batch} ticks it takes "
                "without history"
            )
        return shown
