"""The anytime-valid t-test: a mixture over standardised effects, exact for Gaussian data.

Two-sided, the standardised effect has a normal prior of precision g:

    ln E = ½ ln R + ½ (ν + 1) [ln(1 + t²/ν) - ln(1 + R t²/ν)],   R = g / (g + n),  ν = n - 1

One-sided, the prior is its positive half, and the same integral is the two-sided value times twice
the probability that the effect is positive given the data, which is that of Student's
distribution with n degrees of freedom:

    E₊ = 2 E F_n(a),   a = n x̄ sqrt(n / ((n + g) Q)),   Q = Σ(x - x̄)² + g n x̄² / (g + n)

E₊ only grows with the mean, and a mean below zero shifts every sum alike, so E₊ is an e-process for
every mean at or below zero, whatever the variance. Dependent values break both.

References
----------
Lindon, Ham, Tingley & Bojinov (2022), Anytime-valid linear models; Pérez-Ortiz, Lardy, de Heide &
Grünwald (2024), Annals of Statistics 52:1410-1432.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaln, hyp2f1, ndtri, stdtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

TUNED_FOR = 25.0 / 7.936  # g of a test that is sharpest after 25 observations at level 5 %
SMALLEST = 1e-300
LEAST_TOLD = 1e-200  # a tail below which the series takes over


def log_e_value(
    n: FloatArray | float, mean: FloatArray, variance: FloatArray, *, one_sided: bool = False
) -> FloatArray:
    """Logarithm of the e-value against a mean of zero, or of at most zero if ``one_sided``.

    Parameters
    ----------
    n
        Observations, one number or of the means' shape; fewer than two say nothing.
    mean, variance
        Sample mean and sample variance (with n - 1), one shape.
    one_sided
        Whether only means above zero count.
    """
    n = np.asarray(n, dtype=np.float64)
    nu, ratio = np.maximum(n - 1.0, 1.0), TUNED_FOR / (TUNED_FOR + n)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        t = np.where(mean == 0, 0.0, mean / np.sqrt(variance / n))
        t2 = t * t
        inner = np.where(
            np.isinf(t2), -np.log(ratio), np.log1p(t2 / nu) - np.log1p(ratio * t2 / nu)
        )
        log_e: FloatArray = 0.5 * np.log(ratio) + 0.5 * (nu + 1.0) * inner
        if one_sided:
            # a², with Q/n divided through by the squared mean, so that no variance may be too small
            a2 = n * n / ((n + TUNED_FOR) * (nu / t2 + TUNED_FOR / (TUNED_FOR + n)))
            a = np.where(t == 0, 0.0, np.copysign(np.sqrt(a2), t))
            log_e = log_e + log_twice_below(n, a)
    return np.where(n < 2, 0.0, log_e)


def log_e_value_of_last(
    n: FloatArray, last: FloatArray, total: FloatArray, squares: FloatArray, precision: FloatArray
) -> FloatArray:
    """Logarithm of the one-sided e-value that the mean of the last observations is above zero.

    As the test above, but the noise is told by observations before them as well:

        E = sqrt(g / (g + m)) (1 - u)^(-n/2) 2 F_n(sqrt(n u / (1 - u))),   u = S² / ((g + m) Q)

    where m observations have the sum S, the root has the sign of S, and Q adds to their squares,
    about zero, what those before differ by from their own mean. S / sqrt(Q) only grows with the
    mean of the m, whatever the mean before them.

    Parameters
    ----------
    n
        Degrees of freedom of Q: m, and the observations before them less one.
    last
        m; 0 says nothing.
    total
        S.
    squares
        Q.
    precision
        g; arrays of one shape, or of shapes that fit.
    """
    weight = precision / (precision + last)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = np.where(squares > 0, total * total / squares / (precision + last), 0.0)
        a = np.copysign(np.sqrt(n * u / (1.0 - u)), total)
        below = log_twice_below(np.maximum(n, 1.0), a)
        log_e: FloatArray = 0.5 * np.log(weight) - 0.5 * n * np.log1p(-u) + below
    return np.where(last > 0, log_e, 0.0)


def log_twice_below(freedom: FloatArray | float, t: FloatArray | float) -> FloatArray:
    """Logarithm of twice the probability that Student's t lies below a value.

    Where that is too small for a number, it is the incomplete beta function's series in
    ``freedom / (freedom + t²)``: a mean far below zero weighs as much against as for its size.

    Parameters
    ----------
    freedom
        Degrees of freedom, at least 1; a shape that fits ``t``.
    t
        Any shape.
    """
    twice = np.asarray(2.0 * stdtr(freedom, t))
    far = (twice < LEAST_TOLD) & (np.asarray(t) < 0)
    if not far.any():
        return np.log(twice)
    half = 0.5 * np.broadcast_to(freedom, twice.shape)[far]
    square = 0.5 * np.broadcast_to(t, twice.shape)[far] ** 2 / half
    logarithm: FloatArray = np.asarray(np.log(np.where(far, 1.0, twice)))
    logarithm[far] = (
        -half * np.log1p(square)
        - 0.5 * np.log1p(1.0 / square)
        - np.log(half)
        - betaln(half, 0.5)
        + np.log(hyp2f1(half + 0.5, 1.0, half + 1.0, 1.0 / (1.0 + square)))
    )
    return logarithm


def as_z(t: FloatArray, freedom: FloatArray) -> FloatArray:
    """The standard normal value that is as far out as a t value is; NaN stays NaN.

    Parameters
    ----------
    t, freedom
        One shape; fewer than one degree of freedom is read as one.
    """
    # The lower tail of both keeps its digits where the upper one rounds to 1.
    tail = stdtr(np.maximum(freedom, 1.0), -np.abs(t))
    z: FloatArray = np.copysign(-ndtri(np.maximum(tail, SMALLEST)), t)
    return z


def half_width(n: FloatArray | float, variance: FloatArray, level: float) -> FloatArray:
    """Half width of the confidence sequence of the mean; infinite while n is too small."""
    n = np.asarray(n, dtype=np.float64)
    nu, ratio = np.maximum(n - 1.0, 1.0), TUNED_FOR / (TUNED_FOR + n)
    growth = np.exp((-2.0 * math.log(1.0 - level) - np.log(ratio)) / (nu + 1.0))
    told = (n >= 2) & (growth * ratio < 1.0)
    t2 = nu * (growth - 1.0) / np.where(told, 1.0 - growth * ratio, 1.0)
    width: FloatArray = np.where(told, np.sqrt(t2 * variance / np.maximum(n, 1.0)), np.inf)
    return width
