"""What a search for change points hands back."""

from __future__ import annotations

from html import escape

from canarystats.evidence import Evidence, Interval, Record


class ChangePoint(Record):
    """One change of a series' level.

    Parameters
    ----------
    index
        The first sample after the change, counted from 0, missing samples included.
    at
        Its time in Unix seconds; the index where no times were given.
    interval
        Where the first sample after the change may lie, in the unit of ``at``.
    p_value
        Probability of a change at least this clear anywhere in a series without any.
    effect
        The median after the change minus the median before, between this change's neighbours, in
        the unit of the values; None where infinite values leave it undefined.
    before, after
        Those two medians.
    effect_ratio
        The effect over the absolute value of ``before``; None where that is 0.
    persists
        Whether the last fifth of the series is still nearer to ``after`` than to ``before``.
    evidence
        The same as evidence: observed after, reference before.
    """

    index: int
    at: float
    interval: Interval
    p_value: float
    effect: float | None
    before: float | None
    after: float | None
    effect_ratio: float | None
    persists: bool
    evidence: Evidence

    def __repr__(self) -> str:
        sizes = (
            "by an infinite amount"
            if self.effect is None
            else f"{self.before:.4g} -> {self.after:.4g} ({self.effect:+.3g})"
        )
        gone = "" if self.persists else ", gone by the end"
        where = f"{self.at:.10g} {_ends(self.interval)}"
        return f"ChangePoint at {where}: {sizes}, p={self.p_value:.2g}{gone}."

    __str__ = __repr__


class ChangePoints(list[ChangePoint]):
    """The change points of one series, in time; a list that says why it is empty.

    Parameters
    ----------
    found
        The change points.
    evidence
        Whether the search could speak; its p-value is that of the clearest change, found or not.
    """

    def __init__(self, found: list[ChangePoint], evidence: Evidence) -> None:
        super().__init__(found)
        self.evidence = evidence

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{point.at:.10g}</td><td>{_ends(point.interval)}</td>"
            f"<td>{_cell(point.before)}</td><td>{_cell(point.after)}</td>"
            f"<td>{point.p_value:.2g}</td><td>{'yes' if point.persists else 'no'}</td></tr>"
            for point in self
        )
        head = "<tr><th>at</th><th>interval</th><th>before</th><th>after</th><th>p</th>"
        return (
            f"<table><caption>{escape(repr(self.evidence))}</caption>"
            f"{head}<th>persists</th></tr>{rows}</table>"
        )


def _ends(interval: Interval) -> str:
    return f"[{interval.low:.10g}, {interval.high:.10g}]"


def _cell(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"
