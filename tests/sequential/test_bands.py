"""Bands of whole distributions and intervals of quantiles, at any number of looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import canarystats as cs
from canarystats.kernels.quantile_bounds import band_width
from canarystats.sequential.bands import distribution_bands, quantile_intervals
from tests.sequential.simulated import most_by_chance


def samples(canary, baseline):
    return cs.Pair.samples("latency_seconds", canary=canary, baseline=baseline)


def test_a_band_is_the_empirical_distribution_with_a_margin():
    rng = np.random.default_rng(0)
    values = np.round(rng.gamma(2.0, 0.05, 3000), 3)
    band, other = distribution_bands(samples(values, values[:100]), level=0.9)
    for value, share in zip(band.values[::40], band.share[::40], strict=True):
        assert share == (values <= value).mean()
    assert band.share[-1] == 1
    half = float(band_width(3000, 0.95))
    np.testing.assert_allclose(band.high, np.minimum(band.share + half, 1))
    np.testing.assert_allclose(band.low, np.maximum(band.share - half, 0))
    assert (other.high - other.low).max() > (band.high - band.low).max()


def test_the_bands_hold_everywhere_at_every_look():
    # The largest distance of a step function from a line is at one of its steps.
    rng, runs, level, lost = np.random.default_rng(1), 300, 0.9, 0
    for _ in range(runs):
        one, two = rng.random((2, 400))
        missed = False
        for n in (5, 20, 60, 150, 400):
            for band in distribution_bands(samples(one[:n], two[:n]), level=level):
                before = np.concatenate([[0.0], band.high[:-1]])
                after, true = band.low, band.values
                missed |= bool((true < after).any() or (true[1:] > before[1:]).any())
        lost += missed
    assert lost <= most_by_chance(runs, 1 - level)


def test_the_intervals_of_a_quantile_hold_at_every_look():
    rng, runs, q, level = np.random.default_rng(2), 400, 0.8, 0.9
    lost = 0
    for _ in range(runs):
        values = rng.exponential(size=500)
        truth = -np.log(1 - q)
        found = [
            quantile_intervals(samples(values[:n], values[:2]), q, level=level)[0]
            for n in (10, 40, 100, 220, 500)
        ]
        lost += any(
            (i.low is not None and i.low >= truth) or (i.high is not None and i.high < truth)
            for i in found
        )
    assert lost <= most_by_chance(runs, 1 - level)
    assert found[-1].low is not None
    assert found[-1].high is not None
    assert found[-1].high - found[-1].low < 1.5


@given(st.lists(st.integers(0, 9).map(float), min_size=1, max_size=60), st.sampled_from([0.5, 0.9]))
def test_an_interval_lies_around_the_observed_quantile(values, q):
    interval, other = quantile_intervals(samples(values, [1.0]), q, level=0.9)
    middle = float(np.quantile(values, q, method="inverted_cdf"))
    assert interval.low is None or interval.low < middle + 1e-12
    assert interval.high is None or interval.high >= middle
    assert (other.low, other.high) == (None, None)


def test_a_missing_side_has_an_empty_band_and_an_open_interval():
    pair = cs.Pair.samples("latency_seconds", canary=[0.1, 0.2], baseline=[])
    assert distribution_bands(pair)[1].values.size == 0
    assert quantile_intervals(pair)[1].low is None


def test_bad_input_is_refused_by_name():
    pair = samples([0.1], [0.2])
    with pytest.raises(cs.InputError, match="level is 95"):
        distribution_bands(pair, level=95)
    with pytest.raises(cs.InputError, match="q is 99"):
        quantile_intervals(pair, 99)
    with pytest.raises(cs.InputError, match="must be samples"):
        distribution_bands(cs.Pair.counts("r", canary=([1], [2]), baseline=([1], [2])))
