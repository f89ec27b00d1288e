"""One look at whole windows: for raw samples, and for gauges under a policy of one look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.compare.mann_whitney import mann_whitney
from canarystats.compare.quantiles import quantile_ratio
from canarystats.evidence import Evidence, Question

if TYPE_CHECKING:
    from canarystats.folds.setting import Setting
    from canarystats.windows import Pair

QUANTILE = 0.99


def spent_at(look: int) -> float:
    """The part of a level that the given look (from 1) may spend; over all looks it sums to 1."""
    return 6.0 / (9.869604401089358 * look * look)  # π² = 9.8696...


def shift(setting: Setting, pair: Pair, part: float = 1.0) -> list[Evidence]:
    """Whether the canary lies on the harmful side of its baseline, and whether it surely does not.

    ``part`` is the share of each level this look may spend.
    """
    metric = setting.metric
    level, proof = setting.levels().get("harm"), setting.proof_level
    allowed = setting.allowed(("latency_p99",), setting.margin)
    found = []
    for harmful in ("increase", "decrease"):
        if metric.harmful not in {harmful, "either"}:
            continue
        up = harmful == "increase"
        worse = mann_whitney(
            pair,
            alternative="greater" if up else "less",
            level=part * (level or proof),
            margin=setting.margin,
        )
        fine = mann_whitney(
            pair, alternative="less" if up else "greater", level=part * proof, margin=-allowed
        )
        acts = {"level": part * level} if level is not None else {"level": None}
        found += [
            worse.model_copy(
                update={"question": Question.WORSE, "claim": "worse", "margin": setting.margin}
                | acts
            ),
            fine.model_copy(
                update={"question": Question.NOT_WORSE, "claim": "not_worse", "margin": allowed}
            ),
        ]
    return found


def tail(setting: Setting, pair: Pair, part: float = 1.0) -> list[Evidence]:
    """Whether the canary's p99 lies beyond the trigger's threshold, from raw samples."""
    trigger = setting.trigger("latency_p99")
    if trigger is None:
        return []
    levels = setting.levels()
    found = []
    for question, ratio in (("worse", 1.0), ("beyond", trigger.threshold)):
        level = levels.get(f"{trigger.name}.{question}")
        evidence = quantile_ratio(
            pair,
            q=QUANTILE,
            null_ratio=ratio,
            alternative="greater",
            level=part * (level or setting.proof_level),
        )
        found.append(
            evidence.model_copy(
                update={
                    "question": Question(question),
                    "claim": f"latency_p99.{question}",
                    "level": None if level is None else part * level,
                }
            )
        )
    return found
