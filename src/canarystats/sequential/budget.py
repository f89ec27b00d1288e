"""Who may spend how much of the error budget: weighted e-Bonferroni over everything that acts.

Each claim that could roll back a healthy canary gets a share w of the budget alpha and acts when
its e-value reaches 1 / (w alpha), at any look. The shares sum to one, so the chance that any of
them ever acts on a healthy rollout is at most alpha, whatever the dependence between metrics.

What is no such claim of its own is made into one: several detectors of one metric are averaged,
never maximised; the stages of one test are multiplied, or averaged over the stage from which the
canary may be worse. The smallest p-value over detectors or stages has no error bound. Which
metrics a rollback is about is told by `explanation`; it decides nothing.

References
----------
Vovk & Wang (2021), E-values: calibration, combination and applications, Annals of Statistics 49.
Wang & Ramdas (2022), False discovery rate control with e-values, JRSS B 84.
Tavyrikov, Goeman & de Heide (2025), Carefree multiple testing with e-processes, arXiv 2501.19360.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.errors import InputError
from canarystats.kernels.combination import log_mean
from canarystats.rules import NEED_BASELINE

if TYPE_CHECKING:
    from canarystats.policy import Policy

FloatArray = NDArray[np.float64]


class Claim(NamedTuple):
    """One test that may act: which metric, and on whose behalf."""

    metric: str
    name: str


TESTS_OF_RULE = {
    "error_rate": ("worse", "beyond"),
    "latency_p99": ("worse", "beyond"),
    "success_rate": ("below",),
    "throughput": ("worse", "beyond"),
    "level_above": ("above",),
    "level_below": ("below",),
    "ratio_above": ("above",),
    "ratio_below": ("below",),
    "share_above": ("above",),
    "share_below": ("below",),
    "quantile_above": ("above",),
}


def claims(policy: Policy) -> list[Claim]:
    """Every test of a policy that may act."""
    found = []
    compared = {metric.name for metric in policy.metrics if metric.compare}
    for trigger in policy.triggers:
        if trigger.evidence == "none":
            continue
        if trigger.metric in compared or trigger.rule not in NEED_BASELINE:
            tests = TESTS_OF_RULE.get(trigger.rule, ())
            found += [Claim(trigger.metric, f"{trigger.name}.{test}") for test in tests]
        if trigger.absolute is not None:
            found.append(Claim(trigger.metric, f"{trigger.name}.absolute"))
    found += [Claim(m.name, "harm") for m in policy.metrics if m.critical and m.compare]
    return found


def levels(policy: Policy) -> dict[Claim, float]:
    """The level of every claim; critical metrics share their part, the others the rest.

    What is on a dry run or only reported spends nothing of the others': it is told at the levels
    it would have.
    """
    dry = {metric.name for metric in policy.metrics if metric.dry_run}
    told = {trigger.name for trigger in policy.triggers if trigger.action == "report"}
    every = claims(policy)
    live = [c for c in every if c.metric not in dry and c.name.rpartition(".")[0] not in told]
    return _levels(policy, every) | _levels(policy, live)


def _levels(policy: Policy, every: list[Claim]) -> dict[Claim, float]:
    critical_names = {metric.name for metric in policy.metrics if metric.critical}
    critical = [claim for claim in every if claim.metric in critical_names]
    others = [claim for claim in every if claim.metric not in critical_names]
    budget = policy.error_budget
    part = budget.critical_share if critical and others else 1.0
    shares = dict.fromkeys(critical, part / max(len(critical), 1))
    rest = 1.0 - part if critical else 1.0
    shares |= dict.fromkeys(others, rest / max(len(others), 1))
    return {claim: budget.false_rollback * share for claim, share in shares.items()}


def averaged(log_e: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Logarithm of one e-value from several on the same data, whatever their dependence.

    The mean of e-values is an e-value, at every look; their maximum is not. It costs at most
    ln(1 / weight) against the best of them.

    Parameters
    ----------
    log_e
        Shape (detectors, K).
    weights
        Shape (detectors,), not negative and summing to 1; equal ones where not given.

    Raises
    ------
    InputError
        If the weights do not fit or do not sum to 1.
    """
    if weights is not None:
        _require_weights(weights, len(log_e))
    return log_mean(log_e, weights)


def over_stages(log_e: FloatArray) -> FloatArray:
    """Logarithm of one e-value from those of successive stages: their product.

    Valid whatever decides when a stage ends, because each stage's e-value is one given all that
    came before it. Stages that share data break it.

    Parameters
    ----------
    log_e
        Shape (stages so far, K): what each stage has gathered by itself.
    """
    total: FloatArray = np.add.accumulate(log_e, axis=0)[-1]
    return total


def from_any_stage(log_e: FloatArray, weights: FloatArray) -> FloatArray:
    """Logarithm of one e-value where a canary may be worse from some stage on only.

    The products over the stages from k on, averaged over k: a healthy first stage is no debt to
    the later ones. It costs ln(1 / weight of the right stage).

    Parameters
    ----------
    log_e
        Shape (stages so far, K): what each stage has gathered by itself.
    weights
        Shape (stages planned,), not negative and summing to 1; those of stages to come stay at
        what they began with.

    Raises
    ------
    InputError
        If there are more stages than weights, or the weights do not sum to 1.
    """
    if len(weights) < len(log_e):
        msg = f"weights has {len(weights)} stages; {len(log_e)} have begun"
        raise InputError(msg)
    _require_weights(weights, len(weights))
    from_stage = np.add.accumulate(log_e[::-1], axis=0)[::-1]
    to_come = np.zeros((len(weights) - len(log_e), *log_e.shape[1:]))
    return log_mean(np.concatenate([from_stage, to_come]), weights)


def explanation(current_log_e: FloatArray, level: float) -> NDArray[np.bool_]:
    """Which of m metrics a rollback is about: e-BH on the e-values as they stand at that moment.

    Among those named, the share of healthy ones is expected to be at most ``level``, whatever the
    dependence. It explains; what acts is `levels`.

    Only e-values of one moment, the same for every metric, may go in. The highest values they ever
    reached are not e-values: with those the share of healthy metrics named can be several times
    the level, and so it can if each metric is stopped where it looks worst.

    Parameters
    ----------
    current_log_e
        Shape (m,) or (m, K), at the common moment of the decision, never a running maximum.
    level
        The expected share of healthy ones, in (0, 1).

    Returns
    -------
    ndarray of bool
        The shape of ``current_log_e``: the k metrics with the largest e-values, for the largest k
        whose k-th largest is at least m / (k level).

    Raises
    ------
    InputError
        If the level is not in (0, 1).
    """
    if not 0.0 < level < 1.0:
        msg = f"level is {level!r}; it must lie between 0 and 1"
        raise InputError(msg)
    m = len(current_log_e)
    if not m:
        return np.zeros(current_log_e.shape, dtype=bool)
    counts = np.arange(1, m + 1).reshape(-1, *[1] * (current_log_e.ndim - 1))
    ordered = -np.sort(-current_log_e, axis=0)
    far_enough = ordered >= np.log(m / (counts * level))
    named = np.where(far_enough, counts, 0).max(axis=0)
    bar = np.where(named > 0, np.log(m / (np.maximum(named, 1) * level)), np.inf)
    chosen: NDArray[np.bool_] = current_log_e >= bar
    return chosen


def _require_weights(weights: FloatArray, n: int) -> None:
    if weights.shape != (n,) or not (weights >= 0).all() or abs(float(weights.sum()) - 1.0) > 1e-9:
        msg = f"weights are {weights.tolist()}; they must be {n}, not negative, and sum to 1"
        raise InputError(msg)
