"""Read windows from Prometheus, or from what speaks its HTTP API.

Counters are read raw and turned into increments here, per series and tick, because ``rate`` and
``increase`` share samples between ticks, extrapolate, and miss the first event of a series.
Nothing in here reads a clock: the caller says from when to when, and should let ``end`` lie far
enough back that the samples up to it have arrived.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError, SourceErrorKind
from canarystats.sources.prometheus_api import HttpApi, access
from canarystats.sources.promql import ARM, refuse_rates
from canarystats.sources.readings import NEEDED, READERS, read_histogram
from canarystats.sources.scrape_intervals import refuse_short_interval, scrape_intervals
from canarystats.sources.segments import unseen_segments
from canarystats.sources.series import Grid
from canarystats.sources.sides import Side
from canarystats.sources.transport import HttpTransport
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike

    from canarystats.policy import Metric, Policy
    from canarystats.sources.series import FloatArray
    from canarystats.sources.transport import Transport
    from canarystats.windows import Pair

_ABSENT = frozenset({SourceErrorKind.NOT_FOUND, SourceErrorKind.REJECTED})
_HIDDEN = _ABSENT | {SourceErrorKind.UNAUTHORIZED, SourceErrorKind.MALFORMED}

LONGEST_TIMEOUT_SECONDS = 3600.0
READ_BESIDE = {Kind.EVENTS, Kind.GAUGE}  # what a rule without a twin reads


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
        if not 0 < timeout_seconds <= LONGEST_TIMEOUT_SECONDS:
            msg = (
                f"timeout_seconds is {timeout_seconds!r}; it must be longer than 0 and at most "
                f"{LONGEST_TIMEOUT_SECONDS:g}"
            )
            raise InputError(msg)
        if scrape_interval_seconds is not None and not scrape_interval_seconds > 0:
            msg = f"scrape_interval_seconds is {scrape_interval_seconds!r}; it must be more than 0"
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
        upper_bounds: Mapping[str, ArrayLike] | None = None,
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
            Label matchers of each side, instead of the policy's; a metric with matchers of its own
            keeps them.
        upper_bounds
            Bounds to express a histogram on, by the metric's name, where an earlier window has
            already fixed them; otherwise those that all its series in this window share.

        Returns
        -------
        list of Pair
            One a metric, in the policy's order; none at all where no tick falls into the time.
            A histogram that has no observations on either side, and no bounds given, is left out,
            because its buckets are unknown. Events, and a gauge that is not compared, have a
            baseline where ``$arm`` tells the sides apart and it has series: whether it is in the
            same trouble.

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
        frozen = {name: _bounds(name, given) for name, given in (upper_bounds or {}).items()}
        wanted = list(_wanted(policy, arms, shifted=baseline_offset_seconds > 0))
        refuse_short_interval(policy, self._scrape_interval_seconds)
        grid = Grid.of_ticks(start, end, policy.interval)
        if grid.size < 2:
            return []
        grids = grid, grid.earlier(baseline_offset_seconds)
        labelled = {
            own: _sides(own, grids, self._api) for own in {_arms(m, arms) for m, _ in wanted}
        }
        for metric, kind in wanted:
            for side in _read_on(metric, kind, labelled[_arms(metric, arms)]):
                for name in NEEDED[kind]:
                    side.table(getattr(metric.query, name))
        every = [side for sides in labelled.values() for side in sides]
        remarks = [*self._server_notes(), *self._interval_notes(policy, every)]
        pairs = []
        for metric, kind in wanted:
            own = _read_on(metric, kind, labelled[_arms(metric, arms)])
            if kind is Kind.HISTOGRAM:
                pairs.append(read_histogram(metric, own, remarks, frozen.get(metric.name)))
            else:
                pairs.append(READERS[kind](metric, own, remarks))
        found = [pair for pair in pairs if pair is not None]
        unseen = unseen_segments(policy, found)
        return [
            replace(pair, notes=(*pair.notes, *unseen)) if pair.segments else pair for pair in found
        ]

    def _server_notes(self) -> list[str]:
        version = _version(self._api.status("/api/v1/status/buildinfo", _HIDDEN))
        return [f"server: prometheus {version}"]

    def _interval_notes(self, policy: Policy, sides: Iterable[Side]) -> list[str]:
        if self._scrape_interval_seconds is not None:
            return []
        targets = {target for side in sides for target in side.targets}
        known = scrape_intervals(self._api.status("/api/v1/targets?state=active", _HIDDEN))
        found = [known[target] for target in sorted(targets) if target in known]
        if not found:
            return ["scrape_interval: unknown; the server lists no active target of these series"]
        refuse_short_interval(policy, max(found))
        return []


def _arms(metric: Metric, arms: tuple[str, str]) -> tuple[str, str]:
    """The label matchers of both sides in a metric's queries."""
    own = metric.query.arms
    return arms if own is None else (own.canary, own.baseline)


