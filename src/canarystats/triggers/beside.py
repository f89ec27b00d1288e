"""The same rule read on the baseline: whether a trouble is the canary's own.

A rule against a constant reads the canary alone, so an incident of the whole service fulfils it as
a bad canary does. The same literal condition is therefore read on the baseline, over the same
window. While it is true there, or was within the rule's own duration, and the canary is not shown
to be worse than the baseline, the trouble is shared.

What spares the canary is read on the baseline alone, and what blames it again grows with its own
trouble: a canary that gets worse beside the same baseline is never spared for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc

from canarystats.rules import NEED_BASELINE, OWN_RULES
from canarystats.triggers import hold as timer
from canarystats.triggers.hold import CLOCK_NOISE_SECONDS, Hold

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarystats.policy import Trigger
    from canarystats.triggers.literal import FloatArray, Look

# Rules against a constant whose trouble may be the whole service's. Byzantine events and integrity
# violations are none of them: they act at once, whoever else has them.
MAY_BE_SHARED = {
    "error_rate_absolute",
    "success_rate",
    "memory",
    "breaker_storm",
    *(rule for rule in OWN_RULES if rule not in NEED_BASELINE),
}
READ_ON_BOTH = MAY_BE_SHARED | {"byzantine", "data_integrity"}
PLAIN_LEVEL = 1e-6  # of one look; a day of looks at 15 s adds up to at most 0.6 %
TIMES_ITS_SHARE = 2.0  # events beyond which a canary has more than its share of a common storm


@dataclass(frozen=True, slots=True)
class Beside:
    """Where a rule stands on the baseline.

    Parameters
    ----------
    hold
        Its timer there.
    true, observed
        Its last look there.
    last_true
        Unix seconds at which it was last true there.
    worse
        Whether the baseline was in trouble lately and the canary is shown to be worse than it.
    shared
        Whether the trouble, if the canary has any, is shared at the last tick.
    """

    hold: Hold = field(default_factory=Hold)
    true: bool | None = None
    observed: float | None = None
    last_true: float | None = None
    worse: bool = False
    shared: bool = False


def step(
    beside: Beside,
    at: float,
    look: Look,
    trigger: Trigger,
    interval: float,
    outdone: Callable[[], bool],
) -> Beside:
    """One look at the baseline; ``outdone`` tells whether the canary is shown to be worse.

    A baseline that recovers leaves the canary the rule's duration to recover too (the window of a
    rule without a duration): the two sides of an incident do not cross a threshold at one tick.
    """
    last_true = at if look.true else beside.last_true
    grace = trigger.for_ or trigger.window
    recent = last_true is not None and at - last_true <= grace + CLOCK_NOISE_SECONDS
    known = look.true is not None
    worse = recent and outdone()
    return Beside(
        hold=timer.step(beside.hold, at, look.true, trigger, interval),
        true=look.true if known else beside.true,
        observed=look.observed if known else beside.observed,
        last_true=last_true,
        worse=worse,
        shared=recent and not worse,
    )


def more_errors(canary: FloatArray, baseline: FloatArray, margin: float) -> bool:
    """Whether the canary's error rate exceeds the baseline's by more than a relative margin.

    Both hold (events, exposure) over one window.
    """
    ours, theirs = canary[0] * baseline[1], baseline[0] * canary[1]
    return bool(ours > (1.0 + margin) * theirs)


def plainly_more_errors(
    canary: FloatArray,
    baseline: FloatArray,
    margin: float,
    clumps: float,
    level: float = PLAIN_LEVEL,
) -> bool:
    """Whether one window shows so at a level; looks at every tick do not use up that given.

    Of the errors of both sides the canary's share is binomial, given the load and an error rate of
    the canary that is ``1 + margin`` times the baseline's. ``clumps`` errors count as one, for as
    many may share a cause; more than that breaks it. The tail is continued between whole numbers.
    """
    share = (1.0 + margin) * canary[1] / ((1.0 + margin) * canary[1] + baseline[1])
    ours, theirs = canary[0] / clumps, baseline[0] / clumps
    if not ours or not 0.0 < share < 1.0:
        return False
    return bool(betainc(ours, theirs + 1.0, share) < level)


def others(side: FloatArray) -> FloatArray:
    """What did not happen, out of the same exposure: (events, exposure)."""
    return np.array([side[1] - side[0], side[1]])


def more_than_its_share(canary: float, baseline: float, share: float | None) -> bool:
    """Whether the canary has clearly more events than its share of the traffic would bring it.

    Without a share nobody knows, and the canary counts as the one that has them.
    """
    if share is None:
        return True
    return canary > TIMES_ITS_SHARE * baseline * share / (1.0 - share)


def less_than_its_share(canary: float, baseline: float, share: float | None) -> bool:
    """Whether the canary has clearly fewer events than its share of the traffic would bring it.

    Without a share nobody knows, and the canary counts as the one that lacks them.
    """
    if share is None:
        return baseline > 0
    return TIMES_ITS_SHARE * canary < baseline * share / (1.0 - share)


def further(canary: float | None, baseline: float | None, margin: float, *, above: bool) -> bool:
    """Whether the canary's figure lies on the harmful side of the baseline's by a margin of it."""
    if canary is None or baseline is None:
        return canary is not None
    beyond = canary - baseline if above else baseline - canary
    return beyond > margin * abs(baseline)


def nearer_the_limit(canary: float | None, baseline: float | None, margin: float) -> bool:
    """Whether the canary uses more of its limit than the baseline by a relative margin."""
    return canary is not None and (baseline is None or canary > (1.0 + margin) * baseline)


def limits_beside(limits: FloatArray | None, pods: int) -> FloatArray | None:
    """The limits of the baseline's pods, shape (pods,): the canary's, where those are all one.

    None where they differ, for then it is not known which the baseline has.
    """
    if limits is None:
        return None
    known = limits[np.isfinite(limits) & (limits > 0)]
    one = known.size > 0 and known.min() == known.max()
    return np.full(pods, known[0]) if one else None
