"""Policies: what they accept, and where exactly they are wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import canarystats as cs
from canarystats.policy import RULES, Policy, format_duration, parse_duration
from tests.rollouts import eight_triggers

GAUGE = {"name": "memory_bytes", "kind": "gauge", "unit": "bytes"}
REQUESTS = {"name": "requests", "kind": "counts"}


def policy(**changes):
    return Policy.parse({"metrics": [REQUESTS, GAUGE]} | changes)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (0, 0),
        ("0s", 0),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("0.5s", 0.5),
        ("1.5h", 5400),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("5 mins", "5m"),
        ("30", "30s, 5m or 1h30m"),
        (300, "5m"),
        (90.0, "1m30s"),
        ("5 Minutes", "5m"),
        ("", "30s, 5m or 1h30m"),
        ("-5m", "30s"),
        ("5m ", "5m"),
        (None, "30s"),
        ("5m30", "30s"),
        ([], "30s"),
        ("forever", "30s"),
    ],
)
def test_what_is_not_a_duration_is_told_how_to_write_one(text, hint):
    with pytest.raises(ValueError, match="is not a duration; write") as refused:
        parse_duration(text)
    assert f"write {hint}" in str(refused.value)


@given(st.integers(0, 10**8))
def test_a_duration_is_written_as_it_is_read(seconds):
    assert parse_duration(format_duration(float(seconds))) == seconds


@given(st.integers(1, 10**6))
def test_milliseconds_survive_too(milliseconds):
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"triggers": [{"name": "memory"}, {"name": "error_rate", "for": "5 mins"}]},
            "triggers[1].for: '5 mins' is not a duration; write 5m",
        ),
        ({"interval": 15}, "interval: 15 is not a duration; write 15s"),
        ({"interval": "0s"}, "interval: interval must be longer than 0s"),
        ({"colour": "red"}, "colour: there is no such key"),
        ({"metrics": [{"name": "a"}]}, "metrics[0].kind: is missing"),
        ({"metrics": [GAUGE | {"colour": 1}]}, "metrics[0].colour: there is no such key"),
        ({"metrics": [GAUGE, GAUGE]}, "metrics[1].name: 'memory_bytes' is there twice"),
        (
            {"triggers": [{"name": "memory"}, {"name": "memory"}]},
            "triggers[1].name: 'memory' is there twice",
        ),
        (
            {"triggers": [{"name": "memory", "metric": "disk"}]},
            "triggers[0].metric: 'disk' is not one of the metrics: requests, memory_bytes",
        ),
        (
            {"triggers": [{"name": "error_rate", "metric": "memory_bytes"}]},
            "triggers[0].metric: error_rate reads counts, and 'memory_bytes' is gauge",
        ),
        (
            {"triggers": [{"name": "memory", "threshold": 95}]},
            "triggers[0].threshold: 95 is not a fraction between 0 and 1 (a percentage? write 0.",
        ),
        (
            {"triggers": [{"name": "success_rate", "threshold": 950}]},
            "triggers[0].threshold: 950 is not a fraction between 0 and 1",
        ),
        (
            {"triggers": [{"name": "error_rate", "threshold": 0.5}]},
            "triggers[0].threshold: 0.5 is not a ratio to the baseline; 1.5 means 50 % above it",
        ),
        (
            {"triggers": [{"name": "memory", "threshold": -1}]},
            "triggers[0].threshold: -1.0 is not a finite number of at least 0",
        ),
        (
            {"triggers": [{"name": "memory", "m": 5, "n": 4, "mode": "m_of_n"}]},
            "triggers[0].m: m is 5 of n = 4; m must not exceed n",
        ),
        (
            {"triggers": [{"name": "memory", "absolute": {}}]},
            "triggers[0].absolute: only error_rate has a second, absolute condition",
        ),
        (
            {"triggers": [{"name": "error_rate", "absolute": {"for": "soon"}}]},
            "triggers[0].absolute.for: 'soon' is not a duration; write 30s, 5m or 1h30m",
        ),
        (
            {"triggers": [{"name": "error_rte"}]},
            "triggers[0].name: 'error_rte' is none of the eight, so it needs a rule (level_above",
        ),
        (
            {"triggers": [{"name": "memory", "evidence": "maybe"}]},
            "triggers[0].evidence: 'maybe': input should be",
        ),
        ({"marginal_score": 99}, "marginal_score: marginal_score must not exceed pass_score"),
        ({"error_budget": {"false_rollback": 1}}, "error_budget.false_rollback: 1: input"),
        ({"error_budget": {"typo": 1}}, "error_budget.typo: there is no such key"),
        ({"min_samples": -1}, "min_samples: -1: input should be greater than or equal to 0"),
        ({"on_no_data": "panic"}, "on_no_data: 'panic': input should be"),
        ({"metrics": []}, "metrics: []: tuple should have at least 1 item"),
        ({"metrics": [GAUGE | {"name": "9 lives"}]}, "metrics[0].name: '9 lives': string should"),
        (
            {"metrics": [GAUGE | {"kind": "gage"}]},
            "metrics[0].kind: 'gage' is not a kind; write one",
        ),
        ({"metrics": [GAUGE | {"kind": []}]}, "metrics[0].kind: a metric needs a kind: gauge, "),
        ({"triggers": [{"name": ["memory"]}]}, "triggers[0].name: ['memory']: "),
        ({"interval": False}, "interval: False is not a duration"),
        ({"metrics": [GAUGE | {"batch": 0}]}, "metrics[0].batch: 0: input"),
    ],
)
def test_a_fault_is_told_with_its_path(changes, message):
    with pytest.raises(cs.PolicyError) as refused:
        policy(**changes)
    assert str(refused.value).startswith(message)
    assert message.startswith(refused.value.path)


@pytest.mark.parametrize("data", [None, [], "policy", 5])
def test_a_policy_is_a_table(data):
    with pytest.raises(cs.PolicyError, match="a policy is a table of keys, not"):
        Policy.parse(data)


def test_metrics_are_required():
    with pytest.raises(cs.PolicyError, match=r"^metrics: is missing$"):
        Policy.parse({})


@pytest.mark.parametrize("seconds", [1 / 3, 1e-5, 0.1 + 0.2, 59.99999999999, 1e7 + 0.1])
def test_durations_that_are_no_round_numbers_are_read_as_written(seconds):
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize("gate", ["required", "advisory"])
def test_rules_that_no_evidence_speaks_to_take_no_gate_that_asks_for_it(gate):
    with pytest.raises(cs.PolicyError, match="evidence"):
        eight_triggers().with_trigger("byzantine", evidence=gate)


def test_a_trigger_is_filled_from_its_rule():
    rule = policy(triggers=[{"name": "memory"}]).triggers[0]
    assert (rule.threshold, rule.for_, rule.metric) == (0.95, 300.0, "memory_bytes")
    assert set(RULES) == {t.name for t in eight_triggers().triggers}


def test_every_number_can_be_overridden():
    changed = eight_triggers()
    for rule in changed.triggers:
        threshold = min(0.5 + rule.threshold / 4, 1.0)
        if rule.name in {"error_rate", "latency_p99", "breaker_storm"}:
            threshold = rule.threshold + 1
        changed = changed.with_trigger(rule.name, threshold=threshold, for_="42s", window="2m")
    for before, after in zip(eight_triggers().triggers, changed.triggers, strict=True):
        assert before.threshold != after.threshold
        assert (after.for_, after.window) == (42.0, 120.0)
        assert after.metric == before.metric


def test_without_a_metric_its_triggers_go_too():
    less = eight_triggers().without("requests", "memory_bytes")
    assert [m.name for m in less.metrics] == [
        "latency_seconds",
        "byzantine_events",
        "integrity_violations",
        "breaker_trips",
    ]
    assert {t.metric for t in less.triggers} == {m.name for m in less.metrics}


def test_the_last_metric_cannot_be_left_out():
    with pytest.raises(cs.PolicyError, match=r"^metrics: "):
        policy().without("requests", "memory_bytes")


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(cs.InputError, match="has no metric 'disk'; it has requests, memory_bytes"):
        policy().without("disk")
    with pytest.raises(cs.InputError, match="has no metric 'disk'"):
        policy().with_metric("disk", critical=True)
    with pytest.raises(cs.InputError, match="has no trigger 'memory'"):
        policy().with_trigger("memory", threshold=0.9)
    with pytest.raises(cs.PolicyError, match=r"^colour: there is no such key"):
        policy().replace(colour="red")
    with pytest.raises(cs.PolicyError, match=r"^metrics\[0\].colour: there is no such key"):
        policy().with_metric("requests", colour="red")


def test_a_changed_policy_leaves_the_first_as_it_was():
    first = eight_triggers()
    digest = first.digest
    first.with_metric("requests", critical=True)
    first.with_trigger("memory", threshold=0.5)
    first.replace(interval="30s")
    assert first.digest == digest
    with pytest.raises(ValueError, match="frozen"):
        first.interval = 30.0


def test_the_digest_changes_with_everything_that_matters_and_with_nothing_else():
    first = eight_triggers()
    assert first.digest == eight_triggers().digest == first.replace().digest
    others = [
        first.replace(interval="30s"),
        first.with_metric("requests", critical=True),
        first.with_trigger("memory", threshold=0.9),
        first.with_trigger("error_rate", absolute={"threshold": 0.04}),
        first.without("memory_bytes"),
    ]
    assert len({p.digest for p in [first, *others]}) == 6
    assert len(first.digest) == 16


def test_a_policy_survives_plain_data():
    first = eight_triggers().with_trigger("memory", mode="m_of_n", m=2, n=3)
    again = Policy.parse(first.model_dump(mode="json", by_alias=True))
    assert again == first
    assert again.digest == first.digest


def test_repr_is_one_plain_sentence():
    assert repr(policy(name="mine")) == (
        "Policy 'mine': 2 metrics (requests, memory_bytes), 0 triggers, a tick every 15s."
    )


@pytest.mark.parametrize(
    ("metric", "more", "says"),
    [
        ({"kind": "gauge", "query": {"value": "g{$arm}"}}, {}, "only counts and histograms"),
        ({"kind": "events", "query": {"events": "e{$arm}"}}, {}, "and this is events"),
        ({"kind": "counts"}, {"looks": "planned", "bake": {"duration": "1h"}}, "as a whole"),
        ({"kind": "histogram", "label": "le"}, {}, "le is the label of buckets"),
        ({"kind": "counts", "label": "user tier"}, {}, "pattern"),
    ],
)
def test_a_label_of_segments_fits_its_metric(metric, more, says):
    query = metric.get("query", {}) | {"segment_by": metric.get("label", "tier")}
    data = {"metrics": [{"name": "m", "kind": metric["kind"], "query": query}], **more}
    with pytest.raises(cs.PolicyError, match=says) as caught:
        Policy.parse(data)
    assert caught.value.path.startswith("metrics[0].query")
