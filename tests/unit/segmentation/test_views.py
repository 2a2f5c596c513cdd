"""Views of an image, and that what is found in them comes back to where it is."""

import numpy as np
import pytest

from platewise.segmentation.resample import sample_label
from platewise.segmentation.views import VIEWS, predict_views


class Bright:
    """Finds what is brighter than half of the range, as one object: the same in every view that is undone rightly."""

    halvings = 0

    def __init__(self):
        self.shapes = []

    def segment(self, images):
        self.shapes.append([image.shape for image in images])
        return [(image[0] > 0.5 * (image.max() + image.min())).astype(np.int32) for image in images]


@pytest.fixture
def image():
    """Draw a bright rectangle at no symmetric place, of an image that is not square."""
    pixels = np.zeros((1, 24, 40), np.float32)
    pixels[:, 4:12, 8:24] = 100
    return pixels


def test_every_view_comes_back(image):
    engine = Bright()
    labels = predict_views([engine], image)
    assert len(labels) == 1 + len(VIEWS)
    for label in labels:
        assert label.shape == (24, 40)
        np.testing.assert_array_equal(label, image[0] > 0)
    names = dict(zip([view.name for view in VIEWS], engine.shapes[0][1:], strict=True))
    assert names["turned"] == (1, 40, 24)
    assert names["smaller"] == (1, 18, 30)
    assert names["larger"] == (1, 32, 53)


def test_views_differ_from_the_image(image):
    image = image + np.linspace(0, 50, 40, dtype=np.float32)
    for view in VIEWS:
        altered = view.alter(image)
        assert altered.dtype == np.float32
        assert altered.shape != image.shape or not np.array_equal(altered, image)


def test_gamma_keeps_the_range_and_bends_the_middle():
    image = np.array([[[10.0, 20.0, 30.0]]], np.float32)
    darker = next(view for view in VIEWS if view.name == "darker").alter(image)
    np.testing.assert_allclose(darker, [[[10, 10 + 20 * 0.5**1.5, 30]]], rtol=1e-6)
    constant = np.full((1, 2, 2), 7, np.float32)
    assert np.array_equal(VIEWS[-1].alter(constant), constant)


def test_a_committee_is_asked_engine_by_engine(image):
    class Nothing:
        halvings = 0

        def segment(self, images):
            return [np.zeros(image.shape[1:], np.int32) for image in images]

    labels = predict_views([Bright(), Nothing()], image)
    assert [int(label.max()) for label in labels] == [1] * 7 + [0] * 7


def test_the_smallest_images_have_views():
    for shape in ((1, 1, 1), (3, 2, 2), (1, 1, 50)):
        labels = predict_views([Bright()], np.ones(shape, np.float32))
        assert {label.shape for label in labels} == {shape[1:]}


def test_sampled_labels_are_never_mixed():
    label = np.array([[1, 1, 9, 9]], np.int32)
    assert sample_label(label, (2, 2)).tolist() == [[1, 9], [1, 9]]
    assert sample_label(label, (1, 8)).tolist() == [[1, 1, 1, 1, 9, 9, 9, 9]]
