"""Raw samples at any number of looks: bets on how the pooled values of each look divide.

Each look brings n canary and m baseline values in no particular order. Had both one distribution,
every choice of n of the pooled values would be equally likely to be the canary's. The bet is that
the canary drew high ranks: with z a value's rank, scaled to [0, 1],

    e = exp(tilt * sum of the canary's z) / (mean of the same over all choices),

averaged over a grid of tilts and over when the difference began. It is a Mann-Whitney test whose
looks multiply: exact for any n, m, ties and shape, and at n = m = 1 the bet 1 + tanh(tilt / 2 * (z
- z')) on a pair. No order within a look matters, so sorted values are safe.

Hypothesis of a test: the canary is distributed as the baseline with its values moved by the
test's factor, or below it (``rising``; above it otherwise). Assumes that the values of a look are
exchangeable given the past; requests that are slow together break it.

Ranks are counted against knots: quantiles of the first baseline values (or of history), so that a
look of few values knows how unusual they are. Until enough baseline values were seen, the values
of the look themselves stand beside them. What the canary shows never moves a knot.

References
----------
Shekhar & Ramdas (2023), Nonparametric two-sample testing by betting, IEEE Trans. Inf. Theory;
Pitman (1937), Significance tests which may be applied to samples from any populations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.kernels.mixture import FROM_THE_FIRST, onset_mass_left
from canarystats.kernels.random_splits import log_mean_exponentials

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = NDArray[np.float64]
KNOTS = 23
SCORES = np.linspace(0.0, 1.0, 2 * KNOTS + 1)  # at a knot, or between two
TILTS = np.array([0.04, 0.1, 0.25, 0.6, 1.5, 3.5])  # bets on a pair of up to 0.02 ... 0.94


class RankTest(NamedTuple):
    """One question: the canary's values above (``rising``) or below the moved baseline's.

    ``factor`` moves each baseline value by ``factor - 1`` times its own size; 1 moves nothing.
    """

    claim: str
    factor: float
    rising: bool


@dataclass(frozen=True, slots=True, eq=False)
class RankState:
    """What K metrics of raw samples have shown.

    Parameters
    ----------
    knots
        Shape (K, 23), increasing, in the metric's unit; NaN where not yet known.
    log_mass
        Shape (K, tests, grid): logarithms of the mass that has begun.
    looks
        Shape (K,): how many looks had values on both sides.
    """

    knots: FloatArray
    log_mass: FloatArray
    looks: FloatArray


class RankBetting:
    """A design: the questions put to metrics of raw samples."""

    def __init__(self, tests: Sequence[RankTest]) -> None:
        self.tests = tuple(tests)

    def begin(self, size: int = 1, history: FloatArray | None = None) -> RankState:
        """The state before the first look.

        Parameters
        ----------
        size
            How many metrics stand side by side.
        history
            Shape (h,): values of the old version from before the rollout.
        """
        knots = np.full((size, KNOTS), np.nan)
        if history is not None:
            knots = _with_more_knots(knots, np.broadcast_to(history, (size, len(history))))
        mass = np.full((size, len(self.tests), len(TILTS)), FROM_THE_FIRST / len(TILTS))
        return RankState(knots, np.log(mass), np.zeros(size))

    def step(self, state: RankState, canary: FloatArray, baseline: FloatArray) -> RankState:
        """One look.

        Parameters
        ----------
        state
            From `begin` or the look before.
        canary, baseline
            Shapes (K, a) and (K, b), any unit; NaN is padding. A row with nothing on one side
            keeps its state.
        """
        chosen = (~np.isnan(canary)).sum(axis=1).astype(np.float64)
        read = (chosen > 0) & ~np.isnan(baseline).all(axis=1)
        before = onset_mass_left(np.maximum(state.looks - 1.0, 0.0))
        begins = np.where(state.looks > 0, before - onset_mass_left(state.looks), 0.0)
        with np.errstate(divide="ignore"):
            log_begins = np.log(begins / len(TILTS))
        log_mass = np.logaddexp(state.log_mass, log_begins[:, None, None])
        for t, test in enumerate(self.tests):
            tilts = TILTS if test.rising else -TILTS
            log_mass[:, t] += _gains(state.knots, canary, baseline, test.factor, tilts)
        return RankState(
            np.where(read[:, None], _with_more_knots(state.knots, baseline), state.knots),
            np.where(read[:, None, None], log_mass, state.log_mass),
            state.looks + read,
        )

    def log_e(self, state: RankState) -> dict[str, FloatArray]:
        """The log e-value of every claim, shape (K,)."""
        left = np.log(onset_mass_left(np.maximum(state.looks - 1.0, 0.0)))
        begun = np.logaddexp.reduce(state.log_mass, axis=2)
        values = np.logaddexp(begun, left[:, None])
        return {test.claim: values[:, t] for t, test in enumerate(self.tests)}


def moved(values: FloatArray, factor: float) -> FloatArray:
    """Values moved by ``factor - 1`` times their size, so that factors above 1 always raise."""
    finite = np.where(np.isfinite(values), np.abs(values), 0.0)
    return values + (factor - 1.0) * finite


def _gains(
    knots: FloatArray, canary: FloatArray, baseline: FloatArray, factor: float, tilts: FloatArray
) -> FloatArray:
    """Logarithms of what each bet pays, shape (K, grid)."""
    shifted, against = moved(knots, factor), moved(baseline, factor)
    levels = _levels(shifted, np.concatenate([canary, against], axis=1))
    ours = _tally(levels[:, : canary.shape[1]])
    pool = ours + _tally(levels[:, canary.shape[1] :])
    drawn = ours.sum(axis=1)
    paid = (ours * SCORES).sum(axis=1)[:, None] * tilts
    gains: FloatArray = paid - log_mean_exponentials(pool, drawn, SCORES, tilts)
    return gains


def _levels(knots: FloatArray, values: FloatArray) -> NDArray[np.int64]:
    """The score of each value as an index, shape (K, n); -1 for padding."""
    full = ~np.isnan(knots[:, -1])
    levels = np.empty(values.shape, dtype=np.int64)
    for rows, known in ((full, True), (~full, False)):
        if not rows.any():
            continue
        part = values[rows]
        if known:
            places = knots[rows][:, None, :]
            here = (places < part[:, :, None]).sum(axis=2) + (places <= part[:, :, None]).sum(
                axis=2
            )
        else:
            beside = _mid_ranks(np.concatenate([knots[rows], part], axis=1))
            here = np.rint(beside[:, KNOTS:] * 2 * KNOTS).astype(np.int64)
        levels[rows] = np.where(np.isnan(part), -1, here)
    return levels


def _mid_ranks(values: FloatArray) -> FloatArray:
    """The share of a row's values below each one, its equals counting one half; NaN is padding."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    width = values.shape[1]
    place = np.arange(width)
    changes = ordered[:, 1:] != ordered[:, :-1]
    edge = np.ones((len(values), 1), dtype=bool)
    first = np.maximum.accumulate(np.where(np.hstack([edge, changes]), place, 0), axis=1)
    last = np.where(np.hstack([changes, edge]), place, width)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last + 1) / 2, axis=1)
    held = (~np.isnan(values)).sum(axis=1, keepdims=True)
    return np.where(np.isnan(values), 0.0, ranks / np.maximum(held, 1))


def _tally(levels: NDArray[np.int64]) -> FloatArray:
    """How many values have each score, shape (K, scores)."""
    rows, width = len(levels), len(SCORES)
    place = (np.arange(rows)[:, None] * width + levels)[levels >= 0]
    return np.bincount(place, minlength=rows * width).reshape(rows, width).astype(np.float64)


def _with_more_knots(knots: FloatArray, values: FloatArray) -> FloatArray:
    """The knots after more baseline values; full ones stay as they are."""
    open_ = np.isnan(knots[:, -1])  # the missing ones stand last
    if not open_.any():
        return knots
    together = np.sort(np.concatenate([knots, values], axis=1), axis=1)
    held = (~np.isnan(together)).sum(axis=1, keepdims=True)
    spread = np.floor((np.arange(KNOTS) + 0.5) / KNOTS * held).astype(np.int64)
    picked = np.take_along_axis(together, np.where(held > KNOTS, spread, np.arange(KNOTS)), axis=1)
    return np.where(open_[:, None], picked, knots)
