"""Policies as data: the presets that ship with the library, and policies read from files.

A policy file is YAML, JSON or TOML. It may begin with ``extends: <preset or file>`` and then names
only what differs; metrics, triggers and stages are matched by name. ``without: [metric, ...]``
leaves out metrics it would inherit, and the triggers that read them.
"""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from canarystats.errors import PolicyError, SourceError, SourceErrorKind
from canarystats.joint import JointPolicy
from canarystats.overrides import merged, own_path, without
from canarystats.policy import Policy

SUFFIXES = (".yaml", ".yml", ".json", ".toml")
LONGEST_CHAIN = 8
JOINT = "joint"  # the folder of policies over several systems


def preset_names() -> tuple[str, ...]:
    """The presets that ship with the library."""
    return _names_in(".")


def load_policy(source: str | Path) -> Policy:
    """Read a policy from a preset's name or a file.

    Parameters
    ----------
    source
        A preset such as ``eight-triggers``, or the path of a YAML, JSON or TOML file.

    Raises
    ------
    PolicyError
        If it is not a policy; the message begins with the path of the fault in that file, such as
        ``triggers[1].for``, or ``triggers[error_rate].for`` where the file extends another and
        the trigger is inherited. Also if there is no such preset.
    SourceError
        If there is no such file, or it cannot be read.
    """
    own, folder = _read(source)
    whole = _extended(own, folder, chain=(str(source),))
    try:
        return Policy.parse(whole)
    except PolicyError as error:
        raise PolicyError(own_path(error.path, whole, own), error.message) from error


def joint_preset_names() -> tuple[str, ...]:
    """The joint policies that ship with the library."""
    return _names_in(JOINT)


def load_joint_policy(source: str | Path) -> JointPolicy:
    """Read a policy over several systems from a preset's name or a file.

    Parameters
    ----------
    source
        A preset such as ``dwcp-systems``, or the path of a YAML, JSON or TOML file.

    Raises
    ------
    PolicyError
        If it is not a joint policy; the message begins with the path of the fault. Also if there
        is no such preset.
    SourceError
        If there is no such file, or it cannot be read.
    """
    return JointPolicy.parse(_read(source, JOINT)[0])


def _names_in(folder: str) -> tuple[str, ...]:
    files = resources.files("canarystats.presets").joinpath(folder).iterdir()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml")))


def _read(source: str | Path, kind: str = ".") -> tuple[dict[str, Any], Path | None]:
    """The plain data of a policy, and the directory its relative paths start from."""
    if isinstance(source, str) and source in _names_in(kind):
        folder = resources.files("canarystats.presets").joinpath(kind)
        text = folder.joinpath(f"{source}.yaml").read_text("utf-8")
        return _parse(text, ".yaml", source), None
    path = Path(source)
    if path.suffix not in SUFFIXES:
        if path.exists():
            raise PolicyError("", f"{path} must end in one of {', '.join(SUFFIXES)}")
        known = ", ".join(_names_in(kind))
        raise PolicyError(
            "", f"{str(source)!r} is neither a preset ({known}) nor a policy file (.yaml, ...)"
        )
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        msg = f"there is no policy file {path}"
        raise SourceError(SourceErrorKind.NOT_FOUND, msg) from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the policy file {path} cannot be read: {error}"
        raise SourceError(SourceErrorKind.MALFORMED, msg) from error
    return _parse(text, path.suffix, str(path)), path.parent


def _parse(text: str, suffix: str, name: str) -> dict[str, Any]:
    try:
        if suffix == ".toml":
            data: Any = tomllib.loads(text)
        elif suffix == ".json":
            data = json.loads(text)
        else:
            data = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        where = " ".join(str(error).split())
        raise PolicyError("", f"{name} is not valid {suffix[1:].upper()}: {where}") from error
    if not isinstance(data, dict):
        raise PolicyError("", f"{name} must be a table of keys, not {type(data).__name__}")
    return data


def _extended(data: dict[str, Any], folder: Path | None, chain: tuple[str, ...]) -> dict[str, Any]:
    parent = data.get("extends")
    if parent is None:
        return data
    if not isinstance(parent, str):
        raise PolicyError("extends", f"{parent!r} is not the name of a preset or a file")
    if len(chain) > LONGEST_CHAIN:
        raise PolicyError("extends", f"policies extend each other in a ring: {' > '.join(chain)}")
    beside = folder / parent if folder is not None and parent not in preset_names() else parent
    base = _extended(*_read(beside), chain=(*chain, parent))
    base = without(base, data.get("without", ()))
    return merged(base, {k: v for k, v in data.items() if k not in {"extends", "without"}})
