"""docs/decision-table.md says what the judge says, and the judge says what is right."""

from __future__ import annotations

import pytest
from benchmarks.decisions.table import CASES, PAGE, TABLES, page, situations

import canarystats as cs
from canarystats.rules import RULES

JUDGED = [
    (name, situation) for name in TABLES for situation in situations(name) if not situation.why
]


@pytest.mark.parametrize(
    ("name", "situation"), JUDGED, ids=lambda value: getattr(value, "seen", value)
)
def test_the_decision_is_the_one_that_is_right(name, situation):
    verdict = situation.verdict
    assert verdict.decision == situation.expected, verdict.reasons
    assert cs.Verdict.from_json(verdict.to_json()) == verdict


def test_the_page_says_what_the_judge_says():
    text = PAGE.read_text("utf-8")
    assert page(text) == text, "run python -m benchmarks.decisions.table"


@pytest.mark.parametrize("name", RULES)
def test_every_trigger_is_shown_in_every_case(name):
    assert {situation.case for situation in situations(name)} == set(CASES)


def test_a_fault_of_the_monitoring_alone_is_neither_rollback_nor_promotion():
    faults = [s for _, s in JUDGED if s.case in {"no data", "NaN", "monitoring fault"}]
    for situation in faults:
        verdict = situation.verdict
        if verdict.decision is cs.Decision.ROLLBACK:
            assert verdict.readings
            assert "no_data" not in {firing.trigger for firing in verdict.firings}
        accepted = situation.policy.partial_data == "accept"
        assert verdict.decision is not cs.Decision.PROMOTE or accepted
    assert len(faults) > 25
