"""pandas frames: metrics read from one, and pairs and verdicts written as one, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canarystats.errors import InputError
from canarystats.sources.columns import TIME, Table, columns_of, refuse_repeated
from canarystats.sources.pairs import pairs_from_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from canarystats.sources.columns import FloatArray
    from canarystats.verdict import Verdict
    from canarystats.windows import Pair

WHERE = "frame"
NANOSECONDS = 10**9


def pairs_from_frame(frame: pd.DataFrame) -> list[Pair]:
    """The metrics of a frame whose columns carry the metric's name as prefix.

    Parameters
    ----------
    frame
        Columns such as ``requests.canary_events`` (docs/recordings.md), one row a tick. The times
        are the column ``time`` or the index: a DatetimeIndex with a time zone, or Unix seconds.
        A frame without both, numbered from 0, holds samples.

    Raises
    ------
    InputError
        If the times have no zone, or the columns fit no kind of metric.
    """
    names = [str(name) for name in frame.columns]
    refuse_repeated(WHERE, names)
    if not len(frame):
        msg = f"{WHERE}: there are no rows"
        raise InputError(msg)
    columns = {name: _numbers(frame.iloc[:, i], name) for i, name in enumerate(names)}
    if TIME not in columns and not _is_plain(frame.index):
        columns[TIME] = _numbers(frame.index, "index")
    return list(pairs_from_table(Table(WHERE, columns)))


def pair_to_frame(pair: Pair) -> pd.DataFrame:
    """One metric as a frame; `pairs_from_frame` reads it back.

    Returns
    -------
    DataFrame
        Columns such as ``requests.canary_events``, indexed by ``time`` in UTC to the nanosecond;
        samples are numbered from 0.

    Raises
    ------
    InputError
        If the pair has no rows or no times, or is a gauge without baseline and limit.
    """
    import pandas as pd

    columns = columns_of(pair)
    times = columns.pop(TIME, None)
    named = {f"{pair.name}.{column}": values for column, values in columns.items()}
    return pd.DataFrame(named, index=None if times is None else _utc(times, TIME))


def verdicts_to_frame(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Verdicts as a frame, one row each.

    Returns
    -------
    DataFrame
        ``at`` (UTC), ``decision``, ``score``, ``reason``, and for each trigger
        ``<trigger>.condition``, ``.observed``, ``.reference``, ``.threshold``, ``.held_seconds``,
        ``.for_seconds`` and ``.severity``, empty where a verdict does not have it.
    """
    import pandas as pd

    rows = [
        {"decision": str(verdict.decision), "score": verdict.score, "reason": verdict.reason}
        | _readings(verdict)
        for verdict in verdicts
    ]
    told = ["decision", "score", "reason"]
    frame = pd.DataFrame(rows, columns=None if rows else told)
    at = np.array([np.nan if v.at is None else v.at for v in verdicts], dtype=np.float64)
    frame.insert(0, "at", _utc(at, None))
    return frame


def _readings(verdict: Verdict) -> dict[str, object]:
    fields = ("observed", "reference", "threshold", "held_seconds", "for_seconds", "severity")
    cells: dict[str, object] = {}
    for reading in verdict.readings:
        cells[f"{reading.trigger}.condition"] = str(reading.condition)
        for field in fields:
            cells[f"{reading.trigger}.{field}"] = getattr(reading, field)
    return cells


def _is_plain(index: pd.Index) -> bool:
    """Whether the index is the one pandas gives to a frame that was given none."""
    import pandas as pd

    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def _numbers(values: Any, name: str) -> FloatArray:
    import pandas as pd

    kinds = pd.api.types
    if kinds.is_datetime64_any_dtype(values.dtype):
        if getattr(values.dtype, "tz", None) is None:
            msg = f"{WHERE}, {name!r}: these times have no zone; tz_localize them first"
            raise InputError(msg)
        index = pd.DatetimeIndex(values).as_unit("ns")
        # Python's division of whole numbers rounds once, so the nearest float comes out.
        seconds = np.array([tick / NANOSECONDS for tick in index.asi8.tolist()], dtype=np.float64)
        seconds[index.isna()] = np.nan
        return seconds
    if not kinds.is_numeric_dtype(values.dtype) or kinds.is_bool_dtype(values.dtype):
        msg = f"{WHERE}, {name!r}: it holds {values.dtype}; it must hold numbers"
        raise InputError(msg)
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))


def _utc(seconds: FloatArray, name: str | None) -> pd.DatetimeIndex:
    import pandas as pd

    whole, fraction = np.divmod(seconds, 1.0)
    ticks = np.full(len(seconds), np.datetime64("NaT", "ns"))
    known = ~np.isnan(seconds)
    nanoseconds = whole[known].astype(np.int64) * NANOSECONDS
    nanoseconds += np.rint(fraction[known] * NANOSECONDS).astype(np.int64)
    ticks[known] = nanoseconds.view("datetime64[ns]")
    return pd.DatetimeIndex(ticks, name=name).tz_localize("UTC")
