"""Writes the tables of docs/systems.md from the figures kept in results/.

Run ``python -m benchmarks.systems.page``.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.calibration.bounds import upper
from benchmarks.marked import rewrite, table
from benchmarks.systems import results
from benchmarks.systems.scenes import SCENES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "systems.md"


def rows_of(preset, *, struck):
    """The measured rows of a preset: of healthy rollouts, or of those with a fault."""
    return [
        row
        for row in results.read()["rows"]
        if row["preset"] == preset and bool(row["fault"]) is struck
    ]


def healthy() -> str:
    """How healthy rollouts end, by system."""
    found = [row for scene in SCENES for row in rows_of(scene.preset, struck=False)]
    rows = []
    for row in found:
        judged, literal = row["judged"], row["literal"]
        runs, rolled = row["rollouts"], judged["rollback"]
        ends = judged["promote"], runs - rolled - judged["promote"], within(rolled, runs)
        of = f"{literal['rollback']} of {literal['of']}"
        rows.append([f"`{row['preset']}`", runs, *ends, of])
    runs = sum(row["rollouts"] for row in found)
    rolled = sum(row["judged"]["rollback"] for row in found)
    promoted = sum(row["judged"]["promote"] for row in found)
    of_literal = [sum(row["literal"][key] for row in found) for key in ("rollback", "of")]
    rows.append(
        [
            "all",
            runs,
            promoted,
            runs - promoted - rolled,
            within(rolled, runs),
            "{} of {}".format(*of_literal),
        ]
    )
    header = ["system", "rollouts", "promoted to the end", "held", "rolled back", "literal rules"]
    return table(header, rows)


def within(rolled, runs) -> str:
    return f"{rolled} (at most {100 * upper(rolled, runs):.2f} %)"


def struck() -> str:
    """How rollouts with a fault end: one row a fault, near / plain / gross in a cell."""
    rows = []
    for scene in SCENES:
        measured = rows_of(scene.preset, struck=True)
        for fault in scene.faults:
            sizes = [row for row in measured if row["fault"] == fault.name]
            if sizes:
                rows.append([f"`{scene.preset}`", fault.name, fault.decision, *told(fault, sizes)])
    header = ["system", "fault", "right", "found", "minutes", "requests exposed"]
    return table([*header, "literal: found", "minutes"], rows)


def told(fault, sizes):
    """The cells of one fault; what the literal rules hold is not followed."""
    if fault.decision == "hold":
        return [each(f"{held(fault, row)} of {reached(fault, row)}" for row in sizes), *[""] * 4]
    cells = []
    for key in ("judged", "literal"):
        of = [reached(fault, row) if key == "judged" else row[key]["of"] for row in sizes]
        found = [row[key]["found"] for row in sizes]
        cells.append(each(f"{n} of {m}" for n, m in zip(found, of, strict=True)))
        cells.append(each(number(row[key]["minutes"]) for row in sizes))
        if key == "judged":
            cells.append(each(number(row[key]["exposed"]) for row in sizes))
    return cells


def held(fault, row):
    """How many rollouts ended as held in the stage of the fault."""
    ends = row["judged"]["hold"].items()
    return sum(count for end, count in ends if end.startswith(f"{fault.stage}:"))


def reached(fault, row):
    """How many rollouts came to the stage of the fault: were not held or rolled back before."""
    ends = row["judged"]["hold"].items()
    held_before = sum(n for end, n in ends if not end.startswith(f"{fault.stage}:"))
    elsewhere = sum(n for stage, n in row["judged"]["stages"].items() if stage != fault.stage)
    return row["rollouts"] - held_before - elsewhere


def each(cells) -> str:
    """One cell of three sizes; one word where they are alike."""
    cells = list(cells)
    return cells[0] if len(set(cells)) == 1 else " / ".join(cells)


def number(value) -> str:
    return "-" if value is None else f"{value:,.10g}"


TABLES = {"healthy": healthy, "struck": struck}


if __name__ == "__main__":
    rewrite(PAGE, TABLES)
