"""Counts of one side: events and exposure, summed over series so that both cover the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.sources.increments import increments
from canarystats.sources.promql import label_names, metric_names

if TYPE_CHECKING:
    from canarystats.sources.increments import Scraped
    from canarystats.sources.series import BoolArray, FloatArray, Labels, Table


def event_rows(table: Table, scrapes: Scraped) -> tuple[FloatArray, list[str]]:
    """What was counted within each tick over all series, shape (n,); NaN where nothing is known."""
    grown, notes = increments(table, scrapes)
    return row_sums(grown), notes


def row_sums(grown: FloatArray) -> FloatArray:
    """The sum of each row, NaN only where every entry is missing."""
    known = ~np.isnan(grown)
    return np.where(known.any(axis=1), np.where(known, grown, 0.0).sum(axis=1), np.nan)


def count_rows(
    events: Table, exposure: Table, scrapes: Scraped, *, silence_is_zero: bool
) -> tuple[FloatArray, list[str]]:
    """Events and exposure within each tick.

    A row is NaN where either part is missing, and what was counted meanwhile stands in the next
    row that has both, so that numerator and denominator always cover the same time.

    Parameters
    ----------
    events, exposure
        The two counters.
    scrapes
        When each target was scraped.
    silence_is_zero
        Whether no series of events means that nothing happened.

    Returns
    -------
    tuple
        Shape (n, 2) and notes.
    """
    happened, notes = increments(events, scrapes)
    exposed, more = increments(exposure, scrapes)
    rows = np.stack([row_sums(happened), row_sums(exposed)], axis=1)
    fresh = np.stack([table.fresh[1:].any(axis=1) for table in (events, exposure)], axis=1)
    unknown = np.asarray((np.isnan(rows) & fresh).any(axis=1))
    if silence_is_zero:
        rows[np.isnan(rows[:, 0]) & ~fresh[:, 0], 0] = 0.0
    unequal = _cover_unequal_times(events, exposure)[1:]
    held_back = _carry(rows, unequal, unknown)
    if held_back:
        notes.append(
            f"held_back: {events.query}: at {held_back} ticks events and exposure did not cover "
            "the same time; they stand in the next tick where they do"
        )
    return rows, notes + more


def _carry(rows: FloatArray, unequal: BoolArray, unknown: BoolArray) -> int:
    """Move what cannot stand in its row into the next that is whole; how many rows were moved.

    A row with a count that can never be known takes what was carried so far with it.
    """
    carried = np.zeros(2)
    moved = 0
    for i, row in enumerate(rows):
        total = np.where(np.isnan(row), 0.0, row) + carried
        if unknown[i]:
            rows[i], carried = np.nan, np.zeros(2)
        elif unequal[i] or np.isnan(row).any() or (total[0] > 0 and total[1] == 0):
            moved += bool(np.nansum(row) > 0)
            rows[i], carried = np.nan, total
        else:
            rows[i], carried = total, np.zeros(2)
    return moved


def _cover_unequal_times(events: Table, exposure: Table) -> BoolArray:
    """Where one part is fresh while the other only repeats an old sample of the same target."""
    unequal = np.zeros(events.grid.size, dtype=np.bool_)
    shared: list[Labels | None] = [t for t in exposure.targets if t in events.targets]
    for target in shared or [None]:
        new_left, old_left = _freshness_of(events, target)
        new_right, old_right = _freshness_of(exposure, target)
        unequal |= (new_left & ~new_right & old_right) | (new_right & ~new_left & old_left)
    if not shared and events.series:
        fresh = events.fresh.any(axis=1)
        unequal |= np.logical_or.accumulate(fresh) & ~fresh
    return unequal


def _freshness_of(table: Table, target: Labels | None) -> tuple[BoolArray, BoolArray]:
    chosen = [target is None or one == target for one in table.targets]
    fresh, stale = table.fresh[:, chosen], table.stale[:, chosen]
    return np.asarray(fresh.any(axis=1)), np.asarray(stale.any(axis=1))


def silence_is_zero(
    template: str, events: Table, exposure: Table, *, seen_elsewhere: bool
) -> tuple[bool, str]:
    """Whether no series of events means that nothing happened, and if not, why.

    Parameters
    ----------
    template
        The query for events, with its ``$arm``.
    events, exposure
        What this side answered.
    seen_elsewhere
        Whether a side has series of events.

    Notes
    -----
    A counter with labels usually exists only from its first event on. It is zero before that only
    if it is exported at all: the exposure must carry every label the query selects by, and the
    counter itself must be seen, as the same metric, or somewhere on either side.
    """
    if events.series:
        return True, ""
    carried = {label for one in exposure.series for label in one.labels}
    lacking = sorted(label_names(template) - carried)
    if lacking:
        return False, (
            f"missing_label: {events.query} answers nothing, and no series of "
            f"{exposure.query} has the label {', '.join(lacking)}; events are missing, not zero"
        )
    names = {one.labels.get("__name__") for one in exposure.series}
    if names & metric_names(template) or seen_elsewhere:
        return True, ""
    return False, (
        f"unseen_counter: {events.query} answers nothing on either side; a counter nobody exports "
        "cannot be told from one that never counted, so events are missing, not zero"
    )
