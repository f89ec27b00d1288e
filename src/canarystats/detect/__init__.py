"""Detectors: what changed, when, and whether it grows; each finding carries its `Evidence`."""

from canarystats.detect.anomaly import anomalies
from canarystats.detect.anomaly_findings import Anomalies, Anomaly
from canarystats.detect.arms import ArmChange, Who, arm_changes
from canarystats.detect.change_point import change_points
from canarystats.detect.findings import ChangePoint, ChangePoints
from canarystats.detect.fleet import UsageBuckets, usage_buckets
from canarystats.detect.leak import leak
from canarystats.detect.leak_findings import Leak, Shape
from canarystats.detect.mann_kendall import mann_kendall
from canarystats.detect.multivariate import JointAnomalies, joint_anomalies
from canarystats.detect.novelty import Novelties, Novelty, novelties
from canarystats.detect.online import Alarm, OnlineDetector, OnlineState

__all__ = [
    "Alarm",
    "Anomalies",
    "Anomaly",
    "ArmChange",
    "ChangePoint",
    "ChangePoints",
    "JointAnomalies",
    "Leak",
    "Novelties",
    "Novelty",
    "OnlineDetector",
    "OnlineState",
    "Shape",
    "UsageBuckets",
    "Who",
    "anomalies",
    "arm_changes",
    "change_points",
    "joint_anomalies",
    "leak",
    "mann_kendall",
    "novelties",
    "usage_buckets",
]
