"""Evidence and verdicts as records: JSON, schema, sentences and tables."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import canarystats as cs
from canarystats.evidence import LARGEST_E_VALUE
from tests.rollouts import eight_triggers, events, requests, steady_requests, whole

ONE_SENTENCE = re.compile(r"[^\n]+\.")


def verdicts():
    """One of every decision, and the odd ones."""
    policy = eight_triggers()
    rng = np.random.default_rng(0)
    samples = cs.Pair.samples("latency_seconds", canary=rng.random(50), baseline=rng.random(50))
    return {
        "promote": cs.judge([steady_requests(60)], eight_triggers("requests"), share=0.05),
        "hold": cs.judge(whole(0, 5), policy, share=0.05),
        "rollback": cs.judge(whole(1, 30, ratio=30.0, factor=6.0), policy, share=0.05),
        "nothing": cs.judge([], policy),
        "samples": cs.judge([samples], policy),
        "no_share": cs.judge(whole(2, 8, missing=0.3), policy),
        "outage": cs.judge(
            [steady_requests(9, errors=5000, baseline_errors=0)],
            eight_triggers("requests"),
            share=0.05,
            rollout="<b>release & 7</b>",
        ),
        "events": cs.judge(
            [events("byzantine_events", 3, {2: 4})], eight_triggers("byzantine_events")
        ),
    }


VERDICTS = verdicts()
every_verdict = pytest.mark.parametrize("verdict", VERDICTS.values(), ids=VERDICTS.keys())


def refuse(constant):
    pytest.fail(f"JSON holds {constant}")


@every_verdict
def test_a_verdict_survives_json(verdict):
    for text in (verdict.to_json(), verdict.to_json(indent=2)):
        assert cs.Verdict.from_json(text) == verdict
        assert cs.Verdict.from_json(text.encode()) == verdict
    assert cs.Verdict.from_json(verdict.to_json()).to_json() == verdict.to_json()


@every_verdict
def test_json_holds_no_nan_and_no_infinity(verdict):
    json.loads(verdict.to_json(), parse_constant=refuse)
    for record in (verdict, *verdict.evidence, *verdict.readings, *verdict.firings):
        for name, value in record:
            assert not isinstance(value, float) or math.isfinite(value), name


@every_verdict
def test_json_is_what_the_schema_says(verdict):
    schema = cs.Verdict.json_schema()
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(verdict.to_json()))


def test_the_schema_refuses_what_is_no_verdict():
    validator = Draft202012Validator(cs.Verdict.json_schema())
    good = json.loads(VERDICTS["promote"].to_json())
    assert not validator.is_valid(good | {"decision": "maybe"})
    assert not validator.is_valid(good | {"score": "high"})
    assert not validator.is_valid({k: v for k, v in good.items() if k != "decision_id"})


@every_verdict
def test_every_repr_is_one_plain_sentence(verdict):
    records = (verdict, *verdict.evidence, *verdict.firings)
    for record in records:
        assert ONE_SENTENCE.fullmatch(repr(record)), repr(record)
        assert str(record) == repr(record)
        assert not re.search(r"\bnan\b|\bNone\b|\binf\b", repr(record)), repr(record)


@every_verdict
def test_reasons_are_sentences_the_weightiest_first(verdict):
    assert verdict.reason == verdict.reasons[0]
    names = {e.metric for e in verdict.evidence} | {r.metric for r in verdict.readings}
    names |= {r.trigger for r in verdict.readings}
    for reason in verdict.reasons:
        assert ONE_SENTENCE.fullmatch(reason)
        named = any(reason.startswith(name) for name in names)  # names keep their small letters
        assert named or reason[0] == reason[0].upper()


@every_verdict
def test_a_verdict_is_shown_as_a_small_table(verdict):
    shown = verdict._repr_html_()
    assert shown.count("<table>") == shown.count("</table>") == 1
    assert shown.count("<tr>") == len(verdict.readings) + 1
    assert verdict.decision.upper() in shown


def test_what_callers_write_is_escaped():
    evil = "<script>alert('&')</script>"
    verdict = VERDICTS["promote"].model_copy(update={"reason": evil})
    assert "<script>" not in verdict._repr_html_()
    reading = verdict.readings[0].model_copy(update={"detail": evil, "trigger": evil})
    assert "<script>" not in verdict.model_copy(update={"readings": (reading,)})._repr_html_()
    evidence = cs.Evidence(
        metric=evil, method=evil, question=cs.Question.WORSE, detail=evil, seen=(evil,)
    )
    assert "<script>" not in evidence._repr_html_()
    assert "<table>" in evidence._repr_html_()


@pytest.mark.parametrize("text", ["", "no", "{}", "[]", "null", '{"decision": "promote"}'])
def test_what_is_no_verdict_is_refused(text):
    with pytest.raises(cs.InputError):
        cs.Verdict.from_json(text)


def test_a_verdict_of_another_schema_is_refused():
    data = json.loads(VERDICTS["hold"].to_json()) | {"schema_version": "canarystats/verdict/99"}
    with pytest.raises(cs.InputError, match="schema_version is 'canarystats/verdict/99'"):
        cs.Verdict.from_json(json.dumps(data))


def test_keys_of_a_later_library_are_left_aside():
    data = json.loads(VERDICTS["hold"].to_json()) | {"mood": "calm"}
    assert cs.Verdict.from_json(json.dumps(data)) == VERDICTS["hold"]


def test_records_cannot_be_changed():
    verdict = VERDICTS["promote"]
    for record in (verdict, verdict.evidence[0], verdict.readings[0]):
        with pytest.raises(ValueError, match="frozen"):
            record.metric = record.decision = "x"


def evidence(**changes):
    return cs.Evidence(
        **({"metric": "requests", "method": "m", "question": cs.Question.WORSE} | changes)
    )


@given(log_e=st.floats(-1e6, 1e6), level=st.floats(1e-6, 0.5))
def test_an_e_value_decides_at_the_inverse_of_its_level(log_e, level):
    found = evidence(log_e_value=log_e, level=level)
    assert found.decides == (log_e >= -math.log(level))
    assert 0 <= found.e_value <= LARGEST_E_VALUE * (1 + 1e-9)
    assert math.isfinite(found.e_value)


@pytest.mark.parametrize(("p", "decides"), [(0.049, True), (0.05, True), (0.051, False)])
def test_a_p_value_decides_at_its_level(p, decides):
    assert evidence(p_value=p, level=0.05).decides is decides


@pytest.mark.parametrize("status", [s for s in cs.Status if s is not cs.Status.OK])
def test_evidence_that_could_not_speak_never_decides(status):
    found = evidence(p_value=0.0, log_e_value=500.0, level=0.05, status=status)
    assert not found.decides
    assert status.replace("_", " ") in repr(found)


def test_without_a_level_nothing_is_decided():
    assert not evidence(p_value=0.0).decides
    assert not evidence(log_e_value=500.0).decides
    assert evidence(p_value=0.0).e_value is None


def test_an_open_interval_is_written_with_infinity_signs():
    assert str(cs.Interval(low=None, high=2.0, level=0.95)) == "[−∞, 2]"
    assert str(cs.Interval(low=1.0, high=None, level=0.95)) == "[1, ∞]"


def test_decisions_and_ways_are_words():
    assert [str(d) for d in cs.Decision] == ["promote", "hold", "rollback"]


def test_evidence_says_what_was_missing_in_the_data():
    pair = requests(np.random.default_rng(0), 40, missing=0.3)
    verdict = cs.judge([pair], eight_triggers("requests"), share=0.05)
    gone = int(np.isnan(pair.canary[:, 0]).sum())
    for found in verdict.evidence:
        assert f"canary: {gone} of 40 ticks missing" in found.seen
