"""Our numbers are those of other packages, where their environments have been made.

``python -m benchmarks.agreement.run`` makes them. They are no dependency of the tests, so without
them these are skipped everywhere.
"""

from __future__ import annotations

import pytest
from benchmarks.agreement.comparisons import COMPARISONS, difference
from benchmarks.agreement.environments import missing


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda c: c.compare.__name__)
def test_our_numbers_are_those_of_another_package(comparison):
    reason = missing(comparison.environment)
    if reason:
        pytest.skip(reason)
    largest, numbers = difference(comparison)
    assert numbers > 10
    assert largest <= comparison.allowed
