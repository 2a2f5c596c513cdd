"""Notes of tables: several are one text, its parts separated by semicolons."""

from __future__ import annotations

_BETWEEN = "; "


def join_notes(*notes: str) -> str:
    """Return notes as one text, empty ones left out."""
    return _BETWEEN.join(note for note in notes if note)


def split_notes(text: str) -> list[str]:
    """Return the parts of a text, as `join_notes` put it together."""
    return [note for note in text.split(_BETWEEN) if note]
