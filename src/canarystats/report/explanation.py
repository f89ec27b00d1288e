"""Why a verdict is what it is: the decision in five lines, then every metric.

Nothing here decides. Which metrics the evidence points at is told by e-BH over the e-values of
the verdict's own moment, one a metric; what acts is the policy's error budget.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from canarystats.evidence import Question
from canarystats.report import rows, tables, words
from canarystats.report.standing import HARM, Standing, Weight, how_sure, standings
from canarystats.sequential import budget, calibrators
from canarystats.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from canarystats.evidence import Evidence
    from canarystats.verdict import Firing, Verdict

LEVEL = 0.05  # of the metrics named, the part expected to be healthy
HEADS = (
    "metric",
    "matter",
    "now",
    "seen",
    "expected",
    "how sure",
    "held",
    "what would change it",
    "pointed at",
)
FEW = 3  # of a kind are told in the first lines; the rest stand below


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """A verdict in words; ``str`` gives the text.

    Parameters
    ----------
    headline
        Five lines: the decision, why, what it is about, how sure, what would change it.
    standings
        Every metric on every matter, the weightiest first.
    pointed_at
        Metrics that the evidence of this moment points at, by e-BH.
    level
        The part of those that is expected to be healthy, at most.
    """

    headline: tuple[str, ...]
    standings: tuple[Standing, ...]
    pointed_at: tuple[str, ...]
    level: float

    def __str__(self) -> str:
        lines = list(self.headline)
        for line in self.standings:
            held = f", held {line.held}" if line.held else ""
            expected = f", expected {line.expected}" if line.expected else ""
            lines += [
                "",
                f"{line.metric}, {line.matter}: {line.now}",
                f"  seen {line.seen}{expected}{held}",
                f"  how sure: {line.sure}",
                f"  what would change it: {line.change}",
            ]
        return "\n".join(lines)

    __repr__ = __str__

    def markdown(self) -> str:
        """The same for a ticket or a chat: five lines and a table."""
        first, *others = self.headline
        told = [f"**{_escaped(first)}**", *map(_escaped, others)]
        # Two spaces end a line in Markdown without ending the paragraph.
        top = "  \n".join(told)
        return f"{top}\n\n{tables.markdown(HEADS, self.rows)}"

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table's cells under `HEADS`, every one in words."""
        return [
            (*line[:-1], "yes" if line.metric in self.pointed_at else "") for line in self.standings
        ]

    def table(self) -> pd.DataFrame:
        """The table as a pandas frame, a row a metric and matter."""
        return tables.frame(HEADS, self.rows)

    def to_json(self) -> str:
        """The same as JSON: the first lines, the rows, the metrics pointed at and their level."""
        cells = [dict(zip(HEADS, row, strict=True)) for row in self.rows]
        told = {"headline": self.headline, "rows": cells}
        return json.dumps(told | {"pointed_at": self.pointed_at, "level": self.level})

    def _repr_html_(self) -> str:
        first, *others = map(escape, self.headline)
        told = "<br>".join([f"<b>{first}</b>", *others])
        return f"<div>{told}</div>{tables.html(HEADS, self.rows)}"


def explain(verdict: Verdict, *, level: float = LEVEL) -> Explanation:
    """Why a verdict is what it is.

    Parameters
    ----------
    verdict
        Any verdict, from a judge or read back from JSON.
    level
        Of the metrics that the evidence points at, the part expected to be healthy at most, in
        (0, 1). It names metrics and decides nothing.

    Raises
    ------
    InputError
        If the level is not in (0, 1).
    """
    lines = standings(verdict)
    pointed = pointed_at(verdict.evidence, level)
    named = tuple(words.plain(name) for name in pointed)
    headline = (
        _decision(verdict),
        f"why: {words.plain(verdict.reason)}",
        f"about: {_about(verdict, lines)}",
        f"how sure: {_sure(verdict, pointed)}",
        f"what would change it: {_change(verdict, lines)}",
    )
    return Explanation(headline, lines, named, level)


def pointed_at(evidence: Sequence[Evidence], level: float) -> tuple[str, ...]:
    """The metrics that e-values of one moment point at, by e-BH; sorted.

    A metric's e-value is the mean over everything that asks whether it is worse: an e-value
    against its being healthy in every respect. A p-value of one look is calibrated first. Every
    metric that is asked counts, also where the answer is none.
    """
    asked: dict[str, list[float]] = {}
    for item in evidence:
        if item.question in HARM and not (item.log_e_value is None and item.p_value is None):
            asked.setdefault(item.metric, []).append(_log_e(item))
    names = sorted(asked)
    together = [float(budget.averaged(np.array(asked[name])[:, None])[0]) for name in names]
    chosen = budget.explanation(np.array(together), level)
    return tuple(name for name, is_in in zip(names, chosen, strict=True) if is_in)


