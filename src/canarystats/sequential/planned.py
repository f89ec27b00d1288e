"""The claims on one metric in a fixed bake window, decided at its planned looks alone.

Each claim has a z value, a level of its own and a Lan-DeMets boundary (`kernels.spending`). How
much of the level a look may spend follows from the part of the window that has passed; how the z
values hang together follows from the information the data brought by then, which nobody can plan.
A look without news is left out, and what it might have spent is left to the next. After the last
planned look nothing is decided any more.

References
----------
Lan & DeMets (1983), Discrete sequential boundaries for clinical trials, Biometrika 70.
Lan & DeMets (1989), Group sequential procedures: calendar versus information time, Statistics in
Medicine 8 (spending by one clock, correlating by another).
Hoeffding (1956), On the distribution of the number of successes in independent trials, Annals of
Mathematical Statistics 27 (unequal shares spread less than equal ones).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtri

from canarystats.kernels import spending
from canarystats.sequential.group import GroupSequential, Spending

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = NDArray[np.float64]
LEAST_GROWTH = 0.02  # of the information: a look with less news than this is none
ROUNDING = 1e-6  # of the window: a tick that ends with it belongs to it
FURTHEST = 37.0  # standard errors; no probability is smaller than that of a z value so far out
UNDECIDED = -1000.0  # logarithm of an e-value of nothing
SHORT = 4096.0
DECIDED = 1e-9  # above the level's own: averaging with nothing must not round below it
ASSUMES = "when a look falls does not depend on what the looks before it showed"


@dataclass(frozen=True, slots=True, eq=False)
class PlannedState:
    """What the claims on a metric have shown at the looks so far.

    Parameters
    ----------
    tally
        Shape (claims, 4): successes, trials, successes expected at the edge of the null, and their
        variance there; zeros for claims that are not tests of counts.
    look
        The last planned look that has passed, counted from 1; 0 before.
    information
        Shape (claims, looks): what each look knew, in any unit, to a part in 4096; NaN where it
        was left out.
    z, crossed_at
        Shape (claims,): the z value of the last look, and which look crossed, 0 while none has. A
        claim that is decided is not looked at any more.
    """

    tally: FloatArray
    look: float
    information: FloatArray
    z: FloatArray
    crossed_at: FloatArray


class Look(NamedTuple):
    """What a look asked of a claim, and what it found.

    Parameters
    ----------
    boundary
        The z value that decides.
    p_value
        Stage-wise: an earlier crossing is more extreme than a later one.
    spent
        How much of the level was used by then; the p-value reaches it where z reaches the boundary.
    """

    boundary: float
    p_value: float
    spent: float


class PlannedLooks:
    """A design: the claims on one metric at the looks of one window.

    Hypothesis of a claim: its z value has a mean of at most 0. Assumes z values that are jointly
    normal as those of sums of independent increments, in the tail that a level of this size reads;
    for counts each look's own tail is that of a binomial, at least.

    Parameters
    ----------
    levels
        Of each claim; None where it may not decide.
    looks
        How many are planned, evenly over the window.
    spend, exponent
        See `GroupSequential`.
    """

    def __init__(
        self,
        levels: Sequence[float | None],
        *,
        looks: int,
        spend: Spending = "power",
        exponent: float = 1.5,
    ) -> None:
        self.levels, self.looks = tuple(levels), looks
        self._spending = [
            None if at is None else GroupSequential("", level=at, spend=spend, exponent=exponent)
            for at in levels
        ]

    def begin(self) -> PlannedState:
        """The state before the first tick."""
        claims = len(self.levels)
        return PlannedState(
            tally=np.zeros((claims, 4)),
            look=0.0,
            information=np.full((claims, self.looks), np.nan),
            z=np.full(claims, np.nan),
            crossed_at=np.zeros(claims),
        )

    def over(self, state: PlannedState) -> bool:
        """Whether the last planned look has passed."""
        return state.look >= self.looks

    def past(self, baked: float) -> bool:
        """Whether a tick lies past the window, of which ``baked`` has passed with it."""
        return baked > 1.0 + ROUNDING

    def due(self, state: PlannedState, baked: float) -> int:
        """The planned look that is due when this part of the window has passed; 0 for none."""
        number = min(math.floor(baked * self.looks + ROUNDING), self.looks)
        return number if number > state.look else 0

    def counted(
        self, state: PlannedState, counts: tuple[FloatArray, FloatArray], share: FloatArray
    ) -> PlannedState:
        """One tick of tests of counts.

        Parameters
        ----------
        state
            From `begin` or the tick before.
        counts
            Successes and failures, shape (claims,) each; a claim with a NaN was not read.
        share
            Shape (claims,): the share of successes at the edge of the null.
        """
        trials = counts[0] + counts[1]
        expected = trials * share
        row = np.stack([counts[0], trials, expected, expected * (1.0 - share)], axis=1)
        return replace(state, tally=state.tally + np.where(np.isnan(trials)[:, None], 0.0, row))

    def looked(
        self, state: PlannedState, number: int, z: FloatArray, information: FloatArray
    ) -> PlannedState:
        """A planned look.

        Parameters
        ----------
        state
            After the last tick that the look may know.
        number
            Which of the planned looks, counted from 1.
        z
            Shape (claims,): positive towards what is claimed; NaN says nothing.
        information
            Shape (claims,): all so far, in any unit that is one over the variance of the effect.
        """
        known, last, crossed = state.information.copy(), state.z.copy(), state.crossed_at.copy()
        news = _shortened(information)
        for i, made in enumerate(self._spending):
            before = np.nanmax(known[i], initial=0.0)
            fresh = news[i] > 0 and news[i] >= before * (1.0 + LEAST_GROWTH)
            if made is None or crossed[i] or np.isnan(z[i]) or not fresh:
                continue
            last[i], known[i, number - 1] = z[i], news[i]
            # No boundary lies lower than that of a single look with everything spent so far.
            if z[i] >= -ndtri(made.spent(number / self.looks)):
                bound = spending.boundary(*self._course(known[i], made), 1)
                crossed[i] = float(number) if z[i] >= bound else 0.0
        return PlannedState(state.tally, float(number), known, last, crossed)

    def _course(
        self, information: FloatArray, made: GroupSequential
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Information and error spent at the looks that were taken; only ratios matter."""
        taken = np.flatnonzero(~np.isnan(information))
        times = information[taken] / information[taken[0]]
        used = (made.spent((k + 1) / self.looks) for k in taken.tolist())
        return tuple(times.tolist()), tuple(used)

    def last_look(self, state: PlannedState, claim: int) -> Look | None:
        """What the claim's last look asked for and found; None before one was taken."""
        made = self._spending[claim]
        if made is None or np.isnan(state.z[claim]):
            return None
        times, used = self._course(state.information[claim], made)
        above = float(spending.tail(times, used, 1, state.z[claim : claim + 1])[0])
        before = used[-2] if len(used) > 1 else 0.0
        return Look(spending.boundary(times, used, 1), min(before + above, 1.0), used[-1])

    def log_e(self, state: PlannedState) -> FloatArray:
        """Logarithm of each claim's all-or-nothing e-value, shape (claims,).

        A test that crosses with probability at most a gives an e-value of 1/a where it has crossed
        and of 0 elsewhere. It reaches 1/a exactly where the test decides.
        """
        return np.array(
            [
                DECIDED - math.log(level) if level is not None and at else UNDECIDED
                for level, at in zip(self.levels, state.crossed_at.tolist(), strict=True)
            ]
        )

    def progress(self, state: PlannedState, claim: int) -> str:
        """How far a claim has come, in words."""
        over = "; the plan is over, and nothing more is decided" if self.over(state) else ""
        last, at = self.last_look(state, claim), int(state.crossed_at[claim])
        place = f"look {at or int(state.look)} of {self.looks}"
        if last is None:
            return f"too little seen at {place}{over}" if state.look else "before the first look"
        z = float(state.z[claim])
        if at:
            return f"z {z:.3g} reached {last.boundary:.3g} at {place}"
        return f"z {z:.3g} of {last.boundary:.3g} at {place}{over}"


