"""Many binomial e-processes side by side, one look at a time.

Hypothesis of a row: successes come with at most (``rising``) or at least (otherwise) the null's
share. Assumes that, given the past, the successes of a look are binomial or less spread out than
that (Poisson counts conditioned on their sum, or requests that fail independently), up to the
Fano factor given. Bursts beyond it break it: clumps count as more evidence than they are.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """What a block of tests has seen.

    Parameters
    ----------
    log_mass
        Shape (tests, grid): see `kernels.mixture`.
    looks
        How many looks brought data.
    lowest, rising_since
        Shape (tests,): the smallest log e-value so far, and the first tick after it; evidence has
        only grown since, so the trouble began about then. NaN while it is at its lowest.
    """

    log_mass: FloatArray
    looks: int
    lowest: FloatArray
    rising_since: FloatArray


def log_odds(rising: Sequence[bool]) -> FloatArray:
    """The alternatives of each test, shape (tests, grid)."""
    grid = np.log(np.array(mixture.ODDS))
    signed: FloatArray = np.where(np.array(rising, dtype=bool)[:, None], grid, -grid)
    return signed


def begin(tests: int) -> BinomialState:
    """The state before the first look."""
    return BinomialState(
        mixture.start(tests, len(mixture.ODDS)), 0, np.zeros(tests), np.full(tests, np.nan)
    )


def step(
    state: BinomialState,
    odds: FloatArray,
    successes: FloatArray,
    failures: FloatArray,
    share: FloatArray,
    at: float,
    fano: FloatArray | float = 1.0,
) -> tuple[BinomialState, FloatArray]:
    """One look of every test; gives the new state and the log e-values, shape (tests,)."""
    log_mass = mixture.advance(state.log_mass, state.looks, successes, failures, share, odds, fano)
    looks = state.looks + 1
    log_e = mixture.log_e_values(log_mass, looks)
    lower = log_e <= state.lowest + ROUNDING
    since = np.where(np.isnan(state.rising_since), at, state.rising_since)
    since = np.where(lower, np.nan, since)
    return BinomialState(log_mass, looks, np.minimum(log_e, state.lowest), since), log_e


def log_e_values(state: BinomialState) -> FloatArray:
    """The log e-values, shape (tests,)."""
    return mixture.log_e_values(state.log_mass, state.looks)


def since(state: BinomialState, row: int) -> float | None:
    """Unix seconds of the first tick since when a test's evidence has only grown."""
    at = float(state.rising_since[row])
    return None if np.isnan(at) else at
