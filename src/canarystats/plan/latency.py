"""What a stage can tell of a latency histogram."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from canarystats.folds.histogram import RULE, HistogramFold
from canarystats.kernels.buckets import interpolated_quantile
from canarystats.plan import literal, outlook
from canarystats.plan.expected import fano_seen, learned_by, many
from canarystats.plan.outlook import Condition, Told
from canarystats.plan.passage import NUDGE, Path, steps
from canarystats.plan.records import Outlook
from canarystats.sequential.dispersion import Seen
from canarystats.sequential.edges import SLOTS, slower
from canarystats.triggers.literal import QUANTILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.plan.situation import Situation
    from canarystats.policy import Metric
    from canarystats.sequential.histogram import Histogram
    from canarystats.sequential.histogram_state import HistogramState

    FloatArray = NDArray[np.float64]

# Without a histogram: one request in a hundred is slower than the one edge that is watched.
ONE_EDGE = np.array([1.0, np.inf])
ONE_EDGE_SHARES = np.array([QUANTILE, 1.0 - QUANTILE])
ASSUMED = "no history: one edge at the p99 is assumed, and the rule on the p99 itself is left out"


def outlooks(situation: Situation, metric: Metric) -> list[tuple[Outlook, FloatArray | None]]:
    """What can be told of latency, and its proof, shape (chances, rows)."""
    past = situation.history.get(metric.name)
    rows = situation.scenarios
    if past is None or past.upper_bounds is None:
        bounds, plain, about = ONE_EDGE, ONE_EDGE_SHARES, "slow requests"
        slow = np.minimum(plain[1] * rows.effect, 1.0)
        harmed = np.stack([1.0 - slow, slow], axis=1)
        past = None
    else:
        sides = [past.canary] + ([] if past.baseline is None else [past.baseline])
        seen = np.nansum(np.concatenate(sides), axis=0)
        if not seen.sum():
            return [(Outlook(metric=metric.name, about="latency", reason="empty history"), None)]
        bounds, plain, about = past.upper_bounds, seen / seen.sum(), "latency"
        harmed = stretched(bounds, plain, rows.effect)
    fold = HistogramFold(situation.setting(metric), bounds)
    one, other = (side * rows.traffic for side in situation.sides)
    canary, baseline = one[:, None] * harmed, other[:, None] * plain
    asked = {"worse": "harm", "beyond": f"{_name(fold)}.beyond", "not_worse": "not_worse"}
    levels = fold.levels | {"not_worse": fold.setting.proof_level}
    found = {}
    if metric.compare and one.any() and other.any():
        made = paths(fold.design, fold.tests(fold.begin(past)), canary, baseline)
        named = {claim: made[question] for question, claim in asked.items()}
        named[f"{_name(fold)}.worse"] = made["worse"]
        found = outlook.passages(named, levels)
    conditions = _conditions(situation, fold, bounds, plain, one) if past is not None else []
    if fold.may_harm:
        conditions.append(Condition("harm", None, 0.0, "harm", None, np.zeros(len(one))))
    told = {c.name: outlook.fires(situation, c, found) for c in conditions}
    proof = outlook.proof(situation, found, [["not_worse"]]) if metric.compare else None
    healthy = len(situation.grid)
    chance = {c.name: float(c.true[healthy]) for c in conditions if c.trigger is not None}
    record = outlook.outlook(
        situation,
        metric.name,
        about,
        Told(told, proof),
        chance,
        base=float(interpolated_quantile(bounds, plain[None], QUANTILE)[0]) if past else 0.01,
        reason=situation.untold or _reason(fold, bounds, plain, read=past is not None),
    )
    return [(record, proof)]


def _name(fold: HistogramFold) -> str:
    """What the policy calls the trigger on the p99."""
    return next((name for name, rule in fold.rules.items() if rule.condition == RULE), RULE)


def _reason(fold: HistogramFold, bounds: FloatArray, plain: FloatArray, *, read: bool) -> str:
    if not read:
        return ASSUMED
    rule = fold.rules.get(_name(fold))
    p99 = float(interpolated_quantile(bounds, plain[None], QUANTILE)[0])
    if rule is not None and rule.threshold * p99 >= bounds[-2]:
        far = f"{rule.threshold:g} times the p99 of {p99:.3g}"
        return (
            f"{far} lies beyond the last finite bucket, {bounds[-2]:g}: {_name(fold)} is never true"
        )
    return ""


def stretched(bounds: FloatArray, shares: FloatArray, effect: FloatArray) -> FloatArray:
    """The shares of the buckets when every request takes ``effect`` times as long, (rows, k).

    Latencies are taken as spread evenly within a bucket, as PromQL takes them.
    """
    return np.diff(_below(bounds, shares, bounds[:-1] / effect[:, None]), prepend=0.0, append=1.0)


def paths(
    design: Histogram, begun: HistogramState, canary: FloatArray, baseline: FloatArray
) -> dict[str, Path]:
    """What each question's log e-value does in each of R scenarios.

    Parameters
    ----------
    design
        The tests.
    begun
        Their state before the first tick, one row.
    canary, baseline
        What a tick brings into each bucket on average, shape (R, k).
    """
    groups = _groups(begun, canary.shape[1])
    count = int(groups.max()) + 1
    variants = 2 * count + 1
    left, right = (np.repeat(side[:, None, :], variants, axis=1) for side in (canary, baseline))
    for group in range(count):
        left[:, group + 1, groups == group] *= 1.0 + NUDGE
        right[:, count + group + 1, groups == group] *= 1.0 + NUDGE
    left, right = (side.reshape(-1, side.shape[2]) for side in (left, right))
    state, slow, total = many(begun, len(left)), slower(right), right.sum(axis=1)
    fano = fano_seen(begun.dispersion)
    ticks, found = [], []
    for before, taken in steps():
        # What is nudged must not choose other edges.
        state = replace(
            state, edges=_alike(state.edges, variants), first=_alike(state.first, variants)
        )
        used = state.edges[:, :SLOTS] >= 0
        edges = np.where(used, state.edges[:, :SLOTS], 0.0).astype(np.int64)
        beyond = np.take_along_axis(slow, edges, axis=1)
        tick = Seen(beyond, np.where(used, total[:, None], 0.0), beyond)
        looks = replace(state.tests, looks=np.full(len(left), before))
        known = learned_by(begun.dispersion, tick, fano, before, taken)
        state = replace(state, tests=looks, dispersion=known)
        state = design.step(state, taken * left, taken * right, before)
        ticks.append(before + taken)
        found.append(design.log_e(state))
    parts = np.concatenate([_summed(canary, groups), _summed(baseline, groups)], axis=1)
    clumped = np.full(parts.shape, float(fano.max()))
    return {
        question: _path(
            np.array(ticks), np.array([at[question] for at in found]), parts, clumped, variants
        )
        for question in found[0]
    }


def _path(
    ticks: FloatArray, log_e: FloatArray, parts: FloatArray, fano: FloatArray, variants: int
) -> Path:
    by_row = log_e.reshape(len(ticks), len(parts), variants)
    answers = (by_row[:, :, 1:] - by_row[:, :, :1]) / NUDGE
    return Path(ticks, by_row[:, :, 0], answers, parts, fano)


def _groups(begun: HistogramState, buckets: int) -> NDArray[np.int64]:
    """Which buckets lie between the same two edges in use, shape (k,)."""
    edges = np.unique(begun.edges[begun.edges >= 0])
    if not edges.size:
        return np.arange(buckets)
    return np.searchsorted(edges, np.arange(buckets), side="left")


def _summed(side: FloatArray, groups: NDArray[np.int64]) -> FloatArray:
    return np.stack([side[:, groups == g].sum(axis=1) for g in range(groups.max() + 1)], axis=1)


def _alike(rows: FloatArray, variants: int) -> FloatArray:
    return np.repeat(rows[::variants], variants, axis=0)


def _conditions(
    situation: Situation,
    fold: HistogramFold,
    bounds: FloatArray,
    plain: FloatArray,
    one: FloatArray,
) -> list[Condition]:
    """The rule on the p99: how often one look finds it true."""
    found = []
    for name, rule in fold.rules.items():
        if rule.condition != RULE:
            continue
        ticks = max(rule.trigger.window / situation.policy.interval, 1.0)
        p99 = float(interpolated_quantile(bounds, plain[None], QUANTILE)[0])
        effect = situation.scenarios.effect
        below = _below(bounds, plain, (rule.threshold * p99 / effect)[:, None])[:, 0]
        # The quantile read off buckets never exceeds the last finite bound.
        readable = rule.threshold * p99 < bounds[-2]
        requests = one * ticks
        true = literal.chance_over(requests * (1.0 - below), requests * (1.0 - QUANTILE))
        true = np.where(readable, true, 0.0)
        claims = f"{name}.worse", f"{name}.beyond"
        found.append(Condition(name, rule.trigger, rule.trigger.for_, *claims, true))
    return found


def _below(bounds: FloatArray, shares: FloatArray, at: FloatArray) -> FloatArray:
    """The share of latencies at or below some values, linear within a bucket."""
    knots = np.concatenate([[min(0.0, bounds[0])], bounds[:-1]])
    below: FloatArray = np.interp(at, knots, np.concatenate([[0.0], np.cumsum(shares)[:-1]]))
    return below
