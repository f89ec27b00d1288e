"""After a rollout: Day 1, Week 1, Month 1, Quarter, and whether a rollback brought things back.

A check is data (`CHECKS`): what it reads, how it is answered, the number it is held against. There
are four answers: met, missed, undecided (the data allow both) and no data, which is never good.
"""

from __future__ import annotations

from functools import partial

from canarystats.validate.baselines import back_to_baseline
from canarystats.validate.checks import Check, Method
from canarystats.validate.findings import Answer, Budget, Finding, ValidationReport
from canarystats.validate.records import Change, Incident
from canarystats.validate.run import run
from canarystats.validate.settings import Settings
from canarystats.validate.table import CHECKS, DURATIONS, checks_of

__all__ = [
    "CHECKS",
    "DURATIONS",
    "Answer",
    "Budget",
    "Change",
    "Check",
    "Finding",
    "Incident",
    "Method",
    "Settings",
    "ValidationReport",
    "back_to_baseline",
    "checks_of",
    "day_1",
    "month_1",
    "quarter",
    "run",
    "week_1",
]

day_1 = partial(run, "day-1")
week_1 = partial(run, "week-1")
month_1 = partial(run, "month-1")
quarter = partial(run, "quarter")
