"""Segments of the traffic by a label, from a real Prometheus to the exit code."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

import canarystats as cs
from canarystats.sources import Prometheus
from tests.e2e.command_line import call, refuses
from tests.monitor import segmented
from tests.sources.prometheus_server import open_metrics, real_prometheus

BEGIN, TICKS = 1_700_000_100, 120
END = BEGIN + 15 * TICKS
BOTH_FAIL = {"internal": (0.08, 0.08), "standard": (0.005, 0.005)}  # canary, baseline
RAW = 'http_requests_total{code="500",job="%s",$arm}', 'http_requests_total{job="%s",$arm}'
BY_TIER = "sum by (tier) (%s)"


def counters(rng, job, *, failing=BOTH_FAIL, mix=segmented.SHIFTED, born=None, label="tier"):
    """Counters of both sides: (code, tier) series of requests that fail as the tier does."""
    made = {}
    for segment, canary, baseline in segmented.exposures(rng, TICKS, mix):
        for arm, n, rate in zip(
            ("canary", "baseline"), (canary, baseline), failing[segment], strict=True
        ):
            first = (born or {}).get((arm, segment), 0)
            failed = rng.binomial(n, rate)
            for code, steps in (("500", failed), ("200", n - failed)):
                labels = f'code="{code}",job="{job}",instance="{arm}:80",version="{arm}"'
                tier = f',{label}="{segment}"' if label else ""
                made[f"http_requests_total{{{labels}{tier}}}"] = running(steps, first)
    return made


def running(steps, first=0):
    """Samples of a counter a second before each tick; none before the tick `first`."""
    totals = np.concatenate([[0], np.cumsum(steps)])
    return [(BEGIN + 15 * i - 1, float(v)) for i, v in enumerate(totals) if i >= first]


def buckets(rng, job):
    """Latency buckets of both sides, by tier."""
    made = {}
    pair = segmented.latency(rng, TICKS)
    for arm, side in (("canary", pair.canary_by), ("baseline", pair.baseline_by)):
        for i, segment in enumerate(pair.segments):
            for k, bound in enumerate(pair.upper_bounds):
                steps = side[:, i, : k + 1].sum(axis=1)
                le = "+Inf" if np.isinf(bound) else f"{bound:g}"
                labels = f'job="{job}",instance="{arm}:80",version="{arm}",tier="{segment}"'
                made[f'latency_bucket{{{labels},le="{le}"}}'] = running(steps)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    worse = {"internal": (0.32, 0.08), "standard": (0.02, 0.005)}
    series = counters(np.random.default_rng(1), "healthy")
    series |= counters(np.random.default_rng(2), "worse", failing=worse)
    series |= counters(np.random.default_rng(3), "pooled", label=None)
    series |= counters(np.random.default_rng(4), "late", born={("canary", "internal"): 60})
    beta = {"beta": (0.3, 0.0), **segmented.SAME}
    failing = {"beta": (0.01, 0.01), **BOTH_FAIL}
    only = counters(np.random.default_rng(5), "one-sided", mix=beta, failing=failing)
    series |= {k: v for k, v in only.items() if not ('"beta"' in k and "baseline" in k)}
    half = counters(np.random.default_rng(6), "half", mix=segmented.SAME)
    series |= {k.replace(',tier="internal"', ""): v for k, v in half.items()}
    series |= buckets(np.random.default_rng(7), "healthy")
    for user in range(21):
        labels = f'job="many",instance="i:80",version="canary",code="200",tier="u{user}"'
        series[f"http_requests_total{{{labels}}}"] = running(np.ones(TICKS))
    text = open_metrics(series)
    with real_prometheus(text, tmp_path_factory.mktemp("segments") / "prometheus") as url:
        yield url


def policy(job, *, by="tier", wrap="%s", **more):
    """A policy of requests, error rates compared and nothing else."""
    query = dict(zip(("events", "exposure"), (wrap % (q % job) for q in RAW), strict=True))
    requests = {"name": "requests", "kind": "counts", "critical": True}
    return {
        "metrics": [requests | {"query": query | ({"segment_by": by} if by else {})}],
        "triggers": [{"name": "error_rate", "absolute": None}],
        "segments": segmented.shares(),
        **more,
    }


def read(server, data, start=BEGIN, end=END):
    return Prometheus(server, scrape_interval_seconds=15).read(
        cs.Policy.parse(data), start=start, end=end
    )


def judged(server, data, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(data))
    return call(
        *("judge", "--prometheus", server, "--policy", path, "--share", "0.1"),
        *("--start", BEGIN, "--end", END, "--scrape-interval", "15s", "--explain"),
    )


@pytest.mark.parametrize("wrap", ["%s", BY_TIER], ids=["raw", "summed"])
def test_simpson_a_mix_shift_rolls_back_as_a_whole_and_not_by_segment(server, tmp_path, wrap):
    pooled = judged(server, policy("healthy", by=None, wrap=wrap), tmp_path)
    by_tier = judged(server, policy("healthy", wrap=wrap), tmp_path)

    assert pooled.returncode == 20, pooled.stdout + pooled.stderr
    assert by_tier.returncode == 0, by_tier.stdout + by_tier.stderr
    assert "segment internal" in by_tier.stdout


def test_a_regression_in_every_segment_is_rolled_back_whatever_the_mix(server, tmp_path):
    assert judged(server, policy("worse"), tmp_path).returncode == 20


def test_one_query_brings_every_segment_as_it_was_written(server):
    (pair,) = read(server, policy("healthy"))
    assert pair.segments == ("internal", "standard")
    written = counters(np.random.default_rng(1), "healthy")
    for arm, side in (("canary", pair.canary_by), ("baseline", pair.baseline_by)):
        for i, tier in enumerate(pair.segments):
            failed, rest = (
                np.diff([v for _, v in points])
                for code in ("500", "200")
                for name, points in written.items()
                if all(f'"{word}"' in name for word in (arm, tier, code))
            )
            np.testing.assert_array_equal(side[:, i], np.stack([failed, failed + rest], axis=1))
    (whole,) = read(server, policy("healthy", by=None))
    np.testing.assert_array_equal(pair.canary, whole.canary)
    np.testing.assert_array_equal(pair.baseline, whole.baseline)


def test_latency_comes_by_segment_too(server):
    query = {"buckets": 'latency_bucket{job="healthy",$arm}'}
    metric = {"name": "latency_seconds", "kind": "histogram", "unit": "seconds", "critical": True}
    data = {"triggers": [{"name": "latency_p99"}], "check_split": False}
    verdicts = []
    for by in ({}, {"segment_by": "tier"}):
        asked = data | {"metrics": [metric | {"query": query | by}]}
        pairs = read(server, asked)
        verdicts.append(cs.judge(pairs, cs.Policy.parse(asked), share=0.1))
    assert [verdict.decision for verdict in verdicts] == ["rollback", "promote"]


def test_a_segment_that_appears_midway_counts_from_its_first_event(server):
    (pair,) = read(server, policy("late"))
    internal = pair.canary_by[:, 0]
    assert (internal[:59, 1] == 0).all()  # its target was scraped, so these are true zeros
    assert internal[59:, 1].min() >= 0
    assert internal[59, 1] > 10  # what it had counted when it was first seen
    monitor = cs.Monitor(cs.Policy.parse(policy("late")), share=0.1)
    for tick in range(TICKS):
        at = BEGIN + 15 * tick
        verdict = monitor.observe(read(server, policy("late"), start=at, end=at + 15))
    assert {e.claim for e in verdict.evidence} >= {"segment.internal", "segment.standard"}
    assert verdict.decision != "rollback"


def test_a_segment_of_one_side_is_compared_with_nothing_and_told(server):
    data = policy("one-sided", segments=segmented.shares(segmented.SAME) | {"betta": 0.1})
    (pair,) = read(server, data)
    assert pair.segments == ("beta", "internal", "standard")
    assert np.isnan(pair.baseline_by[:, 0]).all()
    assert any("canary: only it has the segments beta" in note for note in pair.notes)
    assert any(note.startswith("unseen_segment") and "betta" in note for note in pair.notes)
    verdict = cs.judge([pair], cs.Policy.parse(data), share=0.1)
    assert verdict.decision != "rollback"
    told = {e.claim: e for e in verdict.evidence}
    assert told["segment.beta"].status == "no_data"


def test_series_without_the_label_are_a_segment_of_their_own(server):
    (pair,) = read(server, policy("half"))
    assert pair.segments == ("(no tier)", "standard")
    assert np.isfinite(pair.canary_by).all()
    (note, _) = (note for note in pair.notes if note.startswith("no_label"))
    assert note.startswith("no_label: canary: 2 of 4 series")


@pytest.mark.parametrize(
    ("job", "wrap", "names"),
    [
        ("pooled", "%s", ("'tier'", "no series of the canary's", "code, instance, job, version")),
        ("healthy", "sum by (job) (%s)", ("sum the label away", "by (tier, ...)", "have job")),
        ("many", "%s", ("tier has 21 values", "u0", "more than 20")),
    ],
)
def test_a_label_that_cannot_name_segments_is_refused(server, tmp_path, job, wrap, names):
    done = judged(server, policy(job, wrap=wrap), tmp_path)
    assert refuses(done, 2, "metrics.requests.query.segment_by", *names)


def test_no_series_at_all_are_no_data_and_hold(server, tmp_path):
    done = judged(server, policy("nobody"), tmp_path)
    assert done.returncode == 10
    assert "no data" in done.stdout
