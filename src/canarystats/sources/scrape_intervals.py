"""How often targets are scraped, so that no tick is shorter than what fills it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from canarystats.errors import InputError
from canarystats.policy import format_duration

if TYPE_CHECKING:
    from canarystats.policy import Policy

_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


def scrape_intervals(targets: object) -> dict[tuple[str, ...], float]:
    """Seconds between scrapes by (job, instance), for what can be read of the targets' list."""
    active = targets.get("activeTargets") if isinstance(targets, dict) else None
    found: dict[tuple[str, ...], float] = {}
    for target in active if isinstance(active, list) else []:
        labels = target.get("labels") if isinstance(target, dict) else None
        if not isinstance(labels, dict):
            continue
        text = str(target.get("scrapeInterval", ""))
        seconds = sum(float(n) * _SECONDS[unit] for n, unit in _DURATION.findall(text))
        key = (str(labels.get("job")), str(labels.get("instance")))
        if seconds > 0:
            found[key] = max(seconds, found.get(key, 0.0))
    return found


def refuse_short_interval(policy: Policy, scrape_seconds: float | None) -> None:
    """Refuse ticks that would repeat samples.

    Raises
    ------
    InputError
        If the policy's interval is shorter than the scrape interval, where that is known.
    """
    if scrape_seconds is not None and policy.interval < scrape_seconds:
        scraped = format_duration(scrape_seconds)
        msg = (
            f"interval is {format_duration(policy.interval)}, shorter than the scrape interval "
            f"{scraped}, so ticks would repeat samples; it must be at least {scraped}"
        )
        raise InputError(msg)
