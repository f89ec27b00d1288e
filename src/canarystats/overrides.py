"""Policies by what differs: plain tables laid over plain tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from canarystats.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BY_NAME = {"metrics", "triggers", "stages", "suppressions"}
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """The base with the changes laid over it.

    Tables merge key by key; metrics, triggers, stages and suppressions by name, new names at the
    end; anything else is replaced.

    Parameters
    ----------
    base, changes
        Plain data, as a file holds it.
    path
        Where both stand, for messages.

    Raises
    ------
    PolicyError
        If a list that merges by name is no list, holds what has no name, or a name twice.
    """
    found = dict(base)
    for key, value in changes.items():
        held, inside = base.get(key), f"{path}.{key}" if path else key
        if key in BY_NAME and isinstance(value, list | tuple):
            found[key] = _merged_by_name([] if held is None else held, value, inside)
        elif isinstance(value, dict) and isinstance(held, dict):
            found[key] = merged(held, value, inside)
        else:
            found[key] = value
    return found


def without(base: Mapping[str, Any], names: object) -> dict[str, Any]:
    """The base without these metrics, the triggers that read them, and what its stages say of both.

    Raises
    ------
    PolicyError
        If ``names`` is no list of metrics of the base.
    """
    if not isinstance(names, list | tuple):
        raise PolicyError("without", f"must be a list of metrics, not {type(names).__name__}")
    if not names:
        return dict(base)
    held = _named(base.get("metrics", ()), "metrics")
    known = [metric["name"] for metric in held]
    for i, name in enumerate(names):
        if name not in known:
            raise PolicyError(
                f"without[{i}]", f"{name!r} is none of what it extends: {', '.join(known)}"
            )
    triggers = _named(base.get("triggers", ()), "triggers")
    gone = {trigger["name"] for trigger in triggers if trigger.get("metric") in names}
    found = dict(base) | {
        "metrics": [metric for metric in held if metric["name"] not in names],
        "triggers": [trigger for trigger in triggers if trigger["name"] not in gone],
    }
    if "stages" in base:
        found["stages"] = [
            stage
            | {
                part: [item for item in stage[part] if item["name"] not in dropped]
                for part, dropped in (("metrics", names), ("triggers", gone))
                if part in stage
            }
            for stage in _named(base["stages"], "stages")
        ]
    return found


def _merged_by_name(base: Any, changes: Sequence[Any], path: str) -> list[Any]:
    if not isinstance(base, list | tuple):
        raise PolicyError(path, f"must be a list, not {type(base).__name__}")
    found = {item["name"]: item for item in _named(base, path)}
    seen = set()
    for i, change in enumerate(_named(changes, path)):
        name = change["name"]
        if name in seen:
            raise PolicyError(f"{path}[{i}].name", f"{name!r} is there twice")
        seen.add(name)
        known = found.get(name)
        found[name] = change if known is None else merged(known, change, f"{path}[{i}]")
    return list(found.values())


def _named(items: Sequence[Any], path: str) -> list[dict[str, Any]]:
    for i, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise PolicyError(f"{path}[{i}]", "must be a table with a name")
    return list(items)


def own_path(path: str, whole: Any, own: Any) -> str:
    """The path of a fault in merged data, as the writer of the changes knows it.

    Parameters
    ----------
    path
        In the merged data, such as ``triggers[7].for``.
    whole, own
        The merged data, and the changes alone.

    Returns
    -------
    str
        An item of a list that merges by name has its place in the changes, or its name where it
        is inherited: ``triggers[0].for``, ``triggers[error_rate].for``.
    """
    told, parent = "", ""
    for key, index in _STEP.findall(path):
        if key:
            told, parent = f"{told}.{key}" if told else key, key
            whole, own = _inside(whole, key), _inside(own, key)
            continue
        place: int | str = int(index)
        item = whole[int(index)] if isinstance(whole, list | tuple) else None
        if parent in BY_NAME and isinstance(item, dict) and "name" in item:
            named = own if isinstance(own, list | tuple) else ()
            places = [i for i, mine in enumerate(named) if mine.get("name") == item["name"]]
            place, own = (places[0], named[places[0]]) if places else (item["name"], None)
        told, whole = f"{told}[{place}]", item
    return told


def _inside(table: Any, key: str) -> Any:
    return table.get(key) if isinstance(table, dict) else None
