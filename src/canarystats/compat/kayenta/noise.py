"""The noise Kayenta adds where both sides are constant, made repeatable."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

SEED = 12345
SIZE = 1e-5  # standard deviation of the noise, relative to the value


def java_gaussian(seed: int = SEED) -> Callable[[], float]:
    """Standard normal numbers as ``java.util.Random(seed).nextGaussian()`` is specified to give.

    Parameters
    ----------
    seed
        Any integer; its lowest 48 bits count.

    References
    ----------
    Knuth, The Art of Computer Programming, volume 2, section 3.4.1, algorithm P (polar method).

    Examples
    --------
    >>> round(java_gaussian(12345)(), 12)
    -0.187808989659
    """
    mask = (1 << 48) - 1
    state = (seed ^ 0x5DEECE66D) & mask
    spare: list[float] = []

    def bits(count: int) -> int:
        nonlocal state
        state = (state * 0x5DEECE66D + 0xB) & mask
        return state >> (48 - count)

    def symmetric() -> float:
        return 2 * ((bits(26) << 27) + bits(27)) * 2.0**-53 - 1

    def draw() -> float:
        if spare:
            return spare.pop()
        while True:
            u, v = symmetric(), symmetric()
            square = u * u + v * v
            if 0 < square < 1:
                break
        stretch = math.sqrt(-2 * math.log(square) / square)
        spare.append(v * stretch)
        return u * stretch

    return draw


def disturbed(values: FloatArray, draw: Callable[[], float]) -> FloatArray:
    """The values, each moved by a normal number a hundred-thousandth of its size."""
    return np.array([value + value * SIZE * draw() for value in values.tolist()])
