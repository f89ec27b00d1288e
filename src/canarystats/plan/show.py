"""A plan as a frame and as a drawing; what it takes for that is loaded when it is asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from canarystats.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from canarystats.plan.records import Outlook, Plan, StagePlan, Times

COLUMNS = (
    "stage", "share", "duration_seconds", "metric", "about", "question", "effect",
    "p50_seconds", "p80_seconds", "p95_seconds",
)  # fmt: skip
# Okabe and Ito's colours, told apart by colour-blind readers and in print.
COLOURS = ("#0072b2", "#d55e00", "#00795a", "#a8558a", "#8f6200", "#56b4e9", "#22272e")
MUTED = "#6b7280"
CLOCK = {60.0: "1 min", 600.0: "10 min", 3600.0: "1 h", 21_600.0: "6 h", 86_400.0: "1 d",
         604_800.0: "1 wk", 2_592_000.0: "30 d"}  # fmt: skip


def frame(plan: Plan) -> pd.DataFrame:
    """One row for each stage, metric, question and effect."""
    import pandas as pd

    rows = []
    for stage in plan.stages:
        for outlook in stage.outlooks:
            head = (stage.stage, stage.share, stage.duration_seconds, outlook.metric, outlook.about)
            rows += [
                (*head, found.trigger, found.effect, *_seconds(found.times))
                for found in outlook.detections
            ]
            if outlook.proof is not None:
                rows.append((*head, "not worse", 1.0, *_seconds(outlook.proof)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def draw(plan: Plan, metric: str | None, ax: Axes | None) -> Axes:
    """The time to notice against the effect, both logarithmic, one line a stage."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Plotting", "matplotlib", "plot") from error
    lines = [(stage, line) for stage in plan.stages if (line := _line(stage, metric))]
    if not lines:
        what = "any metric" if metric is None else f"{metric!r}"
        msg = f"the plan holds no time to notice {what} that could be drawn"
        raise InputError(msg)
    if ax is None:
        ax = Figure(figsize=(8.6, 4.2), layout="constrained").subplots()
    for i, (stage, line) in enumerate(lines):
        colour, name = COLOURS[i % len(COLOURS)], stage.stage or f"share {stage.share:g}"
        ax.plot(*zip(*line, strict=True), color=colour, marker="o", markersize=3, label=name)
        ax.axhline(stage.duration_seconds, color=colour, linewidth=0.9, linestyle=(0, (5, 3)))
    _dress(ax, [effect for _, line in lines for effect, _ in line])
    about = next(o.about for stage, _ in lines for o in stage.outlooks if _is(o, metric))
    ax.set_xlabel(f"{about}, times as bad", color=MUTED)
    ax.legend(frameon=False, fontsize=9, title="dashed: how long it lasts", title_fontsize=8)
    return ax


def _dress(ax: Axes, effects: list[float]) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(sorted(set(effects)), [f"{effect:g}x" for effect in sorted(set(effects))])
    low, high = ax.get_ylim()
    marks = {at: text for at, text in CLOCK.items() if low <= at <= high}
    if marks:
        ax.set_yticks(list(marks), list(marks.values()))
    ax.minorticks_off()
    ax.set_ylabel("noticed after, with a chance of 80 %", color=MUTED)
    ax.grid(color="#e3e5e8", linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _is(outlook: Outlook, metric: str | None) -> bool:
    return bool(outlook.detections) and metric in {None, outlook.metric}


def _line(stage: StagePlan, metric: str | None) -> list[tuple[float, float]]:
    """(effect, seconds) of the first outlook of the metric; nothing where nothing is noticed."""
    outlook = next((o for o in stage.outlooks if _is(o, metric)), None)
    if outlook is None:
        return []
    first: dict[float, float] = {}
    for found in outlook.detections:
        if found.times.p80 is not None:
            first[found.effect] = min(first.get(found.effect, math.inf), found.times.p80)
    return sorted(first.items())


def _seconds(times: Times) -> tuple[float, ...]:
    return tuple(math.inf if t is None else t for t in (times.p50, times.p80, times.p95))
