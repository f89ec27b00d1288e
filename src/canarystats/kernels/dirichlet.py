"""Counts divided over arms against the shares they were designed to have.

The likelihood of the counts under a Dirichlet prior centred on the design, over their likelihood
under the design itself:

    ln E = ln B(k θ₀ + N) - ln B(k θ₀) - Σ N_i ln θ₀_i,    ln B(v) = Σ ln Γ(v_i) - ln Γ(Σ v_i)

A large concentration k looks for small deviations in many counts, a small one for large deviations
in few.

References
----------
Lindon & Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaln, gammaln, xlog1py, xlogy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

HALVINGS = 60  # of the unit interval: below one part in 1e17


def dirichlet_log_e(
    counts: FloatArray, shares: FloatArray, concentration: float = 1000.0
) -> FloatArray:
    """Logarithm of the e-value against the designed shares, shape (K,).

    Hypothesis: every unit falls on an arm independently with its designed share, constant over
    all of the counts. Clumps of units break it.

    Parameters
    ----------
    counts
        Shape (K, arms): all units so far.
    shares
        Shape (K, arms) or (arms,): positive, summing to 1.
    concentration
        k, in units.
    """
    prior = np.broadcast_to(concentration * shares, counts.shape)
    gain = _log_beta(prior + counts) - _log_beta(prior)
    log_e: FloatArray = gain - xlogy(counts, shares).sum(axis=-1)
    return log_e


def _log_beta(values: FloatArray) -> FloatArray:
    log_beta: FloatArray = gammaln(values).sum(axis=-1) - gammaln(values.sum(axis=-1))
    return log_beta


def log_marginal(prior: FloatArray, counts: FloatArray) -> FloatArray:
    """Log likelihood of two arms' counts, averaged over a beta prior of the first arm's share.

    Parameters
    ----------
    prior, counts
        Shape (K, 2): pseudo-counts of the prior, and the counts.
    """
    after = prior + counts
    marginal: FloatArray = betaln(after[:, 0], after[:, 1]) - betaln(prior[:, 0], prior[:, 1])
    return marginal


def log_likelihood(share: FloatArray, counts: FloatArray) -> FloatArray:
    """Log likelihood of two arms' counts, shape (K, 2), at a share of the first arm, shape (K,)."""
    first, second = xlogy(counts[:, 0], share), xlog1py(counts[:, 1], -share)
    likelihood: FloatArray = np.add(first, second, dtype=np.float64)
    return likelihood


def shares_not_rejected(
    marginal: FloatArray, counts: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """The ends of the set of shares whose e-value is below 1 / (1 - level).

    Parameters
    ----------
    marginal
        Shape (K,): the numerator of the e-values, from `log_marginal`.
    counts
        Shape (K, 2).
    level
        Coverage, at every number of looks at once, in (0, 1).

    Returns
    -------
    tuple of ndarray
        Shape (K,) each: low and high end; 0 and 1 without counts.
    """
    bound = -math.log(1.0 - level)
    total = counts.sum(axis=1)
    middle = np.where(total > 0, counts[:, 0] / np.where(total > 0, total, 1.0), 0.5)
    low, high = np.zeros_like(total), np.ones_like(total)
    inside_low, inside_high = middle, middle
    for _ in range(HALVINGS):
        guess = 0.5 * (low + inside_low)
        out = marginal - log_likelihood(guess, counts) >= bound
        low, inside_low = np.where(out, guess, low), np.where(out, inside_low, guess)
        guess = 0.5 * (high + inside_high)
        out = marginal - log_likelihood(guess, counts) >= bound
        high, inside_high = np.where(out, guess, high), np.where(out, inside_high, guess)
    return low, high
