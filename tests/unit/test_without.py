"""A policy that extends another may leave out metrics, with everything that reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from canarystats import PolicyError, load_policy

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text)
    return path


def test_a_metric_goes_with_its_triggers_and_with_what_stages_say_of_both(tmp_path: Path) -> None:
    text = "extends: ladder-playbook\nwithout: [latency_seconds, byzantine_events]\n"
    policy = load_policy(written(tmp_path, text))
    assert {m.name for m in policy.metrics}.isdisjoint({"latency_seconds", "byzantine_events"})
    assert {t.name for t in policy.triggers}.isdisjoint({"latency_p99", "byzantine"})
    for stage in policy.stages:
        assert policy.at_stage(stage.name).metric("requests").name == "requests"


def test_what_is_not_inherited_cannot_be_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "extends: eight-triggers\nwithout: [latency]\n")
    with pytest.raises(PolicyError, match=r"^without\[0\]: 'latency' is none of what it extends"):
        load_policy(path)


def test_it_is_a_list(tmp_path: Path) -> None:
    path = written(tmp_path, "extends: eight-triggers\nwithout: latency_seconds\n")
    with pytest.raises(PolicyError, match=r"^without: must be a list of metrics, not str"):
        load_policy(path)
