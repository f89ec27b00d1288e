"""The share of a histogram's observations beyond a bucket bound, tested against a constant.

A quantile is above a value where more than ``1 - quantile`` of the observations are. Buckets tell
that at their bounds alone, so each question is put at the bound on its strict side: a rule's at the
smallest bound that is not below its threshold, a target's at the largest that is not above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canarystats.evidence import Evidence, Question, Status
from canarystats.folds.setting import Proof, reached, so_far
from canarystats.sequential.counts import Counts, CountsState, Test

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.folds.setting import Setting

    FloatArray = NDArray[np.float64]

TARGET = "target"


class Share(NamedTuple):
    """One question; ``bound`` is the index of its bucket bound, None where there is none."""

    claim: str
    value: float
    quantile: float
    bound: int | None
    level: float | None
    design: Counts
    upper_bounds: tuple[float, ...]

    @property
    def about(self) -> str:
        """At which bound the question is put, in words."""
        percentile = f"p{100.0 * self.quantile:.6g}"
        if self.bound is None:
            return f"no bucket bound speaks of {percentile} at {self.value:g}"
        at = self.upper_bounds[self.bound]
        if at == self.value:
            return f"the share of observations above {at:g}"
        return (
            f"the share of observations above the bucket bound {at:g}, for {self.value:g} is none"
        )


def shares(setting: Setting, upper_bounds: FloatArray) -> tuple[Share, ...]:
    """The questions a policy puts to the quantiles of a histogram."""
    metric, bounds = setting.metric, tuple(upper_bounds[:-1].tolist())
    found, levels = [], setting.levels()

    def share(test: Test, value: float, quantile: float, bound: int, level: float | None) -> None:
        design = Counts(metric.name, [test], clumps=metric.clumps)
        place = bound if 0 <= bound < len(bounds) else None
        found.append(Share(test.claim, value, quantile, place, level, design, bounds))

    for trigger in setting.triggers:
        if trigger.quantile is None or trigger.evidence == "none":
            continue
        claim, rest = f"{trigger.name}.above", 1.0 - trigger.quantile
        test = Test(claim, Question.LEVEL, "canary", rest, rising=True)
        bound = int(np.searchsorted(bounds, trigger.threshold, side="left"))
        share(test, trigger.threshold, trigger.quantile, bound, levels.get(claim))
    target = metric.target
    if target is not None and target.quantile is not None:
        most = (1.0 - target.quantile) * (1.0 + target.tolerance)
        test = Test(TARGET, Question.NOT_WORSE, "canary", min(most, 1.0), rising=False)
        bound = int(np.searchsorted(bounds, target.aim, side="right")) - 1
        share(test, target.aim, target.quantile, bound, setting.proof_level)
    return tuple(found)


def step(share: Share, state: CountsState, buckets: FloatArray, at: float) -> CountsState:
    """One tick of the canary's buckets."""
    if share.bound is None:
        return state
    beyond = float(buckets[share.bound + 1 :].sum())
    row = np.array([[beyond, float(buckets.sum())]])
    return share.design.step(state, row, None, None, at)


def shown(share: Share, state: CountsState) -> bool:
    """Whether the claim is shown at its level."""
    return share.bound is not None and reached(_log_e(share, state), share.level)


def _log_e(share: Share, state: CountsState) -> float:
    return float(share.design.log_e(state)[share.claim][0])


def evidence(share: Share, state: CountsState) -> Evidence:
    """What has been found; the figures are shares beyond the bound."""
    level = {} if share.level is None else {share.claim: share.level}
    (found,) = share.design.evidence(state, level)
    allowed = 1.0 - share.quantile
    update: dict[str, object] = {"detail": share.about, "reference": allowed}
    if share.claim == TARGET:
        update["margin"] = share.design.tests[0].null / allowed - 1.0
    if share.bound is None:
        update["status"] = Status.NOT_EVALUABLE
    return found.model_copy(update=update)


def proof(share: Share, state: CountsState, name: str) -> Proof:
    """What promotion needs to be shown of a target."""
    about = f"{name} meets its target"
    if share.bound is None:
        return Proof(about, shown=False, detail=share.about)
    value, level = _log_e(share, state), share.level or 1.0
    detail = f"{so_far(value, level)}; {share.about}"
    return Proof.by_evidence(about, value, level, detail, from_start=True)
