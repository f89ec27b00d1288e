"""Windows of planned disturbance, in which a policy looks away from what it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from canarystats.errors import PolicyError
from canarystats.instants import Instant
from canarystats.section import Section

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class Suppression(Section):
    """A planned fault injection, load test or restore, and what is not held against the canary.

    Parameters
    ----------
    name
        What readings, evidence and reasons call it.
    from_ (``from``), to
        Unix seconds, or ISO 8601 with its offset from UTC; half-open. A tick speaks for the time
        since the tick before, so those from ``from`` up to an interval after ``to`` are inside.
    triggers
        The triggers that do not fire inside; their hold timers pause, what happened inside never
        counts for them, and the evidence behind them is not gathered.
    metrics
        The metrics that gather no evidence inside.
    reason
        For readers.
    """

    name: str = Field(min_length=1)
    from_: Instant = Field(alias="from")
    to: Instant
    triggers: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    reason: str = ""

    @model_validator(mode="after")
    def _is_a_window_of_something(self) -> Self:
        if self.to <= self.from_:
            raise PolicyError("to", "to must be later than from")
        if not (self.triggers or self.metrics):
            raise PolicyError("", "names neither triggers nor metrics; name what it is about")
        return self

    def covers(self, at: float, interval: float) -> bool:
        """Whether any of the time that the tick at ``at`` speaks for lies inside."""
        return self.from_ <= at < self.to + interval

    def about(self, triggers: Collection[str], metrics: Collection[str]) -> bool:
        """Whether it names any of these."""
        return any(t in triggers for t in self.triggers) or any(m in metrics for m in self.metrics)

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})" if self.reason else self.name


def require_known(
    suppressions: Iterable[Suppression], triggers: Collection[str], metrics: Collection[str]
) -> None:
    """Refuse windows of one name, or about what the policy does not have.

    Raises
    ------
    PolicyError
        With the path of the first fault.
    """
    seen = set[str]()
    for i, window in enumerate(suppressions):
        path = f"suppressions[{i}]"
        if window.name in seen:
            raise PolicyError(f"{path}.name", f"{window.name!r} is there twice")
        seen.add(window.name)
        for key, named, known in (
            ("triggers", window.triggers, triggers),
            ("metrics", window.metrics, metrics),
        ):
            for k, name in enumerate(named):
                if name not in known:
                    have = ", ".join(known) or "none"
                    raise PolicyError(f"{path}.{key}[{k}]", f"{name!r} is not one of: {have}")


def only_about(
    suppressions: Iterable[Suppression], triggers: Collection[str], metrics: Collection[str]
) -> tuple[Suppression, ...]:
    """The windows that are about any of these, and about nothing else."""
    found = []
    for window in suppressions:
        kept = {
            "triggers": tuple(t for t in window.triggers if t in triggers),
            "metrics": tuple(m for m in window.metrics if m in metrics),
        }
        if kept["triggers"] or kept["metrics"]:
            found.append(window.model_copy(update=kept))
    return tuple(found)


def until_watched(suppressions: Iterable[Suppression], start: float, seconds: float) -> float:
    """How long after ``start`` so many seconds outside all of the windows have passed."""
    end, reached = start + seconds, start
    for window in sorted(suppressions, key=lambda window: window.from_):
        low = max(window.from_, reached)
        if low < end and window.to > low:
            end += window.to - low
            reached = window.to
    return end - start


def covered_seconds(suppressions: Iterable[Suppression], start: float, end: float) -> float:
    """How much of the time from ``start`` to ``end`` lies in any of the windows."""
    total, reached = 0.0, start
    for window in sorted(suppressions, key=lambda window: window.from_):
        low, high = max(window.from_, reached), min(window.to, end)
        if high > low:
            total += high - low
            reached = high
    return total
