"""The search behind `anomaly`: scores, the rule, and the evidence, for K series at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.detect.anomaly_findings import Anomalies, Anomaly
from canarystats.detect.bands import Expected, Width, allowed, bounded, width
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.conformal import conformal_p_values
from canarystats.kernels.k_of_m import kth_of_last

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

ASSUMES = (
    "the series and its reference are exchangeable, but for memory",
    "the reference is stationary",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The settings of one search, as `anomaly.anomalies` names them."""

    harmful: str
    sigmas: float
    k: int
    m: int
    level: float
    name: str
    times: FloatArray

    @property
    def signs(self) -> tuple[int, ...]:
        """The directions that count."""
        return {"increase": (1,), "decrease": (-1,)}.get(self.harmful, (1, -1))


def require_rule(sigmas: float, k: int, m: int, level: float) -> None:
    """Refuse settings out of range.

    Raises
    ------
    InputError
        If the band is not positive, k not within 1 and m, or the level not within (0, 1).
    """
    if not 0 < sigmas < np.inf:
        msg = f"sigmas is {sigmas}; it must be positive and finite"
        raise InputError(msg)
    if not 1 <= k <= m:
        msg = f"k is {k} and m is {m}; it must be 1 <= k <= m"
        raise InputError(msg)
    if not 0 < level < 1:
        msg = f"level is {level}; it must be between 0 and 1"
        raise InputError(msg)


@dataclass(frozen=True, slots=True)
class Tested:
    """What the window as a whole says, every field of shape (K,)."""

    p_value: FloatArray
    smallest: FloatArray
    observed: FloatArray  # the most extreme k-th of m, in robust standard deviations
    reference: FloatArray  # the median of the same in the reference


def search(rows: FloatArray, expected: Expected | None, asked: Asked) -> list[Anomalies]:
    """Search K series, shape (K, n), beside what is expected of them."""
    if expected is None:
        why = "no reference, or too few periods of it; novelties() asks for none"
        return [_silent(row, i, Status.NOT_EVALUABLE, why, asked) for i, row in enumerate(rows)]
    spread = width(expected.calibration)
    flat = expected.calibration.reshape(len(rows), expected.calibration[0].size)
    usable = spread.scale > 0
    scale = np.where(usable, spread.scale, 1.0)[:, None]
    with np.errstate(over="ignore"):
        scores = bounded(expected.residual / scale)
        usual = bounded(expected.calibration / scale[:, :, None])
    ticks = _tick_p_values(expected.residual, flat, spread.effective, asked)
    tested = window_test(scores, usual, spread, asked)
    reach = allowed(asked.sigmas, spread.effective)
    found = []
    for i, row in enumerate(rows):
        held = int((~np.isnan(row)).sum())
        ordinary = int((~np.isnan(flat[i])).sum())
        status, why = _why_not(held, ordinary, bool(usable[i]))
        if status is not None:
            found.append(_silent(row, i, status, why, asked, ordinary))
            continue
        outside = _outside(scores[i], float(reach[i]), asked)
        met = stretches(outside, asked)
        found.append(
            Anomalies(
                anomalous=bool(met),
                found=tuple(
                    _describe(one, row, expected.middle[i], scores[i], ticks[i], asked)
                    for one in met
                ),
                scores=told(scores[i]),
                p_values=told(ticks[i]),
                expected=told(expected.middle[i]),
                half_width=finite(float(reach[i] * spread.scale[i])),
                smallest_p_value=float(tested.smallest[i]),
                pod=i,
                evidence=_evidence(row, i, ordinary, spread, tested, asked),
            )
        )
    return found


def _tick_p_values(
    residual: FloatArray, calibration: FloatArray, effective: FloatArray, asked: Asked
) -> FloatArray:
    """Conformal p-value of each tick; two directions are two tests."""
    sides = [
        conformal_p_values(sign * residual, sign * calibration, effective) for sign in asked.signs
    ]
    smallest: FloatArray = np.minimum(len(sides) * np.minimum.reduce(sides), 1.0)
    return smallest


