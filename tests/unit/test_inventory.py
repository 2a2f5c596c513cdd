import logging
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from platewise.config.images import PatternReader, PhenixReader
from platewise.errors import DataError
from platewise.inventory import (
    INVENTORY_DTYPES,
    check_fields,
    expected_wells,
    field_status,
    inventory_plate,
    list_plate,
    write_inventory,
)
from platewise.tables import read_provenance, read_table

READER = PhenixReader(kind="phenix")
CHANNELS = {"DNA": "1", "ER": "2"}
PIXELS = np.full((20, 24), 7, np.uint16)


def file_of(folder, well, site, channel):
    row, column = "ABCDEFGHIJKLMNOP".index(well[0]) + 1, int(well[1:])
    return folder / f"r{row:02d}c{column:02d}f{site:02d}p01-ch{channel}sk1fk1fl1.tiff"


@pytest.fixture
def plate(tmp_path):
    """Ten fields: wells A01 to A05 with sites 1 and 2, two channels."""
    for well in ("A01", "A02", "A03", "A04", "A05"):
        for site in (1, 2):
            for channel in (1, 2):
                tifffile.imwrite(file_of(tmp_path, well, site, channel), PIXELS)
    return tmp_path


BLOCKS = {"A01-A04": [("A01", None), ("A02", None), ("A03", None), ("A04", None)], "A05": [("A05", None)]}


def take(folder, blocks=BLOCKS, channels=CHANNELS, **more):
    return inventory_plate(folder, READER, "P1", blocks, channels, **more)


def bad_rows(tables):
    table = pd.concat(tables.values())
    table = table[table["Status"] == "bad"]
    return table[["Metadata_Well", "Metadata_Site", "Channel", "Reason"]].to_numpy().tolist()


def test_a_sound_plate_has_a_row_for_each_field_and_channel(plate):
    tables = take(plate, threads=3)
    table = tables["A01-A04"]
    assert list(table.columns) == list(INVENTORY_DTYPES)
    assert table.iloc[[0, 1, 2, -1], 1:4].to_numpy().tolist() == [
        ["A01", 1, "DNA"],
        ["A01", 1, "ER"],
        ["A01", 2, "DNA"],
        ["A04", 2, "ER"],
    ]
    assert (len(table), len(tables["A05"])) == (16, 4)
    path = file_of(plate, "A01", 1, 1)
    status = path.stat()
    assert table.iloc[0].to_list() == [
        *("P1", "A01", 1, "DNA", str(path), status.st_size, status.st_mtime_ns, "uint16", 20, 24, "ok", ""),
    ]
    assert bad_rows(tables) == []


def index_entries(plate):
    """Return the plate's files as an index's entries: an index can name one image twice, or a file not there."""
    name = re.compile(r"r(\d+)c(\d+)f(\d+)p01-ch(\d)")
    keys = ("Row", "Col", "FieldID", "ChannelID")
    entries = []
    for path in sorted(plate.glob("r*.tiff")):
        numbers = "".join(
            f"<{key}>{text}</{key}>" for key, text in zip(keys, name.match(path.name).groups(), strict=True)
        )
        entries.append(f"<Image><URL>{path.name}</URL>{numbers}<State>Ok</State></Image>")
    return entries


def write_index(plate, images):
    (plate / "Index.idx.xml").write_text(f"<Data>{''.join(images)}</Data>")


def spoil_missing(plate, path):
    path.unlink()


def spoil_gone(plate, path):
    write_index(plate, index_entries(plate))
    path.unlink()


def spoil_duplicate(plate, path):
    other = plate / "copy.tiff"
    other.write_bytes(path.read_bytes())
    images = index_entries(plate)
    twin = next(image for image in images if path.name in image).replace(path.name, other.name)
    write_index(plate, [*images, twin])


def spoil_failed(plate, path):
    images = index_entries(plate)
    write_index(plate, [image.replace("Ok", "Aborted") if path.name in image else image for image in images])


