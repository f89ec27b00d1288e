"""What a stage is planned with: its policy, its traffic, and what is known of the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canarystats.folds.setting import Setting
from canarystats.plan.noise import GaugeNoise
from canarystats.policy import Policy
from canarystats.windows import Pair

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.policy import Metric

    FloatArray = NDArray[np.float64]

# Times the stage's traffic, among which the one is sought from which on a stage can decide.
TRAFFICS = 10.0 ** np.linspace(-3.0, 3.0, 13)


class Scenarios(NamedTuple):
    """Rows that are followed side by side, shape (rows,) each.

    Parameters
    ----------
    effect
        How many times as bad the canary is.
    traffic
        How many times the stage's traffic there is.
    """

    effect: FloatArray
    traffic: FloatArray


@dataclass(frozen=True)
class Situation:
    """A stage and what is known before it.

    Parameters
    ----------
    policy
        As it is at the stage.
    share
        The canary's designed share, in [0, 1].
    traffic
        Requests a second on both sides together.
    mirrored
        In shadow: the part of the traffic of which the canary gets duplicates.
    duration
        Seconds.
    effects
        The effects asked about.
    base_rates
        Events out of exposure, by metric.
    noise, history
        By metric.
    """

    policy: Policy
    share: float
    traffic: float
    mirrored: float
    duration: float
    effects: tuple[float, ...]
    base_rates: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, GaugeNoise] = field(default_factory=dict)
    history: Mapping[str, Pair] = field(default_factory=dict)

    @property
    def sides(self) -> tuple[float, float]:
        """Requests a tick on the canary and on the baseline."""
        tick = self.traffic * self.policy.interval
        if not self.share:
            return self.mirrored * tick, tick
        return self.share * tick, (1.0 - self.share) * tick

    @property
    def designed(self) -> float:
        """The designed share of the traffic; NaN in shadow and where the canary has all of it."""
        return self.share if 0.0 < self.share < 1.0 else np.nan

    @property
    def untold(self) -> str:
        """Why no comparison is possible, or nothing."""
        if not self.share and not self.mirrored:
            return "at share 0 the canary serves nothing, and no traffic is mirrored to it"
        return "at share 1 there is no baseline" if self.share == 1.0 else ""

    @property
    def grid(self) -> FloatArray:
        """The effects followed: those asked about, and enough between to find the smallest."""
        between = np.geomspace(1.05, 40.0, 12)
        return np.unique(np.concatenate([between, np.array(self.effects)]))

    @property
    def scenarios(self) -> Scenarios:
        """Every effect at the stage's traffic, then a healthy canary at every traffic."""
        grid = self.grid
        effect = np.concatenate([grid, np.ones(len(TRAFFICS) + 1)])
        traffic = np.concatenate([np.ones(len(grid) + 1), TRAFFICS])
        return Scenarios(effect, traffic)

    def setting(self, metric: Metric) -> Setting:
        """The metric with the rules that read it."""
        return Setting(self.policy, metric)

    def seconds(self, ticks: FloatArray) -> FloatArray:
        """Seconds of the stage after so many ticks that compare."""
        found: FloatArray = self.policy.warm_up + ticks * self.policy.interval
        return found
