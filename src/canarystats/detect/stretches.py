"""The stretch of each pod that is searched for a leak: one process, beside its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.detect.lifetimes import longest, restarts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """The settings, in the clock's unit."""

    clock: FloatArray  # seconds, or ticks
    timed: bool
    tick: float  # length of a tick
    level: float
    floor: float  # per unit of the clock
    coverage: float
    warm_up: float
    name: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """The stretch of one pod that is searched."""

    arms: FloatArray  # (1 or 2, m): the pod, and its baseline
    times: FloatArray
    pod: int
    limit: float | None
    now: float | None  # the last value, where the stretch ends before the series does
    restarts: int
    seen: tuple[str, ...]
    trimmed: int = 0


def stretch(
    pods: FloatArray,
    beside: list[FloatArray] | None,
    limits: FloatArray,
    starts: FloatArray | None,
    pod: int,
    *,
    asked: Asked,
) -> Stretch:
    """The longest stretch of a pod without restart, its baseline at the same ticks."""
    values = pods[pod]
    seen = [
        f"{what}: {count}"
        for what, count in (
            ("missing", int(np.isnan(values).sum())),
            ("infinite", int(np.isinf(values).sum())),
        )
        if count
    ]
    own = restarts(values, None if starts is None else starts[pod])
    others = [] if beside is None else [(row, restarts(row, None)) for row in beside[pod]]
    cuts = np.union1d(own, others[0][1]) if len(others) == 1 else own
    start, stop = longest(cuts, np.isfinite(values))
    if asked.warm_up and start < stop:
        start += int(np.sum(asked.clock[start:stop] < asked.clock[start] + asked.warm_up))
    part = slice(start, stop)
    kept = [row[part] for row, cut in others if not ((cut > start) & (cut < stop)).any()]
    mean = _mean_of_present(kept)
    arms = values[part][None]
    if mean is not None and np.isfinite(mean).any():
        arms = np.stack([arms[0], mean])
    elif beside is not None:
        seen.append("baseline: restarted" if others and not kept else "baseline: no data")
    both = np.isfinite(arms).all(axis=0)
    last = values[np.isfinite(values)][-1:]
    return Stretch(
        arms=np.ascontiguousarray(arms[:, both]),
        times=asked.clock[part][both],
        pod=pod,
        limit=None if np.isnan(limits[pod]) else float(limits[pod]),
        now=float(last[0]) if len(last) and stop < len(values) else None,
        restarts=len(own),
        seen=tuple(seen),
    )


def _mean_of_present(rows: list[FloatArray]) -> FloatArray | None:
    if not rows:
        return None
    stack = np.stack(rows)
    there = np.isfinite(stack)
    count = there.sum(axis=0)
    total = np.where(there, stack, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
