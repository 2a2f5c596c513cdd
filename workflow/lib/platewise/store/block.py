"""Going through the committed fields of a block: image and labels together, labels held against the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from platewise.columns import SITE, WELL
from platewise.errors import DataError
from platewise.fields import read_field
from platewise.illumination import read_illumination
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


def read_block(files: BlockFiles, channels: list[str]) -> Iterator[Field]:
    """Yield the good fields of a block, in plate order.

    Raises
    ------
    DataError
        If a label is missing, damaged, or not the one that the manifest lists.
    """
    flat = read_illumination(files.illumination)
    images = dict(list(read_table(files.inventory).groupby([WELL, SITE])))
    good = read_table(files.manifest).query("Status == 'ok'")
    for row in good.to_dict("records"):
        well, site = row[WELL], int(row[SITE])
        labels = read_labels(files.store, well, site)
        for name, column in HASH_COLUMNS.items():
            if hash_label(labels[name]) != row[column]:
                raise DataError(
                    f"{files.store}: the label {name} of well {well}, field {site} is not the one that "
                    f"{files.manifest} lists. Hint: run `platewise verify`, then the workflow again; it will make this "
                    "block anew."
                )
        yield Field(well, site, read_field(images[well, site], channels, flat), labels)
