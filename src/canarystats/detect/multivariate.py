"""Many metrics of one rollout at once: ticks that are odd together, though each metric is not.

Requests fall while latency stays: either alone is ordinary, both together are not. The distance of
a tick from the ordinary is Mahalanobis's, with a robust covariance of the metrics; each metric's
part in it is told. Calibration distances are cross-fitted: each fifth of the ordinary time is
measured by the covariance of the rest, because a covariance makes the ticks it was estimated from
look nearer than they are.

Hypothesis: ticks of the canary and of the ordinary time are exchangeable, but for memory. What
breaks it: as for `anomaly`; and with fewer than about ten effective ticks a metric the covariance
is mostly its diagonal.

References
----------
Maronna & Zamar (2002), Technometrics 44:307-317; Hotelling (1931), Annals of Mathematical
Statistics 2:360-378 (distances from an estimated covariance).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import fdtri, ndtr

from canarystats.detect.anomaly_search import (
    Asked,
    finite,
    require_rule,
    stretches,
    told,
    window_test,
)
from canarystats.detect.bands import FEWEST_PODS, bounded, from_pods, width
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Record, Status
from canarystats.kernels.conformal import conformal_p_values
from canarystats.kernels.covariance import Ellipsoid, ellipsoid
from canarystats.kernels.robust import median_and_width
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

FOLDS = 5
FEWEST_A_METRIC = 3  # ordinary ticks a metric, below which there is no covariance to speak of
ASSUMES = ("canary and baseline ticks are exchangeable, but for memory",)


class JointAnomalies(Record):
    """Ticks at which the metrics of a rollout are odd together.

    Parameters
    ----------
    anomalous
        Whether k of m ticks were further out than the threshold anywhere.
    metrics
        Names, in the order given.
    found
        First and last tick of each stretch in which they were.
    distances
        Mahalanobis distance of each tick; None where a metric has no value.
    p_values
        Conformal p-value of each tick alone.
    threshold
        The distance beyond which a tick is out; None where none could be.
    peak
        The tick furthest out; None without one.
    shares
        Each metric's part in the squared distance there; they sum to 1, and one that pulls the
        other way is negative.
    smallest_p_value
        The smallest p-value that the ordinary time can give to the whole window.
    evidence
        The conformal test of the k-th largest distance of m ticks.
    """

    anomalous: bool
    metrics: tuple[str, ...]
    found: tuple[tuple[int, int], ...] = ()
    distances: tuple[float | None, ...] = ()
    p_values: tuple[float | None, ...] = ()
    threshold: float | None = None
    peak: int | None = None
    shares: tuple[float, ...] = ()
    smallest_p_value: float | None = None
    evidence: Evidence

    def __repr__(self) -> str:
        evidence = self.evidence
        parts = [f"{len(self.found)} found" if self.found else "none found"]
        if self.found and self.shares:
            share, metric = max(zip(self.shares, self.metrics, strict=True))
            parts.append(f"furthest at tick {self.peak}, most of all {metric} ({share:.0%})")
        if evidence.p_value is not None:
            parts.append(f"p={evidence.p_value:.2g}")
        if evidence.status is not Status.OK:
            parts.append(f"{evidence.status.replace('_', ' ')} ({evidence.detail})")
        return f"JointAnomalies of {len(self.metrics)} metrics: {', '.join(parts)}."

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{metric}</td><td>{share:.2f}</td></tr>"
            for metric, share in zip(self.metrics, self.shares, strict=False)
        )
        head = f"<tr><th>metric</th><th>share at tick {self.peak}</th></tr>" if rows else ""
        return f"<table><caption>{self!r}</caption>{head}{rows}</table>"


def joint_anomalies(
    pairs: Sequence[Pair],
    *,
    sigmas: float = 3.0,
    k: int = 2,
    m: int = 5,
    level: float = 0.05,
) -> JointAnomalies:
    """Find ticks at which several metrics are odd together.

    Parameters
    ----------
    pairs
        Gauges over the same ticks, each with a baseline; the median over a side's pods stands for
        it. Where every baseline has the same number of pods, three or more, in the same order, a
        tick is compared with the other pods at that tick; otherwise with the baseline's record.
    sigmas
        How rare a tick counts as out: as rare as a normal value so many standard deviations away.
    k, m
        The rule is met by k such ticks among any m in a row.
    level
        Largest p-value at which the evidence decides, in (0, 1).

    Returns
    -------
    JointAnomalies
        Status is INSUFFICIENT under three ordinary ticks a metric, or where no data could have
        reached the level; DEGENERATE where no metric varies; NO_DATA where no tick has all of them.

    Raises
    ------
    InputError
        If a pair is of another kind, has no baseline, or has other ticks than the first.
    """
    _require(pairs, sigmas, k, m, level)
    names = tuple(pair.name for pair in pairs)
    canary, ordinary = _vectors(pairs)
    n = canary.shape[0]
    asked = Asked(
        harmful="increase",
        sigmas=sigmas,
        k=k,
        m=m,
        level=level,
        name=" + ".join(names),
        times=np.arange(n, dtype=np.float64),
    )
    return _search(names, canary, ordinary, asked)


def _require(pairs: Sequence[Pair], sigmas: float, k: int, m: int, level: float) -> None:
    if not pairs:
        msg = "pairs is empty; it must hold at least one"
        raise InputError(msg)
    for pair in pairs:
        if pair.kind is not Kind.GAUGE or pair.baseline is None:
            msg = f"metric {pair.name!r} must be a gauge with a baseline"
            raise InputError(msg)
        same = pair.times is pairs[0].times or (
            pair.times is not None
            and pairs[0].times is not None
            and np.array_equal(pair.times, pairs[0].times)
        )
        if pair.n_ticks != pairs[0].n_ticks or not same:
            msg = f"metric {pair.name!r} has other ticks than {pairs[0].name!r}"
            raise InputError(msg)
    require_rule(sigmas, k, m, level)


def _vectors(pairs: Sequence[Pair]) -> tuple[FloatArray, FloatArray]:
    """The canary's vectors (n, d), and ordinary ones (P, n, d), NaN where any metric misses."""
    counts = {pair.baseline.shape[1] for pair in pairs if pair.baseline is not None}
    beside = len(counts) == 1 and min(counts) >= FEWEST_PODS
    canary, ordinary = [], []
    for pair in pairs:
        ours, theirs = (
            bounded(side.T) for side in (pair.canary, pair.baseline) if side is not None
        )
        one = median_and_width(np.ascontiguousarray(ours.T))[0][None]
        if beside:
            expected = from_pods(one, theirs)
            canary.append(expected.residual[0])
            ordinary.append(expected.calibration[0])
        else:
            canary.append(one[0])
            ordinary.append(median_and_width(np.ascontiguousarray(theirs.T))[0][None])
    return np.stack(canary, axis=-1), np.stack(ordinary, axis=-1)


