"""Growth beyond what a level, a step, a saturation and noise with memory explain.

One series is one row of M evenly spaced values. Each of a set of nuisance shapes, a step at any
place and saturations of several time constants, is fitted beside a straight line in noise that is
autoregressive of first order. The growth beside a shape is the slope that remains. A row grows
where one of these holds:

- beside *every* shape that the data leave plausible the slope is above 0 at the level; an
  intersection of tests has at most the level of each, so no step of any size is growth;
- the line alone tells the row about as well as any shape alone, its slope is above 0 at the level,
  and it is so at `AGREEING` beside every plausible shape and in both halves of the row.

Where a curve tells the row better than a step and a line alone does not tell it, the second half
must also grow by a quarter of what the first does: with little noise no curve fits exactly, and
what it leaves over is not growth.

The noise's coefficient is estimated about each fit, corrected for its bias, and set to 1 where it
cannot be told from 1: the slope's ratio to its error then holds for stationary noise and for a
random walk alike. Nothing but the slopes changes when a line is added to a row, so a steeper row
never has a larger p-value.

References
----------
Perron & Yabu (2009), Journal of Econometrics 151:56-69 (trend under either kind of noise).
Prais & Winsten (1954), Cowles Commission discussion paper 383. Berger (1982), Technometrics
24:295-300 (intersection-union tests); Berger & Boos (1994), JASA 89:1012-1016 (nuisances by a
confidence set).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

FloatArray = NDArray[np.float64]
Kinds = NDArray[np.intp]

FEWEST = 12  # values to tell a trend from a step and noise
EDGE = 2  # values beside a step at either end
TIME_CONSTANTS = (
    0.03,
    0.05,
    0.08,
    0.12,
    0.16,
    0.2,
    0.25,
    0.3,
)  # of saturations, as shares of the series
PLAUSIBLE = 15.0  # twice the log-likelihood ratio up to which a shape may be the true one
AS_WELL = 8.0  # the same, by which a scan over shapes beats a true line without meaning it
TOLD = 8.0  # the same, by which noise about a level seldom favours a line: 0.01 of 24 values
AGREEING = 0.17  # level of the tests beside shapes and of the halves, where a line tells all
SLOWED = 0.25  # share of the first half's growth under which a curve's second half is its end
LEVEL_WEIGHT = 1e-3  # of the first value of a random walk: it places the level, and nothing else
STILL = 1e-20  # share of the power below which what is left is rounding
CHUNK = 64  # rows at a time: their fits stay in the cache
NONE, STEP, CURVE, HALF = range(4)


@dataclass(frozen=True, slots=True)
class Growth:
    """The answer for each row, every array of shape (K,).

    Parameters
    ----------
    p_value
        Of growth, by the two ways above.
    p_halves
        The larger of the p-values of growth in the first and in the second half.
    slope, error
        Of the line, per unit of the times, and its standard error; beside the shapes that may be
        the true one, weighted by their likelihood, where the line alone may not be.
    level, level_error, covariance
        The fit at the last value, its standard error, and its covariance with the slope.
    shape
        0 flat, 1 step, 2 saturating, 3 linear: what tells the row best.
    """

    p_value: FloatArray
    p_halves: FloatArray
    slope: FloatArray
    error: FloatArray
    level: FloatArray
    level_error: FloatArray
    covariance: FloatArray
    shape: Kinds


@dataclass(frozen=True, slots=True)
class _Fit:
    """Lines beside shapes, every array of shape (K, J)."""

    slope: FloatArray
    variance: FloatArray
    power: FloatArray  # squared innovations, summed
    power_without: FloatArray  # the same without the line
    level: FloatArray
    level_variance: FloatArray
    covariance: FloatArray


def growth(values: FloatArray, times: FloatArray, margin: FloatArray | float = 0.0) -> Growth:
    """Ask of each row whether it grows, and whether by more than the margin.

    Parameters
    ----------
    values
        Shape (K, M), M at least `FEWEST`, finite.
    times
        Shape (K, M), increasing and near evenly spaced.
    margin
        A number or shape (K,): where the slope is not above it, the p-value is that of a slope
        beyond it, if that is larger, and so at least a half.

    Notes
    -----
    Assumes noise near normal and of first order: values that are means of blocks of a series are
    nearer to both than the series.
    """
    centre = values.mean(axis=1)
    left = values - centre[:, None]
    # squares must neither vanish nor overflow, and powers of two cost no digit
    scale = np.ldexp(1.0, np.frexp(np.abs(left).max(axis=1))[1])
    left, margins = left / scale[:, None], margin / scale
    parts = [
        _growth(left[k : k + CHUNK], times[k : k + CHUNK], margins[k : k + CHUNK])
        for k in range(0, len(values), CHUNK)
    ]
    found = Growth(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Growth))
    )
    return replace(
        found,
        slope=found.slope * scale,
        error=found.error * scale,
        level=found.level * scale + centre,
        level_error=found.level_error * scale,
        covariance=found.covariance * scale * scale,
    )


def slope_error(values: FloatArray, times: FloatArray) -> FloatArray:
    """Standard error of each row's slope beside no shape, shape (K,); arguments as of `growth`."""
    clock, span = _clock(times)
    nothing = np.zeros((1, 1, values.shape[1]))
    fit = _fit(values[:, None, :], nothing, clock[:, None, :])
    error: FloatArray = np.sqrt(fit.variance[:, 0]) / span
    return error


