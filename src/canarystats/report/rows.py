"""The rows of the trigger table and of the evidence table, every cell in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from canarystats.evidence import Question, Status
from canarystats.report import words
from canarystats.verdict import Condition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.evidence import Evidence
    from canarystats.verdict import Reading

NOW = {
    Condition.CLEAR: "OK",
    Condition.WARNING: "WARN",
    Condition.PENDING: "PENDING",
    Condition.FIRED: "FIRED",
    Condition.SUPPRESSED: "PAUSED",
    Condition.NO_DATA: "NO DATA",
    Condition.NOT_EVALUABLE: "OFF",
}
ASKED = {
    Question.DIFFERENCE: "different?",
    Question.WORSE: "worse?",
    Question.BEYOND: "beyond limit?",
    Question.NOT_WORSE: "not worse?",
    Question.SPLIT: "split off?",
    Question.LEVEL: "past level?",
}
SILENT = {
    Status.INSUFFICIENT: "too little data",
    Status.NO_DATA: "no data",
    Status.ONE_SIDE_ONLY: "one side only",
    Status.NO_EVENTS: "no events",
    Status.DEGENERATE: "no variance",
    Status.NOT_EVALUABLE: "not set up",
}
OWN = ""  # the metric's own unit
LIMITS = {  # which side of the threshold hurts, and what the threshold is
    "error_rate": (">", "times"),
    "latency_p99": (">", "times"),
    "success_rate": ("<", "ratio"),
    "throughput": ("<", "times"),
    "byzantine": (">", "1"),
    "data_integrity": (">", "1"),
    "memory": (">", "ratio"),
    "breaker_storm": (">", "1"),
    "level_above": (">", OWN),
    "level_below": ("<", OWN),
    "ratio_above": (">", "times"),
    "ratio_below": ("<", "times"),
    "share_above": (">", "ratio"),
    "share_below": ("<", "ratio"),
    "quantile_above": (">", OWN),
    "count_above": (">", "1"),
    "count_below": ("<", "1"),
    "stalled": ("<", "1"),
    "per_second_above": (">", "1"),
    "per_second_below": ("<", "1"),
}
SHARES = {"error_rate", "success_rate", "share_above", "share_below"}
AS_THE_METRIC = {
    "latency_p99",
    "memory",
    "quantile_above",
    "level_above",
    "level_below",
    "ratio_above",
    "ratio_below",
}
TONES = {
    Condition.CLEAR: "good",
    Condition.WARNING: "warn",
    Condition.PENDING: "warn",
    Condition.FIRED: "bad",
    Condition.SUPPRESSED: "muted",
    Condition.NO_DATA: "muted",
    Condition.NOT_EVALUABLE: "muted",
}


class ReadingWords(NamedTuple):
    """One row of the trigger table."""

    trigger: str
    now: str
    canary: str
    against: str
    limit: str
    held: str
    meaning: str
    tone: str


class EvidenceWords(NamedTuple):
    """One row of the evidence table."""

    metric: str
    question: str
    canary: str
    baseline: str
    effect: str
    interval: str
    answer: str
    strength: str
    n: str
    method: str
    detail: str
    tone: str


def reading_words(reading: Reading) -> ReadingWords:
    """One row of the trigger table."""
    against = None if reading.reference == reading.threshold else reading.reference
    return ReadingWords(
        trigger=words.plain(reading.trigger),
        now=NOW[reading.condition],
        canary=words.quantity(reading.observed, figure_unit(reading, reading.observed)),
        against=words.quantity(against, figure_unit(reading, against)),
        limit=limit(reading),
        held=held(reading),
        meaning=words.plain(reading.detail),
        tone=TONES[reading.condition],
    )


def held(reading: Reading) -> str:
    """How long a condition has held, out of how long it must: ``2m of 5m``."""
    if reading.for_seconds <= 0:
        return "at once"
    done = words.duration(reading.held_seconds) if reading.held_seconds else "0"
    return f"{done} of {words.duration(reading.for_seconds)}"


def rule_of(reading: Reading) -> str:
    """The rule that a trigger follows, by its name where an older verdict says no rule."""
    return _known(reading.rule or reading.trigger)


def _known(said: str) -> str:
    return next((rule for rule in LIMITS if said.startswith(rule)), said)


def limit(reading: Reading) -> str:
    """The side of a reading's threshold that hurts."""
    return threshold(rule_of(reading), reading.threshold, reading.unit)


def threshold(rule: str, value: float | None, unit: str = "") -> str:
    """The side of a rule's threshold that hurts: ``> ×1.5``, ``< 95 %``, ``> 10``."""
    side, of_rule = LIMITS.get(_known(rule), (">", "1"))
    if value is not None and value < 1 and _known(rule) == "error_rate":
        of_rule = "ratio"  # the rule's second, absolute condition
    return words.NOTHING if value is None else f"{side} {words.quantity(value, of_rule or unit)}"


def figure_unit(reading: Reading, value: float | None) -> str:
    """The unit of what a trigger observed."""
    rule = rule_of(reading)
    if rule in SHARES:
        return "ratio"
    if rule == "throughput":
        return "times"  # of what its share of the traffic makes one expect
    if rule == "memory" and value is not None and abs(value) < 16:
        return "ratio"  # a share of the limit: no process lives in sixteen bytes
    if rule in LIMITS and rule not in AS_THE_METRIC:
        return "1"
    told = "" if reading.unit == "1" else reading.unit
    return told or words.unit_of(reading.metric)


