"""What a scenario brings on average, and what a design has learned of its burstiness by then.

Expected data have no noise of their own; what a design would have learned from noisy ones is put in
its place, so that it discounts its evidence as it would in a rollout.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from canarystats.sequential.dispersion import BATCH_TICKS, Differences, Dispersion, Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

MEAN_ABOVE = 0.399  # mean of the positive part of a standard normal
T = TypeVar("T", bound=Any)
FEWEST_BATCHES = 3.0  # batch differences from which they are believed to show slow noise


def many(state: T, rows: int) -> T:
    """A state of one row as a state of many alike."""
    parts = {}
    for field in fields(state):
        value = getattr(state, field.name)
        parts[field.name] = (
            np.repeat(value, rows, axis=0) if isinstance(value, np.ndarray) else many(value, rows)
        )
    widened: T = type(state)(**parts)
    return widened


def learned_by(
    before: Dispersion, tick: Seen, fano: FloatArray, ticks: float, taken: float
) -> Dispersion:
    """What is known of the burstiness after some ticks of a rollout.

    Parameters
    ----------
    before
        What history had taught.
    tick
        What one tick brings on average.
    fano
        Shape (K, kinds): how bursty the counts are.
    ticks, taken
        How many ticks have passed, and how many the next step takes at once. A design weighs what
        it has learned by the size of a tick, so a tick is made to look as large as the step.
    """
    batches = np.floor(ticks / BATCH_TICKS)
    single = _grown(before.ticks, tick, fano, 1.0, ticks - 1.0)
    return Dispersion(
        replace(single, scale=taken * single.scale),
        _grown(before.batches, tick, fano * _raised(batches), float(BATCH_TICKS), batches - 1.0),
        before.last_tick,
        before.last_batch,
        before.batch,
        before.in_batch,
    )


def fano_seen(known: Dispersion) -> FloatArray:
    """How bursty the counts of history are, at least 1; 1 without history, shape (K, kinds)."""
    ticks, batches = known.ticks, known.batches
    fast = _ratio(ticks)
    slow = np.where(batches.count >= FEWEST_BATCHES, _ratio(batches), 1.0)
    # What noise alone puts on an estimate is no burstiness.
    slow = np.where(slow > 1.0 + 2.0 * _doubt(batches.count), slow, 1.0)
    return np.maximum(np.maximum(fast, slow), 1.0)


def _raised(batches: float) -> float:
    """What an estimate from few batches is above the truth on average, where 1 is its floor."""
    return 1.0 + MEAN_ABOVE * float(_doubt(np.array(batches - 1.0)))


def _doubt(count: FloatArray) -> FloatArray:
    """Relative standard error of a Fano factor from so many differences of successive steps."""
    doubt: FloatArray = np.sqrt(3.0 / np.maximum(count, 1.0))
    return doubt


def _ratio(known: Differences) -> FloatArray:
    seen = known.expected > 0
    ratio: FloatArray = np.where(seen, known.squares / np.where(seen, known.expected, 1.0), 1.0)
    return ratio


def _grown(
    before: Differences, tick: Seen, fano: FloatArray, length: float, count: float
) -> Differences:
    many = np.where(tick.scale > 0, max(count, 0.0), 0.0)
    expected = 2.0 * length * tick.variance * many
    return Differences(
        before.squares + fano * expected,
        before.expected + expected,
        before.count + many,
        before.scale + length * tick.scale * many,
    )
