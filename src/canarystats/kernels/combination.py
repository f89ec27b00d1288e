"""Several e-values made into one, on the log scale.

References
----------
Vovk & Wang (2021), E-values: calibration, combination and applications, Annals of Statistics 49.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def log_mean(log_e: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Logarithm of the weighted mean of e-values along the first axis.

    Parameters
    ----------
    log_e
        Shape (m, ...); minus infinity is an e-value of 0.
    weights
        Shape (m,), summing to 1; equal ones where not given.
    """
    share = np.full(len(log_e), 1.0 / len(log_e)) if weights is None else weights
    top = log_e.max(axis=0)
    finite = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        # Columns are added one below the other, so a column gives the same alone and among others.
        terms = np.exp(log_e - finite) * share.reshape(-1, *[1] * (log_e.ndim - 1))
        mean: FloatArray = finite + np.log(np.add.accumulate(terms, axis=0)[-1])
    return np.where(np.isposinf(top), np.inf, mean)


def log_mean_of(log_e: FloatArray, used: NDArray[np.bool_]) -> FloatArray:
    """Logarithm of the mean of the e-values in use, 0 where there is none, shape (K,)."""
    top = np.where(used, log_e, -np.inf).max(axis=1)
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.where(used, np.exp(np.minimum(log_e - top[:, None], 0.0)), 0.0).sum(axis=1)
    many = used.sum(axis=1)
    return np.where(many > 0, top + np.log(np.where(many > 0, total / np.maximum(many, 1), 1.0)), 0)
