"""Hold timers: a condition must be true for a while, in the data's time and not in polls.

A timer counts from the first true evaluation. A false evaluation resets it; an evaluation that
could not be made leaves it as it is. Where two evaluations lie further apart than the longest gap
allowed, the time between them is not counted: nobody knows what happened in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canarystats.policy import Trigger

CLOCK_NOISE_SECONDS = 1e-6  # times are sums of floats; a microsecond short is not short
LONGEST_GAP_INTERVALS = 2.0


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a condition has been true.

    Parameters
    ----------
    since
        Unix seconds of the first true evaluation of the present run; None while false.
    last
        Unix seconds of the last evaluation.
    paused_seconds
        Time within the present run that lay in gaps.
    recent
        The last evaluations, the newest last; for ``m_of_n``.
    completed
        Whether the condition has ever been true long enough.
    """

    since: float | None = None
    last: float | None = None
    paused_seconds: float = 0.0
    recent: tuple[bool, ...] = ()
    completed: bool = False

    @property
    def held_seconds(self) -> float:
        """Time the condition has been true, without gaps."""
        if self.since is None or self.last is None:
            return 0.0
        return max(self.last - self.since - self.paused_seconds, 0.0)


def step(hold: Hold, at: float, true: bool | None, trigger: Trigger, interval: float) -> Hold:
    """One evaluation at ``at``; ``true`` is None where it could not be made."""
    if true is None:
        return hold
    recent = (*hold.recent, true)[-trigger.n :] if trigger.mode == "m_of_n" else ()
    if not true:
        return Hold(None, at, 0.0, recent, hold.completed)
    if hold.since is None or hold.last is None:
        run = Hold(at, at, 0.0, recent, hold.completed)
    else:
        gap = at - hold.last
        unseen = gap if gap > LONGEST_GAP_INTERVALS * interval + CLOCK_NOISE_SECONDS else 0.0
        run = Hold(hold.since, at, hold.paused_seconds + unseen, recent, hold.completed)
    done = run.completed or complete(run, trigger)
    return Hold(run.since, run.last, run.paused_seconds, recent, done)


def pause(hold: Hold, at: float) -> Hold:
    """A tick that is not to count: a run stays as long as it was."""
    if hold.since is None or hold.last is None:
        return hold
    return replace(hold, last=at, paused_seconds=hold.paused_seconds + at - hold.last)


def complete(hold: Hold, trigger: Trigger) -> bool:
    """Whether the condition is true now and has been for long enough."""
    if hold.since is None:
        return False
    if trigger.mode == "m_of_n":
        return sum(hold.recent) >= trigger.m
    return hold.held_seconds >= trigger.for_ - CLOCK_NOISE_SECONDS
