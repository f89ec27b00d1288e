"""The time that is validated, and what a pair holds of it, at whatever resolution it came.

A row speaks for the time since the row before, but for no longer than the rows beside it are apart:
a hole is a hole. Stores thin what is old (15 s, then 5 m, then 1 h), so rows of one pair may speak
for unequal times; sums over blocks of equal time make them alike, weighted by what they hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

DAY = 86_400.0
LENGTHS = (60.0, 300.0, 900.0, 3600.0, 10_800.0, 21_600.0, 43_200.0, DAY)  # all divide a day
MOST_BLOCKS = 200.0
COARSE_SHARE = 0.95  # of the time, whose rows a block is at least as long as


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, Unix seconds; the start belongs to the time before."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Held:
    """The rows of one side of a pair within a span.

    Parameters
    ----------
    span
        The time.
    times
        Unix seconds, shape (n,).
    seconds
        What each row speaks for, shape (n,).
    values
        Shape (n, columns).
    present
        Whether a row holds data, shape (n,).
    """

    span: Span
    times: FloatArray
    seconds: FloatArray
    values: FloatArray
    present: BoolArray

    @property
    def coverage(self) -> float:
        """The part of the span that rows with data speak for."""
        return min(float(self.seconds[self.present].sum()) / self.span.seconds, 1.0)

    @property
    def resolution(self) -> float:
        """The longest time a row speaks for, few rows aside, in seconds; 0 without data."""
        seconds = np.sort(self.seconds[self.present])
        if not len(seconds):
            return 0.0
        upto = np.cumsum(seconds)
        return float(seconds[np.searchsorted(upto, COARSE_SHARE * upto[-1])])

    @property
    def block_seconds(self) -> float:
        """How long a block is: at most 200 in the span, none shorter than most rows."""
        least = max(self.resolution * (1 - 1e-6), self.span.seconds / MOST_BLOCKS)
        return next((length for length in LENGTHS if length >= least), LENGTHS[-1])

    def sums(self, amounts: FloatArray, length: float | None = None) -> FloatArray:
        """Sums over blocks of equal time, shape (B, k); NaN where a block holds no data.

        Parameters
        ----------
        amounts
            Shape (n, k), read where `present`.
        length
            Seconds in a block; `block_seconds` where None.
        """
        length = self.block_seconds if length is None else length
        place = np.ceil((self.times - self.span.start) / length - 1e-9).astype(np.intp) - 1
        size = self._size(length)
        place = np.clip(place, 0, size - 1)[self.present]
        held = amounts[self.present]
        table: FloatArray = np.empty((size, held.shape[1]))
        for j in range(held.shape[1]):
            table[:, j] = np.bincount(place, held[:, j], size)
        table[np.bincount(place, minlength=size) == 0] = np.nan
        return table

    def middles(self) -> FloatArray:
        """Unix seconds in the middle of each block, shape (B,)."""
        length = self.block_seconds
        number = np.arange(self._size(length), dtype=np.float64)
        return self.span.start + (number + 0.5) * length

    def _size(self, length: float) -> int:
        return max(int(np.ceil(self.span.seconds / length - 1e-9)), 1)


def cut(pair: Pair, span: Span) -> Pair:
    """The rows of a pair within a span.

    Raises
    ------
    InputError
        If the pair has no times.
    """
    times = times_of(pair)
    first, stop = np.searchsorted(times, [span.start + 1e-6, span.end + 1e-6], side="right")
    return pair.rows(int(first), int(stop))


def held(pair: Pair, span: Span, *, baseline: bool = False) -> Held:
    """One side of a pair within a span.

    Raises
    ------
    InputError
        If the pair has no times.
    """
    times, inside = times_of(pair), cut(pair, span)
    side = inside.baseline if baseline else inside.canary
    values = np.full((inside.n_ticks, 1), np.nan) if side is None else side
    first = int(np.searchsorted(times, span.start + 1e-6, side="right"))
    seconds = row_seconds(times)[first : first + inside.n_ticks]
    finite = np.isfinite(values)
    whole = pair.kind in {Kind.COUNTS, Kind.HISTOGRAM}
    present: BoolArray = np.asarray(finite.all(axis=1) if whole else finite.any(axis=1))
    return Held(span, times_of(inside), seconds, values, present)


def row_seconds(times: FloatArray) -> FloatArray:
    """What each row speaks for: the shorter of the times to its neighbours, shape (n,)."""
    if len(times) < 2:
        return np.full(len(times), 0.0)
    gaps = np.diff(times)
    before, after = np.concatenate([gaps[:1], gaps]), np.concatenate([gaps, gaps[-1:]])
    seconds: FloatArray = np.minimum(before, after)
    return seconds


def last_time(pairs: list[Pair]) -> float | None:
    """The last tick of any pair."""
    ends = [float(times[-1]) for times in map(times_of, pairs) if len(times)]
    return max(ends, default=None)


def times_of(pair: Pair) -> FloatArray:
    """The times of a pair, or an error that names it."""
    if pair.times is None:
        msg = f"metric {pair.name!r} has no times; a validation needs them"
        raise InputError(msg)
    return pair.times
