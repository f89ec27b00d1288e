"""Steps in the means of many rows at once: seeded intervals, the noise around them, their tails.

The greatest peaks give an order of splits that does not depend on the noise. Of the models with
0, 1, 2 ... of them the shortest description is kept; its noise sets the scale; places are moved to
their best between their neighbours; steps whose tail probability exceeds the level are dropped,
the weakest first, and the noise is estimated anew without them. Several steps that a straight
trend and fewer of them describe better give way to these. A row that a trend, or a walk, takes
from end to end is parted once, where two means explain most. Everything a row needs comes from
that row alone, so a batch gives bit for bit what a loop gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.change_tail import place_reach, tail_probability
from canarystats.kernels.long_run import degrees
from canarystats.kernels.seeded_intervals import greatest_first, peaks, running_sums
from canarystats.kernels.step_noise import (
    ORDERS,
    StepNoise,
    around_steps,
    description_length,
    step_noise,
)
from canarystats.kernels.step_place import explained_by_step
from canarystats.kernels.step_products import lag_products, products_around
from canarystats.kernels.step_trend import beside_trend
from canarystats.kernels.unsettled import parting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canarystats.kernels.seeded_intervals import Peaks
    from canarystats.kernels.step_trend import Flattened

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

BLOCK = 1 << 16  # values searched at once: a block and its temporaries stay near the cache
FIRST_MODELS = (0, 1, 2, 3, 4, 8, 16)  # splits tried in every row: a few, or plainly many
FEW = 2  # beyond, every number of splits is tried
AT_ONCE = 32  # models described at once
SWEEPS = 2  # over the places, to move each to its best between its neighbours


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The steps of one row.

    Parameters
    ----------
    places
        First value after each step, shape (k,), increasing.
    sizes
        Difference of the means after and before, in the unit of the values, shape (k,).
    p_values
        Tail probability of each, over all places of the row, shape (k,).
    reach
        Half the width of the 95 % interval of each place, in ticks, shape (k,).
    time
        Autocorrelation time of what is left around the steps, in ticks.
    long_run_variance
        Of what is left, in the unit of the values squared.
    smallest_p
        Of the row's greatest step, found or not.
    settled
        False where the level never settles, and one place stands for the whole way.
    """

    places: IntArray
    sizes: FloatArray
    p_values: FloatArray
    reach: FloatArray
    time: float
    long_run_variance: float
    smallest_p: float
    settled: bool = True


