"""What is out of the ordinary: values outside a robust band, and what that proves.

Two answers stand beside each other. The *rule* is the usual one: k of m ticks further from the
expected value than so many robust standard deviations. It speaks from a handful of samples, and its
false alarm rate is only known by simulation (``docs/anomalies.md``). The *evidence* is conformal:
how often did the ordinary time bring k of m ticks as extreme as the most extreme of the canary. It
holds for any distribution, and a short ordinary time cannot give it a small p-value, which it says.

Hypothesis: the series behaves as its reference did; calibration values and those of the series are
exchangeable, but for memory, which is allowed for. What breaks it: a level that wanders (the
reference is then of another level), a season without a period given, pods that always differed
(three differing pods are three values, however long they are watched).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from canarystats import arrays
from canarystats.detect.anomaly_search import Asked, require_rule, search
from canarystats.detect.bands import (
    FEWEST_PODS,
    Expected,
    bounded,
    from_differences,
    from_pods,
    from_record,
)
from canarystats.detect.seasonal import from_periods
from canarystats.errors import InputError
from canarystats.kernels.robust import median_and_width
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from canarystats.detect.anomaly_findings import Anomalies

    FloatArray = NDArray[np.float64]

Harmful = Literal["increase", "decrease", "either"]


def anomalies(  # noqa: PLR0913 - one keyword a setting, all optional
    pair_or_values: Pair | ArrayLike,
    baseline: ArrayLike | None = None,
    times: ArrayLike | None = None,
    *,
    history: Pair | None = None,
    harmful: Harmful = "either",
    sigmas: float = 3.0,
    k: int = 2,
    m: int = 5,
    level: float = 0.05,
    period: int | None = None,
    name: str = "series",
) -> Anomalies | list[Anomalies]:
    """Find values that are out of the ordinary.

    Parameters
    ----------
    pair_or_values
        A gauge `Pair`, one column a pod, or one of samples; or one series of shape (n,), or K of
        them, (K, n). Any unit; NaN is a missed sample.
    baseline
        With values: a record of an ordinary time, of any length, shape (m,) for all or (K, m).
    times
        Unix seconds of the ticks of values, shape (n,), strictly increasing; a pair brings its own.
    history
        With a pair: the same metric before the rollout. If it has both sides, differences of
        canary and baseline are compared with those of then; otherwise its canary is the record.
        Without it the reference is the pair's baseline: the other pods at each tick where there
        are three or more, the record of its values where there are fewer.
    harmful
        The direction that counts.
    sigmas
        Half-width of the band in robust standard deviations, positive.
    k, m
        The rule is met by k ticks outside the band among any m in a row; of a window shorter than
        m, among all.
    level
        Largest p-value at which the evidence decides, in (0, 1), shared by the pods of a pair and
        not by the rows of an array.
    period
        Ticks after which the pattern of a record repeats, such as a day's; the record must end
        where the values begin, or both have times. At least two periods must be recorded; from
        three on STL finds the pattern.
    name
        How evidence names a series of values.

    Returns
    -------
    Anomalies
        One for a pair or a series of shape (n,), a list of K for (K, n). Its evidence has status
        NO_DATA, ONE_SIDE_ONLY, DEGENERATE where the reference does not vary, INSUFFICIENT where
        no data could have reached the level, or NOT_EVALUABLE without a reference.

    Raises
    ------
    InputError
        If an argument cannot be right.

    References
    ----------
    Leys et al. (2013), Journal of Experimental Social Psychology 49:764-766 (median absolute
    deviation); Vovk, Gammerman & Shafer (2005), Algorithmic learning in a random world.

    Examples
    --------
    >>> import numpy as np
    >>> import canarystats as cs
    >>> before = np.random.default_rng(1).normal(200, 5, 500)
    >>> cs.detect.anomalies([201.0, 198.0, 240.0, 236.0, 203.0], before)
    Anomalies of series: 1 found, the first at 2, p=0.02.
    """
    _require(harmful, sigmas, k, m, level, period)
    rows, reference, clock, label = _taken(pair_or_values, baseline, times, history, period, name)
    asked = Asked(
        harmful=harmful,
        sigmas=sigmas,
        k=k,
        m=m,
        level=level,
        name=label,
        times=np.arange(rows.shape[1], dtype=np.float64) if clock is None else clock,
    )
    if isinstance(pair_or_values, Pair):
        shared = replace(asked, level=level / max(len(rows), 1))
        return _worst(search(rows, reference, shared), level)
    found = search(rows, reference, asked)
    return found[0] if np.ndim(pair_or_values) == 1 else found


def _taken(
    given: Pair | ArrayLike,
    baseline: ArrayLike | None,
    times: ArrayLike | None,
    history: Pair | None,
    period: int | None,
    name: str,
) -> tuple[FloatArray, Expected | None, FloatArray | None, str]:
    """Rows (K, n), what is expected of them, clock, name."""
    if isinstance(given, Pair):
        if baseline is not None or times is not None:
            msg = f"metric {given.name!r}: a pair brings its own baseline and times"
            raise InputError(msg)
        _require_values(given)
        rows = bounded(given.canary.T)
        return rows, _of_pair(given, rows, history, period), given.times, given.name
    if history is not None:
        msg = "history is for a pair; with values the ordinary time is the baseline"
        raise InputError(msg)
    rows = bounded(arrays.rows(given, "values"))
    clock = arrays.clock(times, rows.shape[1], "")
    if baseline is None:
        return rows, None, clock, name
    record = arrays.numbers(baseline, "baseline")
    if record.ndim not in {1, 2} or (record.ndim == 2 and len(record) != len(rows)):
        msg = f"baseline has shape {record.shape}; it must be (m,) or ({len(rows)}, m)"
        raise InputError(msg)
    wide = np.broadcast_to(record, (len(rows), record.shape[-1]))
    return rows, _recorded(rows, bounded(wide), period, 0), clock, name


def _of_pair(
    pair: Pair, rows: FloatArray, history: Pair | None, period: int | None
) -> Expected | None:
    """What the history, or else the baseline at the same ticks, leads to expect."""
    if history is not None:
        _require_values(history)
        if pair.baseline is not None and history.baseline is not None and period is None:
            sides = (pair.baseline, history.canary, history.baseline)
            return from_differences(rows, *(bounded(side.T) for side in sides))
        return _recorded(rows, _one_record(history.canary, rows), period, _gap(history, pair))
    if pair.baseline is None:
        return None
    if pair.kind is Kind.GAUGE and pair.baseline.shape[1] >= FEWEST_PODS:
        return from_pods(rows, bounded(pair.baseline.T))
    return _recorded(rows, _one_record(pair.baseline, rows), period, -pair.n_ticks)


def _one_record(side: FloatArray, rows: FloatArray) -> FloatArray:
    """The pods of a side as one series in time, the same for every row."""
    pods = np.ascontiguousarray(bounded(side))
    one = pods[:, 0] if pods.shape[1] == 1 else median_and_width(pods)[0]
    return np.broadcast_to(one, (len(rows), len(one)))


def _recorded(
    rows: FloatArray, record: FloatArray, period: int | None, gap: int
) -> Expected | None:
    if period is None:
        return from_record(rows, record)
    return from_periods(rows, record, period, gap)


def _gap(history: Pair, pair: Pair) -> int:
    """Ticks missing between the end of the history and the beginning of the pair."""
    if history.times is None or pair.times is None or not len(history.times) or not pair.n_ticks:
        return 0
    both = np.concatenate([np.diff(history.times), np.diff(pair.times)])
    if not both.size:
        return 0
    return round(float((pair.times[0] - history.times[-1]) / np.median(both))) - 1


def _require_values(pair: Pair) -> None:
    if pair.kind not in {Kind.GAUGE, Kind.SAMPLES}:
        msg = (
            f"metric {pair.name!r}: kind is {pair.kind}; anomalies are searched in gauges and "
            "samples"
        )
        raise InputError(msg)


def _require(harmful: str, sigmas: float, k: int, m: int, level: float, period: int | None) -> None:
    if harmful not in {"increase", "decrease", "either"}:
        msg = f"harmful is {harmful!r}; it must be 'increase', 'decrease' or 'either'"
        raise InputError(msg)
    require_rule(sigmas, k, m, level)
    if period is not None and period < 2:
        msg = f"period is {period}; it must be at least 2 ticks"
        raise InputError(msg)


def _worst(found: list[Anomalies], level: float) -> Anomalies:
    """The most suspicious pod speaks for all, its p-value corrected for their number."""
    if len(found) == 1:
        return found[0]

    def suspicion(one: Anomalies) -> tuple[bool, float, float]:
        p = one.evidence.p_value
        peak = max((abs(anomaly.score) for anomaly in one.found), default=0.0)
        return (not one.anomalous, 2.0 if p is None else p, -peak)

    worst = min(found, key=suspicion)
    p, least = worst.evidence.p_value, worst.smallest_p_value
    evidence = worst.evidence.model_copy(
        update={
            "level": level,
            "p_value": None if p is None else min(1.0, p * len(found)),
            "detail": f"pod {worst.pod} of {len(found)}; {worst.evidence.detail}",
        }
    )
    return worst.model_copy(
        update={
            "pods": tuple(found),
            "evidence": evidence,
            "smallest_p_value": None if least is None else min(1.0, least * len(found)),
        }
    )
