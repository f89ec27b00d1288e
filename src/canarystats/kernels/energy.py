"""Energy statistics of every split of a series, and the splits that part it best.

The statistic of a split into n values before and m after is n m / (n + m) times the energy distance
of the two, 2 E|X - Y| - E|X - X'| - E|Y - Y'|. It sees changes of spread and shape as well as of
level. Matteson and James average over distinct pairs, so that it is 0 on average where nothing
changes; MongoDB's package averages over all pairs, so that it is never negative. Every pair of
values is visited: the time grows with n squared, the memory does not.

References
----------
Matteson & James (2014), JASA 109:334-345 (E-divisive).
Székely & Rizzo (2013), Journal of Statistical Planning and Inference 143:1249-1272.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

BLOCK = 1 << 18  # distances held at once


def split_statistics(values: FloatArray, *, distinct: bool = True) -> FloatArray:
    """The energy statistic of parting the values before each place.

    Parameters
    ----------
    values
        Shape (n,), finite, any unit.
    distinct
        Whether averages are over distinct pairs, or over all, a value beside itself included.

    Returns
    -------
    ndarray
        Shape (n,), in the unit of the values; 0 for the first place, before which nothing is.
    """
    n = len(values)
    back, forth = _distances(values)
    within_before = np.concatenate([[0.0], np.cumsum(back)[:-1]])
    within_after = np.cumsum(forth[::-1])[::-1]
    between = back.sum() - within_before - within_after
    before = np.arange(n, dtype=np.float64)
    after = n - before
    pairs_before = np.maximum(before * (before - distinct), 1)
    pairs_after = np.maximum(after * (after - distinct), 1)
    apart = between / np.maximum(before * after, 1)
    apart -= within_before / pairs_before + within_after / pairs_after
    found: FloatArray = 2 * before * after / n * apart
    return found


def _distances(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of each value, the sums of its distances to those before and to those after it."""
    n = len(values)
    back, forth = np.zeros(n), np.zeros(n)
    height = max(1, BLOCK // max(n, 1))
    for start in range(0, n, height):
        part = slice(start, start + height)
        apart = np.abs(values[part, None] - values)
        back[part] = np.tril(apart, start - 1).sum(axis=1)
        forth[part] = np.triu(apart, start + 1).sum(axis=1)
    return back, forth


def divided(values: FloatArray, shortest: int, least: float) -> IntArray:
    """Where the values part best, the stretch with the clearest split first.

    Parameters
    ----------
    values
        Shape (n,), finite, any unit.
    shortest
        Fewest values on each side of a split, at least 1.
    least
        Statistic a split must exceed, in the unit of the values.

    Returns
    -------
    ndarray
        First value after each split, in the order found.
    """
    open_stretches = {(0, len(values)): _best(values, shortest)}
    found: list[int] = []
    while open_stretches:
        (start, stop), (statistic, inside) = max(open_stretches.items(), key=lambda item: item[1])
        if not statistic > least:
            break
        place = start + inside
        found.append(place)
        del open_stretches[start, stop]
        for ends in ((start, place), (place, stop)):
            open_stretches[ends] = _best(values[slice(*ends)], shortest)
    return np.array(found, dtype=np.intp)


def _best(values: FloatArray, shortest: int) -> tuple[float, int]:
    inside = split_statistics(values)[shortest : len(values) - shortest + 1]
    if not len(inside):
        return -np.inf, 0
    place = int(inside.argmax())
    return float(inside[place]), shortest + place
