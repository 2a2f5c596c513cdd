"""Labels with known truth: disks and ellipses that touch, rendered nuclei and cells, real annotations."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from platewise.segmentation.maps import Maps
from platewise.segmentation.pieces import number_pieces
from platewise.segmentation.targets import centre_distance, centre_flow, three_classes


def ellipses(shape, places):
    """Draw ellipses (y, x, half axis y, half axis x) numbered in order; the first drawn stays on top."""
    rows, cols = np.indices(shape)
    label = np.zeros(shape, np.int32)
    for number, (y, x, a, b) in enumerate(places, 1):
        label[(((rows - y) / a) ** 2 + ((cols - x) / b) ** 2 <= 1) & (label == 0)] = number
    return label


@pytest.fixture(scope="session")
def draw():
    return ellipses


@pytest.fixture(scope="session")
def disks():
    """Nine disks, seven of them touching a neighbour, one cut by the border."""
    places = [(2, 12, 10, 10), (20, 40, 10, 10), (22, 59, 10, 10), (38, 49, 9, 9), (50, 100, 8, 8)]
    places += [(70, 20, 12, 12), (70, 43, 12, 12), (78, 80, 6, 6), (78, 91, 6, 6)]
    return ellipses((100, 120), places)


@pytest.fixture(scope="session")
def long_ones():
    """Ellipses up to three times as long as wide, touching at their sides and ends."""
    return ellipses((90, 120), [(28, 70, 20, 9), (20, 30, 8, 22), (36, 30, 8, 22), (70, 25, 7, 20), (70, 66, 7, 21)])


@pytest.fixture(scope="session")
def rendered():
    """The nuclei and the cells of a rendered field; what other cells cut into pieces counts as several."""
    from platewise.simulate.field import FieldRequest, render_field
    from platewise.simulate.optics import plate_optics

    request = FieldRequest(3, "PW01001", "B02", 1, None, 10.0, 0.5, 0.5, False, 14.0)
    field = render_field(request, plate_optics(3, "batch1", "PW01001", 256))
    return number_pieces(field.nuclei)[0], number_pieces(field.cells)[0]


@pytest.fixture(scope="session")
def annotated():
    """Seven of the 664 label images of the 2018 Data Science Bowl."""
    from PIL import Image

    folder = os.environ.get("PLATEWISE_DATA")
    if folder is None:
        pytest.skip("set PLATEWISE_DATA to the folder of real data (dsb2018/)")
    root = Path(folder) / "dsb2018"
    with (root / "index.csv").open() as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: row["image_id"])[::96]
    return [np.asarray(Image.open(root / row["label"])).astype(np.int32) for row in rows]


@pytest.fixture(scope="session")
def perfect():
    """Make the maps that a perfect network would predict for a label image."""

    def make(label):
        return Maps(
            foreground=(label > 0).astype(np.float32),
            boundary=(three_classes(label) == 2).astype(np.float32),
            distance=centre_distance(label),
            flow=centre_flow(label),
        )

    return make


@pytest.fixture(scope="session")
def diameter_of():
    """Median diameter of a label image's objects, as disks of their areas."""

    def measure(label):
        areas = np.bincount(label.ravel())[1:]
        return float(np.sqrt(4 / np.pi * np.median(areas[areas > 0])))

    return measure
