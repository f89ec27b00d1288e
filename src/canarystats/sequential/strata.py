"""One metric in segments of the traffic: compared within each, so that a mix shift is no effect.

Internal users may fail eight times as often as others, whoever serves them. A canary that carries
more of them than its baseline has a higher error rate without being any worse (Simpson's paradox).
Within a segment both sides serve the same kind of user, and conditioning on each segment's own
total leaves nothing of the mix: the log-likelihoods of a common ratio add up over segments, at
every tick, and the null hypothesis is that the ratio lies at its edge or better in all of them.

Assumes that a segment is as alike on both sides as the whole is elsewhere, and that counts are
about equally bursty in all segments. A ratio that differs between segments is averaged, by how
much each segment tells; the evidence on single segments shows it.

References
----------
Mantel & Haenszel (1959), Statistical aspects of the analysis of data from retrospective studies;
Breslow & Day (1987), Statistical methods in cancer research II, chapters 2 and 4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.evidence import Interval
from canarystats.kernels.mixture import share_interval, shifted_share

FloatArray = NDArray[np.float64]
EVENTS, EXPOSURE = 0, 1
WIDEST = 40.0  # of the logarithm of a ratio; beyond, a side has nothing
HALVINGS = 100
FINENESS = (
    256.0  # parts of an event that are kept apart: a window of them is saved with every state
)


class Strata(NamedTuple):
    """One tick of a metric by segment.

    Parameters
    ----------
    names
        The segments, S of them.
    canary, baseline
        Shape (S, columns); a row of NaN was not read, or has no such side.
    shares
        The canary's designed share of each segment's traffic, shape (S,); NaN where not known.
    """

    names: tuple[str, ...]
    canary: FloatArray
    baseline: FloatArray
    shares: FloatArray

    @property
    def compared(self) -> NDArray[np.bool_]:
        """The segments that were read on both sides, shape (S,)."""
        read: NDArray[np.bool_] = np.isfinite((self.canary + self.baseline).sum(axis=1))
        return read

    def pooled(self) -> tuple[FloatArray, FloatArray]:
        """Both sides over the segments compared, shape (columns,) each; NaN where there is none."""
        chosen = self.compared
        if not chosen.any():
            nothing = np.full(self.canary.shape[1], np.nan)
            return nothing, nothing
        return self.canary[chosen].sum(axis=0), self.baseline[chosen].sum(axis=0)

    def alike(self) -> tuple[FloatArray, FloatArray]:
        """Events and exposure of both sides on the canary's mix, one metric: shape (1, 2) each."""
        exposures = self.canary[:, EXPOSURE], self.baseline[:, EXPOSURE]
        ours, theirs = standardised(self.canary, self.baseline, *exposures)
        return ours[None], theirs[None]


def standardised(
    canary: FloatArray, baseline: FloatArray, ours: FloatArray, theirs: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What the canary had, and what the baseline's rates make of the canary's mix of segments.

    Parameters
    ----------
    canary, baseline
        Shape (S, columns); a row of NaN was not read, or has no such side.
    ours, theirs
        The canary's and the baseline's exposure in each segment, shape (S,).

    Returns
    -------
    tuple of ndarray
        Shape (columns,) each: sums over the segments that both sides serve; the second is on the
        canary's exposure. Without a difference in any segment both have the same expectation,
        whatever the mixes.
    """
    chosen = (ours > 0) & (theirs > 0)
    weight = (ours[chosen] / theirs[chosen])[:, None]
    weighed = (weight * baseline[chosen]).sum(axis=0)
    return canary[chosen].sum(axis=0), np.round(weighed * FINENESS) / FINENESS


def designed(strata: Strata, exposures: tuple[FloatArray, FloatArray]) -> tuple[float, float]:
    """The canary's requests, and those its designed shares make of the baseline's.

    Over the segments that both sides are designed to serve. NaN where a share is not known.
    """
    both = strata.compared & ~(strata.shares >= 1.0)
    odds = strata.shares[both] / (1.0 - strata.shares[both])
    return float(exposures[0][both].sum()), float((odds * exposures[1][both]).sum())


def split(strata: Strata) -> tuple[float, float]:
    """How many of all requests are designed to be the canary's, and the variance of that."""
    total = (strata.canary + strata.baseline)[strata.compared, EXPOSURE]
    shares = strata.shares[strata.compared]
    return float((shares * total).sum()), float((shares * (1.0 - shares) * total).sum())


def common_effect(totals: FloatArray, level: float) -> dict[str, object]:
    """The ratio of rates that all segments have in common, as fields of an evidence.

    The ratio is the maximum of the conditional likelihood: the one at which the canary's events
    are what is expected of them. The interval is that of one share of all events, which is
    wider than it must be, for events whose shares differ vary less (Hoeffding 1956).

    Parameters
    ----------
    totals
        Shape (S, 4): events and exposure of the canary, events and exposure of the baseline.
    level
        Coverage of the interval, in (0, 1).
    """
    both = (totals[:, 1] > 0) & (totals[:, 3] > 0)
    events, exposure, others, exposed = totals[both].T
    if not exposure.size or not (events + others).sum():
        return {}
    whole = events + others
    centre = float((whole * exposure / (exposure + exposed)).sum() / whole.sum())
    low, high = share_interval(
        np.array([events.sum()]), np.array([others.sum()]), np.array([centre]), level
    )
    wanted = np.array([events.sum() / whole.sum(), low[0], high[0]])
    share = exposure / (exposure + exposed)
    effect, bottom, top = (_ratio_at(q, share, whole) for q in wanted.tolist())
    return {
        "observed": float(events.sum() / exposure.sum()),
        "reference": float((exposure * others / exposed).sum() / exposure.sum()),
        "effect": effect,
        "interval": Interval(low=bottom, high=top, level=level),
    }


def _ratio_at(q: float, share: FloatArray, whole: FloatArray) -> float | None:
    """The ratio at which the canary is expected to have a share ``q`` of all events."""
    if q <= 0.0:
        return 0.0
    if q >= 1.0:
        return None
    low, high = -WIDEST, WIDEST
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        expected = (whole * shifted_share(share, np.exp(middle))).sum() / whole.sum()
        low, high = (middle, high) if expected < q else (low, middle)
    return float(np.exp(0.5 * (low + high)))
