"""A series in a few values: what stands for each of its blocks.

Means carry most where noise is noise. Where garbage builds up and goes, the level that is never
freed shows in the least value of each block (the lower envelope), if a block holds whole teeth.
Values are taken about the series' own least-squares line, and the line is put back: adding a line
to a series then adds it to the values, whichever stands for a block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def edges(n: int, blocks: int) -> NDArray[np.intp]:
    """Where ``blocks`` near equal parts of ``n`` values begin, shape (blocks,)."""
    return np.arange(blocks) * n // blocks


def block_means(values: FloatArray, blocks: int) -> FloatArray:
    """Mean of each block, shape (..., blocks); values (..., n), n at least ``blocks``."""
    begin = edges(values.shape[-1], blocks)
    width = np.diff(begin, append=values.shape[-1])
    means: FloatArray = np.add.reduceat(values, begin, axis=-1) / width
    return means


def block_minima(values: FloatArray, times: FloatArray, blocks: int) -> FloatArray:
    """Least value of each block about the series' line, the line put back at its mean time.

    Parameters
    ----------
    values
        Shape (..., n).
    times
        The same shape, or one that broadcasts to it.
    blocks
        How many, at most n.
    """
    clock = times - times.mean(axis=-1, keepdims=True)
    power = (clock * clock).sum(axis=-1, keepdims=True)
    centre = values.mean(axis=-1, keepdims=True)
    slope = (clock * (values - centre)).sum(axis=-1, keepdims=True) / power
    left = values - slope * clock
    least = np.minimum.reduceat(left, edges(values.shape[-1], blocks), axis=-1)
    minima: FloatArray = least + slope * block_means(clock, blocks)
    return minima
