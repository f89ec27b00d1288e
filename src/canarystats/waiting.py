"""How long a hold may last, where only evidence, time or traffic lacks.

Nothing is kept for it: what has been gathered since the rollout began says how fast it comes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from canarystats.suppression import covered_seconds, until_watched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.folds.setting import Proof
    from canarystats.policy import Policy

SPREAD = 0.7  # standard deviations allowed for at each end; measured to hold nine waits of ten
PRICE = 1.0  # what a mixture over unknown effects costs in log e-value, most of it at the beginning


def watched(policy: Policy, since: float, at: float) -> float:
    """The seconds that were watched without looking away, from the interval of a tick on."""
    began = since - policy.interval
    return at - began - covered_seconds(policy.live_suppressions, began, at)


def until_promoted(
    policy: Policy, unproven: Sequence[Proof], samples: int | None, alive: float, at: float
) -> tuple[float, float] | None:
    """How many seconds from ``at`` until a promotion, from and to, if all goes on as so far.

    Parameters
    ----------
    policy
        What promotion takes.
    unproven
        What is still to be shown.
    samples
        Canary requests so far; None where none are counted or none are needed.
    alive, at
        Unix seconds of the first tick with data on the canary, and of the last tick.

    Notes
    -----
    It is None where it cannot be told: where a claim has gathered nothing yet or is not told by
    e-values for any number of looks, and where no request has come. Windows in which the policy
    looks away are added; what they cover is not watched.
    """
    if policy.looks != "many":
        return None
    whole = watched(policy, alive, at)
    rest = max(policy.min_duration - whole, 0.0)
    waits: list[tuple[float, float] | None] = [(rest, rest)]
    if samples is not None and samples < policy.min_samples:
        missing = whole * (policy.min_samples / samples - 1.0) if samples else math.inf
        waits.append((missing, missing) if samples else None)
    compared = watched(policy, alive + policy.warm_up, at)
    waits += [_until_shown(proof, whole if proof.from_start else compared) for proof in unproven]
    told = [wait for wait in waits if wait is not None]
    if len(told) < len(waits):
        return None
    low, high = (max(ends) for ends in zip(*told, strict=True))
    return _in_ticks(policy, at, low), _in_ticks(policy, at, high)


def _until_shown(proof: Proof, seconds: float) -> tuple[float, float] | None:
    """The time to what is needed, at the growth of what was gathered in so many seconds.

    A log e-value that grows by g in a while has, as a log likelihood ratio of normal values does,
    a variance of 2 g there. So what was gathered, with the price of not knowing the effect added
    back, may have been expected to be as much as a root of ``(g - gathered)^2 = 2 g SPREAD^2``,
    and what is missing may take as much as the same root for the missing.
    """
    if proof.gathered is None or proof.needed is None:
        return None
    if not (0.0 < proof.gathered < proof.needed) or seconds <= 0.0:
        return None
    slow, fast = _expected(proof.gathered + PRICE)
    soon, late = _expected(proof.needed - proof.gathered)
    return seconds * soon / fast, seconds * late / slow


def _expected(growth: float) -> tuple[float, float]:
    """What may have been expected of a growth, from and to."""
    middle = growth + SPREAD**2
    reach = SPREAD * math.sqrt(2.0 * growth + SPREAD**2)
    return middle - reach, middle + reach


def _in_ticks(policy: Policy, at: float, seconds: float) -> float:
    """Up to the tick at which it is seen, with the windows that are looked away from between."""
    last = until_watched(policy.live_suppressions, at, seconds)
    return policy.interval * max(math.ceil(last / policy.interval - 1e-9), 1)
