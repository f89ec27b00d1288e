"""Where the mean of a row may have stepped: the largest CUSUM of every interval of a fixed set.

Seeded intervals halve in length layer by layer and overlap by half, so that every change has an
interval in which it is alone and nearly central; there are O(n) of them and they do not depend on
the data. Long intervals are searched on a grid of about a hundred places. The set is its own
mirror image: a series read backwards gives the mirrored answer. Time O(n log n) a row.

References
----------
Kovács, Bühlmann, Li & Munk (2023), Biometrika 110:249-256 (seeded binary segmentation).
Kovács, Li, Haubner, Munk & Bühlmann (2020), arXiv:2010.10194 (search on a grid).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

DECAY = 2**-0.5  # of the length from layer to layer
GRID = 100  # places searched in an interval of two hundred values and more


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Intervals of one length.

    Parameters
    ----------
    length
        Values in each interval.
    starts
        First positions, shape (J,).
    offsets
        Values before the change, from an interval's start, shape (G,).
    places
        Index of each interval's candidates in the sums, shape (J * G,).
    weights
        What makes a CUSUM's variance that of one value, shape (G,).
    """

    length: int
    starts: IntArray
    offsets: IntArray
    places: IntArray
    weights: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """The largest CUSUM of each interval.

    Parameters
    ----------
    size
        Its absolute value, in the unit of the values, shape (K, I).
    place
        Where: the first value after the change, shape (K, I).
    starts, stops
        The intervals, shape (I,).
    """

    size: FloatArray
    place: IntArray
    starts: IntArray
    stops: IntArray

    def row(self, row: int) -> Peaks:
        """The peaks of one row alone."""
        part = slice(row, row + 1)
        return Peaks(self.size[part], self.place[part], self.starts, self.stops)


def running_sums(values: FloatArray) -> FloatArray:
    """Sums of the first 0 .. n values of each row, along the last axis."""
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    return sums


def peaks(sums: FloatArray, shortest: int) -> Peaks:
    """Search every seeded interval.

    Parameters
    ----------
    sums
        What `running_sums` gives, shape (K, n + 1), n at least twice ``shortest``.
    shortest
        Fewest values on each side of a change.
    """
    rows = len(sums)
    sizes, places, starts, stops = [], [], [], []
    for layer in layers(sums.shape[1] - 1, shortest):
        shape = (rows, len(layer.starts), len(layer.offsets))
        base = np.take(sums, layer.starts, axis=1)
        slope = (np.take(sums, layer.starts + layer.length, axis=1) - base) / layer.length
        excess = np.take(sums, layer.places, axis=1).reshape(shape)
        excess -= base[:, :, None]
        excess -= slope[:, :, None] * layer.offsets
        excess *= layer.weights
        np.abs(excess, out=excess)
        best = excess.argmax(axis=2)
        first = np.arange(0, excess.size, shape[2]).reshape(shape[:2])
        sizes.append(excess.ravel().take(first + best))
        places.append(layer.starts + layer.offsets[best])
        starts.append(layer.starts)
        stops.append(layer.starts + layer.length)
    return Peaks(
        np.concatenate(sizes, axis=1),
        np.concatenate(places, axis=1),
        np.concatenate(starts),
        np.concatenate(stops),
    )


def greatest_first(found: Peaks, most: int) -> tuple[IntArray, FloatArray]:
    """Split at the greatest peak, drop the intervals that hold it, and so on.

    Parameters
    ----------
    found
        Peaks of K rows.
    most
        How many splits.

    Returns
    -------
    tuple
        Places and sizes, each of shape (K, most), in the order of the splits; a size of 0 and a
        place of 0 stand where no interval was left.
    """
    size = found.size.copy()
    rows = np.arange(len(size))
    places = np.zeros((len(size), most), dtype=np.intp)
    sizes = np.zeros((len(size), most))
    for split in range(most):
        best = size.argmax(axis=1)
        left = size[rows, best] > 0
        places[:, split] = np.where(left, found.place[rows, best], 0)
        sizes[:, split] = np.where(left, size[rows, best], 0)
        place = places[:, split][:, None]
        size[(found.starts < place) & (place < found.stops)] = 0
    return places, sizes


@lru_cache(maxsize=32)
def layers(n: int, shortest: int) -> tuple[Layer, ...]:
    """The seeded intervals of a row of n values, longest first."""
    found = []
    length, depth = n, 0
    while length >= 2 * shortest:
        count = 1 if depth == 0 else 2 * int(np.ceil(DECAY**-depth)) - 1
        starts = _spread(n - length, min(count, n - length + 1))
        offsets = _grid(length, shortest)
        weights = np.sqrt(length / (offsets * (length - offsets)))
        places = (starts[:, None] + offsets).ravel()
        found.append(Layer(length, starts, offsets, places, weights))
        depth += 1
        length = round(n * DECAY**depth)
        length -= (n - length) % 2  # a middle start lies in the middle
    return tuple(found)


def _spread(last: int, count: int) -> IntArray:
    """``count`` starts from 0 to ``last``, as evenly as whole numbers allow, mirrored."""
    half = np.floor(np.arange(count) * last / max(count - 1, 1) + 0.5).astype(np.intp)[: count // 2]
    middle = [last // 2] if count % 2 else []
    return np.concatenate([half, np.array(middle, dtype=np.intp), (last - half)[::-1]])


def _grid(length: int, shortest: int) -> IntArray:
    half = np.arange(shortest, length // 2 + 1, max(1, length // GRID))
    both: IntArray = np.unique(np.concatenate([half, length - half])).astype(np.intp)
    return both
