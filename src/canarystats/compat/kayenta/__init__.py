"""Kayenta's remote judge: the same JSON objects in and out, judged as it does or soundly."""

from canarystats.compat.kayenta.remote_judge import Mode, judge

__all__ = ["Mode", "judge"]
