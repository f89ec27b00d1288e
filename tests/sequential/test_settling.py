"""When a canary has settled: cuts against a slow search, and what is never called settled."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarystats.sequential.settling import (
    BESIDE_A_CUT,
    FEWEST,
    VISIBLE,
    Settling,
    step,
)


def followed(values, *, per_bin=1, both_ways=False):
    """Where it stands after these ticks."""
    state = Settling()
    for i, value in enumerate(values):
        state = step(state, value, 15.0 * i, per_bin, both_ways=both_ways)
    return state


def slowly(bins):
    """The bins after the last fall, searched place by place."""
    bins = list(bins)
    while True:
        noise = np.sqrt(np.mean([(b - a) ** 2 for a, b in itertools.pairwise(bins)]) / 2)
        found = []
        for cut in range(BESIDE_A_CUT, len(bins) - BESIDE_A_CUT + 1):
            fall = np.mean(bins[:cut]) - np.mean(bins[cut:])
            error = noise * np.sqrt(1 / cut + 1 / (len(bins) - cut))
            found.append((fall - VISIBLE * error, cut))
        over, cut = max(found, default=(0.0, 0))
        if over <= 0:
            return bins
        bins = bins[cut:]


@given(st.lists(st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0, 9.0]), min_size=1, max_size=12))
def test_the_bins_kept_are_those_of_a_search_place_by_place(values):
    kept: list[float] = []
    for value in values:
        kept = slowly([*kept, value]) if len(kept) + 1 >= 2 * BESIDE_A_CUT else [*kept, value]
        if len(kept) >= FEWEST:
            break
    else:
        np.testing.assert_array_equal(followed(values).bins, kept)


def test_a_canary_that_is_as_its_baseline_has_settled_after_the_fewest_bins():
    noise = np.resize([1.0, -1.0], 60)
    assert followed(noise[: 3 * FEWEST], per_bin=3).done == 15.0 * (3 * FEWEST - 1)
    assert followed(noise[: 3 * FEWEST - 1], per_bin=3).done is None


def test_one_that_falls_has_settled_once_it_stopped():
    noise = 0.3 * np.resize([1.0, -1.0, 0.5, -0.5], 40)
    cold = 20 * np.exp(-np.arange(40) / 3) + noise
    settled = followed(cold)
    assert settled.early
    assert 8 <= settled.done / 15.0 <= 25


@pytest.mark.parametrize("level", [1.0, 100.0])
def test_one_that_stays_worse_has_not(level):
    noise = 0.3 * np.resize([1.0, -1.0, 0.5, -0.5], 200)
    assert followed(level + noise).done is None
    assert followed(-level + noise).done is not None
    assert followed(-level + noise, both_ways=True).done is None


def test_a_plateau_that_ends_is_cut_off():
    noise = 0.3 * np.resize([1.0, -1.0, 0.5, -0.5], 60)
    plateau = np.where(np.arange(60) < 25, 5.0, 0.0) + noise
    assert followed(plateau[:25]).done is None
    assert 25 + FEWEST - 3 <= followed(plateau).done / 15.0 <= 40


def test_missing_ticks_count_for_nothing():
    values = np.resize([1.0, -1.0], 14)
    gaps = np.insert(values, 5, [np.nan] * 3)
    assert followed(gaps).done == followed(values).done + 3 * 15.0
