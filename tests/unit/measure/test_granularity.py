import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage.morphology import dilation, disk, erosion, reconstruction

from platewise.config.measure import GranularityGroup
from platewise.measure import granularity
from platewise.measure.objects import list_objects, under


def measured(compartment, **settings):
    return granularity.measure({"Cells": compartment}, ["A"] * len(compartment.image), GranularityGroup(**settings))


def naive(image, labels, count, settings):
    """MeasureGranularity as its documentation tells it, step by step at full size."""
    shape = np.array(image.shape)
    small = shape * settings.subsample
    thin = sampled(image, np.arange(small[0]) / settings.subsample, np.arange(small[1]) / settings.subsample)
    least = small * settings.background_subsample
    coarse = sampled(thin, *(np.arange(side) / settings.background_subsample for side in least))
    opened = dilation(erosion(coarse, disk(settings.radius)), disk(settings.radius))
    if settings.background_subsample < 1:
        steps = [(least[axis] - 1) / (thin.shape[axis] - 1) for axis in (0, 1)]
        opened = sampled(opened, *(np.arange(thin.shape[axis]) * steps[axis] for axis in (0, 1)))
    thin = np.maximum(thin - opened, 0)
    numbers = np.arange(1, count + 1)
    first = last = ndi.mean(image, labels, numbers)
    eroded, out = thin, []
    for _ in range(settings.steps):
        eroded = erosion(eroded, disk(1))
        left = reconstruction(eroded, thin, footprint=disk(1))
        if settings.subsample < 1:
            steps = [(small[axis] - 1) / (shape[axis] - 1) for axis in (0, 1)]
            left = sampled(left, *(np.arange(shape[axis]) * steps[axis] for axis in (0, 1)))
        now = ndi.mean(left, labels, numbers)
        out.append((last - now) * 100 / np.maximum(first, np.finfo(float).eps))
        last = now
    return np.stack(out, axis=1)


def sampled(image, rows, cols):
    return ndi.map_coordinates(image, np.meshgrid(rows, cols, indexing="ij"), order=1)


@pytest.mark.parametrize(("subsample", "background"), [(1, 1), (0.5, 0.5), (0.25, 1), (0.4, 0.7)])
def test_features_are_those_of_the_steps_written_out(blob_compartment, subsample, background):
    settings = GranularityGroup(subsample=subsample, background_subsample=background, radius=4, steps=5)
    found = granularity.measure({"Cells": blob_compartment}, ["A", "B", "C"], settings)["Cells"]
    objects = blob_compartment.objects
    expected = [naive(plane, objects.labels, objects.count, settings) for plane in blob_compartment.image]
    # Rounding to single precision, in another order: 1e-4 percent of the mean.
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-4)


def test_a_line_goes_in_the_first_step_and_a_square_when_half_its_side_is_eroded(compartment_of):
    """On a field of 0, a line one pixel wide and a square of 5 x 5: the cross takes the square in its third step."""
    labels = np.zeros((30, 40), int)
    labels[3:27, 3:10], labels[3:27, 20:35] = 1, 2
    image = np.zeros((30, 40))
    image[5:25, 6], image[10:15, 25:30] = 0.5, 0.5
    found = measured(compartment_of(labels, image), subsample=1, background_subsample=1, radius=8, steps=4)["Cells"]
    np.testing.assert_allclose(found, [[100, 0, 0, 0], [0, 0, 100, 0]], atol=1e-9)


def test_the_background_goes_in_the_first_step(compartment_of):
    labels = np.ones((20, 20), int)
    found = measured(compartment_of(labels, np.full((20, 20), 0.25)), steps=3)["Cells"]
    assert found.tolist() == [[100, 0, 0]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 2), (3, 50)])
def test_images_smaller_than_the_disk_are_measured(compartment_of, shape):
    image = np.random.default_rng(0).random(shape)
    found = measured(compartment_of(np.ones(shape, int), image))["Cells"]
    assert found.shape == (1, 16)
    assert np.isfinite(found).all()


def test_an_empty_object_is_missing_and_a_dark_one_has_no_detail():
    labels = np.zeros((12, 12), np.int32)
    labels[2:8, 2:8] = 1
    compartment = under(list_objects(labels, np.array([1, 2])), np.zeros((1, 12, 12), np.float32), 1.0)
    found = measured(compartment)["Cells"]
    assert found[0].tolist() == [0] * 16
    assert np.isnan(found[1]).all()


def test_reconstruction_is_that_of_skimage():
    rng = np.random.default_rng(3)
    for shape in ((40, 60), (1, 25), (37, 1)):
        under_image = ndi.gaussian_filter(rng.random(shape), 1).astype(np.float32)
        under_image = np.round(under_image, 2)  # levels that many pixels share
        seed = np.where(rng.random(shape) > 0.97, under_image, np.minimum(under_image, 0.2)).astype(np.float32)
        found = granularity.component_tree(under_image).reconstruct(seed)
        np.testing.assert_array_equal(found, reconstruction(seed, under_image, footprint=disk(1)))


def test_compartments_share_the_images_and_not_the_objects(blob_compartment):
    alone = measured(blob_compartment, steps=3)["Cells"]
    labels = np.where(np.arange(110) < 55, blob_compartment.objects.labels, 0)
    half = under(list_objects(labels, np.unique(labels[labels > 0])), blob_compartment.image, 1.0)
    both = granularity.measure({"Cells": blob_compartment, "Nuclei": half}, ["A"] * 3, GranularityGroup(steps=3))
    np.testing.assert_array_equal(both["Cells"], alone)
    np.testing.assert_array_equal(both["Nuclei"], measured(half, steps=3)["Cells"])
