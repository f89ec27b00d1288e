"""What a search for leaks hands back."""

from __future__ import annotations

from enum import StrEnum

from canarystats.evidence import Evidence, Interval, Record, Status

SECONDS_PER_HOUR = 3600.0


class Shape(StrEnum):
    """What tells a series in the fewest words."""

    FLAT = "flat"
    STEP = "step"
    SATURATING = "saturating"
    LINEAR = "linear"


class Leak(Record):
    """Whether one series grows without end, and how soon that ends.

    Parameters
    ----------
    leaking
        Whether it is shown to grow, by an estimate above the floor; as ``evidence.decides``.
    shape
        What tells the series best; ``linear`` where it leaks. None where nothing can be told.
    slope_per_hour, slope_interval
        Growth beside that shape, in the unit of the values; of the canary less the baseline where
        there is one. None without times.
    slope_per_tick
        The same per tick.
    sen_slope_per_hour, sen_interval
        Sen's slope of the block values, its interval widened for their autocorrelation.
    halves
        The slopes per tick of the first and of the second half of what was searched.
    time_to_limit_seconds
        From the last sample until the canary's fitted level reaches the limit; 0 if it has. Beside
        a baseline that does not grow, that level is the baseline's usual one and what grows beside
        it. None where it does not leak or no limit is given.
    time_to_limit_interval
        Where that time may lie, also where no leak is shown; an open upper end means that it may
        never come.
    start, end
        Times of the first and last sample searched, in the unit of the times; ticks without.
    restarts
        How many restarts the series has; what was searched lies between two of them.
    n_trimmed
        Samples at the start that were left out as warm-up.
    envelope
        Whether block minima stand for the series, because it is a sawtooth.
    pod
        Column of the pair, row of the array.
    pods
        The same for each pod where there are several; this one is then the most suspicious.
    evidence
        The test of a slope above 0; at least a half where the estimate is under the floor.
    """

    leaking: bool
    shape: Shape | None = None
    slope_per_hour: float | None = None
    slope_interval: Interval | None = None
    slope_per_tick: float | None = None
    sen_slope_per_hour: float | None = None
    sen_interval: Interval | None = None
    halves: tuple[float, float] | None = None
    time_to_limit_seconds: float | None = None
    time_to_limit_interval: Interval | None = None
    start: float | None = None
    end: float | None = None
    restarts: int = 0
    n_trimmed: int = 0
    envelope: bool = False
    pod: int = 0
    pods: tuple[Leak, ...] = ()
    evidence: Evidence

    def __repr__(self) -> str:
        evidence = self.evidence
        if evidence.status is not Status.OK:
            why = f" ({evidence.detail})" if evidence.detail else ""
            return f"Leak of {evidence.metric}: {evidence.status.replace('_', ' ')}{why}."
        answer = "leaking" if self.leaking else "no leak shown"
        parts = [f"{self.shape}", self._slope(), f"p={evidence.p_value:.2g}"]
        if self.time_to_limit_seconds is not None:
            parts.append(f"at the limit in {self.time_to_limit_seconds / SECONDS_PER_HOUR:.3g} h")
        many = f" in {sum(p.leaking for p in self.pods)} of {len(self.pods)} pods"
        return (
            f"Leak of {evidence.metric}: {answer}{many if self.pods else ''}, {', '.join(parts)}."
        )

    __str__ = __repr__

    def _slope(self) -> str:
        if self.slope_per_hour is None:
            return f"{self.slope_per_tick:+.3g} a tick"
        return f"{self.slope_per_hour:+.3g} an hour {self.slope_interval}"
