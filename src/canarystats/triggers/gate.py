"""The two ways to fire: sustained with evidence, or decisive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.verdict import Way

if TYPE_CHECKING:
    from canarystats.policy import Gate


def way_to_fire(gate: Gate, *, held: bool, worse: bool, beyond: bool, plainly: Way) -> Way | None:
    """How a rule fires at this tick, or None.

    Parameters
    ----------
    gate
        The policy's word: ``required``, ``advisory`` or ``none``.
    held
        Whether the literal condition is true and has been for its whole duration.
    worse
        Whether there is evidence that the canary is worse at all (for a rule against a constant:
        that it is beyond the constant).
    beyond
        Whether there is evidence that it is worse by more than the threshold.
    plainly
        How the rule fires where no evidence is asked for.
    """
    if gate == "none":
        return plainly if held else None
    if beyond:
        return Way.DECISIVE
    if held and worse:
        return Way.SUSTAINED
    return Way.LITERAL if held and gate == "advisory" else None
