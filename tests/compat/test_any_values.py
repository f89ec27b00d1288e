"""Whatever the numbers, both modes answer, in plain JSON and without a warning."""

from __future__ import annotations

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from canarystats.compat.kayenta import judge
from tests.compat.vectors import of_vector

NUMBERS = st.one_of(
    st.integers(0, 4),
    st.floats(-1e12, 1e12),
    st.floats(allow_nan=False),
    st.sampled_from([None, "NaN", "Infinity", "-Infinity", 0.0, 1e308, -1e308, 5e-324]),
)
SIDES = st.one_of(
    st.lists(NUMBERS, max_size=30),
    st.lists(st.integers(0, 2), min_size=20, max_size=40),
    st.builds(lambda value, n: [value] * n, NUMBERS, st.integers(0, 30)),
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "direction": st.sampled_from(["increase", "decrease", "either"]),
        "nanStrategy": st.sampled_from(["remove", "replace"]),
        "critical": st.booleans(),
        "mustHaveData": st.booleans(),
        "outliers": st.just({"strategy": "remove", "outlierFactor": 1.5}),
        "effectSize": st.sampled_from([{"measure": "cles"}, {"allowedIncrease": 1.2}]),
    },
)
LABELS = {"Pass", "High", "Low", "Nodata", "NodataFailMetric", "Error"}


@settings(max_examples=150)
@given(SIDES, SIDES, SETTINGS, st.sampled_from(["parity", "sound"]))
def test_every_request_has_an_answer(control, experiment, asked, mode):
    told = {"name": "x", "control": control, "experiment": experiment, **asked}
    response = judge(of_vector(told), mode)
    assert json.loads(json.dumps(response, allow_nan=False)) == response
    (result,) = response["results"]
    assert result["classification"] in LABELS
    assert 0 <= response["score"]["score"] <= 100
    assert result["critical"] <= asked.get("critical", False)


@settings(max_examples=60)
@given(
    st.lists(st.integers(-40, 40), min_size=5, max_size=15),
    st.lists(st.integers(-40, 40), min_size=5, max_size=15),
)
def test_turning_the_values_over_turns_high_into_low(control, experiment):
    def sound(sign, direction):
        sides = [[sign * (v + 0.5) for v in side] for side in (control, experiment)]
        told = {"name": "x", "control": sides[0], "experiment": sides[1], "direction": direction}
        return judge(of_vector(told))["results"][0]

    here, there = sound(1, "increase"), sound(-1, "decrease")
    mirror = {"High": "Low", "Low": "High"}
    assert here["classification"] == mirror.get(there["classification"], there["classification"])
    ours, theirs = here["resultMetadata"], there["resultMetadata"]
    if ours["pValue"] is not None:
        assert math.isclose(ours["pValue"], theirs["pValue"], rel_tol=1e-12)
        assert math.isclose(ours["estimate"], -theirs["estimate"], rel_tol=1e-12)
