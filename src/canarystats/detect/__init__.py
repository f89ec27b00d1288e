"""Detectors: what changed, when, and whether it grows; each finding carries its `Evidence`."""

from canarystats.detect.arms import ArmChange, Who, arm_changes
from canarystats.detect.change_point import change_points
from canarystats.detect.findings import ChangePoint, ChangePoints
from canarystats.detect.online import Alarm, OnlineDetector, OnlineState

__all__ = [
    "Alarm",
    "ArmChange",
    "ChangePoint",
    "ChangePoints",
    "OnlineDetector",
    "OnlineState",
    "Who",
    "arm_changes",
    "change_points",
]
