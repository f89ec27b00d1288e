"""How answers are asked for and read, and how every failure is told."""

from __future__ import annotations

import base64
import json
import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.sources.fake_prometheus import Answer, Asked, Fake, failed, good, serving

from canarystats.errors import CanaryStatsError, InputError, SourceError, SourceErrorKind
from canarystats.policy import Policy
from canarystats.sources import Prometheus
from canarystats.sources.transport import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from canarystats.windows import Pair

T0 = 1_700_000_100
CANARY, BASELINE = '{version="canary"}', '{version="baseline"}'
HTML = (("Content-Type", "text/html"),)
SECRET = "hunter2-and-more"


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving(Fake()) as served:
        yield served


def policy(kind: str = "counts", **query: str) -> Policy:
    asked = query or {"events": "err_total{$arm}", "exposure": "req_total{$arm}"}
    return Policy.parse({"metrics": [{"name": "m", "kind": kind, "query": asked}]})


def read(fake: Fake, asked: Policy | None = None, ticks: int = 3, **settings: Any) -> Pair:
    source = Prometheus(fake.url, **settings)
    (pair,) = source.read(asked or policy(), start=T0, end=T0 + 15 * ticks)
    return pair


def samples(*values: Any) -> dict[float, Any]:
    return {T0 + 15.0 * i: value for i, value in enumerate(values) if value is not None}


def gauge(fake: Fake, canary: Mapping[float, Any], baseline: Mapping[float, Any]) -> Policy:
    fake.data["g" + CANARY] = [({"__name__": "g", "pod": "a"}, dict(canary))]
    fake.data["g" + BASELINE] = [({"__name__": "g", "pod": "b"}, dict(baseline))]
    return policy("gauge", value="g{$arm}")


def kind_of(call: Any) -> SourceErrorKind:
    with pytest.raises(SourceError) as caught:
        call()
    assert SECRET not in str(caught.value)
    return caught.value.kind


def test_queries_go_by_post_only_and_no_chunk_is_longer_than_allowed(fake: Fake) -> None:
    asked = gauge(fake, samples(1, 2), samples(1, 2))
    (pair,) = Prometheus(fake.url).read(asked, start=T0 - 15 * 24_998, end=T0 + 15)
    assert pair.n_ticks == 24_999
    assert pair.canary[-2:, 0].tolist() == [1, 2]
    queries = [a for a in fake.asked if "query" in a.path]
    assert {a.method for a in queries} == {"POST"}
    assert {a.path for a in queries} == {"/api/v1/query_range"}
    sizes = [(float(a.form["end"]) - float(a.form["start"])) / 15 + 1 for a in queries]
    assert max(sizes) <= 11_000
    one = [float(a.form["start"]) for a in queries if a.form["query"] == "g" + CANARY]
    assert one == [T0 - 15 * back for back in (24_998, 13_998, 2_998)]
    assert {a.form["step"] for a in queries} == {"15.000"}


def test_the_baseline_is_asked_for_in_the_past(fake: Fake) -> None:
    asked = gauge(fake, samples(*range(20)), samples(*range(20)))
    (pair,) = Prometheus(fake.url).read(
        asked, start=T0 + 150, end=T0 + 180, baseline_offset_seconds=100
    )
    starts = {a.form["query"]: float(a.form["start"]) for a in fake.asked if a.form}
    assert starts["g" + CANARY] == T0 + 150
    assert starts["g" + BASELINE] == T0 + 50
    assert pair.times is not None
    assert pair.times.tolist() == [T0 + 165, T0 + 180]


@pytest.mark.parametrize(
    ("settings", "header", "value"),
    [
        ({"bearer": SECRET}, "Authorization", f"Bearer {SECRET}"),
        (
            {"basic": ("me", SECRET)},
            "Authorization",
            "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode(),
        ),
        ({"tenant": "shop"}, "X-Scope-OrgID", "shop"),
        ({"headers": {"X-Api-Key": SECRET}}, "X-Api-Key", SECRET),
    ],
)
def test_credentials_and_headers_are_sent_on_every_request(
    fake: Fake, settings: dict[str, Any], header: str, value: str
) -> None:
    read(fake, **settings)
    assert {a.headers.get(header) for a in fake.asked} == {value}


