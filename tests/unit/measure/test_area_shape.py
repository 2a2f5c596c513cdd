import numpy as np
import pytest
from skimage.measure import regionprops

from platewise.config.measure import AreaShapeGroup
from platewise.measure import area_shape
from platewise.measure.names import area_shape_names
from platewise.measure.zernike import zernike_orders

SETTINGS = AreaShapeGroup()
NAMES = area_shape_names([], SETTINGS)


def shapes(compartment):
    table = area_shape.measure(compartment, [], SETTINGS)
    return {name.removeprefix("AreaShape_"): table[:, i] for i, name in enumerate(NAMES)}


@pytest.fixture
def measured(compartment_of):
    return lambda labels: shapes(compartment_of(labels, np.zeros(np.shape(labels))))


def test_a_square_of_ten(measured):
    labels = np.zeros((14, 16), int)
    labels[2:12, 3:13] = 1
    found = {name: values[0] for name, values in measured(labels).items()}
    expected = {
        "Area": 100,
        "BoundingBoxArea": 100,
        "Center_X": 7.5,
        "Center_Y": 6.5,
        "ConvexArea": 100,
        "Eccentricity": 0,
        "EquivalentDiameter": 2 * np.sqrt(100 / np.pi),
        "EulerNumber": 1,
        "Extent": 1,
        "FormFactor": 4 * np.pi * 100 / 36**2,
        "Compactness": 36**2 / (4 * np.pi * 100),
        "MajorAxisLength": 4 * np.sqrt(99 / 12),
        "MinorAxisLength": 4 * np.sqrt(99 / 12),
        "MaxFeretDiameter": 9 * np.sqrt(2),
        "MinFeretDiameter": 9,
        "MaximumRadius": 5,
        "MeanRadius": (36 * 1 + 28 * 2 + 20 * 3 + 12 * 4 + 4 * 5) / 100,
        "MedianRadius": 2,
        "Perimeter": 36,
        "Solidity": 1,
        "Orientation": 0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_a_large_disk_is_round(measured):
    rows, cols = np.mgrid[:121, :121]
    found = measured((rows - 60) ** 2 + (cols - 60) ** 2 <= 50**2)
    assert found["FormFactor"][0] == pytest.approx(1, abs=0.1)  # the perimeter is an estimate
    assert found["Eccentricity"][0] == 0
    assert found["MajorAxisLength"][0] == pytest.approx(100, abs=0.5)
    assert found["MaximumRadius"][0] == pytest.approx(50, abs=1)
    assert found["Zernike_0_0"][0] == pytest.approx(1, abs=0.01)
    assert found["Zernike_1_1"][0] == pytest.approx(0, abs=1e-12)
    assert found["Zernike_2_2"][0] == pytest.approx(0, abs=1e-12)


def test_a_lying_bar_is_turned_by_90_degrees(measured):
    labels = np.zeros((9, 30), int)
    labels[3:6, 4:24] = 1
    assert measured(labels)["Orientation"][0] == pytest.approx(90)
    assert measured(labels.T)["Orientation"][0] == pytest.approx(0)


def test_two_touching_squares_are_measured_as_if_alone(measured):
    labels = np.zeros((10, 14), int)
    labels[2:8, 1:7] = 1
    labels[2:8, 7:13] = 2
    alone = measured(np.where(labels == 2, 2, 0))
    for name, values in measured(labels).items():
        if name != "Center_X":
            assert values[0] == pytest.approx(values[1], abs=1e-12), name
        assert values[1] == pytest.approx(alone[name][0], abs=1e-12), name


def test_holes_and_pieces_show_in_the_euler_number(measured):
    labels = np.zeros((12, 12), int)
    labels[1:6, 1:6] = 1
    labels[3, 3] = 0  # a ring
    labels[8:10, 1:3] = labels[8:10, 5:7] = 2  # two pieces
    labels[8, 9] = labels[9, 10] = 3  # joined by a corner
    assert measured(labels)["EulerNumber"].tolist() == [0, 2, 1]


def test_one_pixel_has_no_perimeter_and_no_circle(measured):
    found = measured([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    undefined = {name for name, values in found.items() if np.isnan(values[0])}
    assert undefined == {"FormFactor", "Compactness"} | {f"Zernike_{n}_{m}" for n, m in zernike_orders(9)}
    assert found["Area"][0] == found["Solidity"][0] == found["MaximumRadius"][0] == 1


def test_shapes_are_those_of_skimage(blob_compartment):
    found = shapes(blob_compartment)
    for k, region in enumerate(regionprops(blob_compartment.objects.labels)):
        expected = {
            "Area": region.area,
            "BoundingBoxArea": region.area_bbox,
            "Center_X": region.centroid[1],
            "Center_Y": region.centroid[0],
            "Eccentricity": region.eccentricity,
            "EquivalentDiameter": region.equivalent_diameter_area,
            "EulerNumber": region.euler_number,
            "Extent": region.extent,
            "MajorAxisLength": region.axis_major_length,
            "MinorAxisLength": region.axis_minor_length,
            "Perimeter": region.perimeter,
        }
        if region.area > 1:
            expected["Orientation"] = np.degrees(region.orientation)
        assert {name: found[name][k] for name in expected} == pytest.approx(expected, abs=1e-9)
