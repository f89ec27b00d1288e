"""Steps beside a straight trend: what a few of them and a slope describe better than more of them.

Steps follow a trend like a staircase. Where two or more describe a row best, and their pieces slope
alike, fewer of them beside a trend are tried too, which costs as much as a step. A trend that is
straight in the values is straight in their normal scores where it is buried in noise, and bent like
the normal quantile where it is not; both shapes are fitted. No trend is quite straight: a step
beside it that is smaller than a tenth of its rise is not told.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.normal_scores import normal_scores
from canarystats.kernels.seeded_intervals import greatest_first, peaks, running_sums
from canarystats.kernels.step_noise import (
    StepNoise,
    around_steps,
    description_length,
    step_noise,
)
from canarystats.kernels.step_products import lag_products, products_around

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

# By this much their common slope has to shorten the description: stairs have none, and pass it by
# chance in one of seven rows (chi-squared with two degrees of freedom, one a shape).
ALIKE = 4.0
AHEAD = 3  # steps tried beyond the best number of them
AT_ONCE = 8  # numbers of steps described at once
TINY = 1e-300  # a part of nothing
ALMOST = 1e-14  # of the square: shapes that are one and the same share its slope
MOST_BEND = 0.1  # of a trend's rise: smaller steps are its bends


@dataclass(frozen=True, slots=True, eq=False)
class Flattened:
    """A row less its trend, and the steps in what is left.

    Parameters
    ----------
    values
        Shape (n,).
    places
        First value after each step, shape (j,), in any order.
    noise
        Around trend and steps.
    bend
        The least step that is no bend of the trend, in the unit of the values.
    """

    values: FloatArray
    places: IntArray
    noise: StepNoise
    bend: float


@dataclass(frozen=True, slots=True, eq=False)
class _Sloped:
    """The trend that the pieces between steps have in common, of K rows and M sets of steps each.

    Parameters
    ----------
    slopes
        How much of either shape, shape (K, M, 2).
    gain
        By how much that shortens the description in independent noise, shape (K, M).
    left
        Lag products around the steps alone, shape (K, M, lags).
    flat
        Lag products around the steps and the trend, shape (K, M, lags).
    """

    slopes: FloatArray
    gain: FloatArray
    left: FloatArray
    flat: FloatArray


def beside_trend(
    values: FloatArray,
    sums: FloatArray,
    products: FloatArray,
    places: Sequence[IntArray],
    shortest: int,
) -> list[Flattened | None]:
    """A trend and fewer steps for each row, or None where the steps given describe it better.

    Parameters
    ----------
    values
        Shape (K, n), finite.
    sums, products
        Their `running_sums`, and their `lag_products` of one channel, shape (K, 1, 1, lags).
    places
        First value after each step, for each row at least one, in any order.
    shortest
        Fewest values on each side of a step.
    """
    found: list[Flattened | None] = [None] * len(values)
    if not len(values):
        return found
    n, shapes = values.shape[1], _shapes(values.shape[1])
    alone = _sloped(*_beside_shapes(values, sums, products[..., :1]), _padded(places)[1])
    rows = np.flatnonzero(alone.gain[:, 0] >= ALIKE)  # in noise that remembers it is less yet
    if not len(rows):
        return found
    whole, sums = _beside_shapes(values[rows], sums[rows], products[rows])
    steps, told = _padded([places[int(row)] for row in rows])
    given = _sloped(whole, sums, told)
    least = description_length(given.left[:, 0], n, steps)
    better = np.flatnonzero(description_length(given.flat[:, 0], n, steps) <= least - ALIKE)
    flat = values[rows[better]] - np.einsum("ki,in->kn", given.slopes[better, 0], shapes)
    orders, _ = greatest_first(peaks(running_sums(flat), shortest), int(steps.max()) - 1)
    splits = np.where(np.arange(orders.shape[1]) < steps[better, None] - 1, orders, 0)
    lengths, fewer, slopes = _fewest(whole[better], sums[better], splits)
    shorter = lengths < least[better]
    for told in np.unique(fewer[shorter]):
        some = np.flatnonzero(shorter & (fewer == told))
        at = rows[better[some]]
        alike = _flattened(values[at], splits[some, :told], slopes[some])
        for row, flattened in zip(at, alike, strict=True):
            found[row] = flattened
    return found


def _beside_shapes(
    values: FloatArray, sums: FloatArray, products: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Lag products and running sums of both shapes of a trend and of each row, in that order."""
    (rows, n), lags = values.shape, products.shape[3]
    shapes, (square, climb) = _shapes(n), _of_shapes(n, lags - 1)
    whole, both = np.empty((rows, 3, 3, lags)), np.empty((rows, 3, n + 1))
    whole[:, :2, :2], both[:, :2] = square, climb
    whole[:, 2:, 2:], both[:, 2] = products, sums
    for lag in range(lags):
        whole[:, :2, 2, lag] = np.einsum("ki,ui->ku", values[:, lag:], shapes[:, : n - lag])
        whole[:, 2, :2, lag] = np.einsum("ki,ui->ku", values[:, : n - lag], shapes[:, lag:])
    return whole, both


