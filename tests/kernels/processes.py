"""Stationary series with a known autocorrelation time, one a row."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

BURN_IN = 300


def ar1(rng, phi, rows, n):
    """Time (1 + phi) / (1 - phi); standard normal innovations."""
    return lfilter([1], [1, -phi], rng.normal(size=(rows, n + BURN_IN)), axis=1)[:, BURN_IN:]


def ar2(rng, first, second, rows, n):
    """A slow component behind fast noise."""
    noise = rng.normal(size=(rows, n + BURN_IN))
    return lfilter([1], [1, -first, -second], noise, axis=1)[:, BURN_IN:]


def moving_average(rng, taps, rows, n):
    """Time ``taps``: what a rate over overlapping windows looks like."""
    total = np.cumsum(rng.normal(size=(rows, n + taps)), axis=1)
    return total[:, taps:] - total[:, :-taps]
