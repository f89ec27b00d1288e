"""Kayenta's vectors as requests of its RemoteJudge, and what Kayenta made of them."""

from __future__ import annotations

import json
import math
from pathlib import Path

SETTINGS = (
    "direction",
    "nanStrategy",
    "outliers",
    "effectSize",
    "critical",
    "muted",
    "mustHaveData",
)
DATA = Path(__file__).parent / "data" / "kayenta_vectors.jsonl"


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def request(metrics, thresholds=None, weights=None):
    """The request of these metrics, each with its settings and its two sides."""
    config = [
        {
            "name": metric["name"],
            "query": {"type": "prometheus"},
            "groups": metric.get("groups", ["all"]),
            "analysisConfigurations": {
                "canary": {key: metric[key] for key in SETTINGS if key in metric}
            },
        }
        for metric in metrics
    ]
    return {
        "canaryConfig": {
            "name": "vectors",
            "judge": {"name": "RemoteJudge-v1.0", "judgeConfigurations": {}},
            "metrics": config,
            "classifier": {"groupWeights": weights or {}},
        },
        "scoreThresholds": thresholds or {"pass": 95, "marginal": 75},
        "metricSetPairList": [
            {
                "name": metric["name"],
                "id": f"{i}",
                "tags": {},
                "values": {side: metric[side] for side in ("control", "experiment")},
            }
            for i, metric in enumerate(metrics)
        ],
    }


def of_vector(told):
    """The request of a metric's or a canary's vector, or of an edge case."""
    return request(told.get("metrics", [told]), told.get("thresholds"), told.get("groupWeights"))


def as_json(value):
    """A number of Kayenta's as it stands in JSON: not finite is null."""
    if isinstance(value, str) or (value is not None and not math.isfinite(value)):
        return None
    return value
