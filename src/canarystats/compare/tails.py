"""p-values from the two tails of a statistic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from canarystats.kernels.binomial import lower_tail, upper_tail

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]


def chosen(greater: FloatArray, less: FloatArray, alternative: str) -> FloatArray:
    """The tail that an alternative asks for; of both, twice the smaller."""
    if alternative == "two-sided":
        both: FloatArray = np.minimum(2 * np.minimum(greater, less), 1.0)
        return both
    return greater if alternative == "greater" else less


def normal_p_value(above: FloatArray, below: FloatArray, alternative: str) -> FloatArray:
    """p-values of normal deviates, ``above`` for ``greater`` and ``below`` for ``less``."""
    return chosen(ndtr(-above), ndtr(below), alternative)


def binomial_p_values(
    events: FloatArray, total: FloatArray, share: ArrayLike, alternative: str
) -> tuple[FloatArray, FloatArray]:
    """The exact p-value, and the least one that any split of the total could give."""
    upper = upper_tail(events, total, share), upper_tail(total, total, share)
    lower = lower_tail(events, total, share), lower_tail(0, total, share)
    least = upper[1] if alternative == "greater" else lower[1]
    if alternative == "two-sided":
        least = 2 * np.minimum(upper[1], lower[1])
    return chosen(upper[0], lower[0], alternative), least