def test_credentials_in_the_url_are_sent_and_never_shown(fake: Fake) -> None:
    url = fake.url.replace("//", f"//me:{SECRET}%21@")
    source = Prometheus(url)
    fake.always = lambda a: failed(400, "bad_data", f"you sent {a.headers['Authorization']}")
    with pytest.raises(SourceError) as caught:
        source.read(policy(), start=T0, end=T0 + 15)
    coded = base64.b64encode(f"me:{SECRET}!".encode()).decode()
    assert fake.asked[0].headers["Authorization"] == f"Basic {coded}"
    for shown in (str(caught.value), repr(source), source.url):
        assert SECRET not in shown
        assert coded not in shown


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (failed(400, "bad_data", "parse error at char 3"), SourceErrorKind.REJECTED, "char 3"),
        (failed(422, "execution", "many-to-many"), SourceErrorKind.REJECTED, "many-to-many"),
        (failed(503, "timeout", "query timed out"), SourceErrorKind.TIMEOUT, "timed out"),
        (failed(500, "internal", "disk"), SourceErrorKind.UNREACHABLE, "disk"),
        (Answer(401, b"who?", HTML), SourceErrorKind.UNAUTHORIZED, "401"),
        (Answer(403, b"no", HTML), SourceErrorKind.UNAUTHORIZED, "403"),
        (Answer(404, b"404 page not found", HTML), SourceErrorKind.NOT_FOUND, "404"),
        (Answer(502, b"<h1>Bad Gateway</h1>", HTML), SourceErrorKind.UNREACHABLE, "502"),
        (Answer(504, b"", HTML), SourceErrorKind.TIMEOUT, "504"),
        (Answer(200, b"<html>Sign in</html>", HTML), SourceErrorKind.MALFORMED, "text/html"),
        (
            Answer(302, b"", (("Location", f"http://x/?k={SECRET}"),)),
            SourceErrorKind.MALFORMED,
            "redirect",
        ),
        (Answer(200, b'{"status":"succ'), SourceErrorKind.MALFORMED, "not JSON"),
        (Answer(200, b"\xff\xfe\x00"), SourceErrorKind.MALFORMED, "not JSON"),
        (Answer(200, b"[" * 100_000), SourceErrorKind.MALFORMED, "not JSON"),
        (
            Answer(200, b"{}", (("Content-Length", "99"),)),
            SourceErrorKind.UNREACHABLE,
            "IncompleteRead",
        ),
        (
            Answer(200, b"not gzip", (("Content-Encoding", "gzip"),)),
            SourceErrorKind.MALFORMED,
            "gzip",
        ),
    ],
)
def test_every_failure_of_the_server_has_its_kind(
    fake: Fake, answer: Answer, kind: SourceErrorKind, says: str
) -> None:
    fake.always = lambda _: answer
    with pytest.raises(SourceError, match=says) as caught:
        read(fake, retries=0, bearer=SECRET)
    assert caught.value.kind is kind
    assert SECRET not in str(caught.value)


