"""Whether the traffic is divided as designed, at any number of looks."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln

from canarystats.errors import InputError
from canarystats.evidence import Question, Status
from canarystats.kernels.dirichlet import dirichlet_log_e
from canarystats.sequential.split import Split, SplitState
from canarystats.state import pack, unpack
from tests.rollouts import START
from tests.sequential.simulated import most_by_chance

PLAIN = Split("requests", discounted=False)


def follow(design, ticks, share=0.05):
    """One row; ticks of (canary, baseline) or (canary, baseline, share)."""
    state = design.begin()
    for i, (canary, baseline, *own) in enumerate(ticks):
        sides = np.array([float(canary)]), np.array([float(baseline)])
        state = design.step(state, *sides, own[0] if own else share, START + 15.0 * i)
    return state


def test_the_e_value_is_the_published_one():
    # Reference pages, 1.2: savvi 0.3.1, ssrm-test and the formula agree.
    found = dirichlet_log_e(np.array([[70.0, 30.0]]), np.array([0.8, 0.2]), 100)
    assert math.exp(found[0]) == pytest.approx(2.85181083207769, rel=1e-12)
    found = dirichlet_log_e(np.array([[100.0, 201.0]]), np.array([0.5, 0.5]), 100)
    assert math.exp(-found[0]) == pytest.approx(5.06061172e-06, rel=1e-8)


@pytest.mark.parametrize("k", [100.0, 1000.0, 10_000.0])
@pytest.mark.parametrize("counts", [(70, 30), (3, 997), (52_000, 950_000)])
def test_it_is_a_beta_binomial_over_a_binomial(k, counts):
    share, (a, b) = 0.05, counts
    mixed = stats.betabinom.logpmf(a, a + b, k * share, k * (1 - share))
    expected = mixed - stats.binom.logpmf(a, a + b, share)
    found = dirichlet_log_e(np.array([counts], dtype=float), np.array([share, 1 - share]), k)
    assert found[0] == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_more_than_two_arms_are_a_dirichlet_multinomial():
    counts, shares = np.array([12, 30, 70]), np.array([0.1, 0.3, 0.6])
    mixed = stats.dirichlet_multinomial.logpmf(counts, 50 * shares, 112)
    expected = mixed - stats.multinomial.logpmf(counts, 112, shares)
    found = dirichlet_log_e(counts[None].astype(float), shares, 50)
    assert found[0] == pytest.approx(expected, abs=1e-9)


def test_under_one_share_only_the_totals_count():
    rng = np.random.default_rng(1)
    ticks = rng.poisson((6, 95), (200, 2))
    expected = dirichlet_log_e(ticks.sum(axis=0)[None].astype(float), np.array([0.05, 0.95]))
    for order in (ticks, ticks[::-1]):
        found = PLAIN.log_e(follow(PLAIN, order))
        assert found[0] == pytest.approx(expected[0], abs=1e-9)


def test_a_new_share_begins_with_the_odds_found_and_the_first_concentration():
    ticks = [(80, 920, 0.05), (60, 940, 0.05), (700, 1300, 0.3)]
    first = dirichlet_log_e(np.array([[140.0, 1860.0]]), np.array([0.05, 0.95]))[0]
    odds = (50 + 140) / (950 + 1860) / (0.05 / 0.95)
    centre = 0.3 * odds / (0.3 * odds + 0.7)
    prior = 1000 * centre, 1000 * (1 - centre)
    second = betaln(prior[0] + 700, prior[1] + 1300) - betaln(*prior)
    second -= 700 * math.log(0.3) + 1300 * math.log(0.7)
    assert PLAIN.log_e(follow(PLAIN, ticks))[0] == pytest.approx(first + second, abs=1e-9)


def ever(design, draw, runs, ticks, level, share=0.05):
    """Runs whose e-value ever reached its level."""
    state, called = design.begin(runs), np.zeros(runs, dtype=bool)
    for t in range(ticks):
        canary, baseline, designed = draw(t)
        state = design.step(state, canary, baseline, designed or share, float(t))
        called |= design.log_e(state) >= -math.log(level)
    assert ((design.p_value(state) <= level) == called).all()
    return int(called.sum())


def fair(seed, runs, mean, share_at=lambda _: None):
    rng = np.random.default_rng(seed)

    def draw(t):
        share = share_at(t)
        total = rng.poisson(mean * (1 + 0.5 * math.sin(t / 20)), runs)
        canary = rng.binomial(total, share or 0.05).astype(float)
        return canary, total - canary, share

    return draw


@pytest.mark.parametrize("design", [PLAIN, Split("requests"), Split("requests", concentration=50)])
@pytest.mark.parametrize("mean", [2.0, 400.0])
def test_a_correct_split_is_called_wrong_no_more_often_than_the_level(design, mean):
    runs, level = 500, 0.05
    assert ever(design, fair(2, runs, mean), runs, 240, level) <= most_by_chance(runs, level)


RAMP = (0.01, 0.05, 0.1, 0.25, 0.5)


def test_a_ramp_is_judged_tick_by_tick_and_its_average_is_not():
    runs, level = 400, 0.05
    stages = fair(3, runs, 300.0, lambda t: RAMP[t // 40])
    assert ever(PLAIN, stages, runs, 200, level) <= most_by_chance(runs, level)
    every_tick = fair(4, runs, 300.0, lambda t: 0.01 + 0.49 * t / 200)
    assert ever(PLAIN, every_tick, runs, 200, level) <= most_by_chance(runs, level)
    stages = fair(3, runs, 300.0, lambda t: RAMP[t // 40])

    def averaged(t):
        return *stages(t)[:2], float(np.mean(RAMP))

    assert ever(PLAIN, averaged, runs, 200, level) == runs


def clumped(seed, runs, mean, clump):
    """Sessions of ``clump`` requests each, on one side as a whole: a Fano factor of ``clump``."""
    rng = np.random.default_rng(seed)

    def draw(_):
        sessions = rng.poisson(mean / clump, runs)
        canary = rng.binomial(sessions, 0.05)
        return clump * canary.astype(float), clump * (sessions - canary).astype(float), None

    return draw


@pytest.mark.parametrize("clump", [2, 5])
def test_clumps_are_discounted(clump):
    runs, level = 400, 0.05
    # A quasi-likelihood, held to twice its level; the evidence taken as it comes is far beyond.
    found = ever(Split("requests"), clumped(5, runs, 400, clump), runs, 240, level)
    assert found <= most_by_chance(runs, 2 * level)
    assert ever(PLAIN, clumped(5, runs, 400, clump), runs, 240, level) > 3 * level * runs


def history(seed, clump):
    """960 ticks of two old versions side by side, requests in sessions of ``clump``."""
    rng = np.random.default_rng(seed)
    sessions = rng.poisson(400 / clump, 960)
    left = rng.binomial(sessions, 0.5)
    requests = clump * np.stack([left, sessions - left], axis=1).astype(float)
    requests[7] = np.nan
    return requests


@pytest.mark.parametrize("clump", [1, 5])
def test_history_teaches_how_clumped_the_split_is(clump):
    # It is told with caution: never less than it is, and at most twice that.
    design = Split("requests")
    state = design.begin(2, history(6, clump))
    tick = np.array([30.0, 30.0]), np.array([370.0, 370.0]), 0.05, START
    counted = design.step(state, *tick).counted.sum(axis=1)
    assert (counted <= 1.01 * 400 / clump).all()
    assert (counted >= 400 / clump / 2).all()
    unknowing = design.step(design.begin(2), *tick).counted.sum(axis=1)
    assert (unknowing < 400).all()
    none = design.begin(2, np.full((5, 2), np.nan))
    assert pack(none) == pack(design.begin(2))


# The concentration is tuned to small deviations: large ones take up to two and a half times the
# limit.
@pytest.mark.parametrize(
    ("true", "mean", "factor"), [(0.06, 1500.0, 1.6), (0.10, 60.0, 2.5), (0.02, 60.0, 2.5)]
)
def test_a_wrong_split_is_found_near_the_information_limit(true, mean, factor):
    runs, level, share = 200, 0.001, 0.05
    rng = np.random.default_rng(7)
    state, first = PLAIN.begin(runs), np.full(runs, np.inf)
    for t in range(1, 400):
        total = rng.poisson(mean, runs)
        canary = rng.binomial(total, true).astype(float)
        state = PLAIN.step(state, canary, total - canary, share, float(t))
        first[(PLAIN.log_e(state) >= -math.log(level)) & np.isinf(first)] = t
        if np.isfinite(first).all():
            break
    divergence = true * math.log(true / share) + (1 - true) * math.log((1 - true) / (1 - share))
    limit = -math.log(level) / divergence / mean
    assert limit <= first.mean() <= factor * limit


def test_a_split_that_goes_wrong_at_a_later_stage_is_not_outweighed_by_the_first():
    good = [(500, 9500, 0.05)] * 400
    state = follow(Split("requests"), good)
    assert Split("requests").log_e(state)[0] < 0
    design = Split("requests")
    for i in range(4):
        state = design.step(state, np.array([2000.0]), np.array([8000.0]), 0.25, START + 6000 + i)
    assert design.log_e(state)[0] > math.log(1000)
    assert design.onset(state) == pytest.approx(START + 6000, abs=15)


def test_a_deviation_within_the_tolerance_is_none():
    design = Split("requests", tolerance=0.1, discounted=False)
    within = follow(design, [(5200, 94_800)] * 200)  # odds 1.042 times the design's
    beyond = follow(design, [(5900, 94_100)] * 200)  # odds 1.19 times
    assert design.log_e(within)[0] < 0
    assert PLAIN.log_e(follow(PLAIN, [(5200, 94_800)] * 200))[0] > 100
    assert design.log_e(beyond)[0] > 100


def test_at_the_edge_of_the_tolerance_the_level_holds():
    runs, level = 500, 0.05
    design = Split("requests", tolerance=0.2, discounted=False)
    rng, edge = np.random.default_rng(8), 0.05 * 1.2 / (0.05 * 1.2 + 0.95)

    def draw(_):
        total = rng.poisson(400, runs)
        canary = rng.binomial(total, edge).astype(float)
        return canary, total - canary, None

    assert ever(design, draw, runs, 240, level) <= most_by_chance(runs, level)


def test_the_confidence_sequence_covers_the_share_at_every_look():
    runs, level, true = 500, 0.95, 0.08
    rng, state, missed = np.random.default_rng(9), PLAIN.begin(500), np.zeros(500, dtype=bool)
    for t in range(200):
        total = rng.poisson(100, runs)
        canary = rng.binomial(total, true).astype(float)
        state = PLAIN.step(state, canary, total - canary, 0.05, float(t))
        if t % 5 == 0:
            low, high = PLAIN.interval(state, level)
            missed |= (low > true) | (high < true)
    assert missed.sum() <= most_by_chance(runs, 1 - level)
    assert (high - low).max() < 0.04


def test_the_interval_leaves_out_what_the_e_value_rejects():
    for canary in range(20, 120, 3):
        state = follow(PLAIN, [(canary, 1000 - canary)])
        low, high = PLAIN.interval(state, 0.95)
        rejected = bool(PLAIN.log_e(state)[0] >= math.log(20))
        assert rejected == (not low[0] < 0.05 < high[0])
        assert low[0] < canary / 1000 < high[0]


@pytest.mark.parametrize(
    "gap", [(math.nan, 100.0, 0.05), (5.0, math.nan, 0.05), (5.0, 100.0, math.nan)]
)
def test_a_missed_tick_changes_nothing(gap):
    design = Split("requests")
    state = follow(design, [(8, 92), (3, 97)])
    canary, baseline, share = gap
    after = design.step(state, np.array([canary]), np.array([baseline]), share, START + 99)
    assert pack(after) == pack(state)
    first = design.step(design.begin(), np.array([canary]), np.array([baseline]), share, START)
    assert pack(first) == pack(design.begin())


def test_rows_together_equal_single_ones_bit_for_bit():
    rng, design, rows = np.random.default_rng(10), Split("requests", tolerance=0.02), 12
    together, alone = design.begin(rows), [design.begin() for _ in range(rows)]
    for t in range(60):
        canary, baseline = rng.poisson(6, rows) * 1.0, rng.poisson(95, rows) * 1.0
        canary[rng.uniform(size=rows) < 0.1] = np.nan
        share = np.where(np.arange(rows) % 2, 0.05, RAMP[t // 12])
        together = design.step(together, canary, baseline, share, START + t)
        alone = [
            design.step(one, canary[[i]], baseline[[i]], share[[i]], START + t)
            for i, one in enumerate(alone)
        ]
    assert design.log_e(together).tolist() == [design.log_e(one)[0] for one in alone]
    for name in ("highest", "lowest", "rising_since"):
        expected = np.array([getattr(one, name)[0] for one in alone])
        assert np.array_equal(getattr(together, name), expected, equal_nan=True)


def test_the_state_survives_json_and_is_small():
    design = Split("requests")
    state = follow(design, [(8, 92, 0.05), (30, 70, 0.25), (31, 69, 0.25)])
    text = json.dumps(pack(state), allow_nan=False)
    assert len(text) < 2500
    restored = unpack(SplitState, json.loads(text))
    tick = np.array([40.0]), np.array([60.0]), 0.25, START + 60
    assert pack(design.step(restored, *tick)) == pack(design.step(state, *tick))


def test_evidence_tells_the_share_and_decides_at_the_level():
    design = Split("requests", discounted=False)
    (found,) = design.evidence(follow(design, [(100, 900)] * 20), 0.001)
    assert found.question is Question.SPLIT
    assert found.decides
    assert (found.observed, found.reference) == (pytest.approx(0.1), 0.05)
    assert found.interval.low < 0.1 < found.interval.high
    assert (found.n_canary, found.n_baseline) == (2000, 18_000)
    (found,) = design.evidence(follow(design, [(50, 950)] * 20), 0.001)
    assert not found.decides


@pytest.mark.parametrize("ticks", [[], [(0, 0)]])
def test_without_requests_the_evidence_says_so(ticks):
    design = Split("requests")
    (found,) = design.evidence(follow(design, ticks), 0.001)
    assert found.status is Status.NO_DATA
    assert not found.decides


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 5.0])
def test_a_share_that_divides_nothing_is_refused(share):
    with pytest.raises(InputError, match="share"):
        follow(PLAIN, [(1, 9)], share)


@pytest.mark.parametrize("wrong", [{"tolerance": -0.1}, {"concentration": 0.0}])
def test_settings_that_cannot_be_right_are_refused(wrong):
    with pytest.raises(InputError):
        Split("requests", **wrong)
