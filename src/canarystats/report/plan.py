"""A plan as text: a table of stages, and for a single stage what each rule sees and when."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from canarystats.plan.records import lasting, rounded, table
from canarystats.report import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.plan import Outlook, Plan, StagePlan

NOISY = 0.01  # a literal condition true more often by chance than this is told of


def plan_lines(plan: Plan, *, width: int = 100) -> str:
    """The plan as a person reads it.

    Parameters
    ----------
    plan
        What to show.
    width
        Columns of the terminal; sentences are wrapped, tables are not.

    Returns
    -------
    str
        Lines without a trailing newline. Times are those by which something has happened with a
        chance of 80 %.
    """
    head, rows = table(plan)
    lines = [f"Plan for {words.plain(plan.policy)}", "", *_aligned([head, *rows])]
    if len(plan.stages) == 1:
        for outlook in plan.stages[0].outlooks:
            lines += ["", *_outlook_lines(outlook)]
    for stage in plan.stages:
        lines += _notes(stage, width)
    return "\n".join(line.rstrip() for line in lines)


def _outlook_lines(outlook: Outlook) -> list[str]:
    base = "" if outlook.base is None else f" (now {outlook.base:.3g})"
    title = f"{words.plain(outlook.metric)}, {outlook.about}{base}, noticed after"
    rows: dict[str, dict[float, str]] = {}
    for found in outlook.detections:
        rows.setdefault(found.trigger, {})[found.effect] = lasting(found.times.p80)
    seen = {name: cells for name, cells in rows.items() if set(cells.values()) != {"never"}}
    if not seen:
        return [f"{words.plain(outlook.metric)}, {outlook.about}: {outlook.reason or 'no rule'}"]
    effects = sorted({effect for cells in seen.values() for effect in cells})
    head = ["", *[f"{effect:g}x" for effect in effects]]
    lines = [title, *_aligned([head, *([name, *cells.values()] for name, cells in seen.items())])]
    if outlook.proof is not None:
        lines.append(f"shown not worse after {lasting(outlook.proof.p80)}")
    if blind := sorted(set(rows) - set(seen)):
        lines.append(f"none of these fires {', '.join(blind)}")
    return lines


def _notes(stage: StagePlan, width: int) -> list[str]:
    where = f"{stage.stage}: " if stage.stage else ""
    said = [stage.reason] if stage.reason and stage.can != "compare nothing" else []
    said += [f"left out: {what}" for what in stage.left_out]
    for outlook in stage.outlooks:
        said += [
            f"the literal {name} is true at {100 * chance:.3g} % of looks at a healthy canary"
            for name, chance in outlook.true_by_chance.items()
            if chance > NOISY
        ]
        if outlook.fixed_sample is not None and stage.can == "never":
            needs = outlook.fixed_sample / stage.duration_seconds
            said.append(
                f"one look at {rounded(outlook.fixed_sample)} requests would see the threshold "
                f"of error_rate (5 %, power 80 %): {rounded(needs)} req/s"
            )
    lines = [line for text in said for line in wrap(where + words.plain(text), width)]
    return ["", *lines] if lines else []


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
