"""The likeliest onset of more slow requests, at two of the watched edges."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.sequential import onset, slow_onset
from canarystats.sequential.edges import SLOTS, slot_of, slower
from canarystats.sequential.histogram import Histogram
from tests.rollouts import START, TICK
from tests.sequential.simulated import are_near

BOUNDS = np.append(0.1 * 2.0 ** (np.arange(-4, 11) / 2), np.inf)
AT = 60
PLAIN = np.diff(np.append(0.0, 1.0 - np.exp(-((BOUNDS / 0.12) ** 1.5))))
TAIL = 0.95 * PLAIN + 0.05 * np.diff(np.append(0.0, 1.0 - np.exp(-((BOUNDS / 0.5) ** 1.5))))
ALL = np.diff(np.append(0.0, 1.0 - np.exp(-((BOUNDS / 0.18) ** 1.5))))
FASTER = np.diff(np.append(0.0, 1.0 - np.exp(-((BOUNDS / 0.1) ** 1.5))))


def drawn(seed, after, delay, *, at=AT, requests=(75, 1425)):
    """Bucket counts of both sides; the canary's are of ``after`` from tick ``at`` on."""
    rng = np.random.default_rng(seed)
    canary = np.where((np.arange(at + delay) >= at)[:, None], after, PLAIN)
    sides = requests[0] * canary, np.tile(requests[1] * PLAIN, (at + delay, 1))
    return tuple(rng.poisson(side).astype(float) for side in sides)


def past(seed=9):
    return drawn(seed, PLAIN, 900, requests=(750, 750))


def followed(design, sides, history=None):
    state = design.begin(history=history)
    for t, (canary, baseline) in enumerate(zip(*sides, strict=True)):
        state = design.step(state, canary[None], baseline[None], float(t))
    return state


@pytest.mark.parametrize(("after", "question"), [(TAIL, "worse"), (TAIL, "beyond"), (ALL, "worse")])
def test_it_is_the_maximum_of_the_likelihood_written_out(after, question):
    canary, baseline = drawn(1, after, 40)
    design = Histogram("latency", BOUNDS, dated=True)
    state = followed(design, (canary, baseline), past())
    requests, others = canary.sum(axis=1), baseline.sum(axis=1)
    share = requests / (requests + others)
    quantiles = (0.5, 0.99) if question == "worse" else (0.99,)
    best = (-np.inf, 0)
    for quantile in quantiles:
        edge = int(state.edges[0, slot_of(state.edges, quantile)[0]])
        slow, slow_other = slower(canary)[:, edge], slower(baseline)[:, edge]
        for ratio in slow_onset.RATIOS:
            p = ratio * share / (1.0 + (ratio - 1.0) * share)
            gain = slow * np.log(p / share) + slow_other * np.log((1.0 - p) / (1.0 - share))
            tails = np.cumsum(gain[::-1])[::-1]
            best = max(best, (tails.max(), int(tails.argmax())))
    assert slow_onset.began(state.began, question).at == best[1]


def test_the_slots_are_those_nearest_among_the_watched():
    edges = np.full((3, 11), -1.0)
    edges[0, :SLOTS] = np.arange(6)
    edges[1, [2, 3]] = [7, 9]
    edges[2, 0] = 4
    assert slot_of(edges, 0.5).tolist() == [0, 2, 0]
    assert slot_of(edges, 0.99).tolist() == [4, 3, 0]


@pytest.mark.parametrize("after", [PLAIN, FASTER], ids=["alike", "faster"])
def test_nothing_is_dated_where_the_canary_is_no_slower(after):
    canary, baseline = (np.tile(r * p, (200, 1)) for r, p in ((75, after), (1425, PLAIN)))
    state = followed(Histogram("latency", BOUNDS, dated=True), (canary, baseline), past())
    assert slow_onset.began(state.began, "worse") is None
    assert slow_onset.began(slow_onset.begin(), "worse") is None


def test_before_edges_are_chosen_and_without_requests_nothing_is_told():
    design = Histogram("latency", BOUNDS, dated=True)
    few = 200 * PLAIN
    state = design.step(design.begin(), few[None], few[None], 0.0)
    assert (state.edges < 0).all()
    np.testing.assert_array_equal(state.began, slow_onset.begin())
    state = followed(design, drawn(2, TAIL, 20), past())
    for canary, baseline in ((np.full(16, np.nan), few), (few, 0.0 * few)):
        after = design.step(state, canary[None], baseline[None], 99.0)
        np.testing.assert_array_equal(after.began, state.began)
    undated = followed(Histogram("latency", BOUNDS), drawn(2, TAIL, 20), past())
    assert undated.began.size == 0


def test_metrics_side_by_side_are_those_one_by_one():
    design = Histogram("latency", BOUNDS, dated=True)
    one, other = drawn(3, TAIL, 30), drawn(4, ALL, 30)
    together = design.begin(2)
    for t in range(AT + 30):
        sides = (np.stack([one[i][t], other[i][t]]) for i in (0, 1))
        together = design.step(together, *sides, float(t))
    alone = [followed(design, sides).began for sides in (one, other)]
    assert together.began.tobytes() == np.concatenate(alone).tobytes()


@pytest.mark.parametrize(
    ("after", "delay", "error", "width"), [(TAIL, 40, 6.0, 25), (ALL, 10, 1.0, 8)]
)
def test_it_is_near_the_truth_and_its_interval_covers_it(after, delay, error, width):
    design, history, runs = Histogram("latency", BOUNDS, dated=True), past(), 40
    states = [followed(design, drawn(20 + i, after, delay), history) for i in range(runs)]
    found = [slow_onset.began(state.began, "worse") for state in states]
    are_near(found, AT, runs=runs, error=error, width=width)


@pytest.mark.parametrize("looks", ["many", "planned"])
def test_a_firing_says_since_when(looks):
    canary, baseline = drawn(6, TAIL, 60)
    times = START + TICK * np.arange(AT + 60)
    pair = cs.Pair.histogram(
        "latency_seconds", upper_bounds=BOUNDS, canary=canary, baseline=baseline, times=times
    )
    metric = {"name": "latency_seconds", "kind": "histogram", "critical": True}
    policy = cs.Policy.parse({"metrics": [metric]})
    if looks == "planned":
        policy = policy.replace(looks="planned", bake={"duration": "30m", "looks": 4})
    firing = cs.judge([pair], policy, share=0.05).firings[0]
    assert (firing.trigger, firing.way) == ("harm", "decisive")
    if looks == "planned":
        assert firing.onset_interval is None
    else:
        assert abs(firing.onset - times[AT]) <= 10 * TICK
        assert firing.onset_interval.low <= times[AT] <= firing.onset_interval.high


@pytest.mark.parametrize("fano", [1.0, 5.0])
def test_the_reach_grows_with_the_clumps(fano):
    errors = np.random.default_rng(7).poisson([[1.0, 19.0]], (AT, 2))
    errors = np.vstack([errors, np.random.default_rng(8).poisson([[3.0, 19.0]], (80, 2))])
    states = [onset.begin(), onset.begin()]
    for t, (ours, theirs) in enumerate(errors.astype(float)):
        sides = np.array([[ours, 100.0]]), np.array([[theirs, 1900.0]])
        states[0] = onset.step(states[0], *sides, float(t))
        states[1] = onset.step(states[1], *sides, float(t), fano=np.array([fano]))
    plain, clumped = (onset.began(state) for state in states)
    assert clumped.at == plain.at
    wider = clumped.latest - clumped.earliest, plain.latest - plain.earliest
    assert wider[0] == wider[1] if fano == 1.0 else wider[0] > wider[1]
