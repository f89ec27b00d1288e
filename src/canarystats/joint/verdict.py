"""What is said of several systems at once."""

from __future__ import annotations

from typing import ClassVar

from canarystats.errors import InputError
from canarystats.evidence import Document, Record
from canarystats.verdict import Decision

SCHEMA = "canarystats/joint/1"


class JointFiring(Record):
    """A joint rule that fired, and why.

    Parameters
    ----------
    rule
        Its name.
    systems
        The systems it acts on.
    action
        ``rollback`` or ``hold``.
    at
        Unix seconds since when its condition has held; None where the data has no times.
    reason
        One clause.
    """

    rule: str
    systems: tuple[str, ...]
    action: str
    at: float | None = None
    reason: str

    def __repr__(self) -> str:
        return (
            f"JointFiring {self.rule} ({self.action} of {', '.join(self.systems)}): {self.reason}."
        )

    __str__ = __repr__


class SystemVerdict(Record):
    """The joint decision on one system.

    Parameters
    ----------
    system
        Its name.
    decision
        What to do with its canary, everything considered.
    own
        What its own verdict says; None where none is given.
    reason
        One plain sentence.
    approval
        As its own verdict has it.
    blames
        The system that its trouble is laid to, empty where it is its own.
    began
        What tells its rollout from another: the rollout's name, or its first tick.
    decision_id
        The same for every replica that reaches this decision on the same verdicts.
    """

    system: str
    decision: Decision
    own: Decision | None
    reason: str
    approval: str = "required"
    blames: str = ""
    began: str = ""
    decision_id: str

    def __repr__(self) -> str:
        return f"{self.system}: {self.decision.upper()}. {self.reason}"

    __str__ = __repr__


class JointVerdict(Document):
    """The decision on every system, and the joint rules that fired.

    Parameters
    ----------
    decision
        ``rollback`` if any system is rolled back, ``promote`` if all are promoted, else ``hold``.
    systems
        Each after all it depends on.
    firings
        The joint rules that fired, by name.
    at
        Unix seconds of the last tick of any system.
    decision_id, policy, policy_digest, library_version, schema_version
        As a verdict has them.
    """

    called: ClassVar[str] = "joint verdict"
    schema_version: str = SCHEMA
    decision: Decision
    systems: tuple[SystemVerdict, ...]
    firings: tuple[JointFiring, ...] = ()
    at: float | None = None
    decision_id: str
    policy: str
    policy_digest: str
    library_version: str

    def __getitem__(self, system: str) -> SystemVerdict:
        for verdict in self.systems:
            if verdict.system == system:
                return verdict
        msg = (
            f"there is no system {system!r}; there are {', '.join(v.system for v in self.systems)}"
        )
        raise InputError(msg)

    def __repr__(self) -> str:
        lines = [f"JointVerdict {self.decision.upper()}", *map(str, self.firings)]
        return "\n".join([*lines, *map(str, self.systems)])

    __str__ = __repr__
