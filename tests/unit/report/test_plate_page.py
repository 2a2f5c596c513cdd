"""The page of a plate says what the tables hold."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_campaign import BAD_FIELD, BLURRED, CHANNELS, COMMAND, HOSTILE, LOW_WELL, platemap, read_labels

from platewise.columns import CELL_COUNT, LEFT_OUT, PERTURBATION, WELL
from platewise.config.report import ReportConfig
from platewise.errors import DataError
from platewise.report.plate_page import choose_wells
from platewise.report.thumbnails import cut_middle, shrink, thumbnail
from platewise.tables import read_table, write_table


def test_tiles_hold_the_totals(plate_page, campaign):
    wells = read_table(campaign.tables.qc_wells["BR001"])
    tiles = [tile.text() for tile in plate_page.find("div") if tile.attributes.get("class", "").startswith("tile ")]
    tiles += [tile.text() for tile in plate_page.find("div", class_="tile")]

    assert "60 wells used, of 96" in tiles
    assert f"{wells[CELL_COUNT].sum():,} cells" in tiles
    assert "119 usable fields" in tiles
    assert "1 field left out" in tiles
    assert "3 flagged wells" in tiles
    assert "12 / 2 negative / positive controls" in tiles


def test_bad_field_has_reason_file_and_the_command(plate_page):
    (row,) = plate_page.rows("Fields left out")

    assert row["Well"] == BAD_FIELD[0]
    assert row["Site"] == "2"
    assert row["Reason"] == BAD_FIELD[2]
    assert row["Files"] == f"ER C05_2_1.tiff: {BAD_FIELD[2]}"
    assert plate_page.one("pre", class_="command").text() == COMMAND


def test_flags_are_listed_in_words(plate_page):
    rows = {row["Well"]: row["Why"] for row in plate_page.rows("Flagged wells")}

    assert set(rows) == {BAD_FIELD[0], LOW_WELL, BLURRED[0]}
    assert rows[BAD_FIELD[0]] == "1 of 2 fields bad (site 2)"
    assert rows[LOW_WELL].startswith("few cells: 6 a field")
    assert rows[BLURRED[0]] == "out of focus (DNA site 1)"


def test_table_of_wells_holds_every_well_and_number(plate_page, campaign):
    wells = read_table(campaign.tables.qc_wells["BR001"]).set_index(WELL)
    rows = {row["Well"]: row for row in plate_page.rows("Every well")}

    assert list(rows) == list(wells.index)
    assert rows["B03"]["Treatment"] == f"{HOSTILE} at 0.1"
    assert rows["B02"]["Treatment"] == "DMSO"
    assert rows["B02"]["Mechanism"] == "not known"
    assert rows["E05"]["Cells"] == str(wells.loc["E05", CELL_COUNT])
    assert float(rows["E05"]["Mean <b>AGP</b>"]) == pytest.approx(wells.loc["E05", "Mean_<b>AGP</b>"], rel=1e-2)


def test_maps_show_every_well_at_its_place_with_its_words(plate_page):
    names = [figure.find("figcaption")[0].text() for figure in plate_page.find("figure", class_="plate")]
    assert names == ["Layout", "Cell count", *(f"Mean intensity, {name}" for name in CHANNELS)]
    for figure in plate_page.find("figure", class_="plate"):
        wells = figure.find("g")
        assert len(wells) == 60
        # D07: row 3, column 6, counted from 0; a margin of 24, 22 a well and 1 of gap.
        (low,) = [well for well in wells if well.find("title")[0].text().startswith("D07:")]
        assert (low.find("rect")[0].attributes["x"], low.find("rect")[0].attributes["y"]) == ("157", "91")
        assert len(low.find("path", class_="flag")) == 1
        assert len(figure.find("path", class_="flag")) == 3
        assert figure.find("svg")[0].attributes["aria-label"]


def test_controls_are_lettered_in_the_layout(plate_page):
    layout = plate_page.find("figure", class_="plate")[0]
    letters = [text.text() for text in layout.find("text", class_="letter")]

    assert letters.count("N") == 12
    assert letters.count("P") == 2


def test_pictures_are_wells_of_every_kind(plate_page):
    section = next(section for section in plate_page.find("section") if section.find("h2", id="pictures"))
    pictures = section.find("img")

    assert len(pictures) == 12
    words = " ".join(picture.attributes["alt"] for picture in pictures)
    assert "DMSO" in words
    assert "staurosporine at 1" in words
    assert LOW_WELL in words
    size = _decode(pictures[0].attributes["src"]).size
    assert size == (144, 120)  # 60 % of 240 x 200
    assert all(picture.attributes["alt"] for picture in plate_page.find("img"))


def test_a_page_without_images_leaves_pictures_out(write_plate, tmp_path):
    page = write_plate(tmp_path / "p.html", read_image=None, read_labels=None, illumination=None, inventory=[])

    assert page.find("img") == []
    assert page.find("h2", id="pictures") == []
    assert page.find("h2", id="light") == []
    assert page.rows("Fields left out")[0]["Files"] == "all files read well"


def test_same_input_same_bytes(write_plate, tmp_path, plate_page):
    assert write_plate(tmp_path / "again.html").source == plate_page.source


def test_a_plate_too_small_for_its_wells_is_refused(write_plate, tmp_path):
    with pytest.raises(DataError, match=r"lies outside a plate of 24 wells.*Hint"):
        write_plate(tmp_path / "p.html", plate_format=24)
    with pytest.raises(DataError, match=r"a plate of 100 wells; expected one of 6, 12.*Hint"):
        write_plate(tmp_path / "p.html", plate_format=100)
    assert not (tmp_path / "p.html").exists()


def test_unknown_thumbnail_channels_are_refused(write_plate, tmp_path):
    settings = ReportConfig(thumbnail_channels={"Mito": "#ff0000"})
    with pytest.raises(DataError, match=r"thumbnail_channels: found Mito; expected channels among DNA.*Hint"):
        write_plate(tmp_path / "p.html", settings=settings)


def test_choice_of_wells_is_bounded_and_usable():
    wells = platemap("BR001").assign(FieldsOk=1, Flag="")
    wells.loc[wells[WELL] == "B03", "FieldsOk"] = 0
    wells.loc[wells[WELL] == "C04", "Flag"] = "few cells"

    chosen = choose_wells(wells, 8)

    assert len(chosen) == 8
    assert chosen == sorted(set(chosen))
    assert "B03" not in chosen
    assert "C04" in chosen
    assert sum(wells.set_index(WELL).loc[chosen, PERTURBATION] == "DMSO") >= 2
    assert choose_wells(wells, 500) == sorted(wells.loc[wells["FieldsOk"] > 0, WELL])
    assert choose_wells(wells.assign(FieldsOk=0), 8) == []


def test_thumbnail_draws_channels_and_outlines_where_they_are():
    image = np.zeros((2, 40, 40), np.float32)
    image[0, :20] = 100
    label = np.zeros((40, 40), np.int32)
    label[25:35, 25:35] = 1

    pixels = np.array(
        _open(
            thumbnail(image, {"nuclei": label}, {0: "#0000ff", 1: "#00ff00"}, 64, {0: (0.0, 100.0), 1: (0.0, 1.0)})
        ).convert("RGB")
    )

    assert pixels.shape == (40, 40, 3)
    assert tuple(pixels[5, 5]) == (0, 0, 204)  # 80 % of full blue
    assert tuple(pixels[22, 5]) == (0, 0, 0)
    assert tuple(pixels[25, 30]) == (255, 255, 255)
    assert tuple(pixels[30, 30]) == (0, 0, 0)


def test_shrinking_never_makes_new_labels():
    labels = read_labels("B02", 1)
    small, small_labels = shrink(np.ones((1, 200, 240), np.float32), labels, 60)

    assert small.shape == (1, 50, 60)
    assert small_labels["cells"].shape == (50, 60)
    assert set(np.unique(small_labels["cells"])) == set(range(13))
    assert small == pytest.approx(1)


def test_middle_is_the_middle():
    assert cut_middle(np.arange(100).reshape(10, 10), 0.2).tolist() == [[44, 45], [54, 55]]


def test_1536_wells_fit(write_plate, tmp_path, campaign):
    page = write_plate(tmp_path / "p.html", plate_format=1536)
    viewbox = page.find("svg")[0].attributes["viewbox"]  # the parser lowers names

    assert viewbox == f"0 0 {24 + 48 * 22 + 2} {24 + 32 * 22 + 2}"
    assert re.search(r">AF</text>", page.source)


def test_missing_means_are_said(write_plate, tmp_path, campaign):
    wells = read_table(campaign.tables.qc_wells["BR001"])
    wells.loc[wells[WELL] == "B04", "Mean_DNA"] = np.nan
    pd.DataFrame.to_parquet(wells, tmp_path / "wells.parquet")
    page = write_plate(tmp_path / "p.html", qc_wells=tmp_path / "wells.parquet", read_image=None)

    row = {row["Well"]: row for row in page.rows("Every well")}["B04"]
    assert row["Mean DNA"] == "not measured"
    assert any(title.text().endswith("not measured") for title in page.find("title"))


def test_missing_words_are_read_as_empty(write_plate, tmp_path, campaign, plate_page):
    wells = read_table(campaign.tables.qc_wells["BR001"]).replace({"Metadata_MOA": "", "Flag": ""}, None)
    pd.DataFrame.to_parquet(wells, tmp_path / "wells.parquet")
    page = write_plate(tmp_path / "p.html", qc_wells=tmp_path / "wells.parquet")

    assert page.rows("Every well") == plate_page.rows("Every well")
    assert page.rows("Flagged wells") == plate_page.rows("Flagged wells")


def _decode(source: str) -> Image.Image:
    return _open(base64.b64decode(source.removeprefix("data:image/png;base64,")))


def _open(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def test_shares_of_cells_left_out_are_shown_where_there_are_rules(write_plate, plate_page, campaign, tmp_path):
    assert "Left out by rules" not in plate_page.rows("Every well")[0]
    wells = read_table(campaign.tables.qc_wells["BR001"])
    wells[LEFT_OUT] = np.linspace(0, 0.5, len(wells))
    wells.loc[1, LEFT_OUT] = np.nan
    write_table(wells, tmp_path / "wells.parquet", {"mean_of": "cells"})
    page = write_plate(tmp_path / "page.html", qc_wells=tmp_path / "wells.parquet")
    shown = [row["Left out by rules"] for row in page.rows("Every well")]
    assert shown[:2] == ["0 %", "no cells"]
    assert shown[-1] == "50 %"
    assert "Plate map of Cells left out by rules, %, %, from 0 to" in (tmp_path / "page.html").read_text()