def _sides(arms: tuple[str, str], grids: tuple[Grid, Grid], api: HttpApi) -> tuple[Side, Side]:
    return Side("canary", arms[0], grids[0], api), Side("baseline", arms[1], grids[1], api)


def _read_on(metric: Metric, kind: Kind, sides: tuple[Side, Side]) -> tuple[Side, ...]:
    """Both sides where they are compared, or where the baseline may be in the same trouble now."""
    if metric.compare and kind is not Kind.EVENTS:
        return sides
    canary, baseline = sides
    told_apart = any(ARM in query for query in metric.query.asked.values())
    same_time = np.array_equal(canary.grid.times, baseline.grid.times)
    beside = kind in READ_BESIDE and told_apart and same_time and not canary.is_same_as(baseline)
    return sides if beside else sides[:1]


def _bounds(name: str, given: ArrayLike) -> FloatArray:
    bounds = np.array(given, dtype=np.float64)
    if (
        bounds.ndim != 1
        or len(bounds) < 2
        or not (np.diff(bounds) > 0).all()
        or bounds[-1] < np.inf
    ):
        msg = f"upper_bounds of {name!r} are {bounds.tolist()}; they must increase up to infinity"
        raise InputError(msg)
    return bounds


def _version(info: object) -> str:
    version = info.get("version") if isinstance(info, dict) else None
    return version if isinstance(version, str) and version else "unknown"


def _wanted(
    policy: Policy, arms: tuple[str, str], *, shifted: bool
) -> Iterator[tuple[Metric, Kind]]:
    """The metrics that have a query, each with the kind its query serves."""
    for metric in policy.metrics:
        given = set(metric.query.asked)
        if not given:
            continue
        field = f"metrics.{metric.name}.query"
        kinds = [k for k in metric.kinds if k in NEEDED and given >= set(NEEDED[k])]
        if not kinds:
            needs = " or ".join(
                f"{k} needs {' and '.join(NEEDED[k])}" for k in metric.kinds if k in NEEDED
            )
            msg = f"{field} has {', '.join(sorted(given))}; {needs or 'samples cannot be queried'}"
            raise InputError(msg)
        for name in NEEDED[kinds[0]]:
            query = getattr(metric.query, name)
            if kinds[0] is not Kind.GAUGE:
                refuse_rates(query, f"{field}.{name}")
            if kinds[0] is not Kind.EVENTS and metric.compare and not shifted:
                _refuse_same_sides(query, _arms(metric, arms), f"{field}.{name}")
        yield metric, kinds[0]


def _refuse_same_sides(query: str, arms: tuple[str, str], field: str) -> None:
    if ARM not in query or arms[0] == arms[1]:
        why = f"both arms are {arms[0]!r}" if ARM in query else f"it holds no {ARM}"
        msg = (
            f"{field}: {query!r} would read the same series for canary and baseline: {why}, and "
            "the baseline is not read from the past (baseline_offset_seconds)"
        )
        raise InputError(msg)
