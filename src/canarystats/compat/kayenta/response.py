"""The JSON object Kayenta expects from a remote judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarystats.compat.kayenta.finding import finite, statistics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from canarystats.compat.kayenta.finding import Finding
    from canarystats.compat.kayenta.scoring import Score

    FloatArray = NDArray[np.float64]


def metric_result(
    identity: Mapping[str, Any],
    finding: Finding,
    sides: tuple[FloatArray, FloatArray],
    *,
    muted: bool,
) -> dict[str, Any]:
    """One entry of ``results``.

    Parameters
    ----------
    identity
        ``name``, ``id``, ``tags`` and ``groups``.
    finding
        What was found.
    sides
        The experiment's and the control's values that were compared, shape (n,) and (m,).
    muted
        Whether it is left out of the score.
    """
    experiment, control = sides
    return {
        **identity,
        "classification": finding.label,
        "classificationReason": finding.reason,
        "experimentMetadata": {"stats": statistics(experiment)},
        "controlMetadata": {"stats": statistics(control)},
        "resultMetadata": _plain(finding.figures),
        "critical": finding.critical,
        "muted": muted,
    }


def response(
    judge_name: str, results: Sequence[Mapping[str, Any]], groups: Sequence[Score], summary: Score
) -> dict[str, Any]:
    """The whole response."""
    return {
        "judgeName": judge_name,
        "results": list(results),
        "groupScores": [{"name": group.name, **_said(group)} for group in groups],
        "score": _said(summary),
    }


def _plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures with null for what JSON has no number for."""
    told: dict[str, Any] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            told[name] = _plain(value)
        else:
            told[name] = finite(value) if isinstance(value, float) else value
    return told


def _said(score: Score) -> dict[str, Any]:
    return {
        "score": score.score,
        "classification": score.label,
        "classificationReason": score.reason,
    }
