"""Has a sum begun to drift upwards? A mixture over how fast and since when.

Each look brings an increment in units of its own long-run standard deviation. The likelihood
ratios of a grid of drifts and of every possible onset are averaged:

    M_j(t) = exp(d_j z_t - d_j² / 2) * (M_j(t-1) + w_t p_j),      E(t) = sum_j M_j(t) + r_t

with prior weights p_j over the drifts, a mass `FROM_THE_FIRST` on "from the first look" and the
rest on later looks, of which r_t is still to come. With independent increments that are normal, or
less spread out, with a mean of at most zero, E is an e-process: P(E ever reaches 1/alpha) <= alpha.
Autocorrelated increments whose long-run variance is 1 add up to a sum that varies at most as much
(where positive autocorrelation rules, as in telemetry); for them the bound is asymptotic, and
measured.

One increment counts for at most `LARGEST` and no drift exceeds `FASTEST`: a single wild value,
which heavy tails bring now and then, is then worth no more evidence than it should be.

References
----------
Shin, Ramdas & Rinaldo (2024), E-detectors; Robbins & Siegmund (1970), Proc. Sixth Berkeley
Symposium 4:235-257.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels import onsets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

# Shifts in standard deviations of a single value; most of the prior lies where rollouts go wrong
# visibly, between a half and two.
SHIFTS = np.array([0.125, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0])
PRIOR = np.array([0.02, 0.04, 0.16, 0.18, 0.18, 0.18, 0.18, 0.06])
FROM_THE_FIRST = 0.65
HALF_OF_ONSETS = 300.0  # looks by which half of the later onsets are expected
LARGEST = 3.0
FASTEST = 1.5


def onset_mass_left(looks: FloatArray) -> FloatArray:
    """Prior mass of onsets that come after ``looks`` further looks; same shape."""
    left: FloatArray = (1.0 - FROM_THE_FIRST) / (1.0 + looks / HALF_OF_ONSETS)
    return left


def start(rows: int, tests: int) -> FloatArray:
    """Mass that has begun before the first look, shape (rows, tests, grid)."""
    return np.tile(FROM_THE_FIRST * PRIOR, (rows, tests, 1))


def advance(
    mass: FloatArray,
    log_scale: FloatArray,
    looks: FloatArray,
    increments: FloatArray,
    drifts: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """One look of every test; gives the new masses and their scale.

    Parameters
    ----------
    mass, log_scale
        Shapes (K, tests, grid) and (K, tests), from `start` (scale 0) or the look before.
    looks
        Shape (K,): how many looks came before.
    increments
        Shape (K, tests), in long-run standard deviations.
    drifts
        Shape (K, grid): the alternatives, in long-run standard deviations a look.
    """
    begins = _still_to_begin(looks) - onset_mass_left(looks)
    slow = np.minimum(drifts, FASTEST)[:, None, :]
    gain = np.minimum(increments, LARGEST)[:, :, None] * slow - 0.5 * slow * slow
    return onsets.grown(mass, log_scale, begins, PRIOR, gain)


def log_e_values(mass: FloatArray, log_scale: FloatArray, looks: FloatArray) -> FloatArray:
    """Logarithm of the e-value of every test after ``looks`` looks, shape (K, tests)."""
    return onsets.log_e_values(mass, log_scale, _still_to_begin(looks))


def _still_to_begin(looks: FloatArray) -> FloatArray:
    """Prior mass of onsets later than the looks so far; the first look has a mass of its own."""
    return onset_mass_left(np.maximum(looks - 1.0, 0.0))
