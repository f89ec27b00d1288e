"""The Turing change point data set, scored as its own benchmark scores: F1 and covering.

van den Burg & Williams (2020), arXiv:2003.06222. Every annotator has a change point at 0; a
prediction within five samples is a hit and serves once.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

MARGIN = 5
Annotations = dict[str, list[int]]


@dataclass(frozen=True)
class Series:
    """One univariate series and where each annotator saw it change."""

    name: str
    values: np.ndarray
    annotations: Annotations


def univariate(folder: Path) -> list[Series]:
    """The univariate series of a folder, missing values as NaN."""
    annotations = json.loads((folder / "annotations.json").read_text("utf-8"))
    found = []
    for path in sorted(folder.glob("*.json")):
        if path.stem == "annotations":
            continue
        content = json.loads(path.read_text("utf-8"))
        if len(content["series"]) == 1:
            values = np.array(content["series"][0]["raw"], dtype=np.float64)
            found.append(Series(path.stem, values, annotations[path.stem]))
    return found


def f1(annotations: Annotations, predicted: list[int]) -> float:
    """The harmonic mean of precision against all annotators and the mean recall of each."""
    truths = [set(places) | {0} for places in annotations.values()]
    told = set(predicted) | {0}
    precision = hits(set().union(*truths), told) / len(told)
    recall = float(np.mean([hits(truth, told) / len(truth) for truth in truths]))
    return 2 * precision * recall / (precision + recall)


def hits(truth: set[int], told: set[int]) -> int:
    """True places that have a prediction of their own within the margin."""
    free, count = set(told), 0
    for place in truth:
        near = [(abs(place - other), other) for other in free if abs(place - other) <= MARGIN]
        if near:
            free.remove(min(near)[1])
            count += 1
    return count


def cover(annotations: Annotations, predicted: list[int], n: int) -> float:
    """How well each annotated segment is covered by one predicted, by length, over annotators."""
    told = segments(predicted, n)
    scores = [
        sum((b - a) * max(overlap((a, b), other) for other in told) for a, b in segments(places, n))
        / n
        for places in annotations.values()
    ]
    return float(np.mean(scores))


def segments(places: list[int], n: int) -> list[tuple[int, int]]:
    """The stretches between the places."""
    ends = sorted({0, n} | {place for place in places if 0 < place < n})
    return list(itertools.pairwise(ends))


def overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Jaccard's index of two stretches."""
    common = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return common / (one[1] - one[0] + other[1] - other[0] - common)
