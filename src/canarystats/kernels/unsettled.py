"""Whether a row has a level at all, or wanders through the whole window; and where it parts best.

Noise that remembers for as long as the window and a level that never settles cannot be told apart.
Here noise may remember for a tenth of the window, and for 19 ticks in any, as AR(1) noise of
coefficient 0.9 does. What a row keeps for longer is its level. The CUSUM over the whole row is
measured by AR(1) noise of that longest memory whose innovations are the row's own.

References
----------
Kwiatkowski, Phillips, Schmidt & Shin (1992), Journal of Econometrics 54:159-178 (the null that a
series has a level, against a walk; the long-run variance needs a bound on memory).
Müller (2005), Journal of Econometrics 128:195-213 (size of such tests near a unit root: the null
has to name the strongest memory it admits).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.step_place import explained_by_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

MEMORY = 0.1  # of the window: the longest autocorrelation time of noise
LEAST_MEMORY = 19.0  # ticks, of AR(1) noise of coefficient 0.9
TAIL = 2.6  # P = 2.6 exp(-z^2), simulated in that noise: at most a tenth too small for P to 0.1
TINY = 1e-300  # a sum of squares that is not 0
MAIN_SHARE = 0.5  # of the row's variance that the parting has to explain


@dataclass(frozen=True, slots=True)
class Parting:
    """One row parted in two.

    Parameters
    ----------
    place
        The first value of the second part.
    share
        Of the row's variance, explained by the two means.
    p_value
        Of a parting as clear in noise of the longest memory.
    """

    place: int
    share: float
    p_value: float

    @property
    def stands_for_all(self) -> bool:
        """Whether the two parts differ by more than what is left within them."""
        return self.share >= MAIN_SHARE


def parting(values: FloatArray, shortest: int) -> Parting:
    """Part a row where two means explain most.

    Parameters
    ----------
    values
        Shape (n,), finite, n at least twice ``shortest``.
    shortest
        Fewest values in a part.

    Notes
    -----
    In a window of fewer than 190 ticks noise may remember for more than a tenth, and the p-value
    is too large: the safe direction.
    """
    n = len(values)
    off = values - values.mean()
    power = max(float(np.einsum("i,i->", off, off)), TINY)
    product = float(np.einsum("i,i->", off[1:], off[:-1]))
    explained = explained_by_step(off, 0.0)[shortest - 1 : n - shortest]
    best = int(explained.argmax())
    time = max(LEAST_MEMORY, MEMORY * n)
    coefficient = (time - 1) / (time + 1)
    innovation = (power * (1 + coefficient**2) - 2 * coefficient * product) / (n - 1)
    long_run_variance = innovation / (1 - coefficient) ** 2
    top = float(explained[best])
    return Parting(
        place=shortest + best,
        share=top / power,
        p_value=min(1.0, TAIL * math.exp(-top / long_run_variance)),
    )
