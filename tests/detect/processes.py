"""Series without and with changes, every draw from the generator given."""

from __future__ import annotations

import numpy as np

BURN_IN = 200


def ar1(rng, rows, n, coefficient):
    """AR(1) noise of variance 1, shape (rows, n)."""
    noise = rng.normal(size=(rows, n + BURN_IN))
    for t in range(1, n + BURN_IN):
        noise[:, t] += coefficient * noise[:, t - 1]
    return noise[:, BURN_IN:] * np.sqrt(1 - coefficient**2)


def spiked(rng, rows, n, spikes=5, size=20.0):
    """White noise with a few wild values."""
    noise = rng.normal(size=(rows, n))
    for row in noise:
        row[rng.choice(n, spikes, replace=False)] += size
    return noise


def smoothed(rng, rows, n, window=10):
    """What a rate over ten scrapes, read at every scrape, does to white noise."""
    total = np.cumsum(rng.normal(size=(rows, n + window)), axis=1)
    return (total[:, window:] - total[:, :-window]) / np.sqrt(window)


def step(n, share=0.6):
    """0 before, 1 after."""
    return (np.arange(n) >= share * n) * 1.0
