"""Who may spend how much of the error budget: weighted e-Bonferroni over everything that acts.

Each claim that could roll back a healthy canary gets a share w of the budget alpha and acts when
its e-value reaches 1 / (w alpha), at any look. The shares sum to one, so the chance that any of
them ever acts on a healthy rollout is at most alpha, whatever the dependence between metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from canarystats.policy import Policy


class Claim(NamedTuple):
    """One test that may act: which metric, and on whose behalf."""

    metric: str
    name: str


TESTS_OF_TRIGGER = {
    "error_rate": ("error_rate.worse", "error_rate.beyond"),
    "latency_p99": ("latency_p99.worse", "latency_p99.beyond"),
    "success_rate": ("success_rate.below",),
    "throughput": ("throughput.worse", "throughput.beyond"),
}


def claims(policy: Policy) -> list[Claim]:
    """Every test of a policy that may act."""
    found = []
    for trigger in policy.triggers:
        if trigger.evidence == "none":
            continue
        found += [Claim(trigger.metric, name) for name in TESTS_OF_TRIGGER.get(trigger.name, ())]
        if trigger.absolute is not None:
            found.append(Claim(trigger.metric, "error_rate.absolute"))
    found += [Claim(m.name, "harm") for m in policy.metrics if m.critical and m.compare]
    return found


def levels(policy: Policy) -> dict[Claim, float]:
    """The level of every claim; critical metrics share their part, the others the rest.

    What is on a dry run spends nothing of the others': it is told at the levels it would have.
    """
    dry = {metric.name for metric in policy.metrics if metric.dry_run}
    every = claims(policy)
    live = _levels(policy, [claim for claim in every if claim.metric not in dry])
    return _levels(policy, every) | live if dry else live


def _levels(policy: Policy, every: list[Claim]) -> dict[Claim, float]:
    critical_names = {metric.name for metric in policy.metrics if metric.critical}
    critical = [claim for claim in every if claim.metric in critical_names]
    others = [claim for claim in every if claim.metric not in critical_names]
    budget = policy.error_budget
    part = budget.critical_share if critical and others else 1.0
    shares = dict.fromkeys(critical, part / max(len(critical), 1))
    rest = 1.0 - part if critical else 1.0
    shares |= dict.fromkeys(others, rest / max(len(others), 1))
    return {claim: budget.false_rollback * share for claim, share in shares.items()}
