"""Points in time as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarystats.instants import parse_instant

MOMENTS = st.datetimes(
    datetime(1600, 1, 1),  # noqa: DTZ001
    datetime(2400, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(MOMENTS)
def test_iso_8601_is_read_as_the_standard_library_reads_it(moment):
    assert parse_instant(moment.isoformat()) == pytest.approx(moment.timestamp(), abs=1e-5)
    assert parse_instant(moment) == moment.timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-24T09:30:00Z", 1795512600.0),
        ("2026-11-24 09:30Z", 1795512600.0),
        ("2026-11-24T10:30:00+01:00", 1795512600.0),
        ("2026-11-24T04:30:00-0500", 1795512600.0),
        ("1970-01-01T00:00:00z", 0.0),
        (1795512600, 1795512600.0),
        (datetime(2026, 11, 24, 10, 30, tzinfo=timezone(timedelta(hours=1))), 1795512600.0),
    ],
)
def test_offsets_are_taken_out(text, seconds):
    assert parse_instant(text) == seconds


@pytest.mark.parametrize(
    "wrong",
    [
        "2026-11-24T09:30:00",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T23:60:00Z",
        "2026-11-24T23:59:60Z",
        "2026-11-24",
        "tomorrow",
        "",
        None,
        True,
        float("nan"),
        datetime(2026, 11, 24),  # noqa: DTZ001
        date(2026, 11, 24),
    ],
)
def test_what_names_no_moment_is_refused(wrong):
    with pytest.raises(ValueError, match="write 2026-11-24T09:30:00Z"):
        parse_instant(wrong)
