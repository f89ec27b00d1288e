"""Writes the tables of docs/decision-table.md: what is decided, situation by situation.

Run ``python -m benchmarks.decisions.table``.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from benchmarks.decisions import absent, counted, general, happening, timed, traffic
from benchmarks.marked import filled, rewrite, table

from canarystats.policy import RULES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "decision-table.md"
TABLES = {
    "error_rate": counted.error_rate,
    "latency_p99": timed.latency_p99,
    "success_rate": counted.success_rate,
    "throughput": traffic.throughput,
    "byzantine": happening.byzantine,
    "data_integrity": happening.data_integrity,
    "memory": timed.memory_limit,
    "breaker_storm": happening.breaker_storm,
    "promotion": general.promotions,
    "rights": general.shadow_and_latch,
    "missing": absent.missing,
    "ways": general.ways,
}
CASES = (
    "clean",
    "borderline",
    "plain",
    "sustained",
    "decisive",
    "no data",
    "NaN",
    "one side only",
    "baseline zero",
    "baseline bad",
    "both bad",
    "warm-up",
    "suppressed",
    "dry run",
    "tiny traffic",
    "huge traffic",
    "split mismatch",
)
HEADER = ("case", "what is seen", "decision", "fired", "reason")


def minutes(verdict, at) -> str:
    """When, from the first tick on."""
    seconds = round(at - verdict.started)
    return f"{seconds // 60}:{seconds % 60:02d}"


def fired(verdict) -> str:
    """Every rule that has fired: which way, when, and what it did where that was no rollback."""
    said = []
    for firing in verdict.firings:
        told = "" if firing.action == "rollback" else f", {firing.action}"
        when = "" if firing.at is None else f" at {minutes(verdict, firing.at)}"
        said.append(f"`{firing.trigger}` {firing.way}{when}{told}")
    return "; ".join(said) or "none"


def decision(verdict) -> str:
    """The decision, and whether a person confirms it."""
    needs = verdict.decision == "promote" and verdict.approval == "required"
    return f"**{verdict.decision}**" + (", with approval" if needs else "")


def cells(situation):
    """One row."""
    if situation.why:
        return situation.case, "", "no such case", "", situation.why
    verdict = situation.verdict
    return situation.case, situation.seen, decision(verdict), fired(verdict), verdict.reason


@cache
def situations(name):
    """The rows of one table, each judged once; those of a trigger in the order of the cases."""
    found = TABLES[name]()
    return sorted(found, key=lambda s: CASES.index(s.case)) if name in RULES else found


def judged(name) -> str:
    """One table."""
    return table(HEADER, map(cells, situations(name)))


WRITTEN = {name: partial(judged, name) for name in TABLES}


def page(text) -> str:
    """The page with its tables as the judge gives them."""
    return filled(text, WRITTEN)


if __name__ == "__main__":
    rewrite(PAGE, WRITTEN)