def evidence_words(evidence: Evidence) -> EvidenceWords:
    """One row of the evidence table."""
    unit = evidence_unit(evidence)
    return EvidenceWords(
        metric=words.plain(evidence.metric),
        question=question(evidence),
        canary=words.quantity(evidence.observed, unit) + _per(evidence, evidence.observed),
        baseline=words.quantity(evidence.reference, unit) + _per(evidence, evidence.reference),
        effect=effect(evidence, evidence.effect),
        interval=interval(evidence),
        answer=answer(evidence),
        strength=strength(evidence),
        n=f"{words.number(evidence.n_canary)}/{words.number(evidence.n_baseline)}",
        method=words.plain(evidence.method),
        detail=words.plain(evidence.detail),
        tone=_evidence_tone(evidence),
    )


def _per(evidence: Evidence, value: float | None) -> str:
    """What a slope is counted by."""
    return " an hour" if evidence.effect_scale == "per_hour" and value is not None else ""


def question(evidence: Evidence) -> str:
    """What was asked, by the policy's claim where it names one: ``error rate beyond?``."""
    if not evidence.claim:
        return ASKED[evidence.question]
    return words.plain(evidence.claim.replace("_", " ").replace(".", " ")) + "?"


def comparisons(evidence: Sequence[Evidence]) -> list[list[Evidence]]:
    """Evidence on the same figures put together, in the order of its first answer."""
    groups: dict[tuple[object, ...], list[Evidence]] = {}
    for item in evidence:
        key = (item.metric, item.method, item.observed, item.reference, item.effect_scale)
        groups.setdefault(key, []).append(item)
    return list(groups.values())


def most_telling(comparison: Sequence[Evidence]) -> Evidence:
    """The one answer to read: harm that is shown, else no harm that is shown, else the nearest."""
    return max(comparison, key=_weight)


def _weight(evidence: Evidence) -> tuple[bool, bool, bool, float]:
    harm = evidence.question is not Question.NOT_WORSE
    beyond = evidence.question is Question.BEYOND
    decides = evidence.decides
    return decides and harm, decides and beyond, decides, nearness(evidence)


def nearness(evidence: Evidence) -> float:
    """The logarithm of the evidence over what it needs: 0 and above decides."""
    if evidence.status is not Status.OK or evidence.level is None:
        return -math.inf
    log = evidence.log_e_value
    if log is None:
        if evidence.p_value is None:
            return -math.inf
        log = math.inf if evidence.p_value == 0 else -math.log(evidence.p_value)
    return log + math.log(evidence.level)


def _evidence_tone(evidence: Evidence) -> str:
    if evidence.status is not Status.OK:
        return "muted"
    if not evidence.decides:
        return ""
    return "good" if evidence.question is Question.NOT_WORSE else "bad"


def evidence_unit(evidence: Evidence) -> str:
    """The unit of what a method observed: methods for counts and for the split see fractions."""
    fraction = evidence.question is Question.SPLIT or evidence.effect_scale == "share"
    if fraction or evidence.method.endswith(("counts", "rate_ratio", "rate_level")):
        return "ratio"
    return words.unit_of(evidence.metric)


def effect(evidence: Evidence, value: float | None) -> str:
    """A figure on the effect's scale: ``×1.82``, ``+12 ms``, ``63 %`` for a probability."""
    scale = evidence.effect_scale
    if value is None:
        return words.NOTHING
    if scale.endswith("ratio"):
        return f"{scale.removesuffix('ratio')}{words.times(value)}"
    if scale in {"probability", "share"}:
        return words.percent(value)
    text = words.quantity(value, evidence_unit(evidence)) + _per(evidence, value)
    return f"+{text}" if value > 0 else text


def interval(evidence: Evidence) -> str:
    """Where the effect may lie, its unit said once: ``1.31 to 2.5``, ``4.8 to 5.3 %``."""
    if evidence.interval is None:
        return ""
    low, high = (
        "∞" if end is None else effect(evidence, end).rpartition("×")[2]
        for end in (evidence.interval.low, evidence.interval.high)
    )
    if evidence.interval.low is None:
        return f"up to {high}" if evidence.interval.high is not None else "anything"
    if evidence.interval.high is None:
        return f"at least {low}"
    if low.partition(" ")[2] == high.partition(" ")[2]:
        low = low.partition(" ")[0]
    return f"{low} to {high}"


def answer(evidence: Evidence) -> str:
    """What the evidence answers: yes, not shown, or why it is silent."""
    if evidence.status is not Status.OK:
        return SILENT[evidence.status]
    if evidence.level is None:
        return ""
    return "yes" if evidence.decides else "not shown"


def strength(evidence: Evidence) -> str:
    """How sure, against what is needed: ``e 31k, needs 125`` or ``p 0.21, needs 0.01``."""
    if evidence.status is not Status.OK:
        return ""
    if evidence.log_e_value is not None:
        needed = "" if evidence.level is None else f", needs {words.number(1 / evidence.level)}"
        return f"e {from_log(evidence.log_e_value)}{needed}"
    if evidence.p_value is None:
        return ""
    needed = "" if evidence.level is None else f", needs {words.number(evidence.level)}"
    shown = "<0.0001" if evidence.p_value < 1e-4 else words.number(evidence.p_value)
    return f"p {shown}{needed}"


def from_log(log_value: float) -> str:
    """An e-value from its logarithm: ``3.2``, ``31k``, from a million on ``1e26``."""
    power = log_value / math.log(10)
    if -3 <= power < 6:
        return words.number(math.exp(log_value))
    return f"1e{math.floor(power):d}" if power > 0 else "<0.001"
