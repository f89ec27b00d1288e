"""The recursion over onsets against the same in logarithms, where numbers outgrow any float."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from canarystats.kernels import onsets

PRIOR = np.array([0.5, 0.3, 0.2])
LEFT = 1.0 / np.log(np.arange(3, 400))


def in_logarithms(gains):
    """Log e-values look by look; begun masses by alternative, in logarithms throughout."""
    log_mass, found = np.full(3, -np.inf), []
    for i, gain in enumerate(gains):
        begins = (1.0 if i == 0 else LEFT[i - 1]) - LEFT[i]
        log_mass = np.logaddexp(log_mass, np.log(begins * PRIOR)) + gain
        found.append(logsumexp([*log_mass, np.log(LEFT[i])]))
    return np.array(found)


def by_fractions(gains):
    mass, log_scale, found = np.zeros((1, 1, 3)), np.zeros((1, 1)), []
    for i, gain in enumerate(gains):
        begins = np.array([(1.0 if i == 0 else LEFT[i - 1]) - LEFT[i]])
        mass, log_scale = onsets.grown(mass, log_scale, begins, PRIOR, gain[None, None])
        found.append(onsets.log_e_values(mass, log_scale, LEFT[i : i + 1])[0, 0])
    return np.array(found)


@pytest.mark.parametrize("size", [0.5, 30.0])
def test_evidence_is_what_its_logarithms_say(size):
    rng = np.random.default_rng(5)
    gains = size * rng.normal(0, 1, (60, 3))
    assert by_fractions(gains) == pytest.approx(in_logarithms(gains), rel=1e-9, abs=1e-9)


STEPS = np.array([1.0, 1.1, 1.2])


def turned(against):
    """Overwhelming evidence, then looks against it, then a little for it again."""
    return [*[1000 * STEPS] * 40, *[-against * STEPS] * 20, *[2 * STEPS] * 20]


@pytest.mark.parametrize("against", [1.0, 700.0, np.inf])
def test_looks_against_overwhelming_evidence_leave_what_is_left_of_it(against):
    gains = turned(against)
    assert by_fractions(gains) == pytest.approx(in_logarithms(gains), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_lost_to_rounding_only_makes_evidence_smaller(seed):
    """A mass below the smallest fraction of the largest is gone, never invented."""
    wild = 2000 * np.random.default_rng(seed).normal(0, 1, (60, 3))
    for gains in (wild, np.array(turned(5000.0))):
        found, expected = by_fractions(gains), in_logarithms(gains)
        assert np.isfinite(found).all()
        assert (found <= expected + 1e-9 * np.abs(expected)).all()
