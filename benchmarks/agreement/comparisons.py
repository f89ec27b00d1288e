"""The same random inputs to canarystats and to another package, one comparison a function.

Each gives two arrays of the same shape: ours and theirs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from benchmarks.agreement.environments import ask

from canarystats.kernels import dirichlet, energy, mixture, normal_mixture, student
from canarystats.sequential import budget, calibrators
from canarystats.sequential.group import GroupSequential
from canarystats.sequential.split import Split

SEED = 20250


def divided(rng, cases, requests):
    """Random designs and the counts that came of splits near them."""
    share = rng.uniform(0.01, 0.6, cases)
    true = np.clip(share * rng.uniform(0.8, 1.25, cases), 0.001, 0.999)
    total = rng.integers(20, requests, cases)
    canary = rng.binomial(total, true)
    counts = np.stack([canary, total - canary], axis=1)
    return counts, share, rng.choice([10.0, 100.0, 1000.0, 10_000.0], cases)


def as_inputs(counts, share, k):
    return {"counts": counts.tolist(), "share": share.tolist(), "k": k.tolist()}


def our_log_e(counts, share, k):
    shares = np.stack([share, 1 - share], axis=1)
    return np.array(
        [
            dirichlet.dirichlet_log_e(counts[[i]].astype(float), shares[[i]], k[i])[0]
            for i in range(len(k))
        ]
    )


def split_against_savvi(rng):
    drawn = divided(rng, 500, 20_000)
    return our_log_e(*drawn), ask("numpy2", "savvi_multinomial", as_inputs(*drawn))


def split_against_seqabpy(rng):
    drawn = divided(rng, 500, 20_000)
    theirs = ask("numpy2", "seqabpy_p_value", as_inputs(*drawn))
    return np.minimum(np.exp(-our_log_e(*drawn)), 1.0), theirs


def split_against_ssrm(rng):
    ticks = rng.poisson((6, 95), (20, 150, 2))
    ticks[10:, 75:, 0] += rng.poisson(2, (10, 75))
    design, ours = Split("requests", concentration=1000, discounted=False), []
    state = design.begin(20)
    for t in range(150):
        canary, baseline = ticks[:, t].T.astype(float)
        state = design.step(state, canary, baseline, 0.05, float(t))
        ours.append(design.p_value(state))
    inputs = {"ticks": ticks.tolist(), "share": 0.05, "k": 1000}
    return np.stack(ours, axis=1), ask("numpy1", "ssrm_p_values", inputs)


def interval_against_savvi(rng):
    counts, share, k = divided(rng, 40, 5000)
    prior = k[:, None] * np.stack([share, 1 - share], axis=1)
    values = counts.astype(float)
    marginal = dirichlet.log_marginal(prior, values)
    ours = np.stack(dirichlet.shares_not_rejected(marginal, values, 0.95), axis=1)
    return ours, ask("numpy2", "savvi_interval", as_inputs(counts, share, k))


def interval_against_ville(rng):
    outcomes = [
        rng.binomial(1, p, n).tolist()
        for p, n in zip(rng.uniform(0, 0.5, 60), rng.integers(5, 2000, 60), strict=True)
    ]
    prior = (50.0, 950.0)
    counts = np.array([[sum(x), len(x) - sum(x)] for x in outcomes], dtype=float)
    marginal = dirichlet.log_marginal(np.tile(prior, (60, 1)), counts)
    ours = np.stack(dirichlet.shares_not_rejected(marginal, counts, 0.95), axis=1)
    return ours, ask("numpy2", "ville_interval", {"prior": prior, "outcomes": outcomes})


def share_interval_against_ville(rng):
    outcomes = [
        rng.binomial(1, p, n).tolist()
        for p, n in zip(rng.uniform(0, 0.5, 60), rng.integers(5, 2000, 60), strict=True)
    ]
    hits = np.array([sum(x) for x in outcomes], dtype=float)
    total = np.array([len(x) for x in outcomes], dtype=float)
    ours = mixture.share_interval(hits, total - hits, np.full(60, 0.05), 0.95)
    prior = (0.05 * mixture.PRIOR_EVENTS, 0.95 * mixture.PRIOR_EVENTS)
    inputs = {"prior": prior, "outcomes": outcomes}
    return np.stack(ours, axis=1), ask("numpy2", "ville_interval", inputs)


def boundaries_against_seqabpy(rng):
    ours, plans, level = [], [], 0.025
    for spend, which, exponent in (("obrien_fleming", 1, 1), ("pocock", 2, 1), ("power", 3, 1.5)):
        for looks in (3, 5):
            t = np.sort(rng.choice(np.arange(1, 20) / 20, looks - 1, replace=False)).tolist()
            design = GroupSequential("m", level=level, spend=spend, exponent=exponent)
            ours.append(design.boundaries([*t, 1.0]))
            plans.append(([*t, 1.0], which, exponent))
    theirs = ask("numpy2", "seqabpy_bounds", {"level": level, "plans": plans})
    return np.concatenate(ours), np.concatenate(theirs)


def calibrators_against_ville(rng):
    p = np.concatenate([rng.uniform(0, 0.9, 400), 10.0 ** rng.uniform(-200, -1, 100)])
    kappas = [0.1, 0.5, 0.9]
    ours = [calibrators.averaged(p), *(calibrators.power(p, k) for k in kappas)]
    inputs = {"p": p.tolist(), "kappas": kappas}
    return np.stack(ours), ask("numpy2", "ville_calibrators", inputs)


def average_against_ville(rng):
    e, weights = np.exp(rng.normal(0, 4, (7, 200))), rng.dirichlet(np.ones(7))
    inputs = {"e": e.tolist(), "weights": weights.tolist()}
    return budget.averaged(np.log(e), weights), ask("numpy2", "ville_combine", inputs)


def explanation_against_ville(rng):
    e = np.exp(rng.normal(2, 3, (200, 30)))
    ours = budget.explanation(np.log(e).T, 0.05).T.astype(float)
    return ours, ask("numpy2", "ville_ebh", {"e": e.tolist(), "level": 0.05})


def our_normal_bounds(v, r):
    two = normal_mixture.half_width(v, v, r[0], 0.95) * v
    return np.stack([two, normal_mixture.lower_width(v, v, r[1], 0.95) * v])


def normal_against_confseq(rng):
    v, tuned = rng.uniform(1, 20_000, 300), 1000.0
    r = [normal_mixture.precision(tuned, 0.95, one_sided=side) for side in (False, True)]
    inputs = {"v": v.tolist(), "tuned": tuned, "alpha": 0.05}
    return our_normal_bounds(v, r), ask("python310", "confseq_normal", inputs)


def log_normal_against_confseq(rng):
    v, tuned = rng.uniform(1, 20_000, 300), 200.0
    s = rng.normal(0.5, 3, 300) * np.sqrt(v)
    ours = [
        normal_mixture.log_e_value(
            s, v, normal_mixture.precision(tuned, 0.95, one_sided=side), one_sided=side
        )
        for side in (False, True)
    ]
    inputs = {"s": s.tolist(), "v": v.tolist(), "tuned": tuned}
    return np.stack(ours), ask("python310", "confseq_log_normal", inputs)


def normal_against_ville(rng):
    v, r = rng.uniform(1, 20_000, 300), 126.0
    inputs = {"v": v.tolist(), "r": r, "alpha": 0.05}
    return our_normal_bounds(v, [r, r]), ask("numpy2", "ville_normal", inputs)


def t_against_savvi(rng):
    n = rng.integers(2, 400, 300)
    mean, variance = rng.normal(0, 1, 300), rng.uniform(0.1, 9, 300)
    t = mean / np.sqrt(variance / n)
    ours = student.log_e_value(n.astype(float), mean, variance)
    inputs = {"n": n.tolist(), "t": t.tolist(), "g": student.TUNED_FOR}
    return ours, ask("numpy2", "savvi_t", inputs)


def energy_against_mongodb(rng):
    series = rng.lognormal(0, 0.6, (6, 120)) + (np.arange(120) >= 75)
    ours = [energy.split_statistics(values, distinct=False)[1:] for values in series]
    return np.stack(ours), ask("numpy1", "mongodb_statistics", {"series": series.tolist()})


class Comparison(NamedTuple):
    """One comparison: what, whose, in which unit, and how far apart the two may be."""

    what: str
    ours: str
    environment: str
    package: str
    theirs: str
    unit: str
    allowed: float
    compare: object


EXACT = 1e-9
COMPARISONS = (
    Comparison(
        "split", "`kernels.dirichlet.dirichlet_log_e`", "numpy2", "savvi",
        "`Multinomial(k=...).odds`", "ln E", EXACT, split_against_savvi,
    ),
    Comparison(
        "split", "`kernels.dirichlet.dirichlet_log_e`", "numpy2", "seqabpy",
        "`sequential_p_value`", "p", EXACT, split_against_seqabpy,
    ),
    Comparison(
        "split, tick by tick", "`Split.p_value`", "numpy1", "ssrm-test",
        "`sequential_p_values`", "p", EXACT, split_against_ssrm,
    ),
    Comparison(
        "interval of the share", "`kernels.dirichlet.shares_not_rejected`", "numpy2", "savvi",
        "`calculate_conf_int`, by cvxpy", "share", 1e-6, interval_against_savvi,
    ),
    Comparison(
        "interval of the share", "`kernels.dirichlet.shares_not_rejected`", "numpy2", "ville",
        "`BernoulliCS`", "share", EXACT, interval_against_ville,
    ),
    Comparison(
        "interval of a rate", "`kernels.mixture.share_interval`", "numpy2", "ville",
        "`BernoulliCS`", "share", EXACT, share_interval_against_ville,
    ),
    Comparison(
        "group-sequential boundaries", "`GroupSequential.boundaries`", "numpy2", "seqabpy",
        "`ldBounds`, by quasi-Monte Carlo", "z", 1e-4, boundaries_against_seqabpy,
    ),
    Comparison(
        "p to e", "`calibrators.averaged`, `calibrators.power`", "numpy2", "ville",
        "`p_to_e`", "ln E", EXACT, calibrators_against_ville,
    ),
    Comparison(
        "average of e-values", "`budget.averaged`", "numpy2", "ville",
        "`combine`", "ln E", EXACT, average_against_ville,
    ),
    Comparison(
        "e-BH", "`budget.explanation`", "numpy2", "ville",
        "`ebh`", "named or not", 0.0, explanation_against_ville,
    ),
    Comparison(
        "normal mixture, one- and two-sided bound", "`kernels.normal_mixture`", "python310",
        "confseq", "`normal_mixture_bound`", "sum", EXACT, normal_against_confseq,
    ),
    Comparison(
        "normal mixture, one- and two-sided e-value", "`kernels.normal_mixture.log_e_value`",
        "python310", "confseq", "`normal_log_mixture`", "ln E", EXACT, log_normal_against_confseq,
    ),
    Comparison(
        "normal mixture, one- and two-sided bound", "`kernels.normal_mixture`", "numpy2", "ville",
        "`normal_mixture`", "sum", EXACT, normal_against_ville,
    ),
    Comparison(
        "anytime-valid t-test", "`kernels.student.log_e_value`", "numpy2", "savvi",
        "`linear_regression.log_bf`", "ln E", EXACT, t_against_savvi,
    ),
    Comparison(
        "energy statistics of E-divisive", "`kernels.energy.split_statistics`", "numpy1",
        "signal-processing-algorithms", "`get_energy_statistics`, t of all pairs", "statistic",
        EXACT, energy_against_mongodb,
    ),
)  # fmt: skip


def difference(comparison):
    """The largest difference, and over how many numbers."""
    ours, theirs = (np.asarray(x, dtype=float) for x in comparison.compare(fresh()))
    if ours.shape != theirs.shape:
        msg = f"{comparison.what}: ours has shape {ours.shape}, theirs {theirs.shape}"
        raise ValueError(msg)
    return float(np.abs(ours - theirs).max()), ours.size


def fresh():
    return np.random.default_rng(SEED)
