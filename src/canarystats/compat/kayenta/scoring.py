"""From the classes of metrics to the scores of groups and of the canary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canarystats.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from canarystats.compat.kayenta.finding import Verdict
    from canarystats.compat.kayenta.request import ScoreThresholds

COUNTED = {"Pass", "High", "Low", "NodataFailMetric"}
WITHOUT_GROUP = "(no group)"
WEIGHTS = "canaryConfig.classifier.groupWeights"
THRESHOLDS = "scoreThresholds"


@dataclass(frozen=True, slots=True)
class Score:
    """A score from 0 to 100, its class where it is the canary's, and why."""

    name: str
    score: float
    label: str = ""
    reason: str = ""


def parity_scores(
    verdicts: Sequence[Verdict], weights: Mapping[str, float], thresholds: ScoreThresholds
) -> tuple[list[Score], Score]:
    """The scores of the groups and of the canary, as Kayenta adds them up.

    Weights are taken as they are, whatever their sum; a group without any class that counts has a
    full score and shows none.
    """
    heard = [verdict for verdict in verdicts if not verdict.muted]
    groups = _groups(heard)
    shown = [Score(name, _share_passed(members) or 0.0) for name, members in groups.items()]
    failed = _forced_failure(heard)
    if failed:
        return shown, Score("", 0.0, "Fail", failed)
    unlisted = [name for name in groups if name not in weights]
    rest = (100 - sum(weights.values())) / max(len(unlisted), 1)
    total = 0.0
    for name, members in groups.items():
        passed = _share_passed(members)
        total += (100.0 if passed is None else passed) * weights.get(name, rest) / 100
    score = _rounded(total)
    return shown, Score("", score, _label(score, thresholds))


def _groups(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        for name in verdict.groups:
            groups.setdefault(name, []).append(verdict)
    return groups


def _share_passed(members: Sequence[Verdict]) -> float | None:
    """Percent of the members that pass, or None where no member counts."""
    counted = [verdict for verdict in members if verdict.label in COUNTED]
    if not counted:
        return None
    return sum(verdict.label == "Pass" for verdict in counted) / len(counted) * 100


def _forced_failure(heard: Sequence[Verdict]) -> str:
    critical = [v.reason or "" for v in heard if v.critical and v.label != "Pass"]
    if critical:
        return f"Canary Failed: {critical[0]}"
    if heard and 2 * sum(verdict.label == "Nodata" for verdict in heard) >= len(heard):
        return "Canary Failed: 50% or more metrics returned NODATA"
    return ""


def _label(score: float, thresholds: ScoreThresholds) -> str:
    if score >= thresholds.pass_:
        return "Pass"
    return "Marginal" if score >= thresholds.marginal else "Fail"


def _rounded(score: float) -> float:
    return math.floor(score * 100 + 0.5) / 100


def sound_scores(
    verdicts: Sequence[Verdict], weights: Mapping[str, float], thresholds: ScoreThresholds
) -> tuple[list[Score], Score]:
    """The scores of the groups and of the canary, with weights that mean what they say.

    Groups that are listed and not there, or in which nothing could be judged, give their weight to
    the others. A metric without a group counts in one of its own. Whatever was set aside is told.

    Raises
    ------
    InputError
        If the weights or thresholds cannot be right; the message begins with the path.
    """
    _require(weights, thresholds)
    heard = [verdict for verdict in verdicts if not verdict.muted]
    groups = _groups(heard)
    alone = [verdict for verdict in heard if not verdict.groups]
    if alone:
        groups[WITHOUT_GROUP] = alone
    passed = {name: _share_passed(members) for name, members in groups.items()}
    shown = [_shown(name, share) for name, share in passed.items()]
    failed = _forced_failure(heard) or _nothing_judged(verdicts, heard, passed)
    if failed:
        return shown, Score("", 0.0, "Fail", failed)
    given, notes = _weights(list(groups), weights)
    judged = {name: share for name, share in passed.items() if share is not None}
    notes += _unjudged(verdicts)
    whole = sum(given[name] for name in judged)
    if not whole:
        failed = "Canary Failed: the groups that could be judged weigh nothing"
        return shown, Score("", 0.0, "Fail", failed)
    if len(judged) < len(passed):
        silent = ", ".join(name for name in passed if name not in judged)
        notes.append(f"nothing could be judged in {silent}: its weight went to the other groups")
    score = _rounded(sum(share * given[name] / whole for name, share in judged.items()))
    return shown, Score("", score, _label(score, thresholds), "; ".join(notes))


def _shown(name: str, share: float | None) -> Score:
    if share is None:
        return Score(name, 0.0, reason="nothing in this group could be judged")
    return Score(name, share)


def _require(weights: Mapping[str, float], thresholds: ScoreThresholds) -> None:
    for name, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise InputError(f"{WEIGHTS}[{name!r}] is {weight}; it must be finite and at least 0")
    for name, value in (("pass", thresholds.pass_), ("marginal", thresholds.marginal)):
        if not 0 <= value <= 100:
            raise InputError(f"{THRESHOLDS}.{name} is {value:g}; it must be from 0 to 100")
    if thresholds.marginal > thresholds.pass_:
        raise InputError(
            f"{THRESHOLDS}.marginal is {thresholds.marginal:g}; it must be at most "
            f"{THRESHOLDS}.pass, {thresholds.pass_:g}"
        )


def _weights(
    groups: Sequence[str], weights: Mapping[str, float]
) -> tuple[dict[str, float], list[str]]:
    total = sum(weights.values())
    unlisted = [name for name in groups if name not in weights]
    if unlisted and total >= 100:
        raise InputError(
            f"{WEIGHTS} sum to {total:g} and leave nothing for {', '.join(unlisted)}; "
            "list every group, or let the listed ones sum to less than 100"
        )
    given = {name: weights[name] for name in groups if name in weights}
    given |= dict.fromkeys(unlisted, (100 - total) / max(len(unlisted), 1))
    notes = []
    absent = [name for name in weights if name not in groups]
    if absent:
        notes.append(f"no metric is left in {', '.join(absent)}: its weight went to the others")
    elif not unlisted and not math.isclose(total, 100, abs_tol=1e-6):
        notes.append(f"the group weights sum to {total:g} and were scaled to 100")
    return given, notes


def _nothing_judged(
    verdicts: Sequence[Verdict], heard: Sequence[Verdict], passed: Mapping[str, float | None]
) -> str:
    if not verdicts:
        return "Canary Failed: there is no metric to judge"
    if not heard:
        return "Canary Failed: every metric is muted, so nothing was judged"
    if all(share is None for share in passed.values()):
        return "Canary Failed: no metric could be judged"
    return ""


def _unjudged(verdicts: Sequence[Verdict]) -> list[str]:
    silent = [v.reason or v.label for v in verdicts if not v.muted and v.label not in COUNTED]
    return [f"not judged: {'; '.join(silent)}"] if silent else []
