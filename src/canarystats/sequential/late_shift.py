"""A gauge without history that gets worse in mid-rollout: t-tests of stretches of its batches.

The anytime-valid t-test asks for the mean since the first batch. A canary that was healthy for an
hour and then is not has that hour to pay back, and its own change is the larger part of the noise
it is measured by. Stretches of 3, 6, .. 48 batches, of which one of each length begins at every
third of it, are therefore asked as well whether their mean lies above zero. What came before a
stretch tells the noise, about its own mean, which may lie anywhere below zero.

A single batch is no stretch: a spike of two minutes within it is not a lasting rise. It counts
where it speaks against one. The k-th stretch of a length has the prior weight
1 / ((k + 1) (k + 2)), a finished stretch keeps what it has shown, and one to come its weight. Each
is an e-process of its own, so their average is.

Hypothesis and assumptions are those of the t-test: batch means that are independent and near
normal, with one mean of at most zero.

References
----------
Lindon, Ham, Tingley & Bojinov (2022), Anytime-valid linear models; Shin, Ramdas & Rinaldo (2024),
E-detectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canarystats.kernels import student

FloatArray = NDArray[np.float64]

BEGUN = 3  # stretches of a length that run at the same time
EVERY = np.repeat([1.0, 2.0, 4.0, 8.0, 16.0], BEGUN)  # batches from one beginning to the next
LENGTH = BEGUN * EVERY
PHASE = np.tile(np.arange(float(BEGUN)), len(EVERY) // BEGUN) * EVERY
OF_A_LENGTH = BEGUN / len(EVERY)  # the weight of each length
PRECISIONS = np.array([0.1, 1.0])  # of the prior of the effect, which is looked for at either size
COLUMNS = 3  # what lies beyond the margin upwards and downwards, and the plain difference


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """What the stretches of K gauges have shown.

    Parameters
    ----------
    total, squares
        Of the running stretches: sums of their batches and of their squares, about zero, shape
        (K, columns, stretches).
    before
        Sum of squares of the batches before each, about their own mean, in the same shape.
    finished
        Logarithm of what finished stretches have shown, shape (K, 2): upwards and downwards.
    log_e
        Logarithm of the e-value of them all, shape (K, 2).
    """

    total: FloatArray
    squares: FloatArray
    before: FloatArray
    finished: FloatArray
    log_e: FloatArray


def begin(size: int = 1) -> Stretches:
    """The state of ``size`` gauges before the first batch."""
    each, both = np.zeros((size, COLUMNS, len(EVERY))), np.zeros((size, 2))
    return Stretches(each, each, each, np.full((size, 2), -np.inf), both)


def step(
    state: Stretches,
    batches: FloatArray,
    value: FloatArray,
    squares: FloatArray,
    ordinary: FloatArray,
) -> Stretches:
    """One batch of every gauge.

    Parameters
    ----------
    state
        From `begin` or the batch before.
    batches
        Batches so far, this one included, shape (K,).
    value
        Its mean, shape (K, columns).
    squares
        Sum of squares of the batches before it, about their mean, shape (K, columns).
    ordinary
        The lasting difference that no change needs to explain, shape (K,).
    """
    n = batches[:, None]
    lasted = np.where(n > PHASE, (n - PHASE - 1.0) % LENGTH + 1.0, 0.0)
    fresh, running = (lasted == 1.0)[:, None], (lasted > 0)[:, None]
    added, its_square = value[:, :, None], (value * value)[:, :, None]
    total = np.where(fresh, added, state.total + np.where(running, added, 0.0))
    about_zero = np.where(fresh, its_square, state.squares + np.where(running, its_square, 0.0))
    before = np.where(fresh, squares[:, :, None], state.before)
    began = np.where(running[:, 0], n - lasted, 0.0)
    weight = np.log(OF_A_LENGTH / ((began / EVERY + 1.0) * (began / EVERY + 2.0)))
    shown = _shown((total, about_zero, before), began, lasted, ordinary)
    shown = np.where(fresh, np.minimum(shown, 0.0), shown) + weight[:, None]
    shown = np.where(running, shown, -np.inf)
    over = (lasted == LENGTH)[:, None]
    kept = np.logaddexp.reduce(np.where(over, shown, -np.inf), axis=2)
    finished = np.logaddexp(state.finished, kept)
    to_come = OF_A_LENGTH / (np.ceil(n / EVERY[::BEGUN]) + 1.0)
    now = np.logaddexp.reduce(np.where(over, -np.inf, shown), axis=2)
    log_e = np.logaddexp(np.logaddexp(finished, now), np.log(to_come.sum(axis=1))[:, None])
    return Stretches(total, about_zero, before, finished, log_e)


def _shown(
    sums: tuple[FloatArray, FloatArray, FloatArray],
    began: FloatArray,
    lasted: FloatArray,
    ordinary: FloatArray,
) -> FloatArray:
    """Logarithm of the e-value of each running stretch, shape (K, 2, stretches).

    Beyond the margin, or beyond the ordinary difference between pods where that is larger.
    """
    total, squares, before = sums
    m, most = lasted[:, None], ordinary[:, None, None]
    plain = np.stack([total[:, 2], -total[:, 2]], axis=1)
    larger = plain - m * most < total[:, :2]
    beyond = np.where(larger, plain - m * most, total[:, :2])
    about_edge = squares[:, 2:] - 2.0 * most * plain + m * most * most
    noise = np.where(larger, about_edge + before[:, 2:], squares[:, :2] + before[:, :2])
    free = np.maximum(began - 1.0, 0.0)[:, None] + m
    each = student.log_e_value_of_last(
        free[..., None], m[..., None], beyond[..., None], noise[..., None], PRECISIONS
    )
    found: FloatArray = np.logaddexp.reduce(each, axis=3) - np.log(len(PRECISIONS))
    return found
