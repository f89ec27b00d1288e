"""Evidence that may have begun at any look: masses of alternatives by prior, gains and onset.

    M_j(t) = exp(gain_j(t)) * (M_j(t-1) + w_t p_j),      E(t) = sum_j M_j(t) + r_t

with prior weights p_j over the alternatives, w_t the prior mass of an onset at look t and r_t that
of onsets still to come. Where every exp(gain) has a mean of at most 1 under the null, E is an
e-process: a mixture of e-processes, one for each alternative and onset.

Arrays have shape (K, tests) or (K, tests, grid). Masses are kept as fractions of
``exp(log_scale)``, because evidence outgrows any number.

References
----------
Shin, Ramdas & Rinaldo (2024), E-detectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

SMALLEST = 1e-300


def grown(
    mass: FloatArray, log_scale: FloatArray, begins: FloatArray, prior: FloatArray, gain: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The masses and their scale after one look.

    Parameters
    ----------
    mass, log_scale
        Shapes (K, tests, grid) and (K, tests): before the look.
    begins
        Shape (K,): the prior mass of an onset at this look.
    prior
        Shape (grid,): weights of the alternatives, which sum to 1.
    gain
        Shape (K, tests, grid): log likelihood ratios of the look.
    """
    begun = mass + (begins[:, None] * np.exp(-log_scale))[:, :, None] * prior
    # Measured against the best alternative that has any mass, so that one look which speaks against
    # overwhelming evidence leaves what is left of it, not nothing.
    living = np.where(begun > 0.0, gain, -np.inf).max(axis=-1)
    most = np.maximum(living, -log_scale)
    begun *= np.exp(np.minimum(gain - most[:, :, None], 0.0))
    scale = log_scale + most
    # The scale follows the largest mass, but never falls below one: the masses stay in range.
    top = np.maximum(np.maximum(begun.max(axis=-1), np.exp(-scale)), SMALLEST)
    return begun / top[:, :, None], scale + np.log(top)


def log_e_values(mass: FloatArray, log_scale: FloatArray, left: FloatArray) -> FloatArray:
    """Logarithm of the e-values, shape (K, tests); ``left``, shape (K,), is still to begin."""
    log_e: FloatArray = log_scale + np.log(mass.sum(axis=-1) + left[:, None] * np.exp(-log_scale))
    return log_e
