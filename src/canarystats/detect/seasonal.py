"""What a record with a known period leads one to expect of the time after it.

With at least three periods without gaps, the seasonal part is that of STL (statsmodels, loaded
then); otherwise the pattern is the median of the same phase over the periods there are. Either way
each period of the record is predicted from others than itself, and the errors of those predictions
are the calibration: what a pattern leaves of the values it was made from is smaller than what it
leaves of fresh ones.

A period is given by the caller: no search could tell one from chance where fewer than three are
seen.

References
----------
Cleveland, Cleveland, McRae & Terpenning (1990), Journal of Official Statistics 6:3-73 (STL).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.detect.bands import Expected
from canarystats.kernels.robust import median_and_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

FEWEST_FOR_MEDIANS = 2  # periods: one to predict, one to predict it from
FEWEST_FOR_STL = 3  # periods: STL needs two, and one more is predicted from them


def from_periods(values: FloatArray, record: FloatArray, period: int, gap: int) -> Expected | None:
    """Expect what the same phase brought before.

    Parameters
    ----------
    values
        Shape (K, n).
    record
        Shape (K, m), the ticks before the values; NaN is a missed tick.
    period
        In ticks.
    gap
        Ticks that are missing between the record's last and the values' first; negative where
        they overlap.

    Returns
    -------
    Expected or None
        None where the record holds too few periods.
    """
    cycles = record.shape[1] // period
    if cycles < FEWEST_FOR_MEDIANS:
        return None
    whole = record[:, record.shape[1] - cycles * period :].reshape(len(record), cycles, period)
    phase = (np.arange(values.shape[1]) + gap) % period
    if cycles >= FEWEST_FOR_STL and not np.isnan(whole).any():
        pattern, calibration = _by_stl(whole)
    else:
        pattern, calibration = _by_medians(whole)
    middle = pattern[:, phase]
    return Expected(middle, values - middle, calibration[:, None])


def _by_medians(whole: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The pattern (K, period), and each period less the pattern of the others, (K, m)."""
    rows, cycles, _ = whole.shape
    left = [whole[:, i] - _over_cycles(np.delete(whole, i, axis=1)) for i in range(cycles)]
    return _over_cycles(whole), np.concatenate(left, axis=1).reshape(rows, -1)


def _over_cycles(whole: FloatArray) -> FloatArray:
    rows, cycles, period = whole.shape
    by_phase = np.moveaxis(whole, 1, 2).reshape(rows * period, cycles)
    return median_and_width(by_phase)[0].reshape(rows, period)


def _by_stl(whole: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same, each period from the third on being predicted from all before it."""
    rows, cycles, period = whole.shape
    pattern = np.stack([_predicted(row) for row in whole])
    errors = [np.stack([row[i] - _predicted(row[:i]) for row in whole]) for i in range(2, cycles)]
    return pattern, np.concatenate(errors, axis=1).reshape(rows, (cycles - 2) * period)


def _predicted(cycles: FloatArray) -> FloatArray:
    """The period after these: the last seasonal pattern around the last level."""
    from statsmodels.tsa.seasonal import STL

    period = cycles.shape[1]
    fit = STL(cycles.ravel(), period=period, robust=True).fit()
    seasonal = np.asarray(fit.seasonal)[-period:]
    level = median_and_width((cycles[-1] - seasonal)[None])[0]
    predicted: FloatArray = seasonal + level
    return predicted
