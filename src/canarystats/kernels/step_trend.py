"""Steps beside a straight trend: what a few of them and a slope describe better than more of them.

Steps follow a trend like a staircase. Where two or more describe a row best, and their pieces slope
alike, fewer of them beside a trend are tried too, which costs as much as a step. A trend that is
straight in the values is straight in their normal scores where it is buried in noise, and bent like
the normal quantile where it is not; both shapes are fitted. No trend is quite straight: a step
beside it that is smaller than a tenth of its rise is not told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.normal_scores import normal_scores
from canarystats.kernels.seeded_intervals import greatest_first, peaks, running_sums
from canarystats.kernels.step_noise import StepNoise, around_steps, description_length, step_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

# By this much their common slope has to shorten the description: stairs have none, and pass it by
# chance in one of seven rows (chi-squared with two degrees of freedom, one a shape).
ALIKE = 4.0
AHEAD = 3  # steps tried beyond the best number of them
TINY = 1e-300  # a part of nothing
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


def beside_trend(values: FloatArray, places: IntArray, shortest: int) -> Flattened | None:
    """A trend and fewer steps, where they describe the row better than the steps given.

    Parameters
    ----------
    values
        Shape (n,), finite.
    places
        First value after each step, shape (k,), in any order.
    shortest
        Fewest values on each side of a step.
    """
    row, steps, shapes = values[None], len(places), _shapes(len(values))
    flat, gain = _flattened(row, places[None], shapes)
    if gain < ALIKE:  # in noise that remembers a slope gains less yet
        return None
    least, sloped = _lengths(np.concatenate([row, flat]), places[None], steps).tolist()
    if sloped > least - ALIKE:
        return None
    order, _ = greatest_first(peaks(running_sums(flat), shortest), steps - 1)
    lengths: list[float] = []
    for told in range(int((order > 0).sum()) + 1):
        flat, _ = _flattened(row, order[:, :told], shapes)
        lengths.append(float(_lengths(flat, order[:, :told], told + 1)[0]))
        if told - int(np.argmin(lengths)) == AHEAD:
            break
    if min(lengths) >= least:
        return None
    fewer = int(np.argmin(lengths))
    flat, _ = _flattened(row, order[:, :fewer], shapes)
    left = around_steps(flat, running_sums(flat), order[:, :fewer])
    bend = MOST_BEND * float(np.ptp(row - flat))
    return Flattened(flat[0], order[0, :fewer], step_noise(left, fewer + 1), bend)


def _flattened(row: FloatArray, places: IntArray, shapes: FloatArray) -> tuple[FloatArray, float]:
    """The row less the trend that its pieces have in common, and what that gains.

    The gain is that of a description in independent noise.
    """
    both = np.concatenate([shapes, row])
    both = around_steps(both, running_sums(both), np.repeat(places, len(both), axis=0))
    apart, left = both[:-1], both[-1]
    square = np.einsum("ij,kj->ik", apart, apart)
    along = np.einsum("ij,j->i", apart, left)
    slopes = np.linalg.lstsq(square, along, rcond=None)[0]
    power = max(float(np.einsum("i,i->", left, left)), TINY)
    rest = max(1.0 - float(np.einsum("i,i->", slopes, along)) / power, TINY)
    flat: FloatArray = row - np.einsum("i,ij->j", slopes, shapes)
    return flat, -len(left) * math.log(rest)


@lru_cache(maxsize=8)
def _shapes(n: int) -> FloatArray:
    """What a straight trend is in normal scores, buried in noise and without any, shape (2, n)."""
    ticks = np.arange(n, dtype=np.float64)[None] - (n - 1) / 2
    shapes: FloatArray = np.concatenate([ticks * (2 / n), normal_scores(ticks)])
    shapes.setflags(write=False)
    return shapes


def _lengths(rows: FloatArray, places: IntArray, told: int) -> FloatArray:
    """Description lengths of rows with steps at the same places, shape (K,)."""
    left = around_steps(rows, running_sums(rows), np.repeat(places, len(rows), axis=0))
    return description_length(left, told)
