import numpy as np
from scipy.ndimage import distance_transform_edt

from platewise.measure.distance import distance_to_edge


def test_distances_in_a_square_count_from_the_first_pixel_outside(objects_of):
    labels = np.zeros((7, 7), int)
    labels[1:6, 1:6] = 1
    distances = distance_to_edge(objects_of(labels), border_is_edge=True).reshape(5, 5)
    assert distances.tolist() == [
        [1, 1, 1, 1, 1],
        [1, 2, 2, 2, 1],
        [1, 2, 3, 2, 1],
        [1, 2, 2, 2, 1],
        [1, 1, 1, 1, 1],
    ]


def test_the_border_of_the_image_is_an_edge_only_when_asked(objects_of):
    objects = objects_of([[1, 1, 1, 0]])
    assert distance_to_edge(objects, border_is_edge=True).tolist() == [1, 1, 1]
    assert distance_to_edge(objects, border_is_edge=False).tolist() == [3, 2, 1]


def test_an_object_that_fills_the_image_ends_at_its_border(objects_of):
    objects = objects_of(np.ones((3, 3)))
    assert distance_to_edge(objects, border_is_edge=False).tolist() == [1, 1, 1, 1, 2, 1, 1, 1, 1]


def test_distances_are_those_of_scipy_for_each_object_alone(blob_objects):
    for border_is_edge in (True, False):
        distances = distance_to_edge(blob_objects, border_is_edge=border_is_edge)
        for k in range(blob_objects.count):
            mask = blob_objects.labels == k + 1
            expected = (
                distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] if border_is_edge else distance_transform_edt(mask)
            )
            own = slice(*blob_objects.starts[k : k + 2])
            np.testing.assert_allclose(distances[own], expected[mask], rtol=1e-12)
