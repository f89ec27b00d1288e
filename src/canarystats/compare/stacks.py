"""Many pairs as the rows of one table, NaN as padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from canarystats.evidence import Evidence
    from canarystats.windows import Kind, Pair

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


def of_each_kind(
    pairs: list[Pair], answer: Callable[[Kind, list[Pair]], list[Evidence]]
) -> list[Evidence]:
    """Answer the pairs of each kind together, and give the answers in the order of the pairs."""
    places: dict[Kind, list[int]] = {}
    for place, pair in enumerate(pairs):
        places.setdefault(pair.kind, []).append(place)
    found: dict[int, Evidence] = {}
    for kind, at in places.items():
        found.update(zip(at, answer(kind, [pairs[place] for place in at]), strict=True))
    return [found[place] for place in range(len(pairs))]


def stacked(columns: list[FloatArray], padding: float = np.nan) -> FloatArray:
    """Columns of any lengths as rows, shape (K, longest)."""
    table = np.full((len(columns), max(map(len, columns))), padding)
    for row, column in zip(table, columns, strict=True):
        row[: len(column)] = column
    return table
