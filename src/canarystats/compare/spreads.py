"""How widely values scatter: the canary's spread against the baseline's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtr, stdtrit

from canarystats.compare import sides
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.dependence import autocorrelation_time
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

LEAST_EFFECTIVE = 3.0  # independent values a side under which the answer is withheld
ROUNDING = 1e-12  # of the largest value: scatter under it is taken to be none


@dataclass(frozen=True, slots=True)
class _Scatter:
    """Distances from the median on each side."""

    mean: tuple[float, float]
    squares: tuple[float, float]  # about their mean
    n: tuple[int, int]
    time: float

    @property
    def degrees(self) -> float:
        return max((self.n[0] + self.n[1]) / self.time - 2, 1.0)

    def error(self, ratio: float) -> float:
        """Standard error of the canary's mean distance less ``ratio`` times the baseline's."""
        return math.sqrt(self.part(0) + ratio * ratio * self.part(1))

    def part(self, side: int) -> float:
        free = max(self.n[0] + self.n[1] - 2, 1)
        return self.squares[side] / free * (1 / self.n[0] + 1 / self.n[1]) * self.time


def spread(
    pair: Pair,
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    null_ratio: float = 1.0,
    harmful: sides.Harmful = "increase",
) -> Evidence:
    """Test whether the canary's values scatter more or less widely than the baseline's.

    Parameters
    ----------
    pair
        Samples or a gauge (one value a tick, the mean of its pods).
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
    sides.require_kind(pair, "spread", Kind.SAMPLES, Kind.GAUGE)
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_between("level", level, 0, 0.5)
    sides.require_between("null_ratio", null_ratio, 0, math.inf)
    columns = sides.ordinary_values(pair)
    n, m = (int((~np.isnan(column)).sum()) for column in columns)
    asked = sides.question(alternative, harmful)
    evidence = Evidence(
        metric=pair.name,
        method="spread",
        question=Question.BEYOND if asked is Question.WORSE and null_ratio != 1 else asked,
        status=sides.absent(n, m) or Status.OK,
        n_canary=n,
        n_baseline=m,
        level=level,
        margin=null_ratio if null_ratio != 1 else None,
        assumptions=("the observations are independent", "one look at a window fixed beforehand")
        if pair.kind is Kind.SAMPLES
        else ("each side is stationary within the window", "one look at a window fixed beforehand"),
        seen=sides.seen(pair, *columns),
    )
    if evidence.status is not Status.OK:
        return evidence
    if any(np.isinf(column).any() for column in columns):
        detail = "infinite values have no distance from the median"
        return evidence.model_copy(update={"status": Status.NOT_EVALUABLE, "detail": detail})
    scatter = _scatter(columns, gauge=pair.kind is Kind.GAUGE)
    beyond = sides.tail(alternative, level)
    return evidence.model_copy(update=_answer(scatter, alternative, null_ratio, beyond, pair.kind))


def _scatter(columns: tuple[FloatArray, FloatArray], *, gauge: bool) -> _Scatter:
    distances = []
    for column in columns:
        away = np.abs(column - np.nanmedian(column))
        distances.append(np.where(away <= ROUNDING * np.nanmax(np.abs(column)), 0.0, away))
    time = 1.0
    if gauge:
        time = float(autocorrelation_time(distances[0][None], distances[1][None])[0])
    here, there = (away[~np.isnan(away)] for away in distances)
    return _Scatter(
        (float(here.mean()), float(there.mean())),
        (float(((here - here.mean()) ** 2).sum()), float(((there - there.mean()) ** 2).sum())),
        (here.size, there.size),
        time,
    )


def _answer(
    scatter: _Scatter, alternative: str, null_ratio: float, beyond: float, kind: Kind
) -> dict[str, object]:
    ours, theirs = scatter.mean
    worth = min(scatter.n) / scatter.time
    found: dict[str, object] = {
        "observed": ours,
        "reference": theirs,
        "effect": ours / theirs if theirs > 0 else None,
        "n_effective": max(worth, 1.0) if kind is Kind.GAUGE else None,
    }
    error = scatter.error(null_ratio)
    if not error:
        same = ours == theirs == 0
        detail = "neither side varies" if same else "every distance from the median is the same"
        return found | {"status": Status.DEGENERATE, "p_value": 1.0, "detail": detail}
    t = (ours - null_ratio * theirs) / error
    greater, less = (float(stdtr(scatter.degrees, sign * t)) for sign in (-1, 1))
    p = {"greater": greater, "less": less}.get(alternative, min(1.0, 2 * min(greater, less)))
    low, high = _bounds(scatter, float(stdtrit(scatter.degrees, 1 - beyond)))
    found |= {"p_value": p, "interval": sides.interval(low, high, beyond)}
    if worth < LEAST_EFFECTIVE:
        detail = f"{worth:.3g} independent values on a side; it takes {LEAST_EFFECTIVE:.0f}"
        return found | {"status": Status.INSUFFICIENT, "detail": detail}
    return found


def _bounds(scatter: _Scatter, critical: float) -> tuple[float, float]:
    """The ratios that the test does not reject."""
    ours, theirs = scatter.mean
    square = theirs * theirs - critical**2 * scatter.part(1)
    constant = ours * ours - critical**2 * scatter.part(0)
    cross = ours * theirs
    root = math.sqrt(max(cross * cross - square * constant, 0.0))
    # the stable form of each root; a baseline whose spread may be 0 leaves the top open
    high = (cross + root) / square if square > 0 else math.inf
    low = constant / (cross + root) if cross + root > 0 else 0.0
    return max(low, 0.0), high
