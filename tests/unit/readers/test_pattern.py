import pytest

from platewise.config.images import PatternReader
from platewise.errors import DataError
from platewise.readers.pattern import find_pattern
from platewise.readers.registry import list_images

NAME = r".*_(?P<well>[A-P][0-9]{2})_s(?P<site>[0-9]+)_(?P<channel>w[0-9])\.tif"
STEP = r"TimePoint_(?P<time>\d+)/ZStep_(?P<z>\d+)/\d+_(?P<well>[A-P]\d\d)_s(?P<site>\d+)_(?P<channel>w\d)\.TIF"


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_pattern_without_slash_must_match_the_whole_name(tmp_path):
    touch(tmp_path, "x_B02_s3_w1.tif", "deep/er/x_B03_s1_w2.tif", "x_B02_s3_w1_thumb.tif", "x_B02_s3_w1.txt")
    found = find_pattern(tmp_path, NAME)
    assert [(image.well, image.site, image.channel) for image in found.images] == [("B02", 3, "w1"), ("B03", 1, "w2")]
    assert [(path.name, reason) for path, reason in found.ignored] == [
        ("x_B02_s3_w1_thumb.tif", "the pattern does not match it")
    ]


def test_a_pattern_with_slash_must_match_the_whole_path(tmp_path):
    touch(tmp_path, "TimePoint_1/ZStep_2/9_B02_s1_w1.TIF", "old/TimePoint_1/ZStep_2/9_B02_s1_w1.TIF")
    (found,) = find_pattern(tmp_path, STEP).images
    assert (found.path, found.plane, found.timepoint) == (tmp_path / "TimePoint_1/ZStep_2/9_B02_s1_w1.TIF", 2, 1)


@pytest.mark.parametrize(
    ("pattern", "name", "well"),
    [
        (r"(?P<row>[A-Z]+)-(?P<column>\d+)-(?P<channel>\d)\.png", "AB-7-1.png", "AB07"),
        (r"(?P<row>\d+)-(?P<column>\d+)-(?P<channel>\d)\.png", "3-12-1.png", "C12"),
        (r"(?P<well>\w+)-(?P<channel>\d)\.png", "c3-1.png", "C03"),
    ],
)
def test_wells_may_be_named_in_several_ways_and_site_defaults_to_one(tmp_path, pattern, name, well):
    touch(tmp_path, name)
    (found,) = find_pattern(tmp_path, pattern).images
    assert (found.well, found.site, found.plane, found.timepoint) == (well, 1, None, None)


@pytest.mark.parametrize(
    ("pattern", "name", "message"),
    [
        (r"(?P<well>.+)_(?P<channel>.)\.tif", "Q99X_1.tif", "group 'well' found 'Q99X'; expected a row letter"),
        (
            r"(?P<well>...)_(?P<site>.+)_(?P<channel>.)\.tif",
            "A01_s1_1.tif",
            "group 'site' found 's1'; expected a whole",
        ),
        (
            r"(?P<row>.+)_(?P<column>.)_(?P<channel>.)\.tif",
            "99_1_1.tif",
            "group 'row' found '99'; expected a row letter",
        ),
        (r"(?P<row>.+)_(?P<column>.)_(?P<channel>.)\.tif", "A_0_1.tif", "group 'column' found '0'; expected a column"),
        (r"(?P<well>...)_(?P<channel>.?)\.tif", "A01_.tif", "group 'channel' found ''"),
    ],
)
def test_what_a_group_must_be_is_said(tmp_path, pattern, name, message):
    touch(tmp_path, name)
    with pytest.raises(DataError, match=message):
        find_pattern(tmp_path, pattern)


def test_when_nothing_matches_examples_are_shown(tmp_path):
    touch(tmp_path, "sub/image.tif")
    with pytest.raises(DataError, match=r"found sub/image.tif; expected files that match"):
        find_pattern(tmp_path, NAME)


@pytest.mark.data
def test_a_real_imagexpress_stack_needs_a_plane(exports):
    folder = exports / "imagexpress" / "ImageXpress_exported" / "9987_Plate_3434"
    channels = {"DNA": "w1", "GFP": "w2", "Red": "w3"}
    with pytest.raises(DataError, match="found the z planes 0, 1, 2; expected one"):
        list_images(folder, PatternReader(kind="pattern", pattern=STEP), channels)
    listing = list_images(folder, PatternReader(kind="pattern", pattern=STEP, plane=1), channels)
    fields = listing.images[["Metadata_Well", "Metadata_Site", "Channel"]].to_numpy().tolist()
    assert fields == [[well, site, name] for well in ("B02", "B03") for site in (1, 2) for name in channels]
    assert listing.images["Path"].str.contains("/ZStep_1/").all()
    assert listing.ignored["Reason"].value_counts().to_dict() == {
        "plane 0 was not chosen": 12,
        "plane 2 was not chosen": 12,
    }


@pytest.mark.data
def test_a_real_imagexpress_time_series_needs_a_time_point(exports):
    folder = exports / "imagexpress" / "ImageXpress_exported" / "9987_Plate_3435"
    pattern = r"TimePoint_(?P<time>\d+)/\d+_(?P<well>[A-P]\d\d)_s(?P<site>\d+)_(?P<channel>w\d)\.TIF"
    with pytest.raises(DataError, match="found the time points 1, 2; expected one"):
        list_images(folder, PatternReader(kind="pattern", pattern=pattern), {"DNA": "w1"})
    images = list_images(folder, PatternReader(kind="pattern", pattern=pattern, timepoint=2), {"DNA": "w1"}).images
    assert images["Metadata_Well"].tolist() == ["B02", "B02", "B03", "B03"]
    assert images["Path"].str.contains("/TimePoint_2/").all()
