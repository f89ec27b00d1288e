"""Plots of pairs and verdicts."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from tests.needs import need
from tests.report import verdicts

from canarystats.errors import InputError, MissingExtraError
from canarystats.evidence import Interval
from canarystats.report import plot
from canarystats.report.axes import ALARM, BASELINE, CANARY
from canarystats.windows import Pair


@pytest.fixture(autouse=True)
def _matplotlib():
    need(importlib.util.find_spec("matplotlib") is not None, "matplotlib is not installed")


def lines(ax, colour):
    return [line for line in ax.lines if line.get_color() == colour]


def told(ax):
    return {text.get_text() for text in ax.texts}


@pytest.mark.parametrize("pair", verdicts.pairs(), ids=lambda pair: pair.kind)
def test_every_kind_is_drawn_with_canary_and_its_name(pair):
    ax = plot.plot_pair(pair, verdict=verdicts.rollback())
    picture = BytesIO()
    ax.figure.savefig(picture, format="png")
    assert picture.getvalue().startswith(b"\x89PNG")
    assert ax.get_title(loc="left") == pair.name


@pytest.mark.parametrize("pair", verdicts.pairs()[:4], ids=lambda pair: pair.kind)
def test_every_kind_is_drawn_without_times_too(pair):
    ax = plot.plot_pair(replace(pair, times=None))
    ax.figure.savefig(BytesIO(), format="svg")
    assert ax.get_xlabel() == "tick"


def test_a_given_axes_is_drawn_on():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert plot.plot_pair(verdicts.memory(), ax=ax) is ax


def test_missing_scrapes_are_gaps_on_grey_ground():
    ax = plot.plot_pair(verdicts.requests())
    rate = np.asarray(lines(ax, CANARY)[0].get_ydata())
    assert np.flatnonzero(np.isnan(rate)).tolist() == [8, 9, 10]
    assert len(ax.patches) == 1
    assert "grey: no data" in told(ax)


def test_a_whole_pair_has_no_grey_ground():
    ax = plot.plot_pair(Pair.gauge("x", canary=np.arange(5.0), times=np.arange(5.0)))
    assert len(ax.patches) == 0
    assert "grey: no data" not in told(ax)


def test_ticks_that_are_absent_break_the_line():
    times = np.array([0.0, 15.0, 30.0, 300.0, 315.0])
    ax = plot.plot_pair(Pair.gauge("x", canary=np.ones(5), times=times))
    assert np.isnan(np.asarray(lines(ax, CANARY)[0].get_ydata())).sum() == 1
    assert len(ax.patches) == 1


def test_counts_show_the_rate_and_the_five_minute_rate():
    events, exposure = np.array([0.0, 10.0, 0.0]), np.array([100.0, 100.0, 0.0])
    times = np.array([0.0, 200.0, 400.0])
    pair = Pair.counts("requests", canary=(events, exposure), times=times)
    tick, _, pooled, _ = lines(plot.plot_pair(pair), CANARY)
    np.testing.assert_allclose(tick.get_ydata(), [0.0, 0.1, math.nan])
    np.testing.assert_allclose(pooled.get_ydata(), [0.0, 0.05, 0.1])


def test_a_histogram_band_lies_between_the_edges_of_the_quantiles_bucket():
    bounds = [0.1, 1.0, math.inf]
    pair = Pair.histogram(
        "latency_seconds",
        upper_bounds=bounds,
        canary=[[60, 40, 0], [0, 50, 50]],
        times=[0.0, 15.0],
    )
    median, tail = plot.plot_pair(pair).collections
    spans = [(c.get_datalim(c.axes.transData).ymin, c.get_datalim(c.axes.transData).ymax)
             for c in (median, tail)]  # fmt: skip
    assert spans[0] == pytest.approx((0.05, 1.0))  # half the first bound, then the second bucket
    assert spans[1] == pytest.approx((0.1, 2.0))  # the open bucket reaches twice the last bound


def test_limits_onset_and_firing_are_marked():
    verdict = verdicts.rollback()
    memory = plot.plot_pair(verdicts.memory(), verdict=verdict)
    assert {"limit 512 MiB", "95 % of it", "canary", "baseline"} <= told(memory)
    requests = plot.plot_pair(verdicts.requests(), verdict=verdict)
    assert {"onset", "error_rate fired", "success_rate 5 %"} <= told(requests)
    upright = [line for line in lines(requests, ALARM) if len(set(line.get_xdata())) == 1]
    assert len(upright) == 2


def test_where_else_the_onset_may_lie_is_shaded():
    whole, pair = verdicts.rollback(), verdicts.requests()
    plain = len(plot.plot_pair(pair, verdict=whole).patches)
    for low, high, shaded in ((-45.0, 15.0, 1), (0.0, 0.0, 0), (-1e6, 1e6, 1)):
        onset = whole.firings[0].onset
        around = Interval(low=onset + low, high=onset + high, level=0.95)
        firing = whole.firings[0].model_copy(update={"onset_interval": around})
        ax = plot.plot_pair(pair, verdict=whole.model_copy(update={"firings": (firing,)}))
        assert len(ax.patches) == plain + shaded


def test_samples_rise_from_nothing_to_all():
    ax = plot.plot_pair(verdicts.raw())
    for colour in (CANARY, BASELINE):
        share = np.asarray(lines(ax, colour)[0].get_ydata())
        assert (np.diff(share) > 0).all()
        assert share[-1] == 1.0
        assert len(share) <= 2000
    assert len(ax.collections) == 2  # a band for each side


def test_verdicts_show_score_and_decisions():
    ax = plot.plot_verdicts(verdicts.history())
    assert {"hold", "rollback", "score"} <= told(ax)
    assert np.asarray(ax.lines[0].get_ydata())[-1] == 0.0


def test_evidence_is_drawn_relative_to_what_it_needs():
    paths = plot.evidence_paths(verdicts.history(), "requests")
    worse = list(paths["worse?"].values())
    assert worse[0] == pytest.approx(math.exp(-1.2) * 0.0016)
    assert worse[-1] == pytest.approx(plot.STRONGEST)
    assert "decides" in told(plot.plot_evidence(verdicts.history(), "requests"))


def test_of_many_questions_the_nearest_five_are_drawn():
    start, end = verdicts.hold(1), verdicts.hold(2)
    asked = tuple(
        start.evidence[0].model_copy(update={"claim": f"claim{i}", "log_e_value": float(i)})
        for i in range(9)
    )
    history = [tick.model_copy(update={"evidence": asked}) for tick in (start, end)]
    paths = plot.evidence_paths(history, "requests")
    assert list(paths) == [f"claim{i}?" for i in range(4, 9)]


def test_nothing_to_plot_is_an_input_error():
    with pytest.raises(InputError, match="holds nothing to plot"):
        plot.plot_pair(Pair.gauge("x", canary=[], times=[]))
    with pytest.raises(InputError, match="no verdict with a time"):
        plot.plot_verdicts([])
    with pytest.raises(InputError, match="no evidence on 'nowhere'"):
        plot.plot_evidence(verdicts.history(), "nowhere")


def test_without_matplotlib_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'canarystats\[plot\]'"):
        plot.plot_pair(verdicts.memory())


def test_plots_and_reports_load_nothing_heavy_until_they_are_made():
    heavy = "matplotlib jinja2 rich pandas scipy.stats"
    code = (
        "import sys; from canarystats.report import html, plot, text;"
        f"print(*[name for name in '{heavy}'.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_pyplot_is_never_loaded():
    code = (
        "import sys, numpy as np; from canarystats import windows;"
        "from canarystats.report import plot;"
        "plot.plot_pair(windows.Pair.gauge('x', canary=np.arange(4.0), times=np.arange(4.0)));"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
