"""How bursty counts are: an upper bound of their Fano factor, from history and while it runs.

Errors that come in clumps, or at a rate that wanders by itself, vary more than independent ones,
and a test that takes them for independent finds differences everywhere. Dividing the gain of every
look by the Fano factor F (the variance over the Poisson variance) keeps an e-process honest: E to
the power 1/F is still an e-value where F is right and at least 1. It uses only ticks that are
over, so a look never sets its own discount.

F is read off first differences of counts, adjusted for exposure, on two time scales: from tick to
tick, which shows clumps, and between batches of twenty ticks, which shows slow noise of one arm.
Too low an F breaks the promise and too high a one costs delay in proportion, so what is used is
the larger of

- the tick estimate times exp(its standard error), and
- the batch estimate, plus a part for ignorance that fades with the square of what is known,

and a quarter of its excess over 1 more, because clumps of random size have heavier tails than
tempering allows for. The standard error shrinks with the number of differences and of events:
with 960 ticks of history Poisson counts pay about a tenth, while a rollout without history begins
with F = 4 (6 while hardly an event was seen) and has about 2 after a hundred ticks. Of 2500
healthy rollouts of 1000 ticks with two errors a tick beside a canary of a tenth of the traffic,
with history at most 1.8 % are called at 5 % and 0.4 % at 1 %, in clumps of Fano factor 2, 5 and 20
and with log rates that wander as an AR(0.9) of standard deviation 0.3 and 0.6; without history
1.2 % and 0.2 % in clumps of 5, and 3.2 % and 1.2 % with the wider of the wandering rates.

What breaks it: a canary that is burstier than its baseline; clumps beyond what is assumed, until
they are seen (Fano factor 20 without history: 5.6 % at 5 %, 2.8 % at 1 %); and noise that lasts as
long as a batch where the sides share the traffic evenly: with the AR(0.9) above, 6.5 % and 2.6 %
are called at standard deviation 0.3 with history, 15.7 % and 8.9 % at 0.6 without.

References
----------
Fano (1947), Ionization yield of radiations II, Physical Review 72:26;
Allan (1966), Statistics of atomic frequency standards, Proceedings of the IEEE 54:221.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FloatArray = NDArray[np.float64]
BATCH_TICKS = 20
UNSEEN_CLUMPS = 6.0  # the most that is assumed of clumps while hardly an event was seen
# What is assumed before any batch is over: that part of it, and no more than so much.
UNKNOWN_PART, MOST_UNKNOWN = 2 / 3, 10.0
FADES_WITH = 4.0  # batch differences that leave a quarter of the ignorance
DOUBT_FACTOR = 2.0  # the most that a large estimate is raised for its standard error
EVENT_KURTOSIS = 2.0  # variance that each event's clump adds to the estimate
TAIL_FACTOR = 1.25  # on the excess: tempering alone undercounts clumps of random size
SHRINKING = 2.0  # batch differences of independent counts mixed into the batch estimate
# Neighbouring batches share noise that lasts about ten ticks, so their differences miss this much.
SLOW_FACTOR = 2.5
FEWEST_SLOW = 2.0
WILDEST = 36.0  # one squared change counts for at most so many ordinary ones: harm jumps, once


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one step brought: values, what they are proportional to, and their Poisson variance.

    Shape (K, kinds) each; for errors these are the errors, their exposure and the errors again. A
    NaN was not read, and a scale of 0 says nothing: either leaves its entry as it is.
    """

    values: FloatArray
    scale: FloatArray
    variance: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """First differences on one time scale, shape (K, kinds) each.

    Parameters
    ----------
    squares, expected
        Sums of squared differences and of what independent counts would give.
    count, scale
        How many, and the sum of what their later steps were proportional to.
    """

    squares: FloatArray
    expected: FloatArray
    count: FloatArray
    scale: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Dispersion:
    """What is known of the burstiness of some kinds of counts of K metrics.

    Parameters
    ----------
    ticks, batches
        Differences on both time scales.
    last_tick, last_batch
        The steps to take the next difference from; their scale is 0 before the first.
    batch, in_batch
        What the batch under way holds, and how many ticks of it, shape (K, kinds).
    """

    ticks: Differences
    batches: Differences
    last_tick: Seen
    last_batch: Seen
    batch: Seen
    in_batch: FloatArray


