"""Where every metric stands in a verdict: seen, expected, how sure, how long, what would change it.

A metric has a line for each rule that reads it, with the evidence behind that rule, and one for
each question that no rule asks: its own test, promotion's proof, the traffic split.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from canarystats.evidence import Question, Status
from canarystats.report import rows, words
from canarystats.verdict import Condition, Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.evidence import Evidence
    from canarystats.verdict import Reading, Verdict

HARM = (Question.WORSE, Question.BEYOND, Question.LEVEL)
ASKED = {
    Question.DIFFERENCE: "different",
    Question.WORSE: "worse than the baseline",
    Question.BEYOND: "worse beyond the limit",
    Question.NOT_WORSE: "not worse",
    Question.SPLIT: "traffic split",
    Question.LEVEL: "against its constant",
}


class Weight(IntEnum):
    """How much a line has to do with the decision, the weightiest first."""

    CAUSE = 0
    FIRED = 1
    SHOWN = 2  # evidence of harm, or of a wrong split, that no rule acts on
    PENDING = 3
    UNREAD = 4
    OPEN = 5  # promotion may wait for it
    WARNING = 6
    QUIET = 7


class Standing(NamedTuple):
    """One line: what one metric shows on one matter, in words.

    Parameters
    ----------
    metric, matter
        What it is about: a rule's name, or the question.
    now
        Where it stands in a word: ``FIRED``, ``PENDING``, ``OK``, ``yes``, ``not shown``, ...
    seen
        The canary's figure.
    expected
        What it is compared with, and the limit.
    sure
        The effect with its interval, and the e-value or p-value against what it takes.
    held
        How long the condition has held, of how long it must.
    change
        What would change the answer.
    weight
        How much it has to do with the decision.
    """

    metric: str
    matter: str
    now: str
    seen: str
    expected: str
    sure: str
    held: str
    change: str
    weight: Weight


def standings(verdict: Verdict) -> tuple[Standing, ...]:
    """Every line of a verdict, the weightiest first; the order of metrics plays no part."""
    behind: dict[tuple[str, str], list[Evidence]] = {}
    rest: dict[tuple[str, str], list[Evidence]] = {}
    read = {(reading.metric, reading.trigger) for reading in verdict.readings}
    for item in verdict.evidence:
        rule = _rule_behind(item, read)
        if rule:
            behind.setdefault((item.metric, rule), []).append(item)
        else:
            rest.setdefault((item.metric, _matter(item)), []).append(item)
    found = [
        _of_rule(verdict, reading, behind.get((reading.metric, reading.trigger), ()))
        for reading in verdict.readings
    ]
    told = {reading.metric for reading in verdict.readings}
    found += [
        _of_question(verdict, matter, asked)
        for (metric, matter), asked in rest.items()
        if not (metric in told and all(item.method == "presence" for item in asked))
    ]
    return tuple(sorted(found, key=lambda line: (line.weight, line.metric, line.matter)))


def _rule_behind(evidence: Evidence, read: set[tuple[str, str]]) -> str:
    """The rule whose gate the evidence stands at, or nothing."""
    if evidence.question not in HARM:
        return ""
    named = evidence.claim.replace(".", "_"), evidence.claim.partition(".")[0]
    return next((name for name in named if (evidence.metric, name) in read), "")


def _matter(evidence: Evidence) -> str:
    """What evidence that no rule asks for is about."""
    rule, _, part = evidence.claim.partition(".")
    if rule == "segment":
        return f"segment {words.plain(part)}"
    if evidence.claim == "target":
        return "meets its target"
    asked = ASKED[evidence.question]
    return f"{words.plain(rule)} {asked}" if rule in rows.LIMITS else asked


def _of_rule(verdict: Verdict, reading: Reading, behind: Sequence[Evidence]) -> Standing:
    shown = rows.reading_words(reading)
    sure = "the number itself decides"
    if behind:
        sure = how_sure(rows.most_telling(behind))
    return Standing(
        metric=words.plain(reading.metric),
        matter=words.plain(reading.trigger),
        now=shown.now,
        seen=shown.canary,
        expected=_expected(reading),
        sure=sure,
        held=shown.held,
        change=_change_of_rule(verdict, reading, behind),
        weight=_weight_of_rule(verdict, reading),
    )


def _expected(reading: Reading) -> str:
    """What a rule compares with, where that is a figure of its own, and what it allows."""
    shown = rows.reading_words(reading)
    side, _, limit = shown.limit.partition(" ")
    allows = {">": f"at most {limit}", "<": f"at least {limit}"}.get(side, "")
    of_itself = rows.rule_of(reading) in OF_ITSELF or shown.against == words.NOTHING
    return ", ".join(part for part in ("" if of_itself else shown.against, allows) if part)


OF_ITSELF = {"memory", "throughput"}  # what they read is already a part of what they are held to


def _caused(verdict: Verdict, trigger: str, metric: str) -> bool:
    return any(
        (firing.trigger, firing.metric, firing.action) == (trigger, metric, "rollback")
        for firing in verdict.firings
    )


def _weight_of_rule(verdict: Verdict, reading: Reading) -> Weight:
    if _caused(verdict, reading.trigger, reading.metric):
        return Weight.CAUSE
    return {
        Condition.FIRED: Weight.FIRED,
        Condition.PENDING: Weight.PENDING,
        Condition.SUPPRESSED: Weight.UNREAD,
        Condition.NO_DATA: Weight.UNREAD,
        Condition.NOT_EVALUABLE: Weight.UNREAD,
        Condition.WARNING: Weight.WARNING,
        Condition.CLEAR: Weight.QUIET,
    }[reading.condition]


def _change_of_rule(verdict: Verdict, reading: Reading, behind: Sequence[Evidence]) -> str:
    limit = rows.limit(reading)
    lasting = f" for {words.duration(reading.for_seconds)}" if reading.for_seconds else ""
    gate = next((item for item in behind if item.question is not Question.BEYOND), None)
    if _caused(verdict, reading.trigger, reading.metric):
        return "nothing: a rollback stays until a new rollout begins"
    if reading.condition is Condition.FIRED:
        return f"ends when the condition {limit} no longer holds"
    if reading.condition is Condition.PENDING:
        missing = reading.for_seconds - reading.held_seconds
        waits = [f"it holds for another {words.duration(missing)}"] if missing > 0 else []
        if gate is not None and not gate.decides:
            waits.append(_reaches(gate))
        until = " and ".join(waits) or "it holds once more"
        return f"fires if {until}; clears when {limit} no longer holds"
    if reading.condition is Condition.NO_DATA:
        return "data on the canary, and on the baseline where it is compared"
    if reading.condition is Condition.NOT_EVALUABLE:
        return words.plain(reading.detail) or "a setting that it needs"
    evidence = ", with evidence of harm" if gate is not None else ""
    return f"fires if {limit}{lasting}{evidence}"


def _of_question(verdict: Verdict, matter: str, asked: Sequence[Evidence]) -> Standing:
    told = _telling(asked)
    shown = rows.evidence_words(told)
    return Standing(
        metric=shown.metric,
        matter=matter,
        now=shown.answer or "told",
        seen=shown.canary,
        expected="" if shown.baseline == words.NOTHING else shown.baseline,
        sure=how_sure(told),
        held="",
        change=_change_of_question(verdict, told),
        weight=_weight_of_question(verdict, told),
    )


def _telling(asked: Sequence[Evidence]) -> Evidence:
    """The answer to tell: where both directions must be shown, the one further from it."""
    both = [item for item in asked if item.claim.endswith((".up", ".down"))]
    others = [item for item in asked if item not in both]
    if both and both[0].question is Question.NOT_WORSE:
        return rows.most_telling([min(both, key=rows.nearness), *others])
    return rows.most_telling(asked)


def _weight_of_question(verdict: Verdict, told: Evidence) -> Weight:
    caused = told.question in HARM and _caused(verdict, "harm", told.metric)
    if caused or _caused(verdict, "no_data", told.metric):
        return Weight.CAUSE
    if told.status in {Status.NO_DATA, Status.ONE_SIDE_ONLY}:
        return Weight.UNREAD
    if told.question is Question.NOT_WORSE:
        return Weight.QUIET if told.decides else Weight.OPEN
    return Weight.SHOWN if told.decides else Weight.QUIET


def _change_of_question(verdict: Verdict, told: Evidence) -> str:
    if _weight_of_question(verdict, told) is Weight.CAUSE:
        return "nothing: a rollback stays until a new rollout begins"
    if told.status is not Status.OK:
        return LACKING[told.status]
    if told.question is Question.SPLIT:
        return "the traffic divided as designed" if told.decides else "a split that is shown wrong"
    if told.decides:
        return (
            "nothing more is needed"
            if told.question is Question.NOT_WORSE
            else "told, not acted on"
        )
    if told.level is None:
        return "nothing: it is told and has no say"
    says = "shown" if told.question is Question.NOT_WORSE else "acts"
    return f"{says} once {_reaches(told)}{_pace(verdict, told)}"


LACKING = {
    Status.INSUFFICIENT: "more data",
    Status.NO_DATA: "data",
    Status.ONE_SIDE_ONLY: "data on the other side",
    Status.NO_EVENTS: "events on either side",
    Status.DEGENERATE: "values that vary",
    Status.NOT_EVALUABLE: "the setting that it lacks",
}


def _reaches(evidence: Evidence) -> str:
    """What the evidence must come to, and where it is."""
    needed = words.NOTHING if evidence.level is None else words.number(1 / evidence.level)
    if evidence.log_e_value is not None:
        return f"e reaches {needed} (now {rows.from_log(evidence.log_e_value)})"
    least = words.NOTHING if evidence.level is None else words.number(evidence.level)
    return f"p falls to {least} (now {words.number(evidence.p_value)})"


def _pace(verdict: Verdict, evidence: Evidence) -> str:
    """How long the evidence still takes if it grows as it has so far."""
    log_e, level = evidence.log_e_value, evidence.level
    if verdict.started is None or verdict.at is None or log_e is None or level is None:
        return ""
    elapsed = verdict.at - verdict.started
    if elapsed <= 0 or verdict.decision is Decision.ROLLBACK:
        return ""
    if log_e < LEAST_PROGRESS:
        return "; no nearer so far"
    remaining = elapsed * (-math.log(level) - log_e) / log_e
    return f"; at the pace so far in about {words.duration(_rounded(remaining))}"


LEAST_PROGRESS = 0.1  # of log e: below, a pace would be read from noise


def _rounded(seconds: float) -> float:
    """Two digits: a forecast is no measurement."""
    if seconds < 60:
        return max(10.0 * math.ceil(seconds / 10.0), 10.0)
    digits = 10.0 ** max(math.floor(math.log10(seconds / 60.0)) - 1, 0)
    return float(60.0 * digits * math.ceil(seconds / 60.0 / digits))


def how_sure(evidence: Evidence) -> str:
    """The effect with its interval, then the e-value or p-value and what it takes."""
    if evidence.status is not Status.OK:
        told = words.plain(evidence.detail)
        silent = rows.SILENT[evidence.status]
        return f"{silent} ({told})" if told and told != silent else silent
    where = rows.interval(evidence)
    if evidence.interval is not None:
        where = f"{where}, {words.percent(evidence.interval.level)}"
    effect = rows.effect(evidence, evidence.effect)
    parts = []
    if evidence.effect is not None:
        parts.append(f"{effect} ({where})" if where else effect)
    elif where:
        parts.append(where)
    parts += [text] if (text := rows.strength(evidence)) else []
    return "; ".join(parts) or words.NOTHING
