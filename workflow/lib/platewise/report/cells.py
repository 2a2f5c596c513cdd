"""Cells of tables that say what changed, and the notes that many of them share, said once below the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from platewise.notes import join_notes, split_notes

NOT_COMPUTED = "not computed"


@dataclass(frozen=True)
class Cell:
    """A number in words with its 95 % interval, whether it is a change for the better, and a note.

    Attributes
    ----------
    text
        The number; ``NOT_COMPUTED``, and the note says why; or ``not run``.
    interval, change, note
        Empty where there is none. The parts of a note are separated by semicolons.
    """

    text: str
    interval: str = ""
    change: str = ""
    note: str = ""

    @property
    def computed(self) -> bool:
        """Whether it was not tried in vain."""
        return self.text != NOT_COMPUTED

    @property
    def parts(self) -> list[str]:
        """The parts of the note."""
        return split_notes(self.note)


class Footnotes:
    """The parts of notes that several cells of a table share, numbered as they first come.

    Parameters
    ----------
    cells
        All cells of the table.
    """

    def __init__(self, cells: Iterable[Cell]) -> None:
        counts = Counter(part for cell in cells if cell.computed for part in cell.parts)
        self.texts = [part for part, count in counts.items() if count > 1]

    def numbers(self, cell: Cell) -> list[int]:
        """Return the numbers, from 1, of what is said below the table of a cell."""
        return [self.texts.index(part) + 1 for part in cell.parts if cell.computed and part in self.texts]

    def own(self, cell: Cell) -> str:
        """Return what is said in the cell: what no other says, or why there is no number."""
        return join_notes(*(part for part in cell.parts if not cell.computed or part not in self.texts))