def spoil_cut(plate, path):
    path.write_bytes(path.read_bytes()[:-300])


def spoil_text(plate, path):
    path.write_text("the disk was full")


def spoil_empty(plate, path):
    path.write_bytes(b"")


def spoil_size(plate, path):
    tifffile.imwrite(path, PIXELS[:10])


def spoil_type(plate, path):
    tifffile.imwrite(path, PIXELS.astype(np.uint8))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_missing, "no image of this channel was found"),
        (spoil_gone, "the file is missing"),
        (spoil_duplicate, "2 images of one field and channel: copy.tiff, r01c02f02p01-ch2sk1fk1fl1.tiff"),
        (spoil_failed, "the microscope marked it 'Aborted'"),
        (spoil_cut, "the file is cut short: "),
        (spoil_text, "the file cannot be read as TIFF"),
        (spoil_empty, "the file is empty"),
        (spoil_size, "10 x 24 pixels where most of the plate has 20 x 24"),
        (spoil_type, "pixels of type uint8 where most of the channel has uint16"),
    ],
)
def test_one_bad_file_marks_one_image_and_its_field(plate, spoil, reason):
    spoil(plate, file_of(plate, "A02", 2, 2))
    tables = take(plate)
    ((well, site, channel, found),) = bad_rows(tables)
    assert (well, site, channel) == ("A02", 2, "ER")
    assert found.startswith(reason)
    status = field_status(pd.concat(tables.values(), ignore_index=True))
    assert len(status) == 10
    bad = status[status["Status"] == "bad"]
    assert bad.to_numpy().tolist() == [["A02", 2, "bad", f"ER: {found}"]]
    assert set(status.loc[status["Status"] == "ok", "Reason"]) == {""}


def test_what_is_unknown_of_a_missing_image_is_zero_or_empty(plate):
    spoil_missing(plate, file_of(plate, "A02", 2, 2))
    table = take(plate)["A01-A04"]
    row = table[table["Status"] == "bad"].iloc[0]
    assert row[["Path", "Size", "MtimeNs", "Dtype", "Height", "Width"]].to_list() == ["", 0, 0, "", 0, 0]
    assert table.dtypes.astype(str).to_dict()["Size"] == "int64"


def test_reasons_of_several_channels_are_joined(plate):
    spoil_missing(plate, file_of(plate, "A02", 2, 1))
    spoil_empty(plate, file_of(plate, "A02", 2, 2))
    status = field_status(take(plate)["A01-A04"]).set_index(["Metadata_Well", "Metadata_Site"])
    assert status.loc[("A02", 2), "Reason"] == "DNA: no image of this channel was found; ER: the file is empty"


def test_channels_may_differ_in_type_but_not_in_size(plate):
    for path in plate.glob("*ch2*"):
        tifffile.imwrite(path, PIXELS.astype(np.uint8))
    assert bad_rows(take(plate)) == []
    for path in plate.glob("*ch2*"):
        tifffile.imwrite(path, PIXELS[:10])
    with pytest.raises(DataError, match="found 10 of 10 fields of plate P1 bad"):
        take(plate)


def test_too_many_bad_fields_are_named_twenty_at_most(tmp_path):
    for site in range(1, 31):
        tifffile.imwrite(file_of(tmp_path, "A01", site, 1), PIXELS)
        if site <= 5:
            tifffile.imwrite(file_of(tmp_path, "A01", site, 2), PIXELS)
    with pytest.raises(DataError) as caught:
        take(tmp_path, {"A01": [("A01", None)]})
    lines = str(caught.value).splitlines()
    assert "found 25 of 30 fields of plate P1 bad; expected at most 20% (max_bad_fields)" in lines[0]
    assert lines[1] == "  A01 site 6: ER: no image of this channel was found"
    assert lines[20] == "  A01 site 25: ER: no image of this channel was found"
    assert lines[21] == "  and 5 more"
    assert lines[22].startswith("Hint: ")
    assert len(lines) == 23


