"""The rivals of the calibration tables are what they say they are."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.calibration import bounds, rivals
from benchmarks.calibration.draws import Drawn
from scipy.stats import binomtest

from canarystats.kernels.ranks import rank_sums, upper_p_value


@pytest.mark.parametrize("tied", [False, True])
def test_ranks_kept_up_to_date_are_the_ranks_of_the_kernel(tied):
    rng = np.random.default_rng(1)
    x, y = (rng.poisson(1, (2, 5, 60)) if tied else rng.normal(size=(2, 5, 60))).astype(float)
    x[0, 7] = y[1, 30] = np.nan
    least = np.ones(5)
    for n in range(rivals.FIRST, 61, rivals.EVERY):
        for left, right in ((x, y), (y, x)):
            sums = rank_sums(left[:, :n], right[:, :n])
            least = np.minimum(least, 2 * upper_p_value(sums, exact=False))
    np.testing.assert_allclose(rivals.mann_whitney_least_p(x, y), least, rtol=1e-9)


def test_the_confidence_sequence_is_the_published_one():
    # growthbook's gbstats, Eppo's formula and confseq agree on this half width.
    assert rivals.half_width(1000, 1.0, 1000, 0.05) == pytest.approx(0.09598173584209, abs=1e-13)


def test_the_literal_rule_fires_after_five_minutes_and_not_before():
    def data(ticks):
        canary = np.tile([16.0, 1000.0], (1, ticks, 1))
        baseline = np.tile([10.0, 1000.0], (1, ticks, 1))
        return Drawn(canary, baseline, np.full(ticks, 0.5))

    assert not rivals.literal("counts", data(20), (0.05,)).any()
    assert rivals.literal("counts", data(21), (0.05,)).all()
    assert rivals.literal("gauge", data(21), (0.05,)) is None


@pytest.mark.parametrize(("hits", "runs"), [(0, 100), (7, 200), (200, 200)])
def test_bounds_are_the_exact_ones(hits, runs):
    found = binomtest(hits, runs)
    wilson = found.proportion_ci(0.95, method="wilson")
    assert bounds.wilson(hits, runs) == pytest.approx((wilson.low, wilson.high), abs=1e-12)
    exact = found.proportion_ci(0.90, method="exact")
    expected = (exact.low, exact.high)
    assert (bounds.lower(hits, runs), bounds.upper(hits, runs)) == pytest.approx(expected)
