"""Policies as data: the presets that ship with the library, and policies read from files.

A policy file is YAML, JSON or TOML. It may begin with ``extends: <preset or file>`` and then names
only what differs; metrics and triggers are matched by name.
"""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from canarystats.errors import PolicyError, SourceError, SourceErrorKind
from canarystats.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

SUFFIXES = (".yaml", ".yml", ".json", ".toml")
LONGEST_CHAIN = 8


def preset_names() -> tuple[str, ...]:
    """The presets that ship with the library."""
    files = resources.files("canarystats.presets").iterdir()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml")))


def load_policy(source: str | Path) -> Policy:
    """Read a policy from a preset's name or a file.

    Parameters
    ----------
    source
        A preset such as ``eight-triggers``, or the path of a YAML, JSON or TOML file.

    Raises
    ------
    PolicyError
        If it is not a policy; the message begins with the path of the fault, such as
        ``triggers[1].for``. Also if there is no such preset.
    SourceError
        If there is no such file, or it cannot be read.
    """
    return Policy.parse(_extended(*_read(source), chain=(str(source),)))


def _read(source: str | Path) -> tuple[dict[str, Any], Path | None]:
    """The plain data of a policy, and the directory its relative paths start from."""
    if isinstance(source, str) and source in preset_names():
        text = resources.files("canarystats.presets").joinpath(f"{source}.yaml").read_text("utf-8")
        return _parse(text, ".yaml", source), None
    path = Path(source)
    if path.suffix not in SUFFIXES:
        if path.exists():
            raise PolicyError("", f"{path} must end in one of {', '.join(SUFFIXES)}")
        known = ", ".join(preset_names())
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
    return _merged(base, {key: value for key, value in data.items() if key != "extends"})


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Tables merge key by key, metrics and triggers by name; anything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        held = base.get(key)
        if key in {"metrics", "triggers"} and isinstance(value, list):
            merged[key] = _merged_by_name([] if held is None else held, value, key)
        elif isinstance(value, dict) and isinstance(held, dict):
            merged[key] = _merged(held, value)
        else:
            merged[key] = value
    return merged


def _merged_by_name(base: Any, changes: Sequence[Any], path: str) -> list[Any]:
    merged = [dict(_named(item, path, i)) for i, item in enumerate(_list(base, path))]
    position = {item["name"]: i for i, item in enumerate(merged)}
    for i, change in enumerate(changes):
        name = _named(change, path, i)["name"]
        if name in position:
            merged[position[name]] = _merged(merged[position[name]], change)
        else:
            merged.append(change)
    return merged


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise PolicyError(path, f"must be a list, not {type(value).__name__}")
    return value


def _named(item: Any, path: str, i: int) -> dict[str, Any]:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise PolicyError(f"{path}[{i}]", "must be a table with a name")
    return item
