import pytest
from pydantic import ValidationError

from platewise.config.images import ImagesConfig, PatternReader

WELL = "(?P<well>[A-P][0-9]{2})"
CHANNEL = "(?P<channel>w[0-9])"


def test_numbers_are_channel_identifiers_too_and_order_is_kept():
    config = ImagesConfig(channels={"ER": 4, "DNA": "ch5", "AGP": 2})
    assert list(config.channels.items()) == [("ER", "4"), ("DNA", "ch5"), ("AGP", "2")]
    assert config.max_bad_fields == 0.2
    assert config.pixel_size is None


def test_readers_are_told_apart_by_kind():
    config = ImagesConfig(
        channels={"DNA": "w1"},
        readers={
            "mine": {"kind": "pattern", "pattern": f"{WELL}_{CHANNEL}.tif"},
            "phenix": {"kind": "phenix", "plane": 2},
        },
    )
    assert config.readers["mine"].pattern == f"{WELL}_{CHANNEL}.tif"
    assert config.readers["phenix"].plane == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"channels": {}}, "at least 1"),
        ({"channels": {"Mito_1": "1"}}, "'Mito_1' must be a letter followed by letters and digits"),
        ({"channels": {"DNA": True}}, "valid string"),
        ({"channels": {"DNA": ""}}, "channels.DNA\n.*at least 1"),
        ({"channels": {"DNA": 1, "RNA": 1}}, "DNA, RNA are all read from '1'"),
        ({"channels": {"DNA": 1}, "pixel_size": 0}, "greater than 0"),
        ({"channels": {"DNA": 1}, "max_bad_fields": 20}, "less than or equal to 1"),
        ({"channels": {"DNA": 1}, "threads": 4}, "Extra inputs"),
        ({"channels": {"DNA": 1}, "readers": {"my reader": {"kind": "phenix"}}}, "reader name 'my reader'"),
        (
            {"channels": {"DNA": 1}, "readers": {"phenix": {"kind": "pattern", "pattern": WELL + CHANNEL}}},
            "'phenix' is built in and cannot be of kind 'pattern'",
        ),
        ({"channels": {"DNA": 1}, "readers": {"mine": {"kind": "nikon"}}}, "'phenix', 'pattern'"),
    ],
)
def test_what_is_wrong_is_said(values, message):
    with pytest.raises(ValidationError, match=message):
        ImagesConfig(**values)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?P<well>A01", "is not a regular expression"),
        (WELL, "no group `channel`"),
        (CHANNEL, "either the group `well` or both `row` and `column`"),
        (f"(?P<row>[A-P]){CHANNEL}", "either the group `well` or both `row` and `column`"),
        (f"{WELL}(?P<row>[A-P]){CHANNEL}", "either the group `well` or both `row` and `column`"),
        (f"{WELL}{CHANNEL}(?P<field>[0-9])", "unknown group\\(s\\) field; known are channel"),
        (f"{WELL}{CHANNEL}(?P<z>[0-9])(?P<plane>[0-9])", "both `plane` and `z`"),
        (f"{WELL}{CHANNEL}(?P<t>[0-9])(?P<time>[0-9])", "both `time` and `t`"),
    ],
)
def test_patterns_are_checked(pattern, message):
    with pytest.raises(ValidationError, match=message):
        PatternReader(kind="pattern", pattern=pattern)