def _growth(values: FloatArray, times: FloatArray, margin: FloatArray) -> Growth:
    n = values.shape[1]
    clock, span = _clock(times)
    shapes, kinds = _shapes(clock)
    fit = _fit(values[:, None, :], shapes, clock[:, None, :])
    p = _p_values(fit.slope, np.sqrt(fit.variance), n - 3)
    tiny = np.finfo(np.float64).tiny
    cost = n * np.log(np.maximum(fit.power, tiny))
    cost_without = n * np.log(np.maximum(fit.power_without, tiny))
    told = kinds != HALF
    shaped = (kinds == STEP) | (kinds == CURVE)
    plausible = told & (cost <= cost[:, told].min(axis=1, keepdims=True) + PLAUSIBLE)
    p_beside = np.where(plausible, p, 0.0).max(axis=1)
    p_halves = p[:, kinds == HALF].max(axis=1)
    alone = cost[:, 0] <= cost_without[:, shaped].min(axis=1) + AS_WELL
    agreed = alone & (p_beside <= AGREEING) & (p_halves <= AGREEING)
    p_value = np.where(agreed, np.minimum(p_beside, p[:, 0]), p_beside)
    curved = cost[:, kinds == CURVE].min(axis=1) < cost[:, kinds == STEP].min(axis=1)
    slowing = ~plausible[:, 0] & curved & _slowed(values, clock)
    # the line alone where it may be the truth, the mean over what may be where it may not; weights
    # by the root of the likelihood, which the coefficients fitted about each shape make too sharp
    weight = np.where(
        plausible, np.exp(-0.25 * (cost - cost[:, told].min(axis=1, keepdims=True))), 0
    )
    weight = np.where(plausible[:, :1], kinds == NONE, weight)
    weight /= weight.sum(axis=1, keepdims=True)

    def mean(of: FloatArray) -> FloatArray:
        total: FloatArray = (weight * of).sum(axis=1)
        return total

    slope, level = mean(fit.slope), mean(fit.level)
    slopes, levels = fit.slope - slope[:, None], fit.level - level[:, None]
    error = np.sqrt(mean(fit.variance + slopes**2))
    beyond = slope - margin * span
    p_value = np.where(slowing, 1.0, p_value)
    p_value = np.where(beyond > 0, p_value, np.maximum(p_value, _p_values(beyond, error, n - 3)))
    return Growth(
        p_value=p_value,
        p_halves=p_halves,
        slope=slope / span,
        error=error / span,
        level=level,
        level_error=np.sqrt(mean(fit.level_variance + levels**2)),
        covariance=mean(fit.covariance + slopes * levels) / span,
        shape=_shortest(cost, cost_without, kinds),
    )


def _slowed(values: FloatArray, clock: FloatArray) -> NDArray[np.bool_]:
    """Whether the second half grows by under `SLOWED` of what the first does."""
    m = values.shape[1] // 2
    slopes = []
    for part in (slice(None, m), slice(m, None)):
        t = clock[:, part] - clock[:, part].mean(axis=1, keepdims=True)
        slopes.append((t * values[:, part]).sum(axis=1) / (t * t).sum(axis=1))
    slowed: NDArray[np.bool_] = slopes[1] < SLOWED * slopes[0]
    return slowed


def _clock(times: FloatArray) -> tuple[FloatArray, FloatArray]:
    span = times[:, -1] - times[:, 0]
    return (times - times[:, :1]) / span[:, None], span


