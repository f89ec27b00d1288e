"""How new each value of a series is beside the series' own past, at every tick at once.

Two distances, both causal and in standard deviations: of a value from those just before it, and of
a short trailing mean from all such means before it. The first sees spikes and jumps, the second
levels that settle elsewhere. A record is a score above every score of the ticks remembered, so a
lasting trouble is told while it grows and not again.

Sums run from a row's first value to its last: a batch gives bit for bit what a loop over its rows
gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

NARROWEST = 1e-6  # a standard deviation as a share of the range so far; below it is rounding


def distance_from_recent(values: FloatArray, window: int) -> FloatArray:
    """Distance of each value from the mean of the ``window`` before it, in their deviations.

    Parameters
    ----------
    values
        Shape (K, n), finite, any unit.
    window
        Values before each that are its past; at the start there are fewer.

    Returns
    -------
    ndarray
        Shape (K, n), not negative; 0 for the first value.
    """
    ticks = np.arange(values.shape[1])
    return _distance(values, values, np.maximum(ticks - window, 0))


def distance_of_level(values: FloatArray, window: int) -> FloatArray:
    """Distance of each trailing mean of ``window`` values from all trailing means before it."""
    ticks = np.arange(values.shape[1])
    start = np.maximum(ticks - window + 1, 0)
    total = _sums(values)
    level = (total[:, 1:] - np.take(total, start, axis=1)) / (ticks - start + 1)
    return _distance(level, values, np.zeros_like(ticks))


def _distance(rows: FloatArray, values: FloatArray, start: NDArray[np.intp]) -> FloatArray:
    """Distance of each entry from the mean of those from ``start`` on, in their deviations."""
    first = rows[:, :1]
    centred = rows - first
    ticks = np.arange(rows.shape[1])
    count = np.maximum(ticks - start, 1)
    sums, squares = _sums(centred), _sums(centred * centred)
    mean = (sums[:, :-1] - np.take(sums, start, axis=1)) / count
    square = (squares[:, :-1] - np.take(squares, start, axis=1)) / count
    range_so_far = np.maximum.accumulate(values, axis=1) - np.minimum.accumulate(values, axis=1)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0.0))
    deviation = np.maximum(deviation, NARROWEST * range_so_far)
    found: FloatArray = np.abs(centred - mean) / np.where(deviation > 0, deviation, 1.0)
    found[:, :1] = 0.0
    return found


def _sums(rows: FloatArray) -> FloatArray:
    """Sums of all entries before each, and of all, shape (K, n + 1)."""
    start = np.zeros((len(rows), 1))
    return np.concatenate([start, np.cumsum(rows, axis=1)], axis=1)


def is_record(scores: FloatArray, memory: int) -> NDArray[np.bool_]:
    """Whether each score is above every one of the ``memory`` before it, shape (K, n)."""
    if not scores.shape[1]:
        return np.zeros(scores.shape, dtype=bool)
    padded = np.concatenate([np.full((len(scores), memory), -np.inf), scores], axis=1)
    before = _trailing_maximum(padded, memory)[:, : scores.shape[1]]
    record: NDArray[np.bool_] = scores > before
    return record


def _trailing_maximum(rows: FloatArray, window: int) -> FloatArray:
    """The maximum of each stretch of ``window`` entries: of blocks' heads and tails (van Herk)."""
    series, length = rows.shape
    blocks = -(-length // window)
    padded = np.full((series, blocks * window), -np.inf)
    padded[:, :length] = rows
    cut = padded.reshape(series, blocks, window)
    head = np.maximum.accumulate(cut, axis=2).reshape(series, -1)
    tail = np.maximum.accumulate(cut[:, :, ::-1], axis=2)[:, :, ::-1].reshape(series, -1)
    ends = np.arange(window - 1, length)
    found: FloatArray = np.maximum(tail[:, ends - window + 1], head[:, ends])
    return found
