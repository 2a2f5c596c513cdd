# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Group Granularity: how much of a stain lies in details of each size (MeasureGranularity; Ravkin & Temov 1988).

The image is thinned to ``subsample`` of its pixels along each axis, its background (what an opening with a disk leaves,
on a still coarser grid) is taken off, and then it is eroded by one pixel after another. After each step what is left is
reconstructed under the image, so that what survives has its own outline again: feature ``i`` is what the mean of the
object's pixels lost in step ``i``, in percent of the object's mean in the image as it came. The first step therefore
holds the background too, as in CellProfiler.

All reconstructions are under the same image, so its component tree is built once and each of them is two walks through
it. The images belong to the field, not to a compartment: they are made once for all of them. An object's mean over an
image that is interpolated back to full size is a weighted sum of the thin image's pixels; the weights are made once for
all channels and steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from platewise.config.measure import GranularityGroup
from platewise.jit import kernel
from platewise.measure.objects import Compartment, Objects


def measure(
    parts: Mapping[str, Compartment], channels: Sequence[str], settings: GranularityGroup
) -> dict[str, NDArray[np.float64]]:
    """Return ``(objects, features)`` of each compartment, in percent."""
    image = next(iter(parts.values())).image
    shape = thin_shape(image.shape[1:], settings.subsample)
    weights = {name: mean_weights(part.objects, shape, settings.subsample) for name, part in parts.items()}
    tables = {name: [] for name in parts}
    for number, plane in enumerate(image):
        means = {name: [mean_values(part, number)] for name, part in parts.items()}
        for left in opened_images(plane, settings):
            for name, own in weights.items():
                means[name].append(own.means(left))
        for name, steps in means.items():
            tables[name].append(losses(np.stack(steps)))
    return {name: np.concatenate(columns, axis=1) for name, columns in tables.items()}


