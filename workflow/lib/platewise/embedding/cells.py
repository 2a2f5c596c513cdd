"""The cells a network is trained and judged on: loaded from crop stores, with the names they were given.

Their crops are copied into one plain file, from which steps draw at random: crop stores are compressed in pieces of
many cells. The system keeps of it in memory what there is room for, once for all processes of a training.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.columns import BATCH, DOSE, PERTURBATION, PLATE, WELL
from platewise.config.embedding import TrainedEmbedding, WeakEmbedding
from platewise.crops.choose import object_wells, select_objects
from platewise.crops.store import CELLS_PER_SHARD, CropStore, read_crops
from platewise.embedding.preprocess import shrink_crops
from platewise.embedding.reference import reference_of_stores
from platewise.errors import DataError

_CROPS, _LABELS = "crops.npy", "labels.npz"
_OF_A_CELL = ("places", "names", "plates", "wells", "positions", "batches")


@dataclass(frozen=True)
class Cells:
    """Single cells with their labels.

    Parameters
    ----------
    crops
        (cells in the file, channel, y, x) uint16, shrunk; use ``take``.
    places
        (n,) where each cell's crop is in it.
    names
        (n,) what each cell's well was given: perturbation or treatment.
    plates
        (n,) position of each cell's plate in ``plate_names``.
    wells
        (n,) a number for each well of each plate.
    positions
        (n,) a number for each well position, the same on every plate.
    batches
        (n,) a number for each batch of plates.
    plate_names
        Plates, in the order they were loaded.
    references
        (plate, 2, channel) float32 centre and scale of each plate, see ``plate_reference``.
    """

    crops: np.ndarray
    places: np.ndarray
    names: np.ndarray
    plates: np.ndarray
    wells: np.ndarray
    positions: np.ndarray
    batches: np.ndarray
    plate_names: tuple[str, ...]
    references: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return the crops (len(rows), channel, y, x) of some cells, in memory."""
        return self.crops[self.places[rows]]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of pixels, labels, plates and references."""
        content = hashlib.sha256()
        content.update("\n".join([*self.plate_names, *self.names]).encode())
        content.update(repr((len(self), *self.crops.shape[1:])).encode())
        for rows in _pieces(np.arange(len(self))):
            content.update(self.take(rows).data)
        for values in (self.plates, self.wells, self.positions, self.batches, self.references):
            content.update(repr(values.shape).encode())
            content.update(np.ascontiguousarray(values).data)
        return content.hexdigest()

    def part(self, rows: np.ndarray) -> Cells:
        """Return some of the cells; those of the same plates have the same plate numbers."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _OF_A_CELL})

    def save(self, folder: str | Path) -> None:
        """Write all but the crops beside their file, for ``read_cells`` in another process."""
        of_cells = {name: getattr(self, name) for name in _OF_A_CELL}
        texts = {"names": self.names.astype(str), "plate_names": np.array(self.plate_names, dtype=str)}
        np.savez(Path(folder) / _LABELS, **of_cells | texts | {"references": self.references})


def read_cells(folder: str | Path) -> Cells:
    """Return the cells that ``load_cells`` and ``Cells.save`` left in a folder."""
    folder = Path(folder)
    with np.load(folder / _LABELS, allow_pickle=False) as stored:
        labels = dict(stored)
    texts = {"names": labels["names"].astype(object), "plate_names": tuple(labels["plate_names"].tolist())}
    return Cells(np.load(folder / _CROPS, mmap_mode="r"), **labels | texts)


def hold_out_wells(cells: Cells, share: float, seed: int) -> tuple[Cells, Cells | None]:
    """Part the wells of some plates into those to train on and those to measure on.

    Parameters
    ----------
    cells
        All cells.
    share
        Of the wells of each name that has at least two: so many are held out, rounded, but one at least and never all.
        0 holds out none.
    seed
        Of the draw.

    Returns
    -------
    trained, held_out
        ``held_out`` is None if there is no well to hold out.
    """
    if share == 0:
        return cells, None
    rng = np.random.default_rng([seed, 1])
    chosen = []
    for name in np.unique(cells.names):
        wells = np.unique(cells.wells[cells.names == name])
        if len(wells) > 1:
            count = min(max(1, round(share * len(wells))), len(wells) - 1)
            chosen += rng.permutation(wells)[:count].tolist()
    held_out = np.isin(cells.wells, chosen)
    return cells.part(np.flatnonzero(~held_out)), cells.part(np.flatnonzero(held_out)) if chosen else None


def name_wells(wells: pd.DataFrame, label: str) -> pd.Series:
    """Return what each well was given, as the name of a class.

    Parameters
    ----------
    wells
        A row a well, with ``Metadata_Perturbation`` and, for ``treatment``, ``Metadata_Dose``.
    label
        ``perturbation``, or ``treatment``: perturbation and dose, ``aspirin@10``; without a dose the perturbation.
    """
    names = wells[PERTURBATION].astype(str)
    if label == "perturbation":
        return names
    doses = wells[DOSE].map(lambda dose: "" if pd.isna(dose) else f"@{dose:g}")
    return names + doses