def test_the_share_of_bad_fields_may_reach_the_limit_but_not_pass_it(plate):
    for site in (1, 2):
        spoil_missing(plate, file_of(plate, "A02", site, 2))
    assert len(bad_rows(take(plate, max_bad_fields=0.2))) == 2
    with pytest.raises(DataError, match="found 2 of 10 fields"):
        take(plate, max_bad_fields=0.19)
    assert len(bad_rows(take(plate, {"b": [("A02", None)]}, max_bad_fields=1))) == 2


def test_sites_are_those_that_any_well_has(plate):
    for channel in (1, 2):
        file_of(plate, "A03", 2, channel).unlink()
    assert [row[:3] for row in bad_rows(take(plate))] == [["A03", 2, "DNA"], ["A03", 2, "ER"]]


def test_a_well_without_any_image_has_all_its_rows(plate):
    blocks = {**BLOCKS, "A06": [("A06", None)]}
    table = take(plate, blocks, max_bad_fields=0.5)["A06"]
    assert table[["Metadata_Site", "Channel", "Status"]].to_numpy().tolist() == [
        [site, channel, "bad"] for site in (1, 2) for channel in ("DNA", "ER")
    ]


def test_fields_per_well_expects_the_first_sites(plate):
    table = take(plate, {"A01": [("A01", None)]}, fields_per_well=3, max_bad_fields=0.5)["A01"]
    assert table["Metadata_Site"].tolist() == [1, 1, 2, 2, 3, 3]
    assert table["Status"].tolist() == ["ok"] * 4 + ["bad"] * 2


def test_fields_per_well_takes_any_numbering_of_so_many_sites(tmp_path):
    for channel in (1, 2):
        tifffile.imwrite(file_of(tmp_path, "A01", 5, channel), PIXELS)
    assert take(tmp_path, {"A01": [("A01", None)]}, fields_per_well=1)["A01"]["Metadata_Site"].tolist() == [5, 5]


def test_more_sites_than_fields_per_well_is_a_contradiction(plate):
    with pytest.raises(DataError, match=r"found the sites 1, 2 on plate P1; expected 1 \(fields_per_well\)"):
        take(plate, fields_per_well=1)


def test_a_block_may_ask_for_single_sites(plate):
    tables = take(plate, {"A01-f01": [("A01", [1])], "A01-f02": [("A01", [2])]})
    assert {block: table["Metadata_Site"].unique().tolist() for block, table in tables.items()} == {
        "A01-f01": [1],
        "A01-f02": [2],
    }


def test_wells_off_the_plate_map_are_ignored_and_counted(plate, caplog):
    file_of(plate, "A05", 1, 1).write_text("never read")
    with caplog.at_level(logging.INFO):
        tables = take(plate, {"A01-A04": BLOCKS["A01-A04"]})
    assert bad_rows(tables) == []
    assert "plate P1: 4 images of wells A05 not on the plate map are ignored" in caplog.messages


def test_a_folder_of_another_plate_is_refused(plate):
    with pytest.raises(DataError, match="found images of wells A01, A02, A03, A04, A05; none is among the 1 wells"):
        take(plate, {"B01": [("B01", None)]})


def write(plate, outputs, **more):
    given = {"folder": plate, "reader": READER, "plate": "P1", "wells_by_block": BLOCKS, "channels": CHANNELS}
    return write_inventory(outputs, **(given | more))


def test_files_are_written_only_when_they_change(plate, tmp_path):
    outputs = {block: tmp_path / "out" / f"{block}.parquet" for block in BLOCKS}
    assert write(plate, outputs) == list(outputs.values())
    pd.testing.assert_frame_equal(read_table(outputs["A05"]), take(plate)["A05"])
    assert read_provenance(outputs["A05"])["channels"] == CHANNELS
    before = {path: path.stat().st_mtime_ns for path in outputs.values()}
    assert write(plate, outputs) == []
    assert {path: path.stat().st_mtime_ns for path in outputs.values()} == before
    os.utime(file_of(plate, "A05", 1, 1), ns=(0, 1_000_000_000))
    assert write(plate, outputs) == [outputs["A05"]]
    assert read_table(outputs["A05"])["MtimeNs"][0] == 1_000_000_000


