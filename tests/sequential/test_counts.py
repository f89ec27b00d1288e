"""Error rates and traffic at any number of looks."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from canarystats.evidence import Question, Status
from canarystats.kernels import mixture
from canarystats.sequential import counts, dispersion
from canarystats.sequential.counts import Counts, CountsState
from canarystats.state import pack, unpack
from tests.rollouts import START
from tests.sequential.simulated import Rows, most_by_chance

WORSE = counts.Test("worse", Question.WORSE, "arms", 1.0, True)
BEYOND = counts.Test("beyond", Question.BEYOND, "arms", 1.5, True)
LEVEL = counts.Test("level", Question.LEVEL, "canary", 0.05, True)
LOW = counts.Test("low", Question.SPLIT, "traffic", 1.0, False)


def follow(design, ticks, share=0.05):
    state = design.begin()
    for i, (canary, baseline) in enumerate(ticks):
        other = None if baseline is None else np.array([baseline], dtype=float)
        state = design.step(state, np.array([canary], dtype=float), other, share, START + i)
    return state


def one_look(k, m, p, sign=1):
    odds = mixture.ODDS ** float(sign)
    q = odds * p / (odds * p + 1 - p)
    ratio = np.exp(stats.binom.logpmf(k, k + m, q) - stats.binom.logpmf(k, k + m, p))
    # Before anything is known of the baseline, counts may be that bursty.
    tempered = ratio ** (1 / (dispersion.UNKNOWN_PART * dispersion.UNSEEN_CLUMPS))
    first = mixture.FROM_THE_FIRST
    return math.log(first * np.dot(mixture.PRIOR, tempered) + 1 - first)


def test_errors_are_binomial_with_the_realised_share_of_the_requests():
    design = Counts("requests", [WORSE, BEYOND, LEVEL, LOW])
    log_e = design.log_e(follow(design, [((9, 100), (20, 900))]))
    assert log_e["worse"] == pytest.approx(one_look(9, 20, 0.1))
    assert log_e["beyond"] == pytest.approx(one_look(9, 20, 0.15 / (0.15 + 0.9)))
    assert log_e["level"] == pytest.approx(one_look(9, 91, 0.05))
    assert log_e["low"] == pytest.approx(one_look(100, 900, 0.05, sign=-1))


def test_a_load_pattern_common_to_both_sides_is_no_evidence():
    design = Counts("requests", [WORSE])
    loads = (100, 900, 60, 3000, 100, 700) * 5
    shifting = follow(design, [((0.05 * n, n), (0.5 * n, 10 * n)) for n in loads])
    assert design.log_e(shifting)["worse"] < 0


def test_an_error_rate_that_both_sides_share_is_no_evidence():
    design = Counts("requests", [WORSE])
    rates = (0.01, 0.2, 0.01, 0.01, 0.3, 0.02) * 5
    shaken = follow(design, [((100 * r, 100), (1000 * r, 1000)) for r in rates])
    assert design.log_e(shaken)["worse"] < 0


def test_a_ramp_of_the_split_is_judged_tick_by_tick():
    # Equal rates throughout: the canary's errors grow with its share alone.
    design = Counts("requests", [WORSE, LOW])
    state = design.begin()
    for i, share in enumerate(np.repeat([0.01, 0.05, 0.25, 0.5], 40)):
        canary = np.array([[0.01, 1.0]]) * 100_000 * share
        baseline = np.array([[0.01, 1.0]]) * 100_000 * (1 - share)
        state = design.step(state, canary, baseline, share, START + i)
    assert max(design.log_e(state).values()) < 1


def test_a_tick_without_a_baseline_speaks_for_the_canary_alone():
    design = Counts("requests", [WORSE, LEVEL, LOW])
    state = follow(design, [((9, 100), None)])
    log_e = design.log_e(state)
    assert (log_e["worse"], log_e["low"]) == pytest.approx((0, 0), abs=1e-12)
    assert log_e["level"] == pytest.approx(one_look(9, 91, 0.05))
    assert state.alone.tolist() == [[9, 100]]
    assert state.canary.tolist() == [[0, 0]]


def test_without_a_share_the_traffic_says_nothing():
    design = Counts("requests", [LOW])
    state = follow(design, [((0, 1), (0, 10_000))], share=None)
    assert design.log_e(state)["low"] == pytest.approx(0, abs=1e-12)
    (found,) = design.evidence(state, {})
    assert found.status is Status.NOT_EVALUABLE


@pytest.mark.parametrize(
    ("ticks", "status"),
    [
        ([], Status.NO_DATA),
        ([((0, 0), (0, 0))], Status.NO_DATA),
        ([((1, 10), (0, 0))], Status.ONE_SIDE_ONLY),
        ([((0, 0), (1, 10))], Status.ONE_SIDE_ONLY),
        ([((0, 10), (0, 10))], Status.NO_EVENTS),
        ([((1, 10), (0, 10))], Status.OK),
    ],
)
def test_evidence_says_what_was_missing(ticks, status):
    design = Counts("requests", [WORSE])
    (found,) = design.evidence(follow(design, ticks), {"worse": 0.05})
    assert found.status is status
    assert not found.decides


def test_evidence_carries_the_ratio_and_its_interval():
    design = Counts("requests", [WORSE])
    state = follow(design, [((30, 1000), (200, 19_000))] * 10)
    (found,) = design.evidence(state, {"worse": 0.05})
    assert found.decides
    assert found.effect == pytest.approx((30 / 1000) / (200 / 19_000))
    assert found.interval.low < found.effect < found.interval.high
    assert found.interval.low > 1
    assert (found.n_canary, found.n_baseline) == (10_000, 190_000)


def test_no_baseline_errors_leave_the_ratio_open_above():
    design = Counts("requests", [WORSE])
    (found,) = design.evidence(follow(design, [((30, 1000), (0, 19_000))]), {})
    assert found.effect is None
    assert found.interval.high is None
    assert found.interval.low > 1


def ticks_of(rng, rows, n, *, fano=1.0, rate=0.02):
    """Healthy ticks of many rollouts, and some that were missed on one side."""
    for _ in range(n):
        load = np.array([75.0, 1425.0])[:, None]
        clumps = rng.poisson(load * rate / fano, (2, rows)) * fano
        sides = np.stack([clumps, np.broadcast_to(load, (2, rows))], axis=2)
        sides[rng.random((2, rows)) < 0.1] = np.nan
        yield sides


ALL = [WORSE, BEYOND, LEVEL, LOW]


def test_metrics_side_by_side_are_the_same_to_the_last_bit_as_alone():
    design, rng = Counts("requests", ALL), np.random.default_rng(1)
    past = next(ticks_of(rng, 200, 1))
    together = design.begin(5, history=(past[0], past[1]))
    alone = [design.begin(history=(past[0], past[1])) for _ in range(5)]
    for at, (canary, baseline) in enumerate(ticks_of(rng, 5, 70, fano=3.0)):
        together = design.step(together, canary, baseline, 0.05, at)
        for i in range(5):
            sides = canary[i : i + 1], baseline[i : i + 1]
            alone[i] = design.step(alone[i], *sides, 0.05, at)
    for claim, values in design.log_e(together).items():
        own = np.concatenate([design.log_e(state)[claim] for state in alone])
        assert own.tobytes() == values.tobytes()
    for i in (0, 4):
        assert design.evidence(together, {}, i) == design.evidence(alone[i], {})


def test_a_missed_tick_leaves_its_row_alone_and_nothing_else():
    design = Counts("requests", ALL)
    before = follow(design, [((9, 100), (20, 900))] * 3)
    missed = design.step(before, np.full((1, 2), np.nan), np.array([[3.0, 9.0]]), 0.05, START + 9)
    assert {k: v[0] for k, v in design.log_e(missed).items()} == {
        k: v[0] for k, v in design.log_e(before).items()
    }
    assert missed.tests.looks.tolist() == before.tests.looks.tolist()
    assert missed.alone.tolist() == before.alone.tolist()


def test_saved_and_restored_at_every_tick_it_gives_the_same_to_the_last_bit():
    design, rng = Counts("requests", ALL), np.random.default_rng(2)
    straight = restored = design.begin()
    for at, (canary, baseline) in enumerate(ticks_of(rng, 1, 60, fano=2.0)):
        straight = design.step(straight, canary, baseline, 0.05, at)
        restored = unpack(CountsState, json.loads(json.dumps(pack(restored))))
        restored = design.step(restored, canary, baseline, 0.05, at)
    assert pack(restored) == pack(straight)
    assert len(json.dumps(pack(straight))) < 4096


class TestHistory:
    def past(self, n=960, rate=0.01, seed=3):
        rng = np.random.default_rng(seed)
        exposure = rng.poisson(700, (2, n)).astype(float)
        return [np.stack([rng.binomial(e.astype(int), rate), e], axis=1) for e in exposure]

    def found(self, **begin):
        design = Counts("requests", ALL)
        state = design.begin(**begin)
        for i in range(6):
            sides = np.array([[2.0, 75.0]]), np.array([[14.0, 1425.0]])
            state = design.step(state, *sides, 0.05, START + i)
        return {e.claim: e for e in design.evidence(state, {})}, design.log_e(state)

    def test_evidence_says_where_the_fano_factor_comes_from(self):
        one, other = self.past()
        told = self.found(history=(one, other))[0]["worse"].assumptions[0]
        assert told.endswith("from 960 ticks of history and the running baseline")
        assert "up to a Fano factor of 1" in told
        told = self.found()[0]["worse"].assumptions[0]
        assert told.endswith("learned from the running baseline")

    def test_history_of_steady_counts_leaves_little_to_guess(self):
        one, other = self.past()
        with_history = self.found(history=(one, other))[1]
        alone = self.found(history=(one, None))[1]
        without = self.found()[1]
        assert with_history["worse"][0] > 4 * without["worse"][0]
        assert alone["worse"][0] > 3 * without["worse"][0]

    def test_a_history_without_data_teaches_nothing(self):
        nothing = np.full((50, 2), np.nan)
        found, log_e = self.found(history=(nothing, nothing))
        assert log_e == self.found()[1]
        assert "learned from the running baseline" in found["worse"].assumptions[0]

    def test_the_history_of_one_side_says_nothing_of_the_split(self):
        one, other = self.past()
        assert self.found(history=(one, None))[1]["low"] == self.found()[1]["low"]
        assert self.found(history=(one, other))[1]["low"] != self.found()[1]["low"]


def test_the_onset_is_told_within_a_few_ticks():
    design = Counts("requests", [WORSE])
    ticks = [((10, 1000), (190, 19_000))] * 100 + [((40, 1000), (190, 19_000))] * 10
    state = follow(design, ticks)
    assert 95 <= design.onset(state, "worse") - START <= 101
    assert design.onset(design.begin(), "worse") is None


@pytest.mark.parametrize(("share", "events"), [(0.05, 15.0), (0.05, 1.5), (0.5, 4.0), (0.01, 30.0)])
def test_a_healthy_canary_is_called_worse_no_more_often_than_the_level(share, events):
    runs, ticks, level = 600, 240, 0.05
    assert rejections(runs, ticks, level, share, events) <= most_by_chance(runs, level)


def rejections(runs, ticks, level, share, events, seed=1):
    """Runs in which a fair canary's e-value ever reached its level, with a diurnal load."""
    rng = np.random.default_rng(seed)
    rows, called = Rows(runs), np.zeros(runs, dtype=bool)
    for tick in range(ticks):
        load = events * (1 + 0.5 * math.sin(tick / 20))
        total = rng.poisson(load, runs)
        canary = rng.binomial(total, share)
        log_e = rows.step(
            canary.astype(float), (total - canary).astype(float), np.full(runs, share)
        )
        called |= log_e >= -math.log(level)
    return int(called.sum())


