import numpy as np
import pytest
from skimage.graph import MCP_Geometric

from platewise.config.measure import RadialDistributionGroup
from platewise.measure import radial
from platewise.measure.distance import distance_to_edge
from platewise.measure.names import radial_names

SETTINGS = RadialDistributionGroup()


def measured(compartment, channels):
    table = radial.measure(compartment, channels, SETTINGS)
    names = radial_names(channels, SETTINGS)
    return {name.removeprefix("RadialDistribution_"): table[:, i] for i, name in enumerate(names)}


@pytest.fixture
def disk():
    rows, cols = np.mgrid[:61, :61]
    return (rows - 30) ** 2 + (cols - 30) ** 2


def test_an_even_disk_has_the_same_mean_in_all_rings(compartment_of, disk):
    found = measured(compartment_of(disk <= 25**2, np.full(disk.shape, 3.0)), ["A"])
    for ring in range(1, 5):
        assert found[f"MeanFrac_A_{ring}of4"][0] == pytest.approx(1)
        assert found[f"RadialCV_A_{ring}of4"][0] == pytest.approx(0, abs=1e-12)
    assert sum(found[f"FracAtD_A_{ring}of4"][0] for ring in range(1, 5)) == pytest.approx(1)
    # Ring areas grow as 1, 3, 5, 7; distances by steps of 1 and sqrt 2 make the inner rings a little smaller.
    assert [found[f"FracAtD_A_{ring}of4"][0] * 16 for ring in range(1, 5)] == pytest.approx([1, 3, 5, 7], abs=0.6)


def test_a_bright_middle_fills_the_first_ring(compartment_of, disk):
    found = measured(compartment_of(disk <= 25**2, disk == 0), ["A"])
    assert [found[f"FracAtD_A_{ring}of4"][0] for ring in range(1, 5)] == [1, 0, 0, 0]


def test_one_bright_half_shows_in_the_variation(compartment_of, disk):
    image = np.where(np.arange(61)[:, None] > 30, 3.0, 1.0) * np.ones(61)
    found = measured(compartment_of(disk <= 25**2, image), ["A"])
    # Four wedges of mean 3 and four of mean 1 (a ring's wedges hold no other pixels): 1 / 2.
    assert found["RadialCV_A_4of4"][0] == pytest.approx(0.5, abs=0.01)


def test_the_first_of_several_middles_is_taken(objects_of):
    objects = objects_of([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    middles = radial.middle_pixels(objects, distance_to_edge(objects, border_is_edge=False))
    assert middles.tolist() == [0]


def test_a_piece_without_a_way_to_the_middle_is_left_out(compartment_of):
    labels = np.zeros((9, 20), int)
    labels[1:8, 1:8] = 1
    alone = measured(compartment_of(labels, np.arange(180.0).reshape(9, 20)), ["A"])
    labels[3:6, 12:15] = 1
    both = measured(compartment_of(labels, np.arange(180.0).reshape(9, 20)), ["A"])
    assert {name: values[0] for name, values in both.items()} == {name: values[0] for name, values in alone.items()}


def test_distributions_are_those_of_a_naive_version(blob_compartment):
    objects, image = blob_compartment.objects, blob_compartment.image[0].astype(float)
    to_edge = distance_to_edge(objects, border_is_edge=False)
    middles = radial.middle_pixels(objects, to_edge)
    found = measured(blob_compartment, ["A", "B", "C"])
    for k in range(objects.count):
        mask = objects.labels == k + 1
        middle = objects.rows[middles[k]], objects.cols[middles[k]]
        way, _ = MCP_Geometric(np.where(mask, 1.0, -1.0)).find_costs([middle])
        edge = np.zeros(mask.shape)
        edge[mask] = to_edge[slice(*objects.starts[k : k + 2])]
        reached = mask & np.isfinite(way)
        way = np.where(reached, way, 0)
        ring = np.where(reached, (4 * way / (way + edge + 0.001)).astype(int), -1)
        rows, cols = np.mgrid[: mask.shape[0], : mask.shape[1]]
        down, right = rows - middle[0], cols - middle[1]
        wedge = (down > 0) + 2 * (right > 0) + 4 * (abs(down) > abs(right))
        for r in range(4):
            share = image[ring == r].sum() / image[reached].sum()
            pixels = (ring == r).sum() / reached.sum()
            means = [image[(ring == r) & (wedge == w)].mean() for w in range(8) if ((ring == r) & (wedge == w)).any()]
            expected = {
                f"FracAtD_A_{r + 1}of4": share,
                f"MeanFrac_A_{r + 1}of4": share / pixels if pixels else 0,
                f"RadialCV_A_{r + 1}of4": np.std(means) / np.mean(means) if means else 0,
            }
            assert {name: found[name][k] for name in expected} == pytest.approx(expected, abs=1e-9)
