"""A policy says what is watched and how strictly; it is plain data, never code.

Every number of the eight triggers has its default in `rules.RULES`; a policy writes down only what
it changes.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from canarystats.durations import Duration, format_duration, parse_duration
from canarystats.errors import InputError, PolicyError
from canarystats.metric import Arms, Metric, Query
from canarystats.overrides import merged, own_path
from canarystats.rules import (
    BOTH_SIDES,
    KINDS_READ,
    OWN_RULES,
    RULES,
    Absolute,
    Action,
    Gate,
    Trigger,
    TriggerName,
    require_own_conditions,
    unfit,
)
from canarystats.section import Fraction, Section, Share, raise_first
from canarystats.stage import Bake, Stage, fault_of_settling, fault_of_the_plan, parts_of_the_budget
from canarystats.suppression import Suppression, only_about, require_known

__all__ = [
    "KINDS_READ",
    "OWN_RULES",
    "RULES",
    "Absolute",
    "Action",
    "Arms",
    "Bake",
    "ErrorBudget",
    "Gate",
    "Metric",
    "Policy",
    "Query",
    "Stage",
    "Suppression",
    "Trigger",
    "TriggerName",
    "format_duration",
    "parse_duration",
]


class ErrorBudget(Section):
    """How often a healthy canary may be treated wrongly.

    Parameters
    ----------
    false_rollback
        Chance that a healthy rollout is ever rolled back by a statistical rule.
    critical_share
        The part of it that critical metrics share; the others share the rest.
    false_promote
        Chance, per metric, that a canary worse than its margin is shown not worse.
    split
        Chance that a correct traffic split is ever called wrong.
    """

    false_rollback: Fraction = 0.01
    critical_share: Fraction = 0.8
    false_promote: Fraction = 0.05
    split: Fraction = 0.001


class Policy(Section):
    """What is watched and how strictly.

    Parameters
    ----------
    name, description
        For readers.
    interval
        Time between ticks.
    warm_up
        Time from the first tick during which comparisons gather no evidence.
    settle_within
        Longest time a canary that begins worse is given to settle; 0 seconds: the warm-up alone.
    min_duration, min_samples
        What must have passed, in time and in canary requests or observations, before promotion.
    looks
        ``many``: evidence holds at any number of looks; ``one``: one look at whole windows;
        ``planned``: comparisons are decided at the looks of ``bake``.
    bake
        The window and its looks, where they are planned.
    on_no_data
        What a required metric without data means: ``hold``, ``pass`` or ``rollback``.
    partial_data
        What a partial answer of a source means: ``hold`` or ``accept``.
    unhealthy_baseline
        What a baseline in trouble means: ``hold`` instead of blaming the canary for what both
        have, or promoting it for being no worse; ``ignore`` it.
    shared_incident
        How long after the baseline changed for the worse a canary that is worse since is held
        instead of blamed; 0 seconds: not at all.
    margin
        The relative difference that never counts, where a metric names none.
    check_split, split_tolerance
        Whether promotion needs the traffic to be divided as designed, and how far the canary's
        share may be from it, relatively.
    approval
        Whether a person confirms promotion.
    pass_score, marginal_score
        The score's bands, as Kayenta has them.
    rollback
        Whether it may roll back; without, it is told what would.
    share
        The canary's designed share of the traffic; None where the caller says it.
    segments
        The canary's designed share of the traffic of each segment, where it is not the rollout's:
        from 0 to 1, which is a segment that the canary serves alone.
    error_budget, arms, metrics, triggers
        See their classes.
    suppressions
        Windows of planned disturbance, in which the policy looks away from what they name.
    stages
        The steps of the rollout; `at_stage` gives the policy of one of them.
    stage
        The step that this is the policy of.
    """

    name: str = "policy"
    description: str = ""
    interval: Duration = 15.0
    warm_up: Duration = 0.0
    settle_within: Duration = 0.0
    min_duration: Duration = 600.0
    min_samples: Annotated[int, Field(ge=0)] = 1000
    looks: Literal["many", "planned", "one"] = "many"
    bake: Bake | None = None
    on_no_data: Literal["hold", "pass", "rollback"] = "hold"
    partial_data: Literal["hold", "accept"] = "hold"
    unhealthy_baseline: Literal["hold", "ignore"] = "hold"
    shared_incident: Duration = 1800.0
    margin: Annotated[float, Field(ge=0, lt=10)] = 0.05
    check_split: bool = True
    split_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.05
    approval: Literal["automatic", "required"] = "automatic"
    pass_score: Annotated[float, Field(ge=0, le=100)] = 95.0
    marginal_score: Annotated[float, Field(ge=0, le=100)] = 75.0
    rollback: bool = True
    share: Share | None = None
    segments: dict[str, Share] = Field(default={})
    error_budget: ErrorBudget = ErrorBudget()
    arms: Arms = Arms()
    metrics: tuple[Metric, ...] = Field(min_length=1)
    triggers: tuple[Trigger, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    stages: tuple[Stage, ...] = ()
    stage: str = ""

    @field_validator("interval")
    @classmethod
    def _interval_is_positive(cls, value: float) -> float:
        if value <= 0:
            raise PolicyError("", "interval must be longer than 0s")
        return value

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        _refuse_twice("metrics", [metric.name for metric in self.metrics])
        _refuse_twice("triggers", [trigger.name for trigger in self.triggers])
        require_own_conditions(self.triggers)
        for i, held in enumerate(self.metrics):
            of_baseline = held.target is not None and held.target.needs_baseline
            if of_baseline and not held.compare and not self.stage:
                raise PolicyError(
                    f"metrics[{i}].target", "it is of the baseline, and compare is false"
                )
        known = {metric.name: metric for metric in self.metrics}
        for i, trigger in enumerate(self.triggers):
            metric = known.get(trigger.metric)
            if metric is None:
                raise PolicyError(
                    f"triggers[{i}].metric",
                    f"{trigger.metric!r} is not one of the metrics: {', '.join(known)}",
                )
            if not set(metric.kinds) <= set(KINDS_READ[trigger.rule]):
                raise PolicyError(
                    f"triggers[{i}].metric",
                    f"{trigger.rule} reads {' or '.join(KINDS_READ[trigger.rule])}, and "
                    f"{metric.name!r} is {' or '.join(metric.kinds)}",
                )
            if trigger.rule in BOTH_SIDES and not metric.compare and not self.stage:
                raise PolicyError(
                    f"triggers[{i}].metric",
                    f"{trigger.rule} reads the baseline, and {metric.name!r} has compare: false",
                )
            if wrong := unfit(trigger, metric.unit):
                raise PolicyError(f"triggers[{i}].threshold", wrong)
        if self.marginal_score > self.pass_score:
            raise PolicyError("marginal_score", "marginal_score must not exceed pass_score")
        require_known(self.suppressions, [t.name for t in self.triggers], list(known))
        self._check_plan()
        self._check_stages()
        return self

    def _check_plan(self) -> None:
        settles = fault_of_settling(self.settle_within, self.warm_up, self.looks)
        if fault := fault_of_the_plan(self.looks, self.bake, self.interval) or settles:
            raise PolicyError(*fault)
        for i, metric in enumerate(self.metrics):
            if self.looks == "planned" and metric.query.segment_by and metric.compare:
                raise PolicyError(
                    f"metrics[{i}].query.segment_by", "planned looks compare a metric as a whole"
                )

    def _check_stages(self) -> None:
        if self.stage and self.stages:
            raise PolicyError("stage", f"at the stage {self.stage!r} there are no further stages")
        _refuse_twice("stages", [stage.name for stage in self.stages])
        for i, part in enumerate(parts_of_the_budget(self.stages)):
            self._at(i, part)

    def at_stage(self, name: str) -> Self:
        """The policy as it is at one of its stages, with that stage's part of the error budget.

        The chance of a false rollback, and that of a false alarm on the traffic split, are those
        of the whole ladder: each stage has its part of them.

        Raises
        ------
        InputError
            If there is no such stage, or the policy is at one already.
        """
        if self.stage:
            msg = f"the policy {self.name!r} is at its stage {self.stage!r} already"
            raise InputError(msg)
        names = [stage.name for stage in self.stages]
        if name not in names:
            have = f"it has {', '.join(names)}" if names else "it has no stages"
            msg = f"the policy {self.name!r} has no stage {name!r}; {have}"
            raise InputError(msg)
        i = names.index(name)
        return self._at(i, parts_of_the_budget(self.stages)[i])

    def _at(self, i: int, part: float) -> Self:
        """The policy at its i-th stage, checked; faults are told by their place in the ladder."""
        stage, budget = self.stages[i], self.error_budget
        spends = {
            "false_rollback": budget.false_rollback * part,
            "split": budget.split * part,
            "false_promote": stage.false_promote or budget.false_promote,
        }
        changes = stage.changes() | {
            "stages": [],
            "stage": stage.name,
            "rollback": self.rollback and stage.rollback,
            "error_budget": spends,
        }
        base = self.model_dump(by_alias=True, exclude={"stages"})
        data = merged(base, changes, f"stages[{i}]")
        if not stage.compare:
            data["metrics"] = [metric | {"compare": False} for metric in data["metrics"]]
        try:
            return self.parse(data)
        except PolicyError as error:
            path = own_path(error.path, data, changes)
            raise PolicyError(f"stages[{i}].{path}", error.message) from error

    @property
    def undivided(self) -> bool:
        """Whether no traffic is divided: duplicates only, or everything to the canary."""
        return self.share in {0.0, 1.0}

    @property
    def live_suppressions(self) -> tuple[Suppression, ...]:
        """Those that look away from what may decide, on no dry run and not only reported."""
        live = {m.name for m in self.metrics if not m.dry_run}
        acting = {t.name for t in self.triggers if t.action != "report" and t.metric in live}
        return only_about(self.suppressions, acting, live)

    @property
    def designed_share(self) -> float | None:
        """The canary's share where the traffic is divided; None in shadow, at 1 and unsaid."""
        return self.share if self.share is not None and 0 < self.share < 1 else None

    def baked(self, seconds: float) -> float:
        """The part of the bake window that has passed with a tick so long after its beginning."""
        return 0.0 if self.bake is None else (seconds + self.interval) / self.bake.duration

    @classmethod
    def parse(cls, data: object) -> Self:
        """Build a policy from plain data.

        Raises
        ------
        PolicyError
            If the data is not a policy; the message begins with the path of the first fault.
        """
        if not isinstance(data, dict):
            raise PolicyError("", f"a policy is a table of keys, not {type(data).__name__}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise_first(error)

    def metric(self, name: str) -> Metric:
        """The metric of that name."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        msg = f"the policy {self.name!r} has no metric {name!r}; it has {self._names()}"
        raise InputError(msg)

    def without(self, *names: str) -> Self:
        """The same policy without these metrics, and without the triggers that read them."""
        for name in names:
            self.metric(name)
        metrics = tuple(m for m in self.metrics if m.name not in names)
        triggers = tuple(t for t in self.triggers if t.metric not in names)
        return self.replace(
            metrics=metrics,
            triggers=triggers,
            suppressions=only_about(
                self.suppressions, {t.name for t in triggers}, {m.name for m in metrics}
            ),
            stages=tuple(_without(stage, names, self.triggers) for stage in self.stages),
        )

    def with_metric(self, name: str, **changes: Any) -> Self:
        """The same policy with fields of one metric changed."""
        self.metric(name)
        return self.replace(
            metrics=tuple(_changed(m, changes) if m.name == name else m for m in self.metrics)
        )

    def with_trigger(self, name: str, **changes: Any) -> Self:
        """The same policy with fields of one trigger changed (``for_`` for its duration)."""
        if name not in {trigger.name for trigger in self.triggers}:
            have = ", ".join(trigger.name for trigger in self.triggers)
            msg = f"the policy {self.name!r} has no trigger {name!r}; it has {have}"
            raise InputError(msg)
        changes = {("for" if key == "for_" else key): value for key, value in changes.items()}
        return self.replace(
            triggers=tuple(_changed(t, changes) if t.name == name else t for t in self.triggers)
        )

    def replace(self, **changes: Any) -> Self:
        """The same policy with top-level fields changed, checked anew."""
        data = self.model_dump(by_alias=True) | changes
        return self.parse({k: _plain(v) for k, v in data.items()})

    @property
    def digest(self) -> str:
        """A fingerprint of everything the policy says, 16 hexadecimal digits."""
        text = self.model_dump_json(by_alias=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _names(self) -> str:
        return ", ".join(metric.name for metric in self.metrics)

    def __repr__(self) -> str:
        at = f" at its stage {self.stage!r}" if self.stage else ""
        steps = f"{len(self.stages)} stages, " if self.stages else ""
        return (
            f"Policy {self.name!r}{at}: {len(self.metrics)} metrics ({self._names()}), "
            f"{len(self.triggers)} triggers, {steps}a tick every {format_duration(self.interval)}."
        )

    __str__ = __repr__


def _changed(section: Section, changes: dict[str, Any]) -> dict[str, Any]:
    return section.model_dump(by_alias=True) | {k: _plain(v) for k, v in changes.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _without(stage: Stage, names: tuple[str, ...], triggers: tuple[Trigger, ...]) -> Stage:
    """The stage without what it says of metrics that are left out, and of their triggers."""
    gone = {trigger.name for trigger in triggers if trigger.metric in names}
    kept = [t for t in stage.triggers if t["name"] not in gone and t.get("metric") not in names]
    metrics = tuple(m for m in stage.metrics if m["name"] not in names)
    return stage.model_copy(update={"metrics": metrics, "triggers": tuple(kept)})


def _refuse_twice(path: str, names: list[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise PolicyError(f"{path}[{i}].name", f"{name!r} is there twice")
