"""What one tick adds to the evidence of a design, for each alternative: what `restart` starts anew.

The same likelihood ratios that the design's e-processes multiply, up to the same Fano factor or
long-run variance; so an e-detector over them promises its run length under the same assumptions,
and is broken by the same things. They read the state before the tick and change nothing.

References
----------
Shin, Ramdas & Rinaldo (2024), E-detectors: a nonparametric framework for sequential change
detection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.kernels import detectors, drift, mixture
from canarystats.sequential.edges import SLOTS
from canarystats.sequential.rate_effects import EXPOSURE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.sequential.counts import Counts, CountsState
    from canarystats.sequential.gauge import Gauge
    from canarystats.sequential.gauge_state import GaugeState
    from canarystats.sequential.histogram import Histogram
    from canarystats.sequential.histogram_state import HistogramState

    FloatArray = NDArray[np.float64]

# Smaller effects gather too slowly for a detector that forgets at every low.
LOG_ODDS = np.log(mixture.ODDS[mixture.ODDS >= 1.1])


def of_counts(
    design: Counts,
    state: CountsState,
    claim: str,
    canary: FloatArray,
    baseline: FloatArray,
    share: FloatArray | float | None = None,
) -> FloatArray:
    """The log increments of one claim, shape (K, g); NaN where the canary was not read.

    Parameters
    ----------
    design, state
        The tests, and what they have seen before the tick.
    claim
        Which of the design's tests.
    canary, baseline, share
        The tick, as `Counts.step` takes it.

    Raises
    ------
    InputError
        If the design has no such claim.
    """
    claims = [test.claim for test in design.tests]
    if claim not in claims:
        msg = f"claim is {claim!r}; it must be one of {', '.join(claims)}"
        raise InputError(msg)
    test = claims.index(claim)
    designed = np.full(len(canary), np.nan if share is None else share, dtype=np.float64)
    (successes, failures), shares = design.asked(canary, baseline, designed)
    fano = design.discounts(state, (canary[:, EXPOSURE], baseline[:, EXPOSURE]))
    odds = LOG_ODDS if design.tests[test].rising else -LOG_ODDS
    counted = successes[:, test], failures[:, test], shares[:, test]
    return detectors.odds_gain(*counted, odds) / fano[:, test, None]


def of_histogram(
    design: Histogram, state: HistogramState, canary: FloatArray, baseline: FloatArray
) -> FloatArray:
    """The log increments of *worse* at every watched edge, shape (K, 6 g).

    NaN where a side was not read, and before edges are chosen; 0 for edges that are not watched.

    Parameters
    ----------
    design, state
        The tests, and what they have seen before the tick.
    canary, baseline
        Bucket counts of the tick, shape (K, k).
    """
    asked = design.asked_everywhere(state, canary, baseline)
    successes, failures, share = (part[:, :SLOTS].ravel() for part in (*asked.counts, asked.share))
    rows = len(canary)
    gain = detectors.odds_gain(successes, failures, share, LOG_ODDS).reshape(rows, SLOTS, -1)
    gain = np.where(state.edges[:, :SLOTS, None] >= 0, gain / asked.fano[:, :SLOTS, None], 0.0)
    read = np.isfinite((canary + baseline).sum(axis=1)) & (state.edges[:, 0] >= 0)
    return np.where(read[:, None], gain.reshape(rows, -1), np.nan)


def of_gauge(
    design: Gauge, state: GaugeState, canary: FloatArray, baseline: FloatArray
) -> FloatArray:
    """The log increments of *worse* in each harmful direction, shape (K, g) or (K, 2 g).

    NaN where a side was not read, and without the history that tells the long-run variance.

    Parameters
    ----------
    design, state
        The tests, and what they have seen before the tick.
    canary, baseline
        Shape (K, pods), in the metric's unit.
    """
    away = design.excess(state, canary, baseline)[:, :, None]
    drifts = np.minimum(design.drifts(state.noise), drift.FASTEST)[:, None]
    gain: FloatArray = np.minimum(away, drift.LARGEST) * drifts - 0.5 * drifts**2
    return gain.reshape(len(canary), -1)
