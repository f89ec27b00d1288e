"""Who may spend how much of the error budget."""

from __future__ import annotations

import pytest

from canarystats.policy import Policy
from canarystats.sequential.budget import Claim, claims, levels
from tests.rollouts import eight_triggers


def test_the_shares_sum_to_the_budget():
    for policy in (
        eight_triggers(),
        eight_triggers("requests"),
        eight_triggers("requests", "latency_seconds").with_metric("requests", critical=True),
        eight_triggers("latency_seconds").with_metric("latency_seconds", critical=True),
    ):
        spent = levels(policy)
        assert set(spent) == set(claims(policy))
        assert sum(spent.values()) == pytest.approx(policy.error_budget.false_rollback)


def test_what_asks_for_no_evidence_spends_nothing():
    assert levels(eight_triggers("memory_bytes", "breaker_trips")) == {}
    literal = eight_triggers("requests").with_trigger("error_rate", evidence="none")
    assert not [claim for claim in claims(literal) if claim.name.startswith("error_rate")]


def test_every_statistical_rule_has_its_claims():
    names = [claim.name for claim in claims(eight_triggers())]
    assert sorted(names) == [
        "error_rate.absolute",
        "error_rate.beyond",
        "error_rate.worse",
        "latency_p99.beyond",
        "latency_p99.worse",
        "success_rate.below",
        "throughput.beyond",
        "throughput.worse",
    ]


def test_critical_metrics_share_their_part_and_the_others_the_rest():
    policy = eight_triggers("requests", "latency_seconds").with_metric(
        "latency_seconds", critical=True
    )
    spent = levels(policy)
    critical = sum(level for claim, level in spent.items() if claim.metric == "latency_seconds")
    assert critical == pytest.approx(0.8 * 0.01)
    assert Claim("latency_seconds", "harm") in spent


def test_a_metric_that_is_not_compared_cannot_harm():
    policy = Policy.parse(
        {"metrics": [{"name": "a", "kind": "gauge", "critical": True, "compare": False}]}
    )
    assert levels(policy) == {}


def test_a_smaller_budget_lowers_every_level_alike():
    policy = eight_triggers()
    tighter = policy.replace(error_budget={"false_rollback": 0.001})
    for claim, level in levels(policy).items():
        assert levels(tighter)[claim] == pytest.approx(level / 10)


def test_what_is_on_a_dry_run_spends_nothing_of_the_others():
    policy = eight_triggers("requests", "latency_seconds").with_metric("requests", dry_run=True)
    alone = levels(eight_triggers("latency_seconds"))
    assert {claim: levels(policy)[claim] for claim in alone} == alone


def test_what_is_only_reported_spends_nothing_of_the_others():
    policy = eight_triggers("requests", "latency_seconds").with_trigger(
        "error_rate", action="report"
    )
    names = [t.model_dump(by_alias=True) for t in policy.triggers if t.name != "error_rate"]
    alone = levels(policy.replace(triggers=names))
    assert {claim: levels(policy)[claim] for claim in alone} == alone
    assert set(levels(policy)) > set(alone)
