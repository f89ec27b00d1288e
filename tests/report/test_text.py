"""What a person reads in a terminal."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report import verdicts

from canarystats.errors import InputError
from canarystats.evidence import Evidence, Interval, Question
from canarystats.policy import RULES, Policy, parse_duration
from canarystats.report import rows, text, words
from canarystats.verdict import Condition, Decision, Reading, Verdict
from canarystats.windows import Kind

POLICY = Policy.parse(
    {
        "name": "checkout",
        "description": "What the checkout service is watched for.",
        "metrics": [
            {"name": "requests", "kind": "counts", "critical": True, "margin": 0.1},
            {"name": "latency_seconds", "kind": ["histogram", "samples"], "unit": "seconds"},
            {"name": "integrity_violations", "kind": "events", "required": False},
            {"name": "memory_bytes", "kind": "gauge", "unit": "bytes", "non_inferiority": 0.2},
        ],
        "triggers": [
            {"name": "error_rate", "threshold": 1.75},
            {"name": "latency_p99", "for": "90s", "mode": "m_of_n"},
            {"name": "data_integrity"},
            {"name": "memory", "action": "hold"},
        ],
    }
)


def line_with(page: str, start: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(start))


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0123, "seconds", "12.3 ms"),
        (0.00042, "seconds", "420 µs"),
        (1.5, "seconds", "1.5 s"),
        (0.9999, "seconds", "1 s"),
        (0.0, "seconds", "0 s"),
        (5400.0, "seconds", "1h30m"),
        (1536.0, "bytes", "1.5 KiB"),
        (512 * 2.0**20, "bytes", "512 MiB"),
        (3.25 * 2.0**30, "bytes", "3.25 GiB"),
        (1023.9, "bytes", "1 KiB"),
        (0.05, "ratio", "5 %"),
        (0.00165, "ratio", "0.165 %"),
        (1.8, "times", "×1.8"),
        (283.0, "times", "×283"),
        (1234.0, "1", "1.23k"),
        (999.7, "1", "1k"),
        (28_950_000.0, "1", "28.9M"),
        (-3.0, "1", "−3"),
        (math.inf, "1", "∞"),
        (None, "seconds", "–"),
        (math.nan, "bytes", "–"),
        (math.nan, "ratio", "–"),
    ],
)
def test_a_figure_carries_its_unit(value, unit, shown):
    assert words.quantity(value, unit) == shown


@pytest.mark.parametrize(
    ("metric", "kind", "unit"),
    [
        ("latency_seconds", None, "seconds"),
        ("gc_seconds_total", None, "seconds"),
        ("memory_bytes", Kind.GAUGE, "bytes"),
        ("cache_hit_ratio", None, "ratio"),
        ("requests", None, "ratio"),
        ("logins", Kind.COUNTS, "ratio"),
        ("queue_depth", Kind.GAUGE, "1"),
    ],
)
def test_the_unit_comes_from_kind_and_name(metric, kind, unit):
    assert words.unit_of(metric, kind) == unit


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e14, max_value=1e14))
def test_a_number_in_words_is_within_half_a_percent(value):
    shown = words.number(value).replace("−", "-")
    scale = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}.get(shown[-1], 1.0)
    read = float(shown.rstrip("kMGT")) * scale
    assert read == pytest.approx(value, rel=0.0051 if abs(value) >= 1e-4 else 0.06)


@given(st.floats(min_value=0, max_value=1e6))
def test_a_duration_in_words_parses_back_to_the_second(seconds):
    assert parse_duration(words.duration(seconds)) == pytest.approx(seconds, abs=0.5001)


@given(st.text())
def test_plain_text_is_one_line_without_control_characters(given_text):
    shown = words.plain(given_text)
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)


def test_times_are_utc():
    assert words.clock(verdicts.START) == "07:46:00Z"
    assert words.clock(verdicts.START + 0.25) == "07:46:00.250Z"
    assert words.moment(verdicts.START) == "2024-01-05 07:46:00Z"
    assert words.clock(None) == "–"
    assert words.clock(1e300) == "–"


@pytest.mark.parametrize(
    ("trigger", "value", "shown"),
    [
        ("error_rate", 1.5, "> ×1.5"),
        ("error_rate.absolute", 0.03, "> 3 %"),
        ("success_rate", 0.95, "< 95 %"),
        ("throughput", 0.8, "< ×0.8"),
        ("memory", 0.95, "> 95 %"),
        ("breaker_storm", 10.0, "> 10"),
        ("byzantine", 0.0, "> 0"),
        ("error_rate", None, "–"),
    ],
)
def test_a_limit_says_which_side_hurts(trigger, value, shown):
    assert rows.threshold(trigger, value) == shown


def test_memory_is_read_as_bytes_or_as_a_share_of_the_limit():
    reading = Reading(trigger="memory", metric="memory_bytes", condition=Condition.CLEAR)
    share = rows.reading_words(reading.model_copy(update={"observed": 0.97}))
    size = rows.reading_words(reading.model_copy(update={"observed": 97 * 2.0**20}))
    assert (share.canary, size.canary) == ("97 %", "97 MiB")


def test_throughput_is_read_as_times_of_what_is_expected():
    row = rows.reading_words(verdicts.readings()[3])
    assert (row.canary, row.against, row.limit) == ("×1.02", "×1", "< ×0.8")


def test_a_constant_is_told_once_as_the_limit():
    reading = verdicts.readings()[2].model_copy(update={"reference": 0.95})
    row = rows.reading_words(reading)
    assert (row.canary, row.against, row.limit) == ("68.8 %", "–", "< 95 %")


def test_an_open_interval_says_at_least():
    item = verdicts.evidence()[0]
    assert (rows.effect(item, item.effect), rows.interval(item)) == ("×283", "at least 180")
    closed = item.model_copy(update={"interval": Interval(low=None, high=2.0, level=0.9)})
    assert rows.interval(closed) == "up to 2"


def test_a_difference_carries_sign_and_unit():
    item = Evidence(
        metric="latency_seconds",
        method="gauge",
        question=Question.WORSE,
        effect=0.012,
        effect_scale="difference",
        interval=Interval(low=-0.001, high=0.025, level=0.95),
    )
    assert rows.effect(item, item.effect) == "+12 ms"
    assert rows.interval(item) == "−1 to +25 ms"


def test_how_sure_names_what_is_needed():
    worse, split, _, too_few, _ = verdicts.evidence()
    assert (rows.answer(worse), rows.strength(worse)) == ("yes", "e 1e26, needs 625")
    assert (rows.answer(split), rows.strength(split)) == ("not shown", "p 0.43, needs 0.001")
    assert (rows.answer(too_few), rows.strength(too_few)) == ("too little data", "")


def test_the_most_telling_answer_is_told_and_the_others_counted():
    worse = verdicts.evidence()[0]
    beyond = worse.model_copy(
        update={
            "question": Question.BEYOND,
            "claim": "error_rate.beyond",
            "log_e_value": worse.log_e_value - 9,
        }
    )
    fine = worse.model_copy(update={"question": Question.NOT_WORSE, "log_e_value": -3.0})
    nearer = fine.model_copy(update={"log_e_value": 2.0})
    groups = rows.comparisons([worse, verdicts.evidence()[1], beyond, fine])
    assert [len(group) for group in groups] == [3, 1]
    assert rows.most_telling([fine, worse, beyond]) is beyond
    assert rows.most_telling([fine, nearer]) is nearer
    verdict = verdicts.hold().model_copy(update={"evidence": (worse, beyond, fine)})
    page = text.verdict_lines(verdict, width=120)
    assert "error rate beyond?" in page
    assert "and 2 weaker answers on the same figures" in page


def test_the_headline_has_decision_score_rollout_and_time():
    page = text.verdict_lines(verdicts.rollback())
    assert page.splitlines()[0] == "ROLLBACK  score 0  adservice-canary  07:52:30Z"
    assert page.splitlines()[1] == verdicts.REASON


def test_a_promotion_that_waits_for_a_person_says_so():
    page = text.verdict_lines(verdicts.promote(approval="required"))
    assert page.startswith("PROMOTE, needs approval  score 100")


def test_a_score_is_only_100_or_0_when_it_is():
    near = verdicts.hold().model_copy(update={"score": 99.7})
    assert words.score(near) == "99"
    assert words.score(near.model_copy(update={"score": 0.2})) == "1"


@pytest.mark.parametrize("width", [80, 100, 120])
def test_every_trigger_has_its_row(width):
    page = text.verdict_lines(verdicts.rollback(), width=width)
    assert line_with(page, "error_rate ").split()[:6] == [
        "error_rate", "FIRED", "31.2", "%", "0.11", "%",
    ]  # fmt: skip
    assert "> ×1.5" in line_with(page, "error_rate ")
    assert "1m30s of 5m" in line_with(page, "error_rate ")
    assert "NO DATA" in line_with(page, "byzantine ")
    assert "OFF" in line_with(page, "breaker_storm ")
    assert "at once" in line_with(page, "data_integrity ")
    assert "427 MiB" in line_with(page, "memory ")
    assert "31 in 100 requests fail" in page


@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize(
    "verdict", [verdicts.rollback(), verdicts.hold(), verdicts.promote()], ids=lambda v: v.decision
)
def test_no_line_is_wider_than_asked(verdict, width):
    pages = text.verdict_lines(verdict, width=width), text.policy_lines(POLICY, width=width)
    assert max(len(line) for page in pages for line in page.splitlines()) <= width


def test_nothing_is_cut_at_80_columns():
    page = text.verdict_lines(verdicts.rollback(), width=80)
    assert "…" not in page
    for word in ("byzantine_events", "latency_seconds", "1.9 to 3.2", "p 0.43", "28.9k"):
        assert word in page


def test_colour_comes_only_when_asked_whatever_the_environment(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    piped = text.verdict_lines(verdicts.rollback())
    assert "\x1b" not in piped
    monkeypatch.setenv("NO_COLOR", "1")
    coloured = text.verdict_lines(verdicts.rollback(), colour=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines()[0] == piped.splitlines()[0]
    assert "\x1b[1;31mROLLBACK" in coloured


def test_names_cannot_steer_the_terminal():
    nasty = "error\x1b[2J\x07 [bold red]:boom: \u202eevil\nROLLBACK"
    evidence = Evidence(
        metric=nasty, method=nasty, question=Question.WORSE, seen=(nasty,), detail=nasty
    )
    reading = Reading(trigger=nasty, metric=nasty, condition=Condition.FIRED, detail=nasty)
    changed = {"reason": nasty, "rollout": nasty, "evidence": (evidence,), "readings": (reading,)}
    verdict = verdicts.hold().model_copy(update=changed | {"reasons": (nasty, nasty + "!")})
    page = text.verdict_lines(verdict, width=120) + text.one_line(verdict)
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "[bold red]:boom:" in page
    assert "�evil ROLLBACK" in page.splitlines()[1]


def test_reasons_after_the_first_are_told_once():
    page = text.verdict_lines(verdicts.rollback(), width=120)
    assert page.count(verdicts.REASON) == 1
    assert "also: latency_p99 has held for 2m of 5m." in page
    assert "data: latency_seconds: 2 of 40 scrapes of the canary are missing" in page


def test_the_end_names_next_look_and_digests():
    page = text.verdict_lines(verdicts.hold(), width=120)
    assert "next look 07:49:15Z; judged 13 ticks" in page
    assert "policy eight-triggers (9f86d081884c7d65)" in page
    assert "no next look: final" in text.verdict_lines(verdicts.rollback())


def test_a_verdict_without_times_or_tables_is_still_told():
    bare = Verdict(
        decision=Decision.HOLD,
        score=50,
        reason="No data.",
        decision_id="d",
        policy="p",
        policy_digest="pd",
        input_digest="i",
        library_version="0",
    )
    assert text.verdict_lines(bare).splitlines()[:2] == ["HOLD  score 50  –", "No data."]
    assert text.one_line(bare) == "–  HOLD      score  50  No data."


def test_one_line_is_one_line_and_is_cut_where_asked():
    line = text.one_line(verdicts.rollback(), width=70)
    assert line.startswith("07:52:30Z  ROLLBACK  score   0  adservice-canary  error_rate: ")
    assert len(line) <= 70
    assert line.endswith("…")


def test_a_width_too_small_is_refused():
    with pytest.raises(InputError, match="width is 40; a report needs at least 60"):
        text.verdict_lines(verdicts.rollback(), width=40)


def test_a_policy_shows_what_was_changed():
    page = text.policy_lines(POLICY, width=100)
    assert page.startswith(f"checkout  {POLICY.digest}\nWhat the checkout service is watched for.")
    assert "> ×1.75" in line_with(page, "error_rate ")
    assert "1m30s, 3 of 4" in line_with(page, "latency_p99 ")
    assert line_with(page, "memory ").endswith("hold")
    assert "critical, required" in line_with(page, "requests ")
    assert "10 %" in line_with(page, "requests ")
    assert "20 %" in line_with(page, "memory_bytes ")
    assert "error_rate also fires above 3 % for 5m" in page
    assert "false rollback 1 %" in page


def test_the_whole_eight_triggers_fit_80_columns():
    kinds = {
        "requests": "counts",
        "latency_seconds": "histogram",
        "byzantine_events": "events",
        "integrity_violations": "events",
        "memory_bytes": "gauge",
        "breaker_trips": "events",
    }
    metrics = [{"name": name, "kind": kind} for name, kind in kinds.items()]
    policy = Policy.parse({"metrics": metrics, "triggers": [{"name": name} for name in RULES]})
    page = text.policy_lines(policy, width=80)
    for name in RULES:
        assert line_with(page, f"{name} ").endswith("rollback")


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (None, "onset 07:45:00Z, decisive"),
        ((0.0, 0.0), "onset 07:45:00Z, decisive"),
        ((-30.0, 15.0), "onset 07:45:00Z (07:44:30Z to 07:45:15Z), decisive"),
    ],
)
def test_a_firing_says_since_when_and_how_surely(interval, said):
    at = 1704440700.0
    whole = verdicts.rollback()
    around = interval and Interval(low=at + interval[0], high=at + interval[1], level=0.95)
    firing = whole.firings[0].model_copy(update={"onset": at, "onset_interval": around})
    page = text.verdict_lines(whole.model_copy(update={"firings": (firing,)}), width=120)
    assert said in page
    assert words.onset(None, around) == words.NOTHING
