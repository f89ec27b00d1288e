"""The answers of both sides, divided by the values of a label into segments of the traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.errors import InputError
from canarystats.sources.series import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from canarystats.policy import Policy
    from canarystats.sources.series import Labels
    from canarystats.windows import Pair

MOST_SEGMENTS = 20  # a state of a few kilobytes; more values are identifiers, not kinds of users
SHOWN = 8
PARTIAL = "partial_response"  # a required metric then holds the rollout


def segment_of(labels: Labels, label: str) -> str:
    """The segment that a series belongs to; an empty label is the same as none."""
    return labels.get(label) or f"(no {label})"


def part_of(table: Table, label: str | None, segment: str) -> Table:
    """The series of one segment; all of them where no segment is named."""
    if label is None or not segment:
        return table
    chosen = [segment_of(one.labels, label) == segment for one in table.series]
    kept = [one for one, is_chosen in zip(table.series, chosen, strict=True) if is_chosen]
    return Table(table.query, table.grid, kept, table.fresh[:, chosen], table.raw, table.notes)


def segments_of(
    sides: Sequence[tuple[str, Sequence[Table]]], label: str, field: str
) -> tuple[list[str], list[str]]:
    """The segments that any side has, and notes on those that are not on both.

    Parameters
    ----------
    sides
        The name of a side and what it answered, the metric's exposure last.
    label
        The label that names the segments.
    field
        The query's place in the policy, for messages.

    Raises
    ------
    InputError
        If no series of a query has the label, or it has too many values to name kinds of users.
    """
    found: dict[str, set[str]] = {}
    notes = []
    for side, tables in sides:
        own = [_values_of(table, side, label, field) for table in tables]
        found[side] = set().union(*own)
        beside = sorted(found[side] - own[-1])
        if beside:
            notes.append(
                f"{PARTIAL}: {side}: {tables[0].query} has segments that {tables[-1].query} "
                f"lacks, whose events count for nothing: {_listed(beside)}"
            )
        unnamed = sum(not one.labels.get(label) for one in tables[-1].series)
        if unnamed:
            notes.append(
                f"no_label: {side}: {unnamed} of {len(tables[-1].series)} series of "
                f"{tables[-1].query} have no {label}; they are the segment (no {label})"
            )
    names = sorted(set().union(*found.values()))
    if len(names) > MOST_SEGMENTS:
        msg = (
            f"{field}: {label} has {len(names)} values ({_listed(names)}), more than "
            f"{MOST_SEGMENTS}; segments are kinds of users, not identifiers"
        )
        raise InputError(msg)
    return names, notes + _one_sided(found)


def unseen_segments(policy: Policy, pairs: Iterable[Pair]) -> list[str]:
    """A note on segments whose share the policy names and whose traffic no metric has."""
    seen = {name for pair in pairs for name in pair.segments}
    unseen = sorted(set(policy.segments) - seen)
    if not seen or not unseen:
        return []
    return [f"unseen_segment: segments of the policy without series: {_listed(unseen)}"]


def _values_of(table: Table, side: str, label: str, field: str) -> set[str]:
    if table.series and not any(one.labels.get(label) for one in table.series):
        have = sorted({name for one in table.series for name in one.labels} - {"__name__", "le"})
        advice = "" if table.raw else f" (does it sum the label away? write by ({label}, ...))"
        msg = (
            f"{field} is {label!r}, and no series of the {side}'s {table.query} has that label; "
            f"they have {', '.join(have) or 'none'}{advice}"
        )
        raise InputError(msg)
    return {segment_of(one.labels, label) for one in table.series}


def _one_sided(found: dict[str, set[str]]) -> list[str]:
    if len(found) < 2 or not all(found.values()):
        return []
    (first, ours), (second, theirs) = found.items()
    return [
        f"one_sided: {side}: only it has the segments {_listed(sorted(own - other))}, which are "
        "compared with nothing"
        for side, own, other in ((first, ours, theirs), (second, theirs, ours))
        if own - other
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join([*names[:SHOWN], *(["..."] if len(names) > SHOWN else [])])
