"""What the judge is told: how each metric stands, and how the rollout has gone so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from canarystats.evidence import Evidence
from canarystats.folds.setting import Proof
from canarystats.policy import Metric
from canarystats.rules import ABSOLUTE
from canarystats.verdict import Firing, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.policy import Policy


@dataclass(frozen=True, slots=True)
class MetricView:
    """What the judge is told about one metric.

    Parameters
    ----------
    metric
        Its place in the policy.
    evidence, readings, proofs
        What was found, what its rules see, what promotion needs of it.
    trouble
        Why it counts as without data, empty where it does not.
    partial
        What was partial in the source's answer, empty where nothing was.
    split_is_off
        Whether it shows the traffic not to be divided as designed.
    beside
        What the baseline alone does not fulfil of its rules.
    moved
        That the baseline alone got worse lately, as the end of a sentence.
    silenced
        What a window of the policy looks away from at the last tick.
    samples
        Canary requests or observations so far; None where it counts none.
    """

    metric: Metric
    evidence: tuple[Evidence, ...] = ()
    readings: tuple[Reading, ...] = ()
    proofs: tuple[Proof, ...] = ()
    trouble: str = ""
    partial: str = ""
    split_is_off: bool = False
    beside: tuple[str, ...] = ()
    moved: str = ""
    silenced: tuple[str, ...] = ()
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """How the rollout has gone so far.

    Parameters
    ----------
    rollout
        The caller's name for it.
    started, at
        Unix seconds of its first and its last tick; None where the data has no times.
    alive
        Unix seconds of the first tick with data on the canary of a metric that may decide.
    ticks, suppressed
        Ticks so far, and those at which a window of the policy looked away.
    share
        The canary's designed share of the traffic at the last tick.
    firings
        Every rule that has fired, the earliest first.
    firing_now
        The rules that fire at the last tick.
    policy_digest, input_digest, library_version
        What it takes to recompute the verdict.
    """

    rollout: str
    started: float | None
    alive: float | None
    at: float | None
    ticks: int
    suppressed: int
    share: float | None
    firings: tuple[Firing, ...]
    firing_now: tuple[Firing, ...]
    policy_digest: str
    input_digest: str
    library_version: str


def live_views(views: Sequence[MetricView]) -> list[MetricView]:
    """The metrics that may decide."""
    return [view for view in views if not view.metric.dry_run]


def split_is_off(views: Sequence[MetricView]) -> bool:
    """Whether a metric that may decide shows the traffic not to be divided as designed."""
    return any(view.split_is_off for view in live_views(views))


def acting(policy: Policy, view: MetricView) -> list[Reading]:
    """The readings of the rules that may decide: on no dry run, and not only reported."""
    told = {trigger.name for trigger in policy.triggers if trigger.action == "report"}
    told |= {t.name + ABSOLUTE for t in policy.triggers if t.name in told and t.absolute}
    readings = () if view.metric.dry_run else view.readings
    return [reading for reading in readings if reading.trigger not in told]
