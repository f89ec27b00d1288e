"""Whether the traffic is divided as designed: the sample-ratio test, at any number of looks.

Given how many requests a tick brought in all, the canary's are binomial with its designed share.
Their likelihood under a beta prior around the design, over the likelihood under the design, is an
e-value: two-sided, exact at any number of looks, and with a share of its own in every tick. Where
the designed share changes, the odds found so far, relative to the design, become the centre of the
prior for the next share, with the concentration it began with: what is learned is kept, and a
split that goes wrong at a later stage is not outweighed by the stages before it.

A wrong split says nothing about the canary and much about the comparison: requests that never
arrived, retries that doubled, a router that prefers one side. It stops promotion and makes every
comparison suspect; it never rolls back.

References
----------
Lindon & Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS.
Fabijan et al. (2019), Diagnosing sample ratio mismatch in online controlled experiments, KDD.
Wasserman, Ramdas & Balakrishnan (2020), Universal inference, PNAS 117 (the tolerance).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canarystats.errors import InputError
from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.kernels import dirichlet
from canarystats.kernels.mixture import shifted_share
from canarystats.sequential import dispersion
from canarystats.sequential.calibrators import always_valid_p
from canarystats.sequential.dispersion import Dispersion, Seen

FloatArray = NDArray[np.float64]
CANARY, BASELINE = 0, 1
CONCENTRATION = 1000.0
INTERVAL_LEVEL = 0.95
ROUNDING = 1e-9  # a tick without data must not count as growth
ASSUMES = "requests are assigned independently with the designed share, up to the clumps it shows"


@dataclass(frozen=True, slots=True, eq=False)
class SplitState:
    """How the traffic of K rollouts was divided.

    Parameters
    ----------
    before
        Shape (K,): log e-value of the designed shares before the present one.
    share
        Shape (K,): the present designed share of the canary; NaN before the first tick.
    prior
        Shape (K, 2): pseudo-requests of canary and baseline that the present share began with.
    counted
        Shape (K, 2): requests under the present share, discounted for clumps.
    present, requests
        Shape (K, 2): requests as they came, under the present share and in all.
    highest, lowest
        Shape (K,): the extreme log e-values so far.
    rising_since
        Shape (K,): Unix seconds of the first tick after the lowest; NaN while it is the lowest.
    dispersion
        How clumped the split is.
    """

    before: FloatArray
    share: FloatArray
    prior: FloatArray
    counted: FloatArray
    present: FloatArray
    requests: FloatArray
    highest: FloatArray
    lowest: FloatArray
    rising_since: FloatArray
    dispersion: Dispersion


class Split:
    """A design: the division of the traffic of K rollouts.

    Hypothesis: the odds that a request reaches the canary are those of the design, up to the
    tolerance. Assumes independent requests, or clumps no larger than those the split has shown so
    far. Broken by a share that is not the one in force in that tick, such as an average over a
    ramp, and by sessions or retries whose clumps have not been seen yet.

    Parameters
    ----------
    metric
        The metric whose exposure it reads.
    tolerance
        How far the odds may be from the design, relatively; 0 tests the design itself.
    concentration
        Requests k the prior is worth. It spreads the share by sqrt(share (1 - share) / k) around
        the design and is sharpest for deviations about that large: at 5 %, 0.7 points for 1000,
        0.2 points for 10000 (the default of Optimizely's ssrm-test), 2.2 for 100 (savvi).
    discounted
        Whether evidence is divided by the Fano factor of the split.

    Raises
    ------
    InputError
        If a setting is out of its range.
    """

    def __init__(
        self,
        metric: str,
        *,
        tolerance: float = 0.0,
        concentration: float = CONCENTRATION,
        discounted: bool = True,
    ) -> None:
        if not 0.0 <= tolerance < math.inf:
            msg = f"tolerance is {tolerance!r}; it must not be negative"
            raise InputError(msg)
        if not 0.0 < concentration < math.inf:
            msg = f"concentration is {concentration!r}; it must be positive"
            raise InputError(msg)
        self.metric, self.tolerance = metric, tolerance
        self.concentration, self.discounted = concentration, discounted

    def begin(self, size: int = 1, history: FloatArray | None = None) -> SplitState:
        """The state of ``size`` rollouts before the first tick.

        Parameters
        ----------
        size
            K.
        history
            Shape (ticks, 2), the same for every row: requests of two sides that both ran the old
            version, NaN for a missed tick. It teaches how clumped the split is; its share is
            whatever it was.
        """
        zero, two, unknown = np.zeros(size), np.zeros((size, 2)), np.full(size, np.nan)
        learned = dispersion.begin(size, 1)
        for tick in _placed(history):
            learned = dispersion.step(learned, Seen(*(np.full((size, 1), x) for x in tick)))
        return SplitState(
            zero, unknown, np.ones((size, 2)), two, two, two, zero, zero, unknown, learned
        )

    def step(
        self,
        state: SplitState,
        canary: FloatArray,
        baseline: FloatArray,
        share: FloatArray | float,
        at: float,
    ) -> SplitState:
        """One tick.

        Parameters
        ----------
        state
            From `begin` or the tick before.
        canary, baseline
            Shape (K,): requests of the tick; where either is NaN the state stays as it is.
        share
            The canary's designed share in this tick, shape (K,) or one for all; NaN, where it is
            not known, leaves the state as it is.
        at
            Unix seconds.

        Raises
        ------
        InputError
            If a share is not between 0 and 1.
        """
        designed = np.broadcast_to(np.asarray(share, dtype=np.float64), canary.shape)
        wrong = designed[(designed <= 0) | (designed >= 1)]
        if wrong.size:
            msg = f"share is {float(wrong[0])!r}; it must lie between 0 and 1"
            raise InputError(msg)
        total = canary + baseline
        read = ~np.isnan(total) & ~np.isnan(designed)
        state = self._at_share(state, np.where(read, designed, state.share))
        tick = np.where(read[:, None], np.stack([canary, baseline], axis=1), 0.0)
        fano = dispersion.fano(state.dispersion) if self.discounted else 1.0
        counted = state.counted + tick / fano
        log_e = state.before + self._present(state.share, state.prior, counted)
        lower = log_e <= state.lowest + ROUNDING
        since = np.where(
            lower, np.nan, np.where(np.isnan(state.rising_since), at, state.rising_since)
        )
        seen = Seen(*(x[:, None] for x in _residual(canary, total, designed)))
        return SplitState(
            state.before,
            state.share,
            state.prior,
            counted,
            state.present + tick,
            state.requests + tick,
            np.where(read, np.maximum(state.highest, log_e), state.highest),
            np.where(read, np.minimum(state.lowest, log_e), state.lowest),
            np.where(read, since, state.rising_since),
            dispersion.step(state.dispersion, seen, dispersion.WILDEST),
        )

    def _at_share(self, state: SplitState, share: FloatArray) -> SplitState:
        """The state under the designed share in force, closing the account of the one before."""
        changed = ~np.isnan(share) & (share != state.share)
        if not changed.any():
            return state
        after = state.prior + state.counted
        known = ~np.isnan(state.share)
        designed = np.where(known, state.share, share)
        odds = np.where(known, after[:, CANARY] / after[:, BASELINE], share / (1.0 - share))
        centre = shifted_share(share, odds * (1.0 - designed) / designed)
        prior = self.concentration * np.stack([centre, 1.0 - centre], axis=1)
        gathered = self._present(state.share, state.prior, state.counted)
        fresh = changed[:, None]
        return SplitState(
            np.where(changed & known, state.before + gathered, state.before),
            np.where(changed, share, state.share),
            np.where(fresh, prior, state.prior),
            np.where(fresh, 0.0, state.counted),
            np.where(fresh, 0.0, state.present),
            state.requests,
            state.highest,
            state.lowest,
            state.rising_since,
            state.dispersion,
        )

    def _present(self, share: FloatArray, prior: FloatArray, counted: FloatArray) -> FloatArray:
        """Log e-value of the counts under one designed share; 0 before any."""
        known = ~np.isnan(share)
        centre = np.where(known, share, 0.5)
        low, high = (
            shifted_share(centre, r) for r in (1 / (1 + self.tolerance), 1 + self.tolerance)
        )
        total = counted.sum(axis=1)
        found = counted[:, CANARY] / np.where(total > 0, total, 1.0)
        # Against every share within the tolerance at once: the one that explains the counts best.
        null = np.clip(found, low, high) if self.tolerance else centre
        gain = dirichlet.log_marginal(prior, counted) - dirichlet.log_likelihood(null, counted)
        return np.where(known, gain, 0.0)

    def log_e(self, state: SplitState) -> FloatArray:
        """The log e-value of every row, shape (K,)."""
        return state.before + self._present(state.share, state.prior, state.counted)

    def p_value(self, state: SplitState) -> FloatArray:
        """The p-value of every row, shape (K,), valid at any number of looks; it never rises."""
        return always_valid_p(state.highest)

    def interval(
        self, state: SplitState, level: float = INTERVAL_LEVEL
    ) -> tuple[FloatArray, FloatArray]:
        """Confidence sequence of the realised share since the designed share last changed.

        Parameters
        ----------
        state
            From `step`.
        level
            Coverage at every look under one designed share at once.

        Returns
        -------
        tuple of ndarray
            Shape (K,) each: low and high end; 0 and 1 before any requests.
        """
        marginal = dirichlet.log_marginal(state.prior, state.counted)
        return dirichlet.shares_not_rejected(marginal, state.counted, level)

    def onset(self, state: SplitState, row: int = 0) -> float | None:
        """Unix seconds since when the evidence has only grown."""
        at = float(state.rising_since[row])
        return None if math.isnan(at) else at

    def evidence(self, state: SplitState, level: float | None, row: int = 0) -> list[Evidence]:
        """Whether the traffic of one rollout is divided as designed.

        ``observed``, ``reference`` and the interval speak of the designed share in force, the
        e-value of all of them.
        """
        canary, baseline = state.requests[row].tolist()
        found = Evidence(
            metric=self.metric,
            method="sequential.split",
            question=Question.SPLIT,
            claim="split",
            n_canary=round(canary),
            n_baseline=round(baseline),
            log_e_value=float(self.log_e(state)[row]),
            level=level,
            margin=self.tolerance,
            assumptions=(ASSUMES,),
        )
        share, present = float(state.share[row]), state.present[row]
        if math.isnan(share):
            detail = "no tick with requests on both sides and a designed share"
            return [found.model_copy(update={"status": Status.NO_DATA, "detail": detail})]
        if not present.any():
            return [found.model_copy(update={"status": Status.NO_DATA, "reference": share})]
        observed = float(present[CANARY] / present.sum())
        low, high = (float(end[row]) for end in self.interval(state))
        figures = {
            "observed": observed,
            "reference": share,
            "effect": observed,
            "effect_scale": "share",
            "interval": Interval(low=low, high=high, level=INTERVAL_LEVEL),
            "n_effective": float(state.counted[row].sum()),
        }
        return [found.model_copy(update=figures)]


def _residual(
    canary: FloatArray, total: FloatArray, share: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Requests beyond the design, what a constant deviation grows with, and their variance."""
    return canary - share * total, total, share * (1.0 - share) * total


def _placed(history: FloatArray | None) -> list[tuple[float, float, float]]:
    """The residuals of a history around its own share, tick by tick."""
    if history is None:
        return []
    known = history[~np.isnan(history).any(axis=1)]
    if not known.sum():
        return []
    share = np.full(len(known), known[:, CANARY].sum() / known.sum())
    parts = _residual(known[:, CANARY], known.sum(axis=1), share)
    return list(zip(*(part.tolist() for part in parts), strict=True))
