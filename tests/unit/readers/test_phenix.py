import pandas as pd
import pytest

from platewise.config.images import PhenixReader
from platewise.errors import DataError
from platewise.readers.phenix import find_phenix
from platewise.readers.registry import list_images

READER = PhenixReader(kind="phenix")


def entry(url="a.tiff", row=1, column=1, field=1, channel=1, name="Hoechst", more=""):
    return (
        f"<Image><id>x</id><URL>{url}</URL><Row>{row}</Row><Col>{column}</Col><FieldID>{field}</FieldID>"
        f"<PlaneID>1</PlaneID><TimepointID>0</TimepointID><ChannelID>{channel}</ChannelID>"
        f"<ChannelName>{name}</ChannelName>{more}</Image>"
    )


def write_index(folder, *entries, name="Index.idx.xml", maps="", head='<?xml version="1.0" encoding="utf-8"?>'):
    folder.mkdir(parents=True, exist_ok=True)
    text = f'{head}<Data xmlns="http://example.org/any"><Maps>{maps}</Maps><Images>{"".join(entries)}</Images></Data>'
    (folder / name).write_text(text)


def test_the_file_name_tells_row_column_field_plane_channel_and_time(tmp_path):
    (tmp_path / "r16c24f09p03-ch12sk2fk1fl1.tiff").touch()
    (found,) = find_phenix(tmp_path).images
    assert (found.well, found.site, found.plane, found.timepoint) == ("P24", 9, 3, 2)
    assert found.aliases == ("ch12", "12")


def test_what_is_no_single_image_of_a_well_is_ignored(tmp_path):
    for name in ("r01c01f01p01-ch1sk1fk1fl1.tiff", "r01c01f01p01-ch1sk1fk2fl1.tiff", "r33c01f01p01-ch1sk1fk1fl1.tiff"):
        (tmp_path / name).touch()
    found = find_phenix(tmp_path)
    assert [image.path.name for image in found.images] == ["r01c01f01p01-ch1sk1fk1fl1.tiff"]
    assert [reason for _, reason in found.ignored] == [
        "a fast repeat or a lifetime image",
        "row 33, column 01 is on no plate",
    ]


@pytest.mark.parametrize("folder", ["", "Images", "images"])
def test_images_may_lie_in_a_subfolder(tmp_path, folder):
    write_index(tmp_path / folder, entry(url="a.tiff", row=3, column=5, field=7))
    (found,) = find_phenix(tmp_path).images
    assert (found.well, found.site, found.timepoint) == ("C05", 7, 1)
    assert found.path.name == "a.tiff"


def test_the_index_wins_over_file_names_and_what_it_does_not_list_is_ignored(tmp_path):
    write_index(tmp_path, entry(url="a.tiff"))
    (tmp_path / "r01c01f01p01-ch1sk1fk1fl1.tiff").touch()
    found = find_phenix(tmp_path)
    assert [image.path.name for image in found.images] == ["a.tiff"]
    assert [(path.name, reason) for path, reason in found.ignored] == [
        ("r01c01f01p01-ch1sk1fk1fl1.tiff", "Index.idx.xml does not list it")
    ]


def test_channels_go_by_number_or_by_name(tmp_path):
    write_index(tmp_path, entry(url="a.tiff"), entry(url="b.tiff", channel=2, name="Alexa 488"))
    by_name = list_images(tmp_path, READER, {"ER": "alexa 488", "DNA": "Hoechst"}).images
    by_number = list_images(tmp_path, READER, {"ER": "ch2", "DNA": "1"}).images
    pd.testing.assert_frame_equal(by_name, by_number)
    assert by_name["Path"].str[-6:].tolist() == ["b.tiff", "a.tiff"]


def test_a_name_that_two_channels_share_is_refused(tmp_path):
    write_index(tmp_path, entry(url="a.tiff"), entry(url="b.tiff", channel=2))
    with pytest.raises(DataError, match=r"'Hoechst' .* fits several channels: ch1, ch2"):
        list_images(tmp_path, READER, {"DNA": "Hoechst"})
    assert len(list_images(tmp_path, READER, {"DNA": "2"}).images) == 1


def test_harmony_6_names_channels_in_its_maps(tmp_path):
    image = entry(url="a.tiff", channel=4).replace("<ChannelName>Hoechst</ChannelName>", "")
    maps = '<Map><Entry ChannelID="4"><ChannelName>DAPI</ChannelName></Entry></Map>'
    write_index(tmp_path, image, name="Index.xml", maps=maps)
    assert len(list_images(tmp_path, READER, {"DNA": "DAPI"}).images) == 1


