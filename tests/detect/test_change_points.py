"""What `cs.detect.change_points` gives, and how it takes what is wrong."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import ruptures

import canarystats as cs
from canarystats.evidence import Question, Status
from tests.detect.processes import ar1, step


@pytest.fixture
def stepped():
    return np.random.default_rng(1).normal(size=500) + 2 * step(500)


def test_a_step_is_told_with_all_that_belongs_to_it(stepped):
    (point,) = cs.detect.change_points(stepped)
    assert abs(point.index - 300) <= 2
    assert point.at == point.index
    assert point.interval.low <= 300 <= point.interval.high
    assert point.p_value < 1e-20
    assert point.effect == pytest.approx(2, abs=0.3)
    before, after = stepped[: point.index], stepped[point.index :]
    assert point.effect == np.median(after) - np.median(before)
    assert point.persists
    assert point.evidence.question is Question.DIFFERENCE
    assert point.evidence.decides
    assert point.evidence.p_value == point.p_value


def test_times_are_those_of_the_ticks_and_missing_samples_keep_their_place(stepped):
    times = 1.7e9 + 30.0 * np.arange(500)
    stepped[[5, 6, 7, 299, 450]] = np.nan
    (point,) = cs.detect.change_points(stepped, times=times)
    assert point.at == times[point.index]
    assert abs(point.index - 300) <= 2
    assert point.interval.low <= times[300] <= point.interval.high
    assert not np.isnan(stepped[point.index])


def test_many_series_give_a_list_of_lists(stepped):
    found = cs.detect.change_points(np.stack([stepped, stepped[::-1], np.zeros(500)]))
    assert [len(points) for points in found] == [1, 1, 0]
    assert found[2].evidence.status is Status.DEGENERATE


def test_what_both_sides_share_is_no_change():
    rng = np.random.default_rng(2)
    season = 3 * np.sin(6 * np.pi * np.arange(500) / 500) + 5 * step(500, 0.3)
    canary, baseline = season + rng.normal(size=(2, 500))
    assert cs.detect.change_points(canary, baseline) == []
    (point,) = cs.detect.change_points(canary + 2 * step(500), baseline)
    assert abs(point.index - 300) <= 5


def test_one_baseline_serves_every_series(stepped):
    baseline = np.random.default_rng(3).normal(size=500)
    both = cs.detect.change_points(np.stack([stepped, baseline[::-1]]), baseline)
    assert both[0] == cs.detect.change_points(stepped, baseline)
    assert both[1] == []


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([], Status.NO_DATA),
        ([np.nan] * 50, Status.NO_DATA),
        ([1.0, 2.0, 3.0], Status.INSUFFICIENT),
        ([4.0] * 100, Status.DEGENERATE),
        (np.random.default_rng(4).normal(size=100), Status.OK),
    ],
    ids=["none", "all missing", "three", "constant", "noise"],
)
def test_an_empty_list_says_why_it_is_empty(values, status):
    found = cs.detect.change_points(values)
    assert found == []
    assert found.evidence.status is status
    assert not found.evidence.decides


def test_infinite_values_are_ranked(stepped):
    stepped[[10, 400]] = np.inf
    (point,) = cs.detect.change_points(stepped)
    assert abs(point.index - 300) <= 2
    assert "infinite: 2" in cs.detect.change_points(stepped).evidence.seen


def test_a_step_without_noise_is_found():
    (point,) = cs.detect.change_points([0.0] * 20 + [1.0] * 20)
    assert point.index == 20
    assert point.effect == 1
    assert point.effect_ratio is None


def test_filters_on_magnitude_and_persistence():
    rng = np.random.default_rng(5)
    bump = 100 + rng.normal(size=600) + 3 * ((np.arange(600) // 150) == 1)
    assert len(cs.detect.change_points(bump)) == 2
    up, down = cs.detect.change_points(bump)
    assert (up.persists, down.persists) == (False, True)
    assert cs.detect.change_points(bump, persistent=True) == [down]
    assert cs.detect.change_points(bump, min_effect=10) == []
    assert cs.detect.change_points(bump, min_effect_ratio=0.05) == []
    assert len(cs.detect.change_points(bump, min_effect_ratio=0.01)) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"values": np.zeros((2, 2, 2))}, r"values has shape \(2, 2, 2\)"),
        ({"values": "no numbers"}, "values is not an array of numbers"),
        ({"values": [1, 2], "baseline": [1, 2, 3]}, r"baseline has shape \(3,\)"),
        ({"values": [1, 2], "times": [2, 1]}, r"times\[1\] = 1.0 does not come after"),
        ({"values": [1, 2], "level": 0}, "level is 0"),
        ({"values": [1, 2], "min_segment": 1}, "min_segment is 1"),
        ({"values": [1, 2], "min_effect": -1}, "min_effect is -1"),
        ({"values": [1, 2], "method": "magic"}, "method is 'magic'"),
        ({"values": [1, 2], "penalty": 3}, "penalty is for the other searches"),
        ({"values": range(40), "method": "pelt", "penalty": -1}, "penalty is -1"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(reversed(value)),
)
def test_what_cannot_be_right_is_refused(arguments, says):
    with pytest.raises(cs.InputError, match=says):
        cs.detect.change_points(**arguments)


def test_points_show_themselves(stepped):
    found = cs.detect.change_points(stepped)
    assert repr(found[0]).startswith(f"ChangePoint at {found[0].index} [")
    assert "<table>" in found._repr_html_()
    assert "<table>" in found[0]._repr_html_()


@pytest.mark.parametrize("method", ["pelt", "kernel", "rbf", "rank", "e_divisive"])
def test_exact_searches_stand_behind_the_same_call(stepped, method):
    (exact,) = cs.detect.change_points(stepped, method=method)
    (seeded,) = cs.detect.change_points(stepped)
    assert exact.index == seeded.index


def three_steps(seed, n=600):
    places = (150, 300, 420)
    values = np.random.default_rng(seed).normal(size=n)
    for i, place in enumerate(places):
        values[place:] += 3 * (-1) ** i
    return values


def optimal(values):
    """ruptures' exact optimum on the raw values, whose variance is 1."""
    n = len(values)
    search = ruptures.KernelCPD(kernel="linear", min_size=10).fit(values[:, None])
    return search.predict(pen=3 * np.log(n) + 4 * np.log(np.log(n)))[:-1]


