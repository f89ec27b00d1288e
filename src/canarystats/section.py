"""What every part of a policy is: frozen, every key known."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


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
