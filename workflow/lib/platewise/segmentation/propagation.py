# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Growth of labels along the paths on which an image changes least: CellProfiler's method `Propagation`."""

from __future__ import annotations

import heapq
import math

import numpy as np
import numpy.typing as npt

from platewise.jit import kernel


def propagate(
    image: npt.NDArray[np.floating],
    seeds: npt.NDArray[np.int32],
    mask: npt.NDArray[np.bool_],
    regularization: float,
) -> npt.NDArray[np.int32]:
    """Give every pixel of a mask to the seed that the cheapest path leads to.

    A step between neighbours (of 8) costs ``sqrt(d**2 + regularization**2 * (|dy| + |dx|))``, where ``d`` is the sum,
    over the 3 x 3 surroundings, of the absolute differences between the pixels around one and around the other
    (Jones 2005, doi:10.1007/11569541_54, as CellProfiler computes it). Paths stay inside the mask.

    Parameters
    ----------
    image
        (y, x) intensity.
    seeds
        (y, x) label image.
    mask
        (y, x) where labels may grow; seeds keep their pixels outside of it.
    regularization
        Above 0. Small: borders follow changes of intensity. Large against them: borders lie half way between seeds.

    Returns
    -------
    labels
        (y, x) int32; 0 outside the mask and the seeds, and where no path leads.
    """
    edged = np.pad(np.asarray(image, np.float64), 1, mode="edge")
    return _propagate(edged, np.ascontiguousarray(seeds, np.int32), mask, float(regularization))


@kernel
def _propagate(edged, seeds, mask, regularization):
    rows, cols = seeds.shape
    labels = seeds.copy()
    cost = np.where(seeds > 0, 0.0, np.inf)
    # Of equal costs the smaller number wins, whatever the order in which paths were found.
    heap = [(0.0, seeds[0, 0], 0, 0)]
    heap.pop()
    for row in range(rows):
        for col in range(cols):
            if seeds[row, col] > 0:
                heapq.heappush(heap, (0.0, seeds[row, col], row, col))
    while len(heap) > 0:
        so_far, label, row, col = heapq.heappop(heap)
        if so_far > cost[row, col] or label != labels[row, col]:
            continue
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(col - 1, 0), min(col + 2, cols)):
                if not mask[r, c] or seeds[r, c] > 0:
                    continue
                change = 0.0
                for y in range(3):
                    for x in range(3):
                        change += abs(edged[row + y, col + x] - edged[r + y, c + x])
                step = abs(r - row) + abs(c - col)
                total = so_far + math.sqrt(change * change + regularization * regularization * step)
                if total < cost[r, c] or (total == cost[r, c] and label < labels[r, c]):
                    cost[r, c], labels[r, c] = total, label
                    heapq.heappush(heap, (total, label, r, c))
    return labels
