"""`novelties` and `joint_anomalies`: plain cases, oracles of their kernels, bad input, statuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import canarystats as cs
from canarystats.evidence import Status
from canarystats.kernels.covariance import ellipsoid
from canarystats.kernels.novelty import distance_from_recent, distance_of_level, is_record


def test_distances_are_those_written_out():
    x = np.random.default_rng(1).normal(5, 2, 60).cumsum()
    recent, level = distance_from_recent(x[None], 7)[0], distance_of_level(x[None], 4)[0]
    means = np.array([x[max(t - 3, 0) : t + 1].mean() for t in range(60)])
    for t in range(2, 60):
        past = x[max(t - 7, 0) : t]
        assert recent[t] == pytest.approx(abs(x[t] - past.mean()) / past.std(), rel=1e-6)
        assert level[t] == pytest.approx(
            abs(means[t] - means[:t].mean()) / means[:t].std(), rel=1e-6
        )


@pytest.mark.parametrize("memory", [1, 2, 7, 40, 100])
def test_records_are_those_written_out(memory):
    scores = np.random.default_rng(2).integers(0, 20, (2, 50)) * 1.0
    found = is_record(scores, memory)
    for row, told in zip(scores, found, strict=True):
        slow = [all(row[t] > row[max(t - memory, 0) : t]) for t in range(50)]
        assert told.tolist() == slow


def test_a_new_level_is_told_while_it_grows_and_not_again():
    x = np.random.default_rng(3).normal(size=1500)
    x[1000:] += 8
    found = cs.detect.novelties(x, times=60.0 * np.arange(1500))
    assert 1000 <= found.found[0].index <= 1010
    assert found.found[0].at == 60.0 * found.found[0].index
    assert found.found[-1].index <= 1012  # the mean of ten has arrived
    assert "Novelties of series" in repr(found)
    assert "<table>" in found._repr_html_()


def test_the_past_alone_decides():
    x = np.random.default_rng(4).normal(size=800)
    whole = cs.detect.novelties(x).scores
    assert cs.detect.novelties(x[:500]).scores == whole[:500]


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([], Status.NO_DATA),
        ([np.nan] * 5, Status.NO_DATA),
        ([1.0] * 50, Status.INSUFFICIENT),
        ([1.0] * 500, Status.DEGENERATE),
    ],
)
def test_series_without_enough_to_say_have_a_status(values, status):
    found = cs.detect.novelties(values)
    assert found.evidence.status is status
    assert found.found == ()
    assert str(status).replace("_", " ") in repr(found)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"threshold": 0.0}, "threshold"),
        ({"memory": 0}, "memory"),
        ({"recent": 1}, "recent"),
        ({"level": 0}, "level"),
        ({"times": [1.0]}, "times"),
    ],
)
def test_bad_settings_of_novelties_are_named(settings, field):
    with pytest.raises(cs.InputError, match=field):
        cs.detect.novelties([1.0, 2.0], **settings)


def test_squared_distances_of_many_normal_vectors_are_chi_squared():
    rng = np.random.default_rng(5)
    root = np.linalg.cholesky([[4.0, 1.8, 0.3], [1.8, 1.0, 0.0], [0.3, 0.0, 9.0]])
    where = ellipsoid(rng.normal(size=(40_000, 3)) @ root.T + 50, 40_000)
    fresh = where.squared_distance(rng.normal(size=(40_000, 3)) @ root.T + 50)
    for share in (0.5, 0.9, 0.99):
        assert (fresh > stats.chi2.ppf(share, 3)).mean() == pytest.approx(
            1 - share, abs=4 * np.sqrt(share * (1 - share) / 40_000) + 0.02 * (1 - share)
        )


def test_a_fifth_of_wild_ticks_hardly_moves_the_covariance():
    rng = np.random.default_rng(6)
    clean = rng.normal(size=(4000, 2)) @ np.array([[1.0, 0.9], [0.0, 0.44]])
    wild = clean.copy()
    wild[:800] = rng.normal(8, 1, (800, 2)) * [1, -1]
    robust = np.linalg.inv(ellipsoid(wild, 4000).precision)
    assert robust[0, 1] / np.sqrt(robust[0, 0] * robust[1, 1]) > 0.6
    assert np.corrcoef(wild.T)[0, 1] < -0.5


def gauges(rng, shift, pods=5, n=60):
    sides = rng.normal(size=(pods + 1, n, 2)) @ np.linalg.cholesky([[1, 0.95], [0.95, 1]]).T
    sides[0, -4:] += shift
    return [
        cs.Pair.gauge(f"m{i}", canary=sides[0, :, i], baseline=sides[1:, :, i].T) for i in range(2)
    ]


def test_metrics_that_part_are_odd_together_though_each_is_ordinary():
    pairs = gauges(np.random.default_rng(7), np.array([2.0, -2.0]))
    assert [cs.detect.anomalies(pair).anomalous for pair in pairs] == [False, False]
    found = cs.detect.joint_anomalies(pairs)
    assert found.found[0][0] >= 56
    assert sum(found.shares) == pytest.approx(1)
    assert found.peak >= 56
    assert "m" in found._repr_html_()


def test_a_metric_that_never_varies_counts_for_nothing():
    pairs = gauges(np.random.default_rng(8), np.array([2.0, -2.0]))
    flat = cs.Pair.gauge("flat", canary=np.zeros(60), baseline=np.zeros((60, 5)))
    with_flat = cs.detect.joint_anomalies([*pairs, flat])
    assert with_flat.shares[2] == 0
    assert with_flat.found


def test_too_little_is_a_status_and_bad_pairs_are_refused():
    rng = np.random.default_rng(9)
    few = cs.detect.joint_anomalies(gauges(rng, 0.0, pods=1, n=5))
    assert few.evidence.status is Status.INSUFFICIENT
    flat = cs.Pair.gauge("flat", canary=np.zeros(60), baseline=np.zeros(60))
    assert cs.detect.joint_anomalies([flat]).evidence.status is Status.DEGENERATE
    empty = cs.Pair.gauge("e", canary=np.full(60, np.nan), baseline=np.zeros(60))
    assert cs.detect.joint_anomalies([flat, empty]).evidence.status is Status.NO_DATA
    with pytest.raises(cs.InputError, match="pairs is empty"):
        cs.detect.joint_anomalies([])
    with pytest.raises(cs.InputError, match="'q' must be a gauge with a baseline"):
        cs.detect.joint_anomalies([cs.Pair.gauge("q", canary=[1.0])])
    with pytest.raises(cs.InputError, match="other ticks"):
        cs.detect.joint_anomalies([flat, cs.Pair.gauge("s", canary=[1.0], baseline=[1.0])])