def losses(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(objects, steps)``: what each step took, in percent of the first of ``(1 + steps, objects)`` means."""
    return ((means[:-1] - means[1:]) * 100 / np.maximum(means[0], np.finfo(float).eps)).T


def mean_values(part: Compartment, channel: int) -> NDArray[np.float64]:
    """Return ``(objects,)`` means of a channel in the image as it came; NaN for an empty object."""
    objects = part.objects
    sums = np.bincount(objects.owners, weights=part.values[channel], minlength=objects.count)
    return sums / np.where(objects.areas > 0, objects.areas, np.nan)


def opened_images(plane: NDArray[np.float32], settings: GranularityGroup) -> Iterator[NDArray[np.float32]]:
    """Yield, for each step, what is left of a ``(y, x)`` image: ``(y, x)`` float32 on the thin grid."""
    thin = without_background(thinned(plane, settings.subsample), settings)
    tree = component_tree(thin)
    eroded = thin
    for _ in range(settings.steps):
        eroded = _eroded_by_cross(eroded)
        yield tree.reconstruct(eroded)


def thin_shape(shape: tuple[int, int], subsample: float) -> tuple[int, int]:
    """Return the shape of an image with so many pixels along each axis per pixel of one of ``shape``."""
    height, width = (int(np.ceil(side * subsample)) for side in shape)
    return height, width


def thinned(plane: NDArray[np.float32], subsample: float) -> NDArray[np.float32]:
    """Return an image at every ``1 / subsample``-th pixel, interpolated linearly."""
    if subsample == 1:
        return plane
    places = thin_places(plane.shape, subsample)
    return ndi.map_coordinates(plane, np.meshgrid(*places, indexing="ij"), order=1)


def thin_places(shape: tuple[int, int], subsample: float) -> list[NDArray[np.float64]]:
    """Return the rows and the columns of an image of ``shape`` that the thin one's pixels lie at."""
    return [np.arange(side) / subsample for side in thin_shape(shape, subsample)]


def coarse_places(shape: tuple[int, int], subsample: float) -> list[NDArray[np.float64]]:
    """Return where the pixels of an image of ``shape`` lie on the grid that its background was found on.

    As many steps as there are between the first pixel and the last, however many were left out at the end.
    """
    return [np.arange(side) * ((side * subsample - 1) / max(side - 1, 1)) for side in shape]


def without_background(thin: NDArray[np.float32], settings: GranularityGroup) -> NDArray[np.float32]:
    """Take off what an opening with a disk leaves of a thin image; nothing falls below 0."""
    coarse = thinned(thin, settings.background_subsample)
    opened = -_lowest_in_disk(-_lowest_in_disk(coarse, settings.radius), settings.radius)
    if settings.background_subsample < 1:
        places = coarse_places(thin.shape, settings.background_subsample)
        opened = ndi.map_coordinates(opened, np.meshgrid(*places, indexing="ij"), order=1)
    return np.maximum(thin - opened, 0)


@dataclass(frozen=True)
class ComponentTree:
    """The bright components of an image at every level, and which lies in which (Salembier 1998).

    Parameters
    ----------
    order
        ``(pixels,)`` the pixels' places in the flat image, from dark to bright.
    parents
        ``(pixels,)`` for each of these the place in ``order`` of one at the next lower level (or the same) of the
        component that it lies in; the first is its own.
    levels
        ``(pixels,)`` float32 brightness, ascending.
    shape
        Of the image.
    """

    order: NDArray[np.int64]
    parents: NDArray[np.int64]
    levels: NDArray[np.float32]
    shape: tuple[int, int]

    def reconstruct(self, seed: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the grey-scale reconstruction of ``seed`` under the image, by dilation with a cross (Vincent 1993).

        ``seed`` is ``(y, x)`` float32, nowhere brighter than the image. A pixel of the result is as bright as the
        brightest level at which its component holds a pixel of the seed of that level or more.
        """
        out = np.empty(self.order.size, np.float32)
        _reconstruct(self.order, self.parents, self.levels, seed.ravel(), out)
        return out.reshape(self.shape)


def component_tree(plane: NDArray[np.float32]) -> ComponentTree:
    """Build the tree of a ``(y, x)`` float32 image, pixels connected along rows and columns (Berger 2007)."""
    flat = plane.ravel()
    order = np.argsort(flat)
    ranks = np.empty_like(order)
    ranks[order] = np.arange(order.size)
    height, width = plane.shape
    return ComponentTree(order, _parents(order, ranks, height, width), flat[order], (height, width))


@dataclass(frozen=True)
class MeanWeights:
    """What each pixel of a thin image counts in the mean of each object over the image at full size.

    Parameters
    ----------
    boxes
        ``(objects, 4)``: first row, first column, rows, columns of the thin pixels that an object's pixels lie among.
    starts
        ``(objects + 1,)`` where the weights of each box begin.
    weights
        Row by row through each box; they add up to 1.
    """

    boxes: NDArray[np.int64]
    starts: NDArray[np.int64]
    weights: NDArray[np.float64]

    def means(self, thin: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return ``(objects,)`` means over an image; NaN for an empty object."""
        return _weighted_means(self.boxes, self.starts, self.weights, thin)


def mean_weights(objects: Objects, shape: tuple[int, int], subsample: float) -> MeanWeights:
    """Work out the weights for images of ``shape``, which are interpolated linearly between their corners."""
    steps = [(full * subsample - 1) / max(full - 1, 1) if subsample < 1 else 1.0 for full in objects.labels.shape]
    boxes = _boxes(objects.starts, objects.rows, objects.cols, *steps, *shape)
    starts = np.concatenate([[0], np.cumsum(boxes[:, 2] * boxes[:, 3])])
    weights = _weigh(objects.starts, objects.rows, objects.cols, *steps, boxes, starts)
    return MeanWeights(boxes, starts, weights)


def disk_reach(radius: int) -> list[int]:
    """Return how many pixels a disk reaches to either side, in its middle row and in each row away from it."""
    return [int(np.sqrt(radius**2 - step**2)) for step in range(radius + 1)]


def _lowest_in_disk(plane: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Erode by a disk; what lies beyond the border is not looked at.

    A disk is a stack of rows: the lowest in each run of pixels of every length that occurs, then of these runs.
    """
    reach = disk_reach(radius)
    runs, run = {}, plane
    for half in range(max(reach) + 1):
        if half:
            run = np.minimum(run, _lowest_of_pair(plane, half, axis=1))
        runs[half] = run
    lowest = runs[reach[0]]
    for step in range(1, radius + 1):
        lowest = np.minimum(lowest, _lowest_of_pair(runs[reach[step]], step, axis=0))
    return lowest


def _lowest_of_pair(plane: NDArray[np.float32], step: int, axis: int) -> NDArray[np.float32]:
    """Return the lower of the pixels ``step`` before and behind each; infinite where there is neither."""
    out = np.full_like(plane, np.inf)
    size = plane.shape[axis]
    if step < size:
        near, far = [slice(None)] * 2, [slice(None)] * 2
        near[axis], far[axis] = slice(0, size - step), slice(step, size)
        out[tuple(near)] = plane[tuple(far)]
        out[tuple(far)] = np.minimum(out[tuple(far)], plane[tuple(near)])
    return out


@kernel
def _eroded_by_cross(plane):
    height, width = plane.shape
    out = plane.copy()
    for row in range(height):
        for col in range(width):
            low = plane[row, col]
            if row > 0:
                low = min(low, plane[row - 1, col])
            if row < height - 1:
                low = min(low, plane[row + 1, col])
            if col > 0:
                low = min(low, plane[row, col - 1])
            if col < width - 1:
                low = min(low, plane[row, col + 1])
            out[row, col] = low
    return out


@kernel
def _parents(order, ranks, height, width):
    """From bright to dark, a pixel becomes the parent of the components beside it; ``roots`` are ways to their tops."""
    parents = np.arange(len(order))
    roots = np.arange(len(order))
    for rank in range(len(order) - 1, -1, -1):
        row, col = divmod(order[rank], width)
        for side in range(4):
            r = row + (1 if side == 0 else -1 if side == 1 else 0)
            c = col + (1 if side == 2 else -1 if side == 3 else 0)
            if r < 0 or c < 0 or r >= height or c >= width or ranks[r * width + c] < rank:
                continue
            root = ranks[r * width + c]
            while roots[root] != root:
                roots[root] = roots[roots[root]]
                root = roots[root]
            if root != rank:
                roots[root] = rank
                parents[root] = rank
    return parents


@kernel
def _reconstruct(order, parents, levels, seed, out):
    # The brightest seed in each component, then the brightest level that it reaches, here or further down.
    reach = np.empty(len(order), np.float32)
    for rank in range(len(order)):
        reach[rank] = seed[order[rank]]
    for rank in range(len(order) - 1, 0, -1):
        if reach[parents[rank]] < reach[rank]:
            reach[parents[rank]] = reach[rank]
    reach[0] = min(reach[0], levels[0])
    for rank in range(1, len(order)):
        reach[rank] = max(reach[parents[rank]], min(reach[rank], levels[rank]))
    for rank in range(len(order)):
        out[order[rank]] = reach[rank]


@kernel
def _boxes(starts, rows, cols, row_step, col_step, height, width):
    out = np.zeros((len(starts) - 1, 4), np.int64)
    for k in range(len(out)):
        begin, end = starts[k], starts[k + 1]
        if end > begin:
            top, left = int(rows[begin:end].min() * row_step), int(cols[begin:end].min() * col_step)
            bottom = min(int(rows[begin:end].max() * row_step) + 1, height - 1)
            right = min(int(cols[begin:end].max() * col_step) + 1, width - 1)
            out[k, 0], out[k, 1], out[k, 2], out[k, 3] = top, left, bottom - top + 1, right - left + 1
    return out


@kernel
def _weigh(starts, rows, cols, row_step, col_step, boxes, box_starts):
    out = np.zeros(box_starts[-1])
    for k in range(len(boxes)):
        top, left, height, width = boxes[k]
        share = 1.0 / max(starts[k + 1] - starts[k], 1)
        for p in range(starts[k], starts[k + 1]):
            row, col = rows[p] * row_step, cols[p] * col_step
            r, c = int(row), int(col)
            down, right = row - r, col - c
            at = box_starts[k] + (r - top) * width + c - left
            out[at] += share * (1 - down) * (1 - right)
            # At the last row or column there is nothing beyond, and nothing left to give it but rounding.
            below, beside = r - top + 1 < height, c - left + 1 < width
            if beside:
                out[at + 1] += share * (1 - down) * right
            if below:
                out[at + width] += share * down * (1 - right)
            if below and beside:
                out[at + width + 1] += share * down * right
    return out


@kernel
def _weighted_means(boxes, starts, weights, thin):
    out = np.full(len(boxes), np.nan)
    for k in range(len(boxes)):
        top, left, height, width = boxes[k]
        total, at = 0.0, starts[k]
        for row in range(top, top + height):
            for col in range(left, left + width):
                total += weights[at] * thin[row, col]
                at += 1
        if height > 0:
            out[k] = total
    return out
