"""``rollout.yaml``: what a recorded rollout says of itself beside its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NoReturn, TypedDict

import yaml
from pydantic import Field, ValidationError, field_validator

from canarystats.durations import Duration, format_duration
from canarystats.errors import InputError
from canarystats.section import Fraction, Section

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from canarystats.windows import Pair

ROLLOUT_FILE = "rollout.yaml"
SCHEMA = "canarystats/recording/1"
POLICY_SUFFIXES = (".yaml", ".yml", ".json", ".toml")


class About(TypedDict, total=False):
    """What `write_recording` writes down beside the numbers; the fields of `Recording`."""

    name: str
    description: str
    share: float | None
    interval_seconds: float | None
    policy: str | None
    source: str
    license: str


class Rollout(Section):
    """What ``rollout.yaml`` says.

    Parameters
    ----------
    schema_ (``schema``)
        The version of the format.
    name, description, share, interval, policy, source, license
        As in `Recording`; the interval is a duration such as ``15s``, and a policy file's path is
        relative to the directory.
    notes
        By metric, what was wrong with the data on its way here.
    """

    schema_: Literal["canarystats/recording/1"] = Field(alias="schema")
    name: str = Field(min_length=1)
    description: str = ""
    share: Fraction | None = None
    interval: Duration | None = None
    policy: str | None = None
    source: str = ""
    license: str = ""
    notes: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @field_validator("interval")
    @classmethod
    def _interval_is_positive(cls, value: float | None) -> float | None:
        if value == 0:
            msg = "0s is no interval; it must be longer"
            raise ValueError(msg)
        return value

    def to_yaml(self) -> str:
        """The text of the file."""
        said = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return yaml.safe_dump(said, sort_keys=False, allow_unicode=True)


def read_rollout(file: Path) -> Rollout:
    """Read ``rollout.yaml``.

    Raises
    ------
    InputError
        If it is missing, is not YAML, or a key is missing, unknown or wrong.
    """
    if not file.is_file():
        msg = f"{file.parent}: there is no {ROLLOUT_FILE}; the directory of a recording needs one"
        raise InputError(msg)
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f"{file}: this is not YAML: {' '.join(str(error).split())}"
        raise InputError(msg) from error
    if not isinstance(said, dict):
        msg = f"{file}: it must hold keys and values, such as 'name: shop'"
        raise InputError(msg)
    try:
        return Rollout.model_validate(said)
    except ValidationError as error:
        _raise_first(str(file), error)


def _raise_first(where: str, error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        keys = ", ".join(f.alias or name for name, f in Rollout.model_fields.items())
        msg = f"{where}: there is no key {key!r}; the keys are {keys}"
    elif first["type"] == "missing":
        msg = f"{where}: {key} is missing"
    else:
        cause = first.get("ctx", {}).get("error")
        told = cause or f"{first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}"
        msg = f"{where}: {key}: {told}"
    raise InputError(msg) from error


def policy_of(path: Path, rollout: Rollout) -> str | None:
    """The preset's name, or the path of the policy file that lies in the directory ``path``.

    Raises
    ------
    InputError
        If the file is not there.
    """
    policy = rollout.policy
    if policy is None or not policy.endswith(POLICY_SUFFIXES):
        return policy
    file = path / policy
    if not file.is_file():
        msg = f"{path / ROLLOUT_FILE}: policy: there is no file {policy!r} beside it"
        raise InputError(msg)
    return str(file)


def rollout_of(path: Path, pairs: Sequence[Pair], about: About) -> Rollout:
    """What ``rollout.yaml`` in the directory ``path`` is to say.

    Raises
    ------
    InputError
        If something of it cannot be right.
    """
    said: dict[str, object] = {"schema": SCHEMA, "name": path.name, **about}
    seconds = about.get("interval_seconds")
    said.pop("interval_seconds", None)
    said["interval"] = None if seconds is None else format_duration(seconds)
    said["notes"] = {pair.name: pair.notes for pair in pairs if pair.notes}
    try:
        return Rollout.model_validate(said)
    except ValidationError as error:
        _raise_first(str(path), error)
