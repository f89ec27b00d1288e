"""Detectors: what changed, when, and whether it grows; each finding carries its `Evidence`."""

from canarystats.detect.change_point import change_points
from canarystats.detect.findings import ChangePoint, ChangePoints

__all__ = ["ChangePoint", "ChangePoints", "change_points"]
