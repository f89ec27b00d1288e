"""Counts that cannot be right: sides that are exchanged, events that outnumber their exposure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.errors import InputError
from canarystats.folds.bank import placed

if TYPE_CHECKING:
    from canarystats.folds.bank import Row
    from canarystats.folds.setting import Tick
    from canarystats.sequential.counts import CountsState

EXPOSURE = 1
ENOUGH_TO_TELL = 200  # requests from which a share near its mirror image is no accident
MIRROR_FACTOR = 1.5  # how near to the mirrored odds the realised odds must be


def refuse_exchanged(
    metric: str, before: CountsState | Row, after: CountsState | Row, share: float | None
) -> None:
    """Refuse a rollout whose sides carry each other's designed share from the beginning.

    Raises
    ------
    InputError
        If the realised odds are near the mirror image of the designed ones.
    """
    if share is None or sum(_requests(before)) >= ENOUGH_TO_TELL:
        return
    canary, baseline = _requests(after)
    now = canary + baseline
    if now < ENOUGH_TO_TELL:
        return
    designed = share / (1.0 - share)
    symmetric = 1.0 / MIRROR_FACTOR < designed < MIRROR_FACTOR
    if symmetric or not (canary and baseline):
        return
    if 1.0 / MIRROR_FACTOR < canary / baseline * designed < MIRROR_FACTOR:
        msg = (
            f"metric {metric!r}: the canary carries {canary / now:.0%} of "
            f"the traffic where {share:.0%} is designed; are canary and baseline exchanged?"
        )
        raise InputError(msg)


def refuse_outnumbered(metric: str, tick: Tick) -> None:
    """Refuse a canary with more events than exposure, where a rule reads them as a share.

    Raises
    ------
    InputError
        If it has.
    """
    events, exposure = tick.canary[0], tick.canary[EXPOSURE]
    if events > exposure:
        msg = (
            f"metric {metric!r}: canary events {events:g} outnumber their exposure {exposure:g} at "
            f"{tick.at:.0f}; a rule reads them as a share"
        )
        raise InputError(msg)


def _requests(held: CountsState | Row) -> tuple[float, float]:
    """The canary's and the baseline's requests so far."""
    counts, row = placed(held)
    return float(counts.canary[row, EXPOSURE]), float(counts.baseline[row, EXPOSURE])
