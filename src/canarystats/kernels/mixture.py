"""E-processes for binomial counts: mixtures over how large an effect is and when it began.

Each look brings successes and failures whose share under the null is at most ``share``; an
alternative multiplies the odds. The e-process averages the likelihood ratios L of a grid of odds
and of every possible onset:

    M_j(t) = L_j(t) * (M_j(t-1) + w_t p_j),      E(t) = sum_j M_j(t) + r_t

with prior weights p_j over the odds, a large part of the prior mass on "from the first look" and
the rest spread over later looks as 1 / (t ln² t), whose unspent part r_t is the mass of onsets
still to come. E is an e-process (a mixture of e-processes), so P(E ever reaches 1/alpha) <= alpha
under the null, and a regression that begins late is found without the debt of a long healthy past.

For independent Poisson counts, undiscounted, the median delay is 1.1 to 1.3 times ln(1/alpha) / KL
wherever that is ten ticks or more, at alpha 5 %, 1 % and 0.125 %. The mean is 1.2 to 1.3 times it
at 0.125 %, 1.25 to 1.35 at 1 % and 1.3 to 1.45 at 5 %, where an unlucky start weighs more; below
ten ticks, whole ticks and the overshoot of the last one add to it. An onset at look 300 is found in
1.0 to 1.7 times ln(5000) / KL at 5 %, 1.3 to 1.9 at 1 % and 1.5 to 2.2 at 0.125 %.

Cost and memory are O(grid) a look. K metrics with the same tests stand side by side: arrays have
shape (K, tests) or (K, tests, grid). How masses grow and are kept stands in `kernels.onsets`.

References
----------
Lindon & Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS.
Shin, Ramdas & Rinaldo (2024), E-detectors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaln

from canarystats.kernels import onsets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

# Odds multipliers of the alternatives: close enough together that no effect falls between two, and
# down to a thousandth, so that whatever is beyond a threshold is found in the end. Nearly all prior
# weight is on effects a rollout is rolled back for, a little more of it on the slow ones, where
# two nats of prior are a smaller part of what is to be shown.
ODDS = np.array([1.001, 1.003, 1.01, 1.03, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0])
_WEIGHTS = np.array([0.04, 0.04, 0.04, 0.04, 1.3, 1.3, 1.3, 1.1, 1.0, 1.0, 1.0, 0.16])
PRIOR = _WEIGHTS / _WEIGHTS.sum()
FROM_THE_FIRST = 0.8  # prior mass on "from the first look"
SMALLEST = 1e-300
PRIOR_EVENTS = 10.0  # weight of the prior of `share_interval`, in events
NEWTON_STEPS = 12  # at most
NEWTON_CLOSE = 1e-12  # a step so small leaves nothing for the next one


def onset_mass_left(looks: FloatArray) -> FloatArray:
    """Prior mass of onsets that come after ``looks`` further looks; same shape."""
    left: FloatArray = (1.0 - FROM_THE_FIRST) / np.log(math.e + np.asarray(looks))
    return left


def start(rows: int, tests: int) -> FloatArray:
    """Mass that has begun before the first look, shape (rows, tests, grid)."""
    return np.tile(FROM_THE_FIRST * PRIOR, (rows, tests, 1))


def advance(
    mass: FloatArray,
    log_scale: FloatArray,
    looks: FloatArray,
    counts: tuple[FloatArray, FloatArray],
    share: FloatArray,
    log_odds: FloatArray,
    fano: FloatArray | float = 1.0,
    most: FloatArray | float = np.inf,
) -> tuple[FloatArray, FloatArray]:
    """One look of every test; gives the new masses and their scale.

    Parameters
    ----------
    mass, log_scale
        Shapes (K, tests, grid) and (K, tests), from `start` (scale 0) or the look before.
    looks
        Shape (K,): how many looks came before.
    counts
        Successes and failures of this look, shape (K, tests) each; with an axis of strata before
        them, shape (S, K, tests), their log-likelihoods are added up.
    share
        The shape of the counts: the share of successes at the edge of the null.
    log_odds
        Shape (tests, grid): the alternatives, as logarithms of odds multipliers.
    fano
        Shape (K, tests) or one for all: what the gain is divided by where counts come in clumps;
        1 for independent ones.
    most
        Shape (K, tests) or one for all: what one look may gain at most, in nats. A gain cut short
        is expected to be no larger, so the e-process stays one.
    """
    successes, failures = counts
    begins = _still_to_begin(looks) - onset_mass_left(looks)
    # log1p would be exact beyond 1e-16 an event, and takes three times as long.
    gain = successes[..., None] * log_odds
    gain -= (successes + failures)[..., None] * np.log(1.0 + share[..., None] * np.expm1(log_odds))
    if successes.ndim > mass.ndim - 1:
        gain = gain.sum(axis=0)
    gain /= np.reshape(fano, (*np.shape(fano), 1))
    if np.any(np.isfinite(most)):
        np.minimum(gain, np.reshape(most, (*np.shape(most), 1)), out=gain)
    return onsets.grown(mass, log_scale, begins, PRIOR, gain)


def log_e_values(mass: FloatArray, log_scale: FloatArray, looks: FloatArray) -> FloatArray:
    """Logarithm of the e-value of every test after ``looks`` looks, shape (K, tests)."""
    return onsets.log_e_values(mass, log_scale, _still_to_begin(looks))


def _still_to_begin(looks: FloatArray) -> FloatArray:
    """Prior mass of onsets later than the looks so far; the first look has a mass of its own."""
    return onset_mass_left(np.maximum(looks - 1.0, 0.0))


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
    room = -math.log(1.0 - level) - mixture
    both = np.stack([successes, failures]), np.stack([failures, successes])
    low, high = _lowest_share(*both, room)
    return low, 1.0 - high


def _lowest_share(successes: FloatArray, failures: FloatArray, room: FloatArray) -> FloatArray:
    """The smallest q with -successes ln q - failures ln(1 - q) <= room.

    Newton in ln q: the function is convex there, so from the first step on the guesses approach
    the root from one side. They begin where a parabola at the minimum would put it. With so many
    events that the slope there is all rounding a step may leap over the minimum; it ends there.
    """
    total = successes + failures
    observed = np.where(successes > 0, successes, 1.0) / np.where(successes > 0, total, 1.0)
    misses = np.where(failures > 0, failures, 1.0)
    deepest = successes * np.log(observed) + failures * np.log(misses / np.maximum(total, 1.0))
    depth = np.maximum(room + deepest, 0.0)
    curvature = np.where(failures > 0, successes * total / misses, 1.0)
    most = np.log(observed)
    guess = most - np.sqrt(2.0 * depth / np.maximum(curvature, SMALLEST))
    for _ in range(NEWTON_STEPS):
        share = np.minimum(np.exp(guess), 1.0 - 1e-16)
        height = -successes * guess - failures * np.log1p(-share) - room
        slope = failures * share / (1.0 - share) - successes
        further = height / np.where(slope < 0, slope, -1.0)
        guess = np.minimum(guess - further, most)
        if np.abs(further).max(initial=0.0) <= NEWTON_CLOSE:
            break
    lowest: FloatArray = np.where(successes > 0, np.exp(guess), 0.0)
    return lowest
