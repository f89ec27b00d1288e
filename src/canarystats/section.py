"""What every part of a policy is: frozen, every key known, every fault told with its path."""

from __future__ import annotations

from typing import Annotated, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from canarystats.errors import PolicyError


def _a_part(value: float) -> float:
    if not 0 <= value <= 1:
        hint = f" (a percentage? write {value / 100:g})" if 1 < value <= 100 else ""
        msg = f"{value:g} is not a share between 0 and 1{hint}"
        raise ValueError(msg)
    return value


LARGEST_RATIO = 50.0  # a ratio from here on is a percentage
Fraction = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, AfterValidator(_a_part)]


class Section(BaseModel):
    """A part of a policy: frozen, every key known, every default checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def raise_first(error: ValidationError) -> NoReturn:
    """Raise the first fault that was found in a policy, with its path.

    Raises
    ------
    PolicyError
        Always.
    """
    first = error.errors(include_url=False)[0]
    path = ""
    for part in first["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, PolicyError):
        inner = ".".join(p for p in (path, cause.path) if p)
        raise PolicyError(inner, cause.message) from error
    if first["type"] == "extra_forbidden":
        raise PolicyError(path, "there is no such key") from error
    if first["type"] == "missing":
        raise PolicyError(path, "is missing") from error
    message = (
        str(cause) if cause else f"{first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}"
    )
    raise PolicyError(path, message) from error