def load_cells(
    stores: Mapping[str, Sequence[str | Path]],
    plates: Sequence[str],
    wells: pd.DataFrame,
    config: TrainedEmbedding,
    seed: int,
    folder: str | Path,
) -> Cells:
    """Load the labelled cells of some plates.

    Parameters
    ----------
    stores
        Paths of the crop stores of each plate.
    plates
        Plates to load.
    wells
        A row a well: ``Metadata_Plate``, ``Metadata_Well``, ``Metadata_Batch``, ``Metadata_Perturbation``,
        ``Metadata_Dose``. Cells of wells that are not in it are left out.
    config
        Gives the label, the shrinking, and the most cells of a well.
    seed
        Seed of the campaign, for the sample of wells with more cells.
    folder
        Where the file of crops is made; it must stay as long as the cells are used.

    Returns
    -------
    Cells
        Sorted by plate (in the order given), row, column, site and object, whatever the blocks.

    Raises
    ------
    DataError
        If a plate has no crop store, or no labelled cell, or the disk has no room for the crops.
    """
    names = name_wells(wells, config.label if isinstance(config, WeakEmbedding) else "perturbation")
    chosen = [_choose(plate, stores.get(plate, ()), wells[wells[PLATE] == plate], config, seed) for plate in plates]
    _require_alike([store for plate in chosen for store in plate.stores])
    counts = [len(plate.objects) for plate in chosen]
    ends = np.cumsum(counts)
    channels, side = len(chosen[0].stores[0].channels), chosen[0].stores[0].size // config.downscale
    crops = _make_file(Path(folder) / _CROPS, (int(ends[-1]), channels, side, side))
    for plate, end, count in zip(chosen, ends, counts, strict=True):
        _fill(crops[end - count : end], plate, config.downscale)
    keys = [
        names[wells[PLATE] == plate].set_axis(wells.loc[wells[PLATE] == plate, WELL])[object_wells(some.objects)]
        for plate, some in zip(plates, chosen, strict=True)
    ]
    numbers = np.repeat(np.arange(len(plates)), counts)
    objects = np.concatenate([plate.objects for plate in chosen])
    _, well_numbers = np.unique(np.column_stack([numbers, objects[:, :2]]), axis=0, return_inverse=True)
    _, position_numbers = np.unique(objects[:, :2], axis=0, return_inverse=True)
    batches = [str(wells.loc[wells[PLATE] == plate, BATCH].iloc[0]) for plate in plates]
    return Cells(
        crops,
        np.arange(len(crops)),
        np.concatenate([key.to_numpy(dtype=object) for key in keys]),
        numbers,
        well_numbers,
        position_numbers,
        np.unique(batches, return_inverse=True)[1][numbers],
        tuple(plates),
        np.stack([reference_of_stores(plate.stores) for plate in chosen]),
    )


@dataclass(frozen=True)
class _Choice:
    """The cells of one plate that will be loaded, and the stores they are in."""

    stores: list[CropStore]
    objects: np.ndarray


def _choose(
    plate: str, paths: Sequence[str | Path], wells: pd.DataFrame, config: TrainedEmbedding, seed: int
) -> _Choice:
    stores = [read_crops(path) for path in paths]
    objects = np.concatenate([np.empty((0, 4), np.int32), *(store.objects for store in stores)])
    labelled = objects[np.isin(object_wells(objects).astype(str), wells[WELL].to_numpy(dtype=str))]
    if not len(labelled):
        raise DataError(
            f"embedding: plate {plate}: {len(stores)} crop store(s) with {len(objects)} cell(s), none in a well with a "
            f"perturbation ({len(wells)} such wells). Hint: check the plate map and the plate's QC page, or take the "
            "plate out of `train_plates` and `validation_plates`."
        )
    return _Choice(stores, select_objects(labelled, "sample", config.cells_per_well, seed, plate))


def _require_alike(stores: list[CropStore]) -> None:
    kinds = {(store.channels, store.size): store.path for store in stores}
    if len(kinds) > 1:
        found = "; ".join(f"{path}: {', '.join(channels)} at {size} pixels" for (channels, size), path in kinds.items())
        raise DataError(
            f"embedding: crop stores differ in channels or size ({found}). "
            "Hint: one embedding needs the same channels and size on all its plates; run the crops again."
        )


def _make_file(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """Return an array in a new file, whose room on the disk is taken at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    crops = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint16, shape=shape)
    try:
        with path.open("r+b") as file:
            # Otherwise a full disk would end the process when a page is written, without a word. Not on macOS.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        free = shutil.disk_usage(path.parent).free
        raise DataError(
            f"{path.parent}: the training crops need {crops.nbytes / 1e9:.1f} GB, and there are {free / 1e9:.1f} GB "
            "free. Hint: make room, name a larger disk as `scratch` in the profile, or lower `cells_per_well`."
        ) from error
    return crops


def _fill(crops: np.ndarray, choice: _Choice, factor: int) -> None:
    """Read the chosen cells into ``crops``, piece by piece, each to its place."""
    places = pd.MultiIndex.from_arrays(choice.objects.T)
    for store in choice.stores:
        place = places.get_indexer(pd.MultiIndex.from_arrays(store.objects.T))
        for rows in _pieces(np.flatnonzero(place >= 0)):
            crops[place[rows]] = shrink_crops(store.load(rows), factor)


def _pieces(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[first : first + CELLS_PER_SHARD] for first in range(0, len(rows), CELLS_PER_SHARD)]
