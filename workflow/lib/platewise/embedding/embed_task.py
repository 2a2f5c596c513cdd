"""Embed the crops of a block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import OBJECT, PLATE, SITE, WELL
from platewise.crops.choose import object_wells
from platewise.device import DeviceRequest, choose_device, torch_threads
from platewise.embedding.model import EmbeddingModel, embed_crops, load_model
from platewise.embedding.reference import read_reference
from platewise.errors import DataError
from platewise.tables import write_table


def embed_block(
    pieces: Iterable[tuple[np.ndarray, np.ndarray]],
    channels: Sequence[str],
    model_dir: str | Path,
    out_path: str | Path,
    plate: str,
    *,
    device: DeviceRequest = "auto",
    allotted: bool = False,
    threads: int = 1,
    batch: int = 256,
    reference: str | Path | None = None,
) -> None:
    """Embed the cells of a block and write the block's ``embeddings`` table.

    Parameters
    ----------
    pieces
        Crops (n, channel, size, size) uint16 and objects (n, 4) int32, piece by piece: from
        ``CropStore.labelled_pieces`` where every cell was kept, else cut on the fly. None of them may hold a cell.
    channels
        Names of the crops' channels, in their order.
    model_dir
        Folder of the model.
    out_path
        ``P/embeddings/{model}/{block}.parquet``.
    plate
        Name of the plate.
    device, allotted
        See ``device.choose_device``.
    threads
        CPU threads.
    batch
        Crops in one go.
    reference
        The plate's brightness, from ``reference.reference_plate``; needed by models with ``normalise: plate`` only.

    Raises
    ------
    DataError
        If the crops' channels or size are not the model's.
    """
    model = load_model(model_dir, choose_device(device, allotted))
    known, scale = (tuple(channels), None) if reference is None else read_reference(reference)
    for place, names in (("images", tuple(channels)), (str(reference), known)):
        if names != model.architecture.channels:
            raise DataError(
                f"{place}, plate {plate}: channels are {', '.join(names)}; model {model_dir} was trained on "
                f"{', '.join(model.architecture.channels)}. Hint: use a model that was trained on these channels."
            )
    with torch_threads(threads):
        objects, features, halvings = _embed_pieces(model, pieces, batch, scale)
    provenance = {
        "stage": "embedding",
        "algorithm": ALGORITHMS["embedding"],
        "model": model.digest,
        "batch_halvings": halvings,
    }
    write_table(embedding_table(plate, objects, features), out_path, provenance)


def _embed_pieces(
    model: EmbeddingModel,
    pieces: Iterable[tuple[np.ndarray, np.ndarray]],
    batch: int,
    reference: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the objects and features of all pieces, and how often the batch was halved."""
    objects = [np.empty((0, 4), np.int32)]
    features = [np.empty((0, model.architecture.features), np.float32)]
    halvings = 0
    for crops, rows in pieces:
        if not len(crops):
            continue
        embedded = embed_crops(model, crops, batch, reference)
        objects.append(rows)
        features.append(embedded.result)
        # What did not fit once will not fit the next time.
        batch, halvings = embedded.batch, halvings + embedded.halvings
    return np.concatenate(objects), np.concatenate(features), halvings


def embedding_table(plate: str, objects: np.ndarray, features: np.ndarray) -> pd.DataFrame:
    """Return the ``embeddings`` table: a row a cell, in the order given, with ``Deep_000`` and so on.

    Parameters
    ----------
    plate
        Name of the plate.
    objects
        (n, 4) row, column, site, object number.
    features
        (n, features) float32.
    """
    keys = pd.DataFrame(
        {
            PLATE: np.full(len(objects), plate, dtype=object),
            WELL: object_wells(objects),
            SITE: objects[:, 2].astype(np.int64),
            OBJECT: objects[:, 3].astype(np.int64),
        }
    )
    columns = [f"Deep_{number:03d}" for number in range(features.shape[1])]
    return pd.concat([keys, pd.DataFrame(features, columns=columns)], axis=1)
