import numpy as np
import pytest
from scipy import ndimage as ndi
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from platewise.segmentation.propagation import propagate


def path_costs(image, seeds, mask, regularization):
    """Cost of the cheapest path from each seed (1..n) to every pixel, (n, y, x), on an explicit graph."""
    rows, cols = image.shape
    edged = np.pad(image, 1, mode="edge")
    steps = {}
    for (row, col), _ in np.ndenumerate(image):
        for r, c in np.ndindex(3, 3):
            r, c = row + r - 1, col + c - 1
            if (r, c) == (row, col) or not (0 <= r < rows and 0 <= c < cols and mask[r, c]):
                continue
            around, other = edged[row : row + 3, col : col + 3], edged[r : r + 3, c : c + 3]
            change = np.abs(around - other).sum()
            steps[row * cols + col, r * cols + c] = np.hypot(
                change, regularization * np.sqrt(abs(r - row) + abs(c - col))
            )
    places = np.array(list(steps)).T
    graph = csr_matrix((list(steps.values()), places), shape=(image.size, image.size))
    return np.stack(
        [
            dijkstra(graph, indices=np.flatnonzero(seeds == number), min_only=True).reshape(image.shape)
            for number in range(1, seeds.max() + 1)
        ]
    )


@pytest.mark.parametrize("regularization", [1e-4, 0.05, 1.0])
def test_every_pixel_goes_to_the_seed_of_its_cheapest_path(regularization):
    rng = np.random.default_rng(0)
    image = ndi.gaussian_filter(rng.random((30, 34)), 1.5)
    image = (image - image.min()) / np.ptp(image)
    seeds = np.zeros(image.shape, np.int32)
    seeds[3:6, 4:7], seeds[22:25, 5:8], seeds[12:14, 27:30] = 1, 2, 3
    mask = (image > 0.2) | (seeds > 0)
    labels = propagate(image, seeds, mask, regularization)
    costs = path_costs(image, seeds, mask, regularization)
    reached = mask & np.isfinite(costs.min(axis=0))
    np.testing.assert_array_equal(labels > 0, reached)
    chosen = np.take_along_axis(costs, np.maximum(labels - 1, 0)[None], axis=0)[0]
    np.testing.assert_allclose(chosen[reached], costs.min(axis=0)[reached], rtol=1e-12)
    assert {1, 2, 3} == set(np.unique(labels[reached]))


def test_borders_follow_brightness_or_lie_half_way():
    """Two seeds at columns 2 and 17, the brightness changes at column 12."""
    image = np.zeros((5, 20))
    image[:, 12:] = 1
    seeds = np.zeros(image.shape, np.int32)
    seeds[:, 2], seeds[:, 17] = 1, 2
    by_change = propagate(image, seeds, np.ones(image.shape, bool), 0.01)
    half_way = propagate(image, seeds, np.ones(image.shape, bool), 100.0)
    np.testing.assert_array_equal((by_change == 1).sum(axis=1), 12)
    np.testing.assert_array_equal((half_way == 1).sum(axis=1), 10)


def test_a_gap_in_the_mask_is_not_crossed_and_seeds_outside_of_it_stay():
    seeds = np.zeros((3, 9), np.int32)
    seeds[1, 1], seeds[1, 8] = 4, 2
    mask = np.zeros(seeds.shape, bool)
    mask[:, :4] = mask[:, 6] = True
    labels = propagate(np.zeros(seeds.shape), seeds, mask, 0.05)
    expected = np.zeros(seeds.shape, np.int32)
    expected[:, :4], expected[1, 8] = 4, 2
    np.testing.assert_array_equal(labels, expected)
