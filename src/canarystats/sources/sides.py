"""One side of a comparison at the server: its queries, answered once each on its own grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.sources.promql import any_of, for_arm, is_plain, narrowed, selectors
from canarystats.sources.series import Series, Table, freshness, target_of

if TYPE_CHECKING:
    from canarystats.sources.prometheus_api import HttpApi
    from canarystats.sources.series import BoolArray, Grid, Labels

Target = tuple[str, ...]


class Side:
    """Asks for one side, remembers what was asked, and knows when its targets were scraped.

    Parameters
    ----------
    name
        ``canary`` or ``baseline``.
    matchers
        What ``$arm`` stands for.
    grid
        Its ticks, led by the one before; the baseline's may lie in the past.
    api
        The server.
    """

    def __init__(self, name: str, matchers: str, grid: Grid, api: HttpApi) -> None:
        self.name = name
        self.grid = grid
        self._matchers = matchers
        self._api = api
        self._tables: dict[tuple[str, bool], Table] = {}
        self._up: Table | None = None

    def is_same_as(self, other: Side) -> bool:
        """Whether nothing tells this side's series from the other's."""
        return self._matchers == other._matchers

    def table(self, template: str) -> Table:
        """The answer to a query, with what tells fresh samples from repeated ones."""
        return self._ask(for_arm(template, self._matchers), setting=False)

    def settings(self, template: str) -> Table:
        """The answer to a query for something that stands until it is changed, such as a limit."""
        return self._ask(for_arm(template, self._matchers), setting=True)

    @property
    def targets(self) -> set[Target]:
        """What the series read so far were scraped from, as (job, instance)."""
        return {_key(one.labels) for table in self._exported() for one in table.series} - {()}

    def scraped(self, target: Labels) -> BoolArray:
        """When scrapes of a target, or of any where it is empty, arrived; shape (n + 1,)."""
        key = tuple(target.values())
        seen = self._seen(self._exported(), key)
        if not key or seen.all():
            return seen
        if self._up is None:
            # asked once for all targets, and only when a series is born or comes back
            jobs, instances = ({t[i] for t in self.targets} for i in range(2))
            query = f"up{{job=~{any_of(jobs)},instance=~{any_of(instances)}}}"
            self._up = self._fetch(query, setting=False)
        return seen | self._seen([_answering(self._up)], key)

    def _seen(self, tables: list[Table], key: Target) -> BoolArray:
        seen = np.zeros(self.grid.size, dtype=np.bool_)
        for table in tables:
            chosen = [not key or _key(one.labels) == key for one in table.series]
            seen |= table.fresh[:, chosen].any(axis=1)
        return seen

    def _exported(self) -> list[Table]:
        return [t for (_, setting), t in self._tables.items() if t.raw and not setting]

    def _ask(self, query: str, *, setting: bool) -> Table:
        if (query, setting) not in self._tables:
            self._tables[query, setting] = self._fetch(query, setting=setting)
        return self._tables[query, setting]

    def _fetch(self, query: str, *, setting: bool) -> Table:
        series, notes = self._api.query_range(query, self.grid)
        raw = is_plain(query)
        if setting or not series:
            fresh = np.ones((self.grid.size, len(series)), dtype=np.bool_)
            return Table(query, self.grid, series, fresh, raw, notes)
        fresh, more = self._dated(query, series) if raw else self._dated_together(query, series)
        return Table(query, self.grid, series, fresh, raw, tuple(dict.fromkeys(notes + more)))

    def _dated(self, query: str, series: list[Series]) -> tuple[BoolArray, tuple[str, ...]]:
        """Where the samples of a plain selector are fresh, one metric's name after the other.

        ``timestamp`` drops the name, and the server refuses series that are told apart by nothing
        else.
        """
        names = [one.labels.get("__name__", "") for one in series]
        fresh = np.zeros((self.grid.size, len(series)), dtype=np.bool_)
        notes: tuple[str, ...] = ()
        for name in dict.fromkeys(names):
            columns = [i for i, own in enumerate(names) if own == name]
            asked = query if len(columns) == len(names) else narrowed(query, name)
            stamps, more = self._api.query_range(f"timestamp({asked})", self.grid)
            found, said = self._taken(asked, [series[i] for i in columns], stamps)
            fresh[:, columns] = found
            notes += more + said
        return fresh, notes

    def _dated_together(
        self, query: str, series: list[Series]
    ) -> tuple[BoolArray, tuple[str, ...]]:
        """The same for an expression: as fresh as the newest sample behind it."""
        stamps, more = self._newest(query)
        fresh, said = self._taken(query, series, stamps)
        return fresh, more + said

    def _taken(
        self, query: str, series: list[Series], stamps: list[Series]
    ) -> tuple[BoolArray, tuple[str, ...]]:
        if stamps:
            return freshness(series, stamps, self.grid), ()
        note = f"freshness_unknown: {query}: it shifts time or names no selector"
        return np.stack([one.present for one in series], axis=1), (note,)

    def _newest(self, query: str) -> tuple[list[Series], tuple[str, ...]]:
        """The newest sample behind an expression, whose own time would always be now."""
        newest = np.full(self.grid.size, np.nan)
        notes: tuple[str, ...] = ()
        for selector in selectors(query):
            found, more = self._api.query_range(f"max(timestamp({selector}))", self.grid)
            notes += more
            for one in found:
                newest = np.fmax(newest, one.values)
        if np.isnan(newest).all():
            return [], notes
        return [Series({}, newest, ~np.isnan(newest))], notes


def _key(labels: Labels) -> Target:
    return tuple(target_of(labels).values())


def _answering(up: Table) -> Table:
    """The same ``up`` series, fresh only where the scrape succeeded."""
    return Table(up.query, up.grid, up.series, up.fresh & (up.values == 1), up.raw, up.notes)
