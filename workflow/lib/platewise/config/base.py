"""The base of every section of the config."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A block of keys in ``config.yaml``. Unknown keys are errors; every field has a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)
