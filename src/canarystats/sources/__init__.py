"""Sources fetch windows: one `Pair` per metric of a policy, and what was wrong on the way.

A source reads no clock; the caller says from when to when. Each part loads on first use, so that
reading from Prometheus never loads pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from canarystats.sources.prometheus import Prometheus

__all__ = ["Prometheus"]

_HOMES = {"Prometheus": "canarystats.sources.prometheus"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
