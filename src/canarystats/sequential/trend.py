"""Whether a gauge's slope is shown to stay on one side of a constant, at any number of looks.

The gauge is the mean of the canary's pods, or that less the mean of the baseline's, which takes out
what both share. Its slope is that of the best straight line through all ticks so far. What the
noise remembers of its past is dealt with as for a gauge's level (`sequential.gauge`): with enough
history every tick counts, weighed by the long-run variance, raised for safety and for
restlessness; otherwise batches do, of three autocorrelation times of the history, or of a fixed
length.

Hypothesis: the slope is at least the constant (asked to stay below it), or at most (above it).
Assumes a straight line and stationary noise. What breaks it: a process that begins high and falls
while it settles hides growth until the line has forgotten it, so its warm-up must not be watched; a
restart is such a fall; noise that wanders as a random walk errs more often than it says; without
history so does noise that remembers longer than a third of a batch.

References
----------
See `kernels.slope` and `sequential.noise`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.kernels import normal_mixture, slope
from canarystats.kernels.slope import Line
from canarystats.sequential import noise
from canarystats.sequential.noise import Noise

FloatArray = NDArray[np.float64]

SECONDS_PER_HOUR = 3600.0
INTERVAL_LEVEL = 0.95
FEWEST_BATCHES = 7  # one more than a level needs: a line has one number more
TUNED_TICKS = 480  # two hours of 15 s, after which the intervals are narrowest for their length
TUNED_BATCHES = 12  # so few that the first ones that may show anything can


@dataclass(frozen=True, slots=True, eq=False)
class TrendState:
    """What is remembered of one gauge.

    Parameters
    ----------
    noise
        What the history taught, of one row.
    began
        Unix seconds of the first tick; None before.
    ticks, batches
        The lines through every tick, and through the means of the finished batches; times in hours
        since the first tick.
    last, changes
        The last value, and the sum of `Noise.bounded` changes.
    batch
        Ticks of the running batch so far, and the sums of their times and values.
    """

    noise: Noise
    began: float | None = None
    ticks: Line = field(default_factory=Line)
    batches: Line = field(default_factory=Line)
    last: float | None = None
    changes: float = 0.0
    batch: tuple[float, ...] = (0.0, 0.0, 0.0)


class Trend:
    """A design: one question to the slope of one gauge.

    Parameters
    ----------
    metric
        The metric's name.
    edge
        The constant, in the gauge's unit an hour.
    below
        Whether the slope is to be shown below it, or above.
    interval
        Seconds between ticks.
    batch
        Ticks in a batch where there is no history.
    beside
        Whether the baseline is taken off.
    """

    def __init__(
        self,
        metric: str,
        *,
        edge: float,
        below: bool,
        interval: float,
        batch: int,
        beside: bool,
    ) -> None:
        self.metric, self.edge, self.beside, self.batch = metric, edge, beside, batch
        self._sign = -1.0 if below else 1.0
        self._tick = interval / SECONDS_PER_HOUR
        self._by_ticks = _precision(self._tick, TUNED_TICKS)

    def begin(self, history: tuple[FloatArray, FloatArray | None] | None = None) -> TrendState:
        """The state before the first tick; ``history`` as in `Gauge.begin`, of one gauge."""
        if history is None:
            return TrendState(noise.unknown(1))
        return TrendState(noise.learn(*history) if self.beside else noise.learn_level(history[0]))

    def step(
        self, state: TrendState, canary: FloatArray, baseline: FloatArray | None, at: float
    ) -> TrendState:
        """One tick.

        Parameters
        ----------
        state
            From `begin` or the tick before.
        canary, baseline
            Shape (pods,), in the metric's unit; NaN is a missed scrape. The baseline is read where
            it is taken off.
        at
            Unix seconds.
        """
        value, pods = _mean(canary)
        if self.beside:
            other, others = _mean(baseline)
            value, pods = value - other, pods + others
        if not math.isfinite(value):
            return state
        share = max(pods / float(state.noise.pods[0]), 1.0)
        began = at if state.began is None else state.began
        hours = (at - began) / SECONDS_PER_HOUR
        change = 0.0 if state.last is None else value - state.last
        bounded = float(state.noise.bounded(np.array([change / math.sqrt(share)]))[0])
        n, times, values = state.batch
        batch, batches = (n + 1.0, times + hours, values + value), state.batches
        if batch[0] >= float(state.noise.batch(self.batch)[0]):
            batches = batches.through(batch[1] / batch[0], batch[2] / batch[0])
            batch = (0.0, 0.0, 0.0)
        return TrendState(
            state.noise,
            began,
            state.ticks.through(hours, value, share),
            batches,
            value,
            state.changes + bounded,
            batch,
        )

    def log_e(self, state: TrendState) -> float:
        """The log e-value that the slope is on its side of the edge."""
        if state.noise.trusted[0]:
            line, variance = state.ticks, self._variance(state)
            if not line.tt > 0:
                return 0.0
            total = self._sign * (line.ty - self.edge * line.tt) / math.sqrt(variance)
            weighed = normal_mixture.log_e_value(
                np.array(total), np.array(line.spent), self._by_ticks, one_sided=True
            )
            return float(weighed) if np.isfinite(weighed) else 0.0
        line = state.batches
        mirrored = line if self._sign > 0 else replace(line, ty=-line.ty)
        found = slope.log_e_above(mirrored, self._sign * self.edge, self._g(state))
        if not math.isfinite(found):
            return 0.0
        return min(found, 0.0) if line.points < FEWEST_BATCHES else found

    def _variance(self, state: TrendState) -> float:
        """Long-run variance of a tick: the history's, raised."""
        restless = self._restless(state)
        return float((state.noise.variance * np.maximum(state.noise.safety, restless))[0])

    def _restless(self, state: TrendState) -> FloatArray:
        ticks, changes = np.array([float(state.ticks.points)]), np.array([state.changes])
        return state.noise.restlessness(ticks, changes)

    def _g(self, state: TrendState) -> float:
        """The prior's precision for lines through batches."""
        apart = self._tick * float(state.noise.batch(self.batch)[0])
        return _precision(apart, TUNED_BATCHES)

    def slope(self, state: TrendState) -> float:
        """The slope so far, in the metric's unit an hour."""
        return (state.ticks if state.noise.trusted[0] else state.batches).slope

    def gathered(self, state: TrendState) -> str:
        """How much has been seen, in words."""
        if state.noise.trusted[0]:
            return f"{state.ticks.points} ticks weighed by their history"
        return f"{state.batches.points} batches"

    def evidence(self, state: TrendState, aim: float, level: float | None) -> Evidence:
        """What has been found; figures in the metric's unit an hour."""
        trusted = bool(state.noise.trusted[0])
        line = state.ticks if trusted else state.batches
        restless = self._restless(state)
        shown: dict[str, object] = {"status": Status.NO_DATA}
        if state.ticks.points:
            observed, half = line.slope, self._half(state)
            shown = {"effect_scale": "per_hour", "n_effective": float(state.batches.points)}
            if trusted:
                shown["n_effective"] = state.ticks.points / float(state.noise.time[0])
            if line.points < (2 if trusted else FEWEST_BATCHES):
                shown |= {
                    "status": Status.INSUFFICIENT,
                    "detail": f"{state.batches.points} of the {FEWEST_BATCHES} batches of "
                    f"{int(state.noise.batch(self.batch)[0])} ticks a slope takes",
                }
            if line.tt > 0:
                effect, finite = observed - aim, math.isfinite(half)
                ends = (effect - half, effect + half) if finite else (None, None)
                shown |= {
                    "observed": observed,
                    "reference": aim,
                    "effect": effect,
                    "interval": Interval(low=ends[0], high=ends[1], level=INTERVAL_LEVEL),
                }
        return Evidence(
            metric=self.metric,
            method="sequential.trend",
            question=Question.NOT_WORSE,
            n_canary=state.ticks.points,
            n_baseline=state.ticks.points if self.beside else 0,
            log_e_value=self.log_e(state),
            level=level,
            margin=abs(self.edge - aim),
            assumptions=(*noise.told(state.noise, self.batch, restless, 0), ASSUMES_A_LINE),
            **shown,
        )

    def _half(self, state: TrendState) -> float:
        if not state.noise.trusted[0]:
            return slope.half_width(state.batches, self._g(state), INTERVAL_LEVEL)
        line = state.ticks
        if not line.tt > 0:
            return math.inf
        tuned = normal_mixture.half_width(
            np.array(line.tt), np.array(line.spent), self._by_ticks, INTERVAL_LEVEL
        )
        return float(tuned) * math.sqrt(self._variance(state))


def _precision(apart: float, points: int) -> float:
    """The precision that is best after so many points, so many hours apart."""
    spread = apart * apart * points * (points * points - 1.0) / 12.0
    return normal_mixture.precision(spread, INTERVAL_LEVEL, one_sided=True)


ASSUMES_A_LINE = "a straight line and stationary noise: what settles at first is not watched"


def _mean(pods: FloatArray | None) -> tuple[float, float]:
    """The mean of the pods that have a finite value, and one over their number."""
    if pods is None:
        return math.nan, 1.0
    (mean,), (count,) = (each for each in noise.pod_mean(pods[None]))
    return float(mean), 1.0 / max(float(count), 1.0)
