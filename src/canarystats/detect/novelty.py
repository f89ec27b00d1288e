"""What is new in a series beside its own past, where there is nothing else to hold it against.

Each value gets a score from its past alone: how surprising its distance from the last ``recent``
values is (minus the logarithm of its conformal p-value among all such distances before it), plus
how far the mean of the last ``level`` values lies from all such means before it, in their standard
deviations. A novelty is a score over the threshold that is also a record of the last ``memory``
ticks, so that a lasting trouble is told while it grows and not again.

Hypothesis: none that could be tested; the score is a heuristic, and its false alarm rates are known
by simulation only (``docs/anomalies.md``). What breaks it: heavy tails bring records now and then
for ever; after a large anomaly smaller ones are hidden for ``memory`` ticks, and its level is
measured in wider deviations from then on. Whoever has a baseline should use `anomaly.anomalies`.

References
----------
Vovk, Gammerman & Shafer (2005), Algorithmic learning in a random world (conformal p-values).
Lavin & Ahmad (2015), Evaluating real-time anomaly detection algorithms, ICMLA.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from canarystats import arrays
from canarystats.detect.bands import bounded
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Record, Status
from canarystats.kernels.conformal import trailing_p_values
from canarystats.kernels.novelty import distance_from_recent, distance_of_level, is_record

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]


class Novelty(Record):
    """One value that is new to its series.

    Parameters
    ----------
    index
        The tick, counted from 0, missing ticks included.
    at
        Its time in Unix seconds; the index where no times were given.
    observed
        The value, in its own unit.
    score
        Surprise plus distance of the level.
    """

    index: int
    at: float
    observed: float
    score: float

    def __repr__(self) -> str:
        return f"Novelty at {self.at:.10g}: {self.observed:.4g}, score {self.score:.3g}."

    __str__ = __repr__


class Novelties(Record):
    """The novelties of one series.

    Parameters
    ----------
    found
        In time.
    scores
        One a tick, 0 where it is no record; None where the tick has no value, or among the first
        ``recent`` samples.
    evidence
        The largest score beside the threshold; it has no p-value.
    """

    found: tuple[Novelty, ...] = ()
    scores: tuple[float | None, ...] = ()
    evidence: Evidence

    def __repr__(self) -> str:
        evidence = self.evidence
        if evidence.status is not Status.OK:
            why = f"{evidence.status.replace('_', ' ')} ({evidence.detail})"
            return f"Novelties of {evidence.metric}: {why}."
        first = f", the first at {self.found[0].at:.10g}" if self.found else ""
        return (
            f"Novelties of {evidence.metric}: {len(self.found)} found in {evidence.n_canary} "
            f"samples{first}."
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{one.at:.10g}</td><td>{one.observed:.4g}</td><td>{one.score:.3g}</td></tr>"
            for one in self.found
        )
        head = "<tr><th>at</th><th>observed</th><th>score</th></tr>"
        return f"<table><caption>{escape(repr(self))}</caption>{head}{rows}</table>"


def novelties(
    values: ArrayLike,
    times: ArrayLike | None = None,
    *,
    threshold: float = 9.0,
    memory: int = 300,
    recent: int = 100,
    level: int = 10,
    name: str = "series",
) -> Novelties | list[Novelties]:
    """Find values that are new beside the past of their own series.

    Parameters
    ----------
    values
        One series of shape (n,), or K of them, (K, n); any unit. NaN is a missed sample.
    times
        Unix seconds of the ticks, shape (n,), strictly increasing; None counts ticks.
    threshold
        Least score of a novelty, positive. At 9 independent or autocorrelated normal noise brings
        about one in ten thousand ticks.
    memory
        Samples before it that a score must exceed, all of them, at least 1.
    recent
        Samples that a value is held against, at least 2; the first so many are never told.
    level
        Samples over which the level is averaged, at least 1.
    name
        How evidence names the series.

    Returns
    -------
    Novelties
        One for a series of shape (n,), a list of K for (K, n). Status is NO_DATA, INSUFFICIENT
        where there are no more than ``recent`` samples, or DEGENERATE where nothing varies.

    Raises
    ------
    InputError
        If an argument cannot be right.
    """
    rows = bounded(arrays.rows(values, "values"))
    clock = arrays.clock(times, rows.shape[1], "")
    ticks = np.arange(rows.shape[1], dtype=np.float64) if clock is None else clock
    if not 0 < threshold < np.inf:
        msg = f"threshold is {threshold}; it must be positive and finite"
        raise InputError(msg)
    for field, number, least in (("memory", memory, 1), ("recent", recent, 2), ("level", level, 1)):
        if number < least:
            msg = f"{field} is {number}; it must be at least {least}"
            raise InputError(msg)
    scores = novelty_scores(rows, memory=memory, recent=recent, level=level)
    found = [
        _told(row, score, ticks, threshold, recent, name)
        for row, score in zip(rows, scores, strict=True)
    ]
    return found[0] if np.ndim(values) == 1 else found


def novelty_scores(
    rows: FloatArray, *, memory: int = 300, recent: int = 100, level: int = 10
) -> FloatArray:
    """The score of each tick, 0 where it is no record.

    Parameters
    ----------
    rows
        Shape (K, n), finite; NaN is a missed sample.
    memory, recent, level
        As of `novelties`.

    Returns
    -------
    ndarray
        Shape (K, n); NaN where a tick has no value.
    """
    present = ~np.isnan(rows)
    scores = np.full(rows.shape, np.nan)
    count = present.sum(axis=1)
    for n in np.unique(count[count > 0]):
        which = np.flatnonzero(count == n)
        held = rows[which][present[which]].reshape(len(which), n)
        surprise = -np.log(trailing_p_values(distance_from_recent(held, recent)))
        score = surprise + distance_of_level(held, level)
        kept = np.full((len(which), rows.shape[1]), np.nan)
        kept[present[which]] = np.where(is_record(score, memory), score, 0.0).ravel()
        scores[which] = kept
    return scores


def _told(
    row: FloatArray,
    scores: FloatArray,
    ticks: FloatArray,
    threshold: float,
    recent: int,
    name: str,
) -> Novelties:
    where = np.flatnonzero(~np.isnan(row))
    status, why = Status.OK, ""
    if not len(where):
        status, why = Status.NO_DATA, "not one sample"
    elif len(where) <= recent:
        status, why = Status.INSUFFICIENT, f"{len(where)} samples; it takes more than {recent}"
    elif row[where].min() == row[where].max():
        status, why = Status.DEGENERATE, "every sample is the same"
    told = where[recent:] if status is Status.OK else where[:0]
    known = np.full(row.shape, np.nan)
    known[told] = scores[told]
    new = told[scores[told] >= threshold]
    missing = len(row) - len(where)
    evidence = Evidence(
        metric=name,
        method="novelty",
        question=Question.DIFFERENCE,
        status=status,
        n_canary=len(where),
        observed=float(scores[told].max()) if len(told) else None,
        reference=threshold if len(told) else None,
        effect_scale="score",
        assumptions=("none: a heuristic, its false alarm rate is simulated",),
        seen=(f"missing: {missing}",) if missing else (),
        detail=why or f"{len(new)} novelties in {len(where)} samples",
    )
    found = tuple(
        Novelty(index=int(i), at=float(ticks[i]), observed=float(row[i]), score=float(scores[i]))
        for i in new
    )
    scored = tuple(None if score != score else score for score in known.tolist())  # noqa: PLR0124
    return Novelties(found=found, scores=scored if len(told) else (), evidence=evidence)
