"""Whether both arms changed together, of which the canary is not to be blamed.

What compares two sides fires where an incident hits them unequally, and where the baseline alone
gets better. So where a comparison is about to roll the canary back, the baseline is held against
its own past (`sequential.own_past`). Where it changed for the worse lately, the firing holds and
says so, unless the canary was worse before it, is plainly hit more, or the baseline is well again.

What spares the canary is read on the baseline alone, and what blames it again only grows with its
own trouble, as in `triggers.beside`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.durations import format_duration
from canarystats.sequential import own_past
from canarystats.sequential.own_past import FALL, RISE
from canarystats.triggers.beside import others, plainly_more_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from canarystats.folds.setting import Setting
    from canarystats.sequential.own_past import Shift
    from canarystats.windows import Pair

FloatArray = NDArray[np.float64]

LEVEL = 0.01  # of a false change of the baseline at a tick, and of a canary called worse before it
TIMES_THE_THRESHOLD = 2.0  # of its rule, beyond which a canary is plainly hit more
HARM_TIMES = 3.0  # the same where no rule has a threshold
PLAIN_LEVEL = 1e-4  # of a canary called hit plainly more at one look of an incident
TOLD_LEVEL = 1e-4  # of a false change told beside a promotion, at a tick
SAME = 1.25  # times a rate that is no change of it
COMPARED = {"error_rate", "latency_p99", "harm"}


class Together(NamedTuple):
    """What the change points of both arms say of a firing.

    Parameters
    ----------
    shared
        Whether it holds instead of blaming the canary.
    said
        The end of its reason; empty where the baseline has not changed.
    """

    shared: bool
    said: str


def begin(setting: Setting, history: Pair | None) -> FloatArray:
    """The state of a metric of counts before the first tick: the old version's rate lately."""
    if history is None or history.times is None:
        return own_past.begin()
    recent = history.times > history.times[-1] - 2.0 * setting.policy.shared_incident
    sides = [history.canary] if history.baseline is None else [history.canary, history.baseline]
    rates = [_troubles(setting, np.nansum(side[recent], axis=0)) for side in sides]
    return own_past.begin((*np.sum(rates, axis=0).tolist(), *rates[0].tolist()))


def step(
    setting: Setting,
    state: FloatArray,
    sides: tuple[FloatArray, FloatArray],
    at: float,
    evidence: float,
    discount: Callable[[], float],
) -> FloatArray:
    """One tick of events and exposure of the canary and of the baseline, shape (2,) each.

    ``evidence`` is the log likelihood ratio that the canary is worse and ``discount`` how many
    events count as one, both before this tick.
    """
    policy = setting.policy
    if not policy.shared_incident or policy.unhealthy_baseline == "ignore":
        return state
    canary, baseline = (_troubles(setting, side) for side in sides)
    return own_past.step(
        state,
        baseline,
        canary,
        evidence,
        at,
        discount=discount,
        interval=policy.interval,
        longest=policy.shared_incident,
    )


def of_counts(
    setting: Setting,
    state: FloatArray,
    rule: str,
    at: float,
    window: FloatArray | None,
) -> Together:
    """What is to be said of a firing about errors.

    Parameters
    ----------
    setting, state
        The metric, and its state.
    rule
        The name of its trigger, or ``harm``.
    at
        Unix seconds of the firing.
    window
        Events and exposure of the canary and of the baseline in the rule's window, shape (4,).
    """
    found = own_past.shifted(state, RISE, LEVEL)
    trigger = next((t for t in setting.triggers if t.name == rule), None)
    times = HARM_TIMES if trigger is None else TIMES_THE_THRESHOLD * trigger.threshold
    if found is None:
        return Together(False, alone(setting, state, FALL, LEVEL, at))

    def plainly() -> bool:
        stretches = [(*found.since.canary, *found.since.baseline)]
        stretches += [] if window is None else [tuple(window.tolist())]
        return any(_plainly_more(np.array(s), times, found.discount) for s in stretches)

    recent = None
    if window is not None and trigger is not None and at - found.began >= trigger.window:
        recent = _troubles(setting, window[2:])
    return told(setting, found, at, "{:.2%}".format, plainly, times, recent)


def told(
    setting: Setting,
    found: Shift,
    at: float,
    write: Callable[[float], str],
    plainly: Callable[[], bool],
    times: float,
    recent: FloatArray | None,
) -> Together:
    """What is to be said of a firing beside a baseline that changed for the worse.

    ``plainly`` tells whether the canary is plainly hit more, by ``times``; ``recent`` are events
    and exposure of the baseline lately.
    """
    said = _changes(setting, found, at, write)
    if recent is not None and recent[0] <= SAME * _rate(found.before.baseline) * recent[1]:
        return Together(False, f"{said}; the baseline has recovered")
    if found.led >= -np.log(LEVEL):
        return Together(False, f"{said}; the canary was worse before that")
    if plainly():
        return Together(False, f"{said}; the canary is hit more than {times:g} times as hard")
    return Together(True, f"{said}: both arms changed together, a shared incident")


def alone(setting: Setting, state: FloatArray, direction: int, level: float, at: float) -> str:
    """What is to be said where the baseline alone changed in a direction, or nothing."""
    found = own_past.shifted(state, direction, level)
    if found is None or not found.before.canary[1] > 0.0:
        return ""
    before, since = _rate(found.before.canary), _rate(found.since.canary)
    if since > SAME * before:
        return ""
    way = "better" if direction == FALL else "worse"
    said = _changes(setting, found, at, "{:.2%}".format)
    return f"{said}: the baseline alone got {way}"


def _changes(setting: Setting, found: Shift, at: float, write: Callable[[float], str]) -> str:
    arms = [
        f"from {write(_rate(before))} to {write(_rate(since))}"
        if before[1]
        else write(_rate(since))
        for before, since in zip(found.before, found.since, strict=True)
    ]
    ago = format_duration(round(at - found.began + setting.policy.interval))
    name = setting.metric.name
    return f"; within {ago} {name} went {arms[0]} on the baseline and {arms[1]} on the canary"


def _rate(stretch: Sequence[float]) -> float:
    return stretch[0] / stretch[1] if stretch[1] else 0.0


def _troubles(setting: Setting, side: FloatArray) -> FloatArray:
    """Events and exposure of what hurts: of a metric of successes, the failures."""
    return others(side) if setting.metric.harmful == "decrease" else side


def _plainly_more(sides: FloatArray, times: float, clumps: float) -> bool:
    """Whether the canary has plainly more errors by that factor, or so many fewer successes."""
    canary, baseline = sides[:2], sides[2:4]
    if plainly_more_errors(canary, baseline, times - 1.0, clumps, PLAIN_LEVEL):
        return True
    if canary[0] > canary[1] or baseline[0] > baseline[1]:
        return False
    fine = others(baseline), others(canary)
    return plainly_more_errors(*fine, times - 1.0, clumps, PLAIN_LEVEL)
