"""The size of one look is held against statsmodels and against the playbook's own stages."""

from __future__ import annotations

import numpy as np
import pytest

from canarystats.kernels.two_proportions import requests_needed

# The playbook's stages: share, the increase of errors it watches for, seconds, level.
STAGES = [
    (0.01, 1.50, 3000, 0.05),
    (0.05, 1.25, 3600, 0.05),
    (0.10, 1.15, 3600, 0.05),
    (0.25, 1.10, 3600, 0.01),
    (0.50, 1.05, 3600, 0.01),
]
NEEDED = {0.001: [965, 628, 894, 1542, 4567], 0.01: [95, 62, 89, 153, 453]}


@pytest.mark.parametrize("base", NEEDED)
def test_the_playbooks_stages_need_the_traffic_that_is_published(base):
    found = [
        requests_needed(base, ratio, share, level=level, power=0.8) / seconds
        for share, ratio, seconds, level in STAGES
    ]
    np.testing.assert_allclose(found, NEEDED[base], atol=0.52)


def test_equal_sides_need_what_statsmodels_finds():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    n = float(requests_needed(0.02, 1.5, 0.5, level=0.025, power=0.9)) / 2
    expected = proportion.samplesize_proportions_2indep_onetail(
        0.01, 0.02, 0.9, ratio=1, alpha=0.05, value=0, alternative="two-sided"
    )
    assert n == pytest.approx(expected, rel=0.01)


def test_the_size_has_the_power_it_names():
    rng = np.random.default_rng(3)
    base, ratio, share, runs = 0.02, 1.5, 0.1, 20_000
    n = float(requests_needed(base, ratio, share, level=0.05, power=0.8))
    one, other = share * n, (1 - share) * n
    p1 = rng.binomial(round(one), base * ratio, runs) / round(one)
    p0 = rng.binomial(round(other), base, runs) / round(other)
    pooled = share * p1 + (1 - share) * p0
    z = (p1 - p0) / np.sqrt(pooled * (1 - pooled) * (1 / one + 1 / other))
    assert (z > 1.6449).mean() == pytest.approx(0.8, abs=0.02)
