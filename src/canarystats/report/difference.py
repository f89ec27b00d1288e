"""What changed between two looks at a rollout: the decision, its reasons, and every figure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from canarystats.errors import InputError
from canarystats.report import rows, tables, words
from canarystats.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from canarystats.evidence import Evidence
    from canarystats.verdict import Firing, Reading

HEADS = ("matter", "about", "before", "after")
FIGURE = re.compile(r"[−+-]?\d[\w.,:%−+-]*")  # figures, times and durations within a reason


class Change(NamedTuple):
    """One thing that changed.

    Parameters
    ----------
    matter
        ``decision``, ``policy``, ``firing``, ``reason``, ``condition``, ``metric``, ``evidence``,
        ``score``, ...
    about
        The rule and metric it is about; empty where it is about the whole verdict.
    before, after
        In words; empty where it was not there.
    """

    matter: str
    about: str
    before: str
    after: str

    def __str__(self) -> str:
        about = f"{self.matter} {self.about}".strip()
        if not self.before:
            return f"{about}: new: {self.after}"
        return (
            f"{about}: {self.before} → {self.after}"
            if self.after
            else f"{about}: gone: {self.before}"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Difference:
    """What changed from one verdict to another; ``str`` gives the text.

    Parameters
    ----------
    headline
        One line: the decisions and the moments.
    changes
        Everything that changed, the weightiest first; empty where the verdicts are equal.
    """

    headline: str
    changes: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether nothing changed at all."""
        return not self.changes

    def __str__(self) -> str:
        return "\n".join([self.headline, *map(str, self.changes)])

    __repr__ = __str__

    def markdown(self) -> str:
        """The same for a ticket or a chat."""
        table = f"\n\n{tables.markdown(HEADS, self.changes)}" if self.changes else ""
        return f"**{self.headline}**{table}"

    def table(self) -> pd.DataFrame:
        """The changes as a pandas frame, one a row."""
        return tables.frame(HEADS, self.changes)

    def to_json(self) -> str:
        """The same as JSON."""
        changes = [change._asdict() for change in self.changes]
        return json.dumps({"headline": self.headline, "same": self.same, "changes": changes})

    def _repr_html_(self) -> str:
        table = tables.html(HEADS, self.changes) if self.changes else ""
        return f"<div><b>{escape(self.headline)}</b></div>{table}"


def diff(before: Verdict, after: Verdict) -> Difference:
    """What changed between two verdicts, usually two looks at one rollout.

    Figures are compared as a reader sees them: to three digits. The other order gives the same
    changes with before and after exchanged.

    Raises
    ------
    InputError
        If either is not a verdict.
    """
    for name, verdict in (("before", before), ("after", after)):
        if not isinstance(verdict, Verdict):
            msg = f"{name} is {type(verdict).__name__}; it must be a Verdict"
            raise InputError(msg)
    changes = (
        *_whole(before, after),
        *_firings(before, after),
        *_reasons(before, after),
        *_keyed("condition", _conditions(before), _conditions(after)),
        *_keyed("metric", _metrics(before), _metrics(after)),
        *_keyed("evidence", _evidence(before), _evidence(after)),
        *_told("score", words.score(before), words.score(after)),
        *_told("grade", before.grade, after.grade),
        *_looks(before, after),
    )
    return Difference(_headline(before, after, changes), changes)


def _headline(before: Verdict, after: Verdict, changes: tuple[Change, ...]) -> str:
    if not changes:
        return f"nothing changed: {words.decision(before)} at {words.moment(before.at)}"
    was, is_ = words.decision(before), words.decision(after)
    decided = f"still {is_}" if was == is_ else f"{was} → {is_}"
    return f"{decided}, {words.moment(before.at)} → {words.moment(after.at)}"


def _told(matter: str, before: str, after: str, about: str = "") -> Iterator[Change]:
    if before != after:
        yield Change(matter, about, words.plain(before), words.plain(after))


def _keyed(matter: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for key in sorted({*before, *after}):
        yield from _told(matter, before.get(key, ""), after.get(key, ""), key)


def _whole(before: Verdict, after: Verdict) -> Iterator[Change]:
    """What concerns the verdict as a whole, and what makes two verdicts hard to compare."""
    yield from _told("decision", words.decision(before), words.decision(after))
    yield from _told("rollout", before.rollout or "unnamed", after.rollout or "unnamed")
    yield from _told("stage", before.stage or "none", after.stage or "none")
    yield from _told("policy", _policy(before), _policy(after))
    yield from _told("library version", before.library_version, after.library_version)
    yield from _told("stage", before.stage or "none", after.stage or "none")
    yield from _told("share", words.percent(before.share), words.percent(after.share))
    yield from _told("approval", before.approval, after.approval)


def _policy(verdict: Verdict) -> str:
    return f"{verdict.policy} ({verdict.policy_digest})"


def _firings(before: Verdict, after: Verdict) -> Iterator[Change]:
    first, second = ({_key(f): _fired(f) for f in v.firings} for v in (before, after))
    yield from _keyed("firing", first, second)


def _key(firing: Firing) -> str:
    return words.plain(f"{firing.trigger} on {firing.metric} ({firing.action})")


def _fired(firing: Firing) -> str:
    return f"{firing.way} at {words.clock(firing.at)}: {firing.reason}"


def _reasons(before: Verdict, after: Verdict) -> Iterator[Change]:
    """Reasons that came and went; one whose figures alone changed is one reason."""
    first, second = (
        {FIGURE.sub("#", r): r for r in v.reasons or (v.reason,)} for v in (before, after)
    )
    for key in sorted({*first, *second}):
        yield from _told("reason", first.get(key, ""), second.get(key, ""))


def _conditions(verdict: Verdict) -> dict[str, str]:
    return {
        words.plain(f"{reading.trigger} on {reading.metric}"): _stands(reading)
        for reading in verdict.readings
    }


def _stands(reading: Reading) -> str:
    shown = rows.reading_words(reading)
    held = f", held {shown.held}" if reading.held_seconds else ""
    return f"{shown.now} at {shown.canary}{held}"


def _metrics(verdict: Verdict) -> dict[str, str]:
    names = {r.metric for r in verdict.readings} | {e.metric for e in verdict.evidence}
    return dict.fromkeys(map(words.plain, names), "watched")


def _evidence(verdict: Verdict) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in verdict.evidence:
        key = words.plain(f"{item.metric} {rows.question(item)} ({item.method})")
        found[key] = f"{found[key]}; {_found(item)}" if key in found else _found(item)
    return found


def _found(evidence: Evidence) -> str:
    shown = rows.evidence_words(evidence)
    within = f" ({shown.interval})" if shown.interval else ""
    effect = "" if shown.effect == words.NOTHING else f"{shown.effect}{within}"
    return ", ".join(part for part in (shown.answer, effect, shown.strength) if part) or "told"


def _looks(before: Verdict, after: Verdict) -> Iterator[Change]:
    """When was looked, at how much, and whether the data behind equal moments is the same."""
    yield from _told("look", words.span(before), words.span(after))
    if before.at == after.at and before.ticks == after.ticks:
        yield from _told("data", before.input_digest, after.input_digest)
    yield from _told("decision id", before.decision_id, after.decision_id)
