"""Read windows from Prometheus, or from what speaks its HTTP API.

Counters are read raw and turned into increments here, per series and tick, because ``rate`` and
``increase`` share samples between ticks, extrapolate, and miss the first event of a series.
Nothing in here reads a clock: the caller says from when to when, and should let ``end`` lie far
enough back that the samples up to it have arrived.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError, SourceErrorKind
from canarystats.policy import format_duration
from canarystats.sources.buckets import bucket_rows, histograms, shared_bounds
from canarystats.sources.counts import count_rows, event_rows, silence_is_zero
from canarystats.sources.gauges import gauge_columns, limit_columns
from canarystats.sources.prometheus_api import HttpApi, access
from canarystats.sources.promql import ARM, refuse_rates
from canarystats.sources.series import Grid
from canarystats.sources.sides import Side
from canarystats.sources.transport import HttpTransport
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from canarystats.policy import Metric, Policy
    from canarystats.sources.series import Table
    from canarystats.sources.transport import Transport

_NEEDED = {
    Kind.COUNTS: ("events", "exposure"),
    Kind.EVENTS: ("events",),
    Kind.HISTOGRAM: ("buckets",),
    Kind.GAUGE: ("value",),
}
_ABSENT = frozenset({SourceErrorKind.NOT_FOUND, SourceErrorKind.REJECTED})
_HIDDEN = _ABSENT | {SourceErrorKind.UNAUTHORIZED, SourceErrorKind.MALFORMED}
_MODEL_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


class Prometheus:
    """A Prometheus server, asked by POST only where its interface takes a query.

    Parameters
    ----------
    url
        The server, such as ``http://prometheus:9090`` or ``https://mimir/prometheus``; a user and
        password in it are sent as basic credentials and never shown.
    bearer, basic
        A token, or (user, password).
    tenant
        Sent as ``X-Scope-OrgID``, for Mimir and Cortex.
    headers
        Further headers; their values are kept out of messages.
    timeout_seconds
        Longest wait for an answer, told to the server too.
    retries
        How often a request is repeated after 429, 503 or a broken connection; a ``Retry-After``
        of up to 30 s is honoured, a longer one ends the attempt.
    ca_file, client_cert, client_key, verify
        TLS: certificates to trust, the certificate to show, whether to check the server's.
    transport
        Carries the requests instead of urllib3; timeout and TLS are then its own affair.
    scrape_interval_seconds
        How often the metrics are scraped; asked of the server where None.

    Raises
    ------
    InputError
        If the url, a header, a file or a combination of them cannot be right.
    """

    def __init__(  # noqa: PLR0913 - one keyword a setting, all optional
        self,
        url: str,
        *,
        bearer: str | None = None,
        basic: tuple[str, str] | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
        retries: int = 3,
        ca_file: str | Path | None = None,
        client_cert: str | Path | None = None,
        client_key: str | Path | None = None,
        verify: bool = True,
        transport: Transport | None = None,
        scrape_interval_seconds: float | None = None,
    ) -> None:
        if not timeout_seconds > 0:
            msg = f"timeout_seconds is {timeout_seconds!r}; it must be longer than 0"
            raise InputError(msg)
        if not isinstance(retries, int) or retries < 0:
            msg = f"retries is {retries!r}; it must be a whole number of at least 0"
            raise InputError(msg)
        shown = access(url, bearer=bearer, basic=basic, tenant=tenant, headers=headers)
        if transport is None:
            transport = HttpTransport(
                timeout_seconds=timeout_seconds,
                ca_file=ca_file,
                client_cert=client_cert,
                client_key=client_key,
                verify=verify,
            )
        elif not verify or any(part is not None for part in (ca_file, client_cert, client_key)):
            msg = "TLS options are given beside a transport of your own, which would not see them"
            raise InputError(msg)
        self.url = shown.url
        self._scrape_interval_seconds = scrape_interval_seconds
        self._api = HttpApi(
            shown, transport, timeout_seconds=timeout_seconds, retries=retries, sleep=time.sleep
        )

    def __repr__(self) -> str:
        return f"Prometheus at {self.url}."

    def version(self) -> str:
        """What the server says it is, such as ``2.42.0``, or ``unknown``.

        Raises
        ------
        SourceError
            If the server cannot be asked, or answers something that is no status.
        """
        return _version(self._api.status("/api/v1/status/buildinfo", _ABSENT))

    def read(
        self,
        policy: Policy,
        *,
        start: float,
        end: float,
        baseline_offset_seconds: float = 0.0,
        canary: str | None = None,
        baseline: str | None = None,
    ) -> list[Pair]:
        """Read every metric of a policy that has a query.

        Parameters
        ----------
        policy
            What to read, and how far apart the ticks are.
        start, end
            Unix seconds; the ticks are the multiples of the policy's interval in ``(start, end]``,
            and the row of tick t covers the time from the tick before up to t.
        baseline_offset_seconds
            How far in the past the baseline is read; its values then stand beside the canary's
            ticks.
        canary, baseline
            Label matchers of each side, instead of the policy's.

        Returns
        -------
        list of Pair
            One a metric, in the policy's order; none at all where no tick falls into the time.

        Raises
        ------
        InputError
            If a time, a query or the interval cannot be right.
        SourceError
            If the server cannot be asked, refuses, or answers what its interface rules out.
        """
        if not (np.isfinite(baseline_offset_seconds) and baseline_offset_seconds >= 0):
            msg = f"baseline_offset_seconds is {baseline_offset_seconds!r}; it must be at least 0"
            raise InputError(msg)
        arms = (
            policy.arms.canary if canary is None else canary,
            policy.arms.baseline if baseline is None else baseline,
        )
        wanted = list(_wanted(policy, arms, shifted=baseline_offset_seconds > 0))
        _refuse_short_interval(policy, self._scrape_interval_seconds)
        grid = Grid.of_ticks(start, end, policy.interval)
        if grid.size < 2:
            return []
        sides = (
            Side("canary", arms[0], grid, self._api),
            Side("baseline", arms[1], grid.earlier(baseline_offset_seconds), self._api),
        )
        for metric, kind in wanted:
            for side in sides[:1] if kind is Kind.EVENTS else sides:
                for name in _NEEDED[kind]:
                    side.table(getattr(metric.query, name))
        remarks = [*self._server_notes(), *self._interval_notes(policy, sides)]
        return [_READERS[kind](metric, sides, remarks) for metric, kind in wanted]

    def _server_notes(self) -> list[str]:
        version = _version(self._api.status("/api/v1/status/buildinfo", _HIDDEN))
        return [f"server: prometheus {version}"]

    def _interval_notes(self, policy: Policy, sides: Iterable[Side]) -> list[str]:
        if self._scrape_interval_seconds is not None:
            return []
        targets = {target for side in sides for target in side.targets}
        known = _scrape_intervals(self._api.status("/api/v1/targets?state=active", _HIDDEN))
        found = [known[target] for target in sorted(targets) if target in known]
        if not found:
            return ["scrape_interval: unknown; the server lists no active target of these series"]
        _refuse_short_interval(policy, max(found))
        return []


def _version(info: object) -> str:
    version = info.get("version") if isinstance(info, dict) else None
    return version if isinstance(version, str) and version else "unknown"


def _scrape_intervals(targets: object) -> dict[tuple[str, ...], float]:
    """Seconds between scrapes by (job, instance), for what can be read of the targets' list."""
    active = targets.get("activeTargets") if isinstance(targets, dict) else None
    found: dict[tuple[str, ...], float] = {}
    for target in active if isinstance(active, list) else []:
        labels = target.get("labels") if isinstance(target, dict) else None
        if not isinstance(labels, dict):
            continue
        text = str(target.get("scrapeInterval", ""))
        seconds = sum(float(n) * _SECONDS[unit] for n, unit in _MODEL_DURATION.findall(text))
        key = (str(labels.get("job")), str(labels.get("instance")))
        if seconds > 0:
            found[key] = max(seconds, found.get(key, 0.0))
    return found


