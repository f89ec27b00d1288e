"""A counter of requests that another metric contradicts: a fault of monitoring, and no rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from canarystats.folds.fold import AnyFold
    from canarystats.verdict import Firing


def contradicted(
    firings: Sequence[Firing], folds: Mapping[str, tuple[AnyFold, Any]]
) -> list[Firing]:
    """The same firings, of which throughput holds where its counter is contradicted.

    A canary that has not counted one request, while a histogram of its own has, serves requests
    that nobody counts. Where no histogram counts either, it serves none.
    """
    return [_of_one(firing, folds) for firing in firings]


def _of_one(firing: Firing, folds: Mapping[str, tuple[AnyFold, Any]]) -> Firing:
    if firing.rule != "throughput" or firing.action != "rollback":
        return firing
    fold, state = folds[firing.metric]
    if fold.samples(state):
        return firing
    for name in sorted(folds):
        other, held = folds[name]
        seen = other.samples(held) if other.kind is Kind.HISTOGRAM else None
        if seen and not other.setting.metric.dry_run:
            reason = (
                f"{firing.reason}; {firing.metric} has not counted one request of the canary and "
                f"{name} has counted {seen:,}: monitoring contradicts itself"
            )
            return firing.model_copy(update={"action": "hold", "reason": reason})
    return firing
