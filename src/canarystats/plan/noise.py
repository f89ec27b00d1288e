"""How a gauge behaves, in a few numbers, where there is no history to read it off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from canarystats.errors import InputError
from canarystats.sequential.noise import Noise


@dataclass(frozen=True)
class GaugeNoise:
    """How a gauge behaves before a change, where there is no history to read it off.

    Parameters
    ----------
    level
        Its mean, in the metric's unit; not zero.
    sigma
        Standard deviation of one side's mean over its pods at one tick, in the same unit.
    autocorrelation_time
        Ticks it takes to forget: 1 for independent values, (1 + r) / (1 - r) for an AR(1) of r.
    history_ticks
        Ticks of history that the monitor will be given; without, it works on batches.
    """

    level: float
    sigma: float
    autocorrelation_time: float = 1.0
    history_ticks: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be right."""
        for name, least, strict in (
            ("level", -np.inf, False),
            ("sigma", 0.0, True),
            ("autocorrelation_time", 1.0, False),
            ("history_ticks", 0.0, False),
        ):
            value = getattr(self, name)
            if not np.isfinite(value) or value < least or (strict and value == least):
                what = "above 0" if strict else "finite" if least < 0 else f"at least {least:g}"
                msg = f"GaugeNoise.{name} is {value!r}; it must be {what}"
                raise InputError(msg)
        if self.level == 0:
            msg = "GaugeNoise.level is 0; an effect is a multiple of it"
            raise InputError(msg)

    @property
    def learned(self) -> Noise:
        """What such a history would teach."""
        both = 2.0 * self.sigma**2
        time = self.autocorrelation_time
        told = (self.history_ticks, time, both * time, both / time, 2.0, 0.0, 0.0, 0.0)
        return Noise(*(np.array([value], dtype=np.float64) for value in told))
