"""canarystats compares a canary with its baseline and says promote, hold or rollback.

Windows hold numbers (`Pair`). `compare` and `sequential` turn windows into `Evidence`. Triggers
turn evidence into `Firing`s. `judge` turns them into one `Verdict`; a `Monitor` repeats that over
time. `sources` fetch, `report` shows, the command line does both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
