"""Flows as one would write them first, with numpy and scipy: the reference of the tests, and the peer of the benchmark.

The steps are those of Cellpose (Stringer 2021, doi:10.1038/s41592-020-01018-x): diffusion in each object, every pixel
led along the flow 200 times, peaks in the histogram of end points grown to places, holes filled, and the diffusion
again to check each object.
"""

import numpy as np
from scipy import ndimage as ndi


def centre_flow(label):
    """Return the (2, y, x) flow of a label image whose objects are in one piece each."""
    flow = np.zeros((2, *label.shape))
    for number, place in enumerate(ndi.find_objects(label), 1):
        if place is None:
            continue
        inside = np.pad(label[place] == number, 1)
        rows, cols = np.nonzero(inside)
        nearest = ((rows - np.median(rows)) ** 2 + (cols - np.median(cols)) ** 2).argmin()
        heat = np.zeros(inside.shape)
        for _ in range(2 * (np.ptp(rows) + 1 + np.ptp(cols) + 1)):
            heat[rows[nearest], cols[nearest]] += 1
            heat = np.where(inside, ndi.convolve(heat, np.ones((3, 3)) / 9, mode="constant"), 0)
        heat = np.log1p(heat)
        slope = np.stack([ndi.correlate1d(heat, [-1, 0, 1], axis=axis, mode="constant") for axis in (0, 1)])
        length = np.hypot(*slope)
        steep = inside & (length > 1e-9 * heat)
        flow[:, place[0], place[1]] += np.where(steep, slope / np.where(steep, length, 1), 0)[:, 1:-1, 1:-1]
    return flow


def follow(flow, mask, steps=200):
    """Return where each pixel of the mask ends, (2, n) floats."""
    places = np.array(np.nonzero(mask), float)
    field = np.where(mask, flow, 0)
    limits = np.array(mask.shape)[:, None] - 1
    for _ in range(steps):
        move = [ndi.map_coordinates(part, places, order=1, mode="nearest") for part in field]
        places = np.clip(places + move, 0, limits)
    return places


def gather(ends, shape, least=10, grow=5):
    """Return the (y, x) places: peaks of the histogram, grown over pixels where more than two pixels ended."""
    rows, cols = np.rint(ends).astype(int)
    count = np.zeros(shape, int)
    np.add.at(count, (rows, cols), 1)
    peaks = np.argwhere((count == ndi.maximum_filter(count, 5)) & (count > least))
    places = np.zeros(shape, np.int32)
    for number, peak in enumerate(sorted(peaks.tolist(), key=lambda peak: count[tuple(peak)]), 1):
        place = np.zeros(shape, bool)
        place[tuple(peak)] = True
        around = tuple(slice(max(at - grow, 0), at + grow + 1) for at in peak)
        for _ in range(grow):
            place[around] = ndi.binary_dilation(place[around], np.ones((3, 3))) & (count[around] > 2)
        places[around][place[around]] = number
    return places[rows, cols]


def decode(foreground, flow, threshold=0.5, minimum_area=15, flow_error=0.4):
    """Return the (y, x) objects of a flow; numbers have gaps."""
    mask = foreground > threshold
    label = np.zeros(mask.shape, np.int32)
    label[mask] = gather(follow(flow, mask), mask.shape)
    for number, place in enumerate(ndi.find_objects(label), 1):
        if place is not None:
            label[place][ndi.binary_fill_holes(label[place] == number)] = number
    square = ((centre_flow(label) - flow) ** 2).sum(axis=0)
    area = np.bincount(label.ravel())
    error = np.bincount(label.ravel(), square.ravel()) / np.maximum(area, 1)
    return np.where((error <= flow_error) & (area >= minimum_area), np.arange(area.size), 0)[label].astype(np.int32)
