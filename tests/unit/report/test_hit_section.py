"""Hits on the page: who is active, how far, and how well controls stand apart."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_campaign import HOSTILE
from small_screens import screen_tables

from platewise.report.hits import hit_section


@pytest.fixture
def tables():
    return screen_tables(HOSTILE)


def section(tables):
    return hit_section(tables["activity"], tables["distances"], tables["controls"], 0.05)


def test_active_treatments_come_first_the_farthest_before_others(tables):
    rows = section(tables).rows
    assert [(row.name, row.dose, row.state) for row in rows] == [
        ("gene", "", "active"),
        (HOSTILE, "100", "active"),
        ("strong", "1", "not shown"),
        ("lone", "1", "unknown"),
        ("aspirin", "1", "not shown"),
    ]
    # 30 where the median control lies at 5.
    assert (rows[0].distance, rows[0].precision, rows[0].q) == ("6.0x", "1.00", "0.0040")
    assert (rows[3].precision, rows[3].q, rows[3].note) == (
        "not computed",
        "not computed",
        "one well: no other to compare it with",
    )


def test_what_was_not_tested_is_counted(tables):
    words = section(tables).sentences[0]
    assert words == (
        "2 of 4 treatments that could be tested are active. 1 treatment could not be tested: one well: no other to "
        "compare it with. 1 treatment had too few wells to be shown active whatever they look like."
    )


def test_controls_plate_by_plate(tables):
    found = section(tables)
    assert found.readouts == ["distance", "cell count"]
    with_control, without = found.controls
    assert (with_control.plate, with_control.name, with_control.positives) == ("P1", "killer at 10", 3)
    row = tables["controls"].query("Metadata_Plate == 'P1' and Readout == 'distance'").iloc[0]
    assert with_control.cells[0].z_prime == f"{row['ZPrime']:.2f}"
    assert with_control.cells[0].ssmd == f"{row['SSMD']:.1f}"
    assert (without.plate, without.name, without.positives) == ("P2", "none", 0)
    assert [cell.note for cell in without.cells] == ["no positive controls"] * 2
    assert "on 1 of 2 plates; the median Z' of the distance is " in found.sentences[-1]


def test_without_any_positive_control_one_sentence_says_so(tables):
    controls = tables["controls"].query("Metadata_Plate == 'P2'")
    found = hit_section(tables["activity"], tables["distances"], controls, 0.05)
    assert found.controls == []
    assert found.sentences[-1] == "Z' and SSMD cannot be computed on any plate: no positive controls."


def test_without_distances_treatments_are_still_listed(tables):
    tables["distances"]["Distance"] = np.nan
    assert {row.distance for row in section(tables).rows} == {"not known"}


def test_what_the_layout_cannot_tell_is_said(tables):
    wells = tables["distances"].query("Metadata_Perturbation != 'lone'").copy()
    wells["Metadata_Well"] = wells["Metadata_Perturbation"] + wells["Metadata_Dose"].astype(str)
    found = hit_section(tables["activity"], wells, tables["controls"], 0.05)
    assert "Every treatment sits in one well position: treatment and position cannot be told apart." in found.sentences
    assert not [words for words in section(tables).sentences if "position" in words]


def test_the_page_shows_hits_or_leaves_them_out(campaign, write_campaign, tmp_path, campaign_page):
    rows = campaign_page.one("table", id="table-hits").find("tr")[1:]
    assert len(rows) == 5
    assert HOSTILE in rows[1].text()
    assert len(campaign_page.one("table", id="table-controls").find("tr")) == 3
    none = dataclasses.replace(campaign.tables, activity="", dose_response="")
    page = write_campaign(tmp_path / "page.html", tables=none)
    assert not page.find("table", id="table-hits")
    assert not page.find("section", **{"aria-labelledby": "doses"})
