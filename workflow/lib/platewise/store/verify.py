"""Holding a plate store against the manifests of its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from platewise.columns import SITE, WELL
from platewise.errors import DataError
from platewise.store.fields import hash_label, read_label
from platewise.store.paths import HASH_COLUMNS
from platewise.tables import read_table


@dataclass(frozen=True)
class Damage:
    """A manifest that does not hold, and why."""

    manifest: Path
    reason: str


def find_damage(manifest: Path, store: Path) -> Damage | None:
    """Return the first thing wrong with a block: an unreadable manifest, or a label that is not the one it lists."""
    try:
        table = read_table(manifest)
        for row in table.query("Status == 'ok'").to_dict("records"):
            for name, column in HASH_COLUMNS.items():
                label = read_label(store, row[WELL], int(row[SITE]), name)
                if hash_label(label) != row[column]:
                    return Damage(manifest, f"{row[WELL]} field {row[SITE]}: the label {name} is not the one listed")
    except DataError as error:
        return Damage(manifest, str(error))
    return None


def verify_blocks(manifests: list[Path], store: Path, remove: bool) -> list[Damage]:
    """Check a plate's blocks; with ``remove``, delete the manifests that do not hold, so that they are made again."""
    damages = [damage for manifest in manifests if manifest.exists() and (damage := find_damage(manifest, store))]
    if remove:
        for damage in damages:
            damage.manifest.unlink()
    return damages