def _log_e(evidence: Evidence) -> float:
    if evidence.log_e_value is not None:
        return evidence.log_e_value
    p = np.array([np.nan if evidence.p_value is None else evidence.p_value])
    return float(np.minimum(calibrators.averaged(p), MOST)[0])


MOST = 700.0  # a p-value of 0 is one too small to write down


def _decision(verdict: Verdict) -> str:
    parts = [words.decision(verdict), f"score {words.score(verdict)}"]
    parts += [words.plain(name) for name in (verdict.rollout, verdict.stage) if name]
    return "  ".join([*parts, words.moment(verdict.at)])


def _about(verdict: Verdict, lines: Sequence[Standing]) -> str:
    if verdict.decision is Decision.ROLLBACK:
        causes = [firing for firing in verdict.firings if firing.action == "rollback"]
        return _some([_fired(firing) for firing in causes])
    if verdict.decision is Decision.PROMOTE:
        shown = [f"{line.metric} {line.matter}" for line in lines if line.now == "yes"]
        return _some(shown) if shown else "nothing is firing and nothing more was asked"
    waiting = [f"{ln.metric} ({ln.matter}: {ln.now})" for ln in _in_the_way(verdict, lines)]
    return _some(waiting) if waiting else "nothing in the metrics stands in the way"


def _in_the_way(verdict: Verdict, lines: Sequence[Standing]) -> list[Standing]:
    """What a hold is about: what fires or may fire, and the open matters that its reasons name."""
    named = set(re.findall(r"\w+", " ".join(verdict.reasons).lower()))
    return [
        line
        for line in lines
        if line.weight in {Weight.FIRED, Weight.SHOWN, Weight.PENDING}
        or (line.weight in {Weight.UNREAD, Weight.OPEN} and line.metric.lower() in named)
    ]


def _fired(firing: Firing) -> str:
    when = "" if firing.at is None else f", fired {words.clock(firing.at)}"
    onset = "" if firing.onset is None else f", trouble since {words.clock(firing.onset)}"
    metric, trigger = words.plain(firing.metric), words.plain(firing.trigger)
    return f"{metric} ({trigger}, {firing.way}{when}{onset})"


def _sure(verdict: Verdict, pointed: Sequence[str]) -> str:
    causes = {firing.metric for firing in verdict.firings if firing.action == "rollback"}
    wanted = {Decision.ROLLBACK: causes, Decision.PROMOTE: None, Decision.HOLD: set(pointed)}
    behind = _strongest(verdict, wanted[verdict.decision])
    told = [behind] if behind else []
    names = _some([words.plain(name) for name in pointed])
    told.append(
        f"by e-BH the evidence now points at {names}" if pointed else "no metric stands out"
    )
    return "; ".join(told)


def _strongest(verdict: Verdict, metrics: set[str] | None) -> str:
    """What says most of harm to these metrics; where none are given, the weakest proof."""
    if metrics is None:
        proofs = [e for e in verdict.evidence if e.decides and e.question is Question.NOT_WORSE]
        if not proofs:
            return ""
        weakest = min(proofs, key=rows.nearness)
        return f"{words.plain(weakest.metric)} {how_sure(weakest)}"
    harm = [e for e in verdict.evidence if e.metric in metrics and e.question in HARM]
    telling = [e for e in harm if e.decides]
    if not telling:
        return ""
    told = rows.most_telling(telling)
    return f"{words.plain(told.metric)} {how_sure(told)}"


def _change(verdict: Verdict, lines: Sequence[Standing]) -> str:
    if verdict.decision is Decision.ROLLBACK:
        return "nothing: a rollback stays until a new rollout begins"
    if verdict.decision is Decision.PROMOTE:
        waits = "; it waits for a person" if verdict.approval == "required" else ""
        return f"any rule that fires before it is promoted{waits}"
    first = [f"{ln.metric} ({ln.matter}) {ln.change}" for ln in _in_the_way(verdict, lines)]
    return ("; ".join(first[:2]) or words.plain(verdict.reason)) + words.wait(verdict)


def _some(items: Sequence[str]) -> str:
    """The first few of a list, and how many more there are."""
    more = len(items) - FEW
    return ", ".join(items[:FEW]) + (f" and {more} more" if more > 0 else "")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("_", "\\_").replace("|", "\\|")
