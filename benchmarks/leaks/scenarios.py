"""Series that leak and series that do not, every draw from the generator given.

Each is 720 samples a minute apart, in noise of standard deviation 1 unless it says otherwise. The
names are permanent: they are the scenarios' ids, and seed their draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tests.detect.processes import ar1

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    Draw = Callable[[np.random.Generator, int], FloatArray]

N = 720
CLOCK = np.arange(N) / N
SECONDS = np.arange(N) * 60.0


def walk(rng: np.random.Generator, rows: int) -> FloatArray:
    """Sums of independent steps."""
    return np.asarray(np.cumsum(rng.normal(size=(rows, N)), axis=1))


def teeth(rng: np.random.Generator, rows: int, height: float, shortest: int) -> FloatArray:
    """Garbage that builds up and goes, in periods up to 2.5 times the shortest."""
    period = rng.uniform(shortest, 2.5 * shortest, (rows, 1))
    return np.asarray((np.arange(N) / period + rng.uniform(size=(rows, 1))) % 1 * height)


def day(rng: np.random.Generator, rows: int, size: float = 3.0) -> FloatArray:
    """Two and a half periods of a sine of any phase."""
    return np.asarray(size * np.sin(2 * np.pi * (CLOCK * 2.5 + rng.uniform(size=(rows, 1)))))


def filling(size: float, share: float) -> FloatArray:
    """A cache that fills, with a time constant of a share of the series."""
    return np.asarray(size * (1 - np.exp(-CLOCK / share)))


def stepped(rng: np.random.Generator, rows: int, size: float) -> FloatArray:
    """One step, anywhere but in the first and last tenth."""
    place = rng.integers(N // 10, N - N // 10, (rows, 1))
    return np.asarray(size * (np.arange(N) >= place))


NULLS: dict[str, Draw] = {
    "independent": lambda rng, rows: rng.normal(size=(rows, N)),
    "AR(0.6)": lambda rng, rows: ar1(rng, rows, N, 0.6),
    "AR(0.95)": lambda rng, rows: ar1(rng, rows, N, 0.95),
    "sawtooth": lambda rng, rows: teeth(rng, rows, 10, 20) + rng.normal(size=(rows, N)),
    "diurnal": lambda rng, rows: day(rng, rows) + ar1(rng, rows, N, 0.6),
    "warm-up": lambda rng, rows: filling(8, 0.1) + ar1(rng, rows, N, 0.6),
    "step": lambda rng, rows: stepped(rng, rows, 4) + ar1(rng, rows, N, 0.6),
    "random walk": walk,
}
LEAKS: dict[str, Draw] = {
    "rise 1σ, independent": lambda rng, rows: CLOCK + rng.normal(size=(rows, N)),
    "rise 2σ, AR(0.6)": lambda rng, rows: 2 * CLOCK + ar1(rng, rows, N, 0.6),
    "rise 4σ, sawtooth of 10σ": lambda rng, rows: (
        4 * CLOCK + teeth(rng, rows, 10, 20) + rng.normal(size=(rows, N))
    ),
    "rise 1σ, slow sawtooth of 20σ": lambda rng, rows: (
        CLOCK + teeth(rng, rows, 20, 12) + 0.1 * rng.normal(size=(rows, N))
    ),
    "rise 4σ after a step of 4σ, AR(0.6)": lambda rng, rows: (
        4 * CLOCK + stepped(rng, rows, 4) + ar1(rng, rows, N, 0.6)
    ),
    "rise 4σ under a warm-up of 8σ, AR(0.6)": lambda rng, rows: (
        4 * CLOCK + filling(8, 0.1) + ar1(rng, rows, N, 0.6)
    ),
    "rise 12σ under a warm-up of 8σ, AR(0.6)": lambda rng, rows: (
        12 * CLOCK + filling(8, 0.1) + ar1(rng, rows, N, 0.6)
    ),
}
SHARED: dict[str, Callable[[np.random.Generator], FloatArray]] = {
    "a day of 3σ": lambda rng: day(rng, 1),
    "a warm-up of 8σ": lambda _: filling(8, 0.1)[None],
    "a sawtooth of 10σ": lambda rng: teeth(rng, 1, 10, 20),
}
HARD: dict[str, Draw] = {
    **{
        f"step of {size:g}σ": lambda rng, rows, size=size: (
            stepped(rng, rows, size) + ar1(rng, rows, N, 0.6)
        )
        for size in (0.5, 1.0, 2.0, 8.0)
    },
    **{
        f"saturation of {size:g}σ, time constant {share:g} of the series": (
            lambda rng, rows, size=size, share=share: filling(size, share) + ar1(rng, rows, N, 0.6)
        )
        for share in (0.1, 0.25, 0.5)
        for size in (1.0, 2.0, 8.0)
    },
    "ramp of 2σ that ends half way": lambda rng, rows: (
        2 * np.minimum(2 * CLOCK, 1) + ar1(rng, rows, N, 0.6)
    ),
    "half a period of a day of 3σ, rising": lambda rng, rows: (
        -3 * np.cos(np.pi * CLOCK) + ar1(rng, rows, N, 0.6)
    ),
}
