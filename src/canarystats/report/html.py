"""A verdict as one HTML file that needs nothing else: no script, no network, no clock.

The same input gives the same bytes, so a report can be stored, compared and signed.
"""

from __future__ import annotations

import re
from importlib import resources
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from canarystats.errors import MissingExtraError
from canarystats.report import axes, plot, words
from canarystats.report.rows import EvidenceWords, comparisons, evidence_words, reading_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes

    from canarystats.evidence import Evidence
    from canarystats.verdict import Verdict
    from canarystats.windows import Pair

TEMPLATE = "verdict.html.j2"
INHERITED = {  # colours of a plot that follow the reader's light or dark scheme
    axes.CANARY: "canary",
    axes.BASELINE: "baseline",
    axes.INK: "ink",
    axes.MUTED: "muted",
    axes.GRID: "grid",
    axes.ALARM: "bad",
    axes.GOOD: "good",
    axes.WARN: "warn",
}
_SVG = re.compile(r"<svg\b.*</svg>", re.DOTALL)
_STYLE = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_FONT = re.compile(r" ?font-family:[^;\"]*;?")
_FONT_SHORT = re.compile(r"font: ([\d.]+px)[^;\"]*")
_REFERENCE = re.compile(r'(\bid="|url\(#|xlink:href="#)')


class Plotted(NamedTuple):
    """One metric's figure: its title, its SVG pictures, what was wrong with its data."""

    title: str
    pictures: tuple[str, ...]
    notes: tuple[str, ...]


class Comparison(NamedTuple):
    """Evidence on the same figures: the figures once, every answer, what it rests on."""

    figures: EvidenceWords
    answers: tuple[EvidenceWords, ...]
    worth: str
    rests_on: str


class Spell(NamedTuple):
    """Ticks in a row with the same decision."""

    decision: str
    start: str
    share: float
    score: str
    reason: str


def write_report(
    path: str | Path,
    verdict: Verdict,
    *,
    pairs: Sequence[Pair] = (),
    history: Sequence[Verdict] = (),
    title: str | None = None,
) -> Path:
    """Write the report of a verdict and say where.

    Parameters
    ----------
    path
        The file; its folder must exist.
    verdict, pairs, history, title
        As `render` takes them.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    target = Path(path)
    target.write_text(
        render(verdict, pairs=pairs, history=history, title=title), encoding="utf-8", newline="\n"
    )
    return target


def render(
    verdict: Verdict,
    *,
    pairs: Sequence[Pair] = (),
    history: Sequence[Verdict] = (),
    title: str | None = None,
) -> str:
    """The report as text: decision, reasons, timeline, tables, plots, and the verdict's JSON.

    Parameters
    ----------
    verdict
        What to show.
    pairs
        The data it was reached on, one plot each; none without matplotlib, and the page says so.
    history
        The verdict of every tick, in order, for the timeline and the paths of evidence.
    title
        The page's title; the rollout's name where None.
    """
    from jinja2 import Environment, StrictUndefined

    source = resources.files("canarystats.report").joinpath(TEMPLATE).read_text("utf-8")
    page = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(source)
    try:
        timeline, figures = _timeline_plot(history), _figures(verdict, pairs, history)
        missing = ""
    except MissingExtraError as error:
        timeline, figures, missing = "", [], str(error)
    return page.render(
        title=words.plain(title or verdict.rollout or "Canary verdict"),
        stage=words.plain(verdict.stage),
        verdict=verdict,
        words=words,
        decision=words.decision(verdict),
        reasons=list(dict.fromkeys(verdict.reasons)) or [verdict.reason],
        readings=[reading_words(reading) for reading in verdict.readings],
        comparisons=[_comparison(group) for group in comparisons(verdict.evidence)],
        spells=_spells(history),
        timeline=timeline,
        figures=figures,
        missing=missing,
        json=verdict.to_json(indent=2),
    )


def _comparison(group: Sequence[Evidence]) -> Comparison:
    first = group[0]
    notes = [first.method]
    notes += [item.detail for item in group if item.detail]
    notes += [f"data: {seen}" for item in group for seen in item.seen]
    notes += [f"assumes: {text}" for item in group for text in item.assumptions]
    return Comparison(
        figures=evidence_words(first),
        answers=tuple(evidence_words(item) for item in group),
        worth="" if first.n_effective is None else f"worth {words.number(first.n_effective)}",
        rests_on=words.plain("; ".join(dict.fromkeys(notes))),
    )


def _spells(history: Sequence[Verdict]) -> list[Spell]:
    """The decisions over the ticks, a spell for each that lasted."""
    starts = [
        i for i, v in enumerate(history) if i == 0 or v.decision is not history[i - 1].decision
    ]
    return [
        Spell(
            decision=str(history[start].decision),
            start=words.clock(history[start].at),
            share=round(100 * (stop - start) / len(history), 3),
            score=words.score(history[start]),
            reason=history[start].reason,
        )
        for start, stop in pairwise([*starts, len(history)])
    ]


def _timeline_plot(history: Sequence[Verdict]) -> str:
    if len([v for v in history if v.at is not None]) < 2:
        return ""
    with _dress():
        return _svg(plot.plot_verdicts(history), "timeline")


def _figures(verdict: Verdict, pairs: Sequence[Pair], history: Sequence[Verdict]) -> list[Plotted]:
    figures = []
    for i, pair in enumerate(pairs):
        pictures = []
        with _dress():
            if len(pair.canary):
                pictures.append(_svg(plot.plot_pair(pair, verdict=verdict), f"pair{i}"))
            if any(len(path) > 1 for path in plot.evidence_paths(history, pair.name).values()):
                pictures.append(_svg(plot.plot_evidence(history, pair.name), f"evidence{i}"))
        notes = pair.notes if pictures else (*pair.notes, "There is no data to plot.")
        figures.append(Plotted(pair.name, tuple(pictures), notes))
    return figures


def _dress() -> AbstractContextManager[None]:
    """The library's own plot settings, whatever the reader's matplotlib is set to."""
    try:
        from matplotlib import style
    except ImportError as error:
        raise MissingExtraError("Plotting", "matplotlib", "plot") from error
    settings = {"svg.fonttype": "none", "svg.hashsalt": "canarystats"}
    return style.context(["default", settings])


def _svg(drawn: Axes, name: str) -> str:
    """A figure as an SVG element: inert, coloured by the page, with ids of its own."""
    drawn.set_title("", loc="left")
    text = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure = drawn.get_figure(root=True)
    if figure is None:
        return ""
    figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    found = _SVG.search(text.getvalue())
    picture = _STYLE.sub("", found[0]) if found else ""
    for colour, variable in INHERITED.items():
        picture = picture.replace(colour, f"var(--{variable})")
    picture = _FONT_SHORT.sub(r"font-size: \1", _FONT.sub("", picture))
    picture = _REFERENCE.sub(rf"\g<1>{name}-", picture)
    return picture.replace("<svg ", '<svg role="img" ', 1)
