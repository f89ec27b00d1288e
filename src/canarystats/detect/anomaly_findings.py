"""What a search for anomalies hands back."""

from __future__ import annotations

from html import escape

from canarystats.evidence import Evidence, Record, Status


class Anomaly(Record):
    """A stretch of ticks in which values lie outside the band too often.

    Parameters
    ----------
    start, end
        The first and last tick outside the band, counted from 0, missing ticks included.
    start_at, end_at
        Their times in Unix seconds; the ticks where no times were given.
    peak
        The tick of the most extreme value.
    observed, expected
        That value and the band's middle there, in the unit of the values.
    score
        Their distance in robust standard deviations; positive is above.
    p_value
        Conformal p-value of that value alone.
    """

    start: int
    end: int
    start_at: float
    end_at: float
    peak: int
    observed: float
    expected: float
    score: float
    p_value: float

    def __repr__(self) -> str:
        where = f"{self.start_at:.10g}"
        if self.end > self.start:
            where += f" to {self.end_at:.10g}"
        return (
            f"Anomaly at {where}: {self.observed:.4g} against {self.expected:.4g} "
            f"({self.score:+.3g} sigma), p={self.p_value:.2g}."
        )

    __str__ = __repr__


class Anomalies(Record):
    """What is out of the ordinary in one series, tick by tick.

    Parameters
    ----------
    anomalous
        Whether the rule "k of m ticks outside the band" was met anywhere. The rule's false alarm
        rate is known by simulation only; ``evidence`` has a p-value, and may be unable to speak
        where the rule can.
    found
        The stretches where it was met, in time.
    scores
        Distance from the band's middle in robust standard deviations, one a tick; None where the
        tick has no value or the band no width.
    p_values
        Conformal p-value of each tick alone; None where it has no value.
    expected
        The band's middle at each tick, in the unit of the values; None where it is unknown.
    half_width
        The band is ``expected`` plus and minus this; at some ticks ``expected`` alone is unknown.
        None where the band has no width, or differs from tick to tick.
    smallest_p_value
        The smallest p-value that so small a reference can give to the whole window.
    pod
        Column of the pair, row of the array.
    pods
        The same for each pod where there are several; this one is then the most suspicious.
    evidence
        The conformal test of the k-th most extreme of m ticks. INSUFFICIENT where no data
        could reach the level.
    """

    anomalous: bool
    found: tuple[Anomaly, ...] = ()
    scores: tuple[float | None, ...] = ()
    p_values: tuple[float | None, ...] = ()
    expected: tuple[float | None, ...] = ()
    half_width: float | None = None
    smallest_p_value: float | None = None
    pod: int = 0
    pods: tuple[Anomalies, ...] = ()
    evidence: Evidence

    def __repr__(self) -> str:
        evidence = self.evidence
        many = f" in {sum(p.anomalous for p in self.pods)} of {len(self.pods)} pods"
        told = f"{len(self.found)} found" if self.anomalous else "none found"
        parts = [told + (many if self.pods else "")]
        if self.found:
            parts.append(f"the first at {self.found[0].start_at:.10g}")
        if evidence.p_value is not None:
            parts.append(f"p={evidence.p_value:.2g}")
        if evidence.status is not Status.OK:
            why = f" ({evidence.detail})" if evidence.detail else ""
            parts.append(f"{evidence.status.replace('_', ' ')}{why}")
        return f"Anomalies of {evidence.metric}: {', '.join(parts)}."

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{one.start_at:.10g}</td><td>{one.end_at:.10g}</td>"
            f"<td>{one.observed:.4g}</td><td>{one.expected:.4g}</td>"
            f"<td>{one.score:+.3g}</td><td>{one.p_value:.2g}</td></tr>"
            for one in self.found
        )
        head = "".join(
            f"<th>{name}</th>" for name in ("from", "to", "observed", "expected", "sigma", "p")
        )
        return f"<table><caption>{escape(repr(self))}</caption><tr>{head}</tr>{rows}</table>"
