"""Numbers, times and states in words, the same in text, in HTML and beside a plot.

Every function is pure and total: what is undefined (None) reads ``–``. Times are UTC.
"""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from canarystats.policy import format_duration
from canarystats.verdict import Decision
from canarystats.windows import Kind

if TYPE_CHECKING:
    from canarystats.evidence import Interval
    from canarystats.verdict import Verdict

NOTHING = "–"
LARGEST_CLOCK = 253402300799.0  # the last second of the year 9999


def plain(text: str) -> str:
    """The text on one line, with whatever could steer a terminal or hide made visible."""
    words = " ".join(text.split())
    return "".join("�" if unicodedata.category(c).startswith("C") else c for c in words)


def clock(at: float | None) -> str:
    """The time of day, such as ``07:46:00Z``."""
    moment_ = _utc(at)
    return NOTHING if moment_ is None else moment_.strftime("%H:%M:%S") + _fraction(moment_) + "Z"


def onset(at: float | None, interval: Interval | None) -> str:
    """Since when, such as ``07:45:00Z (07:44:30Z to 07:45:15Z)``; the time alone if it is sure."""
    said = clock(at)
    if at is None or interval is None or interval.low == interval.high:
        return said
    return f"{said} ({clock(interval.low)} to {clock(interval.high)})"


def moment(at: float | None) -> str:
    """Date and time of day, such as ``2024-01-05 07:46:00Z``."""
    moment_ = _utc(at)
    return NOTHING if moment_ is None else f"{moment_:%Y-%m-%d} {clock(at)}"


def _utc(at: float | None) -> datetime | None:
    if at is None or not -LARGEST_CLOCK / 5 < at < LARGEST_CLOCK:
        return None
    return datetime.fromtimestamp(round(at, 3), UTC)


def _fraction(at: datetime) -> str:
    return f".{at.microsecond // 1000:03d}" if at.microsecond else ""


def duration(seconds: float | None) -> str:
    """A length of time, such as ``90s`` → ``1m30s``; below ten seconds with a decimal."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    return format_duration(round(seconds, 1) if abs(seconds) < 10 else float(round(seconds)))


def number(value: float | None) -> str:
    """A plain figure of three digits: ``0.123``, ``12.3``, ``1.23k``, ``1.23M``."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-4:
        text = f"{value:.2g}"
    else:
        text = next(
            (
                f"{_three(value / scale)}{suffix}"
                for scale, suffix in _SCALES
                if size >= 0.9995 * scale
            ),
            _three(value),
        )
    return text.replace("-", "−", 1) if text.startswith("-") else text


_SCALES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def _three(value: float) -> str:
    if value == round(value) and abs(value) < 1000:
        return f"{value:.0f}"
    places = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: float | None) -> str:
    """A fraction in percent: ``0.0123`` reads ``1.23 %``."""
    return NOTHING if value is None or math.isnan(value) else f"{number(100 * value)} %"


def times(value: float | None) -> str:
    """A ratio, such as ``×1.8``."""
    return NOTHING if value is None or math.isnan(value) else f"×{number(value)}"


def seconds(value: float | None) -> str:
    """A time in seconds as µs, ms, s, or a duration from ten minutes on."""
    if value is None or not math.isfinite(value):
        return number(value)
    size = abs(value)
    if size >= 600:
        return duration(value)
    if size >= 0.9995 or size == 0:
        return f"{number(value)} s"
    if size >= 0.9995e-3:
        return f"{number(value * 1e3)} ms"
    return f"{number(value * 1e6)} µs"


def size(value: float | None) -> str:
    """A number of bytes as B, KiB, MiB, GiB or TiB."""
    if value is None or not math.isfinite(value):
        return number(value)
    power = 0
    while abs(value) >= 1023.5 and power < 4:
        value /= 1024
        power += 1
    return f"{number(value)} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def quantity(value: float | None, unit: str) -> str:
    """A figure with its unit: ``seconds``, ``bytes``, ``ratio``, ``times``, or a plain number."""
    writers = {"seconds": seconds, "bytes": size, "ratio": percent, "times": times}
    return writers.get(unit, number)(value)


def unit_of(metric: str, kind: Kind | None = None) -> str:
    """The unit that a metric's figures have, from its kind and the suffix of its name.

    Counts are looked at as events out of an exposure: a fraction. ``requests`` is how the preset
    spells its counts of errors out of requests.
    """
    if kind is Kind.COUNTS or metric.endswith(("_ratio", "error_rate", "requests")):
        return "ratio"
    name = metric.removesuffix("_total")
    return next((unit for unit in ("seconds", "bytes") if name.endswith(unit)), "1")


def decision(verdict: Verdict) -> str:
    """The decision in a word or two, such as ``PROMOTE, needs approval``."""
    if verdict.decision is Decision.PROMOTE and verdict.approval == "required":
        return "PROMOTE, needs approval"
    return verdict.decision.upper()


def score(verdict: Verdict) -> str:
    """The score as a whole number; only a full score reads 100, only none reads 0."""
    whole = round(verdict.score)
    if whole in {0, 100} and verdict.score not in {0.0, 100.0}:
        whole = 1 if whole == 0 else 99
    return str(whole)


def next_look(verdict: Verdict) -> str:
    """When the next tick is due, or that there is none."""
    if verdict.next_look is not None:
        return f"next look {clock(verdict.next_look)}{wait(verdict)}"
    return "no next look: final" if verdict.decision is Decision.ROLLBACK else "no next look"


def wait(verdict: Verdict) -> str:
    """How long a hold may last, where it can be told."""
    if verdict.decision_in_seconds is None:
        return ""
    low, high = map(duration, verdict.decision_in_seconds)
    return f", promotion expected in {low if low == high else f'{low} to {high}'}"


def span(verdict: Verdict) -> str:
    """What was judged, how long it has been decided so, and the canary's traffic share."""
    text = f"{verdict.ticks} tick{'' if verdict.ticks == 1 else 's'}"
    if verdict.started is not None and verdict.at is not None:
        text += f", {moment(verdict.started)} to {clock(verdict.at)}"
    if verdict.decided_at not in {None, verdict.at}:
        text += f", {verdict.decision} since {clock(verdict.decided_at)}"
    if verdict.share is not None:
        text += f", canary at {percent(verdict.share)} of traffic"
    return text
