"""Metrics that are asked the same questions: their tests are stepped side by side, in one array.

A step of fifty metrics costs little more than a step of one. Every metric keeps a state of its own,
which stepped alone would be the same to the last bit.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from canarystats.folds.fold import HasRules, TickFold
from canarystats.state import rows, side_by_side

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    from canarystats.folds.fold import AnyFold
    from canarystats.folds.setting import Tick
    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

R = TypeVar("R", bound=HasRules)


class TestedFold(TickFold[R]):
    """A fold whose tests can be stepped beside those of metrics that are asked the same."""

    _latest: tuple[Any, dict[str, float]] = (None, {})

    @property
    @abstractmethod
    def questions(self) -> Hashable:
        """What the tests ask; where it is equal they can stand in one state."""

    @abstractmethod
    def tests(self, state: R) -> Any:
        """The state of the metric's tests: one row."""

    @abstractmethod
    def advance(self, tests: Any, canary: FloatArray, baseline: FloatArray, tick: Tick) -> Any:
        """One tick of K rows of tests; ``canary`` and ``baseline`` have shape (K, columns).

        A row of NaN in ``baseline`` is a tick that compares nothing. Time and share are the tick's.
        """

    @abstractmethod
    def weighed(self, tests: Any) -> dict[str, FloatArray]:
        """The log e-value of every claim, shape (K,) each."""

    def log_e(self, tests: Any) -> dict[str, float]:
        """The log e-value of every claim, worked out once for each state of the tests."""
        asked, found = self._latest
        if asked is not tests:
            found = {claim: float(values[0]) for claim, values in self.weighed(tests).items()}
            self._latest = tests, found
        return found

    def tested(self, tests: Any, tick: Tick) -> Any:
        """The tests after a tick: from the metric's bank, or stepped alone."""
        if tick.tested is not None:
            if tick.weighed is not None:
                self._latest = tick.tested, tick.weighed
            return tick.tested
        return self.advance(tests, tick.canary[None], _compared(tick)[None], tick)


class Bank:
    """Metrics whose tests ask the same, followed side by side.

    Parameters
    ----------
    fold
        Any of theirs.
    names
        The metrics.
    widths
        How many columns their canaries and their baselines have.
    """

    def __init__(
        self, fold: TestedFold[Any], names: Sequence[str], widths: tuple[int, int]
    ) -> None:
        self.fold, self.names, self.widths = fold, tuple(names), widths
        self._rows: list[Any] = [None] * len(names)
        self._stack: Any = None

    def step(self, own: Sequence[tuple[Any, Tick]]) -> list[Tick]:
        """The ticks of the metrics, each with the state of its tests after it.

        ``own`` holds the state of each metric before the tick, and its tick.
        """
        tests = [self.fold.tests(state) for state, _ in own]
        # A metric that did not take its row (its scrape was missed) has kept the one before.
        if any(held is not given for held, given in zip(tests, self._rows, strict=True)):
            self._stack = side_by_side(tests)
        ticks = [tick for _, tick in own]
        self._stack = self.fold.advance(self._stack, *self._sides(ticks), ticks[0])
        self._rows = rows(self._stack, len(ticks))
        values = {claim: each.tolist() for claim, each in self.fold.weighed(self._stack).items()}
        weighed = [{claim: each[k] for claim, each in values.items()} for k in range(len(ticks))]
        return [
            tick._replace(tested=after, weighed=found)
            for tick, after, found in zip(ticks, self._rows, weighed, strict=True)
        ]

    def _sides(self, ticks: Sequence[Tick]) -> tuple[FloatArray, FloatArray]:
        canary, baseline = (np.full((len(ticks), width), np.nan) for width in self.widths)
        for k, tick in enumerate(ticks):
            if tick.baseline is not None:  # a metric without a row at this tick has neither side
                canary[k] = tick.canary
                if tick.comparing:
                    baseline[k] = tick.baseline
        return canary, baseline


def banks(folds: Mapping[str, AnyFold], pairs: Mapping[str, Pair]) -> list[Bank]:
    """The metrics among these pairs that can be followed side by side."""
    alike: dict[tuple[Hashable, Hashable, tuple[int, int]], list[str]] = {}
    for name in sorted(pairs):
        fold, pair = folds[name], pairs[name]
        if not isinstance(fold, TestedFold) or not fold.setting.metric.compare:
            continue
        if fold.setting.suppressions:  # at some ticks not all of its tests are asked
            continue
        if pair.baseline is not None and not pair.segments:
            widths = pair.canary.shape[1], pair.baseline.shape[1]
            alike.setdefault((fold.kind, fold.questions, widths), []).append(name)
    found = []
    for (_, _, widths), names in alike.items():
        fold = folds[names[0]]
        if len(names) > 1 and isinstance(fold, TestedFold):
            found.append(Bank(fold, names, widths))
    return found


def _compared(tick: Tick) -> FloatArray:
    """The baseline's row, NaN where nothing is compared."""
    if tick.baseline is not None and tick.comparing:
        return tick.baseline
    return np.full_like(tick.canary if tick.baseline is None else tick.baseline, np.nan)
