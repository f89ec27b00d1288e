"""The tests of a metric of counts along expected data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.combination import log_mean
from canarystats.plan.expected import fano_seen, learned_by, many
from canarystats.plan.passage import NUDGE, Path, steps
from canarystats.sequential.burstiness import BASELINE, CANARY, TRAFFIC
from canarystats.sequential.dispersion import Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.sequential.counts import Counts, CountsState

    FloatArray = NDArray[np.float64]

PARTS = 4  # errors and successes of the canary, errors and successes of the baseline


def paths(
    design: Counts, begun: CountsState, canary: FloatArray, baseline: FloatArray, share: FloatArray
) -> dict[str, Path]:
    """What each claim's log e-value does in each of R scenarios.

    Parameters
    ----------
    design
        The tests.
    begun
        Their state before the first tick, one row.
    canary, baseline
        (events, exposure) a tick brings on average, shape (R, 2).
    share
        The canary's designed share, shape (R,); NaN where there is none.
    """
    parts = np.stack([canary[:, 0], canary[:, 1] - canary[:, 0], *_split(baseline)], axis=1)
    nudged = np.repeat(parts[:, None, :], PARTS + 1, axis=1)
    for i in range(PARTS):
        nudged[:, i + 1, i] *= 1.0 + NUDGE
    flat = nudged.reshape(-1, PARTS)
    left, right = _joined(flat[:, :2]), _joined(flat[:, 2:])
    designed = np.repeat(share, PARTS + 1)
    tick, fano = _tick(left, right, designed), fano_seen(begun.dispersion)
    state = many(begun, len(flat))
    ticks, found = [], []
    for before, taken in steps():
        known = learned_by(begun.dispersion, tick, fano, before, taken)
        looks = replace(state.tests, looks=np.full(len(flat), before))
        state = replace(state, tests=looks, dispersion=known)
        state = design.step(state, taken * left, taken * right, designed, before)
        ticks.append(before + taken)
        found.append(_by_claim(design.log_e(state)))
    noise = np.broadcast_to(fano[0], (len(parts), 3))
    # A canary is as bursty as its baseline was.
    clumped = np.stack([noise[:, i] for i in (BASELINE, TRAFFIC, BASELINE, TRAFFIC)], axis=1)
    return {
        claim: _path(np.array(ticks), np.array([at[claim] for at in found]), parts, clumped)
        for claim in found[0]
    }


def _path(ticks: FloatArray, log_e: FloatArray, parts: FloatArray, fano: FloatArray) -> Path:
    by_row = log_e.reshape(len(ticks), len(parts), PARTS + 1)
    answers = (by_row[:, :, 1:] - by_row[:, :, :1]) / NUDGE
    return Path(ticks, by_row[:, :, 0], answers, parts, fano)


def _by_claim(log_e: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Two directions of harm are averaged into one claim, as the metric's fold does."""
    if "harm.up" not in log_e:
        return log_e
    both = np.stack([log_e["harm.up"], log_e["harm.down"]])
    return log_e | {"harm": log_mean(both)}


def _split(side: FloatArray) -> tuple[FloatArray, FloatArray]:
    return side[:, 0], side[:, 1] - side[:, 0]


def _joined(parts: FloatArray) -> FloatArray:
    return np.stack([parts[:, 0], parts[:, 0] + parts[:, 1]], axis=1)


def _tick(canary: FloatArray, baseline: FloatArray, share: FloatArray) -> Seen:
    """What a tick adds to the burstiness known: baseline's errors, canary's errors, traffic."""
    total = canary[:, 1] + baseline[:, 1]
    known = np.isfinite(share) & (total > 0)
    designed = np.where(known, share, 0.5)
    columns = {BASELINE: baseline, CANARY: canary}
    values, scale, variance = (np.zeros((len(total), 3)) for _ in range(3))
    for kind, side in columns.items():
        values[:, kind], scale[:, kind], variance[:, kind] = side[:, 0], side[:, 1], side[:, 0]
    scale[:, TRAFFIC] = known
    variance[:, TRAFFIC] = designed * (1.0 - designed) * total
    return Seen(values, scale, variance)
