from pathlib import Path

import pytest

from platewise.config.images import PatternReader, PhenixReader
from platewise.errors import ConfigError, DataError
from platewise.readers.registry import list_images, resolve_reader

PHENIX = PhenixReader(kind="phenix")


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def phenix_name(row, column, field, channel, plane=1, time=1):
    return f"r{row:02d}c{column:02d}f{field:02d}p{plane:02d}-ch{channel}sk{time}fk1fl1.tiff"


def test_phenix_is_built_in_and_can_be_redefined():
    assert resolve_reader("phenix", {}) == PHENIX
    assert resolve_reader("phenix", {"phenix": PhenixReader(kind="phenix", plane=3)}).plane == 3


def test_an_unknown_reader_names_the_known_ones():
    mine = PatternReader(kind="pattern", pattern="(?P<well>A01)(?P<channel>.)")
    with pytest.raises(ConfigError, match="'fenix'; expected one of mine, phenix"):
        resolve_reader("fenix", {"mine": mine})


def test_rows_are_sorted_by_plate_position_and_the_configs_channel_order(tmp_path):
    touch(
        tmp_path, *(phenix_name(row, 2, field, channel) for row in (27, 2) for field in (10, 9) for channel in (1, 2))
    )
    listing = list_images(tmp_path, PHENIX, {"DNA": "2", "ER": "CH1"})
    rows = listing.images[["Metadata_Well", "Metadata_Site", "Channel"]].to_numpy().tolist()
    assert rows == [[well, site, name] for well in ("B02", "AA02") for site in (9, 10) for name in ("DNA", "ER")]
    assert listing.images["Path"][0] == f"{tmp_path}/r02c02f09p01-ch2sk1fk1fl1.tiff"
    assert listing.images["Metadata_Site"].dtype == "int64"
    assert len(listing.ignored) == 0


def test_files_passed_over_are_told_with_the_reason(tmp_path):
    touch(tmp_path, phenix_name(1, 1, 1, 1), phenix_name(1, 1, 1, 3), "thumbnail.png", "notes.txt")
    ignored = list_images(tmp_path, PHENIX, {"DNA": "1"}).ignored
    assert [(Path(path).name, reason) for path, reason in ignored.to_numpy()] == [
        ("thumbnail.png", "its name is not rRRcCCfFFpPP-chNskTfkXflY.tiff"),
        ("r01c01f01p01-ch3sk1fk1fl1.tiff", "channel ch3 is not in the config"),
    ]


def test_a_channel_that_is_not_there_names_those_that_are(tmp_path):
    touch(tmp_path, phenix_name(1, 1, 1, 1), phenix_name(1, 1, 1, 2))
    with pytest.raises(DataError, match=r"no channel 'ch9' \(channel ER of the config\); there are ch1 / 1; ch2 / 2"):
        list_images(tmp_path, PHENIX, {"DNA": "1", "ER": "ch9"})


def test_two_names_for_one_channel_are_refused(tmp_path):
    touch(tmp_path, phenix_name(1, 1, 1, 1))
    with pytest.raises(DataError, match=r"'ch1' .* is the channel already used for DNA"):
        list_images(tmp_path, PHENIX, {"DNA": "1", "ER": "ch1"})


@pytest.mark.parametrize(("key", "words"), [("plane", "z planes 1, 2"), ("timepoint", "time points 1, 2")])
def test_several_planes_or_times_need_a_choice(tmp_path, key, words):
    argument = {"plane": "plane", "timepoint": "time"}[key]
    touch(tmp_path, *(phenix_name(1, 1, 1, 1, **{argument: number}) for number in (1, 2)))
    with pytest.raises(DataError, match=f"found the {words}; expected one. Hint: choose one with `{key}:`"):
        list_images(tmp_path, PHENIX, {"DNA": "1"})
    chosen = list_images(tmp_path, PhenixReader(kind="phenix", **{key: 2}), {"DNA": "1"})
    assert chosen.images["Path"].str.endswith(phenix_name(1, 1, 1, 1, **{argument: 2})).tolist() == [True]
    assert chosen.ignored["Reason"].tolist() == [f"{key} 1 was not chosen"]


def test_a_plane_that_is_not_there_names_those_that_are(tmp_path):
    touch(tmp_path, phenix_name(1, 1, 1, 1, plane=3))
    with pytest.raises(DataError, match=r"no plane 1, .* there are: 3"):
        list_images(tmp_path, PhenixReader(kind="phenix", plane=1), {"DNA": "1"})
    assert len(list_images(tmp_path, PHENIX, {"DNA": "1"}).images) == 1


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        list_images(tmp_path / "nowhere", PHENIX, {"DNA": "1"})


def test_paths_start_as_the_user_wrote_the_folder(tmp_path, monkeypatch):
    touch(tmp_path / "plate" / "Images", phenix_name(1, 1, 1, 1))
    monkeypatch.chdir(tmp_path)
    listing = list_images("plate", PHENIX, {"DNA": "1"})
    assert listing.images["Path"].tolist() == ["plate/Images/r01c01f01p01-ch1sk1fk1fl1.tiff"]
