"""What every correction takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from platewise.config.base import Section
from platewise.errors import PlatewiseError


class CorrectionRefusedError(PlatewiseError):
    """The data do not allow the correction that was asked for."""


@dataclass(frozen=True)
class Corrected:
    """Profiles after a correction.

    Attributes
    ----------
    values
        ``(wells, features)``; the rows are those that came in, in their order.
    facts
        What the correction chose, for the provenance; plain numbers and words.
    note
        What a reader of the scores must know; empty when there is nothing.
    prefix
        Set when the columns no longer are the features that came in: they are named ``{prefix}000`` and on.
    """

    values: np.ndarray
    facts: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    prefix: str = ""


# (metadata of the wells, values (wells, features), the method's section of the config) -> Corrected
Correct = Callable[[pd.DataFrame, np.ndarray, Section], Corrected]
