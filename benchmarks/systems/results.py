"""The figures of the simulated ladders, kept beside the code that measured them."""

from __future__ import annotations

import json
from pathlib import Path

FILE = Path(__file__).parent / "results" / "systems.json"


def write(found) -> None:
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def read():
    return json.loads(FILE.read_text("utf-8"))
