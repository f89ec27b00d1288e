"""Outliers, dropped before anything is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.compare import outliers
from canarystats.windows import Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def without_outliers(values: FloatArray, factor: float | None) -> FloatArray:
    """The values of one side, outliers made missing where asked.

    Parameters
    ----------
    values
        Shape (n,), any unit; NaN is missing.
    factor
        Interquartile ranges beyond the quartiles, positive; None keeps every value.

    Returns
    -------
    ndarray
        Shape (n,), in the same order.
    """
    if factor is None or not values.size:
        return values
    side = Pair.gauge("side", canary=values)
    return outliers(side, strategy="remove", factor=factor).canary[:, 0]
