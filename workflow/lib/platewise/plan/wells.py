"""Well names and plate formats."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

_WELL = re.compile(r"^([A-Za-z]{1,2})0*([1-9][0-9]?)$")
_LETTERS = string.ascii_uppercase
ROW_NAMES = tuple(_LETTERS) + tuple(f"A{letter}" for letter in _LETTERS[:6])


@dataclass(frozen=True)
class PlateFormat:
    """The physical grid of a plate."""

    rows: int
    columns: int

    @property
    def wells(self) -> int:
        """Number of wells."""
        return self.rows * self.columns


FORMATS: dict[int, PlateFormat] = {
    6: PlateFormat(2, 3),
    12: PlateFormat(3, 4),
    24: PlateFormat(4, 6),
    48: PlateFormat(6, 8),
    96: PlateFormat(8, 12),
    384: PlateFormat(16, 24),
    1536: PlateFormat(32, 48),
}


def parse_well(text: str) -> tuple[int, int]:
    """Return (row, column), both from 0, of a well written as ``A01``, ``A1`` or ``a1``.

    Raises
    ------
    ValueError
        If ``text`` is not a well name.
    """
    match = _WELL.match(text.strip())
    if match is None or match[1].upper() not in ROW_NAMES:
        raise ValueError(f"{text!r} is not a well name: a row letter and a column number, such as A01")
    return ROW_NAMES.index(match[1].upper()), int(match[2]) - 1


def well_name(row: int, column: int) -> str:
    """Return the name of a well, two-digit column, from row and column counted from 0: ``A01``."""
    return f"{ROW_NAMES[row]}{column + 1:02d}"


def normal_well(text: str) -> str:
    """Return any spelling of a well as platewise writes it: ``a1`` becomes ``A01``."""
    return well_name(*parse_well(text))
