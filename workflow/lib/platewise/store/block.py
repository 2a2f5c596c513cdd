"""Going through the committed fields of a block: image and labels together, labels held against the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from platewise.columns import SITE, WELL
from platewise.errors import DataError
from platewise.fields import ReadFile, read_field
from platewise.illumination import read_illumination
from platewise.scratch import Scratch, read_fields
from platewise.store.fields import hash_label, read_labels
from platewise.store.paths import HASH_COLUMNS
from platewise.tables import read_table


@dataclass(frozen=True)
class BlockFiles:
    """What a block of fields is read from: manifest and inventory of the block, flat fields and store of the plate."""

    manifest: Path
    inventory: Path
    illumination: Path
    store: Path


@dataclass(frozen=True)
class Field:
    """A field in memory: ``image`` (c, y, x) float32 with illumination divided out, paired (y, x) int32 ``labels``."""

    well: str
    site: int
    image: npt.NDArray[np.float32]
    labels: dict[str, npt.NDArray[np.int32]]


def read_block(files: BlockFiles, channels: list[str], scratch: Scratch | None = None) -> Iterator[Field]:
    """Yield the good fields of a block, in plate order; the next one is read while the caller works.

    Parameters
    ----------
    files
        What the block is read from.
    channels
        Names of the channels, in the order wanted.
    scratch
        Where images are copied ahead; None reads them in their place.

    Raises
    ------
    DataError
        If a label is missing, damaged, or not the one that the manifest lists.
    """
    flat = read_illumination(files.illumination)
    images = dict(list(read_table(files.inventory).groupby([WELL, SITE])))
    good = read_table(files.manifest).query("Status == 'ok'").to_dict("records")

    def read(listed: dict[str, Any], rows: pd.DataFrame, read_file: ReadFile) -> Field:
        labels = _read_listed_labels(files, listed)
        return Field(listed[WELL], int(listed[SITE]), read_field(rows, channels, flat, read_file), labels)

    fields = [(listed, images[listed[WELL], listed[SITE]]) for listed in good]
    for _, field in read_fields(fields, read, scratch):
        yield field.result()


def _read_listed_labels(files: BlockFiles, listed: dict[str, Any]) -> dict[str, npt.NDArray[np.int32]]:
    """Read the labels of a field and hold them against its row of the manifest."""
    well, site = listed[WELL], int(listed[SITE])
    labels = read_labels(files.store, well, site)
    for name, column in HASH_COLUMNS.items():
        if hash_label(labels[name]) != listed[column]:
            raise DataError(
                f"{files.store}: the label {name} of well {well}, field {site} is not the one that "
                f"{files.manifest} lists. Hint: run `platewise verify`, then the workflow again; it will make this "
                "block anew."
            )
    return labels
