"""Where a step lies in noise that remembers the tick before.

In such noise the first value after a step stands out, not the mean of those that follow: the noise
cannot jump. The exact Gaussian likelihood of AR(1) noise sees that; without memory it is the CUSUM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def explained_by_step(values: FloatArray, first: float) -> FloatArray:
    """Sum of squared innovations that a step before each value but the first explains.

    Parameters
    ----------
    values
        Shape (n,), one step at most.
    first
        First-order coefficient of the noise, in [0, 1).

    Returns
    -------
    ndarray
        Shape (n - 1,): entry i is a step between the values i and i + 1.
    """
    edge, rest = np.sqrt(1 - first * first), 1 - first
    innovations = values.copy()
    innovations[1:] -= first * values[:-1]
    innovations[0] *= edge
    # regressors: a constant is (edge, rest, rest, ...), a step before value i (0, .., 1, rest, ..)
    so_far = np.cumsum(innovations)
    jump = so_far[-1] - so_far[:-1]
    jump *= rest
    jump += first * innovations[1:]
    level = (edge - rest) * innovations[0] + rest * so_far[-1]
    level_square = edge * edge + rest * rest * (len(values) - 1)
    both = np.arange(len(values) - 2.0, -1.0, -1.0)  # values after the one that jumps
    both *= rest * rest
    both += rest
    explained: FloatArray = jump - both * (level / level_square)
    explained *= explained
    explained /= first + both * (1 - both / level_square)
    return explained
