"""What tests ask of a verdict."""

from __future__ import annotations


def ways(verdict):
    """How each rule that fired did so, by its name."""
    return {firing.trigger: str(firing.way) for firing in verdict.firings}


def reading(verdict, trigger):
    """What that rule sees at the last tick."""
    (found,) = [reading for reading in verdict.readings if reading.trigger == trigger]
    return found


def evidence(verdict, claim):
    """The evidence for that claim."""
    (found,) = [evidence for evidence in verdict.evidence if evidence.claim == claim]
    return found
