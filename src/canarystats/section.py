"""What every part of a policy is: frozen, every key known."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A part of a policy: frozen, every key known, every default checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
