"""Many binomial e-processes side by side, one look at a time.

Hypothesis of a test: successes come with at most (``rising``) or at least (otherwise) the null's
share. Assumes that, given the past, the successes of a look are binomial or less spread out than
that (Poisson counts conditioned on their sum, or requests that fail independently), up to the
Fano factor given. Bursts beyond it break it: clumps count as more evidence than they are.

K metrics that are asked the same questions stand side by side, one a row.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from canarystats.kernels import mixture

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = NDArray[np.float64]
ROUNDING = 1e-9  # a look without data must not count as growth


@dataclass(frozen=True, slots=True, eq=False)
class BinomialState:
    """What K rows of tests have seen.

    Parameters
    ----------
    mass, log_scale
        Shapes (K, tests, grid) and (K, tests): see `kernels.mixture`.
    looks
        Shape (K,): how many looks brought data.
    lowest, rising_since
        Shape (K, tests): the smallest log e-value so far, and the first tick after it; evidence
        has only grown since, so the trouble began about then. NaN while it is at its lowest.
    """

    mass: FloatArray
    log_scale: FloatArray
    looks: FloatArray
    lowest: FloatArray
    rising_since: FloatArray


def log_odds(rising: Sequence[bool]) -> FloatArray:
    """The alternatives of each test, shape (tests, grid)."""
    grid = np.log(mixture.ODDS)
    signed: FloatArray = np.where(np.array(rising, dtype=bool)[:, None], grid, -grid)
    return signed


def begin(rows: int, tests: int) -> BinomialState:
    """The state before the first look."""
    each = np.zeros((rows, tests))
    nowhere = np.full((rows, tests), np.nan)
    return BinomialState(mixture.start(rows, tests), each, np.zeros(rows), each, nowhere)


def step(
    state: BinomialState,
    odds: FloatArray,
    counts: tuple[FloatArray, FloatArray],
    share: FloatArray,
    at: float,
    fano: FloatArray | float = 1.0,
    most: FloatArray | float = np.inf,
) -> tuple[BinomialState, FloatArray]:
    """One look of every test; gives the new state and the log e-values, shape (K, tests).

    Parameters
    ----------
    state
        From `begin` or the look before.
    odds
        From `log_odds`.
    counts
        Successes and failures, shape (K, tests) each, or (S, K, tests) in S strata; a row with a
        NaN was not read and keeps its state.
    share
        The shape of the counts: the share of successes at the edge of the null.
    at
        Unix seconds.
    fano
        Shape (K, tests) or one for all: what the evidence is divided by.
    most
        Shape (K, tests) or one for all: what one look may gain at most, in nats.
    """
    both = counts[0] + counts[1]
    whole = both if both.ndim == 2 else both.sum(axis=0)
    read: NDArray[np.bool_] = np.isfinite(whole.sum(axis=1))
    mass, scale = mixture.advance(
        state.mass, state.log_scale, state.looks, counts, share, odds, fano, most
    )
    looks = state.looks + 1.0
    log_e = mixture.log_e_values(mass, scale, looks)
    lower = log_e <= state.lowest + ROUNDING
    since = np.where(np.isnan(state.rising_since), at, state.rising_since)
    since = np.where(lower, np.nan, since)
    stepped = BinomialState(mass, scale, looks, np.minimum(log_e, state.lowest), since)
    if read.all():
        return stepped, log_e
    stepped = only_where(read, stepped, state)
    return stepped, np.where(read[:, None], log_e, log_e_values(state))


def only_where(
    read: NDArray[np.bool_], after: BinomialState, before: BinomialState
) -> BinomialState:
    """The rows of ``after`` where ``read`` is true, shape (K,), and of ``before`` elsewhere."""
    rows = {}
    for field in fields(BinomialState):
        new, old = getattr(after, field.name), getattr(before, field.name)
        rows[field.name] = np.where(read.reshape(-1, *[1] * (new.ndim - 1)), new, old)
    return BinomialState(**rows)


def log_e_values(state: BinomialState) -> FloatArray:
    """The log e-values, shape (K, tests)."""
    return mixture.log_e_values(state.mass, state.log_scale, state.looks)


def since(state: BinomialState, test: int, row: int = 0) -> float | None:
    """Unix seconds of the first tick since when a test's evidence has only grown."""
    at = float(state.rising_since[row, test])
    return None if np.isnan(at) else at
