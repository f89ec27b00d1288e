from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml
from benchmarks.recordings.build_online_shop import (
    ADSERVICE,
    DATA,
    FRONTEND,
    RECORDINGS,
    SHOP,
    STRETCHES,
    Stretch,
    build,
    minutes,
    read,
    tick,
)
from tests.needs import need

from canarystats.errors import InputError
from canarystats.policy import Policy
from canarystats.sources.files import list_recordings, read_recording, shipped

if TYPE_CHECKING:
    from canarystats.windows import Pair

NAMES = ("online-shop-adservice", "online-shop-quiet")
INJECTED = 1661154260  # 2022-08-22 07:44:20 UTC


def metric(name: str, recording: str = NAMES[0]) -> Pair:
    (pair,) = [p for p in read_recording(shipped(recording)).pairs if p.name == name]
    return pair


def need_data() -> None:
    need((DATA / "SOURCE.txt").is_file(), "the Nezha data set is not in ../shared")


def test_two_recordings_ship_with_licence_and_source():
    assert list_recordings() == NAMES
    assert "MIT License" in (shipped(NAMES[0]).parent / "LICENSE").read_text()
    assert "NOT CONCURRENT" in (shipped(NAMES[0]).parent / "SOURCE.txt").read_text()
    with pytest.raises(InputError, match="no shipped recording 'shop'; there are online-shop-ad"):
        shipped("shop")


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recording_brings_a_policy_that_fits_it(name):
    recording = read_recording(shipped(name))
    assert (recording.name, recording.share, recording.interval_seconds) == (name, 0.5, 60.0)
    policy = Policy.parse(yaml.safe_load(Path(recording.policy).read_text()))
    assert policy.interval == recording.interval_seconds
    assert not policy.check_split
    kinds = {m.name: m.kinds for m in policy.metrics}
    assert set(kinds) == {pair.name for pair in recording.pairs}
    assert all(pair.kind in kinds[pair.name] for pair in recording.pairs)
    assert all(set(np.diff(pair.times)) == {60.0} for pair in recording.pairs)


def test_the_fault_shows_in_the_canary_alone():
    requests = metric("requests")
    errors = requests.times[requests.canary[:, 0] > 0]
    assert (errors - INJECTED).tolist() == [40, 100, 160]
    np.testing.assert_allclose(
        (requests.canary[:, 0] / requests.canary[:, 1])[8:11], [12 / 122, 14 / 135, 15 / 135]
    )
    assert not requests.baseline[:, 0].any()


def test_the_quiet_recording_has_no_error_and_shares_no_minute_between_its_sides():
    requests = metric("requests", NAMES[1])
    assert not requests.canary[:, 0].any()
    assert not requests.baseline[:, 0].any()
    for stretch in STRETCHES:
        sides = [minutes(first, stretch.ticks) for first in (stretch.canary, stretch.baseline)]
        assert not set(sides[0]) & set(sides[1])


def test_shares_of_limits_are_shares():
    for name in NAMES:
        for side in (metric("cpu_ratio", name), metric("memory_ratio", name)):
            for values in (side.canary, side.baseline):
                assert (values[~np.isnan(values)] > 0).all()
                assert (values[~np.isnan(values)] < 1).all()
        assert metric("memory_ratio", name).limit.tolist() == [[1.0]]


@pytest.mark.parametrize("stretch", STRETCHES, ids=NAMES)
def test_the_shipped_numbers_are_those_of_the_data_set(stretch: Stretch):
    need_data()
    built = {pair.name: pair for pair in build(DATA, stretch)}
    recording = read_recording(RECORDINGS / stretch.name)
    assert recording.description == stretch.description
    assert {pair.name for pair in recording.pairs} == set(built)
    for pair in recording.pairs:
        for field in ("times", "canary", "baseline"):
            np.testing.assert_array_equal(getattr(pair, field), getattr(built[pair.name], field))
    policies = {(RECORDINGS / name / "policy.yaml").read_bytes() for name in NAMES}
    assert len(policies) == 1
    assert (RECORDINGS / "LICENSE").read_bytes() == (DATA / "LICENSE").read_bytes()


def test_the_source_text_counts_what_is_missing_as_the_data_set_has_it():
    need_data()
    files = {name: read(DATA, name) for name in (ADSERVICE, FRONTEND, SHOP)}
    day = np.array([tick(files, minute) for minute in files[FRONTEND]])
    missing = np.isnan(day).sum(axis=0).tolist()
    assert missing == [6, 6, 0, 157, 2]
    text = (RECORDINGS / "SOURCE.txt").read_text()
    assert re.search(r"the whole day has six", text)
    assert re.search(rf"{missing[3]} rows of the day's {len(day)}", text)


def test_nothing_odd_happens_in_the_fault_free_stretches():
    need_data()
    files = {name: read(DATA, name) for name in (ADSERVICE, FRONTEND, SHOP)}
    quiet = np.array([tick(files, minute) for minute in minutes("08:20", 100)])
    errors, requests, latency, _, memory = quiet.T
    assert not errors.any()
    assert requests.min() > 100
    assert requests.max() < 160
    assert latency.max() < 2.5
    assert np.ptp(memory) == 0