def _padded(places: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """How many steps each row has, and one set of them a row, shape (K, 1, k)."""
    steps = np.array([len(row) for row in places])
    told = np.zeros((len(places), 1, steps.max()), dtype=np.intp)
    for row, own in enumerate(places):
        told[row, 0, : len(own)] = own
    return steps, told


def _fewest(
    whole: FloatArray, sums: FloatArray, splits: IntArray
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Each row told shortest as a trend and 0, 1, 2 .. steps: how long, how many, its slopes.

    ``splits`` has shape (K, k), with 0 where a row has no more of them. No more than `AHEAD` are
    tried beyond the best.
    """
    count, most = len(splits), (splits > 0).sum(axis=1)
    n = sums.shape[2] - 1
    lengths, fewer = np.full(count, np.inf), np.zeros(count, dtype=np.intp)
    slopes = np.zeros((count, 2))
    rows = np.arange(count)
    for start in range(0, splits.shape[1] + 1, AT_ONCE):
        if not len(rows):
            break
        told = np.arange(start, start + AT_ONCE)
        own = splits[rows, None, : told[-1]]
        places = np.where(np.arange(own.shape[2]) < told[:, None], own, 0)
        some = _sloped(whole[rows], sums[rows], places)
        tried = description_length(some.flat, n, told + 1)
        for i, steps in enumerate(told):
            going = (steps <= most[rows]) & (steps - fewer[rows] <= AHEAD)
            better = going & (tried[:, i] < lengths[rows])
            at = rows[better]
            lengths[at], fewer[at], slopes[at] = tried[better, i], steps, some.slopes[better, i]
        rows = rows[(told[-1] < most[rows]) & (told[-1] - fewer[rows] < AHEAD)]
    return lengths, fewer, slopes


def _sloped(whole: FloatArray, sums: FloatArray, places: IntArray) -> _Sloped:
    """The trend common to the pieces between M sets of steps of each row, places (K, M, k)."""
    products = products_around(whole, sums, places)
    along, left = products[..., :-1, -1, 0], products[..., -1, -1, :]
    square = products[..., :-1, :-1, 0]
    ridge = TINY + ALMOST * np.trace(square, axis1=-2, axis2=-1)
    slopes = np.linalg.solve(square + ridge[..., None, None] * np.eye(2), along[..., None])[..., 0]
    power = np.maximum(left[..., 0], TINY)
    rest = np.maximum(1 - np.einsum("kmi,kmi->km", slopes, along) / power, TINY)
    weights = np.concatenate([-slopes, np.ones((*slopes.shape[:2], 1))], axis=2)
    flat = np.einsum("kmi,kmijl,kmj->kml", weights, products, weights)
    return _Sloped(slopes, -(sums.shape[2] - 1) * np.log(rest), left, flat)


def _flattened(values: FloatArray, places: IntArray, slopes: FloatArray) -> list[Flattened]:
    """Rows less their trends, beside equally many steps."""
    trends = np.einsum("ki,in->kn", slopes, _shapes(values.shape[1]))
    flat = values - trends
    noise = step_noise(around_steps(flat, running_sums(flat), places), places.shape[1] + 1)
    bends = MOST_BEND * np.ptp(trends, axis=1)
    return [
        Flattened(flat[row], places[row], noise.row(row), float(bends[row]))
        for row in range(len(flat))
    ]


@lru_cache(maxsize=8)
def _shapes(n: int) -> FloatArray:
    """What a straight trend is in normal scores, buried in noise and without any, shape (2, n)."""
    ticks = np.arange(n, dtype=np.float64)[None] - (n - 1) / 2
    shapes: FloatArray = np.concatenate([ticks * (2 / n), normal_scores(ticks)])
    shapes.setflags(write=False)
    return shapes


@lru_cache(maxsize=16)
def _of_shapes(n: int, most: int) -> tuple[FloatArray, FloatArray]:
    """Lag products of both shapes, shape (2, 2, most + 1), and their running sums, (2, n + 1)."""
    shapes = _shapes(n)
    return lag_products(shapes[None], most)[0], running_sums(shapes)
