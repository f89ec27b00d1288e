"""Checks and metrics as a person changes them: by name, only what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from canarystats.errors import InputError, PolicyError
from canarystats.metric import Metric
from canarystats.section import Section
from canarystats.validate.checks import Check
from canarystats.validate.metrics import METRICS
from canarystats.validate.table import CHECKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

M = TypeVar("M", bound=BaseModel)


class Settings(Section):
    """Which checks are asked, and how a source reads what they need.

    Parameters
    ----------
    checks
        All checks of all windows.
    metrics
        What they read. ``compare`` says whether the time before is read as the baseline.
    """

    checks: tuple[Check, ...] = Field(default=CHECKS)
    metrics: tuple[Metric, ...] = Field(default=METRICS)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Settings:
        """The defaults with what the data change, checks by their id and metrics by their name.

        Raises
        ------
        PolicyError
            If a part does not say what it must; its path says which.
        """
        for key in data:
            if key not in {"checks", "metrics"}:
                raise PolicyError(str(key), "is no key of a validation; write checks or metrics")
        return cls(
            checks=_changed(Check, "id", CHECKS, data.get("checks", ()), "checks"),
            metrics=_changed(Metric, "name", METRICS, data.get("metrics", ()), "metrics"),
        )

    def of(self, window: str, without: Sequence[str] = ()) -> tuple[Check, ...]:
        """The checks of a window, less some by id or by what follows the window in it.

        Raises
        ------
        InputError
            If the window has no checks, or one that is left out is none of them.
        """
        asked = [check for check in self.checks if check.id.partition(".")[0] == window]
        names = {check.id: check.id.partition(".")[2] for check in asked}
        if not asked:
            windows = dict.fromkeys(check.id.partition(".")[0] for check in self.checks)
            msg = f"window is {window!r}; it must be one of {', '.join(windows)}"
            raise InputError(msg)
        for name in without:
            if name not in {*names, *names.values()}:
                msg = f"there is no check {name!r}; {window} has {', '.join(names.values())}"
                raise InputError(msg)
        return tuple(c for c in asked if not {c.id, names[c.id]} & set(without))

    def read_by(self, checks: Sequence[Check]) -> tuple[Metric, ...]:
        """The metrics that checks read and that have a query."""
        wanted = {check.reads for check in checks}
        return tuple(
            metric for metric in self.metrics if metric.name in wanted and metric.query.asked
        )


def _changed(
    model: type[M], key: str, defaults: Sequence[M], changes: Any, path: str
) -> tuple[M, ...]:
    if not isinstance(changes, list | tuple):
        raise PolicyError(path, f"must be a list, not {type(changes).__name__}")
    held = {str(getattr(one, key)): one for one in defaults}
    for i, change in enumerate(changes):
        where = f"{path}[{i}]"
        if not isinstance(change, dict) or not isinstance(change.get(key), str):
            raise PolicyError(where, f"must be a table with {key}")
        old = held.get(change[key])
        before = {} if old is None else old.model_dump(exclude_unset=True)
        if {"at_most", "at_least"} & set(change):
            before = {k: v for k, v in before.items() if k not in {"at_most", "at_least"}}
        merged = {**before, **change}
        if isinstance(before.get("query"), dict) and isinstance(change.get("query"), dict):
            merged["query"] = {**before["query"], **change["query"]}
        try:
            held[change[key]] = model.model_validate(merged)
        except ValidationError as error:
            first = error.errors()[0]
            spot = ".".join([where, *map(str, first["loc"])])
            raise PolicyError(spot, first["msg"].removeprefix("Value error, ")) from error
    return tuple(held.values())