def begin(rows: int, kinds: int, past: Sequence[Seen] = ()) -> Dispersion:
    """What is known before the first tick.

    Parameters
    ----------
    rows, kinds
        The shape (K, kinds) of what is followed.
    past
        Series from before the rollout, one a side, their fields of shape (T, kinds); every row
        learns the same from them.
    """
    zero = np.zeros((rows, kinds))
    nothing = Seen(zero, zero, zero)
    ticks = batches = Differences(zero, zero, zero, zero)
    for series in past:
        for kind in range(kinds):
            steps = _read(series, kind)
            ticks = _added(ticks, kind, steps)
            batches = _added(batches, kind, _batched(steps))
    return Dispersion(ticks, batches, nothing, nothing, nothing, zero)


def step(state: Dispersion, seen: Seen, wildest: FloatArray | float = np.inf) -> Dispersion:
    """One tick.

    Parameters
    ----------
    state
        From `begin` or the tick before.
    seen
        What the tick brought.
    wildest
        One squared difference counts for at most so many of those before it, one number or one for
        each kind: what changes for good, once, is no burst.
    """
    read = (seen.scale > 0) & ~np.isnan(seen.values)
    ticks = _differenced(state.ticks, state.last_tick, seen, read, wildest)
    last_tick = _where(read, seen, state.last_tick)
    batch = _where(read, _combine(np.add, state.batch, seen), state.batch)
    in_batch = state.in_batch + read
    full = in_batch >= BATCH_TICKS
    if not full.any():
        return Dispersion(ticks, state.batches, last_tick, state.last_batch, batch, in_batch)
    batches = _differenced(state.batches, state.last_batch, batch, full, wildest)
    last_batch = _where(full, batch, state.last_batch)
    zero = np.zeros_like(in_batch)
    batch = _where(full, Seen(zero, zero, zero), batch)
    return Dispersion(ticks, batches, last_tick, last_batch, batch, np.where(full, 0.0, in_batch))


def both_scales(state: Dispersion) -> Differences:
    """The differences of both time scales, ticks before batches, shape (2, K, kinds) each."""
    ticks, batches = state.ticks, state.batches
    return Differences(
        np.array([ticks.squares, batches.squares]),
        np.array([ticks.expected, batches.expected]),
        np.array([ticks.count, batches.count]),
        np.array([ticks.scale, batches.scale]),
    )


def with_both(known: Differences, one: int, other: int) -> Differences:
    """The same with two kinds taken as one in a further column, shape (..., kinds + 1).

    It counts as many differences as would weigh as much if all were of one size.
    """
    part = known.expected**2 / np.maximum(known.count, 1.0)
    squares, expected, count, scale, parts = (
        column[..., one] + column[..., other]
        for column in (known.squares, known.expected, known.count, known.scale, part)
    )
    weighed = np.divide(expected**2, parts, out=count.copy(), where=parts > 0)
    scale = scale / np.maximum(count, 1.0) * weighed
    columns = squares, expected, weighed, scale
    before = known.squares, known.expected, known.count, known.scale
    return Differences(
        *(np.concatenate([x, y[..., None]], axis=-1) for x, y in zip(before, columns, strict=True))
    )


def fano(
    state: Dispersion, exposure: FloatArray | None = None, clumps: float = UNSEEN_CLUMPS
) -> FloatArray:
    """The Fano factor to divide by, at least 1, shape (K, kinds).

    ``exposure`` is what a tick of the test is worth, shape (K, kinds), in the units of `Seen.scale`
    (the harmonic mean of both sides): slow noise of a rate grows with it, and so does its part of
    F where the series that taught it were smaller. 0 leaves that out. ``clumps`` is the most that
    is assumed of F while the counts have hardly shown it.
    """
    return bound(both_scales(state), exposure, clumps)


def bound(
    known: Differences, exposure: FloatArray | None = None, clumps: float = UNSEEN_CLUMPS
) -> FloatArray:
    """The same from the differences of `both_scales`."""
    (by_tick, by_batch), (tick_error, batch_error) = _estimate(known)
    ticks, batches = known.count
    expected = known.expected[1]
    unknown = max(1.0, min(MOST_UNKNOWN, UNKNOWN_PART * clumps))
    fast = _with_tail(by_tick * np.exp(tick_error))
    most = np.where(ticks > 0, clumps, unknown)
    fast = np.minimum(fast, np.maximum(most, DOUBT_FACTOR * by_tick))
    none = np.zeros_like(batches)
    typical = np.divide(expected, np.maximum(batches, 1.0), out=none, where=batches > 0)
    mixed, shrunk = expected + SHRINKING * typical, known.squares[1] + SHRINKING * typical
    slow = np.divide(shrunk, mixed, out=np.ones_like(mixed), where=mixed > 0)
    if exposure is not None:
        learned_at = known.scale[0] / np.maximum(ticks, 1.0)
        growth = SLOW_FACTOR * exposure / np.where(learned_at > 0, learned_at, np.inf)
        shown = np.maximum(by_batch * (1.0 - batch_error / 2.0) - np.maximum(by_tick, 1.0), 0.0)
        missed = shown * np.maximum(growth - 1.0, 0.0)
        slow = slow + np.where(batches >= FEWEST_SLOW, missed, 0.0)
    worth = 3.0 / batch_error**2
    ignorance = (unknown - 1.0) * (FADES_WITH / (FADES_WITH + worth)) ** 2
    factor: FloatArray = np.maximum(np.maximum(fast, _with_tail(slow) + ignorance), 1.0)
    return factor


