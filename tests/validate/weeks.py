"""Data of a service after a rollout, every draw from the generator given."""

from __future__ import annotations

import numpy as np

from canarystats.windows import Pair

DAY = 86_400
T0 = 19_674 * DAY  # 2023-11-13, a Monday, at midnight UTC
BOUNDS = (0.1, 0.25, 0.5, 1.0, np.inf)


def ticks(days, step=3600.0, start=T0):
    """Tick times that cover the days, the first one step after the start."""
    return start + step * np.arange(1, round(days * DAY / step) + 1)


def ar1(rng, n, coefficient):
    """AR(1) noise of variance 1, shape (n,)."""
    noise = rng.normal(size=n + 200)
    for t in range(1, n + 200):
        noise[t] += coefficient * noise[t - 1]
    return noise[200:] * np.sqrt(1 - coefficient**2)


def rates(rng, times, *, rate, phi, sd, hourly=0.3, weekend=1.0):
    """Error rates that move with the hour, the weekend and a noise that remembers."""
    step = times[1] - times[0]
    middle = times - step / 2
    on_weekend = ((middle // DAY).astype(int) - 2) % 7 < 2
    hour = np.sin(2 * np.pi * (middle % DAY) / DAY)
    noise = sd * ar1(rng, len(times), phi) - sd**2 / 2
    return rate * np.where(on_weekend, weekend, 1.0) * np.exp(hourly * hour + noise)


def requests(rng, times, rate, load=8.0):
    """Counts of errors out of requests at a load a second, which has its day and its weekend."""
    step = times[1] - times[0]
    middle = times - step / 2
    on_weekend = ((middle // DAY).astype(int) - 2) % 7 < 2
    swing = 1 + 0.5 * np.sin(2 * np.pi * (middle % DAY) / DAY + 1)
    total = rng.poisson(load * step * swing * np.where(on_weekend, 0.6, 1.0))
    return Pair.counts("requests", canary=(rng.binomial(total, rate), total), times=times)


def latency(rng, times, shares, load=8.0):
    """A histogram of latencies with these shares in its buckets."""
    total = rng.poisson(load * (times[1] - times[0]), len(times))
    counts = np.stack([rng.multinomial(n, shares) for n in total])
    return Pair.histogram("latency_seconds", upper_bounds=BOUNDS, canary=counts, times=times)


def memory(rng, times, pods, leaks=(), sd=20e6, limit=1e9):
    """Memory of pods, some of which grow by so many bytes an hour."""
    values = 3e8 + rng.normal(0, sd, (len(times), pods))
    for pod, an_hour in leaks:
        values[:, pod] += an_hour * (times - times[0]) / 3600
    return Pair.gauge("memory_bytes", canary=values, times=times, limit=limit)


def up(times, down=()):
    """A gauge of 0 and 1 that is 0 at these ticks."""
    values = np.ones(len(times))
    values[list(down)] = 0
    return Pair.gauge("up", canary=values, times=times)
