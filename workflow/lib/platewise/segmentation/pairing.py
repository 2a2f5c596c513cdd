"""Cells that belong to given nuclei: to each nucleus exactly one cell, of its number, that contains it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.segmentation import watershed

Label = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


def pair_cells(found: Label, nuclei: Label) -> Label:
    """Give cells that were found by themselves to nuclei.

    A nucleus belongs to the found cell that covers most of it. A cell with several nuclei is divided among them, each
    pixel going to the nearest nucleus within the cell. A cell without a nucleus is dropped. A nucleus that no cell
    covers by half is a cell by itself: no more of that cell was seen.

    Parameters
    ----------
    found
        (y, x) label image of cells, with the numbers 1..n.
    nuclei
        (y, x) label image; numbers may have gaps.

    Returns
    -------
    cells
        (y, x) int32 with the numbers of the nuclei; every nucleus lies in its cell, every cell is in one piece.
    """
    owner = _covering(found, nuclei)
    nucleus_of = _numbers(owner, int(found.max(initial=0)) + 1)
    # A cell with one nucleus is that nucleus's; -1 marks those to be divided.
    cells = np.where(nuclei > 0, nuclei, np.maximum(nucleus_of, 0)[found]).astype(np.int32)
    shared = nucleus_of == -1
    if shared.any():
        seeds = np.where(shared[found] & (owner[nuclei] == found), nuclei, 0)
        # Cell by cell: growth must not cross from one into the next.
        for place, number in _places(found, shared):
            part = found[place] == number
            own = np.where(part, seeds[place], 0)
            divided = watershed(ndi.distance_transform_edt(own == 0), markers=own, mask=part)
            cells[place] = np.where(part & (nuclei[place] == 0), divided, cells[place])
    return _in_one_piece(cells, nuclei)


def piece_with(nucleus: Mask, inside: Mask) -> Mask:
    """Return the piece of ``inside`` (4-connected) that shares most pixels with ``nucleus``, without holes."""
    pieces, _ = ndi.label(inside)
    return ndi.binary_fill_holes(pieces == np.bincount(pieces[nucleus]).argmax())


def _covering(found: Label, nuclei: Label) -> npt.NDArray[np.int64]:
    """Return for each number of a nucleus the cell that covers at least half of it; 0 for none."""
    size, width = int(nuclei.max(initial=0)) + 1, int(found.max(initial=0)) + 1
    pairs, counts = np.unique(nuclei.astype(np.int64) * width + found, return_counts=True)
    nucleus, cell = np.divmod(pairs, width)
    areas = np.bincount(nuclei.ravel(), minlength=size)
    covers = (nucleus > 0) & (cell > 0) & (2 * counts >= areas[nucleus])
    owner = np.zeros(size, np.int64)
    # Two cells that cover a half each: the one with the lower number.
    owner[nucleus[covers][::-1]] = cell[covers][::-1]
    return owner


def _numbers(owner: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Return for each cell the number of its nucleus; 0 for none, -1 for several."""
    several = np.bincount(owner, minlength=size) > 1
    nucleus_of = np.zeros(size, np.int64)
    nucleus_of[owner] = np.arange(owner.size)
    nucleus_of[several] = -1
    nucleus_of[0] = 0
    return nucleus_of


def _places(label: Label, chosen: Mask) -> list[tuple[tuple[slice, slice], int]]:
    return [
        (place, number)
        for number, place in enumerate(ndi.find_objects(label), 1)
        if place is not None and chosen[number]
    ]


def _in_one_piece(cells: Label, nuclei: Label) -> Label:
    """Keep of each cell the piece that holds the most of its nucleus, and the whole nucleus; fill holes."""
    whole = nuclei.astype(np.int32)
    for place, number in _places(cells, np.ones(int(cells.max(initial=0)) + 1, np.bool_)):
        keep = piece_with(nuclei[place] == number, cells[place] == number)
        # A hole may be another cell's.
        free = (cells[place] == 0) | (cells[place] == number)
        whole[place][keep & free & (whole[place] == 0)] = number
    return whole
