"""Families of comparisons against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from canarystats.compare import benjamini_hochberg, holm, weighted_bonferroni
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Status

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def evidence(p, **more):
    return Evidence(metric="m", method="x", question=Question.WORSE, p_value=p, level=0.05, **more)


@given(P_VALUES)
@pytest.mark.parametrize(("adjust", "name"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_statsmodels_agrees(adjust, name, p_values):
    found = adjust([evidence(p) for p in p_values], 0.1)
    rejected, adjusted, *_ = multipletests(p_values, 0.1, method=name)
    np.testing.assert_allclose([e.p_value for e in found], adjusted, rtol=1e-12)
    clear = np.abs(adjusted - 0.1) > 1e-12
    assert [e.decides for e in found] == [
        bool(r) if c else e.decides for r, c, e in zip(rejected, clear, found, strict=True)
    ]


def test_what_has_no_p_value_is_passed_on_and_does_not_count():
    silent = evidence(None, status=Status.NO_DATA)
    few = evidence(0.03, status=Status.INSUFFICIENT, detail="few")
    found = holm([silent, evidence(0.03), few])
    assert found[0] is silent
    assert [e.p_value for e in found[1:]] == [0.06, 0.06]
    assert found[1].detail == "Holm over 2; alone p=0.03"
    assert found[2].detail == "few; Holm over 2; alone p=0.03"
    assert found[2].status is Status.INSUFFICIENT
    assert holm([]) == []


def test_weights_divide_the_level():
    found = weighted_bonferroni([evidence(0.03), evidence(0.03), evidence(0.0)], [8, 2, 0], 0.05)
    assert [e.level for e in found] == [0.04, 0.01, None]
    assert [e.decides for e in found] == [True, False, False]
    assert weighted_bonferroni([], []) == []


def test_equal_weights_are_bonferroni():
    p_values = [0.001, 0.02, 0.012, 0.5]
    found = weighted_bonferroni([evidence(p) for p in p_values], [1] * 4)
    expected = multipletests(p_values, 0.05, method="bonferroni")[0]
    assert [e.decides for e in found] == expected.tolist()


def test_what_cannot_be_right_is_refused():
    with pytest.raises(InputError, match="e-value"):
        holm([evidence(None, log_e_value=3.0)])
    with pytest.raises(InputError, match=r"level is 0\.9"):
        benjamini_hochberg([], 0.9)
    with pytest.raises(InputError, match="weights has 1"):
        weighted_bonferroni([], [1])
    with pytest.raises(InputError, match=r"weights\[0\] is -1"):
        weighted_bonferroni([evidence(0.1)], [-1])
    with pytest.raises(InputError, match="all 0"):
        weighted_bonferroni([evidence(0.1)], [0])
