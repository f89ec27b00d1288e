"""The service subset of the Numenta Anomaly Benchmark, scored by that benchmark's own rules.

Lavin & Ahmad (2015), Evaluating real-time anomaly detection algorithms: the Numenta Anomaly
Benchmark, ICMLA. The first 15 % of a file (of at most 5000 rows) are not scored. The earliest alarm
in a labelled window earns up to 1, by a sigmoid of how early it comes; a window without one costs
the weight of a miss; each alarm outside costs up to the weight of a false alarm, less soon after a
window. One threshold a profile is chosen over all files. 0 is a detector that never speaks, 100 a
perfect one.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PUBLISHED = Path(__file__).with_name("nab_published.csv")
PROBATION, PROBATION_ROWS = 0.15, 5000
PROFILES = {  # weights of a false alarm and of a miss; a hit weighs 1
    "standard": (0.11, 1.0),
    "reward_low_FP_rate": (0.22, 1.0),
    "reward_low_FN_rate": (0.11, 2.0),
}
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class File:
    """One labelled series; windows are first and last row of each."""

    name: str
    times: np.ndarray
    values: np.ndarray
    windows: list[tuple[int, int]]

    @property
    def probation(self) -> int:
        """Rows that are not scored."""
        return int(PROBATION * min(len(self.values), PROBATION_ROWS))

    @property
    def day(self) -> int:
        """Rows a day, as most timestamps are apart."""
        return round(DAY / np.median(np.diff(self.times)))


def files(folder: Path) -> list[File]:
    """The files that are there, by name."""
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text("utf-8"))
    found = []
    for path in sorted((folder / "data").glob("*/*.csv")):
        name = f"{path.parent.name}/{path.name}"
        with path.open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        times = np.array([row["timestamp"] for row in rows], dtype="datetime64[s]")
        values = np.array([float(row["value"]) for row in rows])
        limits = [
            tuple(
                int(np.flatnonzero(times == np.datetime64(end[:19], "s"))[side])
                for side, end in zip((0, -1), window, strict=True)
            )
            for window in windows[name]
        ]
        found.append(File(name, times, values, limits))
    return found


def sigmoid(position):
    """1 far before the end of a window, 0 at it, -1 from three widths after it."""
    return np.where(position >= 3, -1.0, 2 / (1 + np.exp(5 * np.minimum(position, 3))) - 1)


def gains(file: File):
    """What an alarm at each row is worth, and the window each row is in, -1 outside."""
    row = np.arange(len(file.values))
    position, inside = np.full(len(row), 3.0), np.full(len(row), -1)
    for i, (first, last) in enumerate(file.windows):
        width = last - first + 1
        after = row > last
        position[after] = (row[after] - last) / max(width - 1, 1)
        within = (row >= first) & (row <= last)
        position[within] = -(last - row[within] + 1) / width
        inside[within] = i
    worth = sigmoid(position)
    return np.where(inside >= 0, worth / sigmoid(np.array(-1.0)), worth), inside


def best_score(corpus, scores, false_alarm, miss):
    """The raw score at the threshold that is best over all files, and that threshold."""
    entering, gained = [], []
    for file, score in zip(corpus, scores, strict=True):
        worth, inside = gains(file)
        scored = np.arange(len(score)) >= file.probation
        outside = scored & (inside < 0)
        entering.append(score[outside])
        gained.append(false_alarm * worth[outside])
        for i in range(len(file.windows)):
            rows = np.flatnonzero(scored & (inside == i))
            # rows enter from the highest score down; the earliest of those that entered counts
            order = rows[np.argsort(-score[rows], kind="stable")]
            best = np.maximum.accumulate(np.concatenate([[-miss], worth[order]]))
            entering.append(score[order])
            gained.append(np.diff(best))
    entered = np.concatenate(entering)
    order = np.argsort(-entered, kind="stable")
    entered = entered[order]
    start = -miss * sum(len(file.windows) for file in corpus)
    total = start + np.cumsum(np.concatenate(gained)[order])
    # equal scores enter together
    last = np.append(entered[1:] != entered[:-1], True)
    best = int(np.argmax(np.where(last, total, -np.inf)))
    if total[best] <= start:
        return start, np.inf
    return float(total[best]), float(entered[best])


def normalised(raw: float, windows: int, miss: float) -> float:
    """From 0, a detector that never speaks, to 100."""
    return 100 * (raw + miss * windows) / (windows * (1 + miss))


def results(corpus: list[File], scores: list[np.ndarray]) -> dict[str, tuple[float, float]]:
    """Score of 100 and threshold of each profile."""
    windows = sum(len(file.windows) for file in corpus)
    found = {}
    for profile, (false_alarm, miss) in PROFILES.items():
        raw, threshold = best_score(corpus, scores, false_alarm, miss)
        found[profile] = (normalised(raw, windows, miss), threshold)
    return found


def published(corpus: list[File]) -> dict[str, dict[str, float]]:
    """What other detectors were published to score on these files, by detector and profile.

    Their thresholds were chosen over the whole benchmark, not over these files.
    """
    windows = {file.name: len(file.windows) for file in corpus}
    with PUBLISHED.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["file"] in windows]
    total = sum(windows.values())
    return {
        detector: {
            profile: normalised(
                sum(float(row[profile]) for row in rows if row["detector"] == detector), total, miss
            )
            for profile, (_, miss) in PROFILES.items()
        }
        for detector in dict.fromkeys(row["detector"] for row in rows)
    }
