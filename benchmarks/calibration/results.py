"""Figures that were measured, kept beside the code that measured them."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


def write(name, found) -> None:
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")


def read(name, otherwise=None):
    path = FOLDER / f"{name}.json"
    if otherwise is not None and not path.exists():
        return otherwise
    return json.loads(path.read_text("utf-8"))
