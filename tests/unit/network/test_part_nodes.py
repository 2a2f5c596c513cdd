import numpy as np
from scipy.spatial.distance import pdist

from platewise.network.layout import part_nodes


def test_nodes_that_lie_on_one_another_are_parted():
    places = np.array([[0.0, 0.0], [0.0, 0.0], [0.01, 0.0], [0.9, 0.9]])
    parted = part_nodes(places, 0.2)
    assert pdist(parted).min() > 0.19
    assert np.abs(parted).max() <= 1


def test_nodes_with_room_stay():
    places = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(part_nodes(places, 0.5), places)
