"""Label images as QuPath's objects and back."""

import json

import numpy as np
import pytest

from platewise.errors import DataError
from platewise.segmentation.annotate.geojson import read_outlines, write_outlines
from platewise.segmentation.ranking import UnsureObject


@pytest.fixture
def label():
    """Draw two touching objects, one with a hole, one at the border, and one in two pieces; the numbers have gaps."""
    label = np.zeros((20, 30), dtype=np.int32)
    label[2:8, 2:8], label[2:8, 8:14] = 3, 5
    label[4:6, 4:6] = 0
    label[15:, 25:] = 12
    label[12:14, 2:4] = label[16:18, 2:4] = 7
    return label


@pytest.fixture
def path(tmp_path):
    return tmp_path / "field.geojson"


def features_of(path):
    return json.loads(path.read_text())["features"]


def save(path, *features, **collection):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)} | collection))


def area(*corners, name=None, holes=()):
    """Make a feature as QuPath writes it."""
    rings = [[*ring, ring[0]] for ring in (list(corners), *holes)]
    properties = {"objectType": "annotation"} | ({} if name is None else {"name": name})
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": rings}, "properties": properties}


def box(left, top, right, bottom, name=None):
    return area([left, top], [right, top], [right, bottom], [left, bottom], name=name)


def test_what_is_written_is_read_again(path, label):
    write_outlines(path, label, [])
    outlines = read_outlines(path, label.shape)
    np.testing.assert_array_equal(outlines.label, label)
    assert (outlines.added, outlines.lost, outlines.contested, outlines.passed_over) == ((), (), 0, 0)


def test_the_format_is_that_of_qupath(path, label):
    write_outlines(
        path,
        label,
        [UnsureObject(0, 9.5, 20.0, 0.75), UnsureObject(5, 4.5, 10.5, 0.25), UnsureObject(7, 15.0, 3.0, 0.1)],
    )
    content = json.loads(path.read_text())
    assert content["type"] == "FeatureCollection"
    by_name = {feature["properties"]["name"]: feature for feature in content["features"]}
    assert list(by_name) == ["3", "5", "7", "12", "?"]
    assert {feature["type"] for feature in content["features"]} == {"Feature"}
    assert len({feature["id"] for feature in content["features"]}) == 5
    # Detections could not be edited with QuPath's brush.
    assert {feature["properties"]["objectType"] for feature in content["features"]} == {"annotation"}
    assert by_name["12"]["geometry"] == {
        "type": "Polygon",
        "coordinates": [[[25.0, 15.0], [30.0, 15.0], [30.0, 20.0], [25.0, 20.0], [25.0, 15.0]]],
    }
    assert len(by_name["3"]["geometry"]["coordinates"]) == 2
    assert by_name["7"]["geometry"]["type"] == "MultiPolygon"
    assert by_name["5"]["properties"]["classification"]["name"] == "Unsure"
    assert by_name["5"]["properties"]["measurements"] == {"Uncertainty": 0.25}
    assert by_name["7"]["properties"]["classification"]["name"] == "Object"
    assert by_name["7"]["properties"]["measurements"] == {"Uncertainty": 0.1}
    assert by_name["3"]["properties"].keys() == {"objectType", "name", "classification"}
    assert by_name["?"]["geometry"] == {"type": "Point", "coordinates": [20.5, 10.0]}


def test_the_same_objects_have_the_same_ids_at_every_export(path, label, tmp_path):
    write_outlines(path, label, [])
    first = path.read_bytes()
    write_outlines(path, label, [])
    assert path.read_bytes() == first
    other = tmp_path / "other.geojson"
    write_outlines(other, label, [])
    assert features_of(other)[0]["id"] != features_of(path)[0]["id"]


def test_points_and_lines_are_passed_over(path):
    line = {"geometry": {"type": "LineString", "coordinates": [[0, 0], [5, 5]]}, "properties": {}}
    point = {"geometry": {"type": "Point", "coordinates": [3, 3]}, "properties": {"name": "?"}}
    save(path, line, box(1, 1, 3, 3, "4"), point)
    outlines = read_outlines(path, (5, 5))
    assert outlines.passed_over == 2
    assert np.argwhere(outlines.label == 4).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_new_objects_and_second_ones_of_a_name_are_numbered_on(path):
    save(path, box(0, 0, 2, 2, "7"), box(3, 0, 5, 2), box(6, 0, 8, 2, "7"), box(9, 0, 11, 2, "mitosis"))
    outlines = read_outlines(path, (3, 12))
    assert outlines.added == (8, 9, 10)
    assert outlines.label[0].tolist() == [7, 7, 0, 8, 8, 0, 9, 9, 0, 10, 10, 0]


def test_where_objects_overlap_the_smallest_is_on_top(path):
    save(path, box(1, 1, 3, 3, "1"), box(0, 0, 6, 6, "2"))
    outlines = read_outlines(path, (6, 6))
    assert (outlines.label == 1).sum() == 4
    assert (outlines.label == 2).sum() == 32
    assert outlines.contested == 4


def test_objects_without_a_pixel_are_told(path):
    save(path, box(0.6, 0.6, 1.4, 1.4, "3"), box(50, 50, 60, 60, "4"), box(0, 0, 2, 2, "5"), box(0, 0, 2, 2, "6"))
    outlines = read_outlines(path, (10, 10))
    # Of two equal ones the second one is on top.
    assert outlines.lost == ("3", "4", "5")
    assert set(np.unique(outlines.label)) == {0, 6}


def test_a_list_of_features_and_missing_properties_do(path):
    feature = box(0, 0, 1, 1)
    del feature["properties"]
    path.write_text(json.dumps([feature, box(1, 0, 2, 1) | {"properties": None}]))
    assert read_outlines(path, (1, 2)).label.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as GeoJSON"),
        ('{"type": "FeatureCollection"}', "has no list of features"),
        ('{"features": [{"properties": {}}]}', "feature 1: is no object with an outline"),
        ('{"features": [{"geometry": {"type": "Polygon", "coordinates": [[["a", 1]]]}}]}', "feature 1: is no object"),
        ('{"features": [{"geometry": {"type": "Polygon", "coordinates": [[1, 2, 3]]}}]}', "feature 1: is no object"),
        ('{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[NaN, 1], [1, 1]]]}}]}', "feature 1"),
        ('{"features": [7]}', "feature 1: is no object"),
    ],
)
def test_what_is_no_geojson_is_refused_by_name(path, content, message):
    path.write_text(content)
    with pytest.raises(DataError, match=message) as raised:
        read_outlines(path, (4, 4))
    assert str(path) in str(raised.value)
    assert "Hint: export it again from QuPath" in str(raised.value)


def test_a_missing_file_is_refused(path):
    with pytest.raises(DataError, match="No such file"):
        read_outlines(path, (4, 4))
