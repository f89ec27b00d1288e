"""The binomial e-process against direct formulas, and the confidence sequence of a share."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import betaln, xlog1py, xlogy

from canarystats.kernels import mixture
from canarystats.sequential import binomial

GRID, PRIOR = mixture.ODDS, mixture.PRIOR
FIRST = mixture.FROM_THE_FIRST


def by_brute_force(successes, failures, shares, odds, most=math.inf):
    """The mixture over effects and onsets, summed term by term in plain probabilities."""
    n = len(successes)
    weights = [FIRST] + [
        mixture.onset_mass_left(t - 1) - mixture.onset_mass_left(t) for t in range(1, n)
    ]
    value = mixture.onset_mass_left(n - 1)
    for weight, onset in zip(weights, range(n), strict=True):
        for multiplier, prior in zip(odds, PRIOR, strict=True):
            ratio = 1.0
            for k, m, p in list(zip(successes, failures, shares, strict=True))[onset:]:
                q = multiplier * p / (multiplier * p + 1 - p)
                look = stats.binom.pmf(k, k + m, q) / stats.binom.pmf(k, k + m, p)
                ratio *= min(look, math.exp(most))
            value += weight * prior * ratio
    return math.log(value)


def run(successes, failures, shares, *, rising=True, most=math.inf):
    odds, limits = binomial.log_odds([rising]), np.array([most])
    state, found = binomial.begin(1, 1), []
    for i, (k, m, p) in enumerate(zip(successes, failures, shares, strict=True)):
        counts = np.array([[float(k)]]), np.array([[float(m)]])
        state, log_e = binomial.step(state, odds, counts, np.array([[p]]), float(i), most=limits)
        found.append(float(log_e[0, 0]))
    return state, found


@pytest.mark.parametrize("most", [math.inf, 0.5])
@pytest.mark.parametrize("rising", [True, False])
def test_the_e_value_is_the_mixture_of_likelihood_ratios_over_effects_and_onsets(rising, most):
    rng = np.random.default_rng(11)
    trials, shares = rng.integers(0, 12, 9), rng.uniform(0.02, 0.6, 9)
    successes = rng.binomial(trials, np.minimum(2 * shares, 0.9))
    _, found = run(successes, trials - successes, shares, rising=rising, most=most)
    odds = GRID if rising else 1 / GRID
    for n in range(1, 10):
        seen = successes[:n], (trials - successes)[:n], shares[:n]
        expected = by_brute_force(*seen, odds, most)
        assert found[n - 1] == pytest.approx(expected, abs=1e-10)


def test_one_look_is_the_mean_likelihood_ratio_and_the_onsets_to_come():
    _, (found,) = run([7], [13], [0.1])
    ratios = [
        stats.binom.pmf(7, 20, o * 0.1 / (o * 0.1 + 0.9)) / stats.binom.pmf(7, 20, 0.1)
        for o in GRID
    ]
    assert found == pytest.approx(math.log(FIRST * np.dot(PRIOR, ratios) + 1 - FIRST))


def test_the_prior_over_onsets_spends_exactly_one():
    left = mixture.onset_mass_left(np.arange(500))
    assert FIRST + (left[:-1] - left[1:]).sum() + left[-1] == pytest.approx(1.0)
    assert FIRST + left[0] == pytest.approx(1.0)
    assert PRIOR.sum() == pytest.approx(1.0)


def test_before_the_first_look_there_is_no_evidence():
    assert binomial.log_e_values(binomial.begin(1, 2)).tolist() == [[0.0, 0.0]]


def test_looks_without_data_neither_give_nor_take():
    _, found = run([0] * 50, [0] * 50, [0.1] * 50)
    assert found == pytest.approx([0.0] * 50, abs=1e-12)


@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize("shares", [(0.2, 0.2), (0.05, 0.5)])
def test_the_expected_e_value_is_one_at_the_edge_of_the_null(shares, rising):
    # Exactly: over every outcome of two looks of six trials.
    outcomes = np.array([(k, m) for k in range(7) for m in range(7)], dtype=float)
    chance = stats.binom.pmf(outcomes, 6, shares).prod(axis=1)
    assert expected_e_value(outcomes, 6, shares, chance, rising=rising) == pytest.approx(
        1.0, abs=1e-12
    )


@pytest.mark.parametrize("rising", [True, False])
def test_inside_the_null_the_expected_e_value_is_less(rising):
    outcomes = np.array([(k, m) for k in range(7) for m in range(7)], dtype=float)
    truth = (0.15, 0.15) if rising else (0.25, 0.25)
    chance = stats.binom.pmf(outcomes, 6, truth).prod(axis=1)
    assert expected_e_value(outcomes, 6, (0.2, 0.2), chance, rising=rising) < 1.0


def expected_e_value(outcomes, trials, shares, chance, *, rising):
    """The mean of the e-value after the looks, one outcome a row."""
    state, odds = binomial.begin(len(outcomes), 1), binomial.log_odds([rising])
    for look, share in enumerate(shares):
        successes = outcomes[:, look : look + 1]
        counts = successes, trials - successes
        state, log_e = binomial.step(state, odds, counts, np.full((len(outcomes), 1), share), look)
    return float(chance @ np.exp(log_e[:, 0]))


def test_successes_and_failures_exchanged_are_the_opposite_question():
    rng = np.random.default_rng(3)
    k, m, p = rng.integers(0, 40, 30), rng.integers(0, 40, 30), rng.uniform(0.1, 0.9, 30)
    _, up = run(k, m, p)
    _, down = run(m, k, 1 - p, rising=False)
    assert up == pytest.approx(down, abs=1e-9)


def simulated(rows, tests, looks, seed=4):
    rng = np.random.default_rng(seed)
    for _ in range(looks):
        counts = rng.integers(0, 30, (rows, tests)), rng.integers(0, 300, (rows, tests))
        fano, share = rng.uniform(1, 9, (rows, tests)), rng.uniform(0.01, 0.3, (rows, tests))
        yield tuple(side.astype(float) for side in counts), share, fano


def test_rows_side_by_side_are_the_same_to_the_last_bit_as_alone():
    odds = binomial.log_odds([True, False, True])
    together, alone = binomial.begin(7, 3), [binomial.begin(1, 3) for _ in range(7)]
    for at, (counts, share, fano) in enumerate(simulated(7, 3, 40)):
        counts[0][at % 7] = np.nan
        together, log_e = binomial.step(together, odds, counts, share, at, fano)
        for i in range(7):
            one = tuple(side[i : i + 1] for side in counts)
            alone[i], own = binomial.step(
                alone[i], odds, one, share[i : i + 1], at, fano[i : i + 1]
            )
            assert own.tobytes() == log_e[i : i + 1].tobytes()
    for name in ("mass", "log_scale", "looks", "lowest", "rising_since"):
        rows = np.concatenate([getattr(state, name) for state in alone])
        assert rows.tobytes() == getattr(together, name).tobytes()


def test_a_missed_look_leaves_its_row_alone():
    odds = binomial.log_odds([True])
    state, _ = binomial.step(
        binomial.begin(2, 1), odds, (np.ones((2, 1)), np.ones((2, 1))), np.full((2, 1), 0.1), 0
    )
    counts = np.array([[np.nan], [5.0]]), np.array([[np.nan], [1.0]])
    after, _ = binomial.step(state, odds, counts, np.full((2, 1), 0.1), 1)
    assert after.mass[0].tobytes() == state.mass[0].tobytes()
    assert after.looks.tolist() == [1, 2]
    assert binomial.since(after, 0, 1) is not None


@given(
    counts=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 300)), min_size=1, max_size=15),
    look=st.integers(0, 14),
    more=st.integers(1, 20),
)
@settings(max_examples=60, deadline=None)
def test_more_successes_never_are_less_evidence(counts, look, more):
    look %= len(counts)
    k, m = (np.array(side, dtype=float) for side in zip(*counts, strict=True))
    moved = min(more, m[look])
    worse_k, worse_m = k.copy(), m.copy()
    worse_k[look] += moved
    worse_m[look] -= moved
    shares = np.full(len(k), 0.1)
    assert run(worse_k, worse_m, shares)[1][-1] >= run(k, m, shares)[1][-1] - 1e-9


def test_evidence_far_beyond_any_number_stays_finite():
    state, found = run([1e6] * 3, [0] * 3, [1e-6] * 3)
    assert np.isfinite(found).all()
    assert found[-1] > 1e6
    assert np.isfinite(state.mass).all()


def test_a_late_onset_is_found_about_when_it_began():
    k, m = [10.0] * 200 + [20.0] * 30, [190.0] * 200 + [180.0] * 30
    state, _ = run(k, m, [0.05] * 230)
    assert 196 <= binomial.since(state, 0) <= 202


def test_most_prior_weight_lies_on_effects_one_rolls_back_for():
    tuned = (GRID >= 1.1) & (GRID <= 10)
    assert PRIOR[tuned].sum() > 0.95
    assert (PRIOR > 0).all()


class TestShareInterval:
    def interval(self, k, m, centre=0.1, level=0.95):
        low, high = mixture.share_interval(
            np.array([float(k)]), np.array([float(m)]), np.array([centre]), level
        )
        return float(low[0]), float(high[0])

    def test_its_ends_are_where_the_beta_binomial_mixture_rejects(self):
        k, m, centre = 30, 170, 0.1
        a, b = mixture.PRIOR_EVENTS * centre, mixture.PRIOR_EVENTS * (1 - centre)
        for end in self.interval(k, m, centre):
            log_e = betaln(a + k, b + m) - betaln(a, b) - k * math.log(end) - m * math.log1p(-end)
            assert log_e == pytest.approx(math.log(20), abs=1e-9)

    def test_its_ends_agree_with_halving_the_unit_interval(self):
        rng = np.random.default_rng(2)
        k = np.concatenate([rng.integers(0, 50, 300), 10.0 ** rng.uniform(0, 8, 300)]).round()
        m = np.concatenate([rng.integers(0, 500, 300), 10.0 ** rng.uniform(0, 10, 300)]).round()
        centre = rng.uniform(0.001, 0.999, 600)
        low, high = mixture.share_interval(k, m, centre, 0.95)
        slow_low, slow_high = by_halving(k, m, centre)
        np.testing.assert_allclose(low, slow_low, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(high, slow_high, rtol=1e-9, atol=1e-12)

    def test_it_holds_the_observed_share_and_narrows(self):
        widths = []
        for n in (10, 100, 1000, 10_000):
            low, high = self.interval(0.2 * n, 0.8 * n)
            assert low < 0.2 < high
            widths.append(high - low)
        assert widths == sorted(widths, reverse=True)

    def test_without_data_it_is_everything(self):
        assert self.interval(0, 0) == (0.0, 1.0)

    def test_without_a_success_it_begins_at_zero_and_without_a_failure_it_ends_at_one(self):
        low, high = self.interval(0, 500)
        assert low == 0
        assert 0 < high < 0.05
        assert self.interval(500, 0, centre=0.9) == pytest.approx((1 - high, 1.0))

    @pytest.mark.parametrize("truth", [0.01, 0.05, 0.3])
    def test_it_covers_the_truth_at_every_look(self, truth):
        runs, looks, missed = 400, 120, 0
        rng = np.random.default_rng(5)
        trials = 40
        totals = np.cumsum(rng.binomial(trials, truth, (looks, runs)), axis=0).astype(float)
        out = np.zeros(runs, dtype=bool)
        for look in range(0, looks, 3):
            k, n = totals[look], float(trials * (look + 1))
            low, high = mixture.share_interval(k, n - k, np.full(runs, 0.05), 0.95)
            out |= (truth < low) | (truth > high)
        missed = int(out.sum())
        assert missed <= stats.binom.ppf(1 - 1e-4, runs, 0.05)


def by_halving(k, m, centre):
    """The ends of the confidence sequence by bisection."""
    a, b = mixture.PRIOR_EVENTS * centre, mixture.PRIOR_EVENTS * (1 - centre)
    edge = betaln(a + k, b + m) - betaln(a, b) - math.log(20)
    observed = np.where(k + m > 0, k / np.maximum(k + m, 1), centre)
    ends = []
    for outer in (np.zeros_like(observed), np.ones_like(observed)):
        out, inside = outer, observed.copy()
        for _ in range(80):
            guess = 0.5 * (out + inside)
            rejected = edge - xlogy(k, guess) - xlog1py(m, -guess) >= 0
            out, inside = np.where(rejected, guess, out), np.where(rejected, inside, guess)
        ends.append(out)
    return ends


@given(share=st.floats(0.001, 0.999), ratio=st.floats(0.01, 100))
def test_a_shifted_share_has_its_odds_multiplied(share, ratio):
    shifted = float(mixture.shifted_share(share, ratio))
    assert shifted / (1 - shifted) == pytest.approx(ratio * share / (1 - share), rel=1e-6)
