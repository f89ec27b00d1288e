"""What is said of a metric outside its fold: its own test, its absence, a single look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.evidence import Evidence, Question, Status
from canarystats.folds.rule import interval_of
from canarystats.folds.setting import Proof
from canarystats.triggers import figures
from canarystats.verdict import Firing, Way
from canarystats.windows import Kind

if TYPE_CHECKING:
    from canarystats.folds.together import Together
    from canarystats.policy import Metric
    from canarystats.sequential.onset import Began


def harm_firing(
    metric: Metric,
    evidence: list[Evidence],
    at: float | None,
    onset: float | None,
    dated: Began | None = None,
    beside: Together | None = None,
) -> Firing:
    """The metric's own test having rejected, with the figures of what it found."""
    found = [e for e in evidence if e.question is Question.WORSE and e.observed is not None]
    told, observed, reference = "", None, None
    if found:
        observed, reference = found[0].observed, found[0].reference
    if observed is not None and reference is not None:
        unit = "ratio" if Kind.COUNTS in metric.kinds else metric.unit
        told = f" ({figures.quantity(observed, unit)} against {figures.quantity(reference, unit)})"
    shared, said = (False, "") if beside is None else beside
    return Firing(
        trigger="harm",
        metric=metric.name,
        way=Way.DECISIVE,
        action="report" if metric.dry_run else "hold" if shared else "rollback",
        at=at,
        onset=onset if dated is None else dated.at,
        onset_interval=interval_of(dated),
        observed=observed,
        reference=reference,
        reason=f"{metric.name} is shown to be worse than the baseline beyond its margin{told}"
        + said,
    )


def no_data_firing(metric: Metric, trouble: str, at: float) -> Firing:
    """The silence of a metric, under a policy that rolls back on it."""
    return Firing(
        trigger="no_data",
        metric=metric.name,
        way=Way.LITERAL,
        action="rollback",
        at=at,
        reason=f"{metric.name}: {trouble}, and the policy rolls back on that",
    )


def absent(metric: Metric) -> Evidence:
    """The evidence of a metric that has never been seen."""
    return Evidence(
        metric=metric.name, method="presence", question=Question.LEVEL, status=Status.NO_DATA
    )


def proofs_at_one_look(metric: Metric, found: list[Evidence]) -> list[Proof]:
    """What one look has shown of a metric."""
    fine = [e for e in found if e.question is Question.NOT_WORSE]
    detail = ", ".join(f"p {e.p_value:.3g}" for e in fine if e.p_value is not None)
    return [Proof(f"{metric.name} not worse", all(e.decides for e in fine), detail or "no data")]
