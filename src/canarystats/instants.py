"""Points in time as people write them: Unix seconds, or ISO 8601 in UTC."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:?\d\d)", re.IGNORECASE
)
DAYS_IN = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def parse_instant(value: Any) -> float:
    """Unix seconds of ``2026-11-24T09:30:00Z``, of a number of seconds, or of a timestamp.

    A timestamp is what YAML and TOML make of an unquoted one. Without an offset from UTC it is
    refused: whose clock it is on is not guessed.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if hasattr(value, "timestamp") and getattr(value, "tzinfo", None) is not None:
        return float(value.timestamp())
    found = _ISO.fullmatch(value.strip()) if isinstance(value, str) else None
    if found:
        year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
        second = int(found[6] or 0) + float(found[7] or 0)
        on_the_calendar = 1 <= month <= 12 and 1 <= day <= _days(year, month)
        if on_the_calendar and hour < 24 and minute < 60 and second < 60:
            whole = ((_day_number(year, month, day) * 24 + hour) * 60 + minute) * 60
            return whole + second - _offset_seconds(found[8])
    msg = f"{str(value)!r} is not a time; write 2026-11-24T09:30:00Z, or Unix seconds"
    raise ValueError(msg)


def _days(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if leap and month == 2 else DAYS_IN[month - 1]


def _day_number(year: int, month: int, day: int) -> int:
    """Days since 1 January 1970 in the Gregorian calendar; years begin in March."""
    year -= month < 3
    before = 365 * year + year // 4 - year // 100 + year // 400
    return before + (153 * ((month + 9) % 12) + 2) // 5 + day - 719469


def _offset_seconds(text: str) -> int:
    if text in "Zz":
        return 0
    sign = -1 if text[0] == "-" else 1
    return sign * (int(text[1:3]) * 60 + int(text[-2:])) * 60


Instant = Annotated[float, BeforeValidator(parse_instant)]
