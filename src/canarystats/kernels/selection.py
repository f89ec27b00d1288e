"""Order statistics of all differences between two samples, many pairs of samples at once.

Both samples are sorted, and the differences of a few values of each, evenly spread over the ranks,
tell about where an order statistic lies. Merging one sorted sample with the other moved there
counts, row by row, what lies beyond; the next guess is two values, a little to either side of where
the count says it is. So a bracket shrinks, mostly in one step, until only a few differences per
value lie inside, and those are formed. A row whose bracket does not shrink (ties), or ends too near
for rounding, is left to the exact search of `differences`. What is found are differences
themselves, so no path changes a bit. Time O((n + m) log(n + m)), memory O(n + m) a row.

References
----------
Floyd & Rivest (1975), Communications of the ACM 18:165-172 (selection by bracketing from a sample).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.differences import difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.intp]

FORMED = 700  # differences few enough to be formed and sorted
KEPT = 24, 48  # values of each sample kept for the first guess, of short and of long ones
LONG = 120  # values from which on a sample is long
AROUND = 0.03  # of the kept differences, to either side, that tell how dense they are
REACH = 3.0  # how far the guesses stand off, in root differences between the last guess and the aim
BLUR = 0.12  # and in these differences themselves, whose density is guessed, too
AIM = 24  # of the values of both samples, how many differences a guess stands off at least
ROUNDS = 8  # before a row is left to the exact search
TIED = 16  # differences of distinct values formed, per value of both samples
ROUNDING = 8 * np.finfo(np.float64).eps
BLOCK = 1 << 16  # values merged at once


def select_differences(
    first: FloatArray, second: FloatArray, ranks: IndexArray
) -> tuple[FloatArray, FloatArray]:
    """The k-th smallest x_i - y_j of each row and the one after it, for every k asked of it.

    Parameters
    ----------
    first, second
        Shape (K, n) and (K, m), not empty, any one unit a row, no NaN, no infinity that both hold.
    ranks
        Shape (K, q): k = 0 .. n*m - 1; the last one stands for the one after it, too.

    Returns
    -------
    tuple of ndarray
        Shape (K, q) each.
    """
    found = np.empty((2, *ranks.shape))
    step = max(1, BLOCK // ((first.shape[1] + second.shape[1]) * max(ranks.shape[1], 1)))
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        x, y = np.sort(first[part], axis=1), np.sort(second[part], axis=1)
        with np.errstate(invalid="ignore"):  # rows with infinities are left to the exact search
            found[:, part] = _selected(x, y, ranks[part])
    last = first.shape[1] * second.shape[1] - 1
    for row in np.flatnonzero(np.isnan(found).any(axis=(0, 2))):
        both = np.stack([ranks[row], np.minimum(ranks[row] + 1, last)])
        found[:, row] = _searched(first[row], second[row], both)
    return found[0], found[1]


def _searched(x: FloatArray, y: FloatArray, ranks: IndexArray) -> FloatArray:
    """One row: by its distinct values where they are few, else by narrowing."""
    (values, counts), (others, times) = (np.unique(side, return_counts=True) for side in (x, y))
    if values.size * others.size > TIED * (x.size + y.size):
        found = [difference(x, y, int(k)) for k in ranks.reshape(-1)]
        return np.array(found).reshape(ranks.shape)
    formed = (values[:, None] - others).reshape(-1)
    order = np.argsort(formed)
    upto = np.cumsum(np.outer(counts, times).reshape(-1)[order])
    tied: FloatArray = formed[order][np.searchsorted(upto, ranks, side="right")]
    return tied


def _selected(x: FloatArray, y: FloatArray, ranks: IndexArray) -> FloatArray:
    """What could be selected, shape (2, K, q); NaN where it could not."""
    (rows, n), m = x.shape, y.shape[1]
    following = np.minimum(ranks + 1, n * m - 1)
    if n * m <= FORMED:
        formed = np.sort((x[:, :, None] - y[:, None, :]).reshape(rows, n * m), axis=1)
        return np.stack([np.take_along_axis(formed, k, axis=1) for k in (ranks, following)])
    merge = _Merge(x, y, np.repeat(np.arange(rows), ranks.shape[1]))
    wanted = np.stack([ranks.reshape(-1), following.reshape(-1)], axis=1)
    bracket = _bracketed(merge, wanted)
    chosen = np.flatnonzero(bracket.inside <= merge.few)
    found = np.full((2, ranks.size), np.nan)
    if chosen.size:
        value = merge.formed(bracket, chosen, wanted[chosen] - bracket.below_low[chosen, None])
        # nearer to an end than rounding may move it, a difference could lie on either side
        ends = np.abs(np.stack([x[:, 0], x[:, -1], y[:, 0], y[:, -1]])).max(axis=0)
        slack = ROUNDING * ends[merge.row[chosen]]
        clear = (value > bracket.low[chosen] + slack) & (value < bracket.high[chosen] - slack)
        found[:, chosen] = np.where(clear, value, np.nan)
    return found.reshape(2, *ranks.shape)


class _Merge:
    """Sorted samples, of which every rank asked for has its own row."""

    def __init__(self, x: FloatArray, y: FloatArray, row: IndexArray) -> None:
        self.x, self.y, self.row = x, y, row
        # the last bit of each value tells after merging from which sample it came
        self.tagged = (y.view(np.int64) & -2).view(np.float64)
        self.few = x.shape[1] + y.shape[1]

    def above(self, at: IndexArray, value: FloatArray) -> IndexArray:
        """How many differences lie above a value, x by x, but for rounding."""
        n = self.x.shape[1]
        own = self.row[at]
        table = np.empty((len(at), self.few))
        bits = table.view(np.int64)
        np.subtract(self.x[own], value[:, None], out=table[:, :n])
        bits[:, :n] |= 1
        table[:, n:] = self.tagged[own]
        table.sort(axis=1, kind="stable")  # which merges what is in order
        place = np.flatnonzero((bits & 1).astype(bool)).reshape(len(at), n)
        above: IndexArray = place - (np.arange(len(at)) * self.few)[:, None] - np.arange(n)
        return above

    def formed(self, bracket: _Bracket, at: IndexArray, position: IndexArray) -> FloatArray:
        """The differences at two positions among those inside each row's bracket, (2, rows)."""
        after = bracket.above_high[at]
        sizes = (bracket.above_low[at] - after).reshape(-1)
        some = np.flatnonzero(sizes)
        sizes, after = sizes[some], after.reshape(-1)[some]
        row, column = np.divmod(some, self.x.shape[1])
        own = self.row[at][row]
        starts = np.cumsum(sizes) - sizes
        begin = after + own * self.y.shape[1] - starts
        index = np.arange(int(sizes.sum())) + np.repeat(begin, sizes)
        values = np.repeat(self.x[own, column], sizes) - self.y.reshape(-1)[index]
        held = bracket.inside[at]
        table = np.full((len(at), int(held.max())), np.inf)
        table[np.arange(table.shape[1]) < held[:, None]] = values
        table.sort(axis=1)
        chosen: FloatArray = np.take_along_axis(table, position, axis=1)
        return chosen.T