def test_the_exact_optimum_of_the_values_has_the_same_points():
    """Ranks see a step of three sigmas where the values do, give or take a sample."""
    same = 0
    for seed in range(20):
        values = three_steps(seed)
        found = [point.index for point in cs.detect.change_points(values)]
        assert found == pytest.approx(optimal(values), abs=4)
        same += found == optimal(values)
    assert same >= 16


@pytest.mark.parametrize("seed", range(5))
def test_on_the_same_scores_the_seeded_search_reaches_the_exact_optimum(seed):
    values = three_steps(seed)
    exact = cs.detect.change_points(values, method="kernel")
    assert [p.index for p in cs.detect.change_points(values)] == [p.index for p in exact]


def test_autocorrelated_noise_is_no_change_where_an_exact_search_sees_many():
    values = ar1(np.random.default_rng(7), 1, 500, 0.6)[0]
    steady = np.median(np.abs(np.diff(values))) * 1.4826 / np.sqrt(2)
    search = ruptures.KernelCPD(kernel="linear", min_size=2).fit(values[:, None] / steady)
    assert len(search.predict(pen=2 * np.log(500))) > 5
    assert cs.detect.change_points(values) == []


def test_the_seeded_search_loads_no_heavy_package():
    code = (
        "import sys, canarystats as cs; cs.detect.change_points(list(range(100)));"
        "print([m for m in ('ruptures', 'scipy.stats', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
