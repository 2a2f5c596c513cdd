"""Dose responses on the page: the answer of each perturbation, and curves of those that respond."""

from __future__ import annotations

import numpy as np
import pytest
from small_campaign import HOSTILE
from small_screens import screen_tables

from platewise.report.dose_response import dose_figure, dose_section
from platewise.report.numbers import significant


@pytest.fixture
def tables():
    return screen_tables(HOSTILE)


def test_every_tested_perturbation_has_its_answer(tables):
    found = dose_section(tables["dose_response"], tables["distances"])
    assert [(row.name, row.answer) for row in found.rows] == [
        (HOSTILE, "response"),
        ("strong", "no trend"),
        ("aspirin", "no response"),
    ]
    stored = tables["dose_response"].set_index("Metadata_Perturbation").loc[HOSTILE]
    first, *others = found.rows
    assert first.doses == "4, 0.1 to 100"
    assert first.ec50 == f"EC50 {significant(stored['EC50'], 2)}"
    assert first.interval == f"{significant(stored['Low'], 2)} to {significant(stored['High'], 2)}"
    assert {(row.ec50, row.interval, row.hill) for row in others} == {("", "", "")}
    assert (found.drawn, found.responses, found.more) == (1, 1, 0)
    assert found.sentences[0] == (
        "Of 3 perturbations with enough doses, 1 responded to the dose, 1 acted without a trend that could be shown, "
        "and 1 had no response that could be shown. 2 others had fewer than 4 doses with wells."
    )


@pytest.mark.parametrize(
    ("place", "low", "high", "ec50", "interval"),
    [
        ("above the highest dose", 40.0, np.inf, "EC50 above the highest dose", "40 to above 100"),
        ("above the highest dose", 120.0, np.inf, "EC50 above the highest dose", "above 100"),
        ("below the lowest dose", 0.0, 0.05, "EC50 below the lowest dose", "below 0.1"),
        ("below the lowest dose", 0.0, 0.3, "EC50 below the lowest dose", "below 0.1 to 0.30"),
    ],
)
def test_an_ec50_outside_the_doses_is_words(tables, place, low, high, ec50, interval):
    table = tables["dose_response"]
    own = table["Metadata_Perturbation"] == HOSTILE
    table.loc[own, ["Place", "EC50", "Low", "High"]] = [place, np.nan, low, high]
    row = dose_section(table, tables["distances"]).rows[0]
    assert (row.ec50, row.interval) == (ec50, interval)


def test_the_figure_has_wells_curve_and_controls(tables):
    figure = dose_figure(tables["dose_response"], tables["distances"])
    traces = {trace["name"]: trace for trace in figure["data"]}
    assert len(figure["data"]) == 4
    assert sorted(traces["wells"]["y"]) == pytest.approx(
        sorted(tables["distances"].query("Metadata_Perturbation == @HOSTILE")["Distance"]), rel=1e-5
    )
    assert traces["controls: median"]["y"] == [5, 5]
    stored = tables["dose_response"].set_index("Metadata_Perturbation").loc[HOSTILE]
    # At the middle dose of the curve's line, by the formula.
    dose, height = traces["curve"]["x"][30], traces["curve"]["y"][30]
    expected = stored["Bottom"] + (stored["Top"] - stored["Bottom"]) / (1 + (stored["EC50"] / dose) ** stored["Hill"])
    assert height == pytest.approx(expected, rel=1e-4)
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert "&lt;script&gt;" in figure["layout"]["annotations"][0]["text"]


def test_without_a_response_there_is_no_figure(tables):
    table = tables["dose_response"].query("Answer != 'response'")
    assert dose_figure(table, tables["distances"]) is None
    assert dose_section(table, tables["distances"]).drawn == 0


def test_the_page_shows_the_section(campaign_page):
    assert len(campaign_page.one("table", id="table-doses").find("tr")) == 4
    assert "figure-doses" in campaign_page.figures()
