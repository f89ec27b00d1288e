"""What `anomalies` says of plain cases, of bad input, and of too little data."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import canarystats as cs
from canarystats.evidence import Status
from canarystats.kernels.conformal import conformal_p_values, trailing_p_values
from canarystats.kernels.k_of_m import kth_of_last
from canarystats.kernels.robust import CENTRAL_90, MAD_TO_SIGMA, median_and_width, quantiles

RECORD = np.random.default_rng(1).normal(200, 5, 500)
ODD = [201.0, 198.0, 240.0, 236.0, 203.0]


def gauge(rng, pods=5, n=60, **shifts):
    canary = rng.normal(size=(n, 1))
    for start, size in shifts.items():
        canary[int(start[1:]) :] += size
    return cs.Pair.gauge("queue", canary=canary, baseline=rng.normal(size=(n, pods)))


def test_two_of_five_outside_the_band_are_found_and_proven():
    found = cs.detect.anomalies(ODD, RECORD)
    assert found.anomalous
    (one,) = found.found
    assert (one.start, one.end, one.peak, one.observed) == (2, 3, 2, 240.0)
    assert one.expected == np.median(RECORD)
    assert found.evidence.decides


def test_one_of_five_is_not_enough_for_the_rule():
    assert not cs.detect.anomalies([201.0, 198, 240, 199, 203], RECORD).anomalous
    assert cs.detect.anomalies([201.0, 198, 240, 199, 203], RECORD, k=1).anomalous


def test_a_direction_that_does_not_hurt_is_not_told():
    assert not cs.detect.anomalies(ODD, RECORD, harmful="decrease").anomalous
    assert cs.detect.anomalies(ODD, RECORD, harmful="increase").anomalous


def test_too_few_ordinary_values_are_said_to_prove_nothing():
    found = cs.detect.anomalies([500.0] * 5, RECORD[:20])
    assert found.anomalous  # the rule may speak
    assert found.evidence.status is Status.INSUFFICIENT
    assert not found.evidence.decides
    assert found.smallest_p_value > found.evidence.level
    assert found.evidence.p_value >= found.smallest_p_value


def test_times_are_those_given():
    (one,) = cs.detect.anomalies(ODD, RECORD, times=[0.0, 60, 120, 180, 240]).found
    assert (one.start_at, one.end_at) == (120.0, 180.0)


@pytest.mark.parametrize(
    ("values", "baseline", "status"),
    [
        ([], [], Status.NO_DATA),
        ([np.nan], [np.nan, np.nan], Status.NO_DATA),
        ([], [1.0, 2.0], Status.ONE_SIDE_ONLY),
        ([1.0], [], Status.ONE_SIDE_ONLY),
        ([1.0, 2.0], [3.0] * 9, Status.DEGENERATE),
        ([1.0], [2.0, 3.0], Status.INSUFFICIENT),
        ([1.0], None, Status.NOT_EVALUABLE),
    ],
)
def test_too_little_data_is_a_status(values, baseline, status):
    found = cs.detect.anomalies(values, baseline)
    assert found.evidence.status is status
    assert not found.anomalous
    assert repr(found)
    assert found._repr_html_()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"sigmas": 0}, "sigmas"),
        ({"k": 6}, "k is 6 and m is 5"),
        ({"level": 1.0}, "level"),
        ({"harmful": "up"}, "harmful"),
        ({"period": 1}, "period"),
        ({"baseline": np.zeros((3, 4))}, "baseline has shape"),
        ({"times": [0.0]}, "times"),
        ({"history": cs.Pair.gauge("q", canary=[1.0])}, "history"),
    ],
)
def test_bad_input_names_the_field(settings, field):
    with pytest.raises(cs.InputError, match=field):
        cs.detect.anomalies(ODD, **({"baseline": RECORD} | settings))


def test_a_pair_of_counts_is_refused():
    pair = cs.Pair.counts("errors", canary=([1], [9]), baseline=([1], [9]))
    with pytest.raises(cs.InputError, match=r"errors.*counts"):
        cs.detect.anomalies(pair)


def test_what_all_pods_share_is_no_anomaly_and_hides_none():
    rng = np.random.default_rng(2)
    pair = gauge(rng, _50=8.0)
    shared = 30 * np.sin(np.arange(60) / 5)[:, None]
    incident = np.where(np.arange(60) >= 20, 50.0, 0.0)[:, None]
    moved = cs.Pair.gauge(
        "queue",
        canary=pair.canary + shared + incident,
        baseline=pair.baseline + shared + incident,
    )
    (one,) = cs.detect.anomalies(moved).found
    assert (one.start, one.end) == (50, 59)


def test_the_most_suspicious_pod_speaks_for_all():
    rng = np.random.default_rng(3)
    canary = rng.normal(size=(60, 3))
    canary[-5:, 1] += 9
    found = cs.detect.anomalies(
        cs.Pair.gauge("queue", canary=canary, baseline=rng.normal(size=(60, 6)))
    )
    assert found.pod == 1
    assert [pod.anomalous for pod in found.pods] == [False, True, False]
    assert found.evidence.p_value == min(1, 3 * found.pods[1].evidence.p_value)


def test_pods_that_always_differed_are_worth_little_more_than_their_number():
    rng = np.random.default_rng(4)
    lasting = np.array([0.0, 40, -30, 15, -50])
    alike = gauge(rng)
    differing = cs.Pair.gauge("queue", canary=alike.canary + 60, baseline=alike.baseline + lasting)
    assert cs.detect.anomalies(alike).evidence.n_effective > 100
    found = cs.detect.anomalies(differing)
    assert found.evidence.n_effective < 10
    assert not found.anomalous


def test_differences_are_compared_with_those_before_the_rollout():
    rng = np.random.default_rng(5)
    load = np.cumsum(rng.normal(0, 20, 260))[:, None]
    canary, baseline = (load + rng.normal(size=(260, 1)) for _ in range(2))
    canary[-4:] += 8
    history = cs.Pair.gauge("queue", canary=canary[:200], baseline=baseline[:200])
    pair = cs.Pair.gauge("queue", canary=canary[200:], baseline=baseline[200:])
    assert not cs.detect.anomalies(pair).anomalous  # the load's own wandering hides it
    (one,) = cs.detect.anomalies(pair, history=history).found
    assert (one.start, one.end) == (56, 59)


def test_samples_are_held_against_the_baselines():
    pair = cs.Pair.samples("latency_seconds", canary=ODD, baseline=RECORD)
    assert cs.detect.anomalies(pair).found == cs.detect.anomalies(ODD, RECORD).found


def test_statsmodels_stays_unloaded_without_a_period():
    code = (
        "import sys, canarystats as cs; cs.detect.anomalies([1.0, 2], [1.0, 2, 3]);"
        "assert not {'statsmodels', 'pandas', 'scipy.stats'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_quantiles_and_width_are_those_of_numpy_and_scipy():
    rng = np.random.default_rng(6)
    rows = rng.standard_t(3, (20, 41))
    rows[rng.random(rows.shape) < 0.2] = np.nan
    shares = (0.05, 0.5, 0.95)
    assert np.allclose(quantiles(rows, shares), np.nanquantile(rows, shares, axis=1).T, rtol=1e-12)
    middle, width = median_and_width(rows)
    mad = stats.median_abs_deviation(rows, axis=1, scale="normal", nan_policy="omit")
    low, high = np.nanquantile(rows, (0.05, 0.95), axis=1)
    assert np.allclose(middle, np.nanmedian(rows, axis=1), rtol=1e-12)
    assert np.allclose(width, np.maximum(mad, (high - low) / CENTRAL_90), rtol=1e-12)
    assert pytest.approx(1 / stats.norm.ppf(0.75), rel=1e-12) == MAD_TO_SIGMA
    assert pytest.approx(2 * stats.norm.ppf(0.95), rel=1e-12) == CENTRAL_90


def test_conformal_p_values_are_the_counts_written_out():
    rng = np.random.default_rng(7)
    scores, past = rng.integers(0, 9, (3, 5)) * 1.0, rng.integers(0, 9, (3, 30)) * 1.0
    past[0, 20:] = np.nan
    effective = (~np.isnan(past)).sum(axis=1) * 1.0
    found = conformal_p_values(scores, past, effective)
    for i, row in enumerate(scores):
        held = past[i][~np.isnan(past[i])]
        slow = [(1 + (held >= score).sum()) / (1 + len(held)) for score in row]
        assert found[i] == pytest.approx(slow, rel=1e-12)


def test_trailing_p_values_are_the_counts_written_out():
    rng = np.random.default_rng(8)
    for n in (0, 1, 2, 3, 17, 64, 200):
        series = rng.integers(0, 12, n) * 1.0
        slow = [(1 + (series[:t] >= series[t]).sum()) / (1 + t) for t in range(n)]
        assert trailing_p_values(series[None])[0].tolist() == slow


def test_the_kth_of_the_last_m_is_that_of_a_sort():
    rng = np.random.default_rng(9)
    scores = rng.normal(size=(2, 30))
    found = kth_of_last(scores, 2, 5)
    for row, told in zip(scores, found, strict=True):
        assert np.isneginf(told[0])
        for t in range(1, 30):
            assert told[t] == np.sort(row[max(t - 4, 0) : t + 1])[-2]
