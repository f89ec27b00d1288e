"""NAB's rules are computed as that benchmark does, and its service subset does not get worse."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from benchmarks.quality import nab

from canarystats.detect.novelty import novelty_scores
from tests.needs import SHARED, need

FOLDER = SHARED / "data" / "nab"


@pytest.fixture(scope="module")
def corpus():
    need(FOLDER.is_dir(), "Numenta's benchmark")
    return nab.files(FOLDER)


def slow_score(file, alarms, false_alarm, miss):
    """The rules written out, alarm by alarm."""

    def sigmoid(x):
        return -1.0 if x >= 3 else 2 / (1 + math.exp(5 * x)) - 1

    earned = [-miss] * len(file.windows)
    lost = 0.0
    for row in np.flatnonzero(alarms):
        if row < file.probation:
            continue
        inside = [i for i, (a, b) in enumerate(file.windows) if a <= row <= b]
        if inside:
            a, b = file.windows[inside[0]]
            gain = sigmoid(-(b - row + 1) / (b - a + 1)) / sigmoid(-1)
            earned[inside[0]] = max(earned[inside[0]], gain)
        else:
            past = [(a, b) for a, b in file.windows if b < row]
            lost += sigmoid((row - past[-1][1]) / (past[-1][1] - past[-1][0]) if past else 3)
    return sum(earned) + false_alarm * lost


def test_the_score_is_the_rules_written_out(corpus):
    rng = np.random.default_rng(1)
    some = [file for file in corpus if len(file.values) < 1600]
    scores = [rng.integers(0, 400, len(file.values)) * 1.0 for file in some]
    for false_alarm, miss in nab.PROFILES.values():
        raw, threshold = nab.best_score(some, scores, false_alarm, miss)
        slow = {
            t: sum(
                slow_score(file, score >= t, false_alarm, miss)
                for file, score in zip(some, scores, strict=True)
            )
            for t in [*range(390, 400), np.inf]
        }
        assert raw == pytest.approx(max(slow.values()), rel=1e-9)
        assert slow[threshold] == pytest.approx(raw, rel=1e-9)


def test_an_alarm_at_the_start_of_every_window_is_perfect_and_silence_is_nothing(corpus):
    perfect = []
    for file in corpus:
        alarms = np.zeros(len(file.values))
        alarms[[first for first, _ in file.windows]] = 1.0
        perfect.append(alarms)
    silent = [np.zeros(len(file.values)) for file in corpus]
    for profile, (score, _) in nab.results(corpus, perfect).items():
        assert score == pytest.approx(100)
        assert nab.results(corpus, silent)[profile][0] == 0


def test_published_scores_by_file_add_up_to_the_published_totals():
    need(FOLDER.is_dir(), "Numenta's benchmark")
    totals = json.loads((FOLDER / "final_results.json").read_text("utf-8"))
    labels = json.loads((FOLDER / "labels" / "combined_windows.json").read_text("utf-8"))
    windows = sum(map(len, labels.values()))
    with nab.PUBLISHED.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for detector in ("randomCutForest", "twitterADVec"):
        held = [row for row in rows if row["detector"] == detector]
        assert {row["file"] for row in held} == set(labels)
        for profile, (_, miss) in nab.PROFILES.items():
            raw = sum(float(row[profile]) for row in held)
            assert nab.normalised(raw, windows, miss) == pytest.approx(totals[detector][profile])


def test_novelties_score_above_random_cut_forests_and_twitters_on_the_same_files(corpus):
    ours = nab.results(corpus, [novelty_scores(file.values[None])[0] for file in corpus])
    assert len(corpus) == 35
    for found in nab.published(corpus).values():
        for profile, score in found.items():
            assert ours[profile][0] > score
    assert ours["standard"][0] > 56
    assert ours["reward_low_FP_rate"][0] > 44
