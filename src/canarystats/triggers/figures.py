"""Figures as a reason writes them: with their unit, and with as many digits as they need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DIGITS = 3
MOST_DIGITS = 9
BYTES_IN = {"KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3, "TiB": 1024.0**4}
THOUSAND = 1000.0


def number(value: float, digits: int = DIGITS + 1) -> str:
    """A plain number: ``0.1235``, ``250,000``; never in powers of ten unless it is tiny."""
    if abs(value) < THOUSAND or not math.isfinite(value):
        return f"{value:.{digits}g}"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return _trimmed(f"{value:,.{decimals}f}")


def percent(share: float, digits: int = DIGITS) -> str:
    """A share in percent; what lacks to 100 % has as many digits as what is there: ``99.95%``."""
    told = min(abs(share), abs(1.0 - share)) or abs(share)
    if not told:
        return "0%"
    if not math.isfinite(told):
        return str(share)
    decimals = digits - 1 - math.floor(math.log10(100.0 * told))
    return _trimmed(f"{100.0 * share:,.{min(max(decimals, 0), MOST_DIGITS)}f}") + "%"


def quantity(value: float, unit: str, digits: int = DIGITS) -> str:
    """A figure in its metric's unit: ``85 ms``, ``97.5%``, ``512 MiB``, ``12 requests``."""
    if unit == "ratio":
        return percent(value, digits)
    if unit == "seconds":
        short = 0 < abs(value) < 1
        return f"{number(1000.0 * value, digits)} ms" if short else f"{number(value, digits)} s"
    if unit == "bytes":
        name, size = "bytes", 1.0
        for larger, its_size in BYTES_IN.items():
            if abs(value) >= its_size:
                name, size = larger, its_size
        return f"{number(value / size, max(digits, DIGITS + 1))} {name}"
    plain = number(value, max(digits, DIGITS + 1))
    return plain if unit == "1" else f"{plain} {unit}"


def counted(value: float, thing: str) -> str:
    """So many of a thing: ``1 trip``, ``12 trips``."""
    return f"{value:,.0f} {thing}" + ("" if round(value) == 1 else "s")


def beside(write: Callable[[float, int], str], value: float, constant: float | None = None) -> str:
    """A figure with as many digits as it takes to read otherwise than a constant that it is not."""
    if constant is None:
        return write(value, DIGITS)
    for digits in range(DIGITS, MOST_DIGITS):
        text = write(value, digits)
        if text != write(constant, digits) or value == constant:
            return text
    return write(value, MOST_DIGITS)


def _trimmed(text: str) -> str:
    """Without zeros at the end of its decimals."""
    return text.rstrip("0").rstrip(".") if "." in text else text
