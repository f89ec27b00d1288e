"""A verdict or a policy as text, for a terminal, a log or a ticket."""

from __future__ import annotations

from io import StringIO
from textwrap import fill, indent
from typing import TYPE_CHECKING, NamedTuple

from canarystats.errors import InputError
from canarystats.report import conditions, words
from canarystats.report.ladder import stage_words
from canarystats.report.rows import (
    comparisons,
    evidence_words,
    most_telling,
    reading_words,
    threshold,
)
from canarystats.verdict import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from canarystats.evidence import Evidence
    from canarystats.policy import Metric, Policy, Trigger
    from canarystats.verdict import Reading, Verdict

NARROWEST = 60
ROOMY = 104  # from here on a table has room for a column of sentences
_STYLES = {"good": "green", "warn": "yellow", "bad": "bold red", "muted": "dim", "": ""}
_BANNERS = {"promote": "bold green", "hold": "bold yellow", "rollback": "bold red"}


class _Cell(NamedTuple):
    text: str
    style: str = ""


def verdict_lines(verdict: Verdict, *, width: int = 100, colour: bool = False) -> str:
    """The verdict as a person reads it in five seconds, the rest below.

    Parameters
    ----------
    verdict
        What to show.
    width
        Columns of the terminal, at least 60; below 104 sentences go under the trigger table.
    colour
        Whether to write ANSI colours; without, there is not one escape character.

    Returns
    -------
    str
        Lines without a trailing newline; times are UTC.

    Raises
    ------
    InputError
        If the width is below 60 columns.
    """
    blocks: list[RenderableType] = [*_headline(verdict), *_trigger_table(verdict.readings, width)]
    blocks += _evidence_table(verdict.evidence, width)
    blocks += [_cell(_Cell(line, style)) for line, style in _tail(verdict)]
    return _rendered(blocks, width, colour)


def one_line(verdict: Verdict, *, width: int = 160) -> str:
    """The verdict in one line, for logs and progress: tick, decision, score, short reason."""
    start = [words.clock(verdict.at), f"{words.decision(verdict):<8}"]
    start.append(f"score {words.score(verdict):>3}")
    start += [words.plain(name) for name in (verdict.rollout, verdict.stage) if name]
    line = "  ".join([*start, words.plain(verdict.reason)])
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def policy_lines(policy: Policy, *, width: int = 100, colour: bool = False) -> str:
    """A policy as a person reads it: metrics, triggers, stages, timing, error budget.

    At a stage, what promotes there and what rolls back stands in sentences.

    Parameters
    ----------
    policy
        What to show.
    width, colour
        As `verdict_lines` takes them.

    Raises
    ------
    InputError
        If the width is below 60 columns.
    """
    at = f", stage {words.plain(policy.stage)}" if policy.stage else ""
    title = f"{words.plain(policy.name)}{at}  {policy.digest}"
    blocks: list[RenderableType] = [_cell(_Cell(title, "bold"))]
    if policy.description:
        blocks.append(_cell(_Cell(words.plain(policy.description))))
    if policy.stage:
        blocks.append(_cell(_Cell(conditions.place(policy))))
    metrics = [_metric_row(policy, metric) for metric in policy.metrics]
    blocks += ["", _table(_METRIC_HEADS, metrics, width)]
    if policy.triggers:
        rules = [_policy_trigger_row(policy, trigger) for trigger in policy.triggers]
        blocks += ["", _table(_TRIGGER_HEADS, rules, width)]
        blocks += [_cell(_Cell(line, "dim")) for line in _second_conditions(policy)]
    if policy.stages:
        steps = [[_Cell(text) for text in row] for row in stage_words(policy)]
        blocks += ["", _table(_STAGE_HEADS, steps, width)]
    if policy.stage:
        blocks += [_cell(_Cell(line)) for line in _stage_sentences(policy)]
    blocks += ["", *(_cell(_Cell(line)) for line in _settings(policy))]
    return _rendered(blocks, width, colour)


