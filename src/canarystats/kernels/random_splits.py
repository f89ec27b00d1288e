"""What a sum of scores does when a pool of values is divided at random.

Of N pooled values, n are drawn without replacement and their scores are summed. The mean of
exp(tilt * sum) over all draws is the elementary symmetric polynomial of the exponentials, divided
by how many draws there are. It equals

    exp(-shift n) * prod_i (1 + exp(shift + tilt z_i)) * P(X = n) / C(N, n)

for X a sum of independent indicators whose odds are exp(shift + tilt z_i), whatever the shift. The
shift used makes n the mean of X, so that the probability is as large as it can be; it is read off
the characteristic function at M equidistant points, which gives P(X = n mod M): exact for M > N,
and otherwise larger than P(X = n) by less than one part in a million. Whatever is divided by the
mean is therefore never too large.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, gammaln

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

HALVINGS = 24  # of the bracket of the shift; any shift is exact, a good one keeps the digits
FEWEST_POINTS = 24
POINTS_PER_DEVIATION = 7
BLOCK = 1 << 19  # complex numbers held at once


def log_mean_exponentials(
    counts: FloatArray, chosen: FloatArray, scores: FloatArray, tilts: FloatArray
) -> FloatArray:
    """Logarithm of the mean of exp(tilt * sum of scores) over all draws, shape (K, G).

    Parameters
    ----------
    counts
        Shape (K, L), whole numbers: pooled values that have each score.
    chosen
        Shape (K,), whole numbers from 0 to the row's total: how many are drawn.
    scores
        Shape (L,).
    tilts
        Shape (G,).
    """
    total = counts.sum(axis=1)
    tilted = tilts[:, None] * scores
    found = np.zeros((len(counts), len(tilts)))
    points = _points(total, chosen)
    for size in np.unique(points):
        rows = np.flatnonzero((points == size) & (chosen > 0) & (chosen < total))
        height = max(1, BLOCK // (tilted.size * (int(size) // 2 + 1)))
        for start in range(0, len(rows), height):
            part = rows[start : start + height]
            found[part] = _block(counts[part], chosen[part], tilted, int(size))
    everything = (counts[:, None, :] * tilted).sum(axis=2)
    log_means: FloatArray = np.where((chosen >= total)[:, None], everything, found)
    return log_means


def _points(total: FloatArray, chosen: FloatArray) -> FloatArray:
    """At how many points to read the characteristic function, shape (K,)."""
    variance = np.minimum(np.minimum(chosen, total - chosen), total / 4)
    wanted = np.maximum(POINTS_PER_DEVIATION * np.sqrt(np.maximum(variance, 0)), FEWEST_POINTS)
    points: FloatArray = np.minimum(8 * np.ceil(wanted / 8), total + 1)
    return points


def _block(counts: FloatArray, chosen: FloatArray, tilted: FloatArray, points: int) -> FloatArray:
    """The logarithms of rows that are read at equally many points; ``tilted`` has shape (G, L)."""
    total = counts.sum(axis=1)
    shift = _centred_shift(counts, chosen, total, tilted)
    exponents = shift[:, :, None] + tilted
    weight = (counts[:, None, :] * np.logaddexp(0.0, exponents)).sum(axis=2)
    draws = gammaln(total + 1) - gammaln(chosen + 1) - gammaln(total - chosen + 1)
    probability = _probability(counts, chosen, expit(exponents), points)
    log_means: FloatArray = weight - shift * chosen[:, None] + np.log(probability) - draws[:, None]
    return log_means


def _centred_shift(
    counts: FloatArray, chosen: FloatArray, total: FloatArray, tilted: FloatArray
) -> FloatArray:
    """The shifts, shape (K, G), at which as many values are expected as are drawn."""
    middle: FloatArray = np.log(chosen / (total - chosen))[:, None]
    low, high = middle - tilted.max(axis=1), middle - tilted.min(axis=1)
    for _ in range(HALVINGS):
        guess = (low + high) / 2
        expected = (counts[:, None, :] * expit(guess[:, :, None] + tilted)).sum(axis=2)
        above = expected > chosen[:, None]
        low, high = np.where(above, low, guess), np.where(above, guess, high)
    shift: FloatArray = low + (high - low) / 2
    return shift


def _probability(
    counts: FloatArray, chosen: FloatArray, share: FloatArray, points: int
) -> FloatArray:
    """P(X = chosen, up to multiples of ``points``), shape (K, G)."""
    nodes = np.arange(points // 2 + 1)  # the other half mirrors this one
    angle = 2 * math.pi * nodes / points
    turn = (np.exp(1j * angle) - 1.0)[:, None]
    logs = np.log(1.0 + share[:, :, None, :] * turn)
    sums = (counts[:, None, None, :] * logs).sum(axis=3) - 1j * angle * chosen[:, None, None]
    twice = np.where((nodes == 0) | (2 * nodes == points), 1.0, 2.0)
    probability: FloatArray = (np.exp(sums).real * twice).sum(axis=2)
    return probability / points
