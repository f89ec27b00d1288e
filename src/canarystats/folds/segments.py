"""What a metric that comes by segment of the traffic has shown in each, and over all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question
from canarystats.sequential import brackets, rate_effects
from canarystats.sequential.strata import Strata, standardised
from canarystats.sequential.strata import designed as designed_traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canarystats.folds.setting import Setting, Tick

FloatArray = NDArray[np.float64]
CLAIM = "segment."
EXPOSURE = 1
NOBODY = np.zeros(2)  # events and exposure of a baseline that is not there


@dataclass(frozen=True, slots=True, eq=False)
class SegmentTotals:
    """Totals by segment over the ticks that compare the two sides.

    Parameters
    ----------
    names
        The segments seen so far, S of them.
    totals
        Shape (S, 2 columns): the canary's columns, then the baseline's.
    """

    names: tuple[str, ...] = ()
    totals: FloatArray = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def sides(self) -> tuple[FloatArray, FloatArray]:
        """The canary's and the baseline's totals, shape (S, columns) each."""
        canary, baseline = np.split(self.totals, 2, axis=1)
        return canary, baseline

    def of(self, name: str) -> tuple[FloatArray, FloatArray]:
        """The canary's and the baseline's totals in one segment, shape (columns,) each."""
        row = self.names.index(name)
        canary, baseline = self.sides
        return canary[row], baseline[row]


def none(columns: int) -> SegmentTotals:
    """No segments, of a metric with that many columns."""
    return SegmentTotals((), np.empty((0, 2 * columns)))


def strata_of(setting: Setting, tick: Tick) -> Strata | None:
    """The tick by segment, with the share of each; None where it has none or compares nothing."""
    if tick.by_segment is None or not tick.comparing:
        return None
    names, canary, baseline = tick.by_segment
    common = np.nan if tick.share is None else tick.share
    own: Mapping[str, float] = setting.policy.segments
    return Strata(names, canary, baseline, np.array([own.get(name, common) for name in names]))


def refuse_planned(setting: Setting, tick: Tick) -> None:
    """Refuse a metric by segment where planned looks would compare it as a whole.

    Raises
    ------
    InputError
        If it comes by segment.
    """
    if tick.by_segment is not None:
        msg = (
            f"metric {setting.metric.name!r} comes by segment, and planned looks compare it as a "
            "whole; use looks: many"
        )
        raise InputError(msg)


def add(held: SegmentTotals, strata: Strata) -> SegmentTotals:
    """The totals after a tick; a segment that is new to them joins at the end."""
    fresh = tuple(name for name in strata.names if name not in held.names)
    names = held.names + fresh
    totals = np.concatenate([held.totals, np.zeros((len(fresh), held.totals.shape[1]))])
    rows = [names.index(name) for name in strata.names]
    sides = np.hstack([strata.canary, strata.baseline])
    totals[rows] += np.where(strata.compared[:, None], sides, 0.0)
    return SegmentTotals(names, totals)


def beside_each_other(
    tick: Tick, compared: FloatArray | None, strata: Strata | None
) -> tuple[FloatArray, FloatArray]:
    """What a tick of counts adds to a window of both sides, and to one of the baseline alone.

    The first holds events and exposure of the canary, the same of the baseline, the requests that
    the design makes of the baseline's, and those the canary carried; the second the baseline's
    events and exposure. By segment the baseline's events are those that its rates make of the
    canary's mix.
    """
    if strata is not None:
        exposures = strata.canary[:, EXPOSURE], strata.baseline[:, EXPOSURE]
        ours, theirs = standardised(strata.canary, strata.baseline, *exposures)
        carried, designed = designed_traffic(strata, exposures)
        return np.array([*ours, *theirs, designed, carried]), theirs
    others = tick.baseline
    if others is None or np.isnan(others[EXPOSURE]):
        others = NOBODY
    beside = NOBODY if compared is None else compared
    odds = np.nan if tick.share is None else tick.share / (1.0 - tick.share)
    traffic = (odds * beside[EXPOSURE], tick.canary[EXPOSURE])
    return np.concatenate([tick.canary, beside, traffic]), others


def side_by_side(tick: Tick, strata: Strata | None) -> tuple[FloatArray, FloatArray]:
    """Events and exposure of both sides at a tick with a baseline; by segment in one mix."""
    if strata is None:
        return tick.canary, NOBODY if tick.baseline is None else tick.baseline
    canary, baseline = strata.alike()
    return canary[0], baseline[0]


def of_counts(metric: str, held: SegmentTotals) -> list[Evidence]:
    """How large the difference of rates is in each segment; it is told and decides nothing."""
    found = []
    for name in held.names:
        canary, baseline = held.of(name)
        shown = rate_effects.of_rates(canary, baseline)
        sizes = float(canary[EXPOSURE]), float(baseline[EXPOSURE])
        found.append(_told(metric, "sequential.counts", name, sizes, shown))
    return found


def of_buckets(
    metric: str, held: SegmentTotals, upper_bounds: FloatArray, quantile: float
) -> list[Evidence]:
    """How far the quantiles lie apart in each segment; it is told and decides nothing."""
    found = []
    for name in held.names:
        canary, baseline = held.of(name)
        shown = brackets.effect(upper_bounds, quantile, canary, baseline)
        sizes = float(canary.sum()), float(baseline.sum())
        found.append(_told(metric, "sequential.histogram", name, sizes, shown))
    return found


def _told(
    metric: str, method: str, name: str, sizes: tuple[float, float], shown: dict[str, Any]
) -> Evidence:
    return Evidence(
        metric=metric,
        method=method,
        question=Question.DIFFERENCE,
        claim=f"{CLAIM}{name}",
        n_canary=round(sizes[0]),
        n_baseline=round(sizes[1]),
        **shown,
    )
