"""What real telemetry looks like on a bad day: every detector answers, and without a warning."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.detect import OnlineDetector

LENGTHS = (0, 1, 2, 5, 9, 20, 21, 24, 60, 150)


def sparse(rng, n, share):
    return np.where(rng.random(n) < share, np.nan, rng.normal(size=n))


UGLY = {
    "nothing": lambda _, n: np.full(n, np.nan),
    "zeros": lambda _, n: np.zeros(n),
    "one large value": lambda _, n: np.full(n, 5e9),
    "a constant with rare spikes": lambda rng, n: np.where(rng.random(n) < 0.03, 1e6, 7.0),
    "rare events": lambda rng, n: rng.poisson(0.3, n).astype(float),
    "a counter taken for a gauge": lambda rng, n: np.cumsum(rng.poisson(5, n)).astype(float),
    "gaps": lambda rng, n: sparse(rng, n, 0.2),
    "hardly a sample": lambda rng, n: sparse(rng, n, 0.9),
    "a random walk": lambda rng, n: np.cumsum(rng.normal(size=n)),
    "a tiny unit": lambda rng, n: 1e-300 * rng.normal(size=n),
    "a huge unit": lambda rng, n: 1e300 * rng.normal(size=n),
    "infinities": lambda rng, n: np.where(rng.random(n) < 0.1, np.inf, rng.normal(size=n)),
    "nothing but infinity": lambda _, n: np.full(n, np.inf),
    "digits at their end": lambda rng, n: 1e9 + 1e-6 * rng.normal(size=n),
    "up or down": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "tails": lambda rng, n: np.exp(10 * rng.normal(size=n)),
    "a ramp without noise": lambda _, n: np.arange(n, dtype=float),
    "a cycle without noise": lambda _, n: np.arange(n) % 7.0,
    "held between scrapes": lambda rng, n: np.repeat(rng.normal(size=n // 5 + 1), 5)[:n],
    "the ends of the numbers": lambda _, n: np.where(np.arange(n) % 2, 1.7e308, -1.7e308),
}


def tables(seed):
    """Each ugly series between two others of its length, and one to stand beside them."""
    rng = np.random.default_rng(seed)
    names = list(UGLY)
    for i, name in enumerate(names):
        n = int(rng.choice(LENGTHS))
        others = rng.choice(names, 3)
        yield (
            np.stack([UGLY[one](rng, n) for one in (name, *others[:2])]),
            UGLY[others[2] if i % 2 else name](rng, n),
            np.cumsum(rng.exponential(15, n) + 1e-3),
        )


def shown(found):
    """All that an answer says, its evidence included."""
    if not isinstance(found, list):
        found = [found]
    for one in found:
        if hasattr(one, "_repr_html_"):
            one._repr_html_()
    return repr([(one, getattr(one, "evidence", None)) for one in found])


@pytest.mark.parametrize("seed", range(2))
def test_a_batch_of_ugly_series_is_the_loop(seed):
    for rows, beside, times in tables(seed):
        for search in (
            cs.detect.change_points,
            lambda values: cs.detect.change_points(values, beside, times),  # noqa: B023 - at once
            lambda values: cs.detect.anomalies(values, beside),  # noqa: B023 - at once
            lambda values: cs.detect.leak(values, times=times, limit=1e9),  # noqa: B023 - at once
            lambda values: cs.detect.leak(values, beside),  # noqa: B023 - at once
            cs.detect.novelties,
        ):
            assert shown(search(rows)) == shown([search(row) for row in rows])


@pytest.mark.parametrize("seed", range(2))
def test_what_takes_one_series_or_pairs_answers_too(seed):
    for rows, beside, times in tables(seed):
        shown(cs.detect.arm_changes(rows[0], beside, times))
        for variant in ("original", "hamed_rao", "yue_wang", "prewhitened"):
            shown(cs.detect.mann_kendall(rows[0], variant))
        if not rows.shape[1]:
            continue
        pods = np.stack([beside, beside[::-1], rows[1]], axis=1)
        pairs = [cs.Pair.gauge(name, canary=rows.T, baseline=pods) for name in ("a", "b")]
        shown(cs.detect.anomalies(pairs[0]))
        shown(cs.detect.leak(pairs[0]))
        shown(cs.detect.joint_anomalies(pairs))


@pytest.mark.parametrize("seed", range(2))
def test_watching_tick_by_tick_is_watching_at_once(seed):
    for rows, beside, _ in tables(seed):
        detector = OnlineDetector(average_run_length=100, warm_up=20)
        start = state = detector.start(beside if seed % 2 else None)
        told = []
        for value in rows[0]:
            state, alarms = detector.observe(state, value)
            told += alarms
        assert repr(told) == repr(list(detector.observe(start, rows[0])[1]))


def test_the_size_of_one_row_is_no_matter_to_another():
    """A start-up jump of a small series stays one beside a series of gigabytes."""
    rng = np.random.default_rng(1)
    small = np.arange(200.0)
    rows = np.stack([1e9 + 1e-6 * rng.normal(size=200), small])
    times = np.cumsum(rng.exponential(5000, 200))
    assert shown(cs.detect.leak(rows, times=times)[1]) == shown(cs.detect.leak(small, times=times))


def test_a_masked_array_misses_what_is_masked():
    values = np.random.default_rng(2).normal(size=60)
    masked = np.ma.array(np.where(np.arange(60) == 5, 1e6, values), mask=np.arange(60) == 5)
    gap = np.where(np.arange(60) == 5, np.nan, values)
    assert shown(cs.detect.novelties(masked)) == shown(cs.detect.novelties(gap))


def test_times_twice_the_same_are_refused_by_name():
    with pytest.raises(cs.InputError, match=r"times\[2\] = 15.0 does not come after"):
        cs.detect.change_points(np.zeros(30), times=[0, 15, 15, *range(30, 57)])
