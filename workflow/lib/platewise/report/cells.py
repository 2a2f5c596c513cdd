"""Cells of tables that say what changed, and the notes that many of them share, said once below the table."""

from __future__ import annotations

from dataclasses import dataclass

_BETWEEN = "; "
NOT_COMPUTED = "not computed"


@dataclass(frozen=True)
class Cell:
    """A number in words with its 95 % interval, whether it is a change for the better, and a note.

    Attributes
    ----------
    text
        The number, or ``NOT_COMPUTED``; the note then says why.
    interval, change, note
        Empty where there is none. The parts of a note are separated by semicolons.
    """

    text: str
    interval: str = ""
    change: str = ""
    note: str = ""

    @property
    def computed(self) -> bool:
        """Whether there is a number."""
        return self.text != NOT_COMPUTED


class Footnotes:
    """The notes of a table, numbered as they first come while its cells are drawn."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def numbers(self, note: str) -> list[int]:
        """Return the numbers of the parts of a note, from 1, and keep those that are new."""
        parts = [part for part in note.split(_BETWEEN) if part]
        self.texts += [part for part in dict.fromkeys(parts) if part not in self.texts]
        return [self.texts.index(part) + 1 for part in parts]
