"""What a test needs that may not be here, and what a missing part then means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def need(condition: bool, reason: str) -> None:
    """Skip the test, or fail it where every optional part is required."""
    if condition:
        return
    if os.environ.get("CANARYSTATS_REQUIRE_ALL") == "1":
        pytest.fail(f"required here and missing: {reason}", pytrace=False)
    pytest.skip(reason)
