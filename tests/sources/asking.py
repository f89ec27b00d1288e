"""What the tests of the Prometheus source ask, and what they have a fake server hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from canarystats.errors import SourceError, SourceErrorKind
from canarystats.policy import Policy
from canarystats.sources import Prometheus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sources.fake_prometheus import Fake

    from canarystats.windows import Pair

T0 = 1_700_000_100
CANARY, BASELINE = '{version="canary"}', '{version="baseline"}'
SECRET = "hunter2-and-more"


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
