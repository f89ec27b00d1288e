"""How far a CUSUM maximised over seeded intervals strays where nothing changed.

The number of times the maximised process exceeds a high z is near Poisson, with a mean of
``N z f(z)``: f is Student's density, whose degrees of freedom carry the uncertainty of the
long-run variance, and N the number of independent places, fitted once to simulated independent
normal scores with known variance.

References
----------
Siegmund (1986), Annals of Statistics 14:361-404 (boundary crossing for change points).
Yao (1987), Annals of Statistics 15:1321-1328 (distribution of the estimated place).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

PLACES = (0.62, 0.35)  # N / r = 0.62 + 0.35 log r, r = n / shortest: within 10 % for r of 8 to 1000
PLACE_95 = 11.03  # Yao's 95 % quantile of |place|, in units of long-run variance / step squared


def tail_probability(z: FloatArray, n: int, shortest: int, degrees: FloatArray) -> FloatArray:
    """Probability of a maximum this large in a row without any change.

    Parameters
    ----------
    z
        Maximised CUSUMs over the root of the long-run variance, any shape.
    n
        Values in the row.
    shortest
        Fewest values on each side of a change.
    degrees
        Degrees of freedom of the long-run variance, of z's shape.
    """
    ratio = n / shortest
    count = ratio * (PLACES[0] + PLACES[1] * np.log(max(ratio, 2.0)))
    z = np.maximum(z, 1.0)  # below, the expected number is no longer a probability's logarithm
    log_density = (
        gammaln((degrees + 1) / 2)
        - gammaln(degrees / 2)
        - np.log(degrees * np.pi) / 2
        - (degrees + 1) / 2 * np.log1p(z * z / degrees)
    )
    p: FloatArray = -np.expm1(-count * z * np.exp(log_density))
    return p


def place_reach(step: FloatArray, long_run_variance: FloatArray) -> FloatArray:
    """Half the width of the 95 % interval of a change's place, in ticks, at least 1.

    Parameters
    ----------
    step
        Difference of the two segments' means, in the unit of the values.
    long_run_variance
        In that unit squared.
    """
    reach = PLACE_95 * long_run_variance / np.maximum(step * step, 1e-300)
    return np.maximum(np.ceil(reach), 1.0)