def _refuse_short_interval(policy: Policy, scrape_seconds: float | None) -> None:
    if scrape_seconds is not None and policy.interval < scrape_seconds:
        scraped = format_duration(scrape_seconds)
        msg = (
            f"interval is {format_duration(policy.interval)}, shorter than the scrape interval "
            f"{scraped}, so ticks would repeat samples; it must be at least {scraped}"
        )
        raise InputError(msg)


def _wanted(
    policy: Policy, arms: tuple[str, str], *, shifted: bool
) -> Iterator[tuple[Metric, Kind]]:
    """The metrics that have a query, each with the kind its query serves."""
    for metric in policy.metrics:
        given = {name for name, query in metric.query if query}
        if not given:
            continue
        field = f"metrics.{metric.name}.query"
        kinds = [k for k in metric.kinds if k in _NEEDED and given >= set(_NEEDED[k])]
        if not kinds:
            needs = " or ".join(
                f"{k} needs {' and '.join(_NEEDED[k])}" for k in metric.kinds if k in _NEEDED
            )
            msg = f"{field} has {', '.join(sorted(given))}; {needs or 'samples cannot be queried'}"
            raise InputError(msg)
        for name in _NEEDED[kinds[0]]:
            query = getattr(metric.query, name)
            if kinds[0] is not Kind.GAUGE:
                refuse_rates(query, f"{field}.{name}")
            if kinds[0] is not Kind.EVENTS and not shifted:
                _refuse_same_sides(query, arms, f"{field}.{name}")
        yield metric, kinds[0]


