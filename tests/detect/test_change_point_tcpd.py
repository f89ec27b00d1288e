"""The scores of the Turing data set are computed as its authors do, and do not fall."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.quality.tcpd import cover, f1, univariate

import canarystats as cs
from tests.needs import SHARED, need


@pytest.mark.parametrize(
    ("annotations", "predicted", "expected"),
    [
        ({"1": [10, 20], "2": [11, 20], "3": [10], "4": [0, 5]}, [10, 20], 1.0),
        ({"1": [], "2": [10], "3": [50]}, [10], 0.9090909090909091),
        ({"1": [], "2": [10], "3": [50]}, [], 0.8),
    ],
)
def test_f1_is_that_of_the_published_examples(annotations, predicted, expected):
    assert f1(annotations, predicted) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("annotations", "predicted", "expected"),
    [
        ({"1": [10, 20], "2": [10], "3": [0, 5]}, [10, 20], 0.7962962962962963),
        ({"1": [], "2": [10], "3": [40]}, [10], 0.7954144620811286),
        ({"1": [], "2": [10], "3": [40]}, [], 0.8189300411522634),
    ],
)
def test_cover_is_that_of_the_published_examples(annotations, predicted, expected):
    assert cover(annotations, predicted, 45) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("bank", 1.0), ("brent_spot", 0.3146067415730337), ("businv", 0.5882352941176471)],
)
def test_no_prediction_scores_what_the_benchmark_published_for_it(name, expected):
    need((SHARED / "data" / "tcpd").is_dir(), "the Turing change point data set")
    series = {one.name: one for one in univariate(SHARED / "data" / "tcpd")}[name]
    assert f1(series.annotations, []) == pytest.approx(expected, rel=1e-12)


def test_the_defaults_reach_what_is_asked_of_them():
    need((SHARED / "data" / "tcpd").is_dir(), "the Turing change point data set")
    ours, none = [], []
    for series in univariate(SHARED / "data" / "tcpd"):
        told = [point.index for point in cs.detect.change_points(series.values)]
        for scores, places in ((ours, told), (none, [])):
            n = len(series.values)
            scores.append((f1(series.annotations, places), cover(series.annotations, places, n)))
    assert len(ours) == 28
    assert np.mean(ours, axis=0)[0] >= 0.70
    assert np.mean(ours, axis=0)[1] >= 0.67
    gained = np.mean(ours, axis=0) - np.mean(none, axis=0)
    assert gained[0] > 0.03
    assert gained[1] > 0.10
