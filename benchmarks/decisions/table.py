"""Writes the tables of docs/decision-table.md: what is decided, situation by situation.

Run ``python -m benchmarks.decisions.table``. What stands between the markers is replaced; the
sentences around them are written by hand.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from benchmarks.decisions import counted, general, happening, timed

from canarystats.policy import RULES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "decision-table.md"
MARKED = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
TABLES = {
    "error_rate": counted.error_rate,
    "latency_p99": timed.latency_p99,
    "success_rate": counted.success_rate,
    "throughput": counted.throughput,
    "byzantine": happening.byzantine,
    "data_integrity": happening.data_integrity,
    "memory": timed.memory_limit,
    "breaker_storm": happening.breaker_storm,
    "promotion": general.promotions,
    "rights": general.shadow_and_latch,
    "missing": general.missing,
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
HEAD = "| case | what is seen | decision | fired | reason |\n|---|---|---|---|---|\n"


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


def line(situation) -> str:
    """One row."""
    if situation.why:
        return f"| {situation.case} | | no such case | | {situation.why} |"
    verdict = situation.verdict
    cells = (situation.case, situation.seen, decision(verdict), fired(verdict), verdict.reason)
    return f"| {' | '.join(cells)} |"


@cache
def situations(name):
    """The rows of one table, each judged once; those of a trigger in the order of the cases."""
    found = TABLES[name]()
    return sorted(found, key=lambda s: CASES.index(s.case)) if name in RULES else found


def table(name) -> str:
    """One table as Markdown."""
    return HEAD + "\n".join(line(situation) for situation in situations(name))


def page(text) -> str:
    """The page with its tables as the judge gives them."""
    return MARKED.sub(lambda found: f"{found[1]}{table(found[2])}\n{found[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
