"""Changes of a series as it comes, with a stated average run length between false alarms.

Values become normal scores against a reference, the first values seen or a history, so that tails
and spikes have bounded weight. FOCuS keeps every place at which a step may have happened. An alarm
is raised where a CUSUM so large would come less often than once in the run length asked for, with
the long-run variance as uncertain as it is after the values before the change. Independent noise
is watched more loosely: its run length is up to about twice what is asked.

Hypothesis: the series is stationary, with the memory of an AR(1) process. A slow component behind
a fast one, a trend or a season shortens the run length: watch the canary minus its baseline.

References
----------
Romano, Eckley, Fearnhead & Rigaill (2023), Journal of Machine Learning Research 24:1-36 (FOCuS).
Siegmund & Venkatraman (1995), Annals of Statistics 23:255-271 (run lengths).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from canarystats import arrays
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Record
from canarystats.kernels.run_length import alarms_per_tick, first_order_degrees
from canarystats.kernels.running_hull import largest_cusum, push

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from canarystats.kernels.running_hull import Vertex

FloatArray = NDArray[np.float64]
FEWEST_IN_REFERENCE = 20
MOST_IN_REFERENCE = 500  # quantiles kept of a longer history
LARGEST_COEFFICIENT = 0.98
ASSUMES = ("stationary but for the change, with the memory of an AR(1) process",)


class Alarm(Record):
    """A change seen while watching.

    Parameters
    ----------
    index
        The tick of the first sample after the change, counted from the start.
    detected
        The tick at which the alarm was raised.
    effect
        Mean since the change minus mean before it, in the unit of the values.
    before, after
        Those two means.
    evidence
        The same as evidence.
    """

    index: int
    detected: int
    effect: float
    before: float
    after: float
    evidence: Evidence

    def __repr__(self) -> str:
        return (
            f"Alarm at tick {self.detected}: changed at {self.index}, "
            f"{self.before:.4g} -> {self.after:.4g} ({self.effect:+.3g})."
        )

    __str__ = __repr__


@dataclass(frozen=True, slots=True, eq=False)
class OnlineState:
    """What a watch remembers; `canarystats.state.pack` makes it plain JSON data.

    Parameters
    ----------
    reference
        Sorted values that scores are taken against, shape (r,); none during the warm-up.
    waiting
        Values of the warm-up, shape (w,).
    learnt
        Of finished stretches: values, and their centred sums of squares and of lag products.
    live
        Of the stretch watched: values, sum, sum of squares, sum of lag products, first, last.
    lower, upper
        Vertices of the running sum's hulls, shape (v, 10).
    tick
        Samples seen, missing ones included.
    """

    reference: FloatArray
    waiting: FloatArray
    learnt: FloatArray
    live: FloatArray
    lower: FloatArray
    upper: FloatArray
    tick: int


class OnlineDetector:
    """A watch on one series.

    Parameters
    ----------
    average_run_length
        Ticks between false alarms, on average, at least 50.
    warm_up
        Samples that become the reference where no history is given, at least 20.
    name
        How evidence names the series.

    Raises
    ------
    InputError
        If an argument is out of range.
    """

    def __init__(
        self, *, average_run_length: float = 10_000, warm_up: int = 100, name: str = "series"
    ) -> None:
        for field, value, least in (
            ("average_run_length", average_run_length, 50),
            ("warm_up", warm_up, FEWEST_IN_REFERENCE),
        ):
            if not least <= value < math.inf:
                msg = f"{field} is {value}; it must be at least {least}, and finite"
                raise InputError(msg)
        self.average_run_length = average_run_length
        self.warm_up = warm_up
        self.name = name

    def start(self, history: ArrayLike | None = None) -> OnlineState:
        """The state before the first sample.

        Parameters
        ----------
        history
            Shape (h,), samples of the same process without a change, such as the baseline's; its
            level need not be the one to come. NaN is a missed sample. Fewer than 20 finite ones
            are no reference: the watch then warms up as if none were given.

        Raises
        ------
        InputError
            If the history is not flat.
        """
        none, hull = np.zeros(0), np.zeros((1, 10))
        empty = OnlineState(none, none, np.zeros(3), np.zeros(6), hull, hull, 0)
        if history is None:
            return empty
        past = _flat(history, "history")
        past = past[np.isfinite(past)]
        if len(past) < FEWEST_IN_REFERENCE:
            return empty
        watch = _Watch(self, empty)
        watch.refer(past)
        for score in watch.scores(past):
            watch.remember(score)
        watch.close_stretch(watch.live)
        return watch.state()

    def observe(
        self, state: OnlineState, values: ArrayLike
    ) -> tuple[OnlineState, tuple[Alarm, ...]]:
        """Take in further samples.

        Parameters
        ----------
        state
            What the last call, or `start`, gave.
        values
            A number or shape (n,), the samples since then; NaN and infinite ones are missed.

        Returns
        -------
        tuple
            The state after them, and the alarms they raised. After an alarm the watch begins
            anew, with what it learnt of the noise.
        """
        watch = _Watch(self, state)
        alarms = []
        for value in _flat(values, "values").tolist():
            alarm = watch.take(value)
            if alarm is not None:
                alarms.append(alarm)
        return watch.state(), tuple(alarms)


class _Watch:
    """A state taken apart into what changes quickly."""

    def __init__(self, design: OnlineDetector, state: OnlineState) -> None:
        self.design = design
        self.reference = state.reference
        self.waiting: list[float] = state.waiting.tolist()
        self.tick = state.tick
        self.learnt: list[float] = state.learnt.tolist()
        self.live: list[float] = state.live.tolist()
        self.lower: list[Vertex] = [tuple(row) for row in state.lower.tolist()]
        self.upper: list[Vertex] = [tuple(row) for row in state.upper.tolist()]

    def state(self) -> OnlineState:
        return OnlineState(
            self.reference,
            np.array(self.waiting, dtype=np.float64),
            np.array(self.learnt),
            np.array(self.live),
            np.array(self.lower),
            np.array(self.upper),
            self.tick,
        )

    def take(self, value: float) -> Alarm | None:
        self.tick += 1
        if not math.isfinite(value):
            return None
        if not len(self.reference):
            self.waiting.append(value)
            if len(self.waiting) == self.design.warm_up:
                self._end_warm_up()
            return None
        return self._watch(float(self.scores(value)), value, self.tick)

    def refer(self, past: FloatArray) -> None:
        """Take scores against these values from here on."""
        ordered = np.sort(past)
        if len(ordered) > MOST_IN_REFERENCE:
            ordered = np.quantile(ordered, (np.arange(MOST_IN_REFERENCE) + 0.5) / MOST_IN_REFERENCE)
        self.reference = ordered

    def scores(self, values: FloatArray | float) -> FloatArray:
        below = np.searchsorted(self.reference, values, side="left")
        upto = np.searchsorted(self.reference, values, side="right")
        scores: FloatArray = ndtri(((below + upto) / 2 + 0.5) / (len(self.reference) + 1))
        return scores

    def remember(self, score: float) -> None:
        """Add a score to the moments of the stretch."""
        n, total, squares, products, first, last = self.live
        self.live = [
            n + 1,
            total + score,
            squares + score * score,
            products + (score * last if n else 0.0),
            first if n else score,
            score,
        ]

    def close_stretch(self, moments: Sequence[float]) -> None:
        """Add what the stretch says of the noise to what was learnt, and begin anew."""
        self.learnt = self._with_learnt(moments)
        self.live = [0.0] * 6
        start = (0.0, 0.0, float(self.tick), 0.0, *self.live)
        self.lower, self.upper = [start], [start]

    def _with_learnt(self, moments: Sequence[float]) -> list[float]:
        n, total, squares, products, first, last = moments
        if n < 2:
            return list(self.learnt)
        mean = total / n
        squares -= n * mean * mean
        products -= mean * (2 * total - first - last) - (n - 1) * mean * mean
        new = (n, squares, products + squares / n)  # a mean taken out hides one lag product
        return [old + more for old, more in zip(self.learnt, new, strict=True)]

    def _end_warm_up(self) -> None:
        past = np.array(self.waiting)
        self.waiting = []
        self.refer(past)
        start = (0.0, 0.0, float(self.tick - len(past)), 0.0, *self.live)
        self.lower, self.upper = [start], [start]
        for i, (score, value) in enumerate(zip(self.scores(past).tolist(), past, strict=True)):
            self._extend(score, float(value), self.tick - len(past) + i + 1)

    def _watch(self, score: float, value: float, tick: int) -> Alarm | None:
        self._extend(score, value, tick)
        (low, at_low), (high, at_high) = largest_cusum(self.lower), largest_cusum(self.upper)
        cusum, hull, at = (low, self.lower, at_low) if low > high else (high, self.upper, at_high)
        if at < 0:
            return None
        n, variance, first = self._noise(hull[at][4:])
        if n < FEWEST_IN_REFERENCE or cusum * cusum <= variance:
            return None
        z = cusum / math.sqrt(variance)
        often = alarms_per_tick(z, first, first_order_degrees(n, first))
        if often * self.design.average_run_length > 1:
            return None
        alarm = self._alarm(hull[0], hull[at], hull[-1], often)
        self.close_stretch(hull[at][4:])
        return alarm

    def _extend(self, score: float, value: float, tick: int) -> None:
        self.remember(score)
        n, total, _, raw = self.lower[-1][:4]
        point = (n + 1, total + score, float(tick), raw + value, *self.live)
        push(self.lower, point, 1.0)
        push(self.upper, point, -1.0)

    def _noise(self, moments: Sequence[float]) -> tuple[float, float, float]:
        """Values before the change, their long-run variance, their first-order coefficient."""
        n, squares, products = self._with_learnt(moments)
        squares = max(squares, max(n, 1) / len(self.reference) ** 2)  # ranks know no finer
        first = products / squares * n / max(n - 3, 1)  # E[estimate] = first - 3 first / n
        first = min(max(first, 0.0), LARGEST_COEFFICIENT)
        return n, squares / max(n - 1, 1) * (1 + first) / (1 - first), first

    def _alarm(self, start: Vertex, at: Vertex, end: Vertex, often: float) -> Alarm:
        before = (at[3] - start[3]) / (at[0] - start[0])
        after = (end[3] - at[3]) / (end[0] - at[0])
        run_length = self.design.average_run_length
        return Alarm(
            index=int(at[2]),
            detected=self.tick - 1,
            effect=after - before,
            before=before,
            after=after,
            evidence=Evidence(
                metric=self.design.name,
                method="online",
                question=Question.DIFFERENCE,
                n_canary=int(end[0] - at[0]),
                n_baseline=int(at[0] - start[0]),
                observed=after,
                reference=before,
                effect=after - before,
                effect_scale="difference",
                assumptions=ASSUMES,
                detail=f"once in {1 / max(often, 1e-300):.3g} ticks without a change; "
                f"the alarm is set to once in {run_length:g}",
            ),
        )


def _flat(values: ArrayLike, field: str) -> FloatArray:
    series = np.atleast_1d(arrays.numbers(values, field))
    if series.ndim != 1:
        msg = f"{field} has shape {series.shape}; it must be a number or (n,)"
        raise InputError(msg)
    return series
