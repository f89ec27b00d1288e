"""The claims on a metric under a policy of planned looks: what a look decides, and what is told.

The tests for any number of looks go on beside, because what they remember is what the looks are
computed from; they tell since when, and decide nothing that is planned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from canarystats.sequential.planned import ASSUMES, PlannedLooks, PlannedState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from canarystats.evidence import Evidence
    from canarystats.folds.setting import Setting, Tick

    FloatArray = NDArray[np.float64]
    Measured = tuple[FloatArray, FloatArray]


class Part(NamedTuple):
    """One z value that a claim stands on.

    Parameters
    ----------
    claim
        Which.
    level
        Of this part; None where it may not decide.
    every
        Whether the claim needs all of its parts; otherwise any of them is enough.
    """

    claim: str
    level: float | None
    every: bool = False


class Bake:
    """A design: the parts of the claims on one metric, at the looks of its policy's window."""

    def __init__(self, setting: Setting, parts: Sequence[Part]) -> None:
        bake = setting.policy.bake
        if bake is None:
            msg = "the policy plans no looks"
            raise ValueError(msg)
        self.parts = tuple(parts)
        self.design = PlannedLooks(
            [part.level for part in parts],
            looks=bake.looks,
            spend=bake.spending,
            exponent=bake.exponent,
        )
        self.claims: dict[str, list[int]] = {}
        for i, part in enumerate(parts):
            if part.level is not None:
                self.claims.setdefault(part.claim, []).append(i)

    def follow(
        self,
        state: PlannedState,
        tick: Tick,
        counted: tuple[tuple[FloatArray, FloatArray], FloatArray] | None,
        measured: Callable[[PlannedState], Measured],
    ) -> PlannedState:
        """One tick.

        Parameters
        ----------
        state
            From the tick before.
        tick
            The tick.
        counted
            What it brought to tests of counts; None for other tests.
        measured
            The z values and their information. A tick past the window is not part of the last
            look, if that is still open, and must not be part of them.
        """
        design = self.design
        if design.over(state):
            return state
        if design.past(tick.baked):
            return design.looked(state, design.looks, *measured(state))
        if counted is not None and tick.comparing:
            state = design.counted(state, *counted)
        number = design.due(state, tick.baked)
        return design.looked(state, number, *measured(state)) if number else state

    def log_e(self, state: PlannedState) -> dict[str, float]:
        """The all-or-nothing log e-value of every claim that may decide."""
        each = self.design.log_e(state).tolist()
        return {
            claim: (min if self._every(claim) else max)(each[i] for i in places)
            for claim, places in self.claims.items()
        }

    def told(self, state: PlannedState, found: Evidence) -> Evidence:
        """The evidence on a claim with what the planned looks say of it."""
        if found.claim not in self.claims:
            return found
        last = self.design.last_look(state, self._nearest(state, found.claim))
        progress = self.progress(state, [found.claim])
        update = {
            "method": "sequential.group",
            "log_e_value": None,
            "p_value": None if last is None else last.p_value,
            "level": None if last is None else last.spent,
            "assumptions": (*found.assumptions, ASSUMES),
            "detail": f"{found.detail}; {progress}" if found.detail else progress,
        }
        return found.model_copy(update=update)

    def progress(self, state: PlannedState, claims: Iterable[str]) -> str:
        """How far claims of which any is enough have come, by the one that is nearest."""
        best = max((self._nearest(state, claim) for claim in claims), key=self._strength(state))
        return self.design.progress(state, best)

    def _every(self, claim: str) -> bool:
        return self.parts[self.claims[claim][0]].every

    def _nearest(self, state: PlannedState, claim: str) -> int:
        """The part that decides: the weakest where all are needed, else the strongest."""
        choose = min if self._every(claim) else max
        return choose(self.claims[claim], key=self._strength(state))

    def _strength(self, state: PlannedState) -> Callable[[int], tuple[bool, float]]:
        def strength(i: int) -> tuple[bool, float]:
            last = self.design.last_look(state, i)
            return bool(state.crossed_at[i]), -1.0 if last is None else -last.p_value

        return strength
