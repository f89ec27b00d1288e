"""The table of docs/plan.md about the playbook's stages is what the plan computes."""

from __future__ import annotations

import pytest

import canarystats as cs
from tests.docs.documents import ROOT, table_rows

ROWS = table_rows(ROOT / "docs" / "plan.md", "## The playbook's stages")
SECONDS = {"1 %": 3000}  # five minutes ten times; an hour elsewhere


def both(cell):
    """The numbers of a cell such as ``3,045 (560)``."""
    return [float(part.strip("() ").replace(",", "")) for part in cell.split(" (")]


def percent(cell):
    return float(cell.split()[0]) / 100.0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_traffic_each_stage_needs(row):
    share, increase, level = map(percent, row[:3])
    seconds = SECONDS.get(row[0], 3600)
    policy = cs.Policy.parse(
        {
            "min_duration": f"{seconds}s",
            "min_samples": 0,
            "margin": 0.0,
            "error_budget": {"false_rollback": level, "false_promote": level},
            "metrics": [
                {
                    "name": "requests",
                    "kind": "counts",
                    "critical": True,
                    "non_inferiority": increase,
                }
            ],
        }
    )
    for i, base in enumerate((0.001, 0.01)):
        traffic = both(row[4])[i]
        planned = cs.plan(
            policy, traffic=traffic, share=share, base_error_rate=base, effects=(1 + increase,)
        )
        stage = planned.stages[0]
        assert stage.first(1 + increase).p80 == pytest.approx(seconds, rel=0.03)
        assert stage.traffic_needed == pytest.approx(both(row[5])[i], rel=0.05)
