"""What a service shows of itself while a canary runs: one signal a metric, drawn tick by tick.

A signal draws both sides and, at a full rollout, the canary alone. A `Change` strikes the canary
from a tick on. Nothing here knows a policy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

import canarystats as cs

GIB = 2.0**30
SHADOW, FULL = 0.0, 1.0


@dataclass(frozen=True)
class Change:
    """What becomes of one metric of the canary.

    Parameters
    ----------
    metric
        Whose.
    factor
        Multiplies its rate, its latency or its level.
    add
        Is added to its level, or to what happens a second.
    traffic
        Multiplies what the canary is given to do.
    onset
        The first tick that is struck.
    """

    metric: str
    factor: float = 1.0
    add: float = 0.0
    traffic: float = 1.0
    onset: int = 0

    def over(self, n):
        """Factor, addition and traffic of every tick."""
        struck = np.arange(n) >= self.onset
        return (
            np.where(struck, self.factor, 1.0),
            np.where(struck, self.add, 0.0),
            np.where(struck, self.traffic, 1.0),
        )


UNTOUCHED = Change("")


@dataclass(frozen=True)
class Clock:
    """The ticks of one stage, and the canary's share of the traffic in it.

    Parameters
    ----------
    times
        Unix seconds.
    interval
        Seconds a tick.
    share
        0 is shadow, where both sides get everything; at 1 there is no baseline.
    """

    times: np.ndarray
    interval: float
    share: float

    @property
    def parts(self):
        """What part of the traffic each side there is gets."""
        if self.share == SHADOW:
            return 1.0, 1.0
        return (1.0,) if self.share == FULL else (self.share, 1.0 - self.share)


@dataclass(frozen=True)
class Flow:
    """How much there is to do a second, and whether the sides divide it as they do the traffic.

    What every pod does alike, such as health checks, is not divided.
    """

    per_second: float
    divided: bool = True

    def expected(self, clock, side, traffic):
        """Of one side within every tick, shape (n,)."""
        part = clock.parts[side] if self.divided else 1.0
        struck = traffic if side == 0 else np.ones_like(traffic)
        return self.per_second * clock.interval * part * struck


@dataclass(frozen=True)
class Counts:
    """Events out of an exposure, such as errors out of requests."""

    flow: Flow
    rate: float

    def draw(self, name, rng, clock, change):
        factor, add, traffic = change.over(len(clock.times))
        sides = []
        for side in range(len(clock.parts)):
            exposure = rng.poisson(self.flow.expected(clock, side, traffic))
            rate = self.rate if side else np.minimum(self.rate * factor + add, 1.0)
            sides.append((rng.binomial(exposure, rate), exposure))
        return cs.Pair.counts(name, times=clock.times, **_named(sides))


@dataclass(frozen=True)
class Histogram:
    """Lognormal durations in buckets; ``bounds`` are the finite ones, in seconds."""

    flow: Flow
    median: float
    sigma: float
    bounds: tuple[float, ...]

    def draw(self, name, rng, clock, change):
        factor, _, traffic = change.over(len(clock.times))
        sides = []
        for side in range(len(clock.parts)):
            median = self.median * (factor if side == 0 else np.ones_like(factor))
            below = ndtr(np.log(np.array(self.bounds) / median[:, None]) / self.sigma)
            cells = np.diff(below, axis=1, prepend=0.0, append=1.0)
            sides.append(rng.poisson(self.flow.expected(clock, side, traffic)[:, None] * cells))
        bounds = (*self.bounds, np.inf)
        return cs.Pair.histogram(name, upper_bounds=bounds, times=clock.times, **_named(sides))


@dataclass(frozen=True)
class Events:
    """Things that happen now and then, or that carry the traffic one by one."""

    flow: Flow

    def draw(self, name, rng, clock, change):
        factor, add, traffic = change.over(len(clock.times))
        mean = self.flow.expected(clock, 0, traffic) * factor + add * clock.interval
        return cs.Pair.events(name, canary=rng.poisson(mean), times=clock.times)


@dataclass(frozen=True)
class Gauge:
    """A level that wanders a little, AR(1), two pods a side.

    ``gain`` is what the canary has over the baseline, as a share of the level.
    """

    level: float
    sigma: float
    gain: float = 0.0
    phi: float = 0.5
    limit: float | None = None

    def draw(self, name, rng, clock, change):
        n = len(clock.times)
        factor, add, _ = change.over(n)
        sides = []
        for side in range(len(clock.parts)):
            level = np.full(n, self.level)
            if side == 0:
                level = level * (1.0 + self.gain) * factor + add
            noise = _autoregressive(rng, n, self.phi, pods=2)
            sides.append(level[:, None] + self.sigma * noise)
        return cs.Pair.gauge(name, times=clock.times, limit=self.limit, **_named(sides))


@dataclass(frozen=True)
class Of:
    """The same counter seen as another metric: a column of counts already drawn, as events."""

    metric: str
    column: int  # 0 what happened, 1 what it happened out of

    def seen(self, name, drawn):
        held = drawn[self.metric]
        return cs.Pair.events(name, canary=held.canary[:, self.column], times=held.times)


def drawn(signals, rng, clock, change=UNTOUCHED):
    """A pair a metric of one stage, by name."""
    pairs = {}
    for name, signal in signals.items():
        if isinstance(signal, Of):
            pairs[name] = signal.seen(name, pairs)
        else:
            struck = change if change.metric == name else UNTOUCHED
            pairs[name] = signal.draw(name, rng, clock, struck)
    return pairs


def _named(sides):
    return dict(zip(("canary", "baseline"), sides, strict=False))


def _autoregressive(rng, n, phi, pods):
    shocks = rng.standard_normal((n, pods)) * np.sqrt(1.0 - phi * phi)
    shocks[0] /= np.sqrt(1.0 - phi * phi)
    found = np.empty_like(shocks)
    level = np.zeros(pods)
    for i, shock in enumerate(shocks):
        level = phi * level + shock
        found[i] = level
    return found