def _with_tail(estimate: FloatArray) -> FloatArray:
    padded: FloatArray = 1.0 + TAIL_FACTOR * (np.maximum(estimate, 1.0) - 1.0)
    return padded


def _estimate(known: Differences) -> tuple[FloatArray, FloatArray]:
    """The Fano factor on each time scale and its relative standard error.

    The squares of n successive differences of Gaussian steps have relative variance 3 / n; each
    event adds the fourth moment of its clump.
    """
    estimate = np.maximum(_ratio(known), 0.5)
    events = np.maximum(known.expected / 2.0, 0.2)
    clump = EVENT_KURTOSIS * np.maximum(estimate, 1.0) / events
    return estimate, np.sqrt(3.0 / np.maximum(known.count, 0.5) + clump)


def _ratio(known: Differences) -> FloatArray:
    """Squared differences over what independent counts would give; 1 where nothing was seen."""
    one = np.ones_like(known.squares)
    found: FloatArray = np.divide(known.squares, known.expected, out=one, where=known.expected > 0)
    return found


def _differenced(
    known: Differences,
    before: Seen,
    seen: Seen,
    read: NDArray[np.bool_],
    wildest: FloatArray | float = np.inf,
) -> Differences:
    paired = read & (before.scale > 0)
    ratio = np.where(paired, seen.scale, 1.0) / np.where(paired, before.scale, 1.0)
    squares = (seen.values - before.values * ratio) ** 2
    expected = seen.variance + before.variance * ratio**2
    if np.any(np.isfinite(wildest)):
        ordinary = np.maximum(_ratio(known), 1.0) * expected
        squares = np.minimum(squares, wildest * np.where(ordinary > 0, ordinary, np.inf))
    return Differences(
        known.squares + np.where(paired, squares, 0.0),
        known.expected + np.where(paired, expected, 0.0),
        known.count + paired,
        known.scale + np.where(paired, seen.scale, 0.0),
    )


def _read(series: Seen, kind: int) -> Seen:
    """The steps of one kind that were read, shape (n,)."""
    values, scale, variance = (getattr(series, f.name)[:, kind] for f in fields(Seen))
    read = (scale > 0) & ~np.isnan(values)
    return Seen(values[read], scale[read], variance[read])


def _batched(steps: Seen) -> Seen:
    """Sums over full batches, shape (n // BATCH_TICKS,)."""
    full = len(steps.values) // BATCH_TICKS

    def summed(one: FloatArray) -> FloatArray:
        sums: FloatArray = one[: full * BATCH_TICKS].reshape(full, BATCH_TICKS).sum(axis=1)
        return sums

    return Seen(summed(steps.values), summed(steps.scale), summed(steps.variance))


def _added(known: Differences, kind: int, steps: Seen) -> Differences:
    """The differences of a series added to every row of one kind."""
    nothing = np.zeros(max(len(steps.values) - 1, 0))
    before, after = (
        Seen(*(getattr(steps, f.name)[cut] for f in fields(Seen)))
        for cut in (slice(None, -1), slice(1, None))
    )
    none = Differences(nothing, nothing, nothing, nothing)
    found = _differenced(none, before, after, np.ones(len(nothing), dtype=bool))
    sums = {}
    for field in fields(Differences):
        sums[field.name] = getattr(known, field.name).copy()
        sums[field.name][:, kind] += getattr(found, field.name).sum()
    return Differences(**sums)


def _combine(
    operation: Callable[[FloatArray, FloatArray], FloatArray], one: Seen, other: Seen
) -> Seen:
    return Seen(
        operation(one.values, other.values),
        operation(one.scale, other.scale),
        operation(one.variance, other.variance),
    )


def _where(chosen: NDArray[np.bool_], one: Seen, other: Seen) -> Seen:
    return _combine(lambda a, b: np.where(chosen, a, b), one, other)
