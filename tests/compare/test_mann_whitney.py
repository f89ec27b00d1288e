"""One look by ranks: scipy's numbers, what must not matter, and what each status says."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from canarystats.compare import mann_whitney
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Status
from canarystats.windows import Pair
from tests.needs import SHARED, need

SIDES = st.lists(st.integers(-8, 8).map(float), min_size=1, max_size=30)
ALTERNATIVES = ["two-sided", "greater", "less"]


def samples(x, y):
    return Pair.samples("latency_seconds", canary=x, baseline=y)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("n", "m"), [(4, 5), (30, 30), (60, 60), (7, 240), (200, 31)])
def test_p_values_are_scipys(n, m, alternative):
    rng = np.random.default_rng(n)
    for spread in (False, True):
        x, y = rng.normal(0.3, 1, n), rng.normal(0, 1, m)
        if spread:
            x, y = np.round(2 * x), np.round(2 * y)
        method = "exact" if not spread and n * m <= 900 else "asymptotic"
        expected = stats.mannwhitneyu(x, y, alternative=alternative, method=method)
        found = mann_whitney(samples(x, y), alternative=alternative)
        assert found.p_value == pytest.approx(min(expected.pvalue, 1), rel=1e-10)
        assert found.effect == pytest.approx(expected.statistic / (n * m), abs=1e-15)
        assert (found.observed, found.reference) == (np.median(x), np.median(y))


@given(SIDES, SIDES)
def test_swapping_the_sides_mirrors_everything(x, y):
    one, two = mann_whitney(samples(x, y)), mann_whitney(samples(y, x))
    assert one.p_value == two.p_value
    assert one.effect + two.effect == pytest.approx(1, abs=1e-15)
    assert one.interval.low == pytest.approx(1 - two.interval.high, abs=1e-9)
    greater = mann_whitney(samples(x, y), alternative="greater").p_value
    assert greater == mann_whitney(samples(y, x), alternative="less").p_value


@given(SIDES, SIDES, st.sampled_from([1e-9, 1e-3, 1e9]), st.sampled_from(ALTERNATIVES))
def test_neither_units_nor_monotone_transforms_matter(x, y, unit, alternative):
    plain = mann_whitney(samples(x, y), alternative=alternative)
    x, y = np.array(x), np.array(y)
    for a, b in ((unit * x, unit * y), (np.exp(x / 8), np.exp(y / 8))):
        other = mann_whitney(samples(a, b), alternative=alternative)
        assert (other.p_value, other.effect, other.interval) == (
            plain.p_value,
            plain.effect,
            plain.interval,
        )


@settings(max_examples=40)
@given(
    st.lists(st.tuples(SIDES, SIDES, st.booleans()), min_size=1, max_size=6),
    st.sampled_from(ALTERNATIVES),
    st.sampled_from([0.0, 0.25]),
)
def test_a_batch_is_a_loop_bit_for_bit(drawn, alternative, margin):
    pairs = []
    for x, y, gauge in drawn:
        n = min(len(x), len(y))
        whole = Pair.gauge("g", canary=x[:n], baseline=y[:n]) if gauge else samples(x, y)
        pairs.append(whole)
    batch = mann_whitney(pairs, alternative=alternative, margin=margin)
    assert batch == [mann_whitney(p, alternative=alternative, margin=margin) for p in pairs]


def test_many_or_no_pairs_are_stacked_in_order(monkeypatch):
    rng = np.random.default_rng(3)
    pairs = [samples(rng.normal(size=n), rng.normal(size=9)) for n in (5, 70, 8, 40, 3)]
    whole = mann_whitney(pairs)
    module = importlib.import_module("canarystats.compare.stacks")
    monkeypatch.setattr(module, "STACKED", 100)
    assert mann_whitney(pairs) == whole
    assert mann_whitney([]) == []


def test_a_margin_moves_the_hypothesis_and_not_the_effect():
    rng = np.random.default_rng(4)
    base = rng.lognormal(size=200)
    pair = samples(1.1 * np.median(base) + base - np.median(base), base)
    plain = mann_whitney(pair, alternative="greater")
    beyond = mann_whitney(pair, alternative="greater", margin=0.1)
    assert beyond.effect == plain.effect
    assert beyond.p_value == pytest.approx(0.5, abs=0.02)
    shifted = samples(pair.canary[:, 0], base + 0.1 * abs(np.median(base)))
    assert beyond.p_value == mann_whitney(shifted, alternative="greater").p_value
    assert beyond.margin == 0.1
    assert "raised by 0.1" in beyond.detail


def test_a_margin_of_negative_values_still_works_against_the_canary():
    pair = samples(-9.0 + np.linspace(0, 0.5, 40), -10.0 + np.linspace(0, 0.5, 40))
    assert mann_whitney(pair, alternative="greater").decides
    assert not mann_whitney(pair, alternative="greater", margin=0.2).decides


def test_two_sided_with_a_margin_is_twice_the_smaller_side():
    rng = np.random.default_rng(5)
    pair = samples(rng.normal(12, 1, 50), rng.normal(10, 1, 50))
    both = mann_whitney(pair, margin=0.05).p_value
    sides = [mann_whitney(pair, alternative=a, margin=0.05).p_value for a in ("greater", "less")]
    assert both == min(1, 2 * min(sides))


def test_non_inferiority_is_a_negative_margin_the_other_way():
    rng = np.random.default_rng(6)
    pair = samples(rng.normal(10, 0.5, 100), rng.normal(10, 0.5, 100))
    found = mann_whitney(pair, alternative="less", margin=-0.1)
    assert found.question is Question.NOT_WORSE
    assert found.decides
    assert "raised by 0.1" in found.detail


@pytest.mark.parametrize(
    ("alternative", "harmful", "question"),
    [
        ("two-sided", "increase", Question.DIFFERENCE),
        ("greater", "increase", Question.WORSE),
        ("less", "increase", Question.NOT_WORSE),
        ("less", "decrease", Question.WORSE),
        ("greater", "decrease", Question.NOT_WORSE),
        ("less", "either", Question.WORSE),
    ],
)
def test_the_harmful_direction_names_the_question(alternative, harmful, question):
    found = mann_whitney(samples([1, 2, 3], [1, 2, 4]), alternative=alternative, harmful=harmful)
    assert found.question is question


def test_infinities_are_ranked_and_told():
    found = mann_whitney(samples([np.inf] * 8, [1.0, 2, 3, 4, 5, 6, 7, 8]), margin=0.0)
    assert found.decides
    assert found.effect == 1
    assert found.observed is None
    assert found.seen == ("canary: 8 of 8 values infinite",)
    assert mann_whitney(samples([1.0] * 9, [np.inf] * 9), margin=0.5, alternative="less").decides


def test_identical_values_are_degenerate():
    for pair in (samples([2.0] * 9, [2.0] * 4), Pair.gauge("g", canary=[2] * 9, baseline=[2] * 9)):
        found = mann_whitney(pair)
        assert found.status is Status.DEGENERATE
        assert (found.p_value, found.effect) == (1.0, 0.5)


def test_equal_constants_are_shown_not_worse_of_independent_samples_only():
    """Under the hypothesis all orders of canary and moved baseline are alike: 1 in C(20, 10)."""
    level = 0.01
    pair = samples([5.0] * 10, [5.0] * 10)
    found = mann_whitney(pair, alternative="less", margin=-0.1, level=level)
    assert found.status is Status.OK
    assert found.decides
    permuted = stats.mannwhitneyu([5.0] * 10, [5.5] * 10, alternative="less")
    assert found.p_value == pytest.approx(permuted.pvalue, rel=1e-10)
    assert not mann_whitney(pair, alternative="greater", margin=0.1, level=level).decides
    zeros = mann_whitney(samples([0.0] * 9, [0.0] * 9), alternative="less", margin=-0.1)
    assert zeros.status is Status.DEGENERATE  # a share of a median of 0 is no margin
    gauge = Pair.gauge("g", canary=[5.0] * 60, baseline=[5.0] * 60)
    assert mann_whitney(gauge, alternative="less", margin=-0.1).status is Status.DEGENERATE


def test_two_constants_of_a_gauge_are_told_and_not_decided():
    found = mann_whitney(Pair.gauge("g", canary=[5.0] * 60, baseline=[0.5] * 60))
    assert found.status is Status.INSUFFICIENT
    assert found.effect == 1
    assert "neither side ever changes" in found.detail
    assert mann_whitney(samples([5.0] * 60, [0.5] * 60)).decides


def test_absent_sides():
    assert mann_whitney(samples([], [])).status is Status.NO_DATA
    assert mann_whitney(samples([1.0], [])).status is Status.ONE_SIDE_ONLY
    gauge = Pair.gauge("g", canary=[np.nan] * 4, baseline=[1.0, 2, 3, 4])
    found = mann_whitney(gauge)
    assert found.status is Status.ONE_SIDE_ONLY
    assert found.seen == ("canary: 4 of 4 ticks missing",)
    assert found.p_value is None
    assert mann_whitney(Pair.gauge("g", canary=[1.0, 2])).status is Status.ONE_SIDE_ONLY


def test_too_few_samples_to_ever_reach_the_level_say_so_and_give_p():
    found = mann_whitney(samples([5.0, 6, 7], [1.0, 2, 3]))
    assert found.status is Status.INSUFFICIENT
    assert found.p_value == pytest.approx(0.1)
    assert mann_whitney(samples([5.0, 6, 7], [1.0, 2, 3]), alternative="greater").decides


def test_a_gauge_of_few_effective_values_is_withheld():
    ramp = np.linspace(0, 1, 40)
    found = mann_whitney(Pair.gauge("g", canary=ramp + 5, baseline=ramp))
    assert found.status is Status.INSUFFICIENT
    assert found.n_effective < 3
    assert "40 ticks are worth" in found.detail
    flat = mann_whitney(Pair.gauge("g", canary=[100.001] * 60, baseline=[100.0] * 60))
    assert flat.status is Status.INSUFFICIENT
    assert flat.n_effective == 1


def test_a_gauge_is_the_mean_of_its_pods_where_any_was_read():
    rng = np.random.default_rng(7)
    pods = rng.normal(size=(50, 3))
    pods[4, 1] = np.nan
    pods[9] = np.nan
    mean = np.array([np.nan if np.isnan(r).all() else np.nanmean(r) for r in pods])
    baseline = rng.normal(size=50)
    several = mann_whitney(Pair.gauge("g", canary=pods, baseline=baseline))
    single = mann_whitney(Pair.gauge("g", canary=mean, baseline=baseline))
    assert several.p_value == pytest.approx(single.p_value, rel=1e-12)
    assert several.n_canary == 49
    assert several.seen == ("canary: 1 of 50 ticks missing",)


def test_a_gauge_of_independent_values_is_close_to_samples():
    rng = np.random.default_rng(9)
    x, y = rng.normal(0.4, 1, 240), rng.normal(0, 1, 240)
    gauge = mann_whitney(Pair.gauge("g", canary=x, baseline=y))
    assert gauge.n_effective > 180
    assert gauge.p_value == pytest.approx(mann_whitney(samples(x, y)).p_value, abs=1e-3)


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({"alternative": "bigger"}, "alternative is 'bigger'"),
        ({"harmful": "up"}, "harmful is 'up'"),
        ({"level": 5}, "level is 5"),
        ({"level": float("nan")}, "level is nan"),
        ({"margin": float("inf")}, "margin is inf"),
        ({"margin": -0.1}, "two-sided"),
    ],
)
def test_wrong_settings_are_refused(settings_, words):
    with pytest.raises(InputError, match=words):
        mann_whitney(samples([1.0], [2.0]), **settings_)


def test_counts_are_refused_by_kind():
    pair = Pair.counts("requests", canary=([1], [2]), baseline=([1], [2]))
    with pytest.raises(
        InputError, match="'requests' is of kind counts; mann_whitney takes samples"
    ):
        mann_whitney(pair)


def test_evidence_survives_json_and_holds_no_nan():
    pair = Pair.gauge("g", canary=[np.inf, np.nan, 1, 2], baseline=[-np.inf, np.inf, 4, np.nan])
    text = mann_whitney(pair).model_dump_json()
    assert "NaN" not in text
    assert Evidence.model_validate_json(text) == mann_whitney(pair)


def test_the_effect_is_kayentas_common_language_effect():
    path = SHARED / "data" / "kayenta" / "vectors.jsonl"
    need(path.exists(), "the recorded judgements of Kayenta")
    compared = 0
    for line in path.read_text().splitlines():
        case = json.loads(line)
        if case["kind"] != "metric" or not isinstance(case["output"].get("cles"), float):
            continue
        given_, found = case["input"], case["output"]
        sides = [given_.get("experiment"), given_.get("control")]
        if found.get("noiseAdded") or any(None in (s or [None]) for s in sides):
            continue
        if given_.get("outliers") or given_.get("nanStrategy"):
            continue
        compared += 1
        assert mann_whitney(samples(*sides)).effect == pytest.approx(found["cles"], abs=1e-12)
    assert compared > 100
