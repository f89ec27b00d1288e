"""Since when a metric is worse: e-detectors, which start anew at every tick.

A leak, a cold cache that never warms or a later stage makes a canary worse in mid-rollout. An
e-process from the first tick then has a long healthy past to pay back; a detector has not, and the
tick at which it last started anew is when the change began.

What a detector promises is an average run length: on a healthy metric the first alarm comes after
at least A ticks in the mean. It alarms sooner or later on every healthy metric that is watched
long enough, so its alarms spend nothing of the error budget and must not roll back: they inform.
What decides is the e-processes of the budget; those for counts average over the onset as well
(`kernels.mixture`), which finds a late change without giving up the error bound.

References
----------
Shin, Ramdas & Rinaldo (2024), E-detectors: a nonparametric framework for sequential change
detection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.durations import format_duration
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels import detectors
from canarystats.kernels.combination import log_mean

FloatArray = NDArray[np.float64]
Form = Literal["cusum", "shiryaev_roberts"]


class Change(NamedTuple):
    """A change that a detector sees.

    Parameters
    ----------
    onset
        Unix seconds of the tick at which it began, as far as can be told.
    alarmed
        Unix seconds of the first alarm about it.
    """

    onset: float
    alarmed: float


@dataclass(frozen=True, slots=True, eq=False)
class RestartState:
    """Where the detectors of K metrics stand.

    Parameters
    ----------
    cusum, shiryaev_roberts
        Shape (K, g): log values for each alternative.
    since
        Shape (K, g): Unix seconds of the tick at which e-CUSUM last started anew; NaN before any.
    alarmed
        Shape (K,): Unix seconds of the first alarm since the detector was last down; NaN without.
    at
        Shape (K,): Unix seconds of the last tick read; NaN before any.
    """

    cusum: FloatArray
    shiryaev_roberts: FloatArray
    since: FloatArray
    alarmed: FloatArray
    at: FloatArray


class Restart:
    """A design: one detector of a change for each of K metrics, over a grid of alternatives.

    Hypothesis: nothing ever changes. Assumes increments of e-processes: exponentials of the gains
    that have a null expectation of at most 1 given the past. What breaks the e-process that the
    gains belong to, such as bursts or autocorrelation it does not know, breaks the run length.

    Parameters
    ----------
    metric
        The metric's name.
    alternatives
        Size g of the grid.
    average_run_length
        Ticks to the first alarm on a healthy metric, at least, in the mean; above 1. 5000 ticks of
        15 s are 21 hours.
    form
        What alarms: ``cusum``, or ``shiryaev_roberts``, which is sooner after a long past and as
        good as that much more often wrong.

    Raises
    ------
    InputError
        If a setting is out of its range.
    """

    def __init__(
        self,
        metric: str,
        alternatives: int,
        *,
        average_run_length: float = 5000.0,
        form: Form = "cusum",
    ) -> None:
        if alternatives < 1:
            msg = f"alternatives is {alternatives!r}; it must be at least 1"
            raise InputError(msg)
        if not 1.0 < average_run_length < math.inf:
            msg = f"average_run_length is {average_run_length!r}; it must be above 1 tick"
            raise InputError(msg)
        if form not in {"cusum", "shiryaev_roberts"}:
            msg = f"form is {form!r}; it must be 'cusum' or 'shiryaev_roberts'"
            raise InputError(msg)
        self.metric, self.alternatives = metric, alternatives
        self.average_run_length, self.form = average_run_length, form

    def begin(self, size: int = 1) -> RestartState:
        """The state of ``size`` metrics before the first tick."""
        grid, unknown = (size, self.alternatives), np.full(size, np.nan)
        return RestartState(
            np.zeros(grid), np.full(grid, -np.inf), np.full(grid, np.nan), unknown, unknown
        )

    def step(self, state: RestartState, gain: FloatArray, at: float) -> RestartState:
        """One tick.

        Parameters
        ----------
        state
            From `begin` or the tick before.
        gain
            Shape (K, g): the tick's log increments for each alternative, such as those of
            `kernels.detectors`; a row with NaN is a missed tick and leaves its state as it is.
        at
            Unix seconds.
        """
        missed: NDArray[np.bool_] = np.isnan(gain.sum(axis=1))
        keep, known = missed[:, None], np.where(missed[:, None], 0.0, gain)
        since = np.where(state.cusum <= 0, at, state.since)
        summed = detectors.cusum(state.cusum, known)
        mixed = detectors.shiryaev_roberts(state.shiryaev_roberts, known)
        moved = RestartState(
            np.where(keep, state.cusum, summed),
            np.where(keep, state.shiryaev_roberts, mixed),
            np.where(keep, state.since, since),
            state.alarmed,
            np.where(missed, state.at, at),
        )
        value = self.log_value(moved)
        high = (value >= math.log(self.average_run_length)) & ~missed
        alarmed = np.where(high & np.isnan(state.alarmed), at, state.alarmed)
        return RestartState(
            moved.cusum,
            moved.shiryaev_roberts,
            moved.since,
            np.where(value <= 0, np.nan, alarmed),
            moved.at,
        )

    def log_value(self, state: RestartState) -> FloatArray:
        """Logarithm of the detectors, shape (K,); an alarm is a value of ln(run length)."""
        grid = state.cusum if self.form == "cusum" else state.shiryaev_roberts
        return log_mean(grid.T)

    def onset(self, state: RestartState) -> FloatArray:
        """Unix seconds since when the loudest alternative has gathered, shape (K,).

        The likeliest time of a change, if there was one; NaN before the first tick.
        """
        loudest = state.cusum.argmax(axis=1)[:, None]
        began: FloatArray = np.take_along_axis(state.since, loudest, axis=1)[:, 0]
        return began

    def change(self, state: RestartState, row: int = 0) -> Change | None:
        """The change that a metric's detector alarms about, until the detector is down again."""
        alarmed = float(state.alarmed[row])
        return None if math.isnan(alarmed) else Change(float(self.onset(state)[row]), alarmed)

    def evidence(self, state: RestartState, row: int = 0) -> Evidence:
        """What a metric's detector shows; it has no level, so it never decides."""
        seen, at = self.change(state, row), float(state.at[row])
        detail = "no change seen"
        if seen is not None:
            ago = format_duration(round(at - seen.onset))
            detail = f"a change began about {ago} before the last tick"
        value = math.exp(min(float(self.log_value(state)[row]), 700.0))
        return Evidence(
            metric=self.metric,
            method="sequential.restart",
            question=Question.WORSE,
            status=Status.NO_DATA if math.isnan(at) else Status.OK,
            effect=None if math.isnan(at) else value,
            effect_scale="run length",
            margin=self.average_run_length,
            assumptions=(
                f"one false alarm in at least {self.average_run_length:g} ticks, not a level",
            ),
            detail=detail,
        )