def _rendered(blocks: Iterable[RenderableType], width: int, colour: bool) -> str:
    from rich.console import Console

    if width < NARROWEST:
        msg = f"width is {width}; a report needs at least {NARROWEST} columns"
        raise InputError(msg)
    page = StringIO()
    # An empty environment: neither FORCE_COLOR nor NO_COLOR nor COLUMNS may change the bytes.
    console = Console(
        file=page,
        width=width,
        color_system="standard" if colour else None,
        force_terminal=colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    for block in blocks:
        console.print(block)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def _cell(cell: _Cell) -> RenderableType:
    from rich.text import Text

    return Text(cell.text, style=cell.style, overflow="fold")


def _table(heads: Sequence[str], rows: Sequence[Sequence[_Cell]], width: int) -> RenderableType:
    """A table whose cells break between words; heads ending in ``>`` align right."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style=""
    )
    columns = [
        " ".join([head.rstrip(">"), *(row[i].text for row in rows)]) for i, head in enumerate(heads)
    ]
    longest = [max(map(len, column.split()), default=0) for column in columns]
    # Words are kept whole where they all fit; else rich folds them, which loses nothing.
    whole = sum(longest) + 2 * len(heads) <= width
    for head, least in zip(heads, longest, strict=True):
        table.add_column(
            head.rstrip(">"),
            justify="right" if head.endswith(">") else "left",
            overflow="fold",
            min_width=least if whole else None,
        )
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row))
    return table


def _headline(verdict: Verdict) -> list[RenderableType]:
    parts = [words.decision(verdict), f"score {words.score(verdict)}"]
    parts += [words.plain(name) for name in (verdict.rollout, verdict.stage) if name]
    parts.append(words.clock(verdict.at))
    banner = _Cell("  ".join(parts), _BANNERS[verdict.decision])
    return [_cell(banner), _cell(_Cell(words.plain(verdict.reason)))]


def _trigger_table(readings: Sequence[Reading], width: int) -> list[RenderableType]:
    if not readings:
        return []
    rows, told = [], []
    for reading in readings:
        row = reading_words(reading)
        style = _STYLES[row.tone]
        cells = [_Cell(row.trigger), _Cell(row.now, style), _Cell(row.canary)]
        cells += [_Cell(row.against), _Cell(row.limit), _Cell(row.held)]
        if width >= ROOMY:
            cells.append(_Cell(row.meaning))
        elif row.meaning and reading.condition is not Condition.CLEAR:
            told.append(_cell(_Cell(f"  {row.trigger}: {row.meaning}", style)))
        rows.append(cells)
    heads = ["trigger", "now", "canary>", "against>", "limit>", "held"]
    heads += ["what it means"] if width >= ROOMY else []
    return ["", _table(heads, rows, width), *told]


def _evidence_table(evidence: Sequence[Evidence], width: int) -> list[RenderableType]:
    if not evidence:
        return []
    rows: list[list[_Cell]] = []
    last = ""
    told = [most_telling(group) for group in comparisons(evidence)]
    for item in told:
        row = evidence_words(item)
        style = _STYLES[row.tone]
        name = "" if row.metric == last else row.metric
        last = row.metric
        figures = [_Cell(row.canary), _Cell(row.baseline)]
        if width >= ROOMY:
            effect = f"{row.effect}  {row.interval}".rstrip()
            sure = f"{row.answer}  {row.strength}".rstrip()
            head = [_Cell(name), _Cell(row.question)]
        else:
            effect = f"{row.effect}\n{row.interval}".rstrip()
            sure = f"{row.answer}\n{row.strength}".rstrip()
            asked = indent(fill(row.question, 18), "  ")
            head = [_Cell(f"{name}\n{asked}".lstrip("\n"))]
        n = row.n if width >= ROOMY or len(row.n) < 8 else row.n.replace("/", "/\n")
        rows.append([*head, *figures, _Cell(effect), _Cell(sure, style), _Cell(n)])
    heads = ["metric", "question"] if width >= ROOMY else ["metric"]
    heads += ["canary>", "baseline>", "effect", "how sure", "n>"]
    others = len(evidence) - len(told)
    more = f"  and {others} weaker answer{'' if others == 1 else 's'} on the same figures"
    return ["", _table(heads, rows, width), *([_cell(_Cell(more, "dim"))] if others else [])]


def _tail(verdict: Verdict) -> list[tuple[str, str]]:
    lines = [("", "")]
    for firing in verdict.firings:
        since = words.onset(firing.onset, firing.onset_interval)
        onset = "" if firing.onset is None else f", onset {since}"
        name, action = words.plain(firing.trigger), words.plain(firing.action)
        when = f"fired {words.clock(firing.at)}{onset}"
        lines.append((f"{name} {when}, {firing.way}: {action}", ""))
    lines += [(f"also: {words.plain(reason)}", "") for reason in other_reasons(verdict)]
    for item in verdict.evidence:
        lines += [(f"data: {words.plain(f'{item.metric}: {seen}')}", "dim") for seen in item.seen]
    judged = f"{words.next_look(verdict)}; judged {words.span(verdict)}"
    named = f"decision {words.plain(verdict.decision_id)}, policy {words.plain(verdict.policy)}"
    return [
        *dict.fromkeys(lines),
        (judged, ""),
        (f"{named} ({words.plain(verdict.policy_digest)})", "dim"),
    ]


def other_reasons(verdict: Verdict) -> list[str]:
    """The reasons that the headline does not already say, the weightiest first."""
    return [reason for reason in dict.fromkeys(verdict.reasons) if reason != verdict.reason]


_STAGE_HEADS = ("stage", "share>", "at least", "promotes", "false rollback", "differs")
_METRIC_HEADS = ("metric", "kind", "harmful", "margin>", "promotes within>", "role")
_TRIGGER_HEADS = ("trigger", "metric", "limit>", "for", "reads", "evidence", "action")


def _metric_row(policy: Policy, metric: Metric) -> list[_Cell]:
    roles = [
        role
        for role, holds in (
            ("critical", metric.critical),
            ("required", metric.required),
            ("dry run", metric.dry_run),
        )
        if holds
    ]
    margin = policy.margin if metric.margin is None else metric.margin
    within, unit = metric.non_inferiority, words.plain(metric.unit)
    shown = "trigger" if within is None else words.percent(within)
    return [
        _Cell(metric.name),
        _Cell(" or ".join(metric.kinds) + ("" if unit == "1" else f", {unit}")),
        _Cell(metric.harmful),
        _Cell(words.percent(margin) if metric.compare else words.NOTHING),
        _Cell(shown if metric.compare else "not compared"),
        _Cell(", ".join(roles) or "reported"),
    ]


def _policy_trigger_row(policy: Policy, trigger: Trigger) -> list[_Cell]:
    holds = "at once" if not trigger.for_ else words.duration(trigger.for_)
    if trigger.mode == "m_of_n":
        holds += f", {trigger.m} of {trigger.n}"
    return [
        _Cell(trigger.name),
        _Cell(trigger.metric),
        _Cell(threshold(trigger.rule, trigger.threshold, policy.metric(trigger.metric).unit)),
        _Cell(holds),
        _Cell(words.duration(trigger.window)),
        _Cell(trigger.evidence),
        _trigger_action(policy, trigger),
    ]


def _trigger_action(policy: Policy, trigger: Trigger) -> _Cell:
    if not conditions.judged(policy, trigger):
        return _Cell("not judged", "dim")
    if trigger.action != "rollback":
        return _Cell(trigger.action)
    return _Cell("rollback", "bold") if policy.rollback else _Cell("report")


def _stage_sentences(policy: Policy) -> list[str]:
    by, acts = conditions.who_promotes(policy), conditions.rollback(policy)
    first = "rolls back when one of" if policy.rollback else "would roll back when one of"
    return [
        "",
        f"promotes, {by}, once",
        *(f"  - {line}" for line in conditions.promotion(policy)),
        first if acts else "rolls back on nothing",
        *(f"  - {line}" for line in acts),
    ]


def _second_conditions(policy: Policy) -> list[str]:
    triggers = policy.triggers
    lines = [
        f"  {t.name} also fires above {words.percent(t.absolute.threshold)} "
        f"for {words.duration(t.absolute.for_)}, whatever the baseline"
        for t in triggers
        if t.absolute is not None
    ]
    for t in triggers:
        if not conditions.judged(policy, t):
            continue
        unit = policy.metric(t.metric).unit
        tiers = ", ".join(threshold(t.rule, tier, unit) for tier in t.warn)
        lines += [f"  {t.name} warns at {tiers}"] if tiers else []
    return lines


def _settings(policy: Policy) -> list[str]:
    budget, last = policy.error_budget, words.duration
    split = "the traffic split as designed" if policy.check_split else "any traffic split"
    looks = {"many": "evidence that holds at any number of looks", "one": "one look"}
    if policy.bake is not None:
        looks["planned"] = f"{policy.bake.looks} planned looks in {last(policy.bake.duration)}"
    timing = f"a tick every {last(policy.interval)}, warm-up {last(policy.warm_up)}"
    least = f"{words.number(policy.min_samples)} canary samples"
    passing, marginal = words.number(policy.pass_score), words.number(policy.marginal_score)
    bands = f"passes from {passing}, marginal from {marginal}"
    where = " in all stages together" if policy.stages else " at this stage" if policy.stage else ""
    chances = [
        f"false rollback {words.percent(budget.false_rollback)}{where}",
        f"{words.percent(budget.critical_share)} of it on critical metrics",
        f"false promotion {words.percent(budget.false_promote)} a metric",
        f"false split alarm {words.percent(budget.split)}",
    ]
    promotion = (
        f"promotion: {policy.approval}; after {last(policy.min_duration)} and {least}; {split}"
    )
    return [
        f"timing: {timing}; {looks[policy.looks]}",
        *([] if policy.stage else [promotion]),
        f"missing data: {policy.on_no_data}; partial data: {policy.partial_data}",
        f"score: {bands}",
        f"error budget: {', '.join(chances)}",
    ]
