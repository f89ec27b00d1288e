"""How a server is asked: form, chunks, credentials, patience."""

from __future__ import annotations

import base64
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.sources.asking import BASELINE, CANARY, SECRET, T0, gauge, kind_of, policy, read, samples
from tests.sources.fake_prometheus import Answer, Asked, Fake, failed, serving

from canarystats.errors import InputError, SourceError, SourceErrorKind
from canarystats.sources import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving(Fake()) as served:
        yield served


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
