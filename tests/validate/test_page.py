"""docs/validate.md shows the checks as they are."""

from __future__ import annotations

from benchmarks.quality.validation import PAGE, table_of_checks


def test_the_page_shows_every_check_as_it_is():
    assert f"<!-- checks -->\n{table_of_checks()}" in PAGE.read_text("utf-8")
