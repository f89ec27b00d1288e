"""Centre and covariance of many metrics that a share of wild ticks does not move.

The orthogonalised estimate of Gnanadesikan and Kettenring: robust covariances of all pairs of
columns, made positive definite by measuring the spread again along their eigenvectors. It is drawn
towards its diagonal by as much as the columns are many beside the rows, so that the inverse exists
and is not believed too far.

References
----------
Maronna & Zamar (2002), Technometrics 44:307-317 (OGK).
Ledoit & Wolf (2004), Journal of Multivariate Analysis 88:365-411 (why to shrink).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.robust import median_and_deviation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

FARTHEST = 1e75  # deviations: beyond them what is multiplied overflows


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """Where vectors of d metrics ordinarily lie.

    Parameters
    ----------
    centre
        Shape (d,), each in its metric's unit.
    scale
        Shape (d,), robust standard deviation of each metric; 1 for one that does not vary.
    precision
        Shape (d, d), the inverse covariance of the scaled metrics; 0 for one that does not vary.
    """

    centre: FloatArray
    scale: FloatArray
    precision: FloatArray

    def contributions(self, vectors: FloatArray) -> FloatArray:
        """What each metric adds to the squared Mahalanobis distance, shape (n, d)."""
        with np.errstate(over="ignore"):
            away = np.clip((vectors - self.centre) / self.scale, -FARTHEST, FARTHEST)
        # one row at a time gives what a batch gives, whatever the size
        across = (away[:, :, None] * self.precision[None]).sum(axis=1)
        added: FloatArray = away * across
        return added

    def squared_distance(self, vectors: FloatArray) -> FloatArray:
        """Squared Mahalanobis distance of each row, shape (n,)."""
        total: FloatArray = self.contributions(vectors).sum(axis=1)
        return np.maximum(total, 0.0)


def ellipsoid(vectors: FloatArray, effective: float) -> Ellipsoid:
    """Estimate centre and covariance robustly.

    Parameters
    ----------
    vectors
        Shape (m, d), finite, m at least 2.
    effective
        How many independent rows they are worth, positive.

    Notes
    -----
    Assumes that most rows come from one elliptical distribution. Columns that do not vary are left
    out: their distance counts for nothing.
    """
    centre, width = median_and_deviation(np.ascontiguousarray(vectors.T))
    varies = width > 0
    scale = np.where(varies, width, 1.0)
    columns = int(varies.sum())
    precision = np.zeros((len(width), len(width)))
    if columns:
        scaled = ((vectors - centre) / scale)[:, varies]
        covariance = _orthogonalised(scaled)
        drawn = columns / (columns + effective)
        covariance = (1 - drawn) * covariance + drawn * np.diag(np.diag(covariance))
        precision[np.ix_(varies, varies)] = np.linalg.inv(covariance)
    return Ellipsoid(centre, scale, precision)


def _orthogonalised(scaled: FloatArray) -> FloatArray:
    """OGK covariance of columns of unit width."""
    columns = scaled.shape[1]
    first, second = np.triu_indices(columns, 1)
    correlation = np.eye(columns)
    if len(first):
        sums = _variances(scaled[:, first] + scaled[:, second])
        differences = _variances(scaled[:, first] - scaled[:, second])
        correlation[first, second] = correlation[second, first] = (sums - differences) / 4
    _, directions = np.linalg.eigh(correlation)
    spread = _variances(scaled @ directions)
    # a direction without width would make an infinite distance out of rounding
    spread = np.maximum(spread, 1e-6 * spread.max())
    covariance: FloatArray = (directions * spread) @ directions.T
    return covariance


def _variances(columns: FloatArray) -> FloatArray:
    """Squared robust standard deviation of each column."""
    squared: FloatArray = median_and_deviation(np.ascontiguousarray(columns.T))[1] ** 2
    return squared
