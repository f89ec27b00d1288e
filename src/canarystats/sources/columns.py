"""The column layout that recorded rollouts and frames share: which columns make which kind.

One metric is a table whose columns name its sides:

=========  ==================================================================================
counts     ``time, canary_events, canary_exposure[, baseline_events, baseline_exposure]``
histogram  ``time, canary_le_<bound>..., canary_le_inf[, baseline_le_<bound>...]``
gauge      ``time, canary[:<pod>]...`` and ``baseline[:<pod>]...`` or ``limit[:<pod>]...``
events     ``time, canary[:<series>]...``
samples    ``canary, baseline``
=========  ==================================================================================

A gauge may say so, ``canary_value`` and ``baseline_value``, and so may events, ``canary_count`` and
``baseline_count``: where a gauge has neither baseline nor limit, or events have a baseline, the
plain names would be read as the other kind.

Counts and histograms by segment of the traffic have these columns once for each segment, whose
name stands behind in brackets (``canary_events[beta]``).

Several metrics in one table carry their name as prefix (``requests.canary_events``) and share the
column ``time``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]
    Columns = dict[str, FloatArray]

TIME = "time"
METRIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
BUCKET = re.compile(r"(canary|baseline)_le_(.+)")
SERIES = re.compile(r"(?P<side>canary|baseline|limit)(?:_(?P<says>value|count))?(?::(?P<pod>.+))?")
SAYS = {Kind.GAUGE: "value", Kind.EVENTS: "count"}
IN_SEGMENT = re.compile(r"((?:canary|baseline)_(?:events|exposure|le_[^\[\]]+))\[([^\[\]]+)\]")
_CANARY_COUNTS = {"canary_events", "canary_exposure"}
_BASELINE_COUNTS = {"baseline_events", "baseline_exposure"}


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of numbers as a file or a frame holds them.

    Parameters
    ----------
    where
        Where they come from, as the start of an error message.
    columns
        Each of shape (n,); NaN is an empty cell. ``time`` is in Unix seconds.
    lines
        The line of the file on which each row stands; None where rows are counted from 1.
    """

    where: str
    columns: Columns
    lines: Sequence[int] | None = None

    def place(self, row: int, column: str) -> str:
        """A cell in words, as the start of an error message."""
        line = f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"
        return f"{self.where}, {line}, column {column!r}"


def refuse_repeated(where: str, names: Iterable[str]) -> None:
    """Raise `InputError` if a column has no name, or the name of another one."""
    for name, count in Counter(names).items():
        if not name:
            msg = f"{where}: a column has no name"
            raise InputError(msg)
        if count > 1:
            msg = f"{where}: the column {name!r} is there {count} times"
            raise InputError(msg)


def kind_of(columns: Iterable[str]) -> Kind | None:
    """The kind of metric that exactly these columns make; None where they make none."""
    names = set(columns)
    parts: Mapping[str, Iterable[str]]
    parts = by_segment(dict.fromkeys(names, np.empty(0))) or {"": names}
    kinds = {_kind_of(set(part)) for part in parts.values()}
    return kinds.pop() if len(kinds) == 1 else None


def _kind_of(names: set[str]) -> Kind | None:
    if names == {"canary", "baseline"}:
        return Kind.SAMPLES
    if TIME not in names:
        return None
    names.remove(TIME)
    if names in (_CANARY_COUNTS, _CANARY_COUNTS | _BASELINE_COUNTS):
        return Kind.COUNTS
    if names and all(BUCKET.fullmatch(name) for name in names):
        return Kind.HISTOGRAM
    series = [match for name in names if (match := SERIES.fullmatch(name))]
    sides = {match["side"] for match in series}
    pods = {name.partition(":")[0] for name in names if ":" in name}
    if len(series) < len(names) or "canary" not in sides or pods & names or contradiction(names):
        return None
    said = {match["says"] for match in series} - {None}
    return Kind.EVENTS if said == {"count"} or (not said and sides == {"canary"}) else Kind.GAUGE


def contradiction(names: Iterable[str]) -> str:
    """Which two columns say that one metric is of two kinds, or nothing."""
    said: dict[str, str] = {}
    for name in sorted(names):
        match = SERIES.fullmatch(name)
        if match is None:
            continue
        if match["side"] == "limit":
            if match["says"]:
                return f"{name!r} says what a limit cannot be; it is 'limit', or 'limit:<pod>'"
            said.setdefault("gauge", name)
        elif match["says"]:
            said["gauge" if match["says"] == "value" else "events"] = name
        else:
            said["neither"] = name
    gauge, events, neither = (said.get(kind) for kind in ("gauge", "events", "neither"))
    if gauge and events:
        return f"{gauge!r} is of a gauge and {events!r} of events, and one metric is of one kind"
    one = events or (gauge if gauge and not gauge.startswith("limit") else None)
    if one and neither:
        return f"{one!r} says its kind and {neither!r} does not; both sides must"
    return ""


