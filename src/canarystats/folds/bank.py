"""Metrics that are asked the same questions: their tests are stepped side by side, in one array.

A step of fifty metrics costs little more than a step of one. While a bank goes from tick to tick,
what each metric keeps of its tests is a `Row` of theirs; taken out, it is the state that the metric
would have had alone, to the last bit.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from canarystats.folds.fold import HasRules, TickFold
from canarystats.state import one_row, side_by_side

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    from canarystats.folds.fold import AnyFold
    from canarystats.folds.setting import Tick
    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

R = TypeVar("R", bound=HasRules)


class Row(NamedTuple):
    """Where the tests of one metric stand among those of several."""

    tests: Any
    row: int

    def taken_out(self) -> Any:
        """The state of the metric's tests by itself."""
        return one_row(self.tests, self.row)


def placed(held: Any) -> Row:
    """Where tests stand: as a `Row` says, or by themselves."""
    return held if isinstance(held, Row) else Row(held, 0)


class TestedFold(TickFold[R]):
    """A fold whose tests can be stepped beside those of metrics that are asked the same."""

    keeps: ClassVar[str]  # the field of its state that holds the tests
    _latest: tuple[Any, dict[str, float]] = (None, {})

    @property
    @abstractmethod
    def questions(self) -> Hashable:
        """What the tests ask; where it is equal they can stand in one state."""

    def tests(self, state: R) -> Any:
        """The state of the metric's tests: one row, taken out where it stands among others."""
        held = getattr(state, self.keeps)
        return held.taken_out() if isinstance(held, Row) else held

    def apart(self, state: R) -> R:
        """The same state with the metric's tests taken out."""
        if not isinstance(getattr(state, self.keeps), Row):
            return state
        return replace(state, **{self.keeps: self.tests(state)})  # type: ignore[type-var]

    @abstractmethod
    def advance(self, tests: Any, canary: FloatArray, baseline: FloatArray, tick: Tick) -> Any:
        """One tick of K rows of tests; ``canary`` and ``baseline`` have shape (K, columns).

        A row of NaN in ``baseline`` is a tick that compares nothing. Time and share are the tick's.
        """

    @abstractmethod
    def weighed(self, tests: Any) -> dict[str, FloatArray]:
        """The log e-value of every claim, shape (K,) each."""

    def log_e(self, held: Any) -> dict[str, float]:
        """The log e-value of every claim, worked out once for each state or `Row` of the tests."""
        asked, found = self._latest
        if asked is not held:
            tests = held.taken_out() if isinstance(held, Row) else held
            found = {claim: float(values[0]) for claim, values in self.weighed(tests).items()}
            self._latest = held, found
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
        self._tests: Any = None

    def begin(self, states: Sequence[Any]) -> None:
        """Put the tests of the metrics side by side; ``states`` are those before the first tick."""
        self._tests = side_by_side([self.fold.tests(state) for state in states])

    def step(self, ticks: Sequence[Tick]) -> list[Tick]:
        """The ticks of the metrics, each with the row of its tests after it.

        A metric that does not take its row, because its scrape was missed, keeps an earlier one:
        the tick has left it as it was.
        """
        tests = self._tests = self.fold.advance(self._tests, *self._sides(ticks), ticks[0])
        values = {claim: each.tolist() for claim, each in self.fold.weighed(tests).items()}
        claims = tuple(values)
        weighed = [
            dict(zip(claims, each, strict=True)) for each in zip(*values.values(), strict=True)
        ]
        return [
            tick._replace(tested=Row(tests, k), weighed=found)
            for k, (tick, found) in enumerate(zip(ticks, weighed, strict=True))
        ]

    def _sides(self, ticks: Sequence[Tick]) -> tuple[FloatArray, FloatArray]:
        canary, baseline = (np.full((len(ticks), width), np.nan) for width in self.widths)
        for k, tick in enumerate(ticks):
            if tick.baseline is not None:  # a metric without a row at this tick has neither side
                canary[k] = tick.canary
                if tick.comparing:
                    baseline[k] = tick.baseline
        # A fold does not test a tick without its canary, so the row must stay as it was.
        baseline[np.isnan(canary).all(axis=1)] = np.nan
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
