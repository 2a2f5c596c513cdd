"""Small label images with everything that occurs: touching objects, holes, pieces, single pixels, the border."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from platewise.measure.objects import compartments, list_objects, under


@pytest.fixture(scope="session")
def blobs():
    """A (90, 110) label image with ids that have gaps."""
    rng = np.random.default_rng(7)
    seeds = rng.integers(0, [90, 110], (11, 2))
    rows, cols = np.mgrid[:90, :110]
    nearest = ((rows[..., None] - seeds[:, 0]) ** 2 + (cols[..., None] - seeds[:, 1]) ** 2).argmin(axis=2)
    labels = np.where(gaussian_filter(rng.random((90, 110)), 2) > 0.49, 3 * nearest + 2, 0).astype(np.int32)
    labels[40:43, 50:53] = 0
    labels[41, 51] = 99  # an object of one pixel
    return labels


@pytest.fixture(scope="session")
def stains():
    """Three channels, (3, 90, 110), in shares of full scale: two that go together, one with few distinct values."""
    rng = np.random.default_rng(8)
    first = gaussian_filter(rng.random((90, 110)), 3)
    second = first + 0.1 * rng.random((90, 110))
    third = rng.integers(1, 6, (90, 110)) / 16
    return np.stack([first, second, third]).astype(np.float32)


@pytest.fixture(scope="session")
def blob_objects(blobs):
    return list_objects(blobs, np.unique(blobs[blobs > 0]))


@pytest.fixture(scope="session")
def blob_compartment(blob_objects, stains):
    return under(blob_objects, stains, 65535.0)


@pytest.fixture(scope="session")
def odd_parts():
    """Compartments with what hardly is a cell, under a constant channel, a dark one, one below 0 and an ordinary one.

    Cells of one pixel, of two lines and all along the border; one without a nucleus, one without a cytoplasm.
    """
    cells, nuclei = np.zeros((2, 37, 41), np.int32)
    cells[3, 4], nuclei[3, 4] = 2, 2
    cells[6:20, 8:20], nuclei[8:14, 10:15] = 3, 3
    cells[22, 2:14] = cells[22:30, 2] = 5
    cells[:, 39:], cells[36] = 7, 7
    nuclei[10:20, 39:] = 7
    cells[24:34, 20:30], nuclei[24:34, 20:30] = 9, 9
    rng = np.random.default_rng(4)
    image = np.stack([np.full((37, 41), 0.3), np.zeros((37, 41)), rng.normal(0, 0.1, (37, 41)), rng.random((37, 41))])
    _, objects = compartments({"nuclei": nuclei, "cells": cells})
    return {name: under(own, image.astype(np.float32), 65535.0) for name, own in objects.items()}


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    """Where torch computes."""
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return torch.device(request.param)


@pytest.fixture
def objects_of():
    """Turn a small label image, given as lists, into objects."""

    def make(labels):
        labels = np.asarray(labels, np.int32)
        return list_objects(labels, np.unique(labels[labels > 0]))

    return make


@pytest.fixture
def compartment_of(objects_of):
    """Turn labels and one image, given as lists, into a compartment."""

    def make(labels, *images):
        return under(objects_of(labels), np.stack([np.asarray(image, np.float32) for image in images]), 1.0)

    return make
