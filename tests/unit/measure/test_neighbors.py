import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from platewise.config.measure import NeighborsGroup
from platewise.measure import neighbors
from platewise.measure.names import neighbors_names
from platewise.measure.neighbors import closest_neighbors
from platewise.measure.objects import list_objects, under


def measured(compartment, *distances):
    settings = NeighborsGroup(distances=distances)
    table = neighbors.measure(compartment, [], settings)
    names = neighbors_names([], settings)
    return {name.removeprefix("Neighbors_"): table[:, i] for i, name in enumerate(names)}


def test_two_touching_squares_and_one_apart(compartment_of):
    labels = np.zeros((12, 24), int)
    labels[3:7, 3:7] = 1
    labels[3:7, 7:11] = 2
    labels[3:7, 15:19] = 3
    found = measured(compartment_of(labels, labels), "Adjacent", 5)
    assert found["NumberOfNeighbors_Adjacent"].tolist() == [1, 1, 0]
    # 4 of the 12 outline pixels lie beside the other square.
    assert found["PercentTouching_Adjacent"] == pytest.approx([100 * 4 / 12, 100 * 4 / 12, 0])
    assert found["NumberOfNeighbors_5"].tolist() == [1, 2, 1]
    assert found["FirstClosestDistance_Adjacent"].tolist() == [4, 4, 8]
    assert found["SecondClosestDistance_Adjacent"].tolist() == [12, 8, 12]
    assert found["AngleBetweenNeighbors_Adjacent"] == pytest.approx([0, 180, 0], abs=1e-5)


def test_objects_that_meet_at_a_corner_are_no_neighbours_but_touch(compartment_of):
    found = measured(compartment_of([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 2, 2]], np.zeros((3, 4))), "Adjacent")
    assert found["NumberOfNeighbors_Adjacent"].tolist() == [0, 0]
    assert found["PercentTouching_Adjacent"].tolist() == [25, 50]


def test_what_needs_a_neighbour_is_missing_without_one():
    assert np.isnan(closest_neighbors(np.array([[3.0, 4.0]]))).all()
    two = closest_neighbors(np.array([[0.0, 0.0], [3.0, 4.0]]))
    assert two[:, 0].tolist() == [5, 5]
    assert np.isnan(two[:, 1:]).all()


def test_the_angle_lies_between_the_two_closest():
    found = closest_neighbors(np.array([[0.0, 0.0], [0.0, 3.0], [4.0, 0.0], [50.0, 50.0]]))
    assert found[0].tolist() == [3, 4, 90]


def test_an_empty_object_is_nobodys_neighbour():
    labels = np.array([[1, 0, 0, 3]], np.int32)
    objects = list_objects(labels, np.array([1, 2, 3]))
    found = measured(under(objects, labels[None].astype(np.float32), 1.0), "Adjacent")
    assert found["FirstClosestDistance_Adjacent"][[0, 2]].tolist() == [3, 3]
    assert all(np.isnan(values[1]) for values in found.values())


@pytest.mark.parametrize("reach", [1, 4])
def test_neighbours_are_those_of_a_dilation(blob_compartment, reach):
    labels = blob_compartment.objects.labels
    found = measured(blob_compartment, reach)
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk, larger = (rows**2 + cols**2 <= radius**2 for radius in (reach, reach + 0.5))
    padded = np.pad(labels, 1, constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    outline = (windows != labels[..., None, None]).any(axis=(2, 3)) & (labels > 0)
    for k in range(blob_compartment.objects.count):
        own = labels == k + 1
        near = set(labels[binary_dilation(own, disk)].tolist()) - {0, k + 1}
        touched = binary_dilation((labels > 0) & ~own, larger)
        assert found[f"NumberOfNeighbors_{reach}"][k] == len(near)
        expected = 100 * (touched & own & outline).sum() / (own & outline).sum()
        assert found[f"PercentTouching_{reach}"][k] == pytest.approx(expected)
