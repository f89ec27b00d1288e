"""E-processes for binomial counts: mixtures over how large an effect is and when it began.

One row is one test. Each look brings successes and failures whose share under the null is at most
``share``; an alternative multiplies the odds. The e-process averages the likelihood ratios of a
grid of odds and of every possible onset:

    M_j(t) = L_j(t) * (M_j(t-1) + w_t / g),      E(t) = sum_j M_j(t) + r_t

with half of the prior mass on "from the first look" and the rest spread over later looks as
1 / (t ln² t), whose unspent part r_t is the mass of onsets still to come. E is an e-process (a
mixture of e-processes), so P(E ever reaches 1/alpha) <= alpha under the null, and a regression
that begins late is found without the debt of a long healthy past. Cost and memory: O(g) a look.

References
----------
Lindon & Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS.
Shin, Ramdas & Rinaldo (2024), E-detectors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

# Odds multipliers of the alternatives: close enough together that no effect falls between two, and
# down to a thousandth, so that whatever is beyond a threshold is found in the end.
ODDS = (1.001, 1.003, 1.01, 1.03, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
PRIOR_EVENTS = 10.0  # weight of the prior of `share_interval`, in events
BISECTIONS = 60  # halvings of the unit interval: below one part in 1e17


def onset_mass_left(looks: int) -> float:
    """Prior mass of onsets that come after ``looks`` further looks."""
    return 0.5 / math.log(math.e + looks)


def start(tests: int, grid: int) -> FloatArray:
    """Logarithm of the mass that has begun before the first look, shape (tests, grid)."""
    return np.full((tests, grid), math.log(0.5 / grid))


def advance(
    log_mass: FloatArray,
    looks: int,
    successes: FloatArray,
    failures: FloatArray,
    share: FloatArray,
    log_odds: FloatArray,
    fano: FloatArray | float = 1.0,
) -> FloatArray:
    """One look of every test.

    Parameters
    ----------
    log_mass
        Shape (tests, grid), from `start` or the look before.
    looks
        How many looks came before.
    successes, failures, share
        Shape (tests,): this look's counts and the share of successes at the edge of the null.
    log_odds
        Shape (tests, grid): the alternatives, as logarithms of odds multipliers.
    fano
        Shape (tests,) or one for all: what the gain is divided by where counts come in clumps; 1
        for independent ones.
    """
    if looks:
        begins = onset_mass_left(looks - 1) - onset_mass_left(looks)
        log_mass = np.logaddexp(log_mass, math.log(begins / log_mass.shape[1]))
    total = (successes + failures)[:, None]
    gain = successes[:, None] * log_odds - total * np.log1p(share[:, None] * np.expm1(log_odds))
    advanced: FloatArray = log_mass + gain / np.reshape(fano, (-1, 1))
    return advanced


def log_e_values(log_mass: FloatArray, looks: int) -> FloatArray:
    """Logarithm of the e-value of every test after ``looks`` looks, shape (tests,)."""
    if not looks:
        return np.zeros(len(log_mass))
    top = log_mass.max(axis=1)
    begun = top + np.log(np.exp(log_mass - top[:, None]).sum(axis=1))
    log_e: FloatArray = np.logaddexp(begun, math.log(onset_mass_left(looks - 1)))
    return log_e


def shifted_share(share: FloatArray | float, ratio: FloatArray | float) -> FloatArray:
    """The canary's share of events when its rate is ``ratio`` times the baseline's."""
    product = np.asarray(share) * ratio
    shifted: FloatArray = product / (product + 1.0 - share)
    return shifted


def share_interval(
    successes: FloatArray, failures: FloatArray, centre: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Confidence sequence of a share, valid at any number of looks.

    The set of shares that a beta-binomial mixture centred on ``centre`` does not reject. Assumes
    independent events with one constant share.

    Parameters
    ----------
    successes, failures, centre
        Shape (K,).
    level
        Coverage, in (0, 1).

    References
    ----------
    Robbins (1970); Howard & Ramdas (2022), section 3.
    """
    a, b = PRIOR_EVENTS * centre, PRIOR_EVENTS * (1.0 - centre)
    mixture = betaln(a + successes, b + failures) - betaln(a, b)
    bound = -math.log(1.0 - level)

    def rejected(share: FloatArray) -> NDArray[np.bool_]:
        return mixture - xlogy(successes, share) - xlog1py(failures, -share) >= bound

    total = successes + failures
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.where(total > 0, successes / total, centre)
    low, high = np.zeros_like(middle), np.ones_like(middle)
    inside_low, inside_high = middle.copy(), middle.copy()
    for _ in range(BISECTIONS):
        guess = 0.5 * (low + inside_low)
        out = rejected(guess)
        low, inside_low = np.where(out, guess, low), np.where(out, inside_low, guess)
        guess = 0.5 * (high + inside_high)
        out = rejected(guess)
        high, inside_high = np.where(out, guess, high), np.where(out, inside_high, guess)
    return low, high
