"""E-divisive: statistics, order and number of points are those MongoDB's package publishes."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

import canarystats as cs
from canarystats.errors import InputError
from canarystats.kernels.energy import divided, split_statistics
from tests.detect.processes import ar1
from tests.needs import SHARED, need

VECTORS = SHARED / "data" / "mongodb_ediv"
RISING = [1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3]
RISING_STATISTICS = [
    0, 1.03333333, 2.2962963, 3.875, 5.9047619, 4.33333333,
    3.6, 3.41666667, 3.80952381, 5.25, 3.11111111, 1.4,
]  # fmt: skip
THREE_LEVELS = [
    41, 18, 23, 3, 32, 11, 40, 13, 29, 48, 47, 35, 18, 21, 6, 2, 23, 3, 4, 7,
    120, 103, 102, 81, 71, 62, 115, 61, 108, 63, 70, 98, 65, 96, 64, 74, 70, 113, 90, 114,
    208, 196, 153, 150, 225, 179, 206, 165, 177, 151, 218, 217, 244, 245, 229, 195, 225, 229, 176,
    250,
]  # fmt: skip


def vectors(name):
    need(VECTORS.is_dir(), "MongoDB's performance series")
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def levels(n, *steps, outliers=()):
    """A series at 50 that takes a level from a place on."""
    values = np.full(n, 50.0)
    for start, level in steps:
        values[start:] = level
    for place in outliers:
        values[place] = 100
    return values


def by_permutation(values, level=0.01, permutations=100):
    """The points E-divisive keeps by permutation within stretches, in the order found."""
    rng = np.random.default_rng(1)
    order = divided(values, 1, 0.0).tolist()
    for i, place in enumerate(order):
        ends = [0, *sorted(order[:i]), len(values)]
        start = max(end for end in ends if end < place)
        stop = min(end for end in ends if end > place)
        clearest = split_statistics(values[start:stop])[place - start]
        by_chance = [
            max(split_statistics(rng.permutation(values[a:b])).max() for a, b in pairwise(ends))
            for _ in range(permutations)
        ]
        if np.sum(np.array(by_chance) >= clearest) / (permutations + 1) > level:
            return order[:i]
    return order


def test_statistics_are_those_written_out():
    """Of distinct pairs and of all pairs, by their definition."""
    values = np.random.default_rng(2).lognormal(size=23)
    distances = np.abs(values[:, None] - values)
    for place in range(1, 23):
        before, after = distances[:place, :place], distances[place:, place:]
        n, m = place, 23 - place
        between = 2 * distances[:place, place:].mean()
        distinct = [part.sum() / max(k * (k - 1), 1) for part, k in ((before, n), (after, m))]
        for flag, within in ((True, distinct), (False, [before.mean(), after.mean()])):
            wanted = n * m / 23 * (between - sum(within))
            assert split_statistics(values, distinct=flag)[place] == pytest.approx(wanted, rel=1e-9)


def test_statistics_are_the_published_ones_of_twelve_values():
    found = split_statistics(np.array(RISING, dtype=np.float64))
    assert found == pytest.approx(RISING_STATISTICS, rel=1e-7, abs=1e-9)


def test_statistics_of_a_real_series_are_mongodbs():
    values = np.array(vectors("robust_series"))
    wanted = vectors("expected_result_robust_series_proper_division")
    assert split_statistics(values) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("values", "points"),
    [
        (THREE_LEVELS, [(40, 2848.1169590643276), (20, 893.578947368421)]),
        (levels(30, (15, 100), outliers=[2]), [(15, 649.9999999999999)]),
        (
            levels(45, (15, 100), (30, 50), outliers=[2, 32]),
            [(33, 226.66666666666674), (15, 544.7415329768271)],
        ),
        (
            levels(45, (15, 100), (30, 150), outliers=[2]),
            [(30, 1209.1954022988505), (15, 649.9999999999999)],
        ),
    ],
    ids=["three levels", "an outlier", "there and back", "two steps"],
)
def test_points_their_order_and_statistics_are_those_mongodb_tests(values, points):
    values = np.asarray(values, dtype=np.float64)
    ends = [0, len(values)]
    for found, (place, statistic) in zip(divided(values, 1, 0.0), points, strict=False):
        start = max(end for end in ends if end < place)
        stop = min(end for end in ends if end > place)
        here = split_statistics(values[start:stop])
        assert found == place
        assert here[place - start] == pytest.approx(statistic, rel=1e-9)
        ends.append(place)
    assert sorted(by_permutation(values)) == sorted(place for place, _ in points)


@pytest.mark.parametrize(
    "name", ["short", "small", pytest.param("medium", marks=pytest.mark.calibration)]
)
def test_as_many_points_as_mongodb_expects_of_its_series(name):
    content = vectors(name)
    found = by_permutation(np.array(content["series"], dtype=np.float64))
    assert len(found) == content["expected"]


@pytest.mark.calibration
def test_four_points_of_mongodbs_long_series():
    assert len(by_permutation(np.array(vectors("long_series")))) == 4


def test_the_same_call_knows_memory_where_permutations_do_not():
    rows = ar1(np.random.default_rng(5), 10, 300, 0.6)
    found = cs.detect.change_points(rows, method="e_divisive")
    assert not any(found)
    assert sum(len(by_permutation(row, level=0.05)) for row in rows[:3]) >= 2


def test_a_change_of_spread_alone_is_seen():
    values = np.random.default_rng(3).normal(size=600)
    values[300:] *= 8
    (point,) = cs.detect.change_points(values, method="e_divisive")
    assert abs(point.index - 300) <= 10


def test_a_split_leaves_the_fewest_samples_on_each_side():
    values = levels(40, (3, 100))
    assert not len(divided(values, 30, 0.0))
    assert divided(values, 10, 0.0)[0] == 10
    with pytest.raises(InputError, match="penalty"):
        cs.detect.change_points(levels(40, (20, 100)), method="e_divisive", penalty=-1.0)
