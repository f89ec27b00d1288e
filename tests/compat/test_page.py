"""The page for Kayenta's users shows what the modes say today."""

from __future__ import annotations

from benchmarks.quality.kayenta_edges import EDGES, PAGE, PLACE, SHOWN, table

from tests.compat.vectors import lines
from tests.needs import need


def test_the_table_of_edge_cases_is_up_to_date():
    need(EDGES.is_file(), "Kayenta's edge cases are not here")
    cases = lines(EDGES)
    assert sorted(case["id"] for case in cases) == sorted(SHOWN)
    shown = PLACE.search(PAGE.read_text("utf-8"))
    assert shown is not None
    assert shown[0] == table(cases)
