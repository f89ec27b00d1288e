"""How widely values scatter: the canary's spread against the baseline's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from scipy.special import stdtr, stdtrit

from canarystats.compare import sides, tails
from canarystats.compare.stacks import of_each_kind, stacked, stacks
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.dependence import autocorrelation_time
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    Columns = tuple[FloatArray, FloatArray]

LEAST_EFFECTIVE = 3.0  # independent values a side under which the answer is withheld
ROUNDING = 1e-12  # of the largest value: scatter under it is taken to be none
ONE_LOOK = "one look at a window fixed beforehand"


@dataclass(frozen=True, slots=True)
class _Asked:
    alternative: sides.Alternative
    level: float
    null_ratio: float
    harmful: sides.Harmful

    @property
    def question(self) -> Question:
        return sides.question(self.alternative, self.harmful, beyond=self.null_ratio != 1)


@dataclass(frozen=True, slots=True)
class _Scatter:
    """Distances from the median on each side, every field of shape (2, K) or (K,)."""

    n: FloatArray
    mean: FloatArray
    squares: FloatArray  # about their mean
    time: FloatArray

    @property
    def degrees(self) -> FloatArray:
        free: FloatArray = np.maximum((self.n[0] + self.n[1]) / self.time - 2, 1.0)
        return free

    @property
    def parts(self) -> FloatArray:
        """What each side adds to the variance of a difference of mean distances, (2, K)."""
        free = np.maximum(self.n[0] + self.n[1] - 2, 1)
        parts: FloatArray = self.squares / free * (1 / self.n[0] + 1 / self.n[1]) * self.time
        return parts


@overload
def spread(
    pair: Pair,
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    null_ratio: float = 1.0,
    harmful: sides.Harmful = "increase",
) -> Evidence: ...


@overload
def spread(
    pair: Sequence[Pair],
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    null_ratio: float = 1.0,
    harmful: sides.Harmful = "increase",
) -> list[Evidence]: ...


def spread(
    pair: Pair | Sequence[Pair],
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    null_ratio: float = 1.0,
    harmful: sides.Harmful = "increase",
) -> Evidence | list[Evidence]:
    """Test whether the canary's values scatter more or less widely than the baseline's.

    Parameters
    ----------
    pair
        Samples or a gauge (one value a tick, the mean of its pods), or a sequence of them, tested
        in batches.
    alternative
        ``greater`` asks whether the canary scatters more, ``less`` whether less.
    level
        The p-value at which the evidence decides, in (0, 0.5).
    null_ratio
        The ratio of spreads under the hypothesis, positive; with ``less`` a margin for
        non-inferiority.
    harmful
        The direction that hurts; it names the question and changes no number.

    Returns
    -------
    Evidence
        ``observed`` and ``reference`` are mean distances from the median, in the metric's unit;
        ``effect`` is their ratio, None where the baseline does not vary; the interval inverts the
        test. Status is DEGENERATE where neither side varies, INSUFFICIENT under three (effective)
        values a side, NOT_EVALUABLE with infinities.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Brown and Forsythe's form of Levene's test: Student's test on distances from each side's
    median. Hypothesis: canary and baseline have the same mean distance (times ``null_ratio``).
    Different centres do not matter. Values must be independent; a gauge's variance is inflated by
    the autocorrelation time of its distances. Under about ten values a side it is conservative;
    very heavy tails make it lose power.

    References
    ----------
    Brown & Forsythe (1974), Journal of the American Statistical Association 69:364-367.
    Fieller (1954), Journal of the Royal Statistical Society B 16:175-185 (the interval).

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> calm, wild = [9.9, 10.0, 10.1] * 4, [1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0]
    >>> spread(Pair.samples("cpu_cores", canary=wild, baseline=calm)).decides
    True
    """
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_between("level", level, 0, 0.5)
    sides.require_between("null_ratio", null_ratio, 0, math.inf)
    asked = _Asked(alternative, level, null_ratio, harmful)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "spread", Kind.SAMPLES, Kind.GAUGE)

    def answer(kind: Kind, alike: list[Pair]) -> list[Evidence]:
        return [one for stack in stacks(alike) for one in _spreads(kind, stack, asked)]

    found = of_each_kind(pairs, answer)
    return found[0] if isinstance(pair, Pair) else found


def _spreads(kind: Kind, pairs: list[Pair], asked: _Asked) -> list[Evidence]:
    columns = [sides.ordinary_values(pair) for pair in pairs]
    sizes = [tuple(int((~np.isnan(side)).sum()) for side in both) for both in columns]
    told = [_untested(both, n) for both, n in zip(columns, sizes, strict=True)]
    untold = [both for both, said in zip(columns, told, strict=True) if said is None]
    tested = iter(_tested(untold, asked, gauge=kind is Kind.GAUGE))
    independent = "each side is stationary within the window"
    if kind is Kind.SAMPLES:
        independent = "the observations are independent"
    return [
        Evidence(
            metric=pair.name,
            method="spread",
            question=asked.question,
            n_canary=n[0],
            n_baseline=n[1],
            level=asked.level,
            margin=asked.null_ratio if asked.null_ratio != 1 else None,
            assumptions=(independent, ONE_LOOK),
            seen=sides.seen(pair, *both),
            **(next(tested) if said is None else said),
        )
        for pair, both, n, said in zip(pairs, columns, sizes, told, strict=True)
    ]


def _untested(columns: Columns, n: tuple[int, ...]) -> dict[str, Any] | None:
    """What is said without a test; None where one is made."""
    nothing = sides.absent(n[0], n[1])
    if nothing is not None:
        return {"status": nothing}
    if any(np.isinf(column).any() for column in columns):
        detail = "infinite values have no distance from the median"
        return {"status": Status.NOT_EVALUABLE, "detail": detail}
    return None


def _tested(columns: list[Columns], asked: _Asked, *, gauge: bool) -> list[dict[str, Any]]:
    if not columns:
        return []
    scatter = _scatter(columns, gauge=gauge)
    (ours, theirs), parts, ratio = scatter.mean, scatter.parts, asked.null_ratio
    error = np.sqrt(parts[0] + ratio * ratio * parts[1])
    t = np.divide(ours - ratio * theirs, error, out=np.zeros_like(error), where=error > 0)
    p = tails.chosen(
        stdtr(scatter.degrees, -t), stdtr(scatter.degrees, t), asked.alternative
    ).tolist()
    beyond = sides.tail(asked.alternative, asked.level)
    critical: FloatArray = np.asarray(stdtrit(scatter.degrees, 1 - beyond), dtype=np.float64)
    low, high = _bounds(scatter, critical)
    worth = (scatter.n.min(axis=0) / scatter.time).tolist()
    return [
        {
            "observed": here,
            "reference": there,
            "effect": here / there if there > 0 else None,
            "n_effective": max(values, 1.0) if gauge else None,
            **(
                {"p_value": p[i], "interval": sides.interval(low[i], high[i], beyond)}
                | _few(values)
                if error[i] > 0
                else _same(here, there)
            ),
        }
        for i, (here, there, values) in enumerate(
            zip(ours.tolist(), theirs.tolist(), worth, strict=True)
        )
    ]


def _same(here: float, there: float) -> dict[str, Any]:
    none = here == there == 0
    detail = "neither side varies" if none else "every distance from the median is the same"
    return {"status": Status.DEGENERATE, "p_value": 1.0, "detail": detail}


def _few(values: float) -> dict[str, Any]:
    if values >= LEAST_EFFECTIVE:
        return {}
    detail = f"{values:.3g} independent values on a side; it takes {LEAST_EFFECTIVE:.0f}"
    return {"status": Status.INSUFFICIENT, "detail": detail}


def _scatter(columns: list[Columns], *, gauge: bool) -> _Scatter:
    distances, figures = [], []
    for side in (0, 1):
        values = stacked([both[side] for both in columns])
        away = np.abs(values - sides.medians(values)[:, None])
        largest = np.nanmax(np.abs(values), axis=1, keepdims=True)
        away = np.where(away <= ROUNDING * largest, 0.0, away)
        present = ~np.isnan(away)
        n = present.sum(axis=1).astype(np.float64)
        mean = _total(np.where(present, away, 0.0)) / n
        off = np.where(present, away - mean[:, None], 0.0)
        figures.append((n, mean, _total(off * off)))
        distances.append(away)
    time = autocorrelation_time(*distances) if gauge else np.ones(len(columns))
    n, mean, squares = (np.stack(both) for both in zip(*figures, strict=True))
    return _Scatter(n, mean, squares, time)


def _total(rows: FloatArray) -> FloatArray:
    # from the first value to the last, so that padding changes no bit
    total: FloatArray = np.cumsum(rows, axis=1)[:, -1]
    return total


def _bounds(scatter: _Scatter, critical: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The ratios that the test does not reject."""
    (ours, theirs), parts = scatter.mean, scatter.parts
    square = theirs * theirs - critical**2 * parts[1]
    constant = ours * ours - critical**2 * parts[0]
    cross = ours * theirs
    reach = cross + np.sqrt(np.maximum(cross * cross - square * constant, 0.0))
    # the stable form of each root; a baseline whose spread may be 0 leaves the top open
    high = np.divide(reach, square, out=np.full_like(reach, np.inf), where=square > 0)
    low = np.divide(constant, reach, out=np.zeros_like(reach), where=reach > 0)
    return np.maximum(low, 0.0), high
