"""Counts added up over the ticks that both sides have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.compare import sides
from canarystats.evidence import Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

STEADY_SHARE = 2.0  # the canary's share of exposure may move by this factor before it is told


@dataclass(frozen=True, slots=True)
class Totals:
    """Events and exposure of both sides, and what was missing."""

    canary: FloatArray  # (events, exposure)
    baseline: FloatArray
    seen: tuple[str, ...]


def together(pair: Pair) -> Totals:
    """Add up the ticks that both sides have."""
    baseline = pair.baseline if pair.baseline is not None else np.full_like(pair.canary, np.nan)
    present = ~np.isnan(pair.canary[:, 1]) & ~np.isnan(baseline[:, 1])
    seen = list(pair.notes)
    for label, side in (("canary", pair.canary), ("baseline", baseline)):
        missing = int(np.isnan(side[:, 1]).sum())
        if side is baseline and pair.baseline is None:
            seen.append("no baseline")
        elif missing:
            seen.append(f"{label}: {missing} of {pair.n_ticks} ticks missing")
    moved = _share_moved(pair.canary[present, 1], baseline[present, 1])
    if moved:
        seen.append(moved)
    return Totals(pair.canary[present].sum(axis=0), baseline[present].sum(axis=0), tuple(seen))


def _share_moved(canary: FloatArray, baseline: FloatArray) -> str:
    # thirds of the window, so that the noise of single ticks is not taken for a ramp
    totals = [
        (float(a.sum()), float(a.sum() + b.sum()))
        for a, b in zip(np.array_split(canary, 3), np.array_split(baseline, 3), strict=True)
    ]
    shares = [ours / both for ours, both in totals if both > 0]
    if not shares or max(shares) <= STEADY_SHARE * min(shares):
        return ""
    return f"the canary's share of the exposure moved from {shares[0]:.3g} to {shares[-1]:.3g}"


def present(pair: Pair, totals: Totals) -> Status:
    """Whether both sides had any exposure, together or apart."""

    def exposed(side: FloatArray | None) -> float:
        return 0.0 if side is None else float(np.nansum(side[:, 1]))

    apart = sides.absent(exposed(pair.canary), exposed(pair.baseline))
    together = sides.absent(totals.canary[1], totals.baseline[1])
    # both were seen, but never at the same time
    return apart or (Status.INSUFFICIENT if together else Status.OK)
