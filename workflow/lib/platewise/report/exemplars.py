"""Pictures of the cells that stand for each treatment, and of what a network sees in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from platewise.columns import DOSE, PERTURBATION, PLATE, SITE, WELL
from platewise.report.numbers import dose, is_number, percent
from platewise.report.pngs import data_uri, encode_png
from platewise.report.thumbnails import compose, default_colours, display_limits
from platewise.tables import read_table

_GAP = 3
_PALETTE = 96
# Deviation, in pixels of the network's input.
_SMOOTH = 1.0
# Attributions above this percentile of a cell are drawn full.
_BRIGHTEST = 99.5


@dataclass(frozen=True)
class ExemplarRow:
    """A treatment: its cells as one picture, the network's view of the first as another, and both in words.

    There is no view, empty, of networks that others published.
    """

    name: str
    cells: int
    shown: int
    picture: str
    first: str
    view: str
    shares: str


@dataclass(frozen=True)
class Exemplars:
    """The exemplars of one embedding; ``colours`` are the channels of the pictures, ``channels`` those of the views."""

    name: str
    colours: list[tuple[str, str]]
    channels: list[str]
    rows: list[ExemplarRow]


def read_exemplars(
    name: str, table: str | Path, pictures: str | Path, colours: Mapping[str, str], nuclei_channel: str
) -> Exemplars:
    """Draw the exemplars of one embedding.

    Parameters
    ----------
    name
        Of the embedding.
    table, pictures
        What ``explanation.exemplars`` wrote.
    colours
        Channel to colour, of up to three; where empty, three channels of the campaign.
    nuclei_channel
        Drawn in blue where ``colours`` is empty.
    """
    # Pages of campaigns without a network need no torch.
    from platewise.weights import load_tensors

    rows = read_table(table)
    tensors, facts = load_tensors(pictures)
    channels = list(facts["channels"])
    chosen = dict(colours) or default_colours(channels, nuclei_channel)
    drawn = {channels.index(channel): colour for channel, colour in chosen.items() if channel in channels}
    legend = [(channels[index], colour) for index, colour in drawn.items()]
    if rows.empty:
        return Exemplars(name, legend, channels, [])
    crops = tensors["crops"].numpy().astype(np.float32)
    # One pair of limits for all: cells can be compared. What lies outside the image is no cell.
    limits = display_limits([crop for cells in crops for crop in cells if crop.any()], drawn)
    starts = np.flatnonzero(rows["Rank"] == 0)
    found = []
    for number, start in enumerate(starts):
        own = rows.iloc[start : starts[number + 1] if number + 1 < len(starts) else len(rows)]
        view = shares = ""
        if "saliency" in tensors:
            view = data_uri(encode_png(_view(tensors["saliency"][number].numpy(), crops.shape[-1]), colours=_PALETTE))
            shares = _shares(tensors["shares"][number].numpy(), channels)
        cells = [compose(crop, drawn, limits) for crop in crops[number][: len(own)]]
        found.append(
            ExemplarRow(
                name=_label(own.iloc[0]),
                cells=int(own["Cells"].iloc[0]),
                shown=len(own),
                picture=data_uri(encode_png(_beside(cells), colours=_PALETTE)),
                first=f"{own[PLATE].iloc[0]} {own[WELL].iloc[0]}, field {int(own[SITE].iloc[0])}",
                view=view,
                shares=shares,
            )
        )
    return Exemplars(name, legend, channels, found)


def _label(row: pd.Series) -> str:
    words = f"{row[PERTURBATION]} at {dose(row[DOSE])}" if is_number(row[DOSE]) else str(row[PERTURBATION])
    return f"{words} (negative control)" if row["Control"] else words


def _shares(shares: np.ndarray, channels: list[str]) -> str:
    order = np.argsort(-shares, kind="stable")
    return ", ".join(f"{channels[index]} {percent(float(np.round(shares[index], 2)))}" for index in order)


def _view(saliency: np.ndarray, side: int) -> np.ndarray:
    """Draw attributions (channel, y, x) side by side: orange where they add, blue where they take away.

    They are smoothed: strided convolutions see one pixel in two, which draws a grid.
    """
    saliency = gaussian_filter(saliency, (0, _SMOOTH, _SMOOTH))
    most = max(float(np.percentile(np.abs(saliency), _BRIGHTEST)), 1e-12)
    strength = np.clip(saliency / most, -1, 1)
    factor = max(side // saliency.shape[-1], 1)
    strength = strength.repeat(factor, axis=1).repeat(factor, axis=2)
    up, down = np.array([255, 160, 40], np.float32), np.array([60, 140, 255], np.float32)
    positive, negative = np.maximum(strength, 0)[..., None], np.maximum(-strength, 0)[..., None]
    return _beside(list((positive * up + negative * down).astype(np.uint8)))


def _beside(pictures: list[np.ndarray]) -> np.ndarray:
    gap = np.full((pictures[0].shape[0], _GAP, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(parts[:-1], axis=1)
