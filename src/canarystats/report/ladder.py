"""The stages of a policy as rows of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from canarystats.report import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarystats.policy import Policy, Stage


class StageWords(NamedTuple):
    """One stage in words.

    Parameters
    ----------
    stage
        Its name.
    share
        The canary's part of the traffic.
    least
        The shortest it may be, and the fewest samples.
    promotion
        Who promotes out of it.
    budget
        The chance that it rolls a healthy canary back.
    differs
        What it says otherwise than the policy.
    """

    stage: str
    share: str
    least: str
    promotion: str
    budget: str
    differs: str


def stage_words(policy: Policy) -> list[StageWords]:
    """Every stage with what holds there, in order."""
    return [_words(policy.at_stage(stage.name), stage) for stage in policy.stages]


def _words(here: Policy, stage: Stage) -> StageWords:
    samples = words.number(here.min_samples)
    spends = words.percent(here.error_budget.false_rollback)
    return StageWords(
        stage.name,
        words.percent(stage.share) if stage.share else "shadow",
        f"{words.duration(here.min_duration)}, {samples}",
        "automatic" if here.approval == "automatic" else "a person",
        spends if here.rollback else "no rights",
        "; ".join(_differences(stage)) or words.NOTHING,
    )


def _differences(stage: Stage) -> Iterator[str]:
    if not stage.compare:
        yield "nothing is compared"
    for item in (*stage.metrics, *stage.triggers):
        yield from (_change(item["name"], *pair) for pair in item.items() if pair[0] != "name")
    if stage.margin is not None:
        yield f"margin {words.percent(stage.margin)}"
    if stage.false_promote is not None:
        yield f"false promotion {words.percent(stage.false_promote)}"
    yield from (f"{key} {_said(value)}" for key, value in stage.arms.items())


def _change(name: str, key: str, value: Any) -> str:
    if key == "non_inferiority" and isinstance(value, int | float):
        return f"{name} within {words.percent(value)}"
    return f"{name} {key} {_said(value)}"


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_said(inner)}" for key, inner in value.items())
    return words.plain(str(value))
