"""Why a verdict is what it is, in words."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import rollouts
from tests.report import verdicts

import canarystats as cs
from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.report.explanation import HEADS, pointed_at
from canarystats.verdict import Condition, Reading

VERDICTS = [verdicts.hold(), verdicts.hold(30), verdicts.rollback(), verdicts.promote()]
DECISIONS = ["hold", "hold-30", "rollback", "promote"]


def judged(*, error_rate=0.01, ratio=1.0, n=240, **more):
    pair = rollouts.requests(
        np.random.default_rng(3), n, error_rate=error_rate, ratio=ratio, share=0.25
    )
    return cs.judge([pair], rollouts.eight_triggers("requests"), share=0.25, **more)


def lines_of(verdict, matter):
    return [line for line in verdict.explain().standings if line.matter == matter]


def test_the_first_five_lines_say_what_a_person_needs_at_night():
    first = str(judged(ratio=8.0).explain()).splitlines()[:5]

    assert first[0].startswith("ROLLBACK  score 0  20")
    assert first[1].startswith("why: Error rate 10.1% against 1.03%")
    assert first[2].startswith("about: requests (")
    assert "error_rate, decisive, fired 22:" in first[2]
    assert "needs" in first[3]
    assert first[3].endswith("by e-BH the evidence now points at requests")
    assert first[4] == "what would change it: nothing: a rollback stays until a new rollout begins"


def test_a_hold_says_what_it_waits_for_and_how_long_that_may_take():
    verdict = judged(n=30)
    first = str(verdict.explain()).splitlines()[:5]

    assert verdict.decision == "hold"
    assert "requests (not worse: not shown)" in first[2]
    assert "shown once e reaches 20 (now" in first[4]
    assert "at the pace so far in about" in first[4]


def test_a_promotion_says_what_was_shown_and_how_sure_the_weakest_of_it_is():
    first = str(judged().explain()).splitlines()[:5]

    assert first[0].startswith("PROMOTE")
    assert "requests not worse" in first[2]
    assert "needs 20" in first[3]
    assert first[4] == "what would change it: any rule that fires before it is promoted"


def test_a_promotion_that_waits_for_a_person_says_so():
    assert "waits for a person" in verdicts.promote(approval="required").explain().headline[4]


@pytest.mark.parametrize("verdict", VERDICTS, ids=DECISIONS)
def test_a_verdict_read_back_explains_the_same(verdict):
    back = cs.Verdict.from_json(verdict.to_json())

    assert str(back.explain()) == str(verdict.explain())
    assert back.explain().markdown() == verdict.explain().markdown()
    assert back.explain().to_json() == verdict.explain().to_json()


@pytest.mark.parametrize("verdict", VERDICTS, ids=DECISIONS)
def test_every_rule_and_every_metric_has_its_line(verdict):
    lines = verdict.explain().standings

    assert {(r.metric, r.trigger) for r in verdict.readings} <= {
        (x.metric, x.matter) for x in lines
    }
    assert {e.metric for e in verdict.evidence} <= {line.metric for line in lines}


def test_the_order_of_metrics_plays_no_part():
    verdict = verdicts.rollback()
    turned = verdict.model_copy(
        update={"evidence": verdict.evidence[::-1], "readings": verdict.readings[::-1]}
    )
    assert str(turned.explain()) == str(verdict.explain())


def test_what_was_seen_expected_and_held_stands_in_a_line():
    (line,) = lines_of(verdicts.rollback(), "latency_p99")

    assert (line.seen, line.expected, line.held) == ("512 ms", "204 ms, at most ×2", "2m of 5m")
    assert line.change == "fires if it holds for another 3m; clears when > ×2 no longer holds"


def test_a_pending_rule_whose_evidence_is_missing_says_what_it_takes():
    gate = Evidence(
        metric="latency_seconds",
        method="sequential.histogram",
        question=Question.WORSE,
        claim="latency_p99.worse",
        log_e_value=np.log(50.0),
        level=0.005,
        effect=2.1,
        interval=Interval(low=1.2, high=None, level=0.95),
    )
    full = verdicts.readings()[1].model_copy(update={"held_seconds": 300.0})
    verdict = verdicts.hold().model_copy(update={"readings": (full,), "evidence": (gate,)})
    (line,) = lines_of(verdict, "latency_p99")

    assert line.sure == "×2.1 (at least 1.2, 95 %); e 50, needs 200"
    assert line.change.startswith("fires if e reaches 200 (now 50); clears when")


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.OK])
def test_a_silent_method_says_what_it_lacks(status):
    item = Evidence(metric="queue", method="m", question=Question.WORSE, status=status)
    verdict = verdicts.hold().model_copy(update={"evidence": (item,), "readings": ()})
    (line,) = verdict.explain().standings

    assert line.change
    assert line.now == line.sure


def test_both_directions_must_be_shown_so_the_weaker_is_told():
    up, down = (
        Evidence(
            metric="queue",
            method="m",
            question=Question.NOT_WORSE,
            claim=f"not_worse.{way}",
            log_e_value=log_e,
            level=0.05,
        )
        for way, log_e in (("up", 9.0), ("down", 1.0))
    )
    verdict = verdicts.hold().model_copy(update={"evidence": (up, down), "readings": ()})
    (line,) = verdict.explain().standings
    assert line.now == "not shown"


def test_an_unread_rule_asks_for_data():
    (line,) = lines_of(verdicts.hold(), "byzantine")
    assert line.change == "data on the canary, and on the baseline where it is compared"


def test_the_table_and_the_other_forms_hold_the_same_rows():
    explained = verdicts.rollback().explain()
    table = explained.table()

    assert list(table.columns) == list(HEADS)
    assert [tuple(row) for row in table.itertuples(index=False)] == explained.rows
    assert explained.markdown().count("\n| ") == len(explained.rows) + 2
    assert explained._repr_html_().count("<tr>") == len(explained.rows) + 1
    assert len(json.loads(explained.to_json())["rows"]) == len(explained.rows)


def test_text_from_outside_steers_neither_terminal_nor_markup():
    reading = Reading(
        trigger="a|b", metric="<i>x</i>", condition=Condition.NOT_EVALUABLE, detail="\x1b[31m*"
    )
    verdict = verdicts.hold().model_copy(update={"readings": (reading,), "evidence": ()})
    explained = verdict.explain()

    assert "\x1b" not in str(explained) + explained.markdown()
    assert "a\\|b" in explained.markdown()
    assert "<i>" not in explained._repr_html_()


def harm(metric, log_e, **more):
    asked = {"question": Question.WORSE, "log_e_value": log_e} | more
    return Evidence(metric=metric, method="m", level=0.01, **asked)


def test_the_evidence_points_by_the_e_bh_rule():
    # Of m = 4 with level 0.05: one alone needs 80; three together need 27 each.
    quiet = harm("d", 0.0)
    alone = [harm(name, np.log(79.0)) for name in "a"] + [harm("b", 0.0), harm("c", 0.0), quiet]
    three = [harm(name, np.log(27.0)) for name in "abc"] + [quiet]

    assert pointed_at(alone, 0.05) == ()
    assert pointed_at([harm("a", np.log(81.0)), *alone[1:]], 0.05) == ("a",)
    assert pointed_at(three, 0.05) == ("a", "b", "c")


def test_a_metric_is_worth_the_mean_over_what_is_asked_of_it():
    asked = [harm("a", np.log(41.0)), harm("a", np.log(1e-9))]
    assert pointed_at(asked, 0.05) == ("a",)
    assert pointed_at([harm("a", np.log(39.0)), asked[1]], 0.05) == ()


def test_silent_metrics_count_among_those_asked():
    silent = [harm(name, -1e-16, status=Status.NO_EVENTS) for name in "bcd"]
    assert pointed_at([harm("a", np.log(21.0))], 0.05) == ("a",)
    assert pointed_at([harm("a", np.log(21.0)), *silent], 0.05) == ()


def test_a_p_value_is_calibrated_before_it_counts():
    # (1 - p + p ln p) / (p ln² p) is 6.9 at p = 0.005 and 20.8 at p = 0.001; 20 are needed.
    asked = {"log_e_value": None, "p_value": 0.005}
    assert pointed_at([harm("a", None, **asked)], 0.05) == ()
    assert pointed_at([harm("a", None, **(asked | {"p_value": 0.001}))], 0.05) == ("a",)
    assert pointed_at([harm("a", None, **(asked | {"p_value": 0.0}))], 0.05) == ("a",)


@given(st.lists(st.floats(-20, 60), min_size=1, max_size=8), st.floats(0.01, 0.5))
def test_more_evidence_never_takes_a_metric_off_the_list(log_e, level):
    items = [harm(f"m{i}", value) for i, value in enumerate(log_e)]
    more = [harm("m0", log_e[0] + 3.0), *items[1:]]
    assert set(pointed_at(items, level)) <= set(pointed_at(more, level))


def test_of_the_healthy_metrics_at_most_the_level_is_named():
    """20 metrics, 5 of them worse: the mean share of healthy ones named, over 400 rollouts."""
    rng = np.random.default_rng(8)
    shares = []
    for _ in range(400):
        values = rng.normal(np.where(np.arange(20) < 5, 2.5, 0.0), 1.0)
        log_e = 2.5 * values - 2.5**2 / 2  # the likelihood ratio of N(2.5, 1) against N(0, 1)
        named = pointed_at([harm(f"m{i}", float(v)) for i, v in enumerate(log_e)], 0.2)
        healthy = sum(int(name[1:]) >= 5 for name in named)
        shares.append(healthy / max(len(named), 1))
    assert np.mean(shares) <= 0.2


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(cs.InputError, match="level is"):
        verdicts.hold().explain(level=level)