def _shapes(clock: FloatArray) -> tuple[FloatArray, Kinds]:
    """The shapes beside which a line may stand, shape (K, J, M), and the kind of each."""
    rows, n = clock.shape
    place = np.arange(n)
    between = (place >= np.arange(EDGE, n - EDGE + 1)[:, None]) * 1.0
    # a step within a block leaves it half way
    within = np.array([(place > j) + 0.5 * (place == j) for j in range(EDGE, n - EDGE)])
    steps = np.concatenate([between, within])
    moment = clock[:, None, :]
    curves = np.exp(-moment / np.array(TIME_CONSTANTS)[:, None])
    halves = np.concatenate([np.minimum(moment, 0.5), np.maximum(moment - 0.5, 0.0)], axis=1)
    shapes = np.concatenate(
        [
            np.zeros((rows, 1, n)),
            np.broadcast_to(steps, (rows, *steps.shape)),
            curves,
            halves,
        ],
        axis=1,
    )
    return shapes, np.repeat([NONE, STEP, CURVE, HALF], [1, len(steps), len(TIME_CONSTANTS), 2])


def _p_values(slope: FloatArray, error: FloatArray, freedom: int) -> FloatArray:
    """One-sided, of a slope above 0."""
    certain = np.where(slope > 0, np.inf, -np.inf)
    ratio = np.where(error > 0, slope / np.where(error > 0, error, 1.0), certain)
    p: FloatArray = stdtr(freedom, -ratio)
    return p


def _shortest(cost: FloatArray, cost_without: FloatArray, kinds: Kinds) -> Kinds:
    """Flat, step, saturating or linear: more than flat only where that is told clearly."""
    lengths = [
        cost_without[:, 0],
        cost_without[:, kinds == STEP].min(axis=1) + TOLD + AS_WELL,
        cost_without[:, kinds == CURVE].min(axis=1) + TOLD + AS_WELL,
        cost[:, 0] + TOLD,
    ]
    shortest: Kinds = np.argmin(np.stack(lengths, axis=1), axis=1)
    return shortest


def _fit(y: FloatArray, shape: FloatArray, line: FloatArray) -> _Fit:
    """Level, shape and line by generalised least squares, one fit a row and shape."""
    n = y.shape[-1]
    columns = (np.ones_like(y), shape, line)
    _, _, left = _solve(y, columns)
    power = (left * left).sum(axis=-1)
    still = power <= STILL * (y * y).sum(axis=-1)
    first = (left[..., 1:] * left[..., :-1]).sum(axis=-1) / np.where(still, 1.0, power)
    # every regressor takes (1 + phi) / n from the estimate, the estimate itself another 2 phi / n
    corrected = np.clip((first * n + 3) / max(n - 5, 1), 0.0, 1.0)
    near_walk = corrected > 1 - n**-0.5
    phi = np.where(still, 0.0, np.where(near_walk, 1.0, corrected))[..., None]
    found, inverse, left = _solve(_whiten(y, phi), tuple(_whiten(c, phi) for c in columns))
    innovations = np.where(still, 0.0, (left * left).sum(axis=-1))
    variance = innovations / (n - 3)
    at_end = np.stack(
        [np.broadcast_to(column[..., -1], found.shape[:-1]) for column in columns], axis=-1
    )
    to_end = (inverse * at_end[..., None, :]).sum(axis=-1)
    slope = found[..., 2]
    return _Fit(
        slope=slope,
        variance=variance * inverse[..., 2, 2],
        power=innovations,
        power_without=innovations + slope * slope / inverse[..., 2, 2],
        level=(found * at_end).sum(axis=-1),
        level_variance=variance * (to_end * at_end).sum(axis=-1),
        covariance=variance * to_end[..., 2],
    )


def _solve(
    y: FloatArray, columns: tuple[FloatArray, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coefficients, the inverse of their normal equations, and what is left; a column may be 0."""
    size = np.broadcast_shapes(y.shape, *(column.shape for column in columns))[:2]
    normal = np.empty((*size, 3, 3))
    right = np.empty((*size, 3))
    for a, column in enumerate(columns):
        right[..., a] = (column * y).sum(axis=-1)
        for b in range(a + 1):
            normal[..., a, b] = normal[..., b, a] = (column * columns[b]).sum(axis=-1)
        normal[..., a, a] += normal[..., a, a] == 0
    inverse = np.linalg.inv(normal)
    found = np.einsum("kjab,kjb->kja", inverse, right)
    left = y - sum(found[..., a, None] * column for a, column in enumerate(columns))
    return found, inverse, left


def _whiten(column: FloatArray, phi: FloatArray) -> FloatArray:
    """What is new at each value; the first of a random walk only places the level."""
    first = np.maximum(np.sqrt(1 - phi * phi), LEVEL_WEIGHT) * column[..., :1]
    rest = column[..., 1:] - phi * column[..., :-1]
    return np.concatenate([np.broadcast_to(first, (*rest.shape[:-1], 1)), rest], axis=-1)
