"""What changed between two verdicts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import rollouts
from tests.report import verdicts

import canarystats as cs
from canarystats.report.difference import HEADS

ALL = [verdicts.hold(), verdicts.hold(30), verdicts.rollback(), verdicts.promote()]


def matters(changed):
    return [change.matter for change in changed.changes]


@pytest.mark.parametrize("verdict", ALL, ids=lambda v: v.decision_id)
def test_between_equal_verdicts_nothing_changed(verdict):
    changed = cs.diff(verdict, cs.Verdict.from_json(verdict.to_json()))

    assert changed.same
    assert str(changed).startswith("nothing changed: ")
    assert "\n" not in changed.markdown()


@given(st.sampled_from(ALL), st.sampled_from(ALL))
def test_the_other_order_exchanges_before_and_after(one, other):
    there, back = cs.diff(one, other).changes, cs.diff(other, one).changes
    assert [(c.matter, c.about, c.after, c.before) for c in back] == [tuple(c) for c in there]


def test_a_rollback_after_a_hold_says_what_came_and_what_went():
    changed = cs.diff(verdicts.hold(), verdicts.rollback())
    told = str(changed)

    assert told.startswith("HOLD → ROLLBACK, 2024-01-05 07:49:00Z → 2024-01-05 07:52:30Z\n")
    assert matters(changed)[:2] == ["decision", "firing"]
    assert "firing error_rate on requests (rollback): new: decisive at 07:52:30Z" in told
    assert "reason: gone: Too early: 3m of 10m have passed" in told
    assert "condition error_rate on requests: OK at 0.12 % → FIRED at 31.2 %" in told
    assert "×1.08 (at least 0.4), e 0.301, needs 625 → yes, ×283 (at least 180)" in told


def test_a_reason_of_which_only_the_figures_changed_is_one_reason():
    before, after = (
        verdicts.hold().model_copy(update={"reason": text, "reasons": (text,)})
        for text in ("3m of the minimum 10m have passed.", "4m30s of the minimum 10m have passed.")
    )
    (change,) = cs.diff(before, after).changes
    assert (change.before, change.after) == (before.reason, after.reason)


def test_a_metric_that_is_new_or_missing_is_told_once_as_such():
    whole = verdicts.hold()
    less = whole.model_copy(
        update={
            "readings": tuple(r for r in whole.readings if r.metric != "memory_bytes"),
            "evidence": tuple(e for e in whole.evidence if e.metric != "memory_bytes"),
        }
    )
    assert "metric memory_bytes: gone: watched" in str(cs.diff(whole, less))
    assert "metric memory_bytes: new: watched" in str(cs.diff(less, whole))


@pytest.mark.parametrize(
    ("field", "value", "matter"),
    [
        ("policy_digest", "0" * 16, "policy"),
        ("library_version", "9.9.9", "library version"),
        ("share", 0.25, "share"),
        ("rollout", "another", "rollout"),
        ("approval", "automatic", "approval"),
        ("input_digest", "0" * 16, "data"),
        ("decision_id", "0" * 16, "decision id"),
        ("score", 12.0, "score"),
        ("grade", "fail", "grade"),
    ],
)
def test_whatever_else_changed_is_told(field, value, matter):
    before = verdicts.hold().model_copy(update={"approval": "required"})
    assert matter in matters(cs.diff(before, before.model_copy(update={field: value})))


def test_two_looks_of_one_monitor_differ_in_what_was_seen_between_them():
    policy = rollouts.eight_triggers("requests")
    pair = rollouts.requests(np.random.default_rng(5), 80, share=0.25)
    monitor = cs.Monitor(policy, share=0.25)
    first, second = (monitor.observe([pair.rows(*span)]) for span in ((0, 40), (40, 80)))
    changed = cs.diff(first, second)

    assert {"evidence", "look"} <= set(matters(changed))
    assert not {"policy", "library version", "share", "metric", "data"} & set(matters(changed))


def test_the_forms_hold_the_same_changes():
    changed = cs.diff(verdicts.hold(), verdicts.rollback())
    table = changed.table()

    assert list(table.columns) == list(HEADS)
    assert [tuple(row) for row in table.itertuples(index=False)] == list(changed.changes)
    assert changed.markdown().count("\n| ") == len(changed.changes) + 2
    assert changed._repr_html_().count("<tr>") == len(changed.changes) + 1
    assert len(json.loads(changed.to_json())["changes"]) == len(changed.changes)


def test_what_is_no_verdict_is_refused():
    with pytest.raises(cs.InputError, match="after is str; it must be a Verdict"):
        cs.diff(verdicts.hold(), "hold")
