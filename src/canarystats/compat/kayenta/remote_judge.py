"""The remote judge: a request in, a response out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from canarystats.compat.kayenta import parity, sound
from canarystats.compat.kayenta.finding import Finding, Verdict
from canarystats.compat.kayenta.request import numbers, read_request
from canarystats.compat.kayenta.response import metric_result, response
from canarystats.compat.kayenta.scoring import parity_scores, sound_scores
from canarystats.compat.kayenta.settings import read_settings
from canarystats.compat.kayenta.window import Window
from canarystats.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from canarystats.compat.kayenta.request import CanaryConfig, MetricConfig, Request
    from canarystats.compat.kayenta.settings import Settings

    FloatArray = NDArray[np.float64]

Mode = Literal["parity", "sound"]
NAMES = {"parity": "canarystats-kayenta-parity", "sound": "canarystats-kayenta-sound"}


def judge(
    request: Mapping[str, Any],
    mode: Mode = "sound",
    *,
    noise: Callable[[], float] | None = None,
) -> dict[str, Any]:
    """Judge a request of Kayenta's RemoteJudge.

    Parameters
    ----------
    request
        The JSON object: ``canaryConfig``, ``scoreThresholds``, ``metricSetPairList``. A value that
        is null or ``"NaN"`` is missing.
    mode
        ``sound`` judges by canarystats' own statistics under the same config; ``parity`` gives the
        classes and scores of Kayenta's judge, its defects included.
    noise
        Parity only: standard normal numbers, one a call, for metrics constant on both sides, which
        Kayenta disturbs at random. Without it ``java.util.Random`` begins at 12345 for each such
        metric, so that the same request always has the same response.

    Returns
    -------
    dict
        The JSON object Kayenta expects back, without NaN or infinities. Under each result's
        ``resultMetadata`` stand ``ratio`` (of the means), ``lower``, ``upper`` and ``estimate`` (of
        the shift, in the metric's unit, or of a ratio of rates), ``pValue``, ``effect`` and
        ``effectMeasure``, null where there is none.

    Raises
    ------
    InputError
        If the request cannot be right; the message begins with the path.

    Notes
    -----
    One look at a window fixed beforehand, in both modes: a canary judged again and again while it
    runs is failed by chance more often than the level says. Sound mode's assumptions are those of
    `canarystats.compat.kayenta.sound.classify`.

    Examples
    --------
    >>> response = judge({
    ...     "canaryConfig": {"metrics": [{"name": "cpu", "groups": ["load"]}]},
    ...     "scoreThresholds": {"pass": 95, "marginal": 75},
    ...     "metricSetPairList": [{"name": "cpu", "values": {
    ...         "control": [1.0, 1.2, 1.1, 0.9, 1.05], "experiment": [2.0, 2.3, 2.1, 1.9, 2.2]}}],
    ... })
    >>> response["score"]["classification"]
    'Fail'
    """
    if mode not in get_args(Mode):
        raise InputError(f"mode is {mode!r}; it must be 'parity' or 'sound'")
    told = read_request(request)
    settings = _settings(told.canary_config, strict=mode == "sound")
    results, verdicts = [], []
    for metric, identity, sides in _metrics(told, complete=mode == "sound"):
        asked = settings[metric.name]
        # infinities and values near them have no mean and no spread, which is told by null
        with np.errstate(over="ignore", invalid="ignore"):
            finding, compared = _judged(mode, metric.name, sides, asked, noise)
            results.append(metric_result(identity, finding, compared, muted=asked.muted))
        verdicts.append(
            Verdict(finding.label, metric.groups, finding.critical, asked.muted, finding.reason)
        )
    scores = parity_scores if mode == "parity" else sound_scores
    weights = told.canary_config.classifier.group_weights
    groups, summary = scores(verdicts, weights, told.score_thresholds)
    return response(NAMES[mode], results, groups, summary)


def _settings(config: CanaryConfig, *, strict: bool) -> dict[str, Settings]:
    names = [metric.name for metric in config.metrics]
    for i, name in enumerate(names):
        if strict and name in names[:i]:
            raise InputError(f"canaryConfig.metrics[{i}].name is {name!r}, which is there twice")
    # of two metrics of one name the first is found
    return {m.name: read_settings(m, strict=strict) for m in reversed(config.metrics)}


def _metrics(
    request: Request, *, complete: bool
) -> list[tuple[MetricConfig, dict[str, Any], tuple[FloatArray, FloatArray]]]:
    """Every metric to judge: its config, what names its result, and its two sides."""
    found = []
    for i, pair in enumerate(request.metric_set_pair_list):
        path = f"metricSetPairList[{i}]"
        metric = request.canary_config.metric(pair.name, path)
        identity = {"name": pair.name, "id": pair.id or pair.name, "tags": dict(pair.tags)}
        sides = (
            numbers(pair.values.experiment, f"{path}.values.experiment"),
            numbers(pair.values.control, f"{path}.values.control"),
        )
        found.append((metric, identity | {"groups": list(metric.groups)}, sides))
    there = {metric.name for metric, _, _ in found}
    for metric in request.canary_config.metrics if complete else ():
        if metric.name not in there:
            identity = {"name": metric.name, "id": metric.name, "tags": {}}
            nothing = (numbers([], ""), numbers([], ""))
            found.append((metric, identity | {"groups": list(metric.groups)}, nothing))
    return found


def _judged(
    mode: Mode,
    name: str,
    sides: tuple[FloatArray, FloatArray],
    settings: Settings,
    noise: Callable[[], float] | None,
) -> tuple[Finding, tuple[FloatArray, FloatArray]]:
    experiment, control = sides
    if mode == "sound":
        window = Window.of(experiment, control, settings)
        return sound.classify(name, window, settings), window.present
    compared = parity.prepared(experiment, settings), parity.prepared(control, settings)
    return parity.classify(name, *compared, settings, noise), compared
