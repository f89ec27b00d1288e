"""The share of observations above a bucket edge: no interpolation, nothing presumed of a shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, overload

import numpy as np

from canarystats.compare import sides
from canarystats.compare.rate_differences import rate_difference
from canarystats.compare.rate_levels import rate_level
from canarystats.errors import InputError
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canarystats.evidence import Evidence

    FloatArray = NDArray[np.float64]


@overload
def share_above(
    pair: Pair,
    *,
    edge: float,
    threshold: float | None = None,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
) -> Evidence: ...


@overload
def share_above(
    pair: Sequence[Pair],
    *,
    edge: float,
    threshold: float | None = None,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
) -> list[Evidence]: ...


def share_above(
    pair: Pair | Sequence[Pair],
    *,
    edge: float,
    threshold: float | None = None,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
) -> Evidence | list[Evidence]:
    """Compare how large a share of the observations lies above an edge.

    Parameters
    ----------
    pair
        Histogram, or samples, or a sequence of them, tested together.
    edge
        In the metric's unit; of a histogram, one of its upper bounds.
    threshold
        A constant share in (0, 1) to test the canary against, exactly; None compares with the
        baseline.
    alternative
        ``greater`` asks whether the canary's share is larger, ``less`` whether it is smaller.
    level
        The p-value at which the evidence decides, in (0, 0.5).
    margin
        A difference of shares that never counts, as in `rate_difference`; 0 beside a threshold.
    harmful
        The direction that hurts; it names the question and changes no number.

    Returns
    -------
    Evidence
        ``effect`` is the difference of the shares with Miettinen and Nurminen's interval, or the
        canary's share with Clopper and Pearson's where there is a threshold.

    Raises
    ------
    InputError
        If the edge is not one of the buckets', the pair is of another kind or a setting is out of
        range.

    Notes
    -----
    Observations must be independent given the load; requests that are slow together break it.

    References
    ----------
    Miettinen & Nurminen (1985), Statistics in Medicine 4:213-226.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> bounds = [0.1, 0.5, float("inf")]
    >>> pair = Pair.histogram(
    ...     "latency_seconds", upper_bounds=bounds, canary=[[900, 60, 40]], baseline=[[900, 90, 10]]
    ... )
    >>> round(share_above(pair, edge=0.5).effect, 3)
    0.03
    """
    if threshold is not None and margin:
        msg = f"margin is {margin}; beside a threshold it must be 0"
        raise InputError(msg)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "share_above", Kind.HISTOGRAM, Kind.SAMPLES)
    counted = [_above(each, edge) for each in pairs]
    if threshold is None:
        found = rate_difference(
            counted, alternative=alternative, level=level, margin=margin, harmful=harmful
        )
    else:
        found = rate_level(counted, threshold=threshold, alternative=alternative, level=level)
    named = [
        one.model_copy(
            update={
                "method": "share_above",
                "assumptions": ("the observations are independent", one.assumptions[-1]),
                "seen": (*one.seen, f"share of observations above {edge:g}"),
            }
        )
        for one in found
    ]
    return named[0] if isinstance(pair, Pair) else named


def _above(pair: Pair, edge: float) -> Pair:
    if pair.kind is Kind.SAMPLES:
        sides.require_between("edge", edge, -math.inf, math.inf)
        tables = [_samples_above(values, edge) for values in sides.ordinary_values(pair)]
    else:
        bounds = pair.upper_bounds if pair.upper_bounds is not None else np.array([np.inf])
        at = np.flatnonzero(bounds[:-1] == edge)
        if not at.size:
            msg = (
                f"metric {pair.name!r}: edge is {edge}; it must be one of the finite bounds "
                f"{bounds[:-1].tolist()}"
            )
            raise InputError(msg)
        baseline = pair.baseline if pair.baseline is not None else np.full_like(pair.canary, np.nan)
        tables = [_buckets_above(side, int(at[0])) for side in (pair.canary, baseline)]
    return Pair(pair.name, Kind.COUNTS, None, tables[0], tables[1], notes=pair.notes)


def _samples_above(values: FloatArray, edge: float) -> FloatArray:
    return np.array([[float((values > edge).sum()), float(values.size)]])


def _buckets_above(counts: FloatArray, last_below: int) -> FloatArray:
    return np.stack([counts[:, last_below + 1 :].sum(axis=1), counts.sum(axis=1)], axis=1)
