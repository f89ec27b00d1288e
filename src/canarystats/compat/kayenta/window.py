"""The two sides of a metric as sound mode compares them: in time order, missing stays missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.compat.kayenta.preparation import without_outliers
from canarystats.windows import Pair

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.compat.kayenta.settings import Settings

    FloatArray = NDArray[np.float64]

SERIES = 20  # values a side from which on their dependence in time can be told
SMALL_COUNT = 10.0  # mean up to which whole numbers are tested as counts of events
LEAST_DISPERSION = 0.5  # variance over mean
ORDINARY = 1.645  # standard errors by which the variance of independent events may exceed the mean


@dataclass(frozen=True, slots=True)
class Window:
    """Experiment and control of one metric.

    Parameters
    ----------
    experiment, control
        Shape (n,) and (m,), one value a step; NaN is missing or dropped as an outlier.
    notes
        What was filled in or dropped.
    """

    experiment: FloatArray
    control: FloatArray
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, experiment: FloatArray, control: FloatArray, settings: Settings) -> Window:
        """The sides after the metric's settings for gaps and outliers.

        A gap counts as a zero, where asked, only on a side that reported something.
        """
        notes: list[str] = []
        sides = [
            _prepared(label, values, settings, notes)
            for label, values in (("experiment", experiment), ("control", control))
        ]
        return cls(sides[0], sides[1], tuple(notes))

    @property
    def present(self) -> tuple[FloatArray, FloatArray]:
        """The values there are, experiment first."""
        return self.experiment[~np.isnan(self.experiment)], self.control[~np.isnan(self.control)]

    def pair(self, name: str) -> Pair:
        """The sides as a series in time where their dependence can be told, else as samples."""
        ours, theirs = self.present
        constant = np.unique(ours).size == np.unique(theirs).size == 1
        if constant or min(ours.size, theirs.size) < SERIES:
            return Pair.samples(name, canary=ours, baseline=theirs)
        steps = max(self.experiment.size, self.control.size)
        padded = [
            np.concatenate([side, np.full(steps - side.size, np.nan)])
            for side in (self.experiment, self.control)
        ]
        return Pair.gauge(name, canary=padded[0], baseline=padded[1])

    def counts(self, name: str) -> Pair | None:
        """The sides as counts of events a step, None where they are no such thing.

        They are where all are small whole numbers that scatter as independent events would, and
        enough of them to tell that.
        """
        sides = self.present
        if min(side.size for side in sides) < SERIES:
            return None
        pooled = np.concatenate(sides)
        whole = np.isfinite(pooled).all() and (pooled >= 0).all() and not (pooled % 1).any()
        if not whole or not 0 < pooled.mean() <= SMALL_COUNT or not _like_events(sides):
            return None
        ours, theirs = (([side.sum()], [float(side.size)]) for side in sides)
        return Pair.counts(name, canary=ours, baseline=theirs)


def _prepared(label: str, values: FloatArray, settings: Settings, notes: list[str]) -> FloatArray:
    kept = values.copy()
    missing = np.isnan(kept)
    if settings.gaps_are_zeros and missing.any() and not missing.all():
        notes.append(f"{label}: {missing.sum()} of {missing.size} gaps taken as zeros, as asked")
        kept[missing] = 0.0
    inside = without_outliers(kept, settings.outlier_factor)
    dropped = int(np.isnan(inside).sum() - np.isnan(kept).sum())
    if dropped:
        notes.append(f"{label}: {dropped} outliers dropped, as asked")
    return inside


def _like_events(sides: tuple[FloatArray, FloatArray]) -> bool:
    """Whether the variance is at most the mean's, as far as so many values can tell.

    A smaller one only makes the test of rates cautious, up to where ranks see more.
    """
    speaking = [side for side in sides if side.any()]
    degrees = sum(side.size - 1 for side in speaking)
    if not degrees:
        return False
    scatter = sum(float(((side - side.mean()) ** 2).sum() / side.mean()) for side in speaking)
    return bool(LEAST_DISPERSION <= scatter / degrees <= 1 + ORDINARY * np.sqrt(2 / degrees))
