"""What the two sides of a pair hold, and what every comparison asks of its caller."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from canarystats.errors import InputError
from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

Alternative = Literal["two-sided", "greater", "less"]
Harmful = Literal["increase", "decrease", "either"]
ALTERNATIVES = ("two-sided", "greater", "less")
HARMFUL = ("increase", "decrease", "either")


def require_kind(pair: Pair, method: str, *kinds: Kind) -> None:
    """Refuse a pair whose numbers the method cannot read.

    Raises
    ------
    InputError
        If the pair is of another kind.
    """
    if pair.kind not in kinds:
        wanted = " or ".join(kinds)
        msg = f"metric {pair.name!r} is of kind {pair.kind}; {method} takes {wanted}"
        raise InputError(msg)


def require_setting(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not among the allowed ones.

    Raises
    ------
    InputError
        If it is not.
    """
    if value not in allowed:
        msg = f"{name} is {value!r}; it must be one of {', '.join(map(repr, allowed))}"
        raise InputError(msg)


def require_between(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside the open range.

    Raises
    ------
    InputError
        If ``value`` is not strictly between ``low`` and ``high``.
    """
    if not low < value < high:
        if math.isinf(high):
            msg = f"{name} is {value}; it must be finite and more than {low:g}"
        else:
            msg = f"{name} is {value}; it must be between {low:g} and {high:g}"
        raise InputError(msg)


def require_one_sided(margin: float, alternative: str) -> None:
    """Refuse a negative margin, which asks for non-inferiority, beside a two-sided alternative.

    Raises
    ------
    InputError
        If both are given.
    """
    if margin < 0 and alternative == "two-sided":
        msg = f"margin is {margin}; a two-sided alternative takes none below 0"
        raise InputError(msg)


def question(alternative: str, harmful: str, *, beyond: bool = False) -> Question:
    """What an alternative asks, given the direction that hurts; ``beyond`` some threshold."""
    if alternative == "two-sided":
        return Question.DIFFERENCE
    relief = {"increase": "less", "decrease": "greater"}.get(harmful)
    if alternative == relief:
        return Question.NOT_WORSE
    return Question.BEYOND if beyond else Question.WORSE


def tail(alternative: str, level: float) -> float:
    """The share of the level that stands beyond each end of the interval."""
    return level / 2 if alternative == "two-sided" else level


def interval(low: float, high: float, beyond: float) -> Interval | None:
    """An interval that leaves ``beyond`` outside each end; an infinite end is open."""
    ends = finite(low), finite(high)
    return (
        None if ends == (None, None) else Interval(low=ends[0], high=ends[1], level=1 - 2 * beyond)
    )


def finite(value: float) -> float | None:
    """The number, or None where it is not one."""
    number = float(value)
    return number if math.isfinite(number) else None


def absent(n_canary: float, n_baseline: float) -> Status | None:
    """The status of a pair of which one side or both hold nothing, else None."""
    if n_canary > 0 and n_baseline > 0:
        return None
    return Status.ONE_SIDE_ONLY if n_canary > 0 or n_baseline > 0 else Status.NO_DATA


def ordinary_values(pair: Pair) -> tuple[FloatArray, FloatArray]:
    """One value a row on each side: samples as they are, a gauge's mean over its pods.

    A gauge keeps NaN where no pod was read; samples have none.
    """
    baseline = pair.baseline if pair.baseline is not None else np.full_like(pair.canary, np.nan)
    if pair.kind is Kind.SAMPLES:
        return pair.canary[:, 0], baseline[:, 0]
    return _pod_mean(pair.canary), _pod_mean(baseline)


def _pod_mean(table: FloatArray) -> FloatArray:
    present = ~np.isnan(table)
    count = present.sum(axis=1)
    with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
        total = np.where(present, table, 0.0).sum(axis=1)
        mean: FloatArray = total / np.where(count > 0, count, np.nan)
    return mean


def seen(
    pair: Pair, canary: FloatArray, baseline: FloatArray, *, finite: bool = False
) -> tuple[str, ...]:
    """What is missing or infinite in the values compared, after the pair's own notes.

    ``finite`` says that nothing is, where that is known of a whole batch.
    """
    found = list(pair.notes)
    sides = [("canary", canary)]
    if pair.baseline is None:
        found.append("no baseline")
    else:
        sides.append(("baseline", baseline))
    for label, values in sides:
        if finite or all_finite(values):
            continue
        missing, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        if missing:
            found.append(f"{label}: {missing} of {len(values)} ticks missing")
        if infinite:
            found.append(f"{label}: {infinite} of {len(values)} values infinite")
    return tuple(found)


def all_finite(values: FloatArray) -> bool:
    """Whether no value is missing or infinite."""
    # one pass without a table; where squares overflow, the values themselves are looked at
    with np.errstate(over="ignore"):
        squares = values.dot(values)
    return math.isfinite(squares) or bool(np.isfinite(values).all())


def whole(columns: list[tuple[FloatArray, FloatArray]]) -> bool:
    """Whether no value of any pair is missing or infinite."""
    return all(bool(np.isfinite(np.concatenate(side)).all()) for side in zip(*columns, strict=True))


def medians(rows: FloatArray) -> FloatArray:
    """The median of each row, NaN being padding; NaN between infinities of both signs."""
    ordered = np.sort(rows, axis=1)
    if not ordered.shape[1]:
        return np.full(len(rows), np.nan)
    last = ordered.shape[1] - 1
    if not np.isnan(ordered[:, last]).any():
        middle = ordered[:, last // 2], ordered[:, (last + 1) // 2]
    else:
        size, at = (~np.isnan(ordered)).sum(axis=1), np.arange(len(rows))
        middle = (
            ordered[at, np.maximum(size - 1, 0) // 2],
            ordered[at, np.minimum(size // 2, last)],
        )
    with np.errstate(invalid="ignore"):
        median: FloatArray = middle[0] / 2 + middle[1] / 2
    return median


def silent(
    pair: Pair, method: str, asked: Question, status: Status, n: tuple[float, float], level: float
) -> Evidence:
    """Evidence of a method that has nothing to compare."""
    return Evidence(
        metric=pair.name,
        method=method,
        question=asked,
        status=status,
        n_canary=int(n[0]),
        n_baseline=int(n[1]),
        level=level,
        seen=pair.notes,
    )
