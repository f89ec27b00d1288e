"""Many pairs as the rows of one table, NaN as padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

STACKED = 1 << 21  # values, padding included, that are stacked for one kernel call


def stacks(pairs: list[Pair]) -> Iterator[list[Pair]]:
    """Split pairs, in order, so that each part padded to its widest fits `STACKED`."""
    stack: list[Pair] = []
    widest = 0
    for pair in pairs:
        size = len(pair.canary) + (0 if pair.baseline is None else len(pair.baseline))
        widest = max(widest, size)
        if stack and widest * (len(stack) + 1) > STACKED:
            yield stack
            stack, widest = [], size
        stack.append(pair)
    if stack:
        yield stack


def stacked(columns: list[FloatArray]) -> FloatArray:
    """Columns of any lengths as rows, shape (K, longest)."""
    table = np.full((len(columns), max(map(len, columns))), np.nan)
    for row, column in zip(table, columns, strict=True):
        row[: len(column)] = column
    return table