def _refuse_same_sides(query: str, arms: tuple[str, str], field: str) -> None:
    if ARM not in query or arms[0] == arms[1]:
        why = f"both arms are {arms[0]!r}" if ARM in query else f"it holds no {ARM}"
        msg = (
            f"{field}: {query!r} would read the same series for canary and baseline: {why}, and "
            "the baseline is not read from the past (baseline_offset_seconds)"
        )
        raise InputError(msg)


def _told(side: Side, notes: Iterable[str]) -> list[str]:
    """The notes with the side they are about, which is said after their first word."""
    return [note.replace(": ", f": {side.name}: ", 1) for note in notes]


def _table_notes(side: Side, tables: Iterable[Table]) -> list[str]:
    notes: list[str] = []
    for table in tables:
        notes += table.notes
        if not table.series:
            notes += _told(side, [f"no_series: {table.query}"])
        notes += _told(side, table.gap_notes())
    return notes


def _once(notes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(notes))


def _read_counts(metric: Metric, sides: tuple[Side, Side], remarks: list[str]) -> Pair:
    asked = str(metric.query.events), str(metric.query.exposure)
    tables = [[side.table(query) for query in asked] for side in sides]
    notes, rows = list(remarks), []
    for side, own, twin in zip(sides, tables, tables[::-1], strict=True):
        quiet, why = silence_is_zero(asked[0], own[0], own[1], twin[0])
        counted, more = count_rows(own[0], own[1], side, silence_is_zero=quiet)
        silent = quiet and not own[0].series
        notes += _table_notes(side, own[1:] if silent else own)
        notes += _told(side, [why] if why and own[1].series else []) + _told(side, more)
        rows.append(counted)
    return Pair.counts(
        metric.name,
        canary=(rows[0][:, 0], rows[0][:, 1]),
        baseline=(rows[1][:, 0], rows[1][:, 1]),
        times=sides[0].grid.times[1:],
        notes=_once(notes),
    )


def _read_events(metric: Metric, sides: tuple[Side, Side], remarks: list[str]) -> Pair:
    side = sides[0]
    table = side.table(str(metric.query.events))
    rows, more = event_rows(table, side)
    notes = [*remarks, *_table_notes(side, [table]), *_told(side, more)]
    times = side.grid.times[1:]
    return Pair.events(metric.name, canary=rows, times=times, notes=_once(notes))


def _read_histogram(metric: Metric, sides: tuple[Side, Side], remarks: list[str]) -> Pair:
    query = str(metric.query.buckets)
    field = f"metrics.{metric.name}.query.buckets"
    tables = [side.table(query) for side in sides]
    found = [histograms(table, field) for table in tables]
    bounds, merged = shared_bounds([*found[0], *found[1]], field)
    notes, rows = [*remarks, *merged], []
    for side, table, own in zip(sides, tables, found, strict=True):
        counted, more = bucket_rows(own, bounds, side.grid.size - 1, side, query=table.query)
        notes += _table_notes(side, [table]) + _told(side, more)
        counted.setflags(write=False)
        rows.append(counted)
    times = sides[0].grid.times[1:]
    for array in (bounds, times):
        array.setflags(write=False)
    # not Pair.histogram: it guesses whether buckets are cumulative, and here that is known
    return Pair(metric.name, Kind.HISTOGRAM, times, rows[0], rows[1], bounds, notes=_once(notes))


def _read_gauge(metric: Metric, sides: tuple[Side, Side], remarks: list[str]) -> Pair:
    tables = [side.table(str(metric.query.value)) for side in sides]
    notes, limit = list(remarks), None
    for side, table in zip(sides, tables, strict=True):
        notes += _table_notes(side, [table])
    if metric.query.limit:
        limits = sides[0].settings(metric.query.limit)
        limit, more = limit_columns(tables[0], limits)
        notes += [*limits.notes, *_told(sides[0], more)]
        if not limits.series:
            notes += _told(sides[0], [f"no_series: {limits.query}"])
    return Pair.gauge(
        metric.name,
        canary=gauge_columns(tables[0]),
        baseline=gauge_columns(tables[1]),
        times=sides[0].grid.times[1:],
        limit=limit,
        notes=_once(notes),
    )


_READERS = {
    Kind.COUNTS: _read_counts,
    Kind.EVENTS: _read_events,
    Kind.HISTOGRAM: _read_histogram,
    Kind.GAUGE: _read_gauge,
}
