"""Tail latency at any number of looks, from bucket counts and without interpolation.

A bucket edge turns latency into a count: how many requests were slower. The edges are chosen once,
from the old version's quantiles (see `edges`). Three questions:

*worse* - is a larger share of the canary's requests slower than some edge? One e-process per edge,
averaged over the edges.

*beyond* - is the canary's q-quantile more than k times the baseline's? If it is not, then for any
two edges with B >= k A either the baseline's quantile lies above A or the canary's lies at or
below B. So the smaller of two e-values (canary slower than B too often, baseline slower than A
rarely enough) is an e-value; these are averaged over a few edges A just beyond the baseline's
quantile.

*not worse* - is the share slower than the edge below the baseline's q-quantile shown to be less
than ``allowed`` times the baseline's?

Without history the baseline's first requests choose the edges. The tick that brings enough of them
is asked about every edge at once; from the next one on only the chosen edges are asked about, and
their e-values multiply what that tick has shown. Canary requests before it are evidence of
nothing.

References
----------
Lindon, Sanden & Shirikian (2022), Rapid regression detection in software deployments, KDD;
Vovk & Wang (2021), E-values: calibration, combination and applications.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from canarystats.evidence import Evidence, Question
from canarystats.kernels.combination import log_mean_of
from canarystats.kernels.mixture import shifted_share
from canarystats.sequential import binomial, dispersion, slow_onset, slow_requests
from canarystats.sequential.brackets import effect
from canarystats.sequential.edges import (
    FAR,
    NEAR,
    NOT_WORSE,
    PAIRS,
    ROWS,
    SLOTS,
    UNUSED,
    frozen,
    nearest_slots,
    places,
    slot_of,
    slower,
)
from canarystats.sequential.first_tick import FEW_ODDS, every_edge
from canarystats.sequential.histogram_state import Asked, HistogramState
from canarystats.sequential.slow_requests import CLUMPS
from canarystats.sequential.slow_strata import alike, within_segments
from canarystats.sequential.strata import standardised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canarystats.sequential.strata import Strata

FloatArray = NDArray[np.float64]
ENOUGH = 300.0  # baseline requests whose quantiles choose the edges: three of them beyond p99
ASSUMES = "requests are independent given the load, up to the burstiness the baseline shows"
QUESTIONS = ("worse", "beyond", "not_worse")
RISING_AT_THE_QUANTILE = np.array([True, True, False, False])  # of what is asked there
RISING = [True] * SLOTS + [False] + [True] * PAIRS + [False] * PAIRS


class Histogram:
    """A design: the questions put to one histogram, or to K with the same buckets.

    Parameters
    ----------
    metric
        The metric's name.
    upper_bounds
        Shape (k,), the last one infinite.
    quantile
        The q in "q-quantile".
    threshold
        The k in "more than k times".
    margin
        How much larger a share may be before it counts as worse, relatively.
    allowed
        The ratio of shares below which the canary counts as not worse.
    dated
        Whether the onset of more slow requests is followed as well.
    """

    def __init__(
        self,
        metric: str,
        upper_bounds: FloatArray,
        *,
        quantile: float = 0.99,
        threshold: float = 2.0,
        margin: float = 0.0,
        allowed: float = 2.0,
        dated: bool = False,
    ) -> None:
        self.metric, self.upper_bounds, self.quantile = metric, upper_bounds, quantile
        self.dated = dated
        self.threshold, self.margin, self.allowed = threshold, margin, allowed
        self._edges = len(upper_bounds) - 1
        self._odds = binomial.log_odds(RISING)
        self._odds[NEAR] = FEW_ODDS
        finite = upper_bounds[:-1]
        # The first edge at or beyond k times each edge; the number of edges where there is none.
        self._far = np.searchsorted(finite, threshold * finite, side="left")

    def begin(
        self, size: int = 1, history: tuple[FloatArray, FloatArray | None] | None = None
    ) -> HistogramState:
        """The state before the first tick.

        Parameters
        ----------
        size
            How many histograms stand side by side.
        history
            Bucket counts of the old version from before the rollout, shape (n, k), and of a second
            replica of it or None; a row of NaN is a missed tick. All histograms learn the same.
        """
        k = self._edges + 1
        state = HistogramState(
            tests=binomial.begin(size, ROWS),
            edges=np.full((size, ROWS), UNUSED),
            first=np.zeros((size, 2)),
            first_at=np.full(size, np.nan),
            canary=np.zeros((size, k)),
            baseline=np.zeros((size, k)),
            chosen_from=np.zeros(size),
            history_ticks=np.zeros(size),
            dispersion=dispersion.begin(size, SLOTS),
            began=slow_onset.begin(size, followed=self.dated),
        )
        if history is None:
            return state
        return self._learned(state, [side for side in history if side is not None])

    def _learned(self, state: HistogramState, sides: list[FloatArray]) -> HistogramState:
        size = len(state.edges)
        pooled = np.tile(sum(np.nansum(side, axis=0) for side in sides), (size, 1))
        edges = self._chosen(pooled, pooled.sum(axis=1) >= ENOUGH, state.edges)
        used = edges[0, :SLOTS] >= 0
        past = [
            slow_requests.seen(slower(side)[:, places(edges[0, :SLOTS])], side.sum(axis=1), used)
            for side in sides
        ]
        return replace(
            state,
            edges=edges,
            chosen_from=np.where(edges[:, 0] >= 0, pooled.sum(axis=1), 0.0),
            history_ticks=np.full(size, float((~np.isnan(sides[0][:, 0])).sum())),
            dispersion=dispersion.begin(size, SLOTS, past),
        )

    def _chosen(
        self, counts: FloatArray, enough: NDArray[np.bool_], before: FloatArray
    ) -> FloatArray:
        if not enough.any():
            return before
        edges = before.copy()
        edges[enough] = frozen(counts[enough], self.quantile, self._far)
        return edges

    def step(
        self,
        state: HistogramState,
        canary: FloatArray,
        baseline: FloatArray,
        at: float,
        strata: Strata | None = None,
        *,
        dating: bool = True,
    ) -> HistogramState:
        """One tick.

        Parameters
        ----------
        state
            From `begin` or the tick before.
        canary, baseline
            Bucket counts of the tick, shape (K, k); a row with a NaN on either side is a missed
            tick and leaves its state as it is.
        at
            Unix seconds.
        strata
            One histogram only: the tick by segment, compared within each.
        dating
            Whether the tick speaks of the onset, where that is followed.
        """
        sides = np.stack([canary, baseline])
        total = sides.sum(axis=2)
        read = np.isfinite(total[0] + total[1])
        used = state.edges >= 0
        asked = read & used[:, 0]
        rows = np.arange(len(canary))[:, None]
        slow = slower(sides)[:, rows, places(state.edges)]
        learned = dispersion.fano(state.dispersion, slow_requests.worth(*total), CLUMPS)
        fano = slow_requests.discounts(learned, state.dispersion, nearest_slots(state.edges))
        began = state.began
        if self.dated and dating:
            began = self._date(state, sides if strata is None else alike(strata), fano, at)
        counts, share = self._questions(slow, total, used)
        if strata is not None:
            counts, share = within_segments(strata, state.edges[0], used, self._questions)
        counts = (np.where(asked[:, None], counts[0], np.nan), counts[1])
        tests, _ = binomial.step(state.tests, self._odds, counts, share, at, fano)
        seen = slow_requests.seen(slow[1, :, :SLOTS], total[1], used[:, :SLOTS] & asked[:, None])
        after = replace(
            state,
            tests=tests,
            canary=np.where(read[:, None], state.canary + canary, state.canary),
            baseline=np.where(read[:, None], state.baseline + baseline, state.baseline),
            dispersion=dispersion.step(state.dispersion, seen),
            began=began,
        )
        enough = read & ~asked & (after.baseline.sum(axis=1) >= ENOUGH)
        ask = strata is None
        return self._freeze(after, enough, canary, baseline, at, ask) if enough.any() else after

    def _date(
        self, state: HistogramState, sides: FloatArray, fano: FloatArray, at: float
    ) -> FloatArray:
        slow, total = slower(sides), sides.sum(axis=2)
        return slow_onset.step(state.began, slow, total, state.edges, self.quantile, fano, at)

    def _questions(
        self, slow: FloatArray, total: FloatArray, used: NDArray[np.bool_]
    ) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
        """Successes and failures of every row of tests, and the share at the edge of its null.

        ``slow`` has shape (2, K, 11) and ``total`` (2, K): the canary's and the baseline's.
        """
        both = ((total[0] > 0) & (total[1] > 0))[:, None]
        realised = np.where(both, total[0, :, None], 0.0)
        realised = realised / np.where(both, total.sum(axis=0)[:, None], 1.0)
        successes = np.where(used, slow[0], 0.0)
        failures = np.where(used, total[0, :, None] - slow[0], 0.0)
        arms = slice(0, NOT_WORSE + 1)
        compared = used[:, arms] & both
        successes[:, arms] = np.where(compared, slow[0, :, arms], 0.0)
        failures[:, arms] = np.where(compared, slow[1, :, arms], 0.0)
        successes[:, NEAR] = np.where(used[:, NEAR], slow[1, :, NEAR], 0.0)
        failures[:, NEAR] = np.where(used[:, NEAR], total[1, :, None] - slow[1, :, NEAR], 0.0)
        share = np.full(successes.shape, 1.0 - self.quantile)
        share[:, :SLOTS] = shifted_share(realised, 1.0 + self.margin)
        share[:, NOT_WORSE] = shifted_share(realised, self.allowed)[:, 0]
        return (successes, failures), share

    def asked_everywhere(
        self, state: HistogramState, canary: FloatArray, baseline: FloatArray
    ) -> Asked:
        """What a tick asks of every row of tests; arguments as of `asked_at_the_quantile`."""
        sides = np.stack([canary, baseline])
        total, used = sides.sum(axis=2), state.edges >= 0
        rows = np.arange(len(canary))[:, None]
        slow = slower(sides)[:, rows, places(state.edges)]
        counts, share = self._questions(slow, total, used)
        learned = dispersion.fano(state.dispersion, slow_requests.worth(*total), CLUMPS)
        fano = slow_requests.discounts(learned, state.dispersion, nearest_slots(state.edges))
        return Asked(counts, share, fano)

    def asked_at_the_quantile(
        self, state: HistogramState, canary: FloatArray, baseline: FloatArray
    ) -> Asked:
        """What a tick asks at one edge a question, for looks that are planned.

        *Worse* at the watched edge nearest to the quantile, *beyond* at the first pair, *not worse*
        at its own edge. Before edges are chosen a tick asks nothing.

        Parameters
        ----------
        state
            Before the tick.
        canary, baseline
            Bucket counts of the tick, shape (K, k).
        """
        whole = self.asked_everywhere(state, canary, baseline)
        nearest = slot_of(state.edges, self.quantile)
        others = np.broadcast_to([FAR.start, NEAR.start, NOT_WORSE], (len(canary), 3))
        asked = np.hstack([nearest[:, None], others])
        successes, failures, shares, discounts = (
            np.take_along_axis(column, asked, axis=1) for column in (*whole.counts, *whole[1:])
        )
        return Asked((successes, failures), shares, discounts)

    def _freeze(
        self,
        state: HistogramState,
        enough: NDArray[np.bool_],
        canary: FloatArray,
        baseline: FloatArray,
        at: float,
        ask: bool,
    ) -> HistogramState:
        """Choose the edges of some rows; their tick may be asked about every edge."""
        edges = self._chosen(state.baseline, enough, state.edges)
        first = state.first.copy()
        if ask:
            first[enough] = every_edge(
                canary[enough],
                baseline[enough],
                at,
                quantile=self.quantile,
                margin=self.margin,
                far=self._far,
            )
        return replace(
            state,
            edges=edges,
            first=first,
            first_at=np.where(enough, at, state.first_at),
            chosen_from=np.where(enough, state.baseline.sum(axis=1), state.chosen_from),
        )

    def log_e(self, state: HistogramState) -> dict[str, FloatArray]:
        """The log e-value of each question, shape (K,)."""
        values, used = binomial.log_e_values(state.tests), state.edges >= 0
        pairs = np.minimum(values[:, FAR], values[:, NEAR])
        return {
            "worse": state.first[:, 0] + log_mean_of(values[:, :SLOTS], used[:, :SLOTS]),
            "beyond": state.first[:, 1] + log_mean_of(pairs, used[:, FAR]),
            "not_worse": np.where(used[:, NOT_WORSE], values[:, NOT_WORSE], 0.0),
        }

    def onset(self, state: HistogramState, question: str, row: int = 0) -> float | None:
        """Unix seconds since when the evidence of the loudest edge has only grown."""
        log_e = np.where(state.edges >= 0, binomial.log_e_values(state.tests), -np.inf)[row]
        block = slice(0, SLOTS) if question == "worse" else FAR
        loudest = block.start + int(np.argmax(log_e[block]))
        since = binomial.since(state.tests, loudest, row)
        first = float(state.first[row, 0 if question == "worse" else 1])
        if first > max(float(log_e[loudest]), 0.0):
            return float(state.first_at[row])
        return since

    def evidence(
        self,
        state: HistogramState,
        levels: Mapping[str, float],
        row: int = 0,
        within: tuple[FloatArray, FloatArray] | None = None,
    ) -> list[Evidence]:
        """What each question has been answered; ``within``: both sides' totals by segment."""
        log_e = self.log_e(state)
        sides = state.canary[row], state.baseline[row]
        if within is not None:
            sides = standardised(*within, *(side.sum(axis=1) for side in within))
        shown = effect(self.upper_bounds, self.quantile, *sides)
        n_canary, n_baseline = (round(s[row].sum()) for s in (state.canary, state.baseline))
        assumptions = (ASSUMES, *self._learned_from(state, row))
        margins = dict(
            zip(QUESTIONS, (self.margin, self.threshold - 1, self.allowed - 1), strict=True)
        )
        return [
            Evidence(
                metric=self.metric,
                method="sequential.histogram",
                question=Question(question),
                claim=question,
                n_canary=n_canary,
                n_baseline=n_baseline,
                log_e_value=float(log_e[question][row]),
                level=levels.get(question),
                margin=margins[question],
                assumptions=assumptions,
                **shown,
            )
            for question in QUESTIONS
        ]

    def _learned_from(self, state: HistogramState, row: int) -> tuple[str, ...]:
        """Where the edges and the burstiness come from, in words."""
        edges = state.edges[row, :SLOTS]
        if edges[0] < 0:
            missing = ENOUGH - state.baseline[row].sum()
            return (f"no edges are chosen before {missing:.0f} more baseline requests",)
        bounds = ", ".join(f"{self.upper_bounds[int(e)]:g}" for e in edges[edges >= 0])
        ticks, requests = state.history_ticks[row], state.chosen_from[row]
        whose = f"the first {requests:.0f} baseline requests"
        if ticks:
            whose = f"{ticks:.0f} ticks of history ({requests:.0f} requests)"
        fano = dispersion.fano(state.dispersion, clumps=CLUMPS)[row][edges >= 0]
        return (
            f"edges {bounds} chosen from {whose}",
            f"slow requests come with a Fano factor of {fano.min():.3g} to {fano.max():.3g}",
        )