def test_what_the_microscope_says_of_an_image_is_kept(tmp_path):
    write_index(tmp_path, entry(more="<State>Failed</State>"))
    assert list_images(tmp_path, READER, {"DNA": "1"}).images["Problem"].tolist() == [
        "the microscope marked it 'Failed'"
    ]


def test_entries_without_file_or_off_the_plate_are_ignored(tmp_path):
    write_index(tmp_path, entry(), entry(url=""), entry(row=40), entry(more="<FlimID>2</FlimID>"))
    found = find_phenix(tmp_path)
    assert len(found.images) == 1
    assert [reason for _, reason in found.ignored] == [
        "x: the index names no file for it",
        "x: row 40, column 1 is on no plate",
        "x: a lifetime image",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "a/../../b.tiff",
        "..\\b.tiff",
        "C:\\b.tiff",
        "file:///etc/passwd",
        "http://x/y",
    ],
)
def test_an_index_cannot_lead_out_of_its_folder(tmp_path, url):
    write_index(tmp_path, entry(url=url))
    with pytest.raises(DataError, match="may only name files of its own export"):
        find_phenix(tmp_path)


def test_a_cut_index_is_an_error(tmp_path):
    write_index(tmp_path, entry())
    index = tmp_path / "Index.idx.xml"
    index.write_text(index.read_text()[:-30])
    with pytest.raises(DataError, match="cannot be read as an index of images"):
        find_phenix(tmp_path)


def test_entity_tricks_are_refused(tmp_path):
    write_index(tmp_path, entry(url="&leak;"), head='<!DOCTYPE x [<!ENTITY leak SYSTEM "file:///etc/passwd">]>')
    with pytest.raises(DataError, match="cannot be read as an index of images"):
        find_phenix(tmp_path)


def test_a_number_that_is_none_is_named(tmp_path):
    write_index(tmp_path, entry(field="first"))
    with pytest.raises(DataError, match="found FieldID 'first'; expected a whole number"):
        find_phenix(tmp_path)


def test_an_empty_folder_says_what_was_expected(tmp_path):
    with pytest.raises(
        DataError, match=r"found no image .* expected Index.idx.xml or Index.xml, or files such as r01c01"
    ):
        find_phenix(tmp_path)


@pytest.mark.data
def test_a_real_phenix_export_agrees_with_its_load_data(exports):
    folder = exports / "phenix"
    names = {
        "RNA": "488 650",
        "ER": "Alexa 488",
        "AGP": "Alexa 568",
        "Mito": "Alexa 647",
        "DPC": "Digital Phase Contrast",
    }
    images = list_images(folder, READER, names).images
    load_data = pd.read_csv(folder / "load_data_version5.csv").iloc[0]
    assert images["Metadata_Well"].unique().tolist() == [load_data["Metadata_Well"]]
    assert images["Metadata_Site"].unique().tolist() == [load_data["Metadata_Site"]]
    for channel, path in zip(images["Channel"], images["Path"], strict=True):
        assert path == str(folder / "images" / load_data[f"FileName_Orig{channel}"])


@pytest.mark.data
def test_a_real_phenix_export_reads_the_same_without_its_index(exports, tmp_path):
    for path in (exports / "phenix" / "images").glob("*.tiff"):
        (tmp_path / path.name).symlink_to(path)
    columns = ["Metadata_Well", "Metadata_Site", "Channel"]
    with_index = list_images(exports / "phenix", READER, {"RNA": "3", "BF": "2"}).images
    without = list_images(tmp_path, READER, {"RNA": "3", "BF": "2"}).images
    pd.testing.assert_frame_equal(with_index[columns], without[columns])
    assert len(without) == 2


@pytest.mark.data
def test_a_real_operetta_export_has_two_fields(exports):
    images = list_images(exports / "operetta" / "operetta_plate", READER, {"FITC": "Fluorescein (FITC)"}).images
    assert images[["Metadata_Well", "Metadata_Site"]].to_numpy().tolist() == [["C03", 1], ["C03", 2]]
    assert images["Path"].str.contains("/Images/r03c03f0").all()


@pytest.mark.data
def test_real_jump_fields_need_no_index(exports):
    channels = {"DNA": 5, "ER": 4, "RNA": 3, "AGP": 2, "Mito": 1}
    listing = list_images(exports / "jump_cpjump1" / "images", READER, {name: str(n) for name, n in channels.items()})
    wells = pd.read_csv(exports / "jump_cpjump1" / "wells.csv")["well_position"]
    assert listing.images["Metadata_Well"].unique().tolist() == sorted(wells)
    assert len(listing.images) == 50
    assert set(listing.images["Metadata_Site"]) == {5}
    assert len(listing.ignored) == 0
