"""What a source read from before a rollout, as the history a monitor takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from canarystats.policy import Policy
    from canarystats.windows import Pair

ENOUGH_OF_THE_CANARY = 0.5  # the part of the baseline's ticks from which its pods were there too


def asked_of_the_past(policy: Policy) -> Policy:
    """The policy under which a history is read.

    Before the rollout the old version is the baseline, so a metric with a target is read there
    even where the policy compares it with nothing.
    """
    metrics = [
        metric.model_copy(update={"compare": True}) if metric.target is not None else metric
        for metric in policy.metrics
    ]
    return policy.model_copy(update={"metrics": tuple(metrics)})


def as_history(pairs: Iterable[Pair]) -> list[Pair]:
    """Both sides where both were there before the rollout, and the baseline alone elsewhere.

    The pods of a canary often start minutes before the rollout is watched, on the version that is
    on trial. A canary that has data at fewer than half of the baseline's ticks is therefore left
    out, and the pair holds the baseline as ``canary``, without a ``baseline``. What was read
    without a baseline has nothing to teach.
    """
    found = []
    for pair in pairs:
        if pair.baseline is None:
            continue
        there, with_canary = _has_data(pair.baseline), _has_data(pair.canary)
        if not there.any():
            continue
        if (there & with_canary).sum() >= ENOUGH_OF_THE_CANARY * there.sum():
            found.append(pair)
        else:
            found.append(_baseline_alone(pair, pair.baseline))
    return found


def _baseline_alone(pair: Pair, baseline: NDArray[np.float64]) -> Pair:
    return replace(
        pair,
        canary=baseline,
        baseline=None,
        limit=None,
        segments=(),
        canary_by=None,
        baseline_by=None,
    )


def _has_data(side: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(side).any(axis=1))
