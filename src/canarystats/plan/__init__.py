"""Before a stage: what its traffic can show, and how long it takes.

The figures are those of the tests that a rollout is judged by, at their own levels: each design is
followed along the data that a stage brings on average (`passage`), and the literal conditions are
held against the noise of their windows (`literal`). Nothing is simulated and nothing is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.intake import take_in_history
from canarystats.plan.noise import GaugeNoise
from canarystats.plan.records import Detection, Outlook, Plan, StagePlan, Times
from canarystats.plan.situation import Situation
from canarystats.plan.stages import stage_plan
from canarystats.version import __version__
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.policy import Policy

EFFECTS = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)

__all__ = ["Detection", "GaugeNoise", "Outlook", "Plan", "StagePlan", "Times", "plan"]


def plan(  # noqa: PLR0913 - one keyword a fact, all but two optional
    policy: Policy,
    *,
    traffic: float,
    share: float | None = None,
    base_error_rate: float | Mapping[str, float] | None = None,
    history: Iterable[Pair] = (),
    stage: str | None = None,
    duration: float | None = None,
    mirrored: float = 0.0,
    noise: Mapping[str, GaugeNoise] | None = None,
    effects: Sequence[float] = EFFECTS,
) -> Plan:
    """Say what each stage of a rollout can see and prove, before it begins.

    Parameters
    ----------
    policy
        What is watched and how strictly; with stages, each of them is planned.
    traffic
        Requests a second on canary and baseline together.
    share
        The canary's designed share of the traffic, where the policy does not say it.
    base_error_rate
        Events out of exposure of the old version, for every metric of counts or by name; read off
        the history where not given.
    history
        One pair a metric from before the rollout, as the monitor will be given it.
    stage
        Plan this stage only.
    duration
        Seconds the stage lasts; its minimum duration where not given.
    mirrored
        At share 0: the part of the traffic of which the canary gets duplicates, in [0, 1].
    noise
        How gauges behave, by name, where the history does not tell.
    effects
        How many times as bad a canary to ask about.

    Returns
    -------
    Plan
        One record a stage.

    Raises
    ------
    InputError
        If a number cannot be right, or the share is neither given nor the policy's.

    Notes
    -----
    Assumes a regression that is there from the stage's first tick and stays, steady traffic, errors
    that come as independently as the history's did (one by one without history), and evidence that
    begins anew with the stage. Predicted times agree with simulated ones within the errors that
    docs/plan.md publishes; a regression that begins late takes longer.
    """
    _require(traffic, "traffic", "requests a second, above 0", low=0.0, open_=True)
    _require(mirrored, "mirrored", "a part of the traffic between 0 and 1", low=0.0, high=1.0)
    for effect in effects:
        _require(effect, "effects", "how many times as bad, above 1", low=1.0, open_=True)
    if duration is not None:
        _require(duration, "duration", "seconds, above 0", low=0.0, open_=True)
    past = take_in_history(history, policy)
    rates = _base_rates(policy, base_error_rate, past)
    situations = [
        Situation(
            policy=_at_any_look(at),
            share=_share(at, share),
            traffic=float(traffic),
            mirrored=float(mirrored),
            duration=float(at.min_duration if duration is None else duration),
            effects=tuple(float(effect) for effect in effects),
            base_rates=rates,
            noise=_noise(policy, noise),
            history=past,
        )
        for at in _stages(policy, stage)
    ]
    return Plan(
        policy=policy.name,
        policy_digest=policy.digest,
        library_version=__version__,
        stages=tuple(stage_plan(situation) for situation in situations),
    )


def _stages(policy: Policy, stage: str | None) -> list[Policy]:
    if stage is not None:
        return [policy.at_stage(stage)]
    return [policy.at_stage(s.name) for s in policy.stages] or [policy]


def _at_any_look(policy: Policy) -> Policy:
    """The policy with the tests for any number of looks, which find no more than planned ones."""
    return policy.model_copy(update={"looks": "many", "bake": None})


def _share(policy: Policy, share: float | None) -> float:
    if policy.share is not None and (policy.stage or share is None):
        if share is not None and share != policy.share:
            msg = f"share is {share:g}; the stage {policy.stage!r} has {policy.share:g} of its own"
            raise InputError(msg)
        return policy.share
    if share is None:
        msg = "share is not given, and the policy names none; give the canary's share"
        raise InputError(msg)
    _require(share, "share", "between 0 and 1", low=0.0, high=1.0)
    return float(share)


def _base_rates(
    policy: Policy, given: float | Mapping[str, float] | None, history: Mapping[str, Pair]
) -> dict[str, float]:
    """Events out of exposure, by metric."""
    names = [metric.name for metric in policy.metrics if Kind.COUNTS in metric.kinds]
    found = {}
    for name in names:
        pair = history.get(name)
        if pair is not None and pair.kind is Kind.COUNTS:
            sides = [pair.canary] + ([] if pair.baseline is None else [pair.baseline])
            events, exposure = np.nansum(np.concatenate(sides), axis=0)
            if exposure > 0:
                found[name] = float(events / exposure)
    if given is None:
        return found
    told = given if isinstance(given, Mapping) else dict.fromkeys(names, given)
    for name, rate in told.items():
        if name not in names:
            msg = f"base_error_rate names {name!r}; the metrics of counts are {', '.join(names)}"
            raise InputError(msg)
        _require(rate, "base_error_rate", "a share of requests, from 0 to below 1", low=0.0, high=1)
        if rate == 1.0:
            msg = "base_error_rate is 1; it must be a share of requests, from 0 to below 1"
            raise InputError(msg)
    return found | {name: float(rate) for name, rate in told.items()}


def _noise(policy: Policy, noise: Mapping[str, GaugeNoise] | None) -> dict[str, GaugeNoise]:
    names = [metric.name for metric in policy.metrics if Kind.GAUGE in metric.kinds]
    for name, told in (noise or {}).items():
        if name not in names:
            msg = f"noise names {name!r}; the gauges are {', '.join(names) or 'none'}"
            raise InputError(msg)
        if not isinstance(told, GaugeNoise):
            msg = f"noise[{name!r}] is {told!r}; it must be a GaugeNoise"
            raise InputError(msg)
    return dict(noise or {})


def _require(
    value: float, name: str, what: str, *, low: float, high: float = math.inf, open_: bool = False
) -> None:
    number = isinstance(value, int | float | np.floating | np.integer) and not isinstance(
        value, bool
    )
    if (
        not number
        or not math.isfinite(value)
        or not low <= value <= high
        or (open_ and value == low)
    ):
        msg = f"{name} is {value!r}; it must be {what}"
        raise InputError(msg)
