"""A fixed bake window looked at a few times: group-sequential tests by error spending.

Where the longest duration is known beforehand, the level can be divided over the looks exactly,
which finds a regression sooner than a test that stays valid for ever. A spending function says how
much of the level may be used by each part of the planned information; when looks fall is free, as
long as it does not depend on what they showed. Past the plan there is nothing left to spend: a
test looked at until five times its plan calls 17 % of healthy canaries bad at a nominal 5 %.

References
----------
Lan & DeMets (1983), Discrete sequential boundaries for clinical trials, Biometrika 70.
Jennison & Turnbull (2000), Group sequential methods, chapters 7 and 8 (stage-wise p-values).
Koning & van Meer (2025), Sequentializing a test, arXiv 2501.03982.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels import spending

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = NDArray[np.float64]
Spending = Literal["obrien_fleming", "pocock", "power"]
LEAST_STEP = 0.001  # of the planned information: looks closer than this are one look
ASSUMES = (
    "the z values are increments of Brownian motion at the information given",
    "when a look falls does not depend on what the looks before showed",
)


@dataclass(frozen=True, slots=True, eq=False)
class GroupState:
    """What K metrics have shown at the looks so far.

    Parameters
    ----------
    information
        Of each look, as a part of the planned.
    z
        Shape (K,): the last z value read, NaN before the first.
    crossed_at
        Shape (K,): the look that first crossed, counted from 1; 0 while none has.
    p_value
        Shape (K,): stage-wise, of the look that first crossed, else of the last one read.
    spent
        Shape (K,): how much of the level was used by that look.
    """

    information: tuple[float, ...]
    z: FloatArray
    crossed_at: FloatArray
    p_value: FloatArray
    spent: FloatArray


class GroupSequential:
    """A design: one test of each of K metrics, at looks within a fixed window.

    Hypothesis: the mean of z is at most 0 (``sides`` 1) or 0 (``sides`` 2). Assumes z values that
    are jointly normal as those of sums of independent increments: means of many ticks, with a
    variance that is known or well estimated. Autocorrelation that the variance does not account
    for breaks it, and so does a plan that is shortened or lengthened after a look.

    Parameters
    ----------
    metric
        The metric's name.
    level
        The chance of ever crossing under the null, in (0, 0.5).
    spend
        ``obrien_fleming`` keeps nearly everything for the end and is blind early; ``pocock``
        spends evenly on the z scale; ``power`` spends ``level * fraction ** exponent``.
    exponent
        Of the power family, positive; 1 to 2 suits a rollback.
    sides
        1 tests upwards only; 2 spends half of the level on each side.

    Raises
    ------
    InputError
        If a setting is out of its range.
    """

    def __init__(
        self,
        metric: str,
        *,
        level: float,
        spend: Spending = "power",
        exponent: float = 1.5,
        sides: Literal[1, 2] = 1,
    ) -> None:
        if not 0.0 < level < 0.5:
            msg = f"level is {level!r}; it must lie between 0 and 0.5"
            raise InputError(msg)
        if spend not in {"obrien_fleming", "pocock", "power"}:
            msg = f"spend is {spend!r}; it must be 'obrien_fleming', 'pocock' or 'power'"
            raise InputError(msg)
        if not 0.0 < exponent < math.inf:
            msg = f"exponent is {exponent!r}; it must be positive"
            raise InputError(msg)
        if sides not in {1, 2}:
            msg = f"sides is {sides!r}; it must be 1 or 2"
            raise InputError(msg)
        self.metric, self.level, self.sides = metric, level, sides
        self.spend, self.exponent = spend, exponent

    def begin(self, size: int = 1) -> GroupState:
        """The state of ``size`` metrics before the first look."""
        zero = np.zeros(size)
        return GroupState((), np.full(size, np.nan), zero, np.ones(size), zero)

    def spent(self, fraction: float) -> float:
        """The part of the level used up when ``fraction`` of the plan is there, over all sides."""
        side = self.level / self.sides
        if self.spend == "obrien_fleming":
            return self.sides * spending.obrien_fleming(side, fraction)
        if self.spend == "pocock":
            return self.sides * spending.pocock(side, fraction)
        return self.sides * spending.power_family(side, fraction, self.exponent)

    def boundaries(self, information: Sequence[float]) -> tuple[float, ...]:
        """The z value from which each look rejects, exact to about 1e-10.

        Parameters
        ----------
        information
            At each look, as a part of the planned.

        Raises
        ------
        InputError
            If it does not grow from look to look, or goes past 1.
        """
        looks: tuple[float, ...] = ()
        for fraction in information:
            looks = self._planned(looks, fraction)
        return spending.boundaries(looks, self._spent(looks), self.sides)

    def power(self, drift: float, information: Sequence[float]) -> tuple[float, float]:
        """The chance to cross upwards, and the mean information when the test ends.

        Parameters
        ----------
        drift
            Mean of z when all the planned information is there.
        information
            At each look, as a part of the planned.
        """
        bounds, looks = self.boundaries(information), np.array(information, dtype=np.float64)
        above, below = spending.crossings(information, bounds, self.sides, drift)
        ended = above + below
        mean = float(ended @ looks + (1.0 - ended.sum()) * looks[-1])
        return float(above.sum()), mean

    def step(self, state: GroupState, z: FloatArray, information: float) -> GroupState:
        """One look.

        Parameters
        ----------
        state
            From `begin` or the look before.
        z
            Shape (K,): estimate over standard error from all data so far, positive towards harm;
            a row of NaN skips the look, and what it might have spent there is lost to it.
        information
            All information so far, as a part of the planned, such as the part of the window that
            has passed.

        Raises
        ------
        InputError
            If the look lies past the plan or does not come after the one before.
        """
        looks = self._planned(state.information, information)
        used = self._spent(looks)
        height = np.abs(z) if self.sides == 2 else z
        read = ~np.isnan(z) & (state.crossed_at == 0)
        before = used[-2] if len(used) > 1 else 0.0
        bound = spending.boundaries(looks, used, self.sides)[-1]
        crossed = read & (height >= bound)
        beyond = spending.tail(looks, used, self.sides, np.where(read, height, 0.0))
        return GroupState(
            looks,
            np.where(np.isnan(z), state.z, z),
            np.where(crossed, float(len(looks)), state.crossed_at),
            np.where(read, np.minimum(self.sides * (before + beyond), 1.0), state.p_value),
            np.where(read, self.spent(looks[-1]), state.spent),
        )

    def evidence(self, state: GroupState, row: int = 0) -> Evidence:
        """What the looks have shown of one metric.

        Its p-value is stage-wise (an earlier crossing is more extreme than a later one) and is
        held against what the looks so far may spend, so it decides exactly where z crossed.
        """
        z = float(state.z[row])
        worse = Question.WORSE if self.sides == 1 else Question.DIFFERENCE
        found = Evidence(
            metric=self.metric,
            method="sequential.group",
            question=worse,
            n_canary=len(state.information),
            n_baseline=len(state.information),
            assumptions=ASSUMES,
        )
        if math.isnan(z):
            return found.model_copy(update={"status": Status.NO_DATA})
        at = int(state.crossed_at[row])
        last = "" if not state.information else f"{state.information[-1]:.0%} of the plan"
        figures = {
            "effect": z,
            "effect_scale": "z",
            "p_value": float(state.p_value[row]),
            "level": float(state.spent[row]),
            "detail": f"crossed at look {at}" if at else f"not crossed after {last}",
        }
        return found.model_copy(update=figures)

    def _spent(self, looks: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(self.spent(look) / self.sides for look in looks)

    @staticmethod
    def _planned(looks: tuple[float, ...], information: float) -> tuple[float, ...]:
        """The looks with one more, if the plan has it."""
        if not information <= 1.0 + 1e-9:
            msg = (
                f"information is {information!r} of the plan; a look past the plan has nothing "
                "left to spend, so plan a longer window or use a test for any number of looks"
            )
            raise InputError(msg)
        last = looks[-1] if looks else 0.0
        if not information >= last + LEAST_STEP * (1.0 - 1e-9):
            msg = (
                f"information is {information!r} after {last!r}; it must grow from look to look "
                f"by at least {LEAST_STEP} of the plan"
            )
            raise InputError(msg)
        return (*looks, min(float(information), 1.0))


def conditional_rejection(z: FloatArray, information: float, level: float) -> FloatArray:
    """The null chance that one upward test at the end of the plan rejects, given z so far.

    Divided by the level it is an e-process that begins at 1 and ends as the one-look test itself:
    near 1 the end is as good as decided, near 0 it is out of reach. It says whether waiting can
    still help.

    Parameters
    ----------
    z
        Shape (K,): estimate over standard error from all data so far.
    information
        All information so far, as a part of the planned, in (0, 1].
    level
        Of the test at the end.

    Raises
    ------
    InputError
        If the information is not in (0, 1].
    """
    if not 0.0 < information <= 1.0:
        msg = f"information is {information!r}; it must lie in (0, 1]"
        raise InputError(msg)
    short = z * math.sqrt(information) + ndtri(level)
    if information == 1.0:
        return np.where(np.isnan(z), np.nan, (short >= 0).astype(np.float64))
    chance: FloatArray = ndtr(short / math.sqrt(1.0 - information))
    return chance
