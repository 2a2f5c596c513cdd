import naive_flows
import numpy as np
import pytest
from scipy import ndimage as ndi

from platewise.segmentation.pieces import number_pieces
from platewise.segmentation.targets import centre_direction, centre_distance, centre_flow, three_classes

SQUARES = np.zeros((8, 10), np.int32)
SQUARES[1:7, 1:5], SQUARES[1:7, 5:9], SQUARES[7, 9] = 3, 9, 4


@pytest.fixture(scope="module")
def disk():
    rows, cols = np.indices((31, 31))
    return (np.hypot(rows - 15, cols - 15) <= 12).astype(np.int32)


@pytest.fixture(scope="module")
def letter():
    """A C of stroke 5, open to the right: its median lies in the opening."""
    label = np.zeros((29, 25), np.int32)
    label[2:27, 2:22] = 1
    label[7:22, 7:22] = 0
    return label


@pytest.fixture(scope="module")
def blobs():
    """Irregular touching objects with holes and pieces, some cut by the border, numbers with gaps."""
    rng = np.random.default_rng(7)
    seeds = rng.integers(0, [90, 110], (11, 2))
    rows, cols = np.mgrid[:90, :110]
    nearest = ((rows[..., None] - seeds[:, 0]) ** 2 + (cols[..., None] - seeds[:, 1]) ** 2).argmin(axis=2)
    return np.where(ndi.gaussian_filter(rng.random((90, 110)), 2) > 0.49, 3 * nearest + 2, 0).astype(np.int32)


def test_flow_of_a_disk_leads_straight_to_its_centre(disk):
    flow, direction = centre_flow(disk), centre_direction(disk)
    inside = disk > 0
    inside[15, 15] = False
    np.testing.assert_allclose(np.hypot(*flow)[inside], 1, atol=1e-6)
    assert (flow * direction).sum(axis=0)[inside].min() > 0.97
    assert not flow[:, 15, 15].any()
    assert not flow[:, disk == 0].any()


def test_flow_equals_that_of_the_naive_diffusion(blobs):
    pieces, _ = number_pieces(blobs)
    np.testing.assert_allclose(centre_flow(blobs), naive_flows.centre_flow(pieces), atol=1e-6)


def test_flow_of_a_line_runs_along_it():
    label = np.zeros((3, 9), np.int32)
    label[1, 1:8] = 1
    expected = np.zeros((2, 3, 9))
    expected[1, 1, 1:4], expected[1, 1, 5:8] = 1, -1
    np.testing.assert_array_equal(centre_flow(label), expected)
    np.testing.assert_array_equal(centre_direction(label), expected)