MATRIX = {"resultType": "matrix"}
LABELS = {"metric": {"a": "b"}}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"resultType": "vector", "result": []},
        {**MATRIX, "result": {}},
        {**MATRIX, "result": [3]},
        {**MATRIX, "result": [{"values": []}]},
        {**MATRIX, "result": [{"metric": {"a": 1}}]},
        {**MATRIX, "result": [{**LABELS, "values": {}}]},
        {**MATRIX, "result": [{**LABELS, "values": [[T0]]}]},
        {**MATRIX, "result": [{**LABELS, "values": [["now", "1"]]}]},
        {**MATRIX, "result": [{**LABELS, "values": [[True, "1"]]}]},
        {**MATRIX, "result": [{**LABELS, "values": [[math.nan, "1"]]}]},
        {**MATRIX, "result": [{**LABELS, "values": [[10**400, "1"]]}]},
        {**MATRIX, "result": [{**LABELS, "values": [[T0 + 1, "1"]]}]},
        {**MATRIX, "result": [{**LABELS, "values": [[T0, 1]]}]},
        {**MATRIX, "result": [{**LABELS, "values": [[T0, "one"]]}]},
        {**MATRIX, "result": [LABELS, LABELS]},
        {**MATRIX, "result": [{**LABELS, "histograms": [[T0, "1"]]}]},
        {**MATRIX, "result": [{**LABELS, "histograms": [[T0, {"buckets": 1}]]}]},
        {**MATRIX, "result": [{**LABELS, "histograms": [[T0, {"buckets": [[0, "1"]]}]]}]},
        {**MATRIX, "result": [{**LABELS, "histograms": [[T0, {"buckets": [[2, "0", "1", "1"]]}]]}]},
        {**MATRIX, "result": [{**LABELS, "histograms": [[T0, {"buckets": [[[], 0, 1, 1]]}]]}]},
    ],
)
def test_answers_of_the_wrong_shape_are_malformed(fake: Fake, data: object) -> None:
    fake.always = lambda _: good(data)
    assert kind_of(lambda: read(fake, policy("gauge", value="g{$arm}"))) is (
        SourceErrorKind.MALFORMED
    )


@pytest.mark.parametrize(
    "body", [b"null", b"[]", b'{"status":"odd"}', b'{"data":{}}', b'"x"', b"1e999"]
)
def test_json_without_the_envelope_is_malformed(fake: Fake, body: bytes) -> None:
    fake.always = lambda _: Answer(200, body)
    assert kind_of(lambda: read(fake)) is SourceErrorKind.MALFORMED


@pytest.mark.parametrize("status", [429, 503])
def test_an_overloaded_server_is_asked_again(fake: Fake, status: int) -> None:
    fake.script = [Answer(status, b"busy", (("Retry-After", "0"),))] * 2
    assert read(fake, retries=2).n_ticks == 3


def test_a_broken_connection_is_asked_again(fake: Fake) -> None:
    fake.script = [Answer(-1)]
    assert read(fake, retries=1).n_ticks == 3


def test_retry_after_is_honoured(fake: Fake) -> None:
    fake.script = [Answer(429, b"", (("Retry-After", "1"),))]
    began = time.monotonic()
    read(fake, retries=1)
    assert time.monotonic() - began >= 1.0


def test_a_retry_after_of_an_hour_is_not_waited_for(fake: Fake) -> None:
    later = (
        ("Date", "Wed, 21 Oct 2015 07:00:00 GMT"),
        ("Retry-After", "Wed, 21 Oct 2015 08:00:00 GMT"),
    )
    fake.always = lambda _: Answer(503, b"", later)
    assert kind_of(lambda: read(fake)) is SourceErrorKind.OVERLOADED
    assert len(fake.asked) == 1


def test_after_the_last_retry_the_server_is_overloaded(fake: Fake) -> None:
    fake.always = lambda _: Answer(503, b"", (("Retry-After", "0"),))
    assert kind_of(lambda: read(fake, retries=2)) is SourceErrorKind.OVERLOADED
    assert len(fake.asked) == 3


@pytest.mark.parametrize(
    "answer",
    [failed(400, "bad_data", "x"), failed(422, "execution", "x"), failed(503, "timeout", "x")],
)
def test_a_failed_query_is_not_asked_again(fake: Fake, answer: Answer) -> None:
    fake.always = lambda _: answer
    kind_of(lambda: read(fake, retries=3))
    assert len(fake.asked) == 1


