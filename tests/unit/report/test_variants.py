"""The section on variants: which differ, how it was judged, and that few wells prove nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from small_campaign import HOSTILE

from platewise.report.variants import read_variants
from platewise.tables import write_table
from platewise.variants.score import IMPACT_COLUMNS

FEW = (
    "with so few wells p of correlations is at least 0.1; 1 plate with both, and 2 at least are needed to hold one out "
    "for a classifier"
)


@pytest.fixture
def impact(tmp_path):
    """Write a table with these rows; returns its path."""

    def write(*rows):
        usual = dict.fromkeys(IMPACT_COLUMNS, np.nan) | {"WildType": "WT", "Note": ""}
        counts = {"Wells": 8, "WildTypeWells": 7, "Plates": 4, "Cells": 400, "WildTypeCells": 1350}
        path = tmp_path / "impact.parquet"
        write_table(pd.DataFrame([usual | counts | row for row in rows])[IMPACT_COLUMNS], path)
        return path

    return write


SURE = {
    "Metadata_Perturbation": HOSTILE,
    "CorrelationWildType": 0.61,
    "CorrelationVariant": 0.55,
    "CorrelationBetween": 0.1,
    "CorrelationP": 0.001,
    "CorrelationQ": 0.002,
    "Auc": 0.83,
    "NullLow": 0.41,
    "NullHigh": 0.6,
    "AucP": 0.005,
    "AucQ": 0.01,
}
SILENT = SURE | {"Metadata_Perturbation": "silent", "CorrelationQ": 0.4, "Auc": 0.52, "AucQ": 0.3}
UNTOLD = {"Metadata_Perturbation": "few", "CorrelationP": 0.1, "CorrelationQ": 0.1, "Note": FEW}


def test_variants_that_differ_are_named_and_come_first(impact, campaign, write_campaign, tmp_path):
    tables = dataclasses.replace(campaign.tables, variants=impact(SILENT, UNTOLD, SURE))
    page = write_campaign(tmp_path / "i.html", tables=tables)
    first, second, third = page.rows("Variants beside their wild types")
    assert (first["Variant"], second["Variant"], third["Variant"]) == (HOSTILE, "few", "silent")
    assert first["Wells of each"] == "8 and 7"
    assert first["Cells of each"] == "400 and 1,350"
    assert first["Correlation between them"] == "0.10"
    assert first["Within wild type and variant"] == "0.61 and 0.55"
    assert first["Cells told apart (AUC)"] == "0.83 null 0.41 to 0.60"
    assert second["Cells told apart (AUC)"] == "not computed"
    assert second["Note"] == FEW
    assert page.one("h2", id="variants").text() == "Variants"


def test_the_sentence_tells_findings_and_what_could_not_be_proved(impact):
    words = read_variants(impact(SURE | {"Metadata_Perturbation": "sure"}, SILENT, UNTOLD), 0.05)
    assert words.caution == "Of 1 variant there are too few wells or plates to prove a difference, whatever it is"
    assert words.sentence == (
        "Of 3 variants the following differ from their wild type, by the profiles of wells 1 (q < 0.05): sure; by a "
        f"classifier of cells 1 (q < 0.05): sure. {words.caution}: that none is shown there means nothing."
    )
    assert [(row.by_profiles, row.by_cells) for row in words.rows] == [(True, True), (False, False), (False, False)]
    alone = read_variants(impact(UNTOLD), 0.05).sentence
    assert "by the profiles of wells none (q < 0.05); a classifier of cells could not be tried." in alone
    assert alone.endswith("means nothing.")


def test_a_variant_that_one_of_the_tests_can_tell_is_not_called_untold(impact):
    by_wells = SILENT | {"Auc": np.nan, "AucP": np.nan, "AucQ": np.nan, "Note": "profiles of wells only"}
    by_cells = SILENT | {"Note": "with so few wells p of correlations is at least 0.1"}
    words = read_variants(impact(by_wells, by_cells), 0.05)
    assert words.caution == ""
    assert words.sentence.endswith(
        "by the profiles of wells none (q < 0.05); by a classifier of cells none (q < 0.05)."
    )


def test_five_wells_prove_nothing_and_the_top_of_the_page_says_so(impact, campaign, write_campaign, tmp_path):
    alone = {
        "Metadata_Perturbation": "Null",
        "Wells": 4,
        "WildTypeWells": 1,
        "Plates": 1,
        "Note": "1 well of the wild type",
    }
    tables = dataclasses.replace(campaign.tables, variants=impact(alone))
    said = "Null cannot be held against WT: 5 wells of the two on 1 plate prove nothing, whatever they look like."
    words = read_variants(tables.variants, 0.05)
    assert words.sentence == f"{said} The note below says what is missing."
    page = write_campaign(tmp_path / "i.html", tables=tables)
    cautions = page.one("ul", **{"class": "cautions"})
    assert cautions.find("li")[0].text() == f"{said} Variants"
    many = read_variants(impact(alone, alone | {"Metadata_Perturbation": "other"}), 0.05).sentence
    assert many.startswith("Of 2 variants there are too few wells or plates to prove a difference, whatever it is.")
    assert many.endswith("The notes below say what is missing.")


def test_without_a_common_plate_it_is_said(impact):
    apart = {"Metadata_Perturbation": "a", "Wells": 0, "WildTypeWells": 0, "Plates": 0, "Note": "share no plate"}
    words = read_variants(impact(apart), 0.05)
    assert words.caution == "a cannot be held against WT: no plate has wells of both"


def test_a_campaign_without_variants_has_no_section(campaign_page):
    assert campaign_page.find("h2", id="variants") == []
