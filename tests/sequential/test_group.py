"""Group-sequential boundaries against published tables, normal orthants and simulation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from canarystats.errors import InputError
from canarystats.evidence import Question, Status
from canarystats.kernels import spending
from canarystats.sequential.group import GroupSequential, GroupState, conditional_rejection
from canarystats.state import pack, unpack
from tests.sequential.simulated import most_by_chance

FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)
TWENTY = tuple(i / 20 for i in range(1, 21))


def two_sided(spend, exponent=1.0, level=0.05):
    return GroupSequential("m", level=level, spend=spend, exponent=exponent, sides=2)


def paths(rng, runs, fractions, drift=0.0):
    """The z value of every look, shape (runs, looks)."""
    steps = np.diff([0.0, *fractions])
    sums = np.cumsum(rng.normal(drift * steps, np.sqrt(steps), (runs, len(steps))), axis=1)
    return sums / np.sqrt(fractions)


@pytest.mark.parametrize(
    ("spend", "exponent", "published"),
    [
        # Reference pages; the same five figures stand in gsDesign's and ldbounds' documentation.
        ("obrien_fleming", 1, (4.877, 3.357, 2.680, 2.290, 2.031)),
        # Lan & DeMets (1983), Jennison & Turnbull (2000): Pocock-like, five equal looks.
        ("pocock", 1, (2.438, 2.427, 2.410, 2.397, 2.386)),
        # Kim & DeMets (1987): the power family with exponents 1 and 2.
        ("power", 1, (2.576, 2.492, 2.411, 2.339, 2.276)),
        ("power", 2, (3.090, 2.714, 2.473, 2.280, 2.114)),
    ],
)
def test_five_equal_looks_have_the_published_boundaries(spend, exponent, published):
    found = two_sided(spend, exponent).boundaries(FIVE)
    assert found == pytest.approx(published, abs=0.00051)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("fractions", [(0.1, 0.35, 1.0), (0.3, 0.31, 0.9), (0.5, 0.52, 0.56)])
def test_each_look_spends_exactly_its_part_by_the_multivariate_normal(sides, fractions):
    design = GroupSequential("m", level=0.05, spend="pocock", sides=sides)
    bounds = design.boundaries(fractions)
    t = np.array(fractions)
    covariance = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    for k in range(1, len(t) + 1):
        law = stats.multivariate_normal(
            np.zeros(k), covariance[:k, :k], seed=1, maxpts=500_000, abseps=1e-8
        )
        low = np.full(k, -np.inf) if sides == 1 else -np.array(bounds[:k])
        inside = law.cdf(bounds[:k], lower_limit=low)
        assert 1 - inside == pytest.approx(design.spent(fractions[k - 1]), abs=2e-6)


def test_finer_integration_changes_nothing_that_is_shown(monkeypatch):
    fractions = (0.02, 0.04, 0.5, 0.51, 0.62, 1.0)
    coarse = GroupSequential("m", level=0.03, spend="pocock").boundaries(fractions)
    for cached in (spending.boundary, spending._inside, spending._panel):
        cached.cache_clear()
    monkeypatch.setattr(spending, "NODES", 16)
    monkeypatch.setattr(spending, "PANEL", 1.0)
    fine = GroupSequential("m", level=0.03, spend="pocock").boundaries(fractions)
    for cached in (spending.boundary, spending._inside, spending._panel):
        cached.cache_clear()
    assert coarse == pytest.approx(fine, abs=1e-10)


@pytest.mark.parametrize("spend", ["obrien_fleming", "pocock", "power"])
@pytest.mark.parametrize("sides", [1, 2])
def test_the_chances_to_cross_sum_to_the_level(spend, sides):
    design = GroupSequential("m", level=0.05, spend=spend, sides=sides)
    bounds = design.boundaries(TWENTY)
    above, below = spending.crossings(TWENTY, bounds, sides)
    assert above.sum() + below.sum() == pytest.approx(0.05, abs=1e-11)
    assert np.cumsum(above + below) == pytest.approx([design.spent(t) for t in TWENTY], abs=1e-11)


@pytest.mark.parametrize("spend", ["obrien_fleming", "pocock", "power"])
@pytest.mark.parametrize("sides", [1, 2])
def test_healthy_rollouts_cross_at_most_at_the_level_at_unplanned_looks(spend, sides):
    rng, runs, level = np.random.default_rng(3), 8000, 0.05
    design = GroupSequential("m", level=level, spend=spend, sides=sides)
    fractions = (0.07, 0.11, 0.4, 0.44, 0.8, 0.97)
    state = design.begin(runs)
    z = paths(rng, runs, fractions)
    for k, fraction in enumerate(fractions):
        state = design.step(state, z[:, k], fraction)
    crossed = int((state.crossed_at > 0).sum())
    expected = design.spent(fractions[-1])
    assert crossed <= most_by_chance(runs, expected)
    assert crossed >= stats.binom.ppf(1e-4, runs, expected)


# Reference pages, 2.3: 20 looks up to 200 unit-variance values; power and mean number of values.
POWER_TABLE = {
    0.15: {"pocock": (0.45, 162), "power": (0.52, 166)},
    0.20: {"pocock": (0.70, 135), "power": (0.77, 141)},
    0.30: {"pocock": (0.97, 83), "power": (0.98, 94)},
    1.00: {"pocock": (1.00, 14), "power": (1.00, 20)},
}


@pytest.mark.parametrize("delta", POWER_TABLE)
@pytest.mark.parametrize("spend", ["pocock", "power"])
def test_power_and_mean_size_are_those_of_the_reference_table(delta, spend):
    power, size = two_sided(spend, 2.0).power(delta * math.sqrt(200), TWENTY)
    listed = POWER_TABLE[delta][spend]
    error = stats.norm.isf(1e-4) * math.sqrt(listed[0] * (1 - listed[0]) / 2000)
    assert power == pytest.approx(listed[0], abs=error + 0.006)
    assert 200 * size == pytest.approx(listed[1], abs=1.6)


@pytest.mark.parametrize(
    ("delta", "listed"), [(0.15, (0.54, 169)), (0.2, (0.78, 146)), (0.3, (0.99, 104))]
)
def test_the_reference_table_spends_the_two_sided_level_of_obrien_fleming_as_a_whole(delta, listed):
    # The published boundaries 4.877 ... 2.031 spend each side's half by itself; the table of the
    # reference pages halves what the whole level spends, which is a little less shy early.
    spent = [spending.obrien_fleming(0.05, t) / 2 for t in TWENTY]
    bounds = spending.boundaries(TWENTY, spent, 2)
    above, below = spending.crossings(TWENTY, bounds, 2, delta * math.sqrt(200))
    ended = above + below
    assert above.sum() == pytest.approx(listed[0], abs=0.04)
    size = 200 * float(ended @ np.array(TWENTY) + 1 - ended.sum())
    assert size == pytest.approx(listed[1], abs=1.6)


@pytest.mark.parametrize("spend", ["obrien_fleming", "pocock", "power"])
def test_power_is_what_simulation_finds(spend):
    rng, runs, drift = np.random.default_rng(5), 4000, 0.2 * math.sqrt(200)
    design = two_sided(spend, 2.0)
    power, size = design.power(drift, TWENTY)
    z, state = paths(rng, runs, TWENTY, drift), two_sided(spend, 2.0).begin(runs)
    for k, fraction in enumerate(TWENTY):
        state = design.step(state, z[:, k], fraction)
    found = int((state.crossed_at > 0).sum())
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], runs, power + 1e-3)
    assert low <= found <= high
    ended = np.where(state.crossed_at > 0, state.crossed_at, len(TWENTY)) / len(TWENTY)
    assert ended.mean() == pytest.approx(size, abs=4 * ended.std() / math.sqrt(runs))


def test_a_test_that_runs_past_its_plan_errs_more_than_three_times_too_often():
    # Why looks past the plan are refused: the last boundary kept until five times the window.
    rng, runs = np.random.default_rng(8), 4000
    bounds = np.array(two_sided("power", 2.0).boundaries(TWENTY))
    five = np.array(TWENTY)[None, :] + np.arange(5)[:, None]
    z = paths(rng, runs, tuple(five.ravel()))
    used = np.concatenate([bounds, np.full(80, bounds[-1])])
    errors = (np.abs(z) >= used).any(axis=1).mean()
    assert 0.15 < errors < 0.20


@pytest.mark.parametrize("information", [1.01, 5.0, math.inf, math.nan])
def test_looks_past_the_plan_are_refused(information):
    design = two_sided("pocock")
    state = design.step(design.begin(), np.zeros(1), 0.9)
    with pytest.raises(InputError, match="past the plan"):
        design.step(state, np.zeros(1), information)


@pytest.mark.parametrize("information", [0.5, 0.3, 0.5005, 0.0, -1.0])
def test_information_must_grow(information):
    design = two_sided("pocock")
    state = design.step(design.begin(), np.zeros(1), 0.5)
    with pytest.raises(InputError, match="must grow"):
        design.step(state, np.zeros(1), information)


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": 0.0},
        {"level": 0.5},
        {"level": 0.05, "spend": "all"},
        {"level": 0.05, "exponent": 0.0},
        {"level": 0.05, "sides": 3},
    ],
)
def test_settings_that_cannot_be_right_are_refused(wrong):
    with pytest.raises(InputError):
        GroupSequential("m", **wrong)


def test_the_p_value_decides_exactly_where_the_boundary_is_crossed():
    rng = np.random.default_rng(2)
    design = two_sided("obrien_fleming")
    z = paths(rng, 300, FIVE, 2.5)
    state, bounds = design.begin(300), design.boundaries(FIVE)
    for k, fraction in enumerate(FIVE):
        state = design.step(state, z[:, k], fraction)
        crossed = (np.abs(z[:, : k + 1]) >= bounds[: k + 1]).any(axis=1)
        decided = [design.evidence(state, row).decides for row in range(300)]
        assert decided == crossed.tolist()
    assert 0 < crossed.sum() < 300


def test_the_p_value_is_uniform_at_the_end_of_the_plan():
    runs = 8000
    design = GroupSequential("m", level=0.2, spend="power", exponent=1.0)
    state, z = design.begin(runs), paths(np.random.default_rng(4), runs, FIVE)
    for k, fraction in enumerate(FIVE):
        state = design.step(state, z[:, k], fraction)
    assert stats.kstest(state.p_value, "uniform").pvalue > 0.001


def test_rows_together_equal_single_ones_and_a_skipped_look_changes_nothing():
    rng = np.random.default_rng(6)
    design = GroupSequential("m", level=0.05)
    z = paths(rng, 40, FIVE, 1.0)
    z[3, 2] = np.nan
    state, alone = design.begin(40), [design.begin() for _ in range(40)]
    for k, fraction in enumerate(FIVE):
        before = state
        state = design.step(state, z[:, k], fraction)
        alone = [design.step(one, z[i : i + 1, k], fraction) for i, one in enumerate(alone)]
        if k == 2:
            for field in ("z", "crossed_at", "p_value", "spent"):
                assert getattr(state, field)[3] == getattr(before, field)[3]
    for field in ("z", "crossed_at", "p_value", "spent"):
        assert getattr(state, field).tolist() == [getattr(one, field)[0] for one in alone]


def test_the_state_survives_json_and_goes_on_alike():
    design = two_sided("pocock")
    state = design.begin(3)
    for fraction in FIVE[:3]:
        state = design.step(state, np.array([0.5, np.nan, -2.6]), fraction)
    restored = unpack(GroupState, json.loads(json.dumps(pack(state), allow_nan=False)))
    left = design.step(state, np.array([1.0, 2.0, 0.0]), 0.9)
    right = design.step(restored, np.array([1.0, 2.0, 0.0]), 0.9)
    assert pack(left) == pack(right)
    assert left.crossed_at.tolist() == [0, 0, 1]


def test_evidence_says_what_was_seen():
    design = GroupSequential("m", level=0.05)
    empty = design.evidence(design.begin())
    assert (empty.status, empty.decides) == (Status.NO_DATA, False)
    state = design.step(design.begin(), np.array([4.0]), 0.5)
    found = design.evidence(design.step(state, np.array([0.0]), 0.75))
    assert found.question is Question.WORSE
    assert found.decides
    assert found.detail == "crossed at look 1"
    waiting = design.evidence(design.step(design.begin(), np.array([0.1]), 0.5))
    assert waiting.detail == "not crossed after 50% of the plan"
    assert not waiting.decides


def test_conditional_rejection_is_a_martingale_that_ends_as_the_test_itself():
    z = paths(np.random.default_rng(7), 100_000, FIVE)
    for k, fraction in enumerate(FIVE):
        chance = conditional_rejection(z[:, k], fraction, 0.05)
        assert chance.mean() == pytest.approx(0.05, abs=4 * chance.std() / math.sqrt(len(z)))
    assert chance.tolist() == (z[:, -1] >= stats.norm.isf(0.05)).tolist()
    with pytest.raises(InputError):
        conditional_rejection(z[:, 0], 1.2, 0.05)