def test_a_silent_server_times_out_and_is_not_asked_again(fake: Fake) -> None:
    def slow(_: Asked) -> Answer:
        time.sleep(0.5)
        return Answer(-1)

    fake.always = slow
    assert kind_of(lambda: read(fake, timeout_seconds=0.1)) is SourceErrorKind.TIMEOUT
    assert len(fake.asked) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid:9090"])
def test_nobody_listening_is_unreachable(url: str) -> None:
    source = Prometheus(url.replace("//", f"//me:{SECRET}@"), retries=0)
    assert kind_of(source.version) is SourceErrorKind.UNREACHABLE


def test_warnings_and_infos_stay_with_the_pair(fake: Fake) -> None:
    asked = gauge(fake, samples(1, 2), samples(1, 2))
    fake.extras = {"warnings": ["store-3 is gone"], "infos": ["not a counter"], "isPartial": True}
    notes = read(fake, asked).notes
    assert "partial_response: store-3 is gone" in notes
    assert "info: not a counter" in notes
    assert len([n for n in notes if n.startswith("partial_response")]) == 2
    assert len(set(notes)) == len(notes)


def test_written_nan_and_infinities_are_read(fake: Fake) -> None:
    asked = gauge(fake, samples(0, math.nan, math.inf, -math.inf), samples(0, 2e-09, None, 3))
    pair = read(fake, asked)
    np.testing.assert_array_equal(pair.canary[:, 0], [math.nan, math.inf, -math.inf])
    assert pair.baseline is not None
    np.testing.assert_array_equal(pair.baseline[:, 0], [2e-09, math.nan, 3])


@pytest.mark.parametrize("value", [-1, math.inf])
def test_a_counter_that_is_none_is_malformed(fake: Fake, value: float) -> None:
    fake.data["req_total" + CANARY] = [({"__name__": "req_total"}, samples(1, value))]
    assert kind_of(lambda: read(fake)) is SourceErrorKind.MALFORMED


@pytest.mark.parametrize(
    ("info", "version"),
    [
        ({"version": "3.5.0"}, "3.5.0"),
        ({}, "unknown"),
        ("x", "unknown"),
        ({"version": 3}, "unknown"),
    ],
)
def test_the_version_is_unknown_where_a_server_tells_none(
    fake: Fake, info: object, version: str
) -> None:
    fake.status["/api/v1/status/buildinfo"] = info
    assert Prometheus(fake.url).version() == version
    assert f"server: prometheus {version}" in read(fake).notes


def test_the_version_is_unknown_where_there_is_no_such_page(fake: Fake) -> None:
    assert Prometheus(fake.url).version() == "unknown"


def target(interval: str, instance: str = "i") -> dict[str, Any]:
    return {"labels": {"job": "j", "instance": instance}, "scrapeInterval": interval}


def test_ticks_shorter_than_the_scrape_interval_are_refused(fake: Fake) -> None:
    labels = {"__name__": "g", "job": "j", "instance": "i"}
    fake.data["g" + CANARY] = [(labels, samples(1, 2))]
    asked = policy("gauge", value="g{$arm}")
    fake.status["/api/v1/targets"] = {"activeTargets": [target("1m0s"), target("15s", "other")]}
    with pytest.raises(InputError, match=r"interval is 15s.*scrape interval 1m"):
        read(fake, asked)
    with pytest.raises(InputError, match=r"interval is 15s.*scrape interval 30s"):
        read(fake, asked, scrape_interval_seconds=30)
    assert read(fake, asked, scrape_interval_seconds=15).n_ticks == 3
    fake.status["/api/v1/targets"] = {"activeTargets": [target("15s"), target("5m", "other")]}
    assert not [n for n in read(fake, asked).notes if n.startswith("scrape_interval")]


def test_an_unknown_scrape_interval_is_noted(fake: Fake) -> None:
    assert any(n.startswith("scrape_interval: unknown") for n in read(fake).notes)


