"""Figures that were measured, kept beside the code that measured them."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


def write(name, found) -> None:
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")


def read(name):
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