def by_segment(columns: Columns) -> dict[str, Columns] | None:
    """The columns of each segment without its name, with the time; None where not all have one."""
    matches = {column: IN_SEGMENT.fullmatch(column) for column in columns if column != TIME}
    if not matches or not all(matches.values()):
        return None
    clock = {TIME: columns[TIME]} if TIME in columns else {}
    parts: dict[str, Columns] = {}
    for column, match in matches.items():
        if match:
            parts.setdefault(match[2], dict(clock))[match[1]] = columns[column]
    return parts


def columns_of(pair: Pair) -> Columns:
    """The columns of one metric, ``time`` first; `pairs.pair_from_table` reads them back.

    Raises
    ------
    InputError
        If the pair has no times or no rows.
    """
    if not pair.n_ticks and not (pair.kind is Kind.SAMPLES and len(_baseline(pair))):
        msg = f"metric {pair.name!r} has no rows to write"
        raise InputError(msg)
    if pair.kind is Kind.SAMPLES:
        return _samples_columns(pair)
    if pair.times is None:
        msg = f"metric {pair.name!r} has no times; only samples are written without"
        raise InputError(msg)
    if pair.segments:
        return _columns_by_segment(pair)
    columns = _plain_columns(pair, says="")
    if kind_of(columns) is pair.kind:
        return columns
    return _plain_columns(pair, says=f"_{SAYS[pair.kind]}")


def _plain_columns(pair: Pair, *, says: str) -> Columns:
    """Its columns, with what the names of its sides say of its kind."""
    columns: Columns = {} if pair.times is None else {TIME: pair.times}
    for side, table in (("canary", pair.canary), ("baseline", pair.baseline)):
        if table is not None:
            names = _names(pair, f"{side}{says}", table.shape[1])
            columns |= dict(zip(names, table.T, strict=True))
    if pair.limit is not None:
        wide = np.broadcast_to(pair.limit, pair.canary.shape)
        columns |= dict(zip(_names(pair, "limit", wide.shape[1]), wide.T, strict=True))
    return columns


def _columns_by_segment(pair: Pair) -> Columns:
    columns: Columns = {}
    for i, segment in enumerate(pair.segments):
        if pair.canary_by is None or pair.baseline_by is None:  # never, where there are segments
            continue
        if not re.fullmatch(r"[^\[\]]+", segment):
            msg = f"metric {pair.name!r}: the segment {segment!r} cannot be written; no brackets"
            raise InputError(msg)
        baseline = pair.baseline_by[:, i]
        alone = bool(np.isnan(baseline).all())
        part = replace(
            pair,
            canary=pair.canary_by[:, i],
            baseline=None if alone else baseline,
            segments=(),
            canary_by=None,
            baseline_by=None,
        )
        for column, values in columns_of(part).items():
            columns[column if column == TIME else f"{column}[{segment}]"] = values
    return columns


def columns_of_all(pairs: Sequence[Pair]) -> Columns:
    """One table for several metrics on one clock, each column with its metric's name as prefix.

    Raises
    ------
    InputError
        If the metrics have different times, or one cannot be written.
    """
    merged: Columns = {}
    for pair in pairs:
        columns = columns_of(pair)
        if merged and not _on_one_clock(merged, columns):
            msg = (
                f"metric {pair.name!r} does not share the rows of {pairs[0].name!r}; metrics on "
                "different clocks go into a directory, one file each"
            )
            raise InputError(msg)
        merged |= {
            column if column == TIME else f"{pair.name}.{column}": values
            for column, values in columns.items()
        }
    return merged


def _on_one_clock(one: Columns, other: Columns) -> bool:
    if TIME in one and TIME in other:
        return np.array_equal(one[TIME], other[TIME])
    if TIME in one or TIME in other:
        return False
    return len(next(iter(one.values()))) == len(next(iter(other.values())))


def _names(pair: Pair, side: str, width: int) -> list[str]:
    if pair.kind is Kind.COUNTS:
        return [f"{side}_events", f"{side}_exposure"]
    if pair.upper_bounds is not None:
        return [f"{side}_le_{float(bound)!r}" for bound in pair.upper_bounds]
    return [side] if width == 1 else [f"{side}:{i + 1}" for i in range(width)]


def _samples_columns(pair: Pair) -> Columns:
    sides = {"canary": pair.canary, "baseline": _baseline(pair)}
    longest = max(len(values) for values in sides.values())
    return {
        side: np.pad(values[:, 0], (0, longest - len(values)), constant_values=np.nan)
        for side, values in sides.items()
    }


def _baseline(pair: Pair) -> FloatArray:
    return np.empty((0, 1)) if pair.baseline is None else pair.baseline
