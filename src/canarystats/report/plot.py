"""Plots of pairs and verdicts, drawn by matplotlib's object interface: no global state.

Colours are Okabe and Ito's, told apart by colour-blind readers and in print; every line is named
at its end instead of in a legend. Times are UTC.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.report import words
from canarystats.report.axes import (
    ALARM,
    BASELINE,
    CANARY,
    GOOD,
    INK,
    MUTED,
    WARN,
    blank,
    dates_of,
    name_ends,
    note,
    shade_missing,
    time_axis,
)
from canarystats.report.draw import (
    draw_counts,
    draw_events,
    draw_gauge,
    draw_histogram,
    draw_samples,
)
from canarystats.report.rows import nearness, question
from canarystats.verdict import Decision
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from canarystats.evidence import Interval
    from canarystats.verdict import Verdict
    from canarystats.windows import Pair

DECISIONS = {Decision.PROMOTE: GOOD, Decision.HOLD: WARN, Decision.ROLLBACK: ALARM}
MOST_PATHS = 5
STRONGEST = 1e12  # evidence beyond this is drawn at this height


def plot_pair(pair: Pair, *, ax: Axes | None = None, verdict: Verdict | None = None) -> Axes:
    """Draw one metric of canary and baseline over time; samples as two distribution functions.

    Parameters
    ----------
    pair
        What to draw. Missing scrapes are gaps on a grey ground.
    ax
        Where to draw; a figure of its own where None (``plot_pair(pair).figure``).
    verdict
        Adds the limits of the triggers that read the metric, the onset and the firings.

    Returns
    -------
    Axes
        What was drawn on.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    InputError
        If the pair holds no ticks or samples.
    """
    ax = blank(ax)
    if not len(pair.canary):
        msg = f"metric {pair.name!r} holds nothing to plot"
        raise InputError(msg)
    readings = [r for r in verdict.readings if r.metric == pair.name] if verdict else []
    if pair.kind is Kind.SAMPLES:
        draw_samples(ax, pair)
    else:
        x = time_axis(ax, pair.times, len(pair.canary))
        draw = {
            Kind.GAUGE: draw_gauge,
            Kind.COUNTS: draw_counts,
            Kind.HISTOGRAM: draw_histogram,
            Kind.EVENTS: draw_events,
        }[pair.kind]
        draw(ax, pair, x, readings)
        shade_missing(ax, x, np.asarray(np.isnan(pair.canary).all(axis=1)))
        if verdict is not None and pair.times is not None:
            _mark_firings(ax, pair, verdict)
    ax.set_title(words.plain(pair.name), loc="left", color=INK, pad=16, parse_math=False)
    return ax


def plot_verdicts(history: Sequence[Verdict], *, ax: Axes | None = None) -> Axes:
    """Draw score and decision over the ticks of a rollout.

    Parameters
    ----------
    history
        One verdict a tick, in order; those without a time are left out.
    ax
        Where to draw; a figure of its own where None.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    InputError
        If no verdict has a time.
    """
    ax = blank(ax, height=2.2)
    ticks = [(v.at, v) for v in history if v.at is not None]
    if not ticks:
        raise InputError("history holds no verdict with a time")
    x = time_axis(ax, np.array([at for at, _ in ticks]), len(ticks))
    ax.set_ylim(-4, 104)
    scores = np.array([verdict.score for _, verdict in ticks])
    edges = np.append(x, x[-1] + (x[-1] - x[-2] if len(x) > 1 else 1e-4))
    start = 0
    for i in range(1, len(ticks) + 1):
        decision = ticks[start][1].decision
        if i == len(ticks) or ticks[i][1].decision is not decision:
            ax.axvspan(edges[start], edges[i], color=DECISIONS[decision], alpha=0.18, linewidth=0)
            middle = (edges[start] + edges[i]) / 2
            if i - start > len(ticks) / 12:
                note(ax, middle, str(decision), DECISIONS[decision], "center")
            elif i == len(ticks):
                note(ax, edges[i], str(decision), DECISIONS[decision], "right")
            start = i
    ax.step(edges, np.append(scores, scores[-1]), where="post", color=INK, linewidth=1.5)
    name_ends(ax, [(float(scores[-1]), "score", INK)])
    return ax


def plot_evidence(history: Sequence[Verdict], metric: str, *, ax: Axes | None = None) -> Axes:
    """Draw how the evidence on one metric grew, relative to what it needs to decide.

    The height is the e-value, or 1/p for methods of one look, times the level it is held
    against: at 1 and above, the evidence answers its question with yes. Of many questions the five
    whose evidence came nearest are drawn.

    Parameters
    ----------
    history
        One verdict a tick, in order.
    metric
        Whose evidence to draw.
    ax
        Where to draw; a figure of its own where None.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    InputError
        If no verdict holds such evidence.
    """
    ax = blank(ax, height=2.2)
    paths = evidence_paths(history, metric)
    if not paths:
        msg = f"history holds no evidence on {metric!r} that has a time and a level"
        raise InputError(msg)
    every = np.array(sorted({at for path in paths.values() for at in path}))
    x = time_axis(ax, every, len(every))
    place = dict(zip(every.tolist(), x.tolist(), strict=True))
    ax.set_yscale("log")
    ends = [(1.0, "decides", ALARM)]
    colours = (CANARY, BASELINE, GOOD, "#a8558a", MUTED)
    for i, (label, path) in enumerate(paths.items()):
        colour = colours[i % len(colours)]
        ax.plot([place[at] for at in path], list(path.values()), color=colour, linewidth=1.6)
        ends.append((list(path.values())[-1], label, colour))
    ax.axhline(1.0, color=ALARM, linewidth=1.0, linestyle=(0, (5, 3)))
    ax.set_ylabel("evidence / needed", color=MUTED)
    name_ends(ax, ends)
    return ax


def evidence_paths(history: Sequence[Verdict], metric: str) -> dict[str, dict[float, float]]:
    """Evidence over what it needs, by question and time; the five that came nearest."""
    paths: dict[str, dict[float, float]] = {}
    cap = math.log(STRONGEST)
    for verdict in history:
        for item in verdict.evidence:
            near = nearness(item)
            if item.metric == metric and verdict.at is not None and near > -math.inf:
                path = paths.setdefault(question(item), {})
                path[verdict.at] = math.exp(max(min(near, cap), -cap))
    nearest = sorted(paths, key=lambda asked: -max(paths[asked].values()))[:MOST_PATHS]
    return {asked: path for asked, path in paths.items() if asked in nearest}


def _mark_firings(ax: Axes, pair: Pair, verdict: Verdict) -> None:
    firings = [firing for firing in verdict.firings if firing.metric == pair.name]
    if not firings or pair.times is None:
        return
    names: dict[float, list[str]] = {}
    for firing in firings:
        if firing.at is not None:
            names.setdefault(firing.at, []).append(words.plain(firing.trigger))
    dated = [firing for firing in firings if firing.onset is not None]
    first = min(dated, key=lambda firing: firing.onset or 0.0, default=None)
    marks: list[tuple[float, str, str, str]] = []
    marks += [(at, f"{', '.join(told)} fired", "solid", "left") for at, told in names.items()]
    if first is not None and first.onset is not None:
        if first.onset not in names:
            marks.append((first.onset, "onset", "dotted", "right"))
        if first.onset_interval is not None:
            _shade(ax, pair.times, first.onset_interval)
    for at, text, style, align in marks:
        if pair.times[0] <= at <= pair.times[-1]:
            place = float(dates_of(np.array([at]))[0])
            ax.axvline(place, color=ALARM, linewidth=1.4, linestyle=style)
            note(ax, place, text, ALARM, align)


def _shade(ax: Axes, times: NDArray[np.float64], interval: Interval) -> None:
    """Where else the onset may lie, as far as the plot shows it."""
    ends = np.clip([interval.low, interval.high], times[0], times[-1])
    low, high = dates_of(ends)
    if low < high:
        ax.axvspan(low, high, color=ALARM, alpha=0.12, linewidth=0)
