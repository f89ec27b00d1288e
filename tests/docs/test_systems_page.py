"""The page of the six systems shows the figures that are kept."""

from __future__ import annotations

from benchmarks.marked import filled
from benchmarks.systems import results
from benchmarks.systems.page import PAGE, TABLES
from benchmarks.systems.scenes import SCENES


def test_the_page_shows_the_figures_that_are_kept():
    text = PAGE.read_text("utf-8")
    assert filled(text, TABLES) == text, "run python -m benchmarks.systems.page"


def test_every_system_and_every_fault_was_measured():
    found = {(row["preset"], row["fault"], row["size"]) for row in results.read()["rows"]}
    for scene in SCENES:
        assert (scene.preset, "", "") in found
        for fault in scene.faults:
            for size in ("near", "plain", "gross"):
                assert (scene.preset, fault.name, size) in found, (scene.preset, fault.name)


def test_no_healthy_rollout_was_rolled_back():
    assert not sum(r["judged"]["rollback"] for r in results.read()["rows"] if not r["fault"])
