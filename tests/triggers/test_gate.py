"""The two ways to fire, and the policy's word on evidence."""

from __future__ import annotations

import itertools

import pytest

import canarystats as cs
from canarystats.triggers.gate import way_to_fire
from canarystats.verdict import Way

W = Way


@pytest.mark.parametrize(
    ("gate", "held", "worse", "beyond", "way"),
    [
        ("required", False, False, False, None),
        ("required", True, False, False, None),
        ("required", False, True, False, None),
        ("required", True, True, False, W.SUSTAINED),
        ("required", False, True, True, W.DECISIVE),
        ("required", True, True, True, W.DECISIVE),
        ("advisory", False, False, False, None),
        ("advisory", True, False, False, W.LITERAL),
        ("advisory", False, True, False, None),
        ("advisory", True, True, False, W.SUSTAINED),
        ("advisory", False, True, True, W.DECISIVE),
        ("none", False, True, True, None),
        ("none", True, False, False, W.IMMEDIATE),
        ("none", True, True, True, W.IMMEDIATE),
    ],
)
def test_how_a_rule_fires(gate, held, worse, beyond, way):
    fired = way_to_fire(gate, held=held, worse=worse, beyond=beyond, plainly=W.IMMEDIATE)
    assert fired is way


def test_more_evidence_never_silences_a_rule():
    for gate, held in itertools.product(("required", "advisory", "none"), (False, True)):
        fired = [
            way_to_fire(gate, held=held, worse=worse, beyond=beyond, plainly=W.LITERAL) is not None
            for worse, beyond in ((False, False), (True, False), (True, True))
        ]
        assert fired == sorted(fired)


def test_every_way_has_its_word():
    assert [str(way) for way in cs.Way] == ["sustained", "decisive", "immediate", "literal"]
