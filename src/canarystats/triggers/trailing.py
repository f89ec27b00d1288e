"""The last few minutes of a metric, as the literal reading of a rule wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = NDArray[np.float64]
CLOCK_NOISE_SECONDS = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Trailing:
    """Rows of the ticks within the window, shape (n, columns), and their times."""

    times: FloatArray
    rows: FloatArray

    @property
    def total(self) -> FloatArray:
        """Column sums over the window."""
        total: FloatArray = np.add.reduce(self.rows, axis=0)
        return total

    def where(self, kept: Sequence[bool]) -> Trailing:
        """Some of its ticks."""
        some = np.array(kept, dtype=bool)
        return Trailing(self.times[some], self.rows[some])


def begin(columns: int) -> Trailing:
    """An empty window."""
    return Trailing(np.empty(0), np.empty((0, columns)))


def push(trailing: Trailing, at: float, row: FloatArray, span: float) -> Trailing:
    """Add the tick at ``at``, which speaks for the time up to it, and drop what is too old."""
    kept = int(trailing.times.searchsorted(at - span + CLOCK_NOISE_SECONDS, side="right"))
    return Trailing(
        np.concatenate([trailing.times[kept:], [at]]),
        np.concatenate([trailing.rows[kept:], row[None, :]]),
    )
