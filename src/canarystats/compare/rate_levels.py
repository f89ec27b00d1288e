"""Rates of events against a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from canarystats.compare import sides, tails
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.binomial import share_bounds
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

ASSUMES = (
    "requests fail independently at a steady rate",
    "one look at a window fixed beforehand",
)


@dataclass(frozen=True, slots=True)
class _Counted:
    events: float
    exposure: float
    seen: tuple[str, ...]


@overload
def rate_level(
    pair: Pair,
    *,
    threshold: float,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
) -> Evidence: ...


@overload
def rate_level(
    pair: Sequence[Pair],
    *,
    threshold: float,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
) -> list[Evidence]: ...


def rate_level(
    pair: Pair | Sequence[Pair],
    *,
    threshold: float,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
) -> Evidence | list[Evidence]:
    """Test the canary's event rate against a constant, exactly.

    Parameters
    ----------
    pair
        Counts: events out of an exposure, or a sequence of them, tested together; the baseline is
        not read.
    threshold
        The rate under the hypothesis, events per exposure, in (0, 1).
    alternative
        ``greater``: H0 is that the rate is at most the threshold; ``less``: at least.
    level
        The p-value at which the evidence decides, in (0, 0.5).

    Returns
    -------
    Evidence
        ``effect`` and ``observed`` are the rate, the interval is Clopper and Pearson's. Status is
        INSUFFICIENT where so little exposure could never reach the level.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Assumes that requests fail independently at a steady rate; bursts break it. Scrapes can catch an
    event before its request: where events exceed the exposure, it is taken to be as large.

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26:404-413.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> rate_level(Pair.counts("requests", canary=([9], [100])), threshold=0.05).decides
    False
    """
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_between("level", level, 0, 0.5)
    sides.require_between("threshold", threshold, 0, 1)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "rate_level", Kind.COUNTS)
    counted = [_counted(each) for each in pairs]
    events, exposure = np.array([(one.events, one.exposure) for one in counted]).reshape(-1, 2).T
    beyond = sides.tail(alternative, level)
    p, least = tails.binomial_p_values(events, exposure, threshold, alternative)
    low, high = share_bounds(events, exposure, beyond)
    found = []
    for i, (each, one) in enumerate(zip(pairs, counted, strict=True)):
        evidence = Evidence(
            metric=each.name,
            method="rate_level",
            question=Question.LEVEL,
            status=Status.OK if one.exposure > 0 else Status.NO_DATA,
            n_canary=int(one.exposure),
            reference=threshold,
            effect_scale="share",
            level=level,
            assumptions=ASSUMES,
            seen=one.seen,
        )
        if one.exposure > 0:
            few = float(least[i]) > level
            short = f"an exposure of {one.exposure:g} cannot reach a level of {level:g}"
            evidence = evidence.model_copy(
                update={
                    "observed": one.events / one.exposure,
                    "effect": one.events / one.exposure,
                    "interval": sides.interval(low[i], high[i], beyond),
                    "p_value": float(p[i]),
                    "status": Status.INSUFFICIENT if few else Status.OK,
                    "detail": short if few else "",
                }
            )
        found.append(evidence)
    return found[0] if isinstance(pair, Pair) else found


def _counted(pair: Pair) -> _Counted:
    missing = np.isnan(pair.canary[:, 1])
    events, exposure = (float(v) for v in pair.canary[~missing].sum(axis=0))
    seen = list(pair.notes)
    if missing.any():
        seen.append(f"canary: {int(missing.sum())} of {pair.n_ticks} ticks missing")
    if events > exposure > 0:
        seen.append(f"canary: {events:g} events out of an exposure of {exposure:g}")
        exposure = events
    return _Counted(events, exposure, tuple(seen))
