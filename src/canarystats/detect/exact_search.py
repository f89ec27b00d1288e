"""Other searches over the same scores as the seeded search, for those who ask for one.

Of the package ruptures, loaded when asked for, squared error is minimised by PELT or by the C code
of KernelCPD, a Gaussian kernel's cost by KernelCPD, a cost of ranks by PELT. E-divisive parts the
series again and again where the energy statistic is largest.

References
----------
Truong, Oudre & Vayatis (2020), Signal Processing 167:107299 (ruptures).
Killick, Fearnhead & Eckley (2012), JASA 107:1590-1598 (PELT).
Matteson & James (2014), JASA 109:334-345 (E-divisive).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.kernels.energy import divided

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.kernels.step_search import Steps

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

METHODS = ("pelt", "kernel", "rbf", "rank", "e_divisive")


def exact_places(
    scores: FloatArray, method: str, shortest: int, penalty: float | None, seeded: Steps
) -> IntArray:
    """The first values after each change of one row.

    Parameters
    ----------
    scores
        Shape (n,), normal scores.
    method
        One of `METHODS`.
    shortest
        Fewest values in a segment.
    penalty
        Per change, in the cost's unit; for E-divisive the statistic to exceed. None takes
        ``2 log n`` times the long-run variance for squared error, and times the autocorrelation
        time for the others.
    seeded
        What the seeded search found: the noise is that around its steps.

    Raises
    ------
    InputError
        If the penalty is not positive.
    """
    if penalty is not None and not penalty > 0:
        msg = f"penalty is {penalty}; it must be positive"
        raise InputError(msg)
    if penalty is None:
        squared = method in {"pelt", "kernel"}
        scale = seeded.long_run_variance if squared else seeded.time
        penalty = 2 * float(np.log(len(scores))) * scale
    if method == "e_divisive":
        return np.sort(divided(scores, shortest, penalty))
    return _of_ruptures(scores, method, shortest, penalty)


def _of_ruptures(scores: FloatArray, method: str, shortest: int, penalty: float) -> IntArray:
    import ruptures

    if method == "pelt":
        search = ruptures.Pelt(model="l2", min_size=shortest, jump=1)
    elif method == "rank":
        search = ruptures.Pelt(model="rank", min_size=shortest, jump=1)
    else:
        kernel = {"kernel": "linear", "rbf": "rbf"}[method]
        search = ruptures.KernelCPD(kernel=kernel, min_size=shortest)
    found = search.fit(scores[:, None]).predict(pen=penalty)
    return np.array(found[:-1], dtype=np.intp)
