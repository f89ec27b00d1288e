"""Durations as people write them: 30s, 5m, 1h30m."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def parse_duration(text: object) -> float:
    """Seconds in a duration such as ``30s``, ``5m`` or ``1h30m``; ``0`` needs no unit."""
    if text in (0, "0") and not isinstance(text, bool):
        return 0.0
    if isinstance(text, str) and _DURATION.fullmatch(text):
        return sum(float(number) * SECONDS[unit] for number, unit in _PART.findall(text))
    msg = f"{text!r} is not a duration; write {_duration_hint(text)}"
    raise ValueError(msg)


def _duration_hint(text: object) -> str:
    if isinstance(text, int | float) and not isinstance(text, bool) and text > 0:
        return format_duration(float(text))
    words = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z])[a-zA-Z]*\s*", str(text))
    if words and words[2].lower() in SECONDS:
        return words[1] + words[2].lower()
    return "30s, 5m or 1h30m"


def format_duration(seconds: float) -> str:
    """The shortest duration text that parses back to ``seconds``."""
    if not float(seconds).is_integer():
        return f"{Decimal(repr(float(seconds))):f}s"
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(int(seconds), size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[
    float, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)
]
