"""How soon a monitor under the eight triggers calls a canary whose requests fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

import canarystats as cs
from tests.rollouts import START, TICK, clock, eight_triggers, requests

POLICY = eight_triggers("requests")


def before(seed, n=960):
    return requests(np.random.default_rng(seed), n, times=clock(n, start=START - n * TICK))


def delay(pair, *, onset=0, history=()):
    """Ticks from the onset to the verdict, counting the tick it begins in."""
    verdict = cs.judge([pair], POLICY, share=0.05, history=history)
    assert verdict.decision is cs.Decision.ROLLBACK
    return (verdict.decided_at - START) / TICK - onset + 1


@pytest.mark.parametrize("error_rate", [0.01, 0.001, 0.0])
@pytest.mark.parametrize("onset", [0, 40])
def test_a_total_outage_is_called_within_three_ticks_without_history(onset, error_rate):
    rng = np.random.default_rng(5)
    pair = requests(rng, onset + 5, error_rate=error_rate)
    canary = pair.canary.copy()
    canary[onset:, 0] = canary[onset:, 1]
    failing = cs.Pair.counts(
        "requests",
        canary=(canary[:, 0], canary[:, 1]),
        baseline=(pair.baseline[:, 0], pair.baseline[:, 1]),
        times=pair.times,
    )
    assert delay(failing, onset=onset) <= 3


def test_with_history_three_times_the_errors_are_called_near_the_information_limit():
    # A tick brings 0.75 errors of the canary where it is healthy, and 14.25 of the baseline; to
    # act at once, the rate must be shown to be more than 1.5 times as high.
    share, ratio, threshold, level = 0.05, 3.0, 1.5, 1 / 600
    edge = threshold * share / (threshold * share + 1 - share)
    truth = ratio * share / (ratio * share + 1 - share)
    errors = 15 * (ratio * share + 1 - share)
    divergence = truth * math.log(truth / edge) + (1 - truth) * math.log((1 - truth) / (1 - edge))
    limit = -math.log(level) / (errors * divergence)
    delays = [
        delay(requests(np.random.default_rng(seed), 80, ratio=ratio), history=[before(100 + seed)])
        for seed in range(15)
    ]
    assert np.mean(delays) <= 1.3 * limit


def test_without_history_three_times_the_errors_wait_until_the_baseline_is_known():
    found = [delay(requests(np.random.default_rng(seed), 160, ratio=3.0)) for seed in range(9)]
    assert np.median(found) <= 50
