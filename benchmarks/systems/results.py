"""The figures of the simulated ladders, kept beside the code that measured them."""

from __future__ import annotations

import json
from pathlib import Path

FILE = Path(__file__).parent / "results" / "systems.json"


def merge(settings, row) -> None:
    """Keep a row, in the place of an earlier one of the same preset, fault and size."""
    found = read()["rows"] if FILE.exists() else []
    same = ("preset", "fault", "size")
    others = [old for old in found if any(old[key] != row[key] for key in same)]
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(settings | {"rows": [*others, row]}, indent=1) + "\n", "utf-8")


def read():
    return json.loads(FILE.read_text("utf-8"))