@dataclass(slots=True)
class _Bracket:
    """Where each row's order statistic lies, and what lies beyond the ends, x by x."""

    low: FloatArray
    high: FloatArray
    above_low: IndexArray
    above_high: IndexArray
    below_low: IndexArray
    below_high: IndexArray
    total: int

    @property
    def inside(self) -> IndexArray:
        return self.below_high - self.below_low

    def narrow(
        self, at: IndexArray, value: FloatArray, above: IndexArray, wanted: IndexArray
    ) -> IndexArray:
        """Take a value that was counted for the end that it can be; how many lie below it."""
        below: IndexArray = self.total - above.sum(axis=1)
        rises = (below <= wanted[:, 0]) & (value > self.low[at])
        falls = (below > wanted[:, 1]) & (value < self.high[at])
        for moves, end, count, beyond in (
            (rises, self.low, self.below_low, self.above_low),
            (falls, self.high, self.below_high, self.above_high),
        ):
            rows = at[moves]
            end[rows], count[rows], beyond[rows] = value[moves], below[moves], above[moves]
        return below


@dataclass(slots=True)
class _Aim:
    """A value near each row's order statistic, and how far apart differences are there."""

    near: FloatArray
    below: IndexArray
    step: FloatArray


def _bracketed(merge: _Merge, wanted: IndexArray) -> _Bracket:
    (rows, n), m = (len(merge.row), merge.x.shape[1]), merge.y.shape[1]
    ends = merge.x[:, [0, -1]] - merge.y[:, [-1, 0]]
    slack = (ends[:, 1:] - ends[:, :1]) * 1e-9 + np.abs(ends) * 1e-13
    low, high = (ends + slack * [-1, 1])[merge.row].T.copy()
    bracket = _Bracket(
        low,
        high,
        np.full((rows, n), m),
        np.zeros((rows, n), dtype=np.intp),
        np.zeros(rows, dtype=np.intp),
        np.full(rows, n * m),
        n * m,
    )
    aim = _guess(merge, wanted[:, 0])
    going = np.flatnonzero(np.isfinite(aim.near + aim.step) & (aim.step > 0))
    if going.size:
        above = merge.above(going, aim.near[going])
        aim.below[going] = bracket.narrow(going, aim.near[going], above, wanted[going])
    for _ in range(ROUNDS):
        going = going[bracket.inside[going] > merge.few]
        if not going.size:
            break
        _tighten(merge, bracket, aim, going, wanted[going])
    return bracket