def native(*buckets: tuple[int, float, float, float]) -> dict[str, Any]:
    total = sum(b[3] for b in buckets)
    written = [[rule, str(lo), str(hi), str(n)] for rule, lo, hi, n in buckets]
    return {"count": str(total), "sum": "1", "buckets": written}


ZERO = (3, -0.001, 0.001)


def histogram(fake: Fake, canary: dict[float, Any], baseline: dict[float, Any]) -> Pair:
    fake.data["h" + CANARY] = [({"__name__": "h", "pod": "a"}, canary)]
    fake.data["h" + BASELINE] = [({"__name__": "h", "pod": "b"}, baseline)]
    return read(fake, policy("histogram", buckets="h{$arm}"))


def test_native_histograms_become_plain_counts_on_the_bounds_of_both_sides(fake: Fake) -> None:
    canary = samples(
        native((*ZERO, 1), (0, 0.5, 1, 4)),
        native((*ZERO, 1), (0, 0.5, 1, 6), (0, 2, 4, 3)),
        native((0, 0.5, 1, 2)),  # restarted
        native((0, 0.5, 1, 2), (0, 1, 2, 5)),
    )
    baseline = samples(*[native((0, 0.25, 0.5, 10 * i)) for i in range(1, 5)])
    pair = histogram(fake, canary, baseline)
    assert pair.upper_bounds is not None
    assert pair.upper_bounds.tolist() == [0.001, 0.5, 1, 2, 4, math.inf]
    assert pair.canary.tolist() == [[0, 0, 2, 0, 3, 0], [0, 0, 2, 0, 0, 0], [0, 0, 0, 5, 0, 0]]
    assert pair.baseline is not None
    assert pair.baseline.tolist() == [[0, 10, 0, 0, 0, 0]] * 3
    assert any(n.startswith("counter_reset: canary") for n in pair.notes)


def test_native_bounds_inside_a_coarser_bucket_are_left_out(fake: Fake) -> None:
    canary = samples(
        native((0, 1, 2, 1), (0, 2, 4, 1)),
        native((0, 1, 2, 3), (0, 2, 4, 2)),
        native((0, 1, 4, 7)),  # resolution halved
        native((0, 1, 4, 9)),
    )
    baseline = samples(*[native((0, 4, 8, i)) for i in range(1, 5)])
    pair = histogram(fake, canary, baseline)
    assert pair.upper_bounds is not None
    assert pair.upper_bounds.tolist() == [4, 8, math.inf]
    assert pair.canary.tolist() == [[3, 0, 0], [2, 0, 0], [2, 0, 0]]
    assert any(n.startswith("merged_buckets") and "2" in n for n in pair.notes)


def classic(fake: Fake, side: str, bounds: Mapping[str, dict[float, Any]]) -> None:
    fake.data["h" + side] = [({"__name__": "h", "le": le}, values) for le, values in bounds.items()]


def test_sides_that_share_no_bound_are_refused(fake: Fake) -> None:
    classic(fake, CANARY, {"0.1": samples(0, 1), "+Inf": samples(0, 1)})
    classic(fake, BASELINE, {"0.2": samples(0, 1), "+Inf": samples(0, 1)})
    with pytest.raises(InputError, match="share no bound"):
        read(fake, policy("histogram", buckets="h{$arm}"))


def test_the_same_bound_written_two_ways_is_one(fake: Fake) -> None:
    classic(fake, CANARY, {"1": samples(0, 1, 2, 3), "+Inf": samples(0, 2, 4, 6)})
    classic(fake, BASELINE, {"1.0": samples(0, 2, 4, 6), "Inf": samples(0, 2, 4, 6)})
    pair = read(fake, policy("histogram", buckets="h{$arm}"))
    assert pair.canary.tolist() == [[1, 1]] * 3
    assert pair.baseline is not None
    assert pair.baseline.tolist() == [[2, 0]] * 3