@pytest.mark.calibration
@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_the_level_holds_over_a_day_of_ticks(share):
    runs, level = 2000, 0.05
    assert rejections(runs, 2000, level, share, 10.0, seed=9) <= most_by_chance(runs, level)


def divergence(share, ratio, events):
    """Kullback-Leibler divergence of one tick from the null, for that many events if healthy."""
    truth = ratio * share / (ratio * share + 1 - share)
    each = truth * math.log(truth / share) + (1 - truth) * math.log((1 - truth) / (1 - share))
    return events * (ratio * share + 1 - share) * each


def delays(share, ratio, events, level, *, onset=0, runs=500):
    """Ticks from the onset until each run is called; runs called before it are left out."""
    rng, rows = np.random.default_rng(6), Rows(runs, rising=ratio > 1)
    called, tick = np.full(runs, np.nan), 0
    while np.isnan(called).any():
        now = ratio if tick >= onset else 1.0
        canary = rng.poisson(events * share * now, runs).astype(float)
        baseline = rng.poisson(events * (1 - share), runs).astype(float)
        log_e = rows.step(canary, baseline, np.full(runs, share))
        tick += 1
        called[np.isnan(called) & (log_e >= -math.log(level))] = tick - onset
    return called[called > 0]


@pytest.mark.parametrize(("level", "mean"), [(0.05, 1.5), (0.01, 1.4), (0.00125, 1.3)])
@pytest.mark.parametrize(
    ("share", "ratio", "events"), [(0.5, 1.5, 4), (0.1, 2.0, 4), (0.1, 1.25, 20), (0.05, 0.5, 16)]
)
def test_a_regression_is_found_near_the_information_limit(share, ratio, events, level, mean):
    found = delays(share, ratio, events, level)
    limit = -math.log(level) / divergence(share, ratio, events)
    assert np.median(found) <= 1.3 * limit
    assert np.mean(found) <= mean * limit


