"""Selection among all differences, against forming them."""

from __future__ import annotations

import numpy as np
import pytest

from canarystats.kernels import differences


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 4), (40, 31), (700, 900)])
@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("formed", [1 << 16, 8])
def test_order_statistics_are_those_of_the_whole_table(monkeypatch, n, m, decimals, formed):
    monkeypatch.setattr(differences, "FORMED", formed)
    rng = np.random.default_rng(n)
    x, y = rng.lognormal(size=n), rng.lognormal(size=m)
    if decimals is not None:
        x, y = np.round(x, decimals), np.round(y, decimals)
    table = np.sort(np.subtract.outer(x, y), axis=None)
    for k in {0, n * m // 3, n * m // 2, n * m - 1}:
        assert differences.difference(x, y, k) == table[k]


def test_infinities_stand_at_the_ends():
    x, y = np.array([np.inf, 1.0, 2.0]), np.array([0.0, -np.inf])
    assert differences.difference(x, y, 0) == 1
    assert differences.difference(x, y, 5) == np.inf
