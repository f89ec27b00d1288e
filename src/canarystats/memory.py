"""What a monitor remembers between looks, and how it is written down and recalled."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canarystats.errors import InputError
from canarystats.folds import AnyFold, restore
from canarystats.folds.setting import Setting
from canarystats.sequential.settling import Settling
from canarystats.state import pack, unpack
from canarystats.verdict import Firing
from canarystats.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.policy import Policy
    from canarystats.windows import Pair

SCHEMA = "canarystats/monitor/6"
FAMILY = "canarystats/monitor/"


@dataclass(frozen=True, slots=True)
class Before:
    """What a metric's history was; what it taught is in the metric's state.

    Parameters
    ----------
    ticks
        Rows with data on every side it has.
    two_sided
        Whether both sides were there, or the old version alone.
    first, last
        Unix seconds of its first and last row.
    """

    ticks: int
    two_sided: bool
    first: float
    last: float

    def __str__(self) -> str:
        sides = "both sides" if self.two_sided else "the old version alone"
        return f"history: {self.ticks} ticks of {sides}"


@dataclass(frozen=True, slots=True)
class Diary:
    """What a monitor remembers beside its folds.

    Parameters
    ----------
    started, last
        Unix seconds of the first and the last tick.
    ticks, looks
        Ticks judged, and calls that brought them.
    suppressed
        Ticks at which a window of the policy looked away.
    share
        The canary's designed share at the last tick.
    digest
        A running fingerprint of everything observed.
    firings
        Every rule that has fired, as JSON, the earliest first.
    notes
        By metric: what its source said of the last data.
    once
        By metric: the evidence of a policy of one look, as JSON.
    before
        By metric: what its history from before the rollout was.
    alive
        Unix seconds of the first tick with data on the canary of a metric that may decide.
    settling
        By metric: how its beginning goes, where the policy waits for it to settle.
    """

    started: float | None = None
    last: float | None = None
    ticks: int = 0
    looks: int = 0
    suppressed: int = 0
    share: float | None = None
    digest: str = ""
    firings: tuple[str, ...] = ()
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    once: dict[str, tuple[str, ...]] = field(default_factory=dict)
    before: dict[str, Before] = field(default_factory=dict)
    alive: float | None = None
    settling: dict[str, Settling] = field(default_factory=dict)

    def tick(
        self,
        at: float,
        share: float | None,
        *,
        alive: float | None,
        suppressed: bool,
        digest: str,
        settling: dict[str, Settling],
    ) -> Diary:
        """One more tick."""
        return replace(
            self,
            started=at if self.started is None else self.started,
            last=at,
            ticks=self.ticks + 1,
            suppressed=self.suppressed + suppressed,
            share=share,
            digest=digest,
            alive=alive,
            settling=settling,
        )

    @property
    def fired(self) -> tuple[Firing, ...]:
        """Every rule that has fired, the earliest first."""
        return tuple(Firing.model_validate_json(text) for text in self.firings)

    def noted(self, firings: Sequence[Firing]) -> Diary:
        """With the firings of a tick; what has fired before keeps its first time."""
        if not firings:
            return self
        known = {(f.trigger, f.metric, f.action) for f in self.fired}
        fresh = [f for f in firings if (f.trigger, f.metric, f.action) not in known]
        return replace(self, firings=self.firings + tuple(f.model_dump_json() for f in fresh))

    def refuse_late_history(self, first: float) -> None:
        """Refuse a history that reaches into a rollout whose first tick is this one."""
        for name, before in self.before.items():
            if before.last >= first:
                msg = (
                    f"metric {name!r}: its history reaches to {before.last:.10g}, and the rollout "
                    f"begins at {first:.10g}; give only what lies before its first tick"
                )
                raise InputError(msg)


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything a monitor is made of besides its policy."""

    share: float | None
    rollout: str
    diary: Diary
    folds: dict[str, tuple[AnyFold, Any]]


def span_of(history: Pair) -> Before:
    """What to remember of a metric's history, which has times."""
    times = np.empty(0) if history.times is None else history.times
    there = np.isfinite(history.canary).any(axis=1)
    if history.baseline is not None:
        there &= np.isfinite(history.baseline).any(axis=1)
    return Before(int(there.sum()), history.baseline is not None, float(times[0]), float(times[-1]))


def write_down(memory: Memory, policy: Policy) -> str:
    """A monitor's memory as JSON."""
    saved = {
        "schema": SCHEMA,
        "library_version": __version__,
        "policy_digest": policy.digest,
        "rollout": memory.rollout,
        "share": memory.share,
        "diary": pack(memory.diary),
        "metrics": {
            name: {"kind": str(fold.kind), "state": pack(state)}
            for name, (fold, state) in memory.folds.items()
        },
    }
    return json.dumps(saved, allow_nan=False, separators=(",", ":"))


def recall(text: str, policy: Policy) -> Memory:
    """The memory in what `write_down` wrote under the same policy.

    Raises
    ------
    InputError
        If the text is not a saved monitor, or was saved under another policy.
    """
    saved = _opened(text, policy)
    share = saved.get("share")
    if share is not None and not isinstance(share, float):
        msg = f"share: {share!r} is not a number; this is not a saved monitor"
        raise InputError(msg)
    settings = {metric.name: Setting(policy, metric) for metric in policy.metrics}
    folds = {}
    for name, entry in _entries(saved):
        if name not in settings:
            msg = f"metrics.{name}: the policy {policy.name!r} has no such metric"
            raise InputError(msg)
        folds[name] = restore(settings[name], entry["kind"], entry["state"])
    diary = unpack(Diary, saved.get("diary"), "diary")
    return Memory(share, str(saved.get("rollout", "")), diary, folds)


def _opened(text: str, policy: Policy) -> dict[str, Any]:
    try:
        saved = json.loads(text)
    except ValueError as error:
        msg = f"this is not a saved monitor: {error}"
        raise InputError(msg) from error
    if not isinstance(saved, dict) or not str(saved.get("schema")).startswith(FAMILY):
        msg = f"this is not a saved monitor of schema {SCHEMA!r}"
        raise InputError(msg)
    schema = saved["schema"]
    if schema != SCHEMA:
        version = saved.get("library_version")
        msg = (
            f"the monitor was saved as {schema!r} by library version {version}; version "
            f"{__version__} reads {SCHEMA!r}: let that version finish the rollout, or begin anew"
        )
        raise InputError(msg)
    if saved.get("policy_digest") != policy.digest:
        at = f" at its stage {policy.stage!r}" if policy.stage else ""
        msg = (
            f"the monitor was saved under a policy of digest {saved.get('policy_digest')}; "
            f"{policy.name!r}{at} has {policy.digest}; every policy and stage keeps its own"
        )
        raise InputError(msg)
    return saved


def _entries(saved: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    metrics = saved.get("metrics")
    if not isinstance(metrics, dict):
        msg = "metrics: this is not a saved monitor"
        raise InputError(msg)
    for name, entry in metrics.items():
        if not isinstance(entry, dict) or set(entry) != {"kind", "state"}:
            msg = f"metrics.{name}: this is not a saved metric"
            raise InputError(msg)
    return list(metrics.items())