def _tighten(
    merge: _Merge, bracket: _Bracket, aim: _Aim, at: IndexArray, wanted: IndexArray
) -> None:
    """Count at two values around where the order statistic seems to be, and learn from it."""
    step, gap = aim.step[at], wanted[:, 1] - aim.below[at]
    reach = (BLUR * np.abs(gap) + REACH * np.sqrt(np.abs(gap)) + merge.few / AIM) * step
    values = aim.near[at] + gap * step - reach, aim.near[at] + gap * step + reach
    low, high = (bracket.narrow(at, value, merge.above(at, value), wanted) for value in values)
    aim.step[at] = np.where(high > low, 2 * reach / np.maximum(high - low, 1), step)
    nearer = np.abs(wanted[:, 1] - low) < np.abs(wanted[:, 1] - high)
    aim.near[at] = np.where(nearer, *values)
    aim.below[at] = np.where(nearer, low, high)


def _guess(merge: _Merge, rank: IndexArray) -> _Aim:
    """Where the order statistic of a few values' differences lies."""
    sides = []
    for side in (merge.x, merge.y):
        size = side.shape[1]
        kept = min(size, KEPT[size >= LONG])
        sides.append(side[:, ((np.arange(kept) + 0.5) * size / kept).astype(np.intp)])
    few = sides[0].shape[1] * sides[1].shape[1]
    sample = np.sort((sides[0][:, :, None] - sides[1][:, None, :]).reshape(-1, few), axis=1)
    each = merge.x.shape[1] * merge.y.shape[1] / few
    centre = np.clip((rank + 0.5) / each - 0.5, 0, few - 1)
    width = max(2.0, AROUND * few)
    places = np.stack([centre - width, centre + width, np.floor(centre), np.floor(centre) + 1])
    places = np.clip(places, 0, few - 1).astype(np.intp)
    first, last, below, beyond = sample[merge.row, places]
    step = (last - first) / (np.maximum(places[1] - places[0], 1) * each)
    # between two of them, for an end that is a difference leaves it open on which side it counts
    return _Aim((below + beyond) / 2, np.zeros_like(places[0]), step)
