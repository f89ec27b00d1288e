"""Every failure is told by its kind, and nothing else escapes."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.sources.asking import SECRET, T0, kind_of, policy, read
from tests.sources.fake_prometheus import Answer, Fake, failed, good, serving

from canarystats.errors import CanaryStatsError, InputError, SourceError, SourceErrorKind
from canarystats.presets import load_policy
from canarystats.sources import Prometheus
from canarystats.sources.transport import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from canarystats.policy import Policy


HTML = (("Content-Type", "text/html"),)


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving(Fake()) as served:
        yield served


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


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid:9090"])
def test_nobody_listening_is_unreachable(url: str) -> None:
    source = Prometheus(url.replace("//", f"//me:{SECRET}@"), retries=0)
    assert kind_of(source.version) is SourceErrorKind.UNREACHABLE


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


def test_more_ticks_than_memory_can_hold_are_refused():
    with pytest.raises(InputError, match="ticks, more than 1000000; read a shorter time"):
        Prometheus("http://127.0.0.1:1").read(load_policy("eight-triggers"), start=0, end=1.7e9)
