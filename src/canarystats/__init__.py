"""canarystats compares a canary with its baseline and says promote, hold or rollback.

Windows hold numbers (`Pair`). `compare` and `sequential` turn windows into `Evidence`. Triggers
turn evidence into `Firing`s. The judge turns them into one `Verdict`; a `Monitor` repeats that
over time. `sources` fetch, `report` shows, the command line does both.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from canarystats import compare
from canarystats.errors import (
    CanaryStatsError,
    InputError,
    MissingExtraError,
    PolicyError,
    SourceError,
)
from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.monitor import Monitor, judge
from canarystats.plan import Plan, plan
from canarystats.policy import Policy
from canarystats.replay import replay
from canarystats.verdict import Decision, Firing, Reading, Verdict, Way
from canarystats.version import __version__
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from canarystats import detect, joint, report, sources, validate
    from canarystats.presets import load_joint_policy, load_policy, preset_names
    from canarystats.report.difference import diff

__all__ = [
    "CanaryStatsError",
    "Decision",
    "Evidence",
    "Firing",
    "InputError",
    "Interval",
    "Kind",
    "MissingExtraError",
    "Monitor",
    "Pair",
    "Plan",
    "Policy",
    "PolicyError",
    "Question",
    "Reading",
    "SourceError",
    "Status",
    "Verdict",
    "Way",
    "__version__",
    "compare",
    "detect",
    "diff",
    "joint",
    "judge",
    "load_joint_policy",
    "load_policy",
    "plan",
    "preset_names",
    "replay",
    "report",
    "sources",
    "validate",
]

_LAZY = {
    "diff": "report.difference",
    "load_joint_policy": "presets",
    "load_policy": "presets",
    "preset_names": "presets",
}
_LAZY_MODULES = {"detect", "joint", "report", "sources", "presets", "validate"}


def __getattr__(name: str) -> Any:
    """Load what reads files or shows things only when it is asked for."""
    if name in _LAZY:
        return getattr(import_module(f"canarystats.{_LAZY[name]}"), name)
    if name in _LAZY_MODULES:
        return import_module(f"canarystats.{name}")
    msg = f"module 'canarystats' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