def test_a_damaged_file_or_other_settings_are_written_anew(plate, tmp_path):
    outputs = {block: tmp_path / "out" / f"{block}.parquet" for block in BLOCKS}
    write(plate, outputs)
    outputs["A05"].write_bytes(b"PAR1")
    assert write(plate, outputs) == [outputs["A05"]]
    assert write(plate, outputs, reader=PhenixReader(kind="phenix", plane=1)) == list(outputs.values())


def test_nothing_is_written_for_a_refused_plate(plate, tmp_path):
    outputs = {block: tmp_path / "out" / f"{block}.parquet" for block in BLOCKS}
    for path in plate.glob("*ch2*"):
        path.unlink()
    file_of(plate, "A01", 1, 2).touch()
    with pytest.raises(DataError):
        write(plate, outputs)
    assert not (tmp_path / "out").exists()


@pytest.mark.data
def test_the_real_jump_plate_is_sound():
    data = os.environ.get("PLATEWISE_DATA")
    if not data:
        pytest.skip("set PLATEWISE_DATA to the folder of real data (jump_cpjump1/)")
    folder = Path(data) / "jump_cpjump1"
    wells = pd.read_csv(folder / "wells.csv")["well_position"]
    channels = {"DNA": "5", "ER": "4", "RNA": "3", "AGP": "2", "Mito": "1"}
    blocks = {"all": [(well, None) for well in wells]}
    table = inventory_plate(folder / "images", READER, "BR00117010", blocks, channels, fields_per_well=1)["all"]
    assert (len(table), set(table["Status"]), set(table["Metadata_Site"])) == (50, {"ok"}, {5})
    assert set(zip(table["Dtype"], table["Height"], table["Width"], strict=True)) == {("uint16", 1080, 1080)}


def test_a_pattern_reader_serves_the_inventory_as_well(tmp_path):
    tifffile.imwrite(tmp_path / "x_a1_w1.tif", PIXELS)
    reader = PatternReader(kind="pattern", pattern=r"x_(?P<well>[a-p]\d+)_(?P<channel>w\d)\.tif")
    table = inventory_plate(tmp_path, reader, "P1", {"A01": [("A01", None)]}, {"DNA": "w1"})["A01"]
    assert table[["Metadata_Well", "Metadata_Site", "Status"]].to_numpy().tolist() == [["A01", 1, "ok"]]


def test_some_fields_are_checked_as_all_of_them_would_be(plate):
    file_of(plate, "A02", 1, 2).write_bytes(b"cut short")
    file_of(plate, "A03", 2, 1).unlink()
    whole = pd.concat(take(plate, max_bad_fields=1).values(), ignore_index=True)
    listing = list_plate(plate, READER, "P1", BLOCKS, CHANNELS)
    # Names alone tell what is missing, not what is damaged.
    assert listing.flawed == [("A03", 2)]
    assert {block: len(fields) for block, fields in listing.fields.items()} == {"A01-A04": 8, "A05": 2}
    chosen = [("A02", 1), ("A03", 2), ("A05", 1)]
    some = check_fields(listing, chosen, threads=2)
    keys = list(zip(whole["Metadata_Well"], whole["Metadata_Site"], strict=True))
    pd.testing.assert_frame_equal(some, whole[[key in chosen for key in keys]].reset_index(drop=True))


def test_wells_of_a_plan():
    assert expected_wells({"A01-A02": [("A01", None), ("A02", None)], "A03-f02": [("A03", 2)]}) == {
        "A01-A02": [("A01", None), ("A02", None)],
        "A03-f02": [("A03", [2])],
    }
