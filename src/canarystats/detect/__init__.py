"""Detectors: what changed, when, and whether it grows; each finding carries its `Evidence`."""

__all__: list[str] = []
