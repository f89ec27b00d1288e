"""Every benchmark can be started: what it imports is there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PEERS = {"savvi"}  # imported where a peer is timed, in an environment of its own
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "benchmarks").rglob("*.py"))
]


@pytest.mark.parametrize("module", MODULES)
def test_it_can_be_imported(module):
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as missing:
        assert missing.name in PEERS, missing  # noqa: PT017
