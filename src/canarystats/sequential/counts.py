"""Error rates and traffic at any number of looks, from counts with their exposure.

Given how many errors a tick brought in all, how many of them are the canary's is binomial with
its share of the *requests* of that tick: any load pattern common to both sides drops out exactly,
and so does any ramp of the traffic. The traffic itself is tested the same way against the
*designed* share. Against a constant, the canary's errors are binomial among its requests.

References
----------
Lindon & Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.evidence import Evidence, Question
from canarystats.kernels.mixture import shifted_share
from canarystats.sequential import binomial, burstiness, dispersion, onset
from canarystats.sequential import strata as by_segment
from canarystats.sequential.burstiness import Split, past_of, seen_in, split_of
from canarystats.sequential.dispersion import Dispersion
from canarystats.sequential.rate_effects import EVENTS, EXPOSURE, INTERVAL_LEVEL, effects, place

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Mapping, Sequence

    from canarystats.sequential.strata import Strata

FloatArray = NDArray[np.float64]
ASSUMES_ERRORS = "errors are independent given the load"
# What one tick may say of the traffic, in nats. A restart, a lost part of a scrape and a route that
# changes late take the requests of a tick or two together, which no burst before has shown; a third
# tick in a row is an outage. The split only holds: one lost tick may show it, and a few ticks as
# designed after it show that it is over.
MOST_OF_TRAFFIC, MOST_OF_SPLIT = 6.4, 20.0
# The same of errors that may be a single clump, while the baseline has shown too few to tell in
# what clumps they come. With a Fano factor of twenty one clump in three thousand is larger.
MOST_OF_A_CLUMP, LARGEST_CLUMP, TOLD_BY = 6.4, 80.0, 500.0
ASSUMES_TRAFFIC = "requests are assigned independently with the designed share"


class Test(NamedTuple):
    """One question to the counts.

    ``null`` is the ratio of rates at the edge of the null (sides ``arms`` and ``traffic``) or the
    canary's rate there (side ``canary``); ``rising`` says the alternative lies above it.
    """

    claim: str
    question: Question
    side: Literal["arms", "canary", "traffic"]
    null: float
    rising: bool


@dataclass(frozen=True, slots=True, eq=False)
class CountsState:
    """What K metrics of counts have shown.

    Parameters
    ----------
    tests
        The e-processes.
    alone
        (events, exposure) of the canary over every tick, shape (K, 2).
    canary, baseline
        The same over the ticks that compare the two sides.
    designed
        Canary requests that the designed shares would have brought over those ticks, shape (K,);
        the shares of ticks without one do not count.
    dispersion
        How bursty the baseline's errors, the canary's errors and the traffic split are.
    history
        Ticks of history the dispersion was learned from, shape (K,).
    began
        Since when the canary has more errors: see `onset`, shape (K, ratios, 6); without ratios
        where the metric's onset is not dated.
    """

    tests: binomial.BinomialState
    alone: FloatArray
    canary: FloatArray
    baseline: FloatArray
    designed: FloatArray
    dispersion: Dispersion
    history: FloatArray
    began: FloatArray


class Counts:
    """A design: the questions put to one metric of counts, or to K metrics side by side.

    Parameters
    ----------
    metric
        The metric's name.
    tests
        The questions.
    clumps
        How many events may come as one, at most, as long as the counts have not shown it.
    planned
        Claims that are decided elsewhere, at planned looks, and gather no e-value here.
    dated
        Whether the onset of more errors is followed as well.
    """

    def __init__(
        self,
        metric: str,
        tests: Sequence[Test],
        *,
        clumps: float = dispersion.UNSEEN_CLUMPS,
        planned: Container[str] = (),
        dated: bool = False,
    ) -> None:
        self.metric, self.clumps, self.dated = metric, clumps, dated
        self.tests = tuple(tests)
        self.rising = np.array([test.rising for test in tests], dtype=bool)
        self._open = [i for i, test in enumerate(tests) if test.claim not in planned]
        self._odds = binomial.log_odds(self.rising[self._open].tolist())
        self._null = np.array([test.null for test in tests])
        sides = np.array([test.side for test in tests])
        self._arms, self._one, self._traffic = (
            sides == side for side in ("arms", "canary", "traffic")
        )
        self._most = np.array([_most_of(tests[i]) for i in self._open])

    @property
    def needs_proportions(self) -> bool:
        """Whether events must not outnumber their exposure."""
        return bool(self._one.any())

    def begin(
        self, size: int = 1, history: tuple[FloatArray, FloatArray | None] | None = None
    ) -> CountsState:
        """The state before the first tick of ``size`` metrics.

        Parameters
        ----------
        size
            K: how many metrics stand side by side.
        history
            (events, exposure) of both sides before the rollout, shape (T, 2) each, NaN where a
            tick was missed: two runs of the old version, or one and None. It teaches how bursty
            counts are; 960 ticks or more leave little to guess.
        """
        zero, ticks = np.zeros((size, 2)), 0.0
        learned = dispersion.begin(size, 3)
        if history is not None:
            ticks = float(np.isfinite(history[0][:, EXPOSURE]).sum())
            learned = dispersion.begin(size, 3, past_of(*history))
        tests = binomial.begin(size, len(self._open))
        began = onset.begin(size) if self.dated else onset.begin(size, onset.RATIOS[:0])
        known = np.full(size, ticks)
        return CountsState(tests, zero, zero, zero, np.zeros(size), learned, known, began)

    def step(
        self,
        state: CountsState,
        canary: FloatArray,
        baseline: FloatArray | None,
        share: FloatArray | float | None,
        at: float,
        strata: Strata | None = None,
        *,
        unasked: Collection[str] = (),
        dating: bool = True,
    ) -> CountsState:
        """One tick.

        Parameters
        ----------
        state
            From `begin` or the tick before.
        canary, baseline
            (events, exposure) of the tick, shape (K, 2). A row of NaN in ``canary`` is a missed
            tick and leaves its state as it is; a row of NaN in ``baseline``, or None for all, is a
            tick that compares nothing.
        share
            The canary's designed share of the traffic, shape (K,) or one for all; None or NaN
            where it is not known.
        at
            Unix seconds.
        strata
            One metric only: the tick by segment of the traffic. The two sides are compared within
            each; the canary alone is judged as a whole.
        unasked
            Claims that this tick says nothing about.
        dating
            Whether the tick speaks of the onset, where that is followed.
        """
        compared = np.full_like(canary, np.nan) if baseline is None else baseline
        designed = np.full(len(canary), np.nan if share is None else share, dtype=np.float64)
        counts, shares = self.asked(canary, compared, designed, unasked)
        alone, alike = canary, (canary, compared) if strata is None else strata.alike()
        split = split_of(canary, compared, designed)
        if strata is not None:
            counts, shares = self._within(strata, counts, shares, unasked)
            canary, compared = (side[None] for side in strata.pooled())
            split = Split(*(np.array([part]) for part in by_segment.split(strata)))
        exposures = canary[:, EXPOSURE], compared[:, EXPOSURE]
        errors, traffic = burstiness.discounts(state.dispersion, self.clumps, exposures)
        fano, began = self._by_question(errors, traffic), state.began
        if self.dated and dating:
            began = onset.step(began, *alike, at, fano=errors)
        here = (counts[0][..., self._open], counts[1][..., self._open]), shares[..., self._open]
        most = self._most_at(state, here[0])
        tests, _ = binomial.step(state.tests, self._odds, *here, at, fano[:, self._open], most)
        both: NDArray[np.bool_] = np.isfinite((canary + compared).sum(axis=1))
        known = both & ~np.isnan(split.expected)
        return CountsState(
            tests,
            state.alone + np.where(np.isnan(alone), 0.0, alone),
            state.canary + np.where(both[:, None], canary, 0.0),
            state.baseline + np.where(both[:, None], compared, 0.0),
            state.designed + np.where(known, split.expected, 0.0),
            burstiness.step(state.dispersion, seen_in(canary, compared, split)),
            state.history,
            began,
        )

    def _most_at(self, state: CountsState, counts: tuple[FloatArray, FloatArray]) -> FloatArray:
        """What a tick of these counts may say of each open question, in nats, shape (K, tests)."""
        many = np.where(self.rising[self._open], *counts)
        many = many if many.ndim == 2 else many.sum(axis=0)
        untold = burstiness.errors_seen(state.dispersion) < TOLD_BY
        clump = ~self._traffic[self._open] & untold[:, None] & (many <= LARGEST_CLUMP)
        return np.where(clump, MOST_OF_A_CLUMP, self._most)

    def _within(
        self,
        strata: Strata,
        counts: tuple[FloatArray, FloatArray],
        shares: FloatArray,
        unasked: Collection[str],
    ) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
        """What is asked of one metric as a whole and within each segment, shape (1 + S, 1, tests).

        Questions about the canary alone are put to the whole, the others to the segments.
        """
        inside, edges = self.asked(strata.canary, strata.baseline, strata.shares, unasked)
        successes, failures = (
            np.concatenate([np.where(self._one, whole, 0.0 * whole), _where_one(~self._one, part)])
            for whole, part in zip(counts, inside, strict=True)
        )
        edge = np.concatenate([shares, edges])
        return (successes[:, None], failures[:, None]), edge[:, None]

    def discounts(self, state: CountsState, exposures: tuple[FloatArray, FloatArray]) -> FloatArray:
        """What each question is discounted by at a tick of these exposures, shape (K, tests)."""
        return self._by_question(*burstiness.discounts(state.dispersion, self.clumps, exposures))

    def _by_question(self, errors: FloatArray, traffic: FloatArray) -> FloatArray:
        return np.where(self._traffic, traffic[:, None], errors[:, None])

    def clumpiness(self, state: CountsState, row: int = 0) -> float:
        """How many errors count as one: a bound of their Fano factor, at least 1."""
        errors, _ = burstiness.discounts(state.dispersion, self.clumps)
        return max(float(errors[row]), 1.0)

    def asked(
        self,
        canary: FloatArray,
        baseline: FloatArray,
        share: FloatArray,
        unasked: Collection[str] = (),
    ) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
        """Successes, failures and the null's share of each question, shape (K, tests).

        What a tick cannot answer counts nothing on both sides.
        """
        events, exposure = canary[:, EVENTS, None], canary[:, EXPOSURE, None]
        others, exposed = baseline[:, EVENTS, None], baseline[:, EXPOSURE, None]
        total = exposure + exposed
        realised = exposure / np.where(total > 0, total, 1.0)
        split = np.where(self._traffic, share[:, None], realised)
        shares = np.where(self._one, self._null, shifted_share(split, self._null))
        successes = np.where(self._traffic, exposure, events)
        failures = np.where(self._traffic, exposed, others)
        failures = np.where(self._one, exposure - events, failures)
        both = successes + failures
        asked = ~np.isnan(both + shares) & (both > 0)
        if unasked:
            asked &= np.array([test.claim not in unasked for test in self.tests])
        nothing = np.where(np.isnan(exposure), np.nan, 0.0)
        counts = np.where(asked, successes, nothing), np.where(asked, failures, nothing)
        return counts, np.where(asked, shares, 0.0)

    def log_e(self, state: CountsState) -> dict[str, FloatArray]:
        """The log e-value of every claim that gathers one, shape (K,) each."""
        values = binomial.log_e_values(state.tests)
        return {self.tests[i].claim: values[:, k] for k, i in enumerate(self._open)}

    def onset(self, state: CountsState, claim: str, row: int = 0) -> float | None:
        """Unix seconds since when the evidence for a claim has only grown; None where planned."""
        claims = [self.tests[i].claim for i in self._open]
        return binomial.since(state.tests, claims.index(claim), row) if claim in claims else None

    def evidence(
        self,
        state: CountsState,
        levels: Mapping[str, float],
        row: int = 0,
        within: FloatArray | None = None,
    ) -> list[Evidence]:
        """What each question about a row has been answered so far; ``levels`` by claim.

        ``within`` are the totals by segment, as `strata.common_effect` takes them.
        """
        log_e = self.log_e(state)
        errors, traffic = (
            float(bound[row]) for bound in burstiness.discounts(state.dispersion, self.clumps)
        )
        source = _source(int(state.history[row]))
        shown = effects(self.tests, state, row)
        sizes = [round(s[row, EXPOSURE]) for s in (state.alone, state.canary, state.baseline)]
        found = []
        for test in self.tests:
            alone, split = test.side == "canary", test.side == "traffic"
            assumes = ASSUMES_TRAFFIC if split else ASSUMES_ERRORS
            bursts = f"up to a Fano factor of {traffic if split else errors:.2g}, {source}"
            common: dict[str, object] = {}
            if test.side == "arms" and within is not None:
                common = by_segment.common_effect(within, INTERVAL_LEVEL)
            found.append(
                Evidence(
                    metric=self.metric,
                    method="sequential.counts",
                    question=test.question,
                    claim=test.claim,
                    n_canary=sizes[0] if alone else sizes[1],
                    n_baseline=0 if alone else sizes[2],
                    log_e_value=float(log_e[test.claim][row]) if test.claim in log_e else None,
                    level=levels.get(test.claim),
                    margin=None if alone else test.null - 1.0,
                    assumptions=(f"{assumes}, {bursts}",),
                    **(shown[place(test)] | common),
                )
            )
        return found


def _source(history: int) -> str:
    if not history:
        return "learned from the running baseline"
    return f"from {history} ticks of history and the running baseline"


def _most_of(test: Test) -> float:
    """What one tick may say of a question, in nats."""
    if test.side != "traffic":
        return np.inf
    return MOST_OF_SPLIT if test.question is Question.SPLIT else MOST_OF_TRAFFIC


def _where_one(chosen: NDArray[np.bool_], counts: FloatArray) -> FloatArray:
    """The counts of the questions chosen, 0 elsewhere and where a segment was not read."""
    return np.where(chosen & ~np.isnan(counts), counts, 0.0)
