"""The report as one HTML file."""

from __future__ import annotations

import importlib.util
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.needs import need
from tests.report import verdicts

from canarystats.evidence import Evidence, Question
from canarystats.report import html
from canarystats.verdict import Condition, Firing, Reading, Verdict, Way
from canarystats.windows import Pair

VOID = {"meta", "br", "link", "img", "input", "hr"}
NASTY = """</title></style></pre><script>alert(1)</script><img src=x onerror='a'>" $x_{$ &amp;"""


class Page(HTMLParser):
    """Every element and attribute, with a check that what opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def need_matplotlib() -> None:
    need(importlib.util.find_spec("matplotlib") is not None, "matplotlib is not installed")


@pytest.fixture(scope="module")
def whole() -> str:
    need_matplotlib()
    return html.render(verdicts.rollback(), pairs=verdicts.pairs(), history=verdicts.history())


def test_the_page_is_well_formed_and_ids_are_unique(whole):
    page = Page(whole)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    targets = {value[1:] for name, value in page.attributes if name == "xlink:href"}
    assert targets
    assert targets <= set(page.ids)


def test_nothing_is_fetched_and_nothing_runs(whole):
    page = Page(whole)
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        assert name != "src"
        if name.endswith("href"):
            assert value.startswith("#")
    assert "@import" not in whole
    assert "url(http" not in whole
    assert "default-src 'none'" in whole


def test_the_banner_the_tables_and_the_plots_are_there(whole):
    page = Page(whole)
    assert "ROLLBACK" in page.text
    assert verdicts.REASON in page.text
    for word in ("FIRED", "NO DATA", "at least 180", "e 1e26, needs 625", "adservice-canary"):
        assert word in page.text
    for metric in ("requests", "latency_seconds", "memory_bytes", "breaker_trips"):
        assert f"<figcaption>{metric}</figcaption>" in whole
    assert page.tags.count("svg") == 1 + len(verdicts.pairs()) + 2  # timeline, pairs, evidence
    assert "error_rate fired" in page.text


def test_the_stage_and_its_share_stand_in_the_banner():
    at_stage = verdicts.rollback().model_copy(update={"stage": "canary-<5>", "share": 0.05})
    page = Page(html.render(at_stage))
    assert "· stage canary-<5> ·" in page.text
    assert "5 % of the traffic by design" in page.text
    assert "ROLLBACK: adservice-canary at canary-<5>" in page.text
    without = Page(html.render(at_stage.model_copy(update={"stage": "", "share": None})))
    assert " stage " not in without.text.partition("To recompute it")[0]
    assert "by design" not in without.text


def test_decisions_over_time_are_told_in_spells(whole):
    assert whole.count('<span class="hold" style="flex:') == 1
    assert '<span class="rollback" style="flex: 3.704"' in whole


def test_the_verdict_can_be_read_back_from_the_page(whole):
    text = Page(whole).text
    start = text.index('{\n  "schema_version"')
    back = Verdict.from_json(text[start : text.index("\n}\n", start) + 2])
    assert back == verdicts.rollback()


def test_the_same_input_gives_the_same_bytes_whatever_matplotlib_is_set_to(whole, tmp_path):
    import matplotlib as mpl

    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "red", "svg.hashsalt": None}):
        path = html.write_report(
            tmp_path / "report.html",
            verdicts.rollback(),
            pairs=verdicts.pairs(),
            history=verdicts.history(),
        )
    assert path.read_bytes() == whole.encode()


def test_a_plot_follows_the_readers_colour_scheme(whole):
    assert "prefers-color-scheme: dark" in whole
    assert "var(--canary)" in whole
    for colour in html.INHERITED:
        assert f": {colour}" not in whole.split("</style>", 1)[1]


def test_names_and_notes_are_inert():
    need_matplotlib()
    verdict = verdicts.rollback().model_copy(
        update={
            "reason": NASTY,
            "reasons": (NASTY,),
            "rollout": NASTY,
            "policy": NASTY,
            "decision_id": NASTY,
            "evidence": (
                Evidence(
                    metric=NASTY,
                    method=NASTY,
                    question=Question.WORSE,
                    seen=(NASTY,),
                    detail=NASTY,
                    assumptions=(NASTY,),
                    claim=NASTY,
                    p_value=0.5,
                    level=0.1,
                ),
            ),
            "readings": (
                Reading(
                    trigger=NASTY,
                    metric=NASTY,
                    condition=Condition.FIRED,
                    threshold=1.0,
                    detail=NASTY,
                ),
            ),
            "firings": (
                Firing(
                    trigger=NASTY,
                    metric=NASTY,
                    way=Way.IMMEDIATE,
                    action=NASTY,
                    at=float(verdicts.TIMES[3]),
                    reason=NASTY,
                ),
            ),
        }
    )
    pair = Pair.events(NASTY, canary=np.ones(8), times=verdicts.TIMES[:8], notes=[NASTY])
    samples = Pair.samples(NASTY, canary=[1.0, 2.0], baseline=[1.0, 3.0], notes=[NASTY])
    earlier = verdict.model_copy(update={"at": verdicts.START})
    page = Page(
        html.render(verdict, pairs=[pair, samples], history=[earlier, verdict], title=NASTY)
    )
    assert not {"script", "img"} & set(page.tags)
    assert page.open == []
    assert page.text.count("<script>alert(1)</script>") > 12
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_without_matplotlib_the_tables_stand_and_the_page_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    text = html.render(verdicts.rollback(), pairs=verdicts.pairs(), history=verdicts.history())
    page = Page(text)
    assert "svg" not in page.tags
    assert "Plotting needs matplotlib; pip install 'canarystats[plot]'" in page.text
    assert "FIRED" in page.text
    assert '<span class="hold"' in text


def test_a_verdict_alone_makes_a_page_without_plots():
    page = Page(html.render(verdicts.promote()))
    assert "PROMOTE" in page.text
    assert "svg" not in page.tags


def test_a_pair_without_ticks_is_named_and_not_drawn():
    empty = Pair.gauge("memory_bytes", canary=[], times=[])
    page = Page(html.render(verdicts.hold(), pairs=[empty]))
    assert "There is no data to plot." in page.text
    assert "svg" not in page.tags


def test_the_file_does_not_say_where_it_lies(tmp_path):
    text = html.write_report(tmp_path / "r.html", verdicts.hold()).read_text("utf-8")
    assert str(tmp_path) not in text
