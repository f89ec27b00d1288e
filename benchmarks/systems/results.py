"""The figures of the simulated ladders, kept beside the code that measured them."""

from __future__ import annotations

import json
from pathlib import Path

FILE = Path(__file__).parent / "results" / "systems.json"


def merge(settings, row) -> None:
    """Keep a row, in the place of an earlier one of the same preset, fault and size."""
    found = read()["rows"] if FILE.exists() else []
    rows = {(old["preset"], old["fault"], old["size"]): old for old in found}
    rows[row["preset"], row["fault"], row["size"]] = row
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(settings | {"rows": list(rows.values())}, indent=1) + "\n", "utf-8")


def read():
    return json.loads(FILE.read_text("utf-8"))
