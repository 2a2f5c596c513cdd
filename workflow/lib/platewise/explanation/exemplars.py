"""Cells that stand for a treatment, chosen by rule: those in the middle of its cells in the features of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from platewise.algorithms import ALGORITHMS
from platewise.columns import CONTROL_TYPE, DOSE, OBJECT, PERTURBATION, PLATE, SITE, WELL, feature_columns
from platewise.crops.choose import object_wells
from platewise.crops.store import CropStore, read_crops
from platewise.device import torch_threads
from platewise.embedding.model import EmbeddingModel, load_model
from platewise.embedding.network import CellNetwork
from platewise.embedding.preprocess import compress, shrink_crops, standardise
from platewise.embedding.reference import reference_of_stores
from platewise.explanation.saliency import channel_shares, integrated_gradients
from platewise.profiles.frame import is_negcon, treatment_keys
from platewise.tables import read_table, read_tables, write_table
from platewise.weights import save_tensors

# Cells that are shown of a treatment, and treatments that are shown: those under which most features moved.
CELLS = 6
MOST_TREATMENTS = 24
# The medoid is sought among so many cells at most, drawn evenly: its search is quadratic.
_MOST_CELLS = 2000
_CELLS_A_WELL = 50
_KEYS = [PLATE, WELL, SITE, OBJECT]
EXEMPLAR_COLUMNS = [PERTURBATION, DOSE, "Control", "Rank", *_KEYS, "Distance", "Cells"]


@dataclass(frozen=True)
class Cells:
    """Cells with crops: a row each of keys and what they were given, features (n, features), and where crops lie."""

    keys: pd.DataFrame
    features: np.ndarray
    stores: list[CropStore]

    def crops(self, row: int) -> np.ndarray:
        """Read the crop (channel, y, x) of one cell."""
        store, place = self.keys.loc[row, ["Store", "Place"]]
        return self.stores[store].load(np.array([place]))[0]


def run_show_exemplars(
    crops: Sequence[str | Path],
    embeddings: Sequence[str],
    wells: Sequence[str],
    treatments: str,
    model_dir: str | Path,
    table_out: str | Path,
    pictures_out: str | Path,
    threads: int = 1,
) -> None:
    """Choose the exemplars of a campaign, and write who they are and what they look like.

    Parameters
    ----------
    crops
        Crop stores of the plates that the network was trained and validated on, ``P/crops/{block}.zarr``.
    embeddings, wells
        ``P/embeddings/{model}/{block}.parquet`` and ``P/profiles/{model}.wells.parquet`` of the same plates.
    treatments
        ``C/explanation/{model}.treatments.parquet``: says under which treatments most moved.
    model_dir
        ``C/embedding/{model}``.
    table_out
        ``C/explanation/{model}.exemplars.parquet`` (``EXEMPLAR_COLUMNS``); controls first, then treatments.
    pictures_out
        ``C/explanation/{model}.exemplars.safetensors``: ``crops`` (treatment, cell, channel, y, x) uint16, zero where a
        treatment has fewer cells; ``saliency`` (treatment, channel, y, x) float32 and ``shares`` (treatment, channel)
        of the first cell of each. None of these where there is no cell.
    threads
        CPU threads: a few cells need no GPU.
    """
    model = load_model(model_dir)
    cells = read_cells(crops, embeddings, wells)
    order = read_table(treatments).sort_values(["Moved", PERTURBATION, DOSE], ascending=[False, True, True])
    wanted = treatment_keys(order)[:MOST_TREATMENTS]
    references = _references(cells, model)
    with torch_threads(threads):
        table, pictures = show_exemplars(cells, wanted, model, references)
    facts = {"stage": "explanation", "algorithm": ALGORITHMS["explanation"], "model": model.digest}
    write_table(table, table_out, facts)
    channels = list(model.architecture.channels)
    save_tensors(pictures_out, pictures, facts | {"channels": channels})


def show_exemplars(
    cells: Cells,
    wanted: pd.MultiIndex,
    model: EmbeddingModel,
    references: Mapping[str, np.ndarray],
) -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
    """Choose exemplars of the negative controls and of treatments, and ask the network what it sees in the first.

    Features are taken in units of the controls' standard deviation. What the network is asked is how far a cell lies
    from the controls' mean in the direction in which the treatment's mean lies; of controls, in which direction is the
    cell itself.

    Parameters
    ----------
    cells
        From ``read_cells``.
    wanted
        The treatments to show, from ``treatment_keys``.
    model
        The network whose features are in ``cells``.
    references
        Plate to its centre and scale (2, channel); for models with ``normalise: plate``.
    """
    control = cells.keys["Control"].to_numpy(dtype=bool)
    # Without controls, all cells are what a treatment is held against.
    usual = cells.features[control] if control.sum() > 1 else cells.features
    spread = usual.std(axis=0) if len(usual) else np.ones(cells.features.shape[1])
    scale = np.where(spread > 0, spread, 1)
    scaled = (cells.features - usual.mean(axis=0)) / scale if len(usual) else cells.features
    groups = [(None, np.flatnonzero(control))] if control.any() else []
    named = treatment_keys(cells.keys)
    for key in wanted:
        own = np.asarray(named == key, dtype=bool) & ~control
        if own.any():
            groups.append((key, np.flatnonzero(own)))
    rows, pictures = [], {"crops": [], "saliency": [], "shares": []}
    for key, own in groups:
        chosen, distances = nearest_to_medoid(scaled[own], CELLS)
        for rank, (place, distance) in enumerate(zip(own[chosen], distances, strict=True)):
            rows.append((place, rank, distance, len(own)))
        images = [cells.crops(place) for place in own[chosen]]
        images += [np.zeros_like(images[0])] * (CELLS - len(images))
        pictures["crops"].append(torch.from_numpy(np.stack(images)))
        if not isinstance(model.network, CellNetwork):
            # Large networks of others would take a minute a cell on a CPU.
            continue
        toward = scaled[own].mean(axis=0) if key else scaled[own[chosen[0]]]
        direction = toward / max(float(np.linalg.norm(toward)), 1e-12) / scale
        plate = cells.keys.loc[own[chosen[0]], PLATE]
        seen = explain_cell(model, images[0], direction, references.get(plate))
        pictures["saliency"].append(seen[0])
        pictures["shares"].append(channel_shares(seen)[0])
    at, ranks, distances, counts = ([row[place] for row in rows] for place in range(4))
    table = cells.keys.loc[at, [PERTURBATION, DOSE, "Control", *_KEYS]].reset_index(drop=True)
    table = table.assign(Rank=ranks, Distance=distances, Cells=counts)[EXEMPLAR_COLUMNS]
    if not groups:
        return table, {}
    return table, {name: torch.stack(parts) for name, parts in pictures.items() if parts}


def nearest_to_medoid(features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the medoid and the cells nearest to it, and their distances to it; at most ``count``.

    The medoid is the cell with the smallest sum of Euclidean distances to all others; of several, the first. Of more
    than 2,000 cells, it is sought among 2,000 drawn evenly.

    Parameters
    ----------
    features
        (n, features), n at least 1.
    count
        Cells wanted.
    """
    every = -(-len(features) // _MOST_CELLS)
    some = np.arange(0, len(features), every)
    squares = (features[some] ** 2).sum(axis=1)
    between = np.maximum(squares[:, None] + squares[None, :] - 2 * features[some] @ features[some].T, 0)
    medoid = some[np.sqrt(between).sum(axis=1).argmin()]
    distances = np.linalg.norm(features - features[medoid], axis=1)
    # The medoid itself, also where another cell equals it.
    distances[medoid] = -1
    chosen = np.argsort(distances, kind="stable")[:count]
    return chosen, np.maximum(distances[chosen], 0)


def explain_cell(
    model: EmbeddingModel, crop: np.ndarray, direction: np.ndarray, reference: np.ndarray | None
) -> torch.Tensor:
    """Attribute how far a cell's features lie in a direction to its pixels, (1, channel, y, x).

    Parameters
    ----------
    model
        The network.
    crop
        (channel, size, size) uint16, as stored.
    direction
        (features,).
    reference
        Centre and scale (2, channel) of the cell's plate; for models with ``normalise: plate``.
    """
    shrunk = torch.from_numpy(shrink_crops(crop[None], model.architecture.downscale)).float()
    plate = None
    if model.architecture.normalise == "plate":
        plate = torch.from_numpy(reference[None].astype(np.float32))
    weights = torch.from_numpy(direction.astype(np.float32))
    return integrated_gradients(
        lambda seen: model.network.features(seen) @ weights, compress(standardise(shrunk, plate))
    )


def read_cells(crops: Sequence[str | Path], embeddings: Sequence[str], wells: Sequence[str]) -> Cells:
    """Join crops, features and what wells were given; cells that lack one of them are left out.

    Of a well with more than 50 cells of a block, 50 evenly spaced ones are taken. ``crops`` and ``embeddings`` are of
    the same blocks, in the same order; one block is held in memory beside what was chosen.
    """
    stores = [read_crops(path) for path in crops]
    given = read_tables(wells, [PLATE, WELL, PERTURBATION, DOSE, CONTROL_TYPE]) if wells else None
    parts, features = [], [np.empty((0, 0))] if not crops else []
    for number, (path, store, table) in enumerate(zip(crops, stores, embeddings, strict=True)):
        keys = pd.DataFrame(
            {
                PLATE: Path(path).parents[1].name,
                WELL: object_wells(store.objects),
                SITE: store.objects[:, 2].astype(np.int64),
                OBJECT: store.objects[:, 3].astype(np.int64),
                "Store": number,
                "Place": np.arange(len(store.objects)),
            }
        )
        known = read_table(table)
        names = feature_columns(known.columns)
        joined = keys.merge(given, on=[PLATE, WELL]).merge(known, on=_KEYS).sort_values(_KEYS, kind="stable")
        joined = joined[_evenly(joined[WELL])]
        parts.append(joined.drop(columns=names))
        features.append(joined[names].to_numpy(np.float64))
    if not parts:
        return Cells(pd.DataFrame(columns=[PERTURBATION, DOSE, "Control", *_KEYS]), features[0], [])
    keys = pd.concat(parts, ignore_index=True)
    return Cells(keys.assign(Control=is_negcon(keys)).drop(columns=CONTROL_TYPE), np.concatenate(features), stores)


def _evenly(wells: pd.Series) -> np.ndarray:
    """Tell which rows to take so that no well has more than `_CELLS_A_WELL`, evenly spaced, bool ``(rows,)``."""
    place = wells.groupby(wells).cumcount().to_numpy()
    count = wells.groupby(wells).transform("size").to_numpy()
    wanted = np.minimum(count, _CELLS_A_WELL)
    # The rows at which the share that was taken so far passes another whole cell.
    return (place + 1) * wanted // count > place * wanted // count


def _references(cells: Cells, model: EmbeddingModel) -> dict[str, np.ndarray]:
    """Return the brightness of each plate with cells, from its stores, where the model is scaled to it."""
    if model.architecture.normalise != "plate":
        return {}
    used = cells.keys.groupby(PLATE, sort=True)["Store"].unique()
    return {plate: reference_of_stores([cells.stores[number] for number in numbers]) for plate, numbers in used.items()}
