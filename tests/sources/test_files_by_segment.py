"""Metrics by segment as files: what is written, and what comes back."""

import numpy as np
import pytest

import canarystats as cs
from canarystats.sources.files import read_recording, write_recording


def test_metrics_by_segment_come_back_to_the_last_bit(tmp_path):
    rng = np.random.default_rng(3)
    alone = cs.Pair.counts("requests", canary=([1, 2], [9, 8]), times=[0.0, 15.0])
    n = rng.poisson(50, (2, 2)).astype(float)
    n[1, 0] = np.nan
    beside = cs.Pair.counts(
        "requests",
        canary=(n[:, 0] / 7, n[:, 0]),
        baseline=(n[:, 1] / 9, n[:, 1]),
        times=[0.0, 15.0],
    )
    buckets = cs.Pair.histogram(
        "latency_seconds",
        upper_bounds=[0.1, np.inf],
        canary=rng.poisson(9, (2, 2)),
        baseline=rng.poisson(90, (2, 2)),
        times=[0.0, 15.0],
    )
    written = [
        cs.Pair.by_segment({"beta": buckets, "rest of us": buckets}),
        cs.Pair.by_segment({"internal": alone, "premium:eu": beside}),
    ]
    for path in (tmp_path / "folder", tmp_path / "one.csv"):
        write_recording(path, written)
        back = {pair.name: pair for pair in read_recording(path).pairs}
        for pair in written:
            read = back[pair.name]
            assert read.segments == pair.segments
            for side in ("canary", "baseline", "canary_by", "baseline_by"):
                assert np.array_equal(getattr(read, side), getattr(pair, side), equal_nan=True)


def test_a_segment_whose_name_has_brackets_cannot_be_written(tmp_path):
    pair = cs.Pair.counts("requests", canary=([1, 2], [9, 8]), times=[0.0, 15.0])
    with pytest.raises(cs.InputError, match="cannot be written; no brackets"):
        write_recording(tmp_path / "r", [cs.Pair.by_segment({"a[b]": pair})])


def test_columns_by_segment_beside_columns_without_fit_no_kind(tmp_path):
    file = tmp_path / "r.csv"
    file.write_text(
        "time,requests.canary_events[beta],requests.canary_exposure\n0,1,2\n15,1,2\n", "utf-8"
    )
    with pytest.raises(cs.InputError, match="fit no kind of metric"):
        read_recording(file)
