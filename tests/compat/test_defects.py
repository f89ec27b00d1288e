"""Kayenta's defects, one by one: kept in parity mode, mended in sound mode."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from canarystats.compat.kayenta import judge
from canarystats.errors import InputError
from tests.compat.vectors import of_vector, request

LEVELS = [1.0, 2, 3, 4, 5, 6, 7, 8]
RAISED = [11.0, 12, 13, 14, 15, 16, 17, "Infinity"]
GONE = [None] * 60


def metric(control, experiment, name="x", **settings):
    return {"name": name, "control": control, "experiment": experiment, **settings}


def result(control, experiment, mode, **settings):
    """The one result, and the score."""
    found = judge(of_vector(metric(control, experiment, **settings)), mode)
    json.dumps(found, allow_nan=False)
    return found["results"][0], found["score"]


def label(control, experiment, mode, **settings):
    return result(control, experiment, mode, **settings)[0]["classification"]


def errors(count):
    """A count of 0 in each of 240 minutes, but for so many single errors."""
    series = [0.0] * 240
    for i in range(count):
        series[(i * 37) % 240] += 1.0
    return series


def test_d1_errors_where_the_baseline_has_none_fail_a_critical_metric():
    asked = {"direction": "increase", "critical": True, "nanStrategy": "replace"}
    found, score = result(errors(0), errors(66), "parity", **asked)
    assert (found["classification"], score["score"]) == ("Pass", 100)
    found, score = result(errors(0), errors(66), "sound", **asked)
    assert (found["classification"], found["critical"]) == ("High", True)
    assert score["score"] == 0
    assert found["resultMetadata"]["pValue"] < 1e-15
    assert found["resultMetadata"]["lower"] > 10


def test_d1_a_single_error_more_is_not_a_failure():
    found, _ = result(errors(0), errors(1), "sound", direction="increase", critical=True)
    assert found["classification"] == "Pass"
    assert found["classificationReason"].startswith("not significant")


@pytest.mark.parametrize("unit", [1e-9, 1e-7, 1e-6, 1.0, 1e6, 1e9])
def test_d2_the_unit_changes_neither_class_nor_p_value_nor_the_scaled_interval(unit):
    draw = np.random.default_rng(4)
    control, experiment = draw.lognormal(4.6, 0.5, 60), 2 * draw.lognormal(4.6, 0.5, 60)
    here, _ = result((control * unit).tolist(), (experiment * unit).tolist(), "sound")
    there, _ = result(control.tolist(), experiment.tolist(), "sound")
    assert here["classification"] == there["classification"] == "High"
    here, there = here["resultMetadata"], there["resultMetadata"]
    assert here["pValue"] == there["pValue"]
    assert here["effect"] == pytest.approx(there["effect"], rel=1e-12)
    for end in ("lower", "upper", "estimate"):
        assert here[end] == pytest.approx(there[end] * unit, rel=1e-12)


def test_d2_kayentas_class_depends_on_the_unit():
    draw = np.random.default_rng(4)
    control, experiment = draw.lognormal(4.6, 0.5, 60), 2 * draw.lognormal(4.6, 0.5, 60)
    labels = {
        label((control * unit).tolist(), (experiment * unit).tolist(), "parity")
        for unit in (1.0, 1e-6, 3e-7, 1e-7)
    }
    assert labels == {"High", "Pass"}


def test_d5_one_point_a_side_is_too_little_for_a_critical_metric_and_says_so():
    found, score = result([100.0], [150.0], "parity", critical=True)
    assert (found["classification"], found["critical"]) == ("Error", False)
    assert score["classification"] == "Pass"
    found, score = result([100.0], [150.0], "sound", critical=True)
    assert (found["classification"], found["critical"]) == ("Nodata", True)
    assert "not enough data to decide" in found["classificationReason"]
    assert (score["score"], score["classification"]) == (0, "Fail")
    assert "not enough data to decide" in score["classificationReason"]


def test_d6_infinities_are_ranked():
    assert label(LEVELS, RAISED, "parity") == "Pass"
    found, score = result(LEVELS, RAISED, "sound", critical=True)
    assert (found["classification"], found["critical"]) == ("High", True)
    assert score["score"] == 0
    assert found["experimentMetadata"]["stats"]["max"] is None


@pytest.mark.parametrize("lift", [45.0, 58.5], ids=["negative", "across zero"])
def test_d7_negative_values_rise_and_fall(lift):
    low = [float(-50 - i) for i in range(10)]
    high = [value + lift for value in low]
    assert label(low, high, "parity") == "Pass"
    assert label(low, high, "sound", direction="increase") == "High"
    assert label(high, low, "sound") == "Low"


def test_d8_an_outlier_in_the_baseline_does_not_hide_a_rise():
    control = [10 + i / 10 for i in range(14)] + [500.0]
    experiment = [20 + i / 10 for i in range(15)]
    assert label(control, experiment, "parity") == "Pass"
    found, _ = result(control, experiment, "sound")
    assert found["classification"] == "High"
    assert found["resultMetadata"]["ratio"] < 1 < found["resultMetadata"]["effect"]


def test_d8_the_limit_of_the_effect_is_held_against_the_shift_that_is_tested():
    control = [80.0 + 3 * i for i in range(15)]
    experiment = [value * 1.3 for value in control]
    limits = {"allowedIncrease": 1.4, "criticalIncrease": 2.0}
    found, _ = result(control, experiment, "sound", effectSize=limits)
    assert found["classification"] == "Pass"
    assert found["classificationReason"].startswith("within the limit")


CALM = [10, 10.1, 9.9, 10.2, 9.8, 10.05, 9.95, 10.15, 9.85, 10]
WILD = [1.0, 19, 2, 18, 3, 17, 4, 16, 5, 15]


@pytest.mark.parametrize(
    ("direction", "expected"), [("increase", "High"), ("either", "High"), ("decrease", "Low")]
)
def test_d9_a_spread_that_grows_is_seen(direction, expected):
    assert label(CALM, WILD, "parity", direction=direction) == "Pass"
    found, _ = result(CALM, WILD, "sound", direction=direction)
    assert found["classification"] == expected
    assert "spread" in found["classificationReason"]


def test_d9_a_spread_that_shrinks_is_no_harm():
    assert label(WILD, CALM, "sound") == "Pass"


@pytest.mark.parametrize("experiment", [[], GONE], ids=["empty", "padded"])
def test_d10_a_canary_without_data_has_no_data_whatever_the_strategy(experiment):
    control = [float(1 + i % 5) for i in range(60)]
    asked = {"critical": True, "mustHaveData": True, "nanStrategy": "replace"}
    asked["direction"] = "increase"
    assert result(control, experiment, "parity", **asked)[1]["score"] == 100
    found, score = result(control, experiment, "sound", **asked)
    assert (found["classification"], found["critical"]) == ("Nodata", True)
    assert found["experimentMetadata"]["stats"]["count"] == 0
    assert score["classification"] == "Fail"


def test_d10_a_baseline_without_data_fails_the_metric_beside_healthy_ones():
    values = [5000.0, 6000, 7000, 5000, 6000]
    others = [metric(values, values[::-1], name) for name in "yz"]
    asked = request([metric([], values), *others])
    assert judge(asked, "parity")["score"]["score"] == 100
    found = judge(asked, "sound")
    assert found["results"][0]["classification"] == "NodataFailMetric"
    assert found["score"]["classification"] == "Fail"


def test_d10_a_metric_of_the_config_without_any_pair_is_missing_not_forgotten():
    values = [5000.0, 6000, 7000, 5000, 6000]
    asked = request([metric(values, values), metric(values, values, "y", critical=True)])
    del asked["metricSetPairList"][1]
    assert judge(asked, "parity")["score"]["classification"] == "Pass"
    found = judge(asked, "sound")
    assert [r["classification"] for r in found["results"]] == ["Pass", "Nodata"]
    assert found["score"]["classification"] == "Fail"


def test_d10_gaps_become_zeros_only_where_asked_and_the_result_says_how_many():
    series = [5.0, None, 6.0, "NaN"] * 5
    found, _ = result(series, series, "sound", nanStrategy="replace")
    assert found["experimentMetadata"]["stats"]["count"] == 20
    assert "10 of 20 gaps taken as zeros" in found["resultMetadata"]["notes"][0]
    found, _ = result(series, series, "sound")
    assert found["experimentMetadata"]["stats"]["count"] == 10


def scored(weights, groups=("a", "b"), mode="sound", settings=None):
    values = [5000.0, 6000, 7000, 5000, 6000]
    metrics = [
        metric(values, values, f"m{i}", groups=[group], **(settings or {}))
        for i, group in enumerate(groups)
    ]
    return judge(request(metrics, weights=weights), mode)["score"]


@pytest.mark.parametrize(("weights", "kayenta"), [((80, 80), 160), ((30, 30), 60)])
def test_d12_weights_that_do_not_sum_to_100_are_scaled_and_the_score_says_so(weights, kayenta):
    weights = dict(zip("ab", weights, strict=True))
    assert scored(weights, mode="parity")["score"] == kayenta
    found = scored(weights)
    assert (found["score"], found["classification"]) == (100, "Pass")
    assert f"sum to {kayenta}" in found["classificationReason"]


def test_d12_the_weight_of_a_group_without_metrics_goes_to_the_others():
    weights = {"a": 50, "deleted": 50}
    assert scored(weights, groups="a", mode="parity")["score"] == 50
    found = scored(weights, groups="a")
    assert found["score"] == 100
    assert "no metric is left in deleted" in found["classificationReason"]


def test_d12_weights_that_leave_nothing_for_a_group_are_refused():
    assert scored({"a": 120}, mode="parity")["score"] == 100
    with pytest.raises(InputError, match=r"groupWeights sum to 120 and leave nothing for b"):
        scored({"a": 120})
    with pytest.raises(InputError, match=r"groupWeights\['a'\] is -5"):
        scored({"a": -5})


def test_d12_nothing_to_judge_fails_with_a_reason_and_metrics_without_a_group_count():
    muted = {"settings": {"muted": True}, "groups": "a", "weights": {}}
    assert scored(mode="parity", **muted)["classificationReason"] == ""
    assert "every metric is muted" in scored(**muted)["classificationReason"]
    assert "no metric to judge" in scored({}, groups="")["classificationReason"]
    values = [5000.0, 6000, 7000, 5000, 6000]
    alone = request([metric(values, values, groups=[])])
    assert judge(alone, "parity")["score"]["score"] == 0
    assert judge(alone, "sound")["score"]["score"] == 100


@pytest.mark.parametrize("mode", ["parity", "sound"])
def test_d14_constants_are_judged_the_same_every_time(mode):
    asked = of_vector(metric([100.0] * 10, [100.001] * 10))
    assert judge(asked, mode) == judge(asked, mode)


def test_d14_kayentas_class_of_constants_hangs_on_its_noise():
    asked = of_vector(metric([100.0] * 10, [100.001] * 10))
    noise = np.random.default_rng(1)
    labels = {
        judge(asked, "parity", noise=noise.standard_normal)["results"][0]["classification"]
        for _ in range(100)
    }
    assert labels == {"High", "Pass"}


def test_d14_sound_mode_compares_constants_without_noise():
    found, _ = result([100.0] * 10, [150.0] * 10, "sound")
    assert found["classification"] == "High"
    assert found["resultMetadata"]["lower"] == found["resultMetadata"]["upper"] == 50


@pytest.mark.parametrize(("direction", "least"), [("either", 5), ("increase", 4)])
def test_d16_as_many_values_are_needed_as_could_reach_the_level(direction, least):
    for n in range(1, 7):
        control, experiment = [1.0 + i for i in range(n)], [20.0 + i for i in range(n)]
        found, _ = result(control, experiment, "sound", direction=direction)
        assert found["classification"] == ("High" if n >= least else "Nodata"), n
    assert label([1.0, 2.0], [20.0, 21.0], "parity") == "High"


def test_d16_too_few_values_fail_a_metric_that_must_have_data():
    assert label([1.0, 2.0], [20.0, 21.0], "sound", mustHaveData=True) == "NodataFailMetric"


def test_d16_identical_values_too_few_to_decide_do_not_pass():
    found, _ = result([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], "sound", critical=True)
    assert (found["classification"], found["critical"]) == ("Nodata", True)


def reason(control, experiment, mode="sound", **settings):
    found, _ = result(control, experiment, mode, **settings)
    assert found["classification"] == "Pass"
    return found["classificationReason"]


def test_d17_a_pass_says_which_pass_it_is():
    draw = np.random.default_rng(2)
    steady = [draw.normal(100, 1, 60).tolist() for _ in range(2)]
    rough = [draw.lognormal(4.6, 1.5, 20).tolist() for _ in range(2)]
    assert reason(steady[0], steady[0][::-1]).startswith("identical")
    assert reason([3.0] * 9, [3.0] * 8).startswith("identical")
    assert reason(*steady).startswith("shown not worse")
    assert reason(*rough).startswith("not significant")
    assert reason(*steady, "parity") is reason(*rough, "parity") is None


def test_d17_not_worse_is_claimed_neither_of_sparse_values_nor_of_a_coarse_grid():
    sparse = [0.0, 0, 0, 40, 0, 0, 0, 0, 900, 0] * 6
    assert reason(sparse, [0.0, *sparse[:-1]], direction="increase").startswith("identical")
    assert reason(sparse, [0.0, *sparse[:-2], 1.0]).startswith("not significant")
    coarse = [10.0, 14, 6, 11, 25, 2, 10, 9, 31, 3] * 6
    assert reason(coarse, [11.0, *coarse[1:]]).startswith("not significant")


def test_an_error_keeps_its_place_in_the_score():
    # what sound mode cannot judge is told, and a critical metric never passes unjudged
    short, values = [1.0, 2.0], [5000.0, 6000, 7000, 5000, 6000]
    asked = request(
        [metric(values, values, name) for name in "abc"] + [metric(short, short, "short")]
    )
    found = judge(asked)["score"]
    assert found["score"] == 100
    assert "not judged: short: not enough data to decide" in found["classificationReason"]


def test_d3_autocorrelation_widens_what_sound_mode_takes_for_chance():
    draw = np.random.default_rng(3)
    failed = {"parity": 0, "sound": 0}
    for _ in range(60):
        sides = []
        for _side in range(2):
            value, series = 0.0, []
            for _tick in range(140):
                value = 0.8 * value + draw.normal()
                series.append(100 + 12 * value)
            sides.append(series[20:])
        for mode in failed:
            failed[mode] += label(*sides, mode) in {"High", "Low"}
    assert failed["parity"] >= 10
    assert failed["sound"] <= 4


def test_d3_is_not_mended_under_twenty_values():
    # as docs/kayenta.md says: short series count as independent in either mode
    found, _ = result([100.0 + i for i in range(12)], [120.0 + i for i in range(12)], "sound")
    assert (found["classification"], found["resultMetadata"]["nEffective"]) == ("High", None)


def test_every_figure_is_under_the_result_metadata_of_both_modes():
    draw = np.random.default_rng(5)
    control, experiment = draw.normal(100, 10, 30).tolist(), draw.normal(130, 10, 30).tolist()
    for mode in ("parity", "sound"):
        told = result(control, experiment, mode)[0]["resultMetadata"]
        assert told["lower"] < told["estimate"] < told["upper"]
        assert told["ratio"] == pytest.approx(told["effect"], rel=0.05)
        assert told["effectMeasure"] == "meanRatio"
        assert (told["pValue"] is None) == (mode == "parity")
        assert math.isfinite(told["lower"])


@pytest.mark.parametrize(("base", "scale"), [(100.0, "ratio"), (-30.0, "difference")])
def test_a_pattern_both_sides_share_does_not_hide_a_change(base, scale):
    draw = np.random.default_rng(6)
    load = base + 50 * np.linspace(0, 1, 60)

    def side(factor=1.0, more=0.0):
        return (factor * load + more + draw.normal(0, 2, 60)).tolist()

    raised = side(factor=1.3) if scale == "ratio" else side(more=10.0)
    found, _ = result(side(), raised, "sound")
    told = found["resultMetadata"]
    assert (found["classification"], told["method"]) == ("High", "paired")
    assert told["estimateScale"] == scale
    assert told["lower"] == pytest.approx(1.28 if scale == "ratio" else 9.5, rel=0.05)
    assert label(side(), side(), "sound") == "Pass"


def test_a_series_worth_too_little_is_not_decided():
    ramp = [100.0 + i for i in range(30)]
    found, score = result(ramp, [3 * value for value in ramp], "sound", critical=True)
    assert found["classification"] == "Nodata"
    assert "not enough data to decide" in score["classificationReason"]
