"""Read what a range query answers, strictly: anything undocumented is refused, nothing guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from canarystats.errors import SourceError, SourceErrorKind
from canarystats.sources.series import Bucket, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.sources.series import Grid, Labels

_CLOSED_RULES = {0, 1, 3}  # open left, open right, closed; 2, open on both ends, is never sent


def remarks(envelope: dict[str, Any]) -> list[str]:
    """What the server remarked beside its answer, as notes of a pair."""
    notes = []
    for key, prefix in (("warnings", "partial_response"), ("infos", "info")):
        given = envelope.get(key)
        if given is None:
            continue
        if not isinstance(given, list):
            given = [given]
        notes += [f"{prefix}: {text}" for text in given]
    if envelope.get("isPartial") is True:
        notes.append("partial_response: the server says isPartial")
    return notes


def read_matrix(answers: Sequence[object], grid: Grid) -> list[Series]:
    """Join the chunks of one range query.

    Parameters
    ----------
    answers
        The ``data`` of each answer.
    grid
        The times that were asked for, over all chunks.

    Returns
    -------
    list of Series
        Sorted by their labels.

    Raises
    ------
    SourceError
        Kind ``malformed``: an answer is not a matrix on the grid.
    """
    found: dict[tuple[tuple[str, str], ...], Series] = {}
    for answer in answers:
        seen = set()
        for item in _result(answer):
            labels = _labels(item)
            key = tuple(sorted(labels.items()))
            if key in seen:
                _malformed(f"the series {labels} is there twice")
            seen.add(key)
            if key not in found:
                blank = np.full(grid.size, np.nan)
                found[key] = Series(labels, blank, np.zeros(grid.size, dtype=np.bool_), {})
            _fill(found[key], item, grid)
    return [found[key] for key in sorted(found)]


def _result(answer: object) -> list[dict[str, Any]]:
    if not isinstance(answer, dict) or answer.get("resultType") != "matrix":
        _malformed("the answer holds no matrix")
    result = answer.get("result")
    if not isinstance(result, list) or not all(isinstance(item, dict) for item in result):
        _malformed("the matrix is not a list of series")
    return result


def _labels(item: dict[str, Any]) -> Labels:
    labels = item.get("metric")
    if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
        _malformed("a series has no table of labels")
    return labels


def _fill(series: Series, item: dict[str, Any], grid: Grid) -> None:
    for key in ("values", "histograms"):
        points = item.get(key, [])
        if not isinstance(points, list):
            _malformed(f"{key} is not a list")
        for point in points:
            place, content = _point(point, grid)
            series.present[place] = True
            if key == "values":
                series.values[place] = _number(content)
            else:
                series.histograms[place] = _buckets(content)


def _point(point: object, grid: Grid) -> tuple[int, object]:
    if not isinstance(point, list) or len(point) != 2:
        _malformed(f"a point is {str(point)[:80]}, not [time, value]")
    time = point[0]
    if isinstance(time, bool) or not isinstance(time, int | float) or abs(time) > 1e15:
        _malformed(f"a point's time is {str(time)[:80]}, not a number of seconds")
    place = grid.index(float(time))
    if place is None:
        _malformed(f"a point stands at {time}, which was not asked for")
    return place, point[1]


def _number(content: object) -> float:
    if not isinstance(content, str):
        _malformed(f"a value is {str(content)[:80]}, not a number in a string")
    try:
        return float(content)
    except ValueError:
        _malformed(f"a value is {content[:80]!r}, not a number in a string")


def _buckets(content: object) -> tuple[Bucket, ...]:
    given = content.get("buckets", []) if isinstance(content, dict) else None
    if not isinstance(given, list):
        _malformed("a native histogram has no list of buckets")
    return tuple(sorted(_bucket(bucket) for bucket in given))


def _bucket(bucket: object) -> Bucket:
    if not isinstance(bucket, list) or len(bucket) != 4:
        _malformed(f"a native bucket is {str(bucket)[:80]}, not [rule, lower, upper, count]")
    if not isinstance(bucket[0], int) or bucket[0] not in _CLOSED_RULES:
        _malformed(f"a native bucket has boundary rule {str(bucket[0])[:20]}, which is not read")
    lower, upper, count = (_number(part) for part in bucket[1:])
    if not (lower <= upper and count >= 0):
        _malformed(f"a native bucket ({lower}, {upper}] counts {count}")
    return Bucket(lower, upper, count)


def _malformed(message: str) -> NoReturn:
    raise SourceError(SourceErrorKind.MALFORMED, message)