def window_test(scores: FloatArray, calibration: FloatArray, spread: Width, asked: Asked) -> Tested:
    """Compare the most extreme k of m ticks with those of the reference.

    The window is cut into stretches of m ticks that do not overlap, and the p-value of the most
    extreme is multiplied by their number. Stretches of the reference overlap, and are worth as many
    as fit into it side by side, fewer where it remembers.
    """
    series, pods, ticks = calibration.shape
    length = max(min(asked.m, scores.shape[1], ticks), 1)
    k = min(asked.k, length)
    starts = max(-(-scores.shape[1] // length), 1)
    effective = spread.effective * spread.time / (length - 1 + spread.time)
    known = ~np.isnan(calibration).reshape(series, -1)
    effective = np.where(known.any(axis=1), effective, 0.0)
    best = np.full(series, np.inf)
    observed, reference = np.zeros(series), np.zeros(series)
    for sign in asked.signs:
        ours = kth_of_last(sign * scores, k, length)[:, length - 1 :: length]
        if scores.shape[1] % length:
            ours = np.concatenate([ours, kth_of_last(sign * scores, k, length)[:, -1:]], axis=1)
        most = ours.max(axis=1, initial=-np.inf)
        theirs = kth_of_last(sign * calibration.reshape(series * pods, ticks), k, length)
        theirs = theirs[:, length - 1 :].reshape(series, -1)
        theirs = np.where(np.isneginf(theirs), np.nan, theirs)
        p = conformal_p_values(most[:, None], theirs, effective)[:, 0]
        closer = p < best
        best = np.where(closer, p, best)
        observed = np.where(closer, sign * most, observed)
        reference = np.where(closer, sign * _middle_of(theirs), reference)
    tests = len(asked.signs) * starts
    smallest = np.minimum(tests / (1 + effective), 1.0)
    return Tested(np.minimum(tests * best, 1.0), smallest, observed, reference)


def _middle_of(rows: FloatArray) -> FloatArray:
    known = ~np.isnan(rows)
    middle = [
        float(np.median(row[here])) if here.any() else 0.0
        for row, here in zip(rows, known, strict=True)
    ]
    return np.array(middle)


def _outside(scores: FloatArray, reach: float, asked: Asked) -> NDArray[np.bool_]:
    known = np.where(np.isnan(scores), 0.0, scores)
    outside: NDArray[np.bool_] = np.logical_or.reduce(
        [sign * known > reach for sign in asked.signs]
    )
    return outside


def stretches(outside: NDArray[np.bool_], asked: Asked) -> list[NDArray[np.intp]]:
    """Ticks outside the band of each stretch in which k of any m in a row are outside it."""
    places = np.flatnonzero(outside)
    k = asked.k
    if len(places) < k:
        return []
    # k places within m ticks of each other meet the rule together
    meets = places[k - 1 :] - places[: len(places) - k + 1] < asked.m
    member = np.zeros(len(places), dtype=bool)
    joined = np.zeros(max(len(places) - 1, 0), dtype=bool)
    for first in np.flatnonzero(meets):
        member[first : first + k] = True
        joined[first : first + k - 1] = True
    groups = np.split(np.arange(len(places)), np.flatnonzero(~joined) + 1)
    return [places[group] for group in groups if member[group].all()]


def _describe(
    places: NDArray[np.intp],
    row: FloatArray,
    middle: FloatArray,
    scores: FloatArray,
    p_values: FloatArray,
    asked: Asked,
) -> Anomaly:
    start, end = int(places[0]), int(places[-1])
    peak = int(places[np.abs(scores[places]).argmax()])
    return Anomaly(
        start=start,
        end=end,
        start_at=float(asked.times[start]),
        end_at=float(asked.times[end]),
        peak=peak,
        observed=float(row[peak]),
        expected=float(middle[peak]),
        score=float(scores[peak]),
        p_value=float(p_values[peak]),
    )


def _evidence(
    row: FloatArray, i: int, ordinary: int, spread: Width, tested: Tested, asked: Asked
) -> Evidence:
    smallest = float(tested.smallest[i])
    enough = smallest <= asked.level
    detail = f"{asked.k} of {asked.m} ticks, in robust standard deviations"
    if not enough:
        detail = (
            f"{ordinary} ordinary values, worth {spread.effective[i]:.3g}; the smallest p-value "
            f"they can give is {smallest:.2g}"
        )
    return Evidence(
        metric=asked.name,
        method="anomaly",
        question=Question.DIFFERENCE if asked.harmful == "either" else Question.WORSE,
        status=Status.OK if enough else Status.INSUFFICIENT,
        n_canary=int((~np.isnan(row)).sum()),
        n_baseline=ordinary,
        n_effective=float(spread.effective[i]),
        observed=finite(float(tested.observed[i])),
        reference=finite(float(tested.reference[i])),
        p_value=float(tested.p_value[i]),
        level=asked.level,
        assumptions=ASSUMES,
        seen=_seen(row),
        detail=detail,
    )


def _why_not(held: int, ordinary: int, varies: bool) -> tuple[Status | None, str]:
    if not held and not ordinary:
        return Status.NO_DATA, "not one value"
    if not held or not ordinary:
        return Status.ONE_SIDE_ONLY, "no value" if not held else "no ordinary value"
    if not varies:
        return Status.DEGENERATE, "every ordinary value is the same"
    return None, ""


def _silent(
    row: FloatArray, i: int, status: Status, why: str, asked: Asked, ordinary: int = 0
) -> Anomalies:
    evidence = Evidence(
        metric=asked.name,
        method="anomaly",
        question=Question.DIFFERENCE if asked.harmful == "either" else Question.WORSE,
        status=status,
        n_canary=int((~np.isnan(row)).sum()),
        n_baseline=ordinary,
        level=asked.level,
        seen=_seen(row),
        detail=why,
    )
    return Anomalies(anomalous=False, pod=i, evidence=evidence)


def _seen(row: FloatArray) -> tuple[str, ...]:
    missing = int(np.isnan(row).sum())
    return (f"missing: {missing}",) if missing else ()


def told(row: FloatArray) -> tuple[float | None, ...]:
    """The numbers, an unknown as None."""
    return tuple(None if value != value else value for value in row.tolist())  # noqa: PLR0124


def finite(value: float) -> float | None:
    """The number, or None where it is infinite or unknown."""
    return value if np.isfinite(value) else None
