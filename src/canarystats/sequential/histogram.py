"""Tail latency at any number of looks, from bucket counts and without interpolation.

A bucket edge turns latency into a count: how many requests were slower. Three questions:

*worse* - is a larger share of the canary's requests slower than some edge? One e-process per edge,
averaged over the edges.

*beyond* - is the canary's q-quantile more than k times the baseline's? If it is not, then for any
two edges with B >= k A either the baseline's quantile lies above A or the canary's lies at or
below B. So the smaller of two e-values (canary slower than B too often, baseline slower than A
rarely enough) is an e-value; these are averaged over the edges A.

*not worse* - is the share slower than the edge below the baseline's q-quantile shown to be less
than ``allowed`` times the baseline's? The level is divided by the number of edges, because the
data choose the edge.

References
----------
Lindon, Sanden & Shirikian (2022), Rapid regression detection in software deployments, KDD;
Vovk & Wang (2021), E-values: calibration, combination and applications.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.kernels.mixture import share_interval, shifted_share
from canarystats.sequential import binomial, dispersion
from canarystats.sequential.dispersion import Dispersion, Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

FloatArray = NDArray[np.float64]
INTERVAL_LEVEL = 0.95
ASSUMES = "requests are independent given the load, up to the burstiness the baseline shows"
QUESTIONS = ("worse", "beyond", "not_worse")


@dataclass(frozen=True, slots=True, eq=False)
class HistogramState:
    """What a histogram has shown.

    Parameters
    ----------
    tests
        The e-processes.
    canary, baseline
        Bucket totals of each side, shape (k,).
    dispersion
        How bursty the baseline's slow requests are, by edge.
    """

    tests: binomial.BinomialState
    canary: FloatArray
    baseline: FloatArray
    dispersion: Dispersion


class Histogram:
    """A design: the questions put to one histogram.

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
    ) -> None:
        self.metric, self.upper_bounds, self.quantile = metric, upper_bounds, quantile
        self.threshold, self.margin, self.allowed = threshold, margin, allowed
        edges = len(upper_bounds) - 1
        self._edges = edges
        rising = [True] * (2 * edges) + [False] * (2 * edges)
        self._odds = binomial.log_odds(rising)
        finite = upper_bounds[:-1]
        # The first edge at or beyond k times each edge; `edges` where there is none.
        self._far = np.searchsorted(finite, threshold * finite, side="left")

    def begin(self) -> HistogramState:
        """The state before the first tick."""
        k = self._edges + 1
        tests = binomial.begin(1, 4 * self._edges)
        return HistogramState(tests, np.zeros(k), np.zeros(k), dispersion.begin(1, self._edges))

    def step(
        self, state: HistogramState, canary: FloatArray, baseline: FloatArray | None, at: float
    ) -> HistogramState:
        """One tick: the bucket counts of each side, shape (k,); ``at`` in Unix seconds."""
        other = np.zeros_like(canary) if baseline is None else baseline
        slow, slow_other = _slower(canary), _slower(other)
        requests, requests_other = float(canary.sum()), float(other.sum())
        total = requests + requests_other
        both = requests > 0 and requests_other > 0
        realised = np.full(self._edges, requests / total if total else 0.0)
        tail = np.full(self._edges, 1.0 - self.quantile)
        left = slow if both else np.zeros_like(slow)
        right = slow_other if both else np.zeros_like(slow)
        successes = np.concatenate([left, slow, left, slow_other])
        failures = np.concatenate([right, requests - slow, right, requests_other - slow_other])
        share = np.concatenate(
            [
                shifted_share(realised, 1.0 + self.margin),
                tail,
                shifted_share(realised, self.allowed),
                tail,
            ]
        )
        bursts = np.tile(dispersion.fano(state.dispersion), (1, 4))
        counts = successes[None], failures[None]
        tests, _ = binomial.step(state.tests, self._odds, counts, share[None], at, bursts)
        learned = state.dispersion
        if requests_other:
            scale = np.full((1, self._edges), requests_other)
            learned = dispersion.step(learned, Seen(slow_other[None], scale, slow_other[None]))
        return HistogramState(tests, state.canary + canary, state.baseline + other, learned)

    def log_e(self, state: HistogramState) -> dict[str, float]:
        """The log e-value of each question."""
        blocks = binomial.log_e_values(state.tests)[0].reshape(4, self._edges)
        worse, canary_slow, not_worse, baseline_fast = blocks
        return {
            "worse": _log_mean(worse),
            "beyond": self._beyond(canary_slow, baseline_fast),
            "not_worse": self._not_worse(state, not_worse),
        }

    def onset(self, state: HistogramState, question: str) -> float | None:
        """Unix seconds since when the evidence of the loudest edge has only grown."""
        log_e = binomial.log_e_values(state.tests)[0]
        block = (
            slice(0, self._edges) if question == "worse" else slice(self._edges, 2 * self._edges)
        )
        return binomial.since(state.tests, block.start + int(np.argmax(log_e[block])))

    def _beyond(self, canary_slow: FloatArray, baseline_fast: FloatArray) -> float:
        near = np.flatnonzero(self._far < self._edges)
        if not near.size:
            return 0.0
        return _log_mean(np.minimum(canary_slow[self._far[near]], baseline_fast[near]))

    def _not_worse(self, state: HistogramState, log_e: FloatArray) -> float:
        edge = self.edge_below_quantile(state.baseline)
        return 0.0 if edge is None else float(log_e[edge]) - math.log(self._edges)

    def edge_below_quantile(self, counts: FloatArray) -> int | None:
        """Index of the largest edge that at least 1 - q of the requests are slower than."""
        total = counts.sum()
        if not total:
            return None
        often = np.flatnonzero(_slower(counts) >= (1.0 - self.quantile) * total)
        return int(often[-1]) if often.size else None

    def evidence(self, state: HistogramState, levels: Mapping[str, float]) -> list[Evidence]:
        """What each question has been answered so far; ``levels`` by question."""
        log_e = self.log_e(state)
        shown = self._effect(state)
        margins = dict(
            zip(QUESTIONS, (self.margin, self.threshold - 1, self.allowed - 1), strict=True)
        )
        return [
            Evidence(
                metric=self.metric,
                method="sequential.histogram",
                question=Question(question),
                claim=question,
                n_canary=round(state.canary.sum()),
                n_baseline=round(state.baseline.sum()),
                log_e_value=log_e[question],
                level=levels.get(question),
                margin=margins[question],
                assumptions=(ASSUMES,),
                **shown,
            )
            for question in QUESTIONS
        ]

    def _effect(self, state: HistogramState) -> dict[str, object]:
        if not (state.canary.any() and state.baseline.any()):
            one = state.canary.any() or state.baseline.any()
            return {"status": Status.ONE_SIDE_ONLY if one else Status.NO_DATA}
        canary, baseline = self.bracket(state.canary), self.bracket(state.baseline)
        low = canary[0] / baseline[1] if np.isfinite(baseline[1]) else 0.0
        high = canary[1] / baseline[0] if baseline[0] > 0 and np.isfinite(canary[1]) else None
        names = f"p{100 * self.quantile:g}"
        return {
            "observed": _finite(canary[1]),
            "reference": _finite(baseline[1]),
            "effect_scale": f"{names} ratio",
            "interval": Interval(low=float(low), high=high, level=INTERVAL_LEVEL),
            "detail": f"{names} in {_span(canary)}, baseline's in {_span(baseline)}",
        }

    def bracket(self, counts: FloatArray) -> tuple[float, float]:
        """Bucket edges between which the q-quantile lies, at any number of looks."""
        slow, total = _slower(counts), float(counts.sum())
        tail = np.full(self._edges, 1.0 - self.quantile)
        low, high = share_interval(slow, total - slow, tail, INTERVAL_LEVEL)
        above = np.flatnonzero(low > 1.0 - self.quantile)
        below = np.flatnonzero(high < 1.0 - self.quantile)
        return (
            float(self.upper_bounds[above[-1]]) if above.size else 0.0,
            float(self.upper_bounds[below[0]]) if below.size else math.inf,
        )


def _slower(counts: FloatArray) -> FloatArray:
    """How many observations lie above each finite edge, shape (k - 1,)."""
    return np.cumsum(counts[::-1])[::-1][1:]


def _log_mean(values: FloatArray) -> float:
    top = float(values.max())
    return top + math.log(float(np.exp(values - top).mean()))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _span(bracket: tuple[float, float]) -> str:
    low, high = bracket
    return f"({low:g}, {'∞' if math.isinf(high) else f'{high:g}'}]"
