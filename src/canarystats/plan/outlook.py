"""From passages and conditions to what a stage can tell of one metric."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canarystats.plan import literal
from canarystats.plan.passage import passage
from canarystats.plan.records import Detection, Outlook, Times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from canarystats.plan.passage import Passage, Path
    from canarystats.plan.situation import Situation
    from canarystats.policy import Trigger

    FloatArray = NDArray[np.float64]

CHANCES = (0.5, 0.8, 0.95)
LIKELY = 1


class Condition(NamedTuple):
    """One condition that may fire.

    Parameters
    ----------
    name
        As its firings are called; ``harm`` for the metric's own test.
    trigger
        Whose gate and duration it has; None for ``harm``.
    hold_seconds
        How long it must be true.
    worse, beyond
        The claims that stand behind it, where there are any.
    true
        Shape (rows,): the chance that one look finds it true.
    """

    name: str
    trigger: Trigger | None
    hold_seconds: float
    worse: str | None
    beyond: str | None
    true: FloatArray


class Told(NamedTuple):
    """Everything about one metric, in seconds, shape (chances, rows) each.

    Parameters
    ----------
    fires
        By condition: until it fires, and by which way.
    proof
        Until the canary is shown not worse, or None.
    """

    fires: Mapping[str, tuple[FloatArray, NDArray[np.str_]]]
    proof: FloatArray | None


def passages(paths: Mapping[str, Path], levels: Mapping[str, float]) -> dict[str, Passage]:
    """When each claim that has a level reaches it."""
    return {
        claim: passage(paths[claim], level) for claim, level in levels.items() if claim in paths
    }


def fires(
    situation: Situation, condition: Condition, found: Mapping[str, Passage]
) -> tuple[FloatArray, NDArray[np.str_]]:
    """Seconds until a condition fires, and the way, shape (chances, rows) each."""
    never = np.full((len(CHANCES), len(condition.true)), np.inf)
    worse, beyond = (
        never
        if claim is None or claim not in found
        else situation.seconds(np.stack([found[claim].by(chance) for chance in CHANCES]))
        for claim in (condition.worse, condition.beyond)
    )
    if condition.trigger is None:
        return worse, np.where(np.isfinite(worse), "decisive", "")
    trigger, interval = condition.trigger, situation.policy.interval
    held = never
    if trigger.mode == "every":
        window, hold = trigger.window / interval, math.ceil(condition.hold_seconds / interval)
        held = np.stack([literal.held_by(condition.true, window, hold, c) for c in CHANCES])
        held = situation.policy.warm_up + interval * held
    if trigger.evidence == "none":
        return held, np.where(np.isfinite(held), "literal", "")
    sustained, way = np.maximum(held, worse), "sustained"
    if trigger.evidence == "advisory":
        sustained, way = held, "literal"
    first = np.minimum(sustained, beyond)
    ways = np.where(beyond <= sustained, "decisive", way)
    return first, np.where(np.isfinite(first), ways, "")


def proof(
    situation: Situation, found: Mapping[str, Passage], sets: Sequence[Sequence[str]]
) -> FloatArray | None:
    """Seconds until every claim of any one of these sets is shown, shape (chances, rows)."""
    shown = [
        np.max([[found[claim].by(chance) for chance in CHANCES] for claim in claims], axis=0)
        for claims in sets
        if claims and all(claim in found for claim in claims)
    ]
    return situation.seconds(np.min(shown, axis=0)) if shown else None


def outlook(
    situation: Situation,
    metric: str,
    about: str,
    told: Told,
    true_by_chance: Mapping[str, float],
    **more: object,
) -> Outlook:
    """What a stage can tell of one metric, as a record."""
    grid = situation.grid
    first = np.full((len(CHANCES), len(grid)), np.inf)
    detections = []
    for name, (seconds, ways) in told.fires.items():
        first = np.minimum(first, seconds[:, : len(grid)])
        for effect in situation.effects:
            i = int(np.flatnonzero(grid == effect)[0])
            detections.append(
                Detection(
                    trigger=name,
                    effect=effect,
                    times=times(seconds[:, i]),
                    way=str(ways[LIKELY, i]) or None,
                )
            )
    return Outlook(
        metric=metric,
        about=about,
        detections=tuple(detections),
        smallest_p80=smallest(grid, first[1], situation.duration),
        smallest_p95=smallest(grid, first[2], situation.duration),
        proof=None if told.proof is None else times(told.proof[:, len(grid)]),
        true_by_chance=dict(true_by_chance),
        **more,
    )


def times(seconds: FloatArray) -> Times:
    """The three times, None for never."""
    p50, p80, p95 = (None if math.isinf(s) else float(s) for s in seconds)
    return Times(p50=p50, p80=p80, p95=p95)


def smallest(effects: FloatArray, seconds: FloatArray, duration: float) -> float | None:
    """The smallest effect noticed within a duration, between those followed; None for none.

    The time is taken as linear in the logarithm of the effect by its reciprocal, in which never is
    zero.
    """
    pace, needed = duration / seconds, 1.0
    slow = np.flatnonzero(pace < needed)
    if not len(slow):
        return float(effects[0])
    i = int(slow[-1])
    if i == len(effects) - 1:
        return None
    part = (needed - pace[i]) / (pace[i + 1] - pace[i])
    found = math.log(effects[i]) + part * math.log(effects[i + 1] / effects[i])
    return float(math.exp(found))


def traffic_for(traffics: FloatArray, seconds: FloatArray, duration: float) -> float | None:
    """The least traffic from which on something is done within a duration; None for none.

    Between the traffics followed, the logarithm of the time is taken as linear in that of the
    traffic.
    """
    late = np.flatnonzero(seconds > duration)
    if not len(late):
        return float(traffics[0])
    i = int(late[-1])
    if i == len(traffics) - 1:
        return None
    if math.isinf(seconds[i]):
        return float(traffics[i + 1])
    part = math.log(seconds[i] / duration) / math.log(seconds[i] / seconds[i + 1])
    return float(traffics[i] * (traffics[i + 1] / traffics[i]) ** part)