def _search(
    names: tuple[str, ...], canary: FloatArray, ordinary: FloatArray, asked: Asked
) -> JointAnomalies:
    held: NDArray[np.bool_] = np.logical_not(np.isnan(canary).any(axis=1))
    flat = ordinary.reshape(-1, len(names))
    known = ~np.isnan(flat).any(axis=1)
    status, why = _why_not(int(held.sum()), flat[known], len(names))
    if status is not None:
        evidence = _evidence(held, int(known.sum()), asked, status, why)
        return JointAnomalies(anomalous=False, metrics=names, evidence=evidence)
    # the metric that remembers longest says how many ticks are worth
    each = width(np.moveaxis(ordinary, 2, 0))
    effective = float(each.effective[each.scale > 0].min())
    where = ellipsoid(flat[known], effective)
    squared = np.where(held, where.squared_distance(canary), np.nan)
    distances = np.sqrt(squared)[None]
    calibration = np.sqrt(_cross_fitted(ordinary, effective))[None]
    spread = width(calibration)
    spread = replace(spread, effective=np.minimum(spread.effective, effective))
    tested = window_test(distances, calibration, spread, asked)
    p_values = conformal_p_values(distances, calibration.reshape(1, -1), spread.effective)
    threshold = _threshold(int((where.precision.diagonal() > 0).sum()), effective, asked.sigmas)
    met = stretches(np.where(held, distances[0], 0.0) > threshold, asked)
    peak = int(np.nanargmax(distances[0]))
    smallest = float(tested.smallest[0])
    enough = smallest <= asked.level
    why = f"{asked.k} of {asked.m} ticks, in Mahalanobis distance"
    if not enough:
        why = (
            f"{int(known.sum())} ordinary ticks, worth {spread.effective[0]:.3g}; the smallest "
            f"p-value they can give is {smallest:.2g}"
        )
    evidence = _evidence(
        held, int(known.sum()), asked, Status.OK if enough else Status.INSUFFICIENT, why
    )
    return JointAnomalies(
        anomalous=bool(met),
        metrics=names,
        found=tuple((int(one[0]), int(one[-1])) for one in met),
        distances=told(distances[0]),
        p_values=told(p_values[0]),
        threshold=finite(threshold),
        peak=peak,
        shares=_shares(where, canary[peak]),
        smallest_p_value=smallest,
        evidence=evidence.model_copy(
            update={
                "n_effective": float(spread.effective[0]),
                "observed": finite(float(tested.observed[0])),
                "reference": finite(float(tested.reference[0])),
                "p_value": float(tested.p_value[0]),
            }
        ),
    )