def test_two_pixels_flow_towards_each_other():
    label = np.array([[0, 0, 0, 0], [0, 5, 5, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(centre_flow(label)[1, 1], [0, 1, -1, 0])


def test_flow_and_direction_part_at_the_rim_of_touching_squares():
    for target in (centre_flow(SQUARES), centre_direction(SQUARES)):
        assert (target[1, 1:7, 4] < 0).all()
        assert (target[1, 1:7, 5] > 0).all()


def test_flow_of_a_concave_object_goes_around_the_corner_and_the_direction_does_not(letter):
    flow, direction = centre_flow(letter), centre_direction(letter)
    # From the end of the upper stroke the centre, in the spine, lies behind the opening.
    assert flow[1, 4, 20] < -0.99
    assert direction[0, 4, 20] > 0.4
    # All heat flows to the spine's middle: there are no other sinks in the object.
    np.testing.assert_allclose(np.hypot(*flow)[letter > 0].min(), 1, atol=1e-6)


def test_the_centre_is_the_pixel_of_the_object_nearest_to_the_median(letter):
    rows, cols = np.nonzero(letter)
    nearest = ((rows - np.median(rows)) ** 2 + (cols - np.median(cols)) ** 2).argmin()
    still = (letter > 0) & (np.hypot(*centre_direction(letter)) == 0)
    np.testing.assert_array_equal(np.argwhere(still), [[rows[nearest], cols[nearest]]])


def test_directions_are_unit_vectors_to_the_centre():
    direction = centre_direction(SQUARES)
    # Rows 1 to 6 have the median 3.5, columns 1 to 4 have 2.5: the nearest pixel first in raster order is (3, 2).
    np.testing.assert_array_equal(direction[:, 3, 2], [0, 0])
    np.testing.assert_allclose(direction[:, 6, 4], np.array([-3, -2]) / np.sqrt(13), rtol=1e-6)


def test_one_pixel_has_no_flow_and_is_all_centre():
    label = np.zeros((5, 5), np.int32)
    label[2, 3] = 1
    assert not centre_flow(label).any()
    assert not centre_direction(label).any()
    np.testing.assert_array_equal(centre_distance(label), label)
    np.testing.assert_array_equal(three_classes(label, 2), label)


def test_distances_of_touching_squares_fall_at_their_common_side():
    expected = np.zeros(SQUARES.shape)
    expected[1:7, 1:9] = 0.5
    expected[2:6, 2:4] = expected[2:6, 6:8] = expected[7, 9] = 1
    np.testing.assert_array_equal(centre_distance(SQUARES), expected)


def test_distances_equal_those_to_every_pixel_outside(blobs):
    part = blobs[20:65, 30:85]
    pieces, count = number_pieces(part)
    expected = np.zeros(part.shape)
    for number in range(1, count + 1):
        inside = np.argwhere(pieces == number)
        outside = np.argwhere(pieces != number)
        depth = np.sqrt(((inside[:, None] - outside[None]) ** 2).sum(axis=2).min(axis=1))
        expected[tuple(inside.T)] = depth / depth.max()
    np.testing.assert_allclose(centre_distance(part), expected, rtol=1e-6)


def test_a_disk_that_the_border_cuts_is_deepest_at_the_border_and_centred_in_sight(disk):
    cut = disk[15:]
    distance = centre_distance(cut)
    assert distance[0, 15] == 1
    assert distance[:, 15].argmax() == 0
    flow = centre_flow(cut)
    assert flow[0, 0, 15] == 1
    assert flow[0, 11, 15] == -1


def test_an_object_that_fills_the_image_ends_at_its_border():
    np.testing.assert_allclose(centre_distance(np.ones((3, 5), int))[1], [1 / 2, 1, 1, 1, 1 / 2])


def test_classes_of_touching_squares():
    expected = np.zeros(SQUARES.shape, int)
    expected[1:7, 1:9] = 2
    expected[2:6, 2:4] = expected[2:6, 6:8] = 1
    expected[7, 9] = 1  # one pixel is its own deepest
    expected[[0, 0, 7, 7, 6, 7], [4, 5, 4, 5, 9, 8]] = 2  # background beside two objects
    np.testing.assert_array_equal(three_classes(SQUARES, 1), expected)


def test_the_boundary_grows_with_its_width_but_for_the_deepest_pixels(disk):
    depth = ndi.distance_transform_edt(disk)
    for width in (1, 2, 3.5, 50):
        classes = three_classes(disk, width)
        np.testing.assert_array_equal(classes == 2, (disk > 0) & (depth <= width) & (depth < depth.max()))
        assert classes[15, 15] == 1


def test_numbers_and_their_type_do_not_matter(blobs):
    renamed = np.where(blobs > 0, 60_000 - blobs, 0).astype(np.uint16)
    for target in (centre_flow, centre_direction, centre_distance, three_classes):
        np.testing.assert_array_equal(target(renamed), target(blobs))


def test_pieces_of_one_object_count_as_objects():
    label = np.zeros((6, 20), np.int32)
    label[1:5, 1:7] = label[1:5, 10:18] = 4
    numbered = label + (np.arange(20) > 8) * (label > 0)
    for target in (centre_flow, centre_direction, centre_distance):
        np.testing.assert_array_equal(target(label), target(numbered))


def test_a_gap_between_pieces_of_one_object_is_no_boundary():
    label = np.array([[1, 1, 0, 1, 1]])
    assert three_classes(label, 1)[0, 2] == 0
    label[0, 3:] = 2
    assert three_classes(label, 1)[0, 2] == 2


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (2, 2), (7, 9)])
def test_images_without_objects_have_empty_targets(shape):
    label = np.zeros(shape, np.int32)
    for target in (centre_flow, centre_direction, centre_distance, three_classes):
        found = target(label)
        assert found.shape[-2:] == shape
        assert not found.any()


def test_pieces_are_numbered_in_the_order_of_their_first_pixels():
    label = np.array([[0, 9, 0, 2], [9, 0, 0, 2], [0, 0, 9, 0], [2, 2, 0, 0]])
    pieces, count = number_pieces(label)
    np.testing.assert_array_equal(pieces, [[0, 1, 0, 2], [1, 0, 0, 2], [0, 0, 3, 0], [4, 4, 0, 0]])
    assert count == 4
