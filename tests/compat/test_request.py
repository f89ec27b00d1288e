"""Requests that cannot be right are refused with the path; unknown words only in sound mode."""

from __future__ import annotations

import copy
import json

import pytest

from canarystats.compat.kayenta import judge
from canarystats.errors import InputError
from tests.compat.vectors import request

VALUES = [5000.0, 6000, 7000, 5000, 6000]
GOOD = request([{"name": "x", "control": VALUES, "experiment": VALUES[::-1]}])
SETTINGS = ("canaryConfig", "metrics", 0, "analysisConfigurations", "canary")
WHERE = r"canaryConfig\.metrics\['x'\]\.analysisConfigurations\.canary"


def changed(path, value):
    """The good request with one place changed, or taken out where the value is an ellipsis."""
    told = copy.deepcopy(GOOD)
    place = told
    for part in path[:-1]:
        place = place[part]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return told


PAIR = ("metricSetPairList", 0)
BAD = {
    "canaryConfig is missing": (("canaryConfig",), ...),
    r"canaryConfig\.metrics is missing": (("canaryConfig", "metrics"), ...),
    r"canaryConfig\.metrics\[0\]\.name is missing": (("canaryConfig", "metrics", 0, "name"), ...),
    "scoreThresholds is missing": (("scoreThresholds",), ...),
    r"scoreThresholds\.pass is 'high'": (("scoreThresholds", "pass"), "high"),
    "metricSetPairList is missing": (("metricSetPairList",), ...),
    r"metricSetPairList\[0\]\.values\.experiment is missing": (
        (*PAIR, "values", "experiment"),
        ...,
    ),
    r"metricSetPairList\[0\]\.values\.control is 7": ((*PAIR, "values", "control"), 7),
    r"metricSetPairList\[0\]\.values\.control\[1\] is 'many'; it must be a number": (
        (*PAIR, "values", "control"),
        [1, "many"],
    ),
    r"metricSetPairList\[0\]\.values\.experiment\[0\] is True": (
        (*PAIR, "values", "experiment"),
        [True],
    ),
    r"metricSetPairList\[0\]\.values\.experiment\[0\] is beyond every double": (
        (*PAIR, "values", "experiment"),
        [10**400],
    ),
    r"metricSetPairList\[0\]\.name is 'y'; canaryConfig\.metrics has 'x'": ((*PAIR, "name"), "y"),
    rf"{WHERE} is 3; it must be an object": (SETTINGS, 3),
    rf"{WHERE}\.critical is 'yes'; it must be true or false": (SETTINGS, {"critical": "yes"}),
    rf"{WHERE}\.effectSize is 2; it must be an object": (SETTINGS, {"effectSize": 2}),
    rf"{WHERE}\.effectSize\.allowedIncrease is '1\.1'; it must be a finite number": (
        SETTINGS,
        {"effectSize": {"allowedIncrease": "1.1"}},
    ),
    rf"{WHERE}\.outliers\.outlierFactor is 0\.0; it must be more than 0": (
        SETTINGS,
        {"outliers": {"strategy": "remove", "outlierFactor": 0}},
    ),
}
SILENT = {
    rf"{WHERE}\.direction is 'sideways'; it must be one of": {"direction": "sideways"},
    rf"{WHERE}\.nanStrategy is 'ignore'": {"nanStrategy": "ignore"},
    rf"{WHERE}\.outliers\.strategy is 'drop'": {"outliers": {"strategy": "drop"}},
    rf"{WHERE}\.effectSize\.measure is 'cohenD'": {"effectSize": {"measure": "cohenD"}},
    rf"{WHERE}\.criticall is unknown": {"criticall": True},
    rf"{WHERE}\.effectSize\.allowed is unknown": {"effectSize": {"allowed": 1.1}},
    rf"{WHERE}\.effectSize\.allowedIncrease is 0\.9; it must be at least 1": {
        "effectSize": {"allowedIncrease": 0.9}
    },
    rf"{WHERE}\.effectSize\.allowedDecrease is 0\.7; it must be from 0 to 0\.5": {
        "effectSize": {"measure": "cles", "allowedDecrease": 0.7}
    },
}


@pytest.mark.parametrize("mode", ["parity", "sound"])
@pytest.mark.parametrize("message", BAD)
def test_a_request_that_cannot_be_right_is_refused_with_its_path(message, mode):
    with pytest.raises(InputError, match=f"^{message}"):
        judge(changed(*BAD[message]), mode)


@pytest.mark.parametrize("message", SILENT)
def test_what_kayenta_lets_pass_in_silence_sound_mode_refuses(message):
    told = changed(SETTINGS, SILENT[message])
    assert judge(told, "parity")["score"]["classification"] == "Pass"
    with pytest.raises(InputError, match=f"^{message}"):
        judge(told, "sound")


def test_sound_mode_refuses_thresholds_and_names_that_cannot_be_meant():
    with pytest.raises(InputError, match=r"scoreThresholds\.marginal is 97; it must be at most"):
        judge(changed(("scoreThresholds", "marginal"), 97))
    with pytest.raises(InputError, match=r"scoreThresholds\.pass is 120; it must be from 0 to 100"):
        judge(changed(("scoreThresholds", "pass"), 120))
    twice = copy.deepcopy(GOOD)
    twice["canaryConfig"]["metrics"] *= 2
    with pytest.raises(InputError, match=r"metrics\[1\]\.name is 'x', which is there twice"):
        judge(twice)


def test_an_unknown_mode_and_no_object_are_refused():
    with pytest.raises(InputError, match="mode is 'kind'"):
        judge(GOOD, "kind")
    with pytest.raises(InputError, match="the request is 'text'"):
        judge("text")


def test_null_and_nan_words_are_missing_values():
    told = changed((*PAIR, "values", "control"), [*VALUES, None, "NaN"])
    stats = judge(told)["results"][0]["controlMetadata"]["stats"]
    assert stats["count"] == len(VALUES)


def test_settings_that_are_null_are_not_there():
    told = changed(SETTINGS, {"direction": None, "effectSize": None, "critical": None})
    assert judge(told)["results"] == judge(GOOD)["results"]


@pytest.mark.parametrize("mode", ["parity", "sound"])
def test_the_response_has_the_shape_of_a_remote_judges(mode):
    told = judge(GOOD, mode)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert set(told) == {"judgeName", "results", "groupScores", "score"}
    (result,) = told["results"]
    assert set(result) == {
        "name",
        "id",
        "tags",
        "classification",
        "classificationReason",
        "groups",
        "experimentMetadata",
        "controlMetadata",
        "resultMetadata",
        "critical",
        "muted",
    }
    assert set(result["controlMetadata"]["stats"]) == {"count", "mean", "min", "max", "std"}
    assert told["groupScores"] == [
        {"name": "all", "score": 100.0, "classification": "", "classificationReason": ""}
    ]


def test_a_request_is_left_as_it_was():
    before = copy.deepcopy(GOOD)
    judge(GOOD, "sound")
    judge(GOOD, "parity")
    assert before == GOOD