@pytest.mark.parametrize(
    "bounds",
    [
        {"1": samples(0, 5), "+Inf": samples(0, 4)},
        {"1": samples(0, 5)},
        {"x": samples(0, 5), "+Inf": samples(0, 5)},
        {"1": samples(0, 5), "1.0": samples(0, 5), "+Inf": samples(0, 5)},
    ],
)
def test_buckets_that_are_none_are_malformed(
    fake: Fake, bounds: Mapping[str, dict[float, Any]]
) -> None:
    classic(fake, CANARY, bounds)
    assert kind_of(lambda: read(fake, policy("histogram", buckets="h{$arm}"))) is (
        SourceErrorKind.MALFORMED
    )


def test_a_counter_without_le_is_no_histogram(fake: Fake) -> None:
    fake.data["h" + CANARY] = [({"__name__": "h"}, samples(1, 2))]
    with pytest.raises(InputError, match="no label le"):
        read(fake, policy("histogram", buckets="h{$arm}"))


def test_no_series_anywhere_is_missing_for_every_kind(fake: Fake) -> None:
    for kind, query in (
        ("histogram", {"buckets": "h{$arm}"}),
        ("gauge", {"value": "h{$arm}", "limit": "l"}),
        ("events", {"events": "h{$arm}"}),
    ):
        pair = read(fake, policy(kind, **query))
        assert pair.n_ticks == 3
        assert np.isnan(pair.canary).all()
        assert f"no_series: canary: h{CANARY}" in pair.notes


def test_events_and_exposure_always_cover_the_same_time(fake: Fake) -> None:
    labels = {"job": "j", "instance": "i"}
    fake.data["err_total" + CANARY] = [(labels, samples(0, 1, 2, 3))]
    fake.data["req_total" + CANARY] = [(labels, samples(0, 10, None, 30))]
    exposure = fake.data["req_total" + CANARY][0][1]

    def repeated(asked: Asked) -> Answer | None:
        if asked.form.get("query") != "req_total" + CANARY:
            return None
        values = [[t, str(exposure.get(t, 10))] for t in samples(0, 0, 0, 0)]
        return good({**MATRIX, "result": [{"metric": labels, "values": values}]})

    fake.always = repeated
    pair = read(fake)
    np.testing.assert_array_equal(pair.canary, [[1, 10], [math.nan] * 2, [2, 20]])
    assert any(n.startswith("held_back: canary") for n in pair.notes)


