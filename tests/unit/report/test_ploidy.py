"""The section on DNA content: who has more polyploid nuclei, what was fitted, and what could not be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from small_campaign import DOSES, HOSTILE

from platewise.ploidy.treatments import TREATMENT_COLUMNS
from platewise.report.ploidy import PloidyTables, read_ploidy
from platewise.tables import read_table, write_table


def test_polyploid_treatments_come_first_with_interval_and_controls(campaign, campaign_page):
    rows = campaign_page.rows("Share of nuclei with more than 4N")
    table = read_table(campaign.tables.ploidy.treatments).query("Class == '>4N'")
    own = table[table["Metadata_Perturbation"] == HOSTILE].sort_values("Share", ascending=False)
    assert len(own) == len(DOSES)
    assert len(rows) == len(table) == 26
    for row, (_, expected) in zip(rows, own.iterrows(), strict=False):
        assert row["Perturbation"] == HOSTILE
        assert row[">4N"].startswith(f"{100 * expected['Share']:.0f} % ")
        assert f"{100 * expected['Low']:.0f} % to {100 * expected['High']:.0f} %" in row[">4N"]
        assert row["Note"].startswith("2 of 4 wells on plates without peaks")
    control = next(row for row in rows if row["Perturbation"] == "DMSO")
    assert (control["Controls"], control["q"]) == ("control", "not tested")


def test_a_plate_without_peaks_says_why(campaign_page):
    first, second = campaign_page.rows("What was fitted to the nuclei of each plate")
    assert (first["Plate"], first["Note"]) == ("BR001", "none")
    assert first["Width of a peak (CV)"].startswith(("7", "8", "9"))
    assert second["Plate"] == "BR002"
    assert second["Note"] in (
        "the peaks of negative controls run into one another",
        "negative controls show one peak, not two",
    )


def test_histograms_are_densities_of_the_plates_with_peaks(campaign):
    _, figure = read_ploidy(campaign.tables.ploidy, 0.05)
    histogram = read_table(campaign.tables.ploidy.histograms[0])
    controls, fitted, *treated = figure["data"]
    layout = read_table(campaign.tables.ploidy.wells[0])
    expected = layout.loc[layout["Metadata_ControlType"] == "negcon", "Nuclei"].sum()
    assert controls["name"] == f"negative controls ({expected} nuclei)"
    assert len(histogram) > 0
    for curve in (controls, *treated):
        width = curve["x"][1] - curve["x"][0]
        assert sum(curve["y"]) * width == pytest.approx(1, abs=1e-4)
    # The highest point of the fit is the 2N peak, one octave above 1N.
    assert fitted["x"][int(np.argmax(fitted["y"]))] == pytest.approx(1, abs=0.05)
    # Half of the cells under the first treatment lie around 8N.
    near = [y for x, y in zip(treated[0]["x"], treated[0]["y"], strict=True) if 2.5 < x < 3.5]
    assert sum(near) / 8 == pytest.approx(0.5, abs=0.1)
    assert "&lt;script&gt;" in treated[0]["name"]


def scored(tmp_path, campaign, rows):
    """The section for treatments with these values, and everything else as it is."""
    usual = {
        "Metadata_Dose": np.nan,
        "Metadata_ControlType": "",
        "Wells": 4,
        "Plates": 2,
        "Nuclei": 120,
        "Low": 0.3,
        "High": 0.5,
        "ControlShare": 0.02,
        "ControlLow": 0.01,
        "ControlHigh": 0.04,
        "Superiority": 1.0,
        "PValue": 0.001,
        "QValue": 0.01,
        "Note": "",
    }
    table = pd.DataFrame([usual | row | {"Class": kind} for row in rows for kind in ("<2N", "2N", "S", "4N", ">4N")])
    write_table(table[TREATMENT_COLUMNS], tmp_path / "scored.parquet")
    return read_ploidy(dataclasses.replace(campaign.tables.ploidy, treatments=tmp_path / "scored.parquet"), 0.05)[0]


def test_the_sentence_names_what_is_sure_and_what_is_not(tmp_path, campaign):
    few = "one well: the interval is of its nuclei; with so few wells p is at least 1"
    words = scored(
        tmp_path,
        campaign,
        [
            {"Metadata_Perturbation": "sure", "Metadata_Dose": 10.0, "Share": 0.4},
            {"Metadata_Perturbation": "fewer", "Share": 0.0, "Superiority": 0.0},
            {"Metadata_Perturbation": "one well", "Share": 0.4, "PValue": 1.0, "QValue": 1.0, "Note": few},
            {"Metadata_Perturbation": "not apart", "Share": 0.1, "Low": 0.03, "QValue": 1.0, "Note": few},
        ],
    )
    assert words.sentence == (
        "Of 4 treatments that could be tested, 1 has more polyploid nuclei than the negative controls of the same "
        "plates (q < 0.05): sure at 10: 40 % (30 % to 50 %; 120 nuclei), controls 2.0 % (1.0 % to 4.0 %). Of 1 "
        "treatment with too few wells for a test to show it, the interval lies above that of the controls: one well: "
        "40 % (30 % to 50 %; 120 nuclei), controls 2.0 % (1.0 % to 4.0 %). How wells of the same treatment differ is "
        "not known there."
    )
    assert [(row.name, row.state) for row in words.rows[:2]] == [("one well", "apart"), ("sure", "more")]


def test_without_findings_or_tests_it_is_said(tmp_path, campaign):
    none = scored(tmp_path, campaign, [{"Metadata_Perturbation": "a", "Share": 0.02, "PValue": 0.5, "QValue": 0.5}])
    assert none.sentence == (
        "Of 1 treatment that could be tested, none is shown to have more polyploid nuclei than the negative controls "
        "of its plates (q < 0.05)."
    )
    missing = {"PValue": np.nan, "QValue": np.nan, "Share": np.nan, "Low": np.nan, "High": np.nan}
    untested = scored(tmp_path, campaign, [{"Metadata_Perturbation": "a", **missing}])
    assert untested.sentence == "No treatment could be held against negative controls; the notes below say why."


def test_without_a_plate_with_peaks_there_is_no_figure(tmp_path, campaign, write_campaign):
    own = campaign.tables.ploidy
    second = PloidyTables(own.treatments, own.peaks[1:], own.wells[1:], own.histograms[1:])
    assert read_ploidy(second, 0.05)[1] is None
    page = write_campaign(tmp_path / "i.html", tables=dataclasses.replace(campaign.tables, ploidy=second))
    assert page.find("div", id="figure-ploidy") == []
    assert len(page.find("table", id="table-ploidy")) == 1


def test_a_campaign_without_dna_content_has_no_section(tmp_path, campaign, write_campaign):
    page = write_campaign(tmp_path / "i.html", tables=dataclasses.replace(campaign.tables, ploidy=None))
    assert page.find("h2", id="ploidy") == []