@pytest.mark.parametrize("level", [0.05, 0.01])
@pytest.mark.parametrize(("share", "ratio", "events"), [(0.1, 5.0, 2), (0.05, 3.0, 16)])
def test_an_onset_in_mid_rollout_is_found_within_twice_the_limit(share, ratio, events, level):
    found = delays(share, ratio, events, level, onset=300)
    assert np.mean(found) <= 2 * math.log(5000) / divergence(share, ratio, events)


class TestOneClump:
    """Of errors: no outage, as long as nothing shows in what clumps they come."""

    STEADY = ((0, 75), (14, 1425))  # a canary without errors beside a hundredth of the baseline's
    FAILING = ((75, 75), (14, 1425))

    def said(self, ticks, history=None):
        """What the last tick adds to the evidence."""
        design = Counts("requests", [WORSE])
        state = design.begin(history=history)
        for i, (canary, baseline) in enumerate(ticks):
            before = design.log_e(state)["worse"][0]
            sides = (np.array([side], dtype=float) for side in (canary, baseline))
            state = design.step(state, *sides, 0.05, START + i)
        return design.log_e(state)["worse"][0] - before

    def test_a_tick_of_few_errors_says_so_much_at_most(self):
        assert self.said([self.FAILING]) <= counts.MOST_OF_A_CLUMP
        assert self.said([self.STEADY] * 10 + [self.FAILING]) <= counts.MOST_OF_A_CLUMP
        assert self.said([self.FAILING] * 2) > math.log(2)

    def test_a_tick_of_more_errors_than_any_clump_is_taken_at_its_word(self):
        assert self.said([((500, 500), (14, 9500))]) > 5 * counts.MOST_OF_A_CLUMP

    def test_it_ends_where_the_baseline_has_shown_how_its_errors_come(self):
        told = [self.STEADY] * 40
        assert self.said([*told, self.FAILING]) > 2 * counts.MOST_OF_A_CLUMP
        rng = np.random.default_rng(1)
        past = [np.stack([rng.poisson(14, 100), np.full(100, 1425)], axis=1) for _ in range(2)]
        sides = tuple(side.astype(float) for side in past)
        assert self.said([self.FAILING], sides) > 2 * counts.MOST_OF_A_CLUMP
