"""A sequence of pairs gives bit for bit what a loop over them gives, whatever is among them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canarystats import compare
from canarystats.errors import InputError
from canarystats.windows import Kind, Pair

BOUNDS = ([0.1, 0.5, 1.0, np.inf], [0.2, np.inf], [-1.0, 0.1, 0.5, 2.0, 5.0, np.inf])


def _values(rng, n, *, coarse, odd):
    values = rng.lognormal(0.2 * rng.integers(0, 3), 0.5, n)
    values = np.round(4 * values) if coarse else values
    if odd and n:
        values[rng.random(n) < 0.1] = rng.choice([np.inf, -np.inf, 0.0])
    return values


def _samples(rng, n, odd):
    coarse = rng.random() < 0.4
    other = int(rng.integers(0, 40))
    return Pair.samples(
        "s",
        canary=_values(rng, n, coarse=coarse, odd=odd),
        baseline=_values(rng, other, coarse=coarse, odd=False),
    )


def _gauge(rng, n, odd):
    sides = [np.cumsum(rng.normal(size=(n + 1, 2)), axis=0) * 0.3 + 9 for _ in range(2)]
    for side in sides:
        side[rng.random(side.shape) < 0.15] = np.nan
        if odd:
            side[:] = 7.0 if rng.random() < 0.5 else side * np.where(rng.random() < 0.5, np.inf, -1)
    return Pair.gauge("g", canary=sides[0], baseline=sides[1])


def _counts(rng, n, odd):
    rates = rng.choice([0.0, 0.02, 0.4], 2)
    sides = []
    for rate in rates:
        exposure = rng.poisson(30, n + 1) * float(not odd or rng.random() < 0.6)
        table = np.stack([rng.binomial(exposure.astype(int), rate), exposure]).astype(float)
        table[:, rng.random(n + 1) < 0.15] = np.nan
        sides.append((table[0], table[1]))
    return Pair.counts("c", canary=sides[0], baseline=sides[1])


def _histogram(rng, n, odd):
    bounds = BOUNDS[rng.integers(0, 3)]
    sides = []
    for _ in range(2):
        most = int(rng.integers(0, 400)) if odd else 300
        table = rng.multinomial(most, rng.dirichlet(np.ones(len(bounds))), n + 1).astype(float)
        table[rng.random(n + 1) < 0.15] = np.nan
        sides.append(table * rng.choice([1.0, 1 / 3]))
    return Pair.histogram("h", upper_bounds=bounds, canary=sides[0], baseline=sides[1])


MAKERS = {
    Kind.SAMPLES: _samples,
    Kind.GAUGE: _gauge,
    Kind.COUNTS: _counts,
    Kind.HISTOGRAM: _histogram,
}


@st.composite
def batches(draw, *kinds):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return [
        MAKERS[draw(st.sampled_from(kinds))](rng, draw(st.integers(0, 40)), draw(st.booleans()))
        for _ in range(draw(st.integers(1, 5)))
    ]


ALTERNATIVES = ("two-sided", "greater", "less")
S, G, C, H = Kind.SAMPLES, Kind.GAUGE, Kind.COUNTS, Kind.HISTOGRAM
METHODS = {
    "mann_whitney": (compare.mann_whitney, (S, G, H), ALTERNATIVES),
    "brunner_munzel": (compare.brunner_munzel, (S, G), ALTERNATIVES),
    "spread": (compare.spread, (S, G), ALTERNATIVES),
    "spread against a ratio": (partial(compare.spread, null_ratio=1.3), (S, G), ALTERNATIVES),
    "shift": (compare.shift, (S, G), None),
    "shift as a ratio": (partial(compare.shift, scale="ratio"), (S, G), None),
    "paired": (compare.paired, (G,), ALTERNATIVES),
    "paired differences": (partial(compare.paired, scale="difference"), (G,), ALTERNATIVES),
    "rate_ratio": (partial(compare.rate_ratio, null_ratio=1.2), (C,), ALTERNATIVES),
    "rate_ratio by score": (partial(compare.rate_ratio, method="score"), (C,), ALTERNATIVES),
    "rate_level": (partial(compare.rate_level, threshold=0.05), (C,), ALTERNATIVES),
    "rate_difference": (compare.rate_difference, (C,), ALTERNATIVES),
    "rate_difference, poisson": (
        partial(compare.rate_difference, model="poisson"),
        (C,),
        ALTERNATIVES,
    ),
    "stochastic_order": (compare.stochastic_order, (S, H), ALTERNATIVES),
    "share_above": (partial(compare.share_above, edge=2.0), (S,), ALTERNATIVES),
    "quantile_ratio": (partial(compare.quantile_ratio, q=0.8), (S, H), ALTERNATIVES),
    "quantile_level": (
        partial(compare.quantile_level, q=0.8, threshold=0.5),
        (S, H),
        ALTERNATIVES,
    ),
    "not_worse": (partial(compare.not_worse, margin=0.3, q=0.8), (S, G, C, H), None),
    "not_worse by so much": (
        partial(compare.not_worse, margin=0.3, absolute=True),
        (S, G, C),
        None,
    ),
    "equivalent": (partial(compare.equivalent, margin=0.3, q=0.8), (S, G, C, H), None),
}


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=25)
@given(data=st.data())
def test_a_batch_is_a_loop_bit_for_bit(name, data):
    method, kinds, alternatives = METHODS[name]
    pairs = data.draw(batches(*kinds))
    settings_ = (
        {} if alternatives is None else {"alternative": data.draw(st.sampled_from(alternatives))}
    )
    # Pydantic's equality is that of the floats, and no field is ever NaN
    assert method(pairs, **settings_) == [method(pair, **settings_) for pair in pairs]
    assert method(tuple(pairs), **settings_) == method(pairs, **settings_)


@pytest.mark.parametrize("name", METHODS)
def test_no_pairs_give_no_evidence_and_one_of_the_wrong_kind_is_named(name):
    method, kinds, _ = METHODS[name]
    assert method([]) == []
    wrong = Pair.events("byzantine", canary=[0.0, 1.0])
    good = MAKERS[kinds[0]](np.random.default_rng(0), 5, False)
    with pytest.raises(InputError, match="'byzantine' is of kind events"):
        method([good, wrong])


def test_histograms_of_a_batch_share_no_edge_but_their_own():
    pairs = [_histogram(np.random.default_rng(seed), 4, False) for seed in range(30)]
    alike = [pair for pair in pairs if 0.5 in pair.upper_bounds]
    assert len({len(pair.upper_bounds) for pair in alike}) > 1
    shares = partial(compare.share_above, edge=0.5)
    assert shares(alike) == [shares(pair) for pair in alike]
    worse = partial(compare.not_worse, margin=0.1, absolute=True, edge=0.5)
    assert worse(alike) == [worse(pair) for pair in alike]


@pytest.mark.parametrize("name", ["mann_whitney", "shift", "paired", "spread"])
def test_a_hundred_and_fifty_metrics_of_many_sizes(name):
    method, kinds, _ = METHODS[name]
    rng = np.random.default_rng(3)
    sizes = rng.integers(0, 300, 150)
    pairs = [MAKERS[kinds[i % len(kinds)]](rng, int(n), i % 7 == 0) for i, n in enumerate(sizes)]
    assert method(pairs) == [method(pair) for pair in pairs]
