"""One step of a rollout with its own share of the traffic, and what differs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from canarystats.durations import Duration, format_duration
from canarystats.errors import PolicyError
from canarystats.section import Fraction, Section, Share

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDING = 1e-9  # parts written in decimals may add up to a little over one


class Bake(Section):
    """A bake window of a fixed length, and the looks planned in it.

    Parameters
    ----------
    duration
        From the end of the warm-up; what comes later is watched and decides nothing.
    looks
        How many, evenly over the window; the last one at its end.
    spending
        How the error is spent over them: ``power`` of the part of the window that has passed,
        ``pocock`` nearly evenly, ``obrien_fleming`` nearly all of it at the end.
    exponent
        Of ``power``: 1 spends in proportion to time, more spends later.
    """

    duration: Duration
    looks: Annotated[int, Field(ge=1, le=20)] = 6
    spending: Literal["power", "pocock", "obrien_fleming"] = "power"
    exponent: Annotated[float, Field(gt=0, le=10)] = 1.5


def fault_of_the_plan(looks: str, bake: Bake | None, interval: float) -> tuple[str, str] | None:
    """The path and the words of what is wrong with a plan, or None."""
    if bake is None:
        missing = "bake", "is missing; looks: planned needs a window to plan in"
        return missing if looks == "planned" else None
    if looks != "planned":
        return "bake", f"is read where looks is planned, and it is {looks}"
    if bake.duration < bake.looks * interval:
        least = format_duration(bake.looks * interval)
        return "bake.duration", f"must be at least {least}, an interval for each of the looks"
    return None


def fault_of_settling(longest: float, warm_up: float, looks: str) -> tuple[str, str] | None:
    """The path and the words of what is wrong with the time to settle, or None."""
    if longest and looks != "many":
        return "settle_within", f"needs looks: many, and looks is {looks}"
    if longest and longest <= warm_up:
        least = format_duration(warm_up)
        return "settle_within", f"must be longer than the warm_up of {least}"
    return None


class Stage(Section):
    """A step of a rollout; what is left out is as the policy has it.

    Parameters
    ----------
    name
        Such as ``canary-5``.
    description
        For readers.
    share
        The canary's designed share of the traffic that both sides serve. 0 is shadow: the canary
        gets duplicates. 1 is everything: nobody is left to compare it with.
    rollback
        Whether it may roll back; without, it is told what would.
    compare
        Whether there is a baseline to compare with. Without one no metric is compared, and of the
        rules only those that need no baseline are judged.
    min_duration, min_samples, approval, margin
        The policy's, for this stage.
    false_promote
        That of the error budget, for this stage.
    budget_share
        The part of the chance of a false rollback that this stage may spend; stages that name
        none share evenly what is left.
    arms, metrics, triggers
        What differs, key by key and by name, as in a policy that extends another.
    """

    name: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$")
    description: str = ""
    share: Share
    rollback: bool = True
    compare: bool = True
    min_duration: Duration | None = None
    min_samples: Annotated[int, Field(ge=0)] | None = None
    approval: Literal["automatic", "required"] | None = None
    margin: Annotated[float, Field(ge=0, lt=10)] | None = None
    false_promote: Fraction | None = None
    budget_share: Annotated[float, Field(gt=0, le=1)] | None = None
    arms: dict[str, Any] = Field(default_factory=dict)
    metrics: tuple[dict[str, Any], ...] = ()
    triggers: tuple[dict[str, Any], ...] = ()

    @model_validator(mode="after")
    def _only_what_may_roll_back_spends(self) -> Self:
        if self.budget_share is not None and not self.rollback:
            raise PolicyError("budget_share", "a stage that may not roll back spends nothing")
        return self

    def changes(self) -> dict[str, Any]:
        """What differs from the policy, as plain data to be laid over it."""
        named = self.model_dump(
            by_alias=True,
            include={"min_duration", "min_samples", "approval", "margin", "description"},
            exclude_none=True,
            exclude_defaults=True,
        )
        lists = {"metrics": self.metrics, "triggers": self.triggers}
        return named | lists | {"share": self.share, "arms": self.arms}


def parts_of_the_budget(stages: Sequence[Stage]) -> tuple[float, ...]:
    """The part of the chance of a false rollback that each stage has.

    The stages that may roll back share all of it, so that the promise is kept by the ladder as a
    whole: the chance that any of them rolls a healthy canary back is at most the sum of theirs
    (Boole's inequality), whatever one stage has to do with another. A stage that may not roll
    back takes nothing from them, and is told what would at an even part.

    Raises
    ------
    PolicyError
        If the parts that stages name leave nothing for the others, or are more than all.
    """
    acting = [stage for stage in stages if stage.rollback]
    open_ = sum(stage.budget_share is None for stage in acting)
    left = 1.0 - sum(stage.budget_share or 0.0 for stage in acting)
    for i, stage in enumerate(stages):
        if stage.rollback and stage.budget_share is None and left <= ROUNDING:
            raise PolicyError(
                f"stages[{i}].budget_share", "the other stages spend the whole error budget"
            )
    if left < -ROUNDING:
        raise PolicyError("stages", f"the stages' budget_share add up to {1.0 - left:g}, above 1")
    even = left / open_ if open_ else 0.0
    aside = 1.0 / max(len(acting), 1)
    return tuple(
        aside if not stage.rollback else even if stage.budget_share is None else stage.budget_share
        for stage in stages
    )