def _why_not(held: int, ordinary: FloatArray, metrics: int) -> tuple[Status | None, str]:
    if not held or not len(ordinary):
        return Status.NO_DATA, "no tick at which every metric has a value"
    if len(ordinary) < FEWEST_A_METRIC * metrics:
        why = f"{len(ordinary)} ordinary ticks; it takes {FEWEST_A_METRIC * metrics}"
        return Status.INSUFFICIENT, why
    if not (median_and_width(np.ascontiguousarray(ordinary.T))[1] > 0).any():
        return Status.DEGENERATE, "no metric varies"
    return None, ""


def _evidence(
    held: NDArray[np.bool_], ordinary: int, asked: Asked, status: Status, why: str
) -> Evidence:
    missing = int((~held).sum())
    return Evidence(
        metric=asked.name,
        method="joint_anomaly",
        question=Question.DIFFERENCE,
        status=status,
        n_canary=int(held.sum()),
        n_baseline=ordinary,
        level=asked.level,
        effect_scale="difference",
        assumptions=ASSUMES,
        seen=(f"missing: {missing}",) if missing else (),
        detail=why,
    )


def _cross_fitted(ordinary: FloatArray, effective: float) -> FloatArray:
    """Squared distance of each ordinary vector from the rest of the time, (P, n) of (P, n, d)."""
    pods, ticks, metrics = ordinary.shape
    squared = np.full((pods, ticks), np.nan)
    for part in np.array_split(np.arange(ticks), min(FOLDS, ticks)):
        rest = np.delete(ordinary, part, axis=1).reshape(-1, metrics)
        rest = rest[~np.isnan(rest).any(axis=1)]
        if len(rest) < 2:
            continue
        where = ellipsoid(rest, effective)  # drawn as far as where the canary is measured
        own = ordinary[:, part].reshape(-1, metrics)
        squared[:, part] = where.squared_distance(own).reshape(pods, len(part))
    return squared


def _threshold(metrics: int, effective: float, sigmas: float) -> float:
    """Hotelling's quantile for a fresh tick, for a covariance from robust widths."""
    free = effective - metrics
    if metrics < 1 or free <= 0:
        return np.inf
    quantile = fdtri(metrics, free, 1 - 2 * ndtr(-sigmas))
    return float(np.sqrt(metrics * (effective**2 - 1) / (effective * free) * quantile))


def _shares(where: Ellipsoid, vector: FloatArray) -> tuple[float, ...]:
    added = where.contributions(vector[None])[0]
    total = added.sum()
    return tuple((added / total).tolist()) if total > 0 else ()
