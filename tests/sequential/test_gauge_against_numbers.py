"""A gauge against a number, or against its baseline times one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from canarystats.kernels import student
from canarystats.sequential import noise
from canarystats.sequential.gauge import Gauge

BATCH = 5


def design(times=None, harmful="increase", batch=BATCH):
    return Gauge("m", harmful=harmful, margin=0.0, allowed=0.0, batch=batch, times=times)


def walk(made, canary, other, history=None):
    """The state after every tick of K gauges; ``canary`` and ``other`` have shape (K, n)."""
    state = made.begin(len(canary), history=history)
    for i in range(canary.shape[1]):
        state = made.step(state, canary[:, i, None], other[:, i, None], 15.0 * i)
        yield state


def remembering(shape, phi, seed):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    for i in range(1, shape[1]):
        values[:, i] = phi * values[:, i - 1] + np.sqrt(1 - phi**2) * values[:, i]
    return values


def test_against_a_number_it_is_the_t_test_on_batch_means_below_it():
    values = 3.0 + remembering((1, 60), 0.0, 1)
    *_, state = walk(design(), values, np.full((1, 60), 2.5))
    means = 2.5 - values.reshape(-1, BATCH).mean(axis=1)
    expected = student.log_e_value(12, means.mean(), means.var(ddof=1), one_sided=True)
    assert design().log_e(state)["not_worse"][0] == pytest.approx(float(expected))


def test_times_a_number_is_the_comparison_with_so_much_more():
    canary, baseline = (5.0 + remembering((1, 60), 0.3, seed) for seed in (2, 3))
    *_, times = walk(design(times=1.25), canary, baseline)
    *_, more = walk(design(times=1.0), canary, 1.25 * baseline)
    for claim, value in design(times=1.0).log_e(more).items():
        assert design(times=1.25).log_e(times)[claim] == pytest.approx(value)


@pytest.mark.parametrize("phi", [0.0, 0.7])
def test_a_level_has_the_long_run_variance_of_its_own_series(phi):
    learned = noise.learn_level(10.0 + remembering((40, 4000), phi, 4)[:, :, None])
    assert np.median(learned.variance) == pytest.approx((1 + phi) / (1 - phi), rel=0.15)
    assert not learned.side_effect.any()
    assert not learned.pod_effect.any()
    assert learned.pods.tolist() == [1.0] * 40


def test_a_number_has_no_pods():
    past = 10.0 + remembering((1, 2000), 0.0, 5)[:, :, None]
    many = np.repeat(past, 4, axis=2)
    few = design().begin(1, history=(many, None))
    state = design().step(few, np.array([[10.0]]), np.array([[9.0]]), 0.0)
    assert few.noise.pods[0] == 0.25
    assert state.spent[0] == 4.0  # one pod where the history had four is four times as noisy


@pytest.mark.parametrize(
    ("times", "phi", "ticks_of_history"),
    [(None, 0.0, 0), (None, 0.6, 1500), (0.95, 0.6, 0), (1.284, 0.6, 1500)],
)
def test_at_the_edge_nothing_is_shown_more_often_than_its_level(times, phi, ticks_of_history):
    rows, n, level = 300, 500, 0.05
    canary = remembering((rows, n), phi, 6)
    past = None
    if times is None:
        canary, other = 20.0 + canary, np.full((rows, n), 20.0)
        if ticks_of_history:
            past = 20.0 + remembering((rows, ticks_of_history), phi, 7)[:, :, None], None
    else:
        load = 20.0 + np.sin(np.arange(n) / 30.0)
        other = load + remembering((rows, n), phi, 8)
        canary = times * load + canary
        if ticks_of_history:
            sides = (remembering((rows, ticks_of_history), phi, seed) for seed in (9, 10))
            past = tuple(20.0 + side[:, :, None] for side in sides)
    made = design(times, batch=BATCH if phi == 0.0 else 20)
    reached = {claim: np.zeros(rows, dtype=bool) for claim in ("worse", "not_worse")}
    for i, state in enumerate(walk(made, canary, other, past)):
        if i % 5 == 4:
            for claim, log_e in made.log_e(state).items():
                reached[claim] |= log_e >= -np.log(level)
    for found in reached.values():
        assert found.sum() <= binom.ppf(0.9999, rows, level)


@pytest.mark.parametrize("times", [None, 0.95])
def test_beyond_the_edge_it_is_shown(times):
    canary = 20.0 + remembering((50, 400), 0.0, 11)
    other = np.full((50, 400), 19.0) if times is None else 20.0 + remembering((50, 400), 0.0, 12)
    *_, state = walk(design(times), canary, other)
    assert (design(times).log_e(state)["worse"] > np.log(1000)).mean() > 0.9