def test_a_series_that_comes_back_after_its_target_was_scraped_without_it_began_anew(
    fake: Fake,
) -> None:
    labels = {"job": "j", "instance": "i"}
    fake.data["err_total" + CANARY] = [({**labels, "t": "x"}, samples(5, None, None, 7))]
    fake.data["req_total" + CANARY] = [(labels, samples(0, 10, 20, 30))]
    assert read(fake).canary.tolist() == [[0, 10], [0, 10], [7, 10]]


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "prometheus:9090"},
        {"url": f"me:{SECRET}@prometheus:9090"},
        {"url": f"ftp://me:{SECRET}@prometheus"},
        {"url": f"http://prometheus/?token={SECRET}"},
        {"url": f"http://me:{SECRET}@prometheus:port"},
        {"url": "http://h", "bearer": SECRET, "basic": ("a", SECRET)},
        {"url": "http://h", "headers": {"X": f"{SECRET}\r\nY: 1"}},
        {"url": "http://h", "bearer": f"{SECRET}\u2026"},
        {"url": "http://h", "timeout_seconds": 0},
        {"url": "http://h", "retries": -1},
        {"url": "http://h", "ca_file": "no/such/file"},
        {"url": "http://h", "client_cert": "no/such/file"},
        {"url": "http://h", "client_key": "no/such/file"},
        {"url": "http://h", "ca_file": "x", "verify": False},
        {"url": "http://h", "verify": False, "transport": object()},
    ],
)
def test_settings_that_cannot_be_right_are_refused_without_telling_secrets(
    settings: dict[str, Any],
) -> None:
    with pytest.raises(InputError) as caught:
        Prometheus(settings.pop("url"), **settings)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"start": T0 * 1000}, "milliseconds"),
        ({"end": math.nan}, "end is nan"),
        ({"end": T0 - 30}, "before start"),
        ({"baseline_offset_seconds": -1}, "baseline_offset_seconds"),
        ({"canary": 'a="b"', "baseline": 'a="b"'}, "same series"),
    ],
)
def test_times_and_arms_that_cannot_be_right_are_refused(
    fake: Fake, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        Prometheus(fake.url).read(policy(), **{"start": T0, "end": T0 + 60, **changes})
    assert not fake.asked


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (policy(events="e{$arm}"), "counts needs events and exposure"),
        (policy(events="rate(e{$arm}[5m])", exposure="r{$arm}"), r"rate\(\)"),
        (policy("samples", value="g{$arm}"), "samples cannot be queried"),
    ],
)
def test_queries_that_do_not_serve_their_kind_are_refused(
    fake: Fake, asked: Policy, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        read(fake, asked)


class Broken:
    """A transport of the user's own that raises what it likes."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send(self, *_: object) -> Response:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("slow"), SourceErrorKind.TIMEOUT),
        (ConnectionResetError(SECRET), SourceErrorKind.UNREACHABLE),
        (SourceError(SourceErrorKind.MALFORMED, SECRET), SourceErrorKind.MALFORMED),
    ],
)
def test_a_transport_of_ones_own_may_fail_as_sockets_do(
    error: Exception, kind: SourceErrorKind
) -> None:
    source = Prometheus("http://h", transport=Broken(error), retries=0, bearer=SECRET)
    assert kind_of(source.version) is kind


class Recorded:
    """A transport that answers from memory."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def send(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str]
    ) -> Response:
        return Response(200, {"content-type": "application/json"}, self.body)


def test_damaged_answers_never_raise_anything_but_our_own_errors() -> None:
    whole = good(
        {
            **MATRIX,
            "result": [
                {"metric": {"le": "+Inf", "pod": "a"}, "values": [[T0, "1"], [T0 + 15, "2"]]},
                {"metric": {"le": "1", "pod": "a"}, "values": [[T0, "1"], [T0 + 15, "2"]]},
            ],
        }
    ).body
    generator = np.random.default_rng(7)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(600):
        body = bytearray(whole)
        for _ in range(int(generator.integers(1, 4))):
            body[int(generator.integers(len(body)))] = int(
                generator.choice(list(b'"[]{}:,.0129ea-'))
            )
        source = Prometheus("http://h", transport=Recorded(bytes(body)))
        try:
            source.read(policy("histogram", buckets="h{$arm}"), start=T0, end=T0 + 15)
            outcomes["read"] += 1
        except CanaryStatsError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20


def test_json_numbers_beyond_floats_are_malformed() -> None:
    body = json.dumps({"status": "success", "data": {**MATRIX, "result": []}}).encode()
    huge = body.replace(b"[]", b'[{"metric":{},"values":[[' + b"9" * 5000 + b',"1"]]}]')
    source = Prometheus("http://h", transport=Recorded(huge))
    asked = policy("gauge", value="g{$arm}")
    assert kind_of(lambda: source.read(asked, start=T0, end=T0 + 15)) is SourceErrorKind.MALFORMED


@contextmanager
def no_more_than(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_reading_a_week_is_quick() -> None:
    times = [T0 + 15 * i for i in range(40_321)]
    fake = Fake(data={})
    asked = gauge(fake, dict.fromkeys(map(float, times), 1), {})
    with serving(fake), no_more_than(10):
        (pair,) = Prometheus(fake.url).read(asked, start=T0, end=times[-1])
    assert pair.n_ticks == 40_320
