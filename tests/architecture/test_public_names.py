"""The names that others build on: a change here is a change of the contract."""

from __future__ import annotations

import inspect

import pytest

import canarystats as cs
from canarystats.policy import Policy

NAMES = [
    "CanaryStatsError",
    "Decision",
    "Evidence",
    "Firing",
    "InputError",
    "Interval",
    "Kind",
    "MissingExtraError",
    "Monitor",
    "Pair",
    "Plan",
    "Policy",
    "PolicyError",
    "Question",
    "Reading",
    "SourceError",
    "Status",
    "Verdict",
    "Way",
    "__version__",
    "compare",
    "detect",
    "diff",
    "joint",
    "judge",
    "load_joint_policy",
    "load_policy",
    "plan",
    "preset_names",
    "replay",
    "report",
    "sources",
    "validate",
]
SIGNATURES = {
    cs.Pair.gauge: "name, *, canary, baseline, times, limit, notes",
    cs.Pair.samples: "name, *, canary, baseline, notes",
    cs.Pair.counts: "name, *, canary, baseline, times, notes",
    cs.Pair.histogram: "name, *, upper_bounds, canary, baseline, times, notes",
    cs.Pair.events: "name, *, canary, baseline, times, notes",
    cs.judge: "pairs, policy, *, share, rollout, history",
    cs.Monitor: "policy, *, share, rollout, history",
    cs.Monitor.observe: "self, pairs, *, share",
    cs.Monitor.to_json: "self",
    cs.Monitor.from_json: "text, policy",
    cs.Verdict.to_json: "self, *, indent",
    cs.Verdict.from_json: "text",
    cs.Verdict.explain: "self, *, level",
    cs.diff: "before, after",
    cs.load_policy: "source",
    Policy.without: "self, *names",
}


def test_the_public_names():
    assert sorted(cs.__all__) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_resolves(name):
    assert getattr(cs, name) is not None
    assert name in dir(cs)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'mann_whitney'"):
        cs.mann_whitney  # noqa: B018


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda f: f.__qualname__)
def test_the_signatures(function):
    found, keyword_only = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            found.append("*")
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        found.append(star + parameter.name)
    assert ", ".join(found) == SIGNATURES[function]


def test_every_error_is_one_of_ours():
    for error in (cs.InputError, cs.PolicyError, cs.SourceError, cs.MissingExtraError):
        assert issubclass(error, cs.CanaryStatsError)
    assert issubclass(cs.PolicyError, cs.InputError)
    assert issubclass(cs.InputError, ValueError)
    assert issubclass(cs.MissingExtraError, ImportError)
