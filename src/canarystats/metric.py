"""One thing that is watched, and how a source asks for it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from canarystats.errors import PolicyError
from canarystats.section import LARGEST_RATIO, Fraction, Section
from canarystats.windows import Kind

# Two pods of one version are taken to differ by no more while nothing shows it: by one in a hundred
# pairs where single pods vary by 4.6 % of their mean.
POD_DIFFERENCE = 0.15
PERCENT = 100.0
BY_SEGMENT = {Kind.COUNTS, Kind.HISTOGRAM}
QUERIES = ("value", "limit", "events", "exposure", "buckets")
NO_BASE_UNITS = {
    **dict.fromkeys(("percent", "percentage", "%"), ("ratio", "0.01")),
    **dict.fromkeys(("milliseconds", "millisecond", "ms"), ("seconds", "0.001")),
}


class Arms(Section):
    """The label matchers that select each side in a query."""

    canary: str = 'version="canary"'
    baseline: str = 'version="baseline"'


class Query(Section):
    """How a source asks for a metric; ``$arm`` stands for the label matchers of one side.

    Parameters
    ----------
    value
        Gauge: the series to read, one per pod.
    limit
        Gauge: the series of its limits.
    events, exposure
        Counts: the counters of what happened and of what it happened out of. Events: the counter.
    buckets
        Histogram: the bucket counter, classic or native.
    arms
        What ``$arm`` stands for in this metric's queries, where its series are labelled unlike
        those of the policy's arms.
    segment_by
        Counts, histograms: the label whose values are segments of the traffic, such as ``tier``;
        the two sides are then compared within each.
    scale
        What a source multiplies with to get to the metric's unit: a gauge's values and limits, a
        histogram's bounds. 0.01 for a series in percent, 0.001 for one in milliseconds.
    """

    value: str | None = None
    limit: str | None = None
    events: str | None = None
    exposure: str | None = None
    buckets: str | None = None
    arms: Arms | None = None
    segment_by: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] | None = None
    scale: Annotated[float, Field(gt=0, lt=float("inf"))] = 1.0

    @property
    def asked(self) -> dict[str, str]:
        """The queries there are, by field."""
        every = {name: getattr(self, name) for name in QUERIES}
        return {name: query for name, query in every.items() if query}


class Target(Section):
    """What promotion needs a metric to be shown to meet; nothing is rolled back for it.

    Parameters
    ----------
    at_least, at_most
        One of them: a gauge's mean, the share of counts, events a second (0: none at all), a
        histogram's quantile, in the metric's unit; or a ratio.
    of
        What it is a part of: a ``constant`` is itself; ``limit`` a share of the pods' limits,
        ``baseline`` a ratio to the concurrent baseline, ``history`` a ratio to the mean before the
        rollout. All but the constant are for gauges.
    tolerance
        How far from the target still counts as met, relatively. A canary that is exactly at its
        target is promoted in time because of it. For a histogram it widens the share of slow
        requests, and not the value.
    quantile
        Histograms: which quantile.
    trend
        Gauges: the number is a change an hour, of the ``canary`` or of the ``difference`` between
        the canary and its baseline.
    slack
        Trends: how far from the target still counts as met, in the same unit, instead of the
        tolerance. A target of no change at all needs it.
    """

    at_least: float | None = None
    at_most: float | None = None
    of: Literal["constant", "limit", "baseline", "history"] = "constant"
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.05
    quantile: Fraction | None = None
    trend: Literal["canary", "difference"] | None = None
    slack: Annotated[float, Field(gt=0, lt=float("inf"))] | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        given = [v for v in (self.at_least, self.at_most) if v is not None]
        if len(given) != 1:
            raise PolicyError("", "a target has either at_least or at_most")
        if not abs(given[0]) < float("inf"):
            raise PolicyError("", f"{given[0]} is not a finite number")
        if self.of in {"baseline", "history"} and not 0 < given[0] < LARGEST_RATIO:
            raise PolicyError("", f"{given[0]:g} is not a ratio; 1.26 means 26 % more")
        if self.of == "limit" and self.trend is None and not 0 < given[0] <= 1:
            raise PolicyError("", f"{given[0]:g} is not a share of the limit between 0 and 1")
        return self

    @property
    def aim(self) -> float:
        """The number the policy says."""
        return float(self.at_most if self.at_least is None else self.at_least)  # type: ignore[arg-type]

    @property
    def edge(self) -> float:
        """The number that must be shown to be passed: the target less its tolerance."""
        slack = self.tolerance * abs(self.aim) if self.slack is None else self.slack
        return self.aim + slack if self.at_least is None else self.aim - slack

    @property
    def needs_baseline(self) -> bool:
        """Whether it cannot be asked where nothing is compared."""
        return self.of == "baseline" or self.trend == "difference"

    def _unfit_trend(self, kind: Kind) -> str:
        """Why it cannot be a trend, or nothing."""
        wrong = {
            f"trend is for gauges, and this is {kind}": kind is not Kind.GAUGE,
            f"a trend is a change an hour, and no ratio to the {self.of}": (
                self.of in {"baseline", "history"}
            ),
            "a trend of the difference has no limit": (
                self.of == "limit" and self.trend == "difference"
            ),
            "a trend of 0 has no tolerance; say how far from it still counts, as slack": (
                self.aim == 0 and self.slack is None
            ),
        }
        return next((message for message, applies in wrong.items() if applies), "")

    def unfit(self, kinds: tuple[Kind, ...], unit: str) -> str:
        """Why it cannot be a target of such a metric, or nothing."""
        if len(kinds) != 1 or kinds[0] is Kind.SAMPLES:
            return "a target needs a metric of one kind, and not of samples"
        kind, aim = kinds[0], self.aim
        if self.trend is not None:
            return self._unfit_trend(kind)
        if self.slack is not None:
            return "slack is for trends; others have a tolerance"
        fraction = kind is Kind.COUNTS or (unit == "ratio" and self.of == "constant")
        advice = f" (a percentage? write {aim / 100:g})" if 1 < aim <= PERCENT else ""
        wrong = {
            f"of: {self.of} is for gauges, and this is {kind}": (
                self.of != "constant" and kind is not Kind.GAUGE
            ),
            "a histogram's target needs a quantile": (
                kind is Kind.HISTOGRAM and self.quantile is None
            ),
            "a quantile is for histograms": (
                kind is not Kind.HISTOGRAM and self.quantile is not None
            ),
            "a histogram's quantile has a target of at_most": (
                kind is Kind.HISTOGRAM and self.at_most is None
            ),
            f"{aim:g} is not a fraction between 0 and 1{advice}": fraction and not 0 <= aim <= 1,
            f"{aim:g} is below 0": aim < 0 and kind is not Kind.GAUGE,
            "a target of 0 has no tolerance; only events have a target of at_most 0": (
                aim == 0 and (kind is not Kind.EVENTS or self.at_most is None)
            ),
        }
        return next((message for message, applies in wrong.items() if applies), "")


def _kinds(value: object) -> tuple[Kind, ...]:
    """One kind or a list of them."""
    items = value if isinstance(value, list | tuple) else [value]
    known = {str(kind): kind for kind in Kind}
    for item in items:
        if not isinstance(item, str) or item not in known:
            msg = f"{item!r} is not a kind; write one or a list of {', '.join(known)}"
            raise ValueError(msg)
    if not items:
        msg = f"a metric needs a kind: {', '.join(known)}"
        raise ValueError(msg)
    return tuple(known[str(item)] for item in items)


class Metric(Section):
    """One thing that is watched.

    Parameters
    ----------
    name, kind, unit
        What it is; the unit in Prometheus base units (``seconds``, ``bytes``, ``ratio``, ...).
    harmful
        The direction that hurts.
    critical
        Whether its own test may roll back.
    required
        Whether promotion needs it to be shown not worse.
    margin
        The relative difference that never counts; the policy's margin where None.
    non_inferiority
        The relative difference within which promotion must show it; the threshold of the metric's
        trigger where None, or the margin where there is no trigger.
    absolute_margin
        A rate or value so small that the canary is good enough below it, in the metric's unit.
    compare
        Whether the canary is compared with its baseline; false for what only its limit or zero
        judges. Rules that need a baseline are not judged on it then.
    batch
        Ticks that make one observation of a gauge: as many as it takes to forget the past.
    pod_difference
        Gauges: the lasting difference of two sides, relative to the baseline, that is ordinary as
        long as nothing shows how far single pods differ; where None it is 0.15, and nothing
        beside a ``margin`` of the metric's own.
    clumps
        Counts: how many events may come as one, at most, as long as neither the rollout nor its
        history has shown it; lower where events are known to come one by one.
    dry_run
        Reported, never decides.
    target
        What promotion needs it to be shown to meet, beside or instead of its baseline.
    query
        How a source asks for it.
    """

    name: str = Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")
    kind: Annotated[tuple[Kind, ...], BeforeValidator(_kinds)]
    unit: str = "1"
    harmful: Literal["increase", "decrease", "either"] = "increase"
    critical: bool = False
    required: bool = True
    margin: Annotated[float, Field(ge=0, lt=10)] | None = None
    non_inferiority: Annotated[float, Field(gt=0, lt=100)] | None = None
    absolute_margin: Annotated[float, Field(ge=0)] | None = None
    compare: bool = True
    batch: Annotated[int, Field(ge=1)] = 40
    pod_difference: Annotated[float, Field(ge=0, lt=10)] | None = None
    clumps: Annotated[float, Field(ge=1, le=1000)] = 6.0
    dry_run: bool = False
    target: Target | None = None
    query: Query = Query()

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        base = NO_BASE_UNITS.get(self.unit.lower())
        if base is not None:
            raise PolicyError(
                "unit",
                f"{self.unit!r} is no base unit; write {base[0]}, and query.scale: {base[1]}",
            )
        wrong = "" if self.target is None else self.target.unfit(self.kind, self.unit)
        if wrong:
            raise PolicyError("target", wrong)
        if self.query.scale != 1.0 and set(self.kind) & {Kind.COUNTS, Kind.EVENTS}:
            raise PolicyError("query.scale", "counters are numbers of things and are not scaled")
        if self.query.segment_by is not None:
            self._may_come_by_segment(self.query.segment_by)
        return self

    def _may_come_by_segment(self, label: str) -> None:
        if not set(self.kind) & BY_SEGMENT or self.query.value:
            raise PolicyError(
                "query.segment_by",
                f"only counts and histograms come by segment, and this is {' or '.join(self.kind)}",
            )
        if label == "le":
            raise PolicyError("query.segment_by", "le is the label of buckets, not of segments")

    @property
    def assumed_pod_difference(self) -> float:
        """The lasting relative difference of single pods while nothing shows it."""
        if self.pod_difference is not None:
            return self.pod_difference
        return 0.0 if self.margin is not None else POD_DIFFERENCE

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of data the metric may come as."""
        return self.kind
