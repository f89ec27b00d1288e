"""Several systems under trial at once, and the rules over them, as plain data."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from canarystats.errors import PolicyError
from canarystats.section import Section, Share, raise_first


def _names(value: object) -> object:
    """One name, or a list of them in any order."""
    items = [value] if isinstance(value, str) else value
    if isinstance(items, list | tuple) and all(isinstance(item, str) for item in items):
        return tuple(sorted(set(items)))
    return items


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
EVERY = ("all",)


class System(Section):
    """One system under trial.

    Parameters
    ----------
    name
        What it is called.
    policy, stage
        What it is judged under: a preset or a file, and the stage it stands at; for those who run
        its monitor.
    share
        The canary's designed share of its traffic; 1 where its rollout is complete, so that
        nothing waits for it.
    depends_on
        Systems whose canaries it calls.
    """

    name: str = Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_-]*$")
    policy: str = ""
    stage: str = ""
    share: Share | None = None
    depends_on: Names = ()


class When(Section):
    """What makes a joint rule fire: one of the two conditions.

    Parameters
    ----------
    fired
        Triggers or metrics: a rule of that name, or on that metric, fired in one of the systems
        with action ``rollback`` or ``hold``.
    degraded
        So many of the systems are degraded at once: rolled back by themselves, or held by a rule
        that fires now. Waiting for data or for proof is not being degraded.
    of
        The systems it looks at; all of them where none is named.
    """

    fired: Names = ()
    degraded: Annotated[int, Field(ge=1)] | None = None
    of: Names = EVERY

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if bool(self.fired) == (self.degraded is not None):
            raise PolicyError("", "write either fired: or degraded:")
        return self


class JointRule(Section):
    """A rule over several systems.

    Parameters
    ----------
    name
        What it is called.
    when
        What makes it fire.
    then
        The systems it acts on, or ``all``.
    action
        What it does to them.
    """

    name: str
    when: When
    then: Names = EVERY
    action: Literal["rollback", "hold"] = "rollback"


class JointPolicy(Section):
    """Systems under trial together, and the rules over them; their order means nothing.

    Parameters
    ----------
    name, description
        For readers.
    systems, rules
        See their classes.
    """

    name: str = "systems"
    description: str = ""
    systems: tuple[System, ...] = Field(min_length=1)
    rules: tuple[JointRule, ...] = ()

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        known = [system.name for system in self.systems]
        _refuse_twice("systems", known)
        _refuse_twice("rules", [rule.name for rule in self.rules])
        for i, system in enumerate(self.systems):
            _require(f"systems[{i}].depends_on", system.depends_on, known)
        for i, rule in enumerate(self.rules):
            _require(f"rules[{i}].then", rule.then, [*known, *EVERY])
            _require(f"rules[{i}].when.of", rule.when.of, [*known, *EVERY])
            looked_at = self.named(rule.when.of)
            if rule.when.degraded is not None and rule.when.degraded > len(looked_at):
                msg = f"{rule.when.degraded} of {len(looked_at)} systems can never be degraded"
                raise PolicyError(f"rules[{i}].when.degraded", msg)
        for name in known:
            if name in self.upstream(name):
                raise PolicyError("systems", f"{name} depends on itself in a ring")
        return self

    @classmethod
    def parse(cls, data: object) -> Self:
        """Build a joint policy from plain data.

        Raises
        ------
        PolicyError
            If the data is not a joint policy; the message begins with the path of the first fault.
        """
        if not isinstance(data, dict):
            raise PolicyError("", f"a joint policy is a table of keys, not {type(data).__name__}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise_first(error)

    def system(self, name: str) -> System:
        """The system of that name."""
        return next(system for system in self.systems if system.name == name)

    def named(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The systems these names mean, sorted."""
        every = (system.name for system in self.systems)
        return tuple(sorted(every if EVERY[0] in names else names))

    def upstream(self, name: str) -> frozenset[str]:
        """Everything a system depends on, directly or through others."""
        found: set[str] = set()
        ahead = list(self.system(name).depends_on)
        while ahead:
            one = ahead.pop()
            if one not in found:
                found.add(one)
                ahead += self.system(one).depends_on
        return frozenset(found)

    @property
    def order(self) -> tuple[str, ...]:
        """The systems, each after all it depends on, then by name."""
        depth = {system.name: len(self.upstream(system.name)) for system in self.systems}
        return tuple(sorted(depth, key=lambda name: (depth[name], name)))

    @property
    def digest(self) -> str:
        """A fingerprint of everything the policy says, 16 hexadecimal digits."""
        parts = [
            self.name,
            self.description,
            *sorted(system.model_dump_json() for system in self.systems),
            *sorted(rule.model_dump_json() for rule in self.rules),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"JointPolicy {self.name!r}: {', '.join(self.order)}; {len(self.rules)} rules."

    __str__ = __repr__


def _require(path: str, names: tuple[str, ...], known: list[str]) -> None:
    for name in names:
        if name not in known:
            raise PolicyError(path, f"{name!r} is not one of the systems: {', '.join(known)}")


def _refuse_twice(path: str, names: list[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise PolicyError(f"{path}[{i}].name", f"{name!r} is there twice")
