"""Gauges at any number of looks, from paired differences.

Canary and baseline are differenced at equal times, so that what moves both drops out. What the
difference remembers of its past is dealt with in one of three ways, chosen once, by how much
history from before the rollout there is:

1. Enough to know the long-run variance: every tick counts, weighed by that variance, raised for
   safety. *Worse* is a mixture over how far and since when the difference drifts, *not worse* a
   one-sided normal mixture over the whole rollout. Where the rollout is more restless from tick to
   tick than its history, the variance is raised in proportion.
2. Enough to know the autocorrelation time: anytime-valid t-tests on batches of three such times.
3. Otherwise: the same on batches of a fixed length. A series that remembers longer than a third of
   a batch then errs more often than it says. Before the sixth batch nothing is shown.

Hypotheses: the mean of ``canary - baseline`` is at most the margin, which is ``margin`` times the
baseline's level or the lasting difference between pods, whichever is larger (*worse*); or it is at
least ``allowed`` times that level (*not worse*). Signs turn for a harmful decrease.

References
----------
Howard, Ramdas, McAuliffe & Sekhon (2021), Annals of Statistics 49:1055-1080; Shin, Ramdas & Rinaldo
(2024), E-detectors; Lindon, Ham, Tingley & Bojinov (2022), Anytime-valid linear models.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.kernels import drift, normal_mixture, student
from canarystats.sequential import gauge_batches, gauge_onset, noise
from canarystats.sequential.gauge_batches import FEWEST_BATCHES
from canarystats.sequential.gauge_state import (
    NOT_WORSE,
    PLAIN,
    WORSE,
    GaugeState,
    only_where,
    start,
    told_by_pods,
)
from canarystats.sequential.gauge_tick import GaugeTick, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canarystats.sequential.noise import Noise
    from canarystats.sequential.onset import Began

FloatArray = NDArray[np.float64]

INTERVAL_LEVEL = 0.95
WINDOW = 960  # ticks of a rollout, four hours of 15 s, a quarter of which the intervals suit best
SHORTEST_TUNING = 50


class Gauge:
    """A design: the questions put to one gauge, or to K of them alike.

    Parameters
    ----------
    metric
        The metric's name.
    harmful
        The direction that hurts.
    margin, allowed
        Relative differences: what never counts, and what promotion allows.
    batch
        Ticks in a batch where there is no history.
    window
        Ticks a rollout is expected to last; sharpens what is shown, changes no error rate.
    pod_difference
        The lasting relative difference of two sides taken for ordinary while nothing shows how far
        single pods differ.
    times
        What the baseline is multiplied with; None where the other side is a number and no
        measurement: it then has no noise and no pods.

    Attributes
    ----------
    stretch
        How many times a difference's variance the one beyond ``margin`` and ``allowed`` has.
    tuned_one_sided
        The precision of the mixture that *not worse* is asked with.
    """

    def __init__(
        self,
        metric: str,
        *,
        harmful: Literal["increase", "decrease", "either"],
        margin: float,
        allowed: float,
        batch: int,
        window: int = WINDOW,
        pod_difference: float = 0.0,
        times: float | None = 1.0,
    ) -> None:
        self.metric, self.harmful, self.pod_difference = metric, harmful, pod_difference
        self.margin, self.allowed, self.batch = margin, allowed, batch
        self._directions = np.array([harmful != "decrease", harmful != "increase"])
        self._signs = np.array([1.0, -1.0])[self._directions]
        # Two sides with independent noise, of which the baseline's counts 1 + margin times.
        self.times = times
        factor = 0.0 if times is None else times
        self.stretch = tuple(0.5 * (1.0 + (factor * (1.0 + m)) ** 2) for m in (margin, allowed))
        if times is None:
            self.stretch = 1.0, 1.0
        tuned = float(max(SHORTEST_TUNING, window // 4))
        self._tuned = normal_mixture.precision(tuned, INTERVAL_LEVEL)
        self.tuned_one_sided = normal_mixture.precision(tuned, INTERVAL_LEVEL, one_sided=True)

    def begin(
        self, size: int = 1, history: tuple[FloatArray, FloatArray | None] | None = None
    ) -> GaugeState:
        """The state before the first tick of ``size`` gauges.

        Parameters
        ----------
        size
            K.
        history
            Canary and baseline before the rollout, both under the old version, shape (K, n, pods);
            or the old version alone and None.
        """
        if history is None:
            learned = noise.unknown(size)
        else:
            one = self.times is None
            learned = noise.learn_level(history[0]) if one else noise.learn(*history)
        return start(learned, len(self._signs))

    def step(
        self, state: GaugeState, canary: FloatArray, baseline: FloatArray, at: float
    ) -> GaugeState:
        """One tick.

        Parameters
        ----------
        state
            From `begin` or the tick before.
        canary, baseline
            Shape (K, pods) each, in the metric's unit; NaN is a missed scrape. A row without any
            value on one side keeps its state.
        at
            Unix seconds.
        """
        tick = self._read(state, canary, baseline)
        after = replace(state, pods=tick.pods, apart=tick.apart)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            stepped = self._stepped(after, tick, at)
        return stepped if tick.seen.all() else only_where(tick.seen, stepped, state)

    def _read(self, state: GaugeState, canary: FloatArray, baseline: FloatArray) -> GaugeTick:
        return read(state, canary, baseline, times=self.times, pod_difference=self.pod_difference)

    def excess(self, state: GaugeState, canary: FloatArray, baseline: FloatArray) -> FloatArray:
        """How far a tick lies beyond the margin in each harmful direction, shape (K, directions).

        In long-run standard deviations of a tick, as the state before it knows them; NaN where a
        side was not read or no history tells them. ``canary`` and ``baseline`` as for `step`.
        """
        tick = self._read(state, canary, baseline)
        difference = tick.canary - tick.baseline
        beyond = self._beyond(difference, np.abs(tick.baseline), tick.lasting)[:, WORSE]
        variance = self._variance(state.noise, state.ticks, state.changes)
        told = tick.seen & state.noise.trusted
        away = _standardised(beyond, variance * tick.share * self.stretch[0])
        return np.where(told[:, None], away, np.nan)[:, self._directions]

    def _stepped(self, state: GaugeState, tick: GaugeTick, at: float) -> GaugeState:
        left, right, share = tick.canary, tick.baseline, tick.share
        beyond = self._beyond(left - right, np.abs(right), tick.lasting)
        ticks, total = state.ticks + 1.0, state.total + beyond
        change = np.where(np.isnan(state.last), 0.0, beyond[:, PLAIN] - state.last)
        changes = state.changes + state.noise.bounded(change / np.sqrt(share))
        mass, log_scale = state.mass, state.log_scale
        if state.noise.trusted.any():
            variance = self._variance(state.noise, ticks, changes) * share * self.stretch[0]
            mass, log_scale = drift.advance(
                mass,
                log_scale,
                state.ticks,
                _standardised(beyond[:, WORSE], variance),
                self.drifts(state.noise),
            )
        batch, in_batch = state.batch + beyond, state.in_batch + 1.0
        full = in_batch >= state.noise.batch(self.batch)
        value = batch / in_batch[:, None]
        batches = state.batches + full
        off = value - state.mean
        mean = state.mean + off / np.maximum(batches, 1.0)[:, None]
        squares = state.squares + off * (value - mean)
        after = replace(
            state,
            ticks=ticks,
            level=state.level + np.stack([left, right], axis=1),
            total=total,
            spent=state.spent + share,
            last=beyond[:, PLAIN],
            changes=changes,
            mass=mass,
            log_scale=log_scale,
            batch=np.where(full[:, None], 0.0, batch),
            in_batch=np.where(full, 0.0, in_batch),
            batches=batches,
            mean=np.where(full[:, None], mean, state.mean),
            squares=np.where(full[:, None], squares, state.squares),
            began=gauge_onset.step(
                state.began, left, right, self._known(state, share), at, self._signs
            ),
        )
        if full.any() and not state.noise.trusted.all():
            after = gauge_batches.with_batch(state, after, value, self.pod_difference)
        return after

    def _beyond(self, difference: FloatArray, level: FloatArray, lasting: FloatArray) -> FloatArray:
        """How far each question's alternative lies above its null at a tick, shape (K, 5)."""
        margin, allowed = np.maximum(self.margin * level, lasting), self.allowed * level
        rows = [
            difference - margin,
            -difference - margin,
            allowed - difference,
            allowed + difference,
            difference,
        ]
        return np.stack(rows, axis=1)

    def _variance(self, learned: Noise, ticks: FloatArray, changes: FloatArray) -> FloatArray:
        """Long-run variance of a tick's difference: the history's, raised; shape (K,)."""
        restless = learned.restlessness(ticks, changes)
        return learned.variance * np.maximum(learned.safety, restless)

    def _known(self, state: GaugeState, share: FloatArray) -> FloatArray:
        """The same from history or else from the batches; infinite while neither tells."""
        by_ticks = self._variance(state.noise, state.ticks, state.changes) * share
        return np.where(state.noise.trusted, by_ticks, gauge_batches.variance(state, self.batch))

    def drifts(self, learned: Noise) -> FloatArray:
        """The alternatives of *worse*, in long-run standard deviations a tick, shape (K, grid)."""
        scale = 2.0 * self.stretch[0] * learned.safety * learned.time
        drifts: FloatArray = drift.SHIFTS / np.sqrt(scale)[:, None]
        return drifts

    def log_e(self, state: GaugeState) -> dict[str, FloatArray]:
        """The log e-value of each question, shape (K,)."""
        trusted: NDArray[np.bool_] = state.noise.trusted
        found = np.zeros((len(trusted), 4))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if not trusted.all():
                found = gauge_batches.log_e_values(state, self.pod_difference)
            if trusted.any():
                found = np.where(trusted[:, None], self._by_ticks(state), found)
        readable = np.isfinite(np.concatenate([state.level, found], axis=1))
        found = np.where(readable.all(axis=1, keepdims=True), found, 0.0)
        worse, not_worse = found[:, WORSE], found[:, NOT_WORSE]
        if not self._directions.all():
            only = int(np.argmax(self._directions))
            return {"worse": worse[:, only], "not_worse": not_worse[:, only]}
        return {
            "worse": np.logaddexp(worse[:, 0], worse[:, 1]) - np.log(2.0),
            "not_worse": not_worse.min(axis=1),
        }

    def _by_ticks(self, state: GaugeState) -> FloatArray:
        worse = drift.log_e_values(state.mass, state.log_scale, state.ticks)
        variance = self._variance(state.noise, state.ticks, state.changes) * self.stretch[1]
        not_worse = normal_mixture.log_e_value(
            _standardised(state.total[:, NOT_WORSE], variance),
            state.spent[:, None],
            self.tuned_one_sided,
            one_sided=True,
        )
        return np.concatenate([worse, not_worse], axis=1)

    def z(self, state: GaugeState) -> tuple[FloatArray, FloatArray]:
        """The z value of each question at one planned look, and its information.

        With enough history the sum of all ticks over its long-run standard deviation; otherwise the
        t statistic of the batches as the z value of the same tail.

        Returns
        -------
        tuple of ndarray
            Shape (K, 4) each: worse upwards, worse downwards, not worse upwards and downwards.
        """
        n = state.batches[:, None] * np.ones(4)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            mean, squares = gauge_batches.of_batches(state, self.pod_difference)
            t = np.where(mean == 0, 0.0, mean * np.sqrt(n * (n - 1.0) / squares))
            z = student.as_z(np.where(n >= FEWEST_BATCHES, t, np.nan), n - 1.0)
            known = self._variance(state.noise, state.ticks, state.changes)[:, None]
            stretch = np.repeat(self.stretch, 2)
            spent = state.spent[:, None] * np.ones(4)
            by_ticks = state.total[:, :PLAIN] / np.sqrt(known * stretch * spent)
        trusted = state.noise.trusted[:, None]
        z, information = np.where(trusted, by_ticks, z), np.where(trusted, spent, n)
        readable = np.isfinite(state.level).all(axis=1, keepdims=True)
        return np.where(readable & np.tile(self._directions, 2), z, np.nan), information

    def gathered(self, state: GaugeState, row: int = 0) -> str:
        """How much has been seen, in words."""
        if state.noise.trusted[row]:
            return f"{int(state.ticks[row])} ticks weighed by their history"
        return f"{int(state.batches[row])} batches"

    def began(self, state: GaugeState, row: int = 0) -> Began | None:
        """The likeliest beginning of a lasting shift in the harmful direction, in Unix seconds."""
        return gauge_onset.began(state.began, row)

    def evidence(
        self, state: GaugeState, levels: Mapping[str, float], row: int = 0
    ) -> list[Evidence]:
        """What each question has been answered so far; ``levels`` by question."""
        log_e, shown = self.log_e(state), self._effect(state, row)
        ticks, n_effective = int(state.ticks[row]), self._n_effective(state, row)
        assumptions = self._assumptions(state, row)
        margins = {"worse": self.margin, "not_worse": self.allowed}
        return [
            Evidence(
                metric=self.metric,
                method="sequential.gauge",
                question=Question(question),
                claim=question,
                n_canary=ticks,
                n_baseline=ticks,
                n_effective=n_effective,
                log_e_value=float(log_e[question][row]),
                level=levels.get(question),
                margin=margin,
                assumptions=assumptions,
                **shown,
            )
            for question, margin in margins.items()
        ]

    def _n_effective(self, state: GaugeState, row: int) -> float:
        if state.noise.trusted[row]:
            return float(state.ticks[row] / state.noise.time[row])
        return float(state.batches[row])

    def _assumptions(self, state: GaugeState, row: int) -> tuple[str, ...]:
        restless = state.noise.restlessness(state.ticks, state.changes)
        return noise.told(state.noise, self.batch, restless, row) + told_by_pods(
            state, row, self.pod_difference
        )

    def _batch(self, state: GaugeState, row: int) -> int:
        return int(state.noise.batch(self.batch)[row])

    def _effect(self, state: GaugeState, row: int) -> dict[str, object]:
        ticks = float(state.ticks[row])
        if not ticks:
            return {"status": Status.NO_DATA}
        canary, baseline = (state.level[row] / ticks).tolist()
        centre, half = self._interval(state, row)
        if not np.isfinite([canary, baseline, canary - baseline, centre]).all():
            return {"status": Status.NOT_EVALUABLE, "detail": "values too large to average"}
        shown: dict[str, object] = {"observed": canary, "reference": baseline}
        shown["effect_scale"] = "difference"
        shown["effect"] = canary - baseline
        trusted = bool(state.noise.trusted[row])
        if trusted or state.batches[row] >= 2:
            ends = (centre - half, centre + half) if np.isfinite(half) else (None, None)
            shown["interval"] = Interval(low=ends[0], high=ends[1], level=INTERVAL_LEVEL)
        if not trusted and state.batches[row] < FEWEST_BATCHES:
            shown["status"] = Status.INSUFFICIENT
            shown["detail"] = (
                f"{int(state.batches[row])} of the {FEWEST_BATCHES} batches of "
                f"{self._batch(state, row)} ticks it takes without longer history"
            )
        return shown

    def _interval(self, state: GaugeState, row: int) -> tuple[float, float]:
        """Centre and half width of the confidence sequence of the mean difference."""
        with np.errstate(over="ignore", invalid="ignore"):
            if state.noise.trusted[row]:
                variance = self._variance(state.noise, state.ticks, state.changes)[row]
                half = normal_mixture.half_width(
                    state.ticks[row], state.spent[row], self._tuned, INTERVAL_LEVEL
                )
                centre = state.total[row, PLAIN] / state.ticks[row]
                return float(centre), float(half * np.sqrt(variance))
            n = state.batches[row]
            variance = state.squares[row, PLAIN] / max(n - 1.0, 1.0)
            return float(state.mean[row, PLAIN]), float(
                student.half_width(n, variance, INTERVAL_LEVEL)
            )


def _standardised(values: FloatArray, variance: FloatArray) -> FloatArray:
    known = variance > 0
    scale = np.sqrt(np.where(known, variance, 1.0))[:, None]
    standardised: FloatArray = values / scale
    return standardised
