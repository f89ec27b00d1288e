"""Whether the baseline has left its own past: against scipy's binomial, and how often it errs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from canarystats.sequential import own_past
from canarystats.sequential.own_past import FALL, RATIOS, RISE

LONGEST = 1800.0
TICK = 15.0
QUIET = np.array([0.0, 75.0])


def followed(events, *, exposure=1425.0, canary=None, evidence=0.0, discount=1.0, state=None):
    """The state after these ticks of a baseline."""
    state = own_past.begin() if state is None else state
    for i, happened in enumerate(events):
        ours = QUIET if canary is None else np.array([canary[i], 75.0])
        state = own_past.step(
            state,
            np.array([happened, exposure]),
            ours,
            evidence if np.isscalar(evidence) else evidence[i],
            TICK * i,
            discount=lambda: discount,
            interval=TICK,
            longest=LONGEST,
        )
    return state


def test_what_shows_a_change_is_the_binomial_likelihood_ratio_mixed_over_the_ratios():
    state = followed([10] * 40 + [30] * 3)
    found = own_past.shifted(state, RISE, 0.01)
    (before, exposed), (since, exposure) = found.before.baseline, found.since.baseline
    assert (since, exposure) == (90.0, 3 * 1425.0)

    def e_value(ratios):
        total, part = round(before) + since, exposure / (exposure + exposed)
        shares = [ratio * part / (1 - part + ratio * part) for ratio in ratios]
        null = binom.logpmf(since, total, part)
        return np.mean([np.exp(binom.logpmf(since, total, share) - null) for share in shares])

    # The past is weighted, so its events are no whole number; scipy is asked about the nearest.
    assert before == pytest.approx(round(before), abs=0.5)
    assert own_past.shifted(state, RISE, 1.02 * 1.5 / e_value(RATIOS)) is not None
    assert own_past.shifted(state, RISE, 0.98 / 1.5 / e_value(RATIOS)) is None


def test_the_onset_is_the_first_tick_of_the_change():
    state = followed([10] * 60 + [40] * 5)
    assert own_past.shifted(state, RISE, 0.01).began == TICK * 60
    assert own_past.shifted(state, FALL, 0.01) is None
    assert own_past.shifted(followed([40] * 60 + [10] * 5), FALL, 0.01).began == TICK * 60


def test_nothing_is_told_without_a_past():
    assert own_past.shifted(own_past.begin(), RISE, 0.5) is None
    assert own_past.shifted(followed([50]), RISE, 0.5) is None
    known = own_past.begin((100.0, 100_000.0, 5.0, 5_000.0))
    assert own_past.shifted(followed([50], state=known), RISE, 0.01) is not None


def test_no_events_before_are_a_past_too():
    assert own_past.shifted(followed([0] * 60 + [2, 2]), RISE, 0.01) is not None


def test_events_that_come_in_clumps_show_less():
    events = [10] * 60 + [20] * 3
    assert own_past.shifted(followed(events), RISE, 0.01) is not None
    assert own_past.shifted(followed(events, discount=10.0), RISE, 0.01) is None


def test_a_change_that_lasts_is_the_new_past():
    events = [10] * 60 + [30] * 200
    found = [own_past.shifted(followed(events[:n]), RISE, 0.01) for n in (179, 182, 260)]
    assert [one is not None for one in found] == [True, False, False]
    again = own_past.shifted(followed([*events, 90, 90]), RISE, 0.01)
    assert again.began == TICK * 260
    before, exposure = again.before.baseline
    assert before / exposure == pytest.approx(30 / 1425)


def test_what_the_canary_did_moves_nothing_but_what_is_told_of_it():
    events = [10] * 40 + [30] * 5
    evidence = [0.0] * 38 + [7.0] * 7
    found = own_past.shifted(followed(events, evidence=evidence, canary=[3.0] * 45), RISE, 0.01)
    plain = own_past.shifted(followed(events), RISE, 0.01)
    assert (found.began, found.since.baseline) == (plain.began, plain.since.baseline)
    assert found.since.canary == (15.0, 375.0)
    assert (plain.led, found.led) == (0.0, 7.0)  # of the tick before the last one before it
    late = [0.0] * 40 + [7.0] * 5
    assert own_past.shifted(followed(events, evidence=late), RISE, 0.01).led == 0.0


@pytest.mark.parametrize("rate", [0.1, 2.0, 30.0])
def test_a_baseline_that_does_not_change_is_seldom_called_changed(rate):
    rng, looks, wrong = np.random.default_rng(7), 0, {RISE: 0, FALL: 0}
    for _ in range(12):
        state = followed(rng.poisson(rate, 40))
        for i, events in enumerate(rng.poisson(rate, 160)):
            state = own_past.step(
                state,
                np.array([events, 1425.0]),
                QUIET,
                0.0,
                TICK * (40 + i),
                discount=lambda: 1.0,
                interval=TICK,
                longest=LONGEST,
            )
            looks += 1
            for way in wrong:
                wrong[way] += own_past.shifted(state, way, 0.01) is not None
    # Looks hang together: runs of false changes of ten ticks leave a tenth of them independent.
    most = 10 * binom.ppf(0.999, looks // 10, 0.01)
    assert wrong[RISE] <= most
    assert wrong[FALL] <= most