def _shortened(information: FloatArray) -> FloatArray:
    """To a part in 4096: only ratios matter, and not to their last digit; the state stays small."""
    fraction, power = np.frexp(information)
    return np.ldexp(np.round(fraction * SHORT) / SHORT, power)


def counted_z(
    tally: FloatArray, rising: NDArray[np.bool_], fano: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The z value and the information of each test of counts, shape (claims,) each.

    The z value of the binomial tail beyond the successes seen, in counts divided by the Fano
    factor, so that a few events weigh what they do and not what a normal law would make of them.
    A binomial of the mean share spreads more than the shares of many ticks do.

    Parameters
    ----------
    tally
        Shape (claims, 4), as in `PlannedState`.
    rising
        Shape (claims,): whether more successes speak for the claim.
    fano
        Shape (claims,): what the counts are divided by.
    """
    successes, trials, expected, variance = tally.T
    seen = (trials > 0) & (variance > 0)
    share = np.where(seen, expected / np.where(seen, trials, 1.0), 0.5)
    hits = np.where(rising, successes, trials - successes) / fano
    others = np.where(rising, trials - successes, successes) / fano
    share = np.where(rising, share, 1.0 - share)
    tail = np.where(hits > 0, betainc(np.where(hits > 0, hits, 1.0), others + 1.0, share), 1.0)
    z = np.clip(-ndtri(tail), -FURTHEST, FURTHEST)
    return np.where(seen, z, np.nan), variance
