"""What a validation hands back: an answer for each check, and all of them in a report."""

from __future__ import annotations

from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING, ClassVar

from canarystats.detect.leak_findings import Leak
from canarystats.evidence import Document, Evidence, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "canarystats/validation/1"


class Answer(StrEnum):
    """What a check says of its target."""

    MET = "met"  # shown to hold
    MISSED = "missed"  # shown not to hold
    UNDECIDED = "undecided"  # the data allow both
    NO_DATA = "no_data"  # nothing was measured, and nothing is never good


class Budget(Record):
    """What a service level objective allows, and what of it is gone.

    Parameters
    ----------
    objective
        The share that must be good, such as 0.999.
    period_seconds
        The time it is promised over.
    allowed_seconds
        The part of the period that may be bad: 2592 s (43.2 minutes) of 30 days at 0.999.
    spent
        The part of the budget that is gone, 1 being all of it.
    burn_rates
        How many times as fast as allowed it went, over the last hours named and over all.
    exhausted_in_seconds
        Until the rest is gone at the pace of the longest window but the whole, or of the whole
        where it is shorter; 0 where it is gone, None where nothing burns.
    exhausted_interval
        Where that time may lie; an open end is None.
    """

    objective: float
    period_seconds: float
    allowed_seconds: float
    spent: float
    burn_rates: dict[str, float]
    exhausted_in_seconds: float | None = None
    exhausted_interval: tuple[float | None, float | None] | None = None


class Finding(Record):
    """The answer to one check, with what it stands on.

    Parameters
    ----------
    check
        The check's id, such as ``week-1.memory-leak``.
    title
        What it asks, for a reader.
    answer
        Met, missed, undecided or no data.
    target
        The number it is held against, with its tolerance.
    reason
        One clause that says why.
    advisory
        Whether a miss only warns.
    coverage
        The part of the window that the data speak for, in [0, 1]; None where that has no meaning.
    source
        Where the number comes from.
    evidence
        What was measured: observed against reference, interval, n, what was seen in the data.
    leak
        The search for leaks, pod by pod.
    budget
        The error budget, where the check is of one.
    """

    check: str
    title: str
    answer: Answer
    target: str
    reason: str
    advisory: bool = False
    coverage: float | None = None
    source: str = ""
    evidence: Evidence
    leak: Leak | None = None
    budget: Budget | None = None

    def __repr__(self) -> str:
        return f"Finding {self.check}: {_said(self.answer)}, {self.reason} (target {self.target})."

    __str__ = __repr__


class ValidationReport(Document):
    """Every check of one window after a rollout.

    Parameters
    ----------
    window
        Such as ``week-1``.
    start, end
        Unix seconds of the time that was checked.
    level
        Probability that an interval ends short of the truth, on each side.
    findings
        One a check, in the order of the checks.
    schema_version
        What `to_json` writes.
    """

    called: ClassVar[str] = "validation report"
    schema_version: str = SCHEMA
    window: str
    start: float
    end: float
    level: float
    findings: tuple[Finding, ...]

    @property
    def answer(self) -> Answer:
        """The worst answer; an advisory miss counts as undecided."""
        worst = {_weighed(finding) for finding in self.findings}
        order = (Answer.MISSED, Answer.UNDECIDED, Answer.NO_DATA, Answer.MET)
        return next((answer for answer in order if answer in worst), Answer.NO_DATA)

    def of(self, answer: Answer | str) -> tuple[Finding, ...]:
        """The findings with one answer."""
        return tuple(finding for finding in self.findings if finding.answer == Answer(answer))

    def __getitem__(self, check: str) -> Finding:
        """The finding of a check, by its id or by what follows the window in it."""
        for finding in self.findings:
            if check in {finding.check, finding.check.partition(".")[2]}:
                return finding
        raise KeyError(check)

    def table(self, width: int = 100) -> str:
        """The report as plain text, one line a check."""
        rows = [(_said(f.answer), f.check, f.target, f.reason) for f in self.findings]
        heads = ("answer", "check", "target", "what was seen")
        wide = [max(map(len, column)) for column in zip(heads, *rows, strict=True)][:3]
        room = max(width - sum(wide) - 6, 20)
        lines = []
        for *cells, last in (heads, *rows):
            start = "  ".join(f"{c:<{w}}" for c, w in zip(cells, wide, strict=True))
            parts = _wrapped(last, room)
            lines += [f"{start}  {parts[0]}", *(" " * (len(start) + 2) + p for p in parts[1:])]
        return "\n".join(line.rstrip() for line in lines)

    def __repr__(self) -> str:
        counts = ", ".join(_counted(self.findings)) or "no check"
        return f"ValidationReport {self.window}: {counts}."

    __str__ = __repr__

    def _repr_html_(self) -> str:
        head = "<tr><th>check</th><th>answer</th><th>target</th><th>what was seen</th></tr>"
        rows = "".join(
            f"<tr><td>{escape(f.title)}</td><td>{_said(f.answer)}</td>"
            f"<td>{escape(f.target)}</td><td>{escape(f.reason)}</td></tr>"
            for f in self.findings
        )
        return f"<table><caption>{escape(repr(self))}</caption>{head}{rows}</table>"


def _weighed(finding: Finding) -> Answer:
    missed = finding.answer is Answer.MISSED
    return Answer.UNDECIDED if missed and finding.advisory else finding.answer


def _said(answer: Answer) -> str:
    return answer.replace("_", " ")


def _counted(findings: Iterable[Finding]) -> list[str]:
    answers = [finding.answer for finding in findings]
    return [f"{answers.count(one)} {_said(one)}" for one in Answer if one in answers]


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
