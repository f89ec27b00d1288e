"""Boundaries of a group-sequential test: how much error each look may spend.

A spending function f says how much of the level may be used up by the time a fraction t of the
planned information is there. The boundary of a look is the z value that, given that no earlier
look crossed, is crossed with exactly the probability f(t) - f(t before). Under the null the sums
S = z sqrt(t) are Brownian motion at the times t, so the density of the sums that have not crossed
is carried from look to look by numerical integration, and every boundary is a root of one integral.

References
----------
Armitage, McPherson & Rowe (1969), Repeated significance tests on accumulating data, JRSS A 132.
Lan & DeMets (1983), Discrete sequential boundaries for clinical trials, Biometrika 70.
Kim & DeMets (1987), Design and analysis of group sequential tests based on the type I error
spending rate function, Biometrika 74 (the power family).
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Sides = Literal[1, 2]
REACH = 9.0  # standard deviations beyond which paths that stay inside carry no mass that matters
PANEL = 1.5  # width of an integration panel, in standard deviations of the narrower increment
NODES = 12  # Gauss-Legendre nodes of a panel: exact to about 1e-13 at that width
HALVINGS = 90  # of the interval that holds a boundary: down to neighbouring floats
HIGHEST = 40.0  # no z value is further out; a look that may spend nothing has this boundary
REMEMBERED = 256  # looks whose sums are kept for the next look


def obrien_fleming(level: float, fraction: float) -> float:
    """The O'Brien-Fleming-like spending function: almost nothing early."""
    if fraction <= 0:
        return 0.0
    return float(2.0 * ndtr(ndtri(level / 2.0) / math.sqrt(fraction)))


def pocock(level: float, fraction: float) -> float:
    """The Pocock-like spending function: nearly the same boundary at every look."""
    return level * math.log1p(math.expm1(1.0) * fraction)


def power_family(level: float, fraction: float, exponent: float) -> float:
    """The power family: the level times the fraction to a power."""
    return float(level * fraction**exponent)


class Inside(NamedTuple):
    """Sums that have not crossed by some look.

    Parameters
    ----------
    nodes, mass
        Where they lie, shape (n,), and how much probability each node carries.
    """

    nodes: FloatArray
    mass: FloatArray


def boundaries(
    fractions: Sequence[float], spent: Sequence[float], sides: Sides
) -> tuple[float, ...]:
    """The z value of every look.

    Parameters
    ----------
    fractions
        Information at each look as a part of the planned, increasing, in (0, 1].
    spent
        The probability used up by each look, on each side of a two-sided test.
    sides
        1 tests upwards only; 2 crosses at the boundary and at its negative.
    """
    times, used = tuple(map(float, fractions)), tuple(map(float, spent))
    return tuple(boundary(times[: k + 1], used[: k + 1], sides) for k in range(len(times)))


@lru_cache(maxsize=REMEMBERED)
def boundary(fractions: tuple[float, ...], spent: tuple[float, ...], sides: Sides) -> float:
    """The z value of the last of these looks; see `boundaries`."""
    spend = spent[-1] - (spent[-2] if len(spent) > 1 else 0.0)
    low, high = -HIGHEST, HIGHEST
    if spend <= 0:
        return high
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        above = float(tail(fractions, spent, sides, np.array([middle]))[0])
        low, high = (middle, high) if above > spend else (low, middle)
    return 0.5 * (low + high)


def tail(
    fractions: tuple[float, ...], spent: tuple[float, ...], sides: Sides, z: FloatArray
) -> FloatArray:
    """The null chance of no crossing before the last look and then at least z, shape (K,)."""
    now = fractions[-1]
    if len(fractions) == 1:
        alone: FloatArray = ndtr(-z)
        return alone
    step = now - fractions[-2]
    before = _inside(fractions[:-1], spent[:-1], sides, step)
    edge = z[:, None] * math.sqrt(now)
    # Summed row by row: a matrix product would add up differently for one row and for many.
    above: FloatArray = (ndtr((before.nodes - edge) / math.sqrt(step)) * before.mass).sum(axis=1)
    return above


@lru_cache(maxsize=REMEMBERED)
def _inside(
    fractions: tuple[float, ...], spent: tuple[float, ...], sides: Sides, ahead: float
) -> Inside:
    """The null sums inside after these looks, fine enough for an increment of ``ahead``."""
    now = fractions[-1]
    z = boundary(fractions, spent, sides)
    if len(fractions) == 1:
        nodes, weights = _grid(z, now, min(now, ahead), sides)
        return Inside(nodes, weights * _normal(nodes, now))
    step = now - fractions[-2]
    before = _inside(fractions[:-1], spent[:-1], sides, step)
    nodes, weights = _grid(z, now, min(step, ahead), sides)
    return Inside(nodes, weights * _carried(before, nodes, step))


def crossings(
    fractions: Sequence[float], bounds: Sequence[float], sides: Sides, drift: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """The chance that each look is the first to cross, above and below.

    Parameters
    ----------
    fractions, bounds
        Information and z value of each look; at most `HIGHEST`.
    sides
        1 crosses upwards only.
    drift
        Mean of z when all the planned information is there; 0 is the null.

    Returns
    -------
    tuple of ndarray
        Shape (looks,) each; the second is zero where ``sides`` is 1.
    """
    above, below = np.zeros(len(fractions)), np.zeros(len(fractions))
    before, past = Inside(np.zeros(1), np.ones(1)), 0.0
    steps = np.diff([0.0, *fractions, fractions[-1] + 1.0])
    for k, (now, z) in enumerate(zip(fractions, bounds, strict=True)):
        step, edge = now - past, z * math.sqrt(now)
        shift, spread = drift * step, math.sqrt(step)
        above[k] = before.mass @ ndtr((before.nodes + shift - edge) / spread)
        if sides == 2:
            below[k] = before.mass @ ndtr((-edge - before.nodes - shift) / spread)
        nodes, weights = _grid(z, now, min(step, float(steps[k + 1])), sides, drift)
        before = Inside(nodes, weights * _carried(before, nodes, step, shift))
        past = now
    return above, below


def _carried(before: Inside, nodes: FloatArray, step: float, shift: float = 0.0) -> FloatArray:
    """The density, at ``nodes``, of the sums a step later."""
    density: FloatArray = _normal(nodes[:, None] - before.nodes - shift, step) @ before.mass
    return density


def _normal(values: FloatArray, variance: float) -> FloatArray:
    density: FloatArray = np.exp(-0.5 * values**2 / variance)
    return density / math.sqrt(2.0 * math.pi * variance)


def _grid(
    z: float, now: float, step: float, sides: Sides, drift: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights over the sums that do not cross; ``step`` sets how fine they are."""
    scale, centre = math.sqrt(now), drift * now
    high = min(z * scale, centre + REACH * scale)
    low = centre - REACH * scale
    if sides == 2:
        low = max(low, -z * scale)
    if high <= low:
        return np.zeros(1), np.zeros(1)
    panels = max(1, math.ceil((high - low) / (PANEL * math.sqrt(step))))
    points, weights = _panel()
    half = 0.5 * (high - low) / panels
    middles = low + half * (2.0 * np.arange(panels) + 1.0)
    return (middles[:, None] + half * points).ravel(), np.tile(half * weights, panels)


@cache
def _panel() -> tuple[FloatArray, FloatArray]:
    points, weights = np.polynomial.legendre.leggauss(NODES)
    return points, weights
