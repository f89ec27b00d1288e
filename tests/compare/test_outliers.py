"""Outliers kept or removed, and said so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarystats.compare import mann_whitney, outliers, paired
from canarystats.errors import InputError
from canarystats.windows import Pair

VALUES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60)


def by_definition(values, factor):
    first, low, high, last = np.percentile(values, [1, 25, 75, 99])
    reach = factor * (high - low)
    top, bottom = max(last, high + reach), min(first, low - reach)
    return [v for v in values if bottom <= v <= top]


@given(VALUES, st.sampled_from([1.5, 3.0, 5.0]))
def test_the_fences_are_kayentas(values, factor):
    pair = outliers(
        Pair.samples("s", canary=values, baseline=values), strategy="remove", factor=factor
    )
    assert pair.canary[:, 0].tolist() == by_definition(values, factor)


def test_kept_values_are_the_same_pair():
    pair = Pair.samples("s", canary=[1.0, 2, 3, 900], baseline=[1.0])
    assert outliers(pair) is pair


def test_a_gauges_outlier_becomes_a_missed_reading_and_is_told():
    x = np.arange(1.0, 41)
    wild = x.copy()
    wild[5] = 9e9
    pair = outliers(Pair.gauge("g", canary=wild, baseline=x), strategy="remove")
    assert np.isnan(pair.canary[5, 0])
    assert pair.n_ticks == 40
    assert paired(pair).seen == (
        "canary: 1 of 40 values removed as outliers (factor 3)",
        "canary: 1 of 40 ticks missing",
    )


def test_constants_lose_nothing_and_an_infinity_goes():
    same = Pair.samples("s", canary=[5.0] * 9, baseline=[5.0] * 9)
    assert outliers(same, strategy="remove").notes == ()
    timeouts = Pair.samples("s", canary=[*np.arange(300.0), np.inf], baseline=np.arange(300.0))
    cleaned = outliers(timeouts, strategy="remove")
    assert mann_whitney(cleaned).seen == ("canary: 1 of 301 values removed as outliers (factor 3)",)


def test_nothing_is_removed_from_nothing():
    empty = Pair.samples("s", canary=[], baseline=[])
    assert len(outliers(empty, strategy="remove").canary) == 0
    alone = Pair.gauge("g", canary=[1.0, 2.0])
    assert outliers(alone, strategy="remove").baseline is None


def test_what_cannot_be_right_is_refused():
    pair = Pair.samples("s", canary=[1.0], baseline=[1.0])
    with pytest.raises(InputError, match="strategy is 'drop'"):
        outliers(pair, strategy="drop")
    with pytest.raises(InputError, match="factor is 0"):
        outliers(pair, strategy="remove", factor=0)
    with pytest.raises(InputError, match="kind counts"):
        outliers(Pair.counts("c", canary=([1], [2])))