def search(values: FloatArray, shortest: int, level: float) -> list[Steps]:
    """Find the steps of each row.

    Parameters
    ----------
    values
        Shape (K, n), finite, n at least twice ``shortest``; normal scores, or near normal.
    shortest
        Fewest values on each side of a step.
    level
        Largest tail probability of a step that is kept, in (0, 1).

    Notes
    -----
    Assumes steps in stationary noise, beside a straight trend at most. A cycle or a bent trend
    within the row is told as steps where they describe it better than memory does.
    """
    found: list[Steps] = []
    block = max(1, BLOCK // max(values.shape[1], 1))
    for start in range(0, len(values), block):
        found += _search_block(values[start : start + block], shortest, level)
    return found


def steps_at(values: FloatArray, places: IntArray, shortest: int) -> Steps:
    """Describe given steps of one row, none dropped.

    Parameters
    ----------
    values
        Shape (n,).
    places
        First value after each step, increasing.
    shortest
        As `search` takes it: how finely steps are looked for.
    """
    sums = running_sums(values[None])
    left = around_steps(values[None], sums, places[None])
    noise = step_noise(left, len(places))
    return _described(sums[0], places, noise, shortest, smallest=1.0)


def _search_block(values: FloatArray, shortest: int, level: float) -> list[Steps]:
    sums = running_sums(values)
    found = peaks(sums, shortest)
    order, sizes = greatest_first(found, min(FIRST_MODELS[-1], values.shape[1] // shortest - 1))
    products = lag_products(values[:, None], min(ORDERS, values.shape[1] - 1))
    chosen = _shortest_description(products, sums, order, FIRST_MODELS)
    many = chosen > FEW
    every = range(order.shape[1] + 1)
    chosen[many] = _shortest_description(products[many], sums[many], order[many], every)
    noise = _noise_by_model(values, sums, order, chosen)
    first = _tails(sizes[:, 0], noise, chosen, values.shape[1], shortest)
    places, around = [], []
    for row in range(len(values)):
        one, splits = noise.row(row), order[row, : max(chosen[row], 1)]
        if chosen[row] >= FIRST_MODELS[-1] - 1:
            part = slice(row, row + 1)
            splits, one = _more(values[part], sums[part], products[part], found.row(row))
        elif not chosen[row] and first[row] > level:
            splits = splits[:0]
        places.append(splits)
        around.append(one)
    several = [row for row, splits in enumerate(places) if len(splits) > 1]
    told = [places[row] for row in several]
    beside = beside_trend(values[several], sums[several], products[several], told, shortest)
    trends = dict(zip(several, beside, strict=True))
    return [
        _told(values[row], sums[row], places[row], around[row], trends.get(row), setting)
        for row in range(len(values))
        for setting in [(shortest, level, first[row])]
    ]


def _told(
    values: FloatArray,
    sums: FloatArray,
    places: IntArray,
    noise: StepNoise,
    trend: Flattened | None,
    setting: tuple[int, float, float],
) -> Steps:
    """The steps of one row, beside its trend if it has one; or a single one for its whole way."""
    if trend is None:
        steps = _settle(values, sums, places, noise, setting)
    else:
        flat_sums = running_sums(trend.values[None])[0]
        steps = _settle(trend.values, flat_sums, trend.places, trend.noise, setting, trend.bend)
    if len(steps.places):
        return steps
    once = _parted_once(values, sums, None if trend is None else trend.noise, setting)
    return steps if once is None else once


def _parted_once(
    values: FloatArray,
    sums: FloatArray,
    around_trend: StepNoise | None,
    setting: tuple[int, float, float],
) -> Steps | None:
    """One step for the whole way of a row that a trend describes, or that wanders."""
    shortest, level, smallest = setting
    parted = parting(values, shortest)
    place = np.array([parted.place])
    if around_trend is not None:
        once = _described(sums, place, around_trend, shortest, smallest)
        if once.p_values[0] <= level:
            return replace(once, settled=False)
    if parted.p_value > level or not parted.stands_for_all:
        return None
    noise = step_noise(around_steps(values[None], sums[None], place[None]), 1)
    once = _described(sums, place, noise, shortest, smallest)
    p = parted.p_value
    return replace(once, p_values=np.array([p]), smallest_p=min(smallest, p), settled=False)


def _shortest_description(
    products: FloatArray, sums: FloatArray, order: IntArray, models: Sequence[int]
) -> IntArray:
    """How many of the splits are worth their telling, of the numbers tried."""
    tried = np.array([k for k in models if k <= order.shape[1]])
    n = sums.shape[1] - 1
    lengths = []
    for start in range(0, len(tried), AT_ONCE):
        some = tried[start : start + AT_ONCE]
        splits = order[:, None, : some[-1]]
        places = np.where(np.arange(some[-1]) < some[:, None], splits, 0)
        left = products_around(products, sums[:, None], places)[:, :, 0, 0]
        lengths.append(description_length(left, n, some))
    best: IntArray = tried[np.argmin(np.concatenate(lengths, axis=1), axis=1)]
    kept: IntArray = np.minimum(best, (order > 0).sum(axis=1))
    return kept


def _noise_by_model(
    values: FloatArray, sums: FloatArray, order: IntArray, chosen: IntArray
) -> StepNoise:
    parts = np.zeros((3, len(values)))
    for k in np.unique(chosen):
        rows = chosen == k
        noise = step_noise(around_steps(values[rows], sums[rows], order[rows, :k]), int(k))
        parts[:, rows] = noise.long_run_variance, noise.time, noise.first
    return StepNoise(*parts)


def _more(
    values: FloatArray, sums: FloatArray, products: FloatArray, found: Peaks
) -> tuple[IntArray, StepNoise]:
    """Splits and noise of one row whose best model used up the splits tried."""
    most = FIRST_MODELS[-1]
    while True:
        most *= 2
        order, _ = greatest_first(found, most)
        order = order[:, : int((order > 0).sum())]
        chosen = _shortest_description(products, sums, order, range(order.shape[1] + 1))
        if chosen[0] < most - 1:
            noise = _noise_by_model(values, sums, order, chosen)
            return order[0, : chosen[0]], noise


def _settle(
    values: FloatArray,
    sums: FloatArray,
    places: IntArray,
    noise: StepNoise,
    setting: tuple[int, float, float],
    bend: float = 0.0,
) -> Steps:
    shortest, level, smallest = setting
    places = _moved(values, np.sort(places), noise, shortest)
    while True:
        steps = _described(sums, places, noise, shortest, smallest)
        doubt = np.where(np.abs(steps.sizes) < bend, 1.0, steps.p_values)
        if not len(places) or doubt.max() <= level:
            return steps
        places = np.delete(places, doubt.argmax())
        noise = step_noise(around_steps(values[None], sums[None], places[None]), len(places))
        places = _moved(values, places, noise, shortest)


def _moved(values: FloatArray, places: IntArray, noise: StepNoise, shortest: int) -> IntArray:
    """Each place where a step between its neighbours explains most."""
    places = places.copy()
    first = float(noise.first[0])
    for _ in range(SWEEPS if len(places) > 1 else 1):
        for i in range(len(places)):
            start = places[i - 1] if i else 0
            stop = places[i + 1] if i + 1 < len(places) else len(values)
            if stop - start >= 2 * shortest:
                explained = explained_by_step(values[start:stop], first)
                inside = explained[shortest - 1 : len(explained) - shortest + 1]
                places[i] = start + shortest + np.argmax(inside)
    return places


def _described(
    sums: FloatArray, places: IntArray, noise: StepNoise, shortest: int, smallest: float
) -> Steps:
    n = len(sums) - 1
    ends = np.concatenate([[0], places, [n]])
    width = np.diff(ends)
    sizes = np.diff(np.diff(sums[ends]) / width)
    cusum = np.abs(sizes) * np.sqrt(width[:-1] * width[1:] / (width[:-1] + width[1:]))
    p = _tails(cusum, noise, np.array(len(places)), n, shortest)
    return Steps(
        places,
        sizes,
        p,
        place_reach(sizes, noise.long_run_variance),
        float(noise.time[0]),
        float(noise.long_run_variance[0]),
        float(min(p.min(initial=1.0), smallest)),
    )


def _tails(
    cusum: FloatArray, noise: StepNoise, steps: IntArray, n: int, shortest: int
) -> FloatArray:
    z = cusum / np.sqrt(noise.long_run_variance)
    free = degrees(np.maximum(n - steps * noise.time, 1.0), noise.time)
    return tail_probability(z, n, shortest, free)
