"""What a plan says: records that show, write and draw themselves."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from canarystats.durations import format_duration
from canarystats.errors import InputError
from canarystats.evidence import Document, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from matplotlib.axes import Axes

SCHEMA = "1"
NEVER = "never"
HOUR, DAY = 3600.0, 86_400.0


class Times(Record):
    """Seconds of the stage by which something has happened with a chance; None for never."""

    p50: float | None = None
    p80: float | None = None
    p95: float | None = None


class Detection(Record):
    """How long a canary that is worse goes unnoticed.

    Parameters
    ----------
    trigger
        What would act: a trigger, or ``harm``, the metric's own test.
    effect
        How many times as bad the canary is.
    times
        Until it fires.
    way
        How it fires with a chance of 80 %: ``decisive``, ``sustained`` or ``literal``; None where
        it does not.
    """

    trigger: str
    effect: float
    times: Times
    way: str | None = None


class Outlook(Record):
    """What a stage can tell of one metric.

    Parameters
    ----------
    metric
        Its name.
    about
        What an effect multiplies: ``errors``, ``traffic``, ``latency``, ``slow requests`` or
        ``value``.
    base
        What it multiplies, in the metric's unit; None for traffic.
    detections
        By trigger and effect.
    smallest_p80, smallest_p95
        The smallest effect that is noticed within the stage with that chance; None for none.
    proof
        Until a canary as good as its baseline is shown not worse; None where nothing asks for it.
    true_by_chance
        For each trigger, the chance that its literal condition is true at one look at a canary
        as good as its baseline.
    fixed_sample
        Requests on both sides together that one look at two proportions would need to see the
        trigger's threshold: one-sided, 5 %, power 80 %. None where there is no such threshold.
    reason
        Why something cannot be told, or nothing.
    """

    metric: str
    about: str
    base: float | None = None
    detections: tuple[Detection, ...] = ()
    smallest_p80: float | None = None
    smallest_p95: float | None = None
    proof: Times | None = None
    true_by_chance: dict[str, float] = Field(default_factory=dict)
    fixed_sample: float | None = None
    reason: str = ""


class StagePlan(Record):
    """What one stage can decide.

    Parameters
    ----------
    stage
        Its name; empty for a policy without stages.
    share, duration_seconds, traffic
        What was planned with; requests a second on both sides together.
    outlooks
        What it can tell of each metric.
    promote
        Until a canary as good as its baseline is promoted, for all that is not left out.
    left_out
        What promotion asks for and no time is given for.
    can
        ``decide``: it is promoted within the stage with a chance of 80 %; ``never``: it is not;
        ``unknown``: something it takes to say was not given; ``compare nothing``: there is no
        baseline.
    traffic_needed
        Requests a second at which the stage can decide; None where no traffic helps.
    reason
        Why it cannot, in words.
    """

    stage: str
    share: float
    duration_seconds: float
    traffic: float
    outlooks: tuple[Outlook, ...] = ()
    promote: Times = Times()
    left_out: tuple[str, ...] = ()
    can: Literal["decide", "never", "unknown", "compare nothing"]
    traffic_needed: float | None = None
    reason: str = ""

    def outlook(self, metric: str, about: str | None = None) -> Outlook:
        """What it can tell of one metric.

        Raises
        ------
        InputError
            If it says nothing about that metric.
        """
        for outlook in self.outlooks:
            if outlook.metric == metric and about in {None, outlook.about}:
                return outlook
        have = ", ".join(f"{o.metric} ({o.about})" for o in self.outlooks)
        msg = f"the plan has no metric {metric!r}{f' ({about})' if about else ''}; it has {have}"
        raise InputError(msg)

    def first(self, effect: float, *, metric: str | None = None, about: str | None = None) -> Times:
        """Seconds until the first of the triggers fires at a canary so many times as bad."""
        found = [
            detection.times
            for outlook in self.outlooks
            for detection in outlook.detections
            if detection.effect == effect
            and metric in {None, outlook.metric}
            and about in {None, outlook.about}
        ]
        return Times(**{p: _least(getattr(t, p) for t in found) for p in Times.model_fields})


class Plan(Document):
    """What a rollout can decide before it begins, stage by stage.

    Parameters
    ----------
    policy, policy_digest, library_version, schema_version
        What it takes to compute it again.
    stages
        In order; one without a name where the policy has none.
    """

    called: ClassVar[str] = "plan"
    schema_version: str = SCHEMA
    policy: str
    policy_digest: str
    library_version: str
    stages: tuple[StagePlan, ...]

    @property
    def never(self) -> tuple[StagePlan, ...]:
        """The stages that compare and cannot decide in their time."""
        return tuple(stage for stage in self.stages if stage.can == "never")

    def stage(self, name: str) -> StagePlan:
        """One stage by its name.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        for stage in self.stages:
            if stage.stage == name:
                return stage
        msg = f"the plan has no stage {name!r}; it has {', '.join(s.stage for s in self.stages)}"
        raise InputError(msg)

    def to_frame(self) -> pd.DataFrame:
        """One row for each stage, metric, question and effect.

        Returns
        -------
        DataFrame
            ``stage``, ``share``, ``duration_seconds``, ``metric``, ``about``, ``question`` (a
            trigger, ``harm`` or ``not worse``), ``effect``, and ``p50_seconds``, ``p80_seconds``
            and ``p95_seconds``, infinite for never.
        """
        from canarystats.plan.show import frame

        return frame(self)

    def plot(self, *, metric: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the time to notice against the effect: a line a stage, dashed where the stage ends.

        Parameters
        ----------
        metric
            Whose effects; the first planned metric's where None.
        ax
            Where to draw; a figure of its own where None.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        InputError
            If nothing about that metric can be drawn.
        """
        from canarystats.plan.show import draw

        return draw(self, metric, ax)

    def __repr__(self) -> str:
        lines = [f"Plan for {self.policy!r}:"]
        lines += [f"  {stage_sentence(stage)}" for stage in self.stages]
        return "\n".join(lines)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        head, rows = table(self)
        cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
        )
        return f"<table><caption>{escape(self.policy)}</caption><tr>{cells}</tr>{body}</table>"


def table(plan: Plan) -> tuple[list[str], list[list[str]]]:
    """The heading and the rows of a plan, as text."""
    head = ["stage", "share", "lasts", "sees", "2x after", "promotes after", "can it decide"]
    rows = []
    for stage in plan.stages:
        sees = next((o.smallest_p80 for o in stage.outlooks if o.about == "errors"), None)
        rows.append(
            [
                stage.stage or "-",
                f"{stage.share:.3g}",
                lasting(stage.duration_seconds),
                "nothing" if sees is None else f"{sees:.2f}x",
                lasting(stage.first(2.0, about="errors").p80),
                lasting(stage.promote.p80),
                told(stage),
            ]
        )
    return head, rows


def told(stage: StagePlan) -> str:
    """In a few words, whether a stage can decide."""
    if stage.can == "decide":
        return "yes"
    if stage.can == "never" and stage.traffic_needed is not None:
        return f"never: needs {rounded(stage.traffic_needed)} req/s"
    said = "compares nothing" if stage.can == "compare nothing" else stage.can
    return f"{said}: {stage.reason}"


def stage_sentence(stage: StagePlan) -> str:
    """One line about a stage."""
    name = f"{stage.stage}: " if stage.stage else ""
    where = f"{stage.share:.3g} of {rounded(stage.traffic)} req/s for "
    return f"{name}{where}{lasting(stage.duration_seconds)}: {told(stage)}"


def lasting(seconds: float | None) -> str:
    """A time as a person says it; never where there is none."""
    if seconds is None:
        return NEVER
    if seconds >= DAY:
        return f"{seconds / DAY:.3g}d"
    whole = 60.0 if seconds >= HOUR else 1.0
    return format_duration(whole * round(seconds / whole))


def rounded(value: float) -> str:
    """A number to three figures, with commas."""
    return f"{float(f'{value:.3g}'):,.12g}"


def _least(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return min(found) if found else None
