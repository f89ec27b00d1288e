"""Canary and baseline exchanged: told by the traffic that each carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.errors import InputError

if TYPE_CHECKING:
    from canarystats.sequential.counts import CountsState

EXPOSURE = 1
ENOUGH_TO_TELL = 200  # requests from which a share near its mirror image is no accident
MIRROR_FACTOR = 1.5  # how near to the mirrored odds the realised odds must be


def refuse_exchanged(
    metric: str, before: CountsState, after: CountsState, share: float | None
) -> None:
    """Refuse a rollout whose sides carry each other's designed share from the beginning.

    Raises
    ------
    InputError
        If the realised odds are near the mirror image of the designed ones.
    """
    seen, now = (float((s.canary + s.baseline)[0, EXPOSURE]) for s in (before, after))
    if share is None or not seen < ENOUGH_TO_TELL <= now:
        return
    canary, baseline = float(after.canary[0, EXPOSURE]), float(after.baseline[0, EXPOSURE])
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
