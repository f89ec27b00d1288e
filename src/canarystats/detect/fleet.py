"""A fleet at a glance: how many pods are in each bucket of usage, tick by tick.

A count of pods does not care which pod restarted or took more load; a leak of the version shows as
pods that move up from bucket to bucket and do not come back.

References
----------
Lou et al. (2022), RESIN: a holistic service for dealing with memory leaks in production cloud
infrastructure, OSDI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats import arrays
from canarystats.errors import InputError
from canarystats.evidence import Record
from canarystats.windows import Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

SHARES_OF_LIMIT = (0.2, 0.4, 0.6, 0.8, 0.9, 0.95)


class UsageBuckets(Record):
    """How many pods are in each bucket of usage.

    Parameters
    ----------
    edges
        Lower ends of all buckets but the lowest, as shares of the limit or in the unit of the
        values; a pod at an edge is above it.
    counts
        Pods in each bucket, lowest first, one tuple a tick.
    unknown
        Pods without a sample, or without a limit, at each tick.
    """

    edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]
    unknown: tuple[int, ...]

    @property
    def last(self) -> tuple[int, ...]:
        """The counts at the last tick; empty without ticks."""
        return self.counts[-1] if self.counts else ()

    def at_least(self, edge: float) -> tuple[int, ...]:
        """Pods at or above one of the edges, tick by tick."""
        if edge not in self.edges:
            msg = f"edge is {edge}; it must be one of {self.edges}"
            raise InputError(msg)
        above = self.edges.index(edge) + 1
        return tuple(sum(counts[above:]) for counts in self.counts)

    def __repr__(self) -> str:
        names = [f"under {self.edges[0]:g}", *(f"from {edge:g}" for edge in self.edges)]
        shown = ", ".join(
            f"{count} {name}" for name, count in zip(names, self.last, strict=False) if count
        )
        return f"UsageBuckets of {len(self.counts)} ticks; at the last: {shown or 'no pod'}."

    __str__ = __repr__

    def _repr_html_(self) -> str:
        names = [f"< {self.edges[0]:g}", *(f"≥ {edge:g}" for edge in self.edges)]
        head = "".join(f"<th>{name}</th>" for name in names)
        places = sorted({0, len(self.counts) // 2, len(self.counts) - 1} if self.counts else ())
        rows = "".join(
            f"<tr><td>{place}</td>{''.join(f'<td>{n}</td>' for n in self.counts[place])}</tr>"
            for place in places
        )
        return f"<table><tr><th>tick</th>{head}</tr>{rows}</table>"


def usage_buckets(
    pair_or_values: Pair | ArrayLike,
    limit: ArrayLike | None = None,
    edges: Sequence[float] | None = None,
) -> UsageBuckets:
    """Count the pods in each bucket of usage at each tick.

    Parameters
    ----------
    pair_or_values
        A `Pair`, whose canary pods are counted; or values of shape (K, n), one pod a row.
    limit
        A number or one a pod, in the unit of the values; usage is then a share of it. A pair may
        bring its own. A pod whose limit is 0 is unlimited, and unknown.
    edges
        Increasing lower ends of all buckets but the lowest. Default: 0.2, 0.4, 0.6, 0.8, 0.9 and
        0.95 of the limit; without a limit they must be given.

    Raises
    ------
    InputError
        If an argument cannot be right.
    """
    if isinstance(pair_or_values, Pair):
        pods = pair_or_values.canary.T
        limit = pair_or_values.limit if limit is None else limit
        bounds = None if limit is None else np.atleast_1d(arrays.numbers(limit, "limit")).T
    else:
        pods = np.atleast_2d(arrays.numbers(pair_or_values, "values"))
        bounds = None if limit is None else np.atleast_1d(arrays.numbers(limit, "limit"))
    if pods.ndim != 2:
        msg = f"values has shape {pods.shape}; it must be (K, n)"
        raise InputError(msg)
    if edges is None:
        if bounds is None:
            msg = "edges is None; without a limit it must say where the buckets begin"
            raise InputError(msg)
        edges = SHARES_OF_LIMIT
    ends = arrays.numbers(edges, "edges")
    if ends.ndim != 1 or not len(ends) or not (np.diff(ends) > 0).all():
        msg = f"edges is {tuple(edges)}; it must be a sequence of increasing numbers"
        raise InputError(msg)
    usage = pods
    if bounds is not None:
        bounds = bounds[:, None] if bounds.ndim == 1 else bounds
        if bounds.shape[0] not in {1, len(pods)} or bounds.shape[1] not in {1, pods.shape[1]}:
            msg = f"limit has shape {bounds.shape}; it must be a number or ({len(pods)},)"
            raise InputError(msg)
        usage = np.where(bounds > 0, pods / np.where(bounds > 0, bounds, 1.0), np.nan)
    known = ~np.isnan(usage)
    bucket = np.searchsorted(ends, np.where(known, usage, 0.0), side="right")
    counts = [((bucket == i) & known).sum(axis=0) for i in range(len(ends) + 1)]
    return UsageBuckets(
        edges=tuple(ends.tolist()),
        counts=tuple(tuple(tick) for tick in np.stack(counts, axis=1).tolist()),
        unknown=tuple((~known).sum(axis=0).tolist()),
    )
