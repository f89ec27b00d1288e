"""One metric and the rules that read it, followed tick by tick: a fold per kind of data.

A fold is a design made from the policy; its state is small and saved with the monitor. Folds give
evidence, readings and firings; only the judge decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canarystats.errors import InputError
from canarystats.folds.counts import CountsFold
from canarystats.folds.events import EventsFold
from canarystats.folds.fold import AnyFold, Fold, TickFold
from canarystats.folds.gauge import GaugeFold
from canarystats.folds.histogram import HistogramFold, HistogramFoldState
from canarystats.folds.samples import SamplesFold
from canarystats.state import require_same_form, unpack
from canarystats.windows import Kind

if TYPE_CHECKING:
    from canarystats.folds.setting import Setting
    from canarystats.windows import Pair


def fold_for(setting: Setting, pair: Pair) -> AnyFold:
    """The fold that reads pairs like this one."""
    if pair.kind is Kind.HISTOGRAM and pair.upper_bounds is not None:
        return HistogramFold(setting, pair.upper_bounds)
    return _OTHERS[pair.kind](setting)


def restore(setting: Setting, kind: str, data: Any) -> tuple[AnyFold, Any]:
    """A fold and its state from what was saved.

    Raises
    ------
    InputError
        If the data is not a saved state.
    """
    path = f"metrics.{setting.metric.name}"
    if kind == Kind.HISTOGRAM:
        state = unpack(HistogramFoldState, data, path)
        histogram = HistogramFold(setting, np.array([*state.upper_bounds, np.inf]))
        require_same_form(histogram.begin(), state, path)
        return histogram, state
    if kind not in _OTHERS:
        msg = f"{path}.kind: {kind!r} is not a kind of data"
        raise InputError(msg)
    fold = _OTHERS[Kind(kind)](setting)
    restored = unpack(fold.state_type, data, path)
    require_same_form(fold.begin(), restored, path)
    return fold, restored


_OTHERS: dict[Kind, type[CountsFold | GaugeFold | EventsFold | SamplesFold]] = {
    Kind.COUNTS: CountsFold,
    Kind.GAUGE: GaugeFold,
    Kind.EVENTS: EventsFold,
    Kind.SAMPLES: SamplesFold,
}

__all__ = ["AnyFold", "Fold", "HistogramFold", "SamplesFold", "TickFold", "fold_for", "restore"]
