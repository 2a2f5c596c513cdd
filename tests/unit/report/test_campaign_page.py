"""The page of a campaign says what the tables hold, and what they cannot say."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_campaign import BAD_FIELD, CHANNELS, HOSTILE, MODEL, NOTE, PRESET

from platewise.columns import CELL_COUNT
from platewise.config.embedding import EmbeddingConfig
from platewise.config.report import ReportConfig
from platewise.errors import DataError
from platewise.evaluation.differences import DIFFERENCE_COLUMNS
from platewise.explanation.movers import MOVER_COLUMNS, SUMMARY_COLUMNS
from platewise.explanation.prediction import PREDICTION_COLUMNS
from platewise.report.differences import difference_rows, learned_against_classical
from platewise.report.explanation import moved_rows, predicted_features
from platewise.report.training import AIMS, training_words
from platewise.tables import read_table, write_table
from platewise.weights import save_tensors


def score_rows(page, metric: str) -> list[list[str]]:
    rows = [
        row for row in page.one("table", id="table-scores").find("tr") if row.attributes.get("data-metric") == metric
    ]
    return [[cell.text() for cell in row.children if not isinstance(cell, str)] for row in rows]


def test_headline_counts_what_was_screened(campaign_page, campaign):
    cells = sum(read_table(path)[CELL_COUNT].sum() for path in campaign.tables.qc_wells.values())
    text = campaign_page.root.text()

    assert "2 plates in 2 batches, 120 wells, 9 perturbations besides the negative controls (25 treatments" in text
    assert f"{cells:,} cells in 239 fields of view" in text
    assert "A mechanism of action is known for 7 of the 9 perturbations (5 mechanisms)." in text


def test_verdict_names_the_baseline_that_is_not_beaten(campaign_page):
    verdict = campaign_page.one("div", class_="verdict no").text()

    assert "Not shown: not above well position alone" in verdict
    assert "mean average precision of 0.637, where 1 is perfect (95 % interval 0.537 to 0.737; p = 0.002" in verdict
    assert "With cell count alone: 0.300; the score is higher (p = 0.001)." in verdict
    assert "The network itself holds 5 connections; 3 of them join perturbations of a shared mechanism" in verdict
    assert "With well position alone: 0.330; the score is not shown to be higher (p = 0.31)." in verdict


def test_scores_stand_beside_baselines_preset_first(campaign_page):
    rows = score_rows(campaign_page, "map_moa")

    assert rows[0] == [
        "classical preset",
        "sphering",
        "0.637 0.537 to 0.737",
        "p = 0.002",
        "✓ 0.300 p = 0.001",
        "✗ 0.330 p = 0.31",
        "✓ 0.280 p = 0.001",
        "6 of 8",
        "none",
    ]
    assert [row[0] for row in rows[1:]] == ["classical", "deep"]


def test_the_presets_scores_are_shown_and_those_of_others_folded_away(campaign_page):
    first = campaign_page.rows("Scores of the preset")
    assert len(first) == 1 + len(campaign_page.find("th", class_="group"))
    assert first[0]["Metric"].startswith("MOA mAP Mean average precision")
    assert (first[0]["Score"], first[0]["Cell count alone"]) == ("0.637 0.537 to 0.737", "✓ 0.300 p = 0.001")
    (folded,) = [one for one in campaign_page.find("details") if one.find("table", id="table-scores")]
    assert not folded.find("table", id="table-preset-scores")


def test_a_metric_that_cannot_be_computed_shows_its_note(campaign_page):
    row = score_rows(campaign_page, "enrichment@1")[0]

    assert row[2] == "not computed"
    assert row[-1] == NOTE
    assert f"Not computed: {NOTE}. Enrichment, top 1 %" in campaign_page.root.text()


def test_no_cell_is_empty(campaign_page, plate_page):
    for page in (campaign_page, plate_page):
        cells = [cell for kind in ("td", "th") for cell in page.find(kind)]
        assert len(cells) > 100
        assert [cell for cell in cells if not cell.text()] == []


def test_no_nan_reaches_the_reader(campaign_page, plate_page):
    for page in (campaign_page, plate_page):
        for cell in page.find("td"):
            assert cell.text().lower() not in ("nan", "inf", "null", "<na>", "nat")


def test_published_values_stand_with_their_metric(campaign_page):
    (reference,) = campaign_page.find("tr", class_="reference")

    assert [cell.text() for cell in reference.children if not isinstance(cell, str)][1] == "0.940"
    assert reference.text().endswith("Ljosa 2013 & others")


def test_enrichment_curves_carry_the_numbers(campaign_page):
    figure = campaign_page.figures()["figure-enrichment"]
    curves = {trace["name"]: trace for trace in figure["data"] if trace.get("name")}

    assert figure["layout"]["xaxis"]["type"] == "log"
    assert curves["classical, sphering"]["x"] == [0.5, 1, 2, 5, 10]
    assert curves["classical, sphering"]["y"][1] == 9
    assert curves["classical, sphering"]["visible"] is True
    assert curves["classical, none"]["visible"] == "legendonly"
    assert curves["deep, sphering"]["y"][0] is None
    assert curves["cell count alone"]["line"]["dash"] == "dash"
    bands = [trace for trace in figure["data"] if trace.get("fill") == "toself"]
    assert len(bands) == 3
    assert max(bands[1]["y"]) == pytest.approx(2 * 9 / 0.5**0.4, rel=1e-5)


def test_numbers_of_the_curve_are_in_a_table(campaign_page):
    rows = campaign_page.rows("Odds ratio by share")
    (row,) = [
        row
        for row in rows
        if row["Features"] == "classical"
        and row["Correction"] == "sphering"
        and row["Curve"] == "profiles"
        and row["Share (%)"] == "1.00"
    ]

    assert (row["Odds ratio"], row["95 % interval"], row["p"]) == ("9.00", "4.50 to 18.0", "p = 0.001")


def test_network_draws_every_node_once_and_marks_shared_mechanisms(campaign_page):
    traces = campaign_page.figures()["figure-network"]["data"]
    nodes = [trace for trace in traces if trace.get("hovertext")]
    edges = {trace["name"]: len(trace["x"]) // 3 for trace in traces if trace["mode"] == "lines"}

    assert sum(len(trace["x"]) for trace in nodes) == 8
    assert edges == {"shared mechanism": 3, "other connection": 2}
    marks = {(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in nodes}
    assert len(marks) == len(nodes)


def test_names_of_nodes_on_one_another_are_put_on_different_sides(write_campaign, tmp_path, campaign):
    nodes = read_table(campaign.tables.nodes).assign(X=0.0, Y=0.0)
    write_table(nodes, tmp_path / "nodes.parquet")
    page = write_campaign(
        tmp_path / "i.html", tables=dataclasses.replace(campaign.tables, nodes=tmp_path / "nodes.parquet")
    )

    traces = [trace for trace in page.figures()["figure-network"]["data"] if trace.get("hovertext")]
    sides = [side for trace in traces for side in trace["textposition"]]
    assert sorted(sides) == sorted(["top center", "bottom center", "middle right", "middle left"] * 2)


def test_one_perturbation_is_no_network_to_draw(write_campaign, tmp_path, campaign):
    for name, table in (
        ("nodes", read_table(campaign.tables.nodes)[:1]),
        ("edges", read_table(campaign.tables.edges)[:0]),
    ):
        write_table(table, tmp_path / f"{name}.parquet")
    tables = dataclasses.replace(campaign.tables, nodes=tmp_path / "nodes.parquet", edges=tmp_path / "edges.parquet")
    page = write_campaign(tmp_path / "i.html", tables=tables)
    assert "figure-network" not in page.figures()
    assert page.find("div", id="figure-network") == []
    assert "1 perturbation, 0 connections" in page.root.text()


def test_a_preset_without_correction_has_one_column(write_campaign, tmp_path):
    page = write_campaign(tmp_path / "i.html", preset=("classical", "none"))
    heads = [head.text() for head in page.one("table", id="table-batches").find("thead")[0].find("th")]
    assert [head for head in heads if head.startswith("none")] == ["none preset"]


def test_plates_that_are_measured_from_all_their_wells_are_told(write_campaign, tmp_path, campaign):
    *_, title = campaign.tables.profiles
    wells = pd.concat([read_table(path) for path in campaign.tables.profiles[title]], ignore_index=True)
    target = np.where(wells["Metadata_Plate"] == wells["Metadata_Plate"].iloc[0], "plate", "negcon")
    write_table(wells.assign(Metadata_NormalisedTo=target), tmp_path / "wells.parquet")
    profiles = campaign.tables.profiles | {title: [tmp_path / "wells.parquet"]}
    tables = dataclasses.replace(campaign.tables, profiles=profiles)
    text = write_campaign(tmp_path / "i.html", tables=tables).root.text()
    plates = wells["Metadata_Plate"]
    assert f"1 of {plates.nunique()} plates ({plates[0]}) had too few negative controls to be measured" in text


def test_large_networks_are_cut_and_it_is_said(write_campaign, tmp_path, campaign):
    nodes = read_table(campaign.tables.nodes)
    many = pd.concat([nodes.assign(Metadata_Perturbation=[f"{place}-{copy}" for place in range(8)], Degree=copy)
                      for copy in range(5)], ignore_index=True)  # fmt: skip
    write_table(many, tmp_path / "nodes.parquet")
    settings = ReportConfig(max_nodes=10)
    tables = dataclasses.replace(campaign.tables, nodes=tmp_path / "nodes.parquet")
    page = write_campaign(tmp_path / "i.html", tables=tables, settings=settings)

    drawn = [trace for trace in page.figures()["figure-network"]["data"] if trace.get("hovertext")]
    assert sum(len(trace["x"]) for trace in drawn) == 10
    assert "The 10 best connected are drawn." in page.root.text()


def test_embedding_separates_batches_before_and_not_after(campaign_page):
    figure = campaign_page.figures()["figure-batches"]
    weeks = {
        (trace["name"], trace.get("xaxis", "x")): np.array([trace["x"], trace["y"]]).mean(axis=1)
        for trace in figure["data"]
    }
    before = np.linalg.norm(weeks["week 1", "x"] - weeks["week 2", "x"])
    after = np.linalg.norm(weeks["week 1", "x2"] - weeks["week 2", "x2"])

    assert before > 4 * after
    assert [note["text"] for note in figure["layout"]["annotations"]] == [
        "classical, uncorrected",
        "classical, sphering",
    ]
    assert sum(len(trace["x"]) for trace in figure["data"]) == 240


def test_many_wells_are_thinned_alike_and_it_is_said(write_campaign, tmp_path):
    page = write_campaign(tmp_path / "i.html", settings=ReportConfig(max_points=100))
    traces = page.figures()["figure-batches"]["data"]
    names = {
        axis: sorted(text for trace in traces if trace["xaxis"] == axis for text in trace["text"])
        for axis in ("x", "x2")
    }

    assert len(names["x"]) == len(names["x2"]) == 100
    assert [name.split(", batch")[0] for name in names["x"]] == [name.split(", batch")[0] for name in names["x2"]]
    assert "Of the wells, 100 are drawn, chosen at random." in page.root.text()


def test_wells_are_coloured_by_perturbation_too(campaign_page):
    figures = campaign_page.figures()
    traces = figures["figure-perturbations"]["data"]
    wells = {trace["name"]: len(trace["x"]) for trace in traces if trace["xaxis"] == "x"}
    # Two plates; eight compounds, the positive and the negative controls.
    assert len(wells) == 10
    assert (wells["negative controls"], wells["staurosporine"], wells["camptothecin"]) == (24, 4, 12)
    assert sum(wells.values()) == 120
    titles = [[note["text"] for note in figures[f"figure-{by}"]["layout"]["annotations"]] for by in
              ("batches", "mechanisms", "perturbations")]  # fmt: skip
    assert titles[0] == titles[1] == titles[2]
    assert "The same wells coloured by perturbation" in campaign_page.root.text()


def test_mechanisms_are_told_apart_by_colour_and_shape(campaign_page):
    traces = campaign_page.figures()["figure-mechanisms"]["data"]
    shown = [trace for trace in traces if trace["showlegend"]]
    marks = {(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in shown}

    assert {trace["name"] for trace in shown} >= {"negative controls", "no known mechanism", "DNA damage"}
    assert len(marks) == len(shown)


def test_differences_say_what_is_better_and_what_is_not_clear(campaign_page):
    before, learned = campaign_page.rows("Differences with 95 %")
    assert before["Against"] == "classical, none"
    assert before["Enrichment, top 1 %"] == "+5.00 better +1.50 to +9.00"
    assert before["Silhouette by batch"] == "−0.390 better −0.450 to −0.310"
    assert learned["Enrichment, top 1 %"] == "−6.00 no clear difference −13.0 to +2.00"
    assert learned["Silhouette by batch"] == "not computed no perturbation has wells in two batches"


def test_notes_that_cells_share_are_said_once_below_the_table(write_campaign, tmp_path, campaign):
    table = read_table(campaign.tables.differences)
    # Each cell has a number of its own, and all say the same of chance.
    table["Note"] = [
        f"rests on {row} pairs; less than chance counts as <chance>" if np.isfinite(difference) else "why not"
        for row, difference in enumerate(table["Difference"])
    ]
    path = tmp_path / "differences.parquet"
    write_table(table, path)
    page = write_campaign(
        tmp_path / "report" / "index.html", tables=dataclasses.replace(campaign.tables, differences=path)
    )
    before, learned = page.rows("Differences with 95 %")
    assert before["Enrichment, top 1 %"] == "+5.00 better [1] +1.50 to +9.00 rests on 0 pairs"
    assert before["Silhouette by batch"] == "−0.390 better [1] −0.450 to −0.310 rests on 1 pairs"
    assert learned["Silhouette by batch"] == "not computed why not"
    said = {note.attributes["id"]: note.text() for note in page.find("li") if "-note-" in note.attributes.get("id", "")}
    assert said == {"differences-note-1": "Less than chance counts as <chance>."}
    assert {link.attributes["href"] for mark in page.find("sup") for link in mark.find("a")} == {"#differences-note-1"}


def test_a_campaign_of_one_kind_of_profiles_folds_nothing_away(write_campaign, tmp_path, campaign):
    table = read_table(campaign.tables.scores[0])
    path = tmp_path / "scores.parquet"
    write_table(table[(table["Features"] == PRESET[0]) & (table["Correction"] == PRESET[1])], path)
    page = write_campaign(
        tmp_path / "report" / "index.html", tables=dataclasses.replace(campaign.tables, scores=[path])
    )
    assert page.find("table", id="table-preset-scores")
    assert not page.find("table", id="table-scores")


@pytest.mark.parametrize(
    ("first", "other", "low", "high", "words"),
    [
        ("deep", "classical", 0.1, 3.0, "deep features do better than classical ones: odds ratio 5.00 against 3.00"),
        ("classical", "deep", 0.1, 3.0, "deep features do worse than classical ones: odds ratio 3.00 against 5.00"),
        ("classical", "deep", -3.0, -0.1, "interval of the difference +0.100 to +3.00; only 2 pairs)."),
        ("deep", "classical", 0.0, 3.0, "deep features are not shown to do better or worse than classical ones"),
    ],
)
def test_learned_features_are_held_against_classical_ones_whichever_comes_first(first, other, low, high, words):
    row = [first, "none", other, "none", "enrichment@1", 5.0, 3.0, 2.0, low, high, "higher", "only 2 pairs"]
    also = [first, "none", first, "sphering", "enrichment@1", 5.0, 3.0, 2.0, low, high, "higher", ""]
    (sentence,) = learned_against_classical(pd.DataFrame([row, also], columns=DIFFERENCE_COLUMNS), "none")
    assert words in sentence


def test_what_cannot_be_compared_is_said():
    row = ["deep", "none", "classical", "none", "enrichment@1", *[np.nan] * 5, "higher", "no annotations"]
    (sentence,) = learned_against_classical(pd.DataFrame([row], columns=DIFFERENCE_COLUMNS), "none")
    assert sentence == "Whether deep features do better than classical ones cannot be said: no annotations."


@pytest.mark.parametrize(("low", "high"), [(np.nan, np.nan), (0.1, np.nan), (-np.inf, 3.0)])
@pytest.mark.parametrize("note", ["", "only 2 pairs"])
@pytest.mark.parametrize(("first", "other", "own"), [("deep", "classical", 5.0), ("classical", "deep", 3.0)])
def test_without_an_interval_no_verdict_is_given(low, high, note, first, other, own):
    row = [first, "none", other, "none", "enrichment@1", own, 8.0 - own, 2.0, low, high, "higher", note]
    table = pd.DataFrame([row], columns=DIFFERENCE_COLUMNS)
    (sentence,) = learned_against_classical(table, "none")
    assert sentence == (
        "At the top 1 %, whether deep features do better than classical ones cannot be said: odds ratio 5.00 against "
        f"3.00, without an interval of the difference{'; only 2 pairs' if note else ''}."
    )
    ((cell,),) = (line.cells for line in difference_rows(table))
    assert (cell.text, cell.interval, cell.change) == ("+2.00", "", "")


def test_batch_metrics_before_and_after(campaign_page):
    rows = {row["Metric"].split(" How")[0].split(" Balanced")[0]: row for row in campaign_page.rows("Batch metrics")}

    assert rows["Silhouette by batch"]["none"] == "0.412 0.400 to 0.450"
    assert rows["Silhouette by batch"]["sphering preset"] == "0.021 better 0.000 to 0.050"
    assert rows["Plate probe"]["sphering preset"] == "not computed two plates are too few"
    # Without intervals there is no verdict.
    assert rows["iLISI"]["sphering preset"] == "1.05"


def test_plates_link_to_their_pages(campaign_page):
    links = [link.attributes["href"] for link in campaign_page.one("div", class_="overview").find("a")]

    assert links == ["plates/BR001.html", "plates/BR002.html"]
    assert "1 field left out; 3 flagged wells" in campaign_page.root.text()


def test_the_comparison_of_engines_is_linked_where_there_is_one(write_campaign, tmp_path, campaign_page):
    page = write_campaign(tmp_path / "index.html", segmentation_page="segmentation.html")

    assert page.one("a", href="segmentation.html").text() == "Segmentation compared"
    assert not campaign_page.root.find("a", href="segmentation.html")


def test_the_network_can_be_searched_from_the_page_and_from_the_shortlist(write_campaign, tmp_path, campaign_page):
    page = write_campaign(tmp_path / "index.html", network_page="network.html")

    assert page.one("a", href="network.html").text() == "Search the network"
    listed = {name.text(): name.find("a")[0].attributes["href"] for name in listed_names(page)}
    # Encoded, so that the name is a part of the address whatever it holds.
    assert listed[HOSTILE] == "network.html#%3Cscript%3Ealert%28%22owned%22%29%3C/script%3E"
    assert not campaign_page.root.find("a", href="network.html")
    assert not [link for name in listed_names(campaign_page) for link in name.find("a")]


def listed_names(page):
    return [row.find("th")[0] for row in page.one("table", id="table-shortlist").find("tbody")[0].find("tr")]


def test_plates_that_came_after_the_fit_are_named(write_campaign, campaign, campaign_page, tmp_path):
    (path,) = campaign.tables.selection.values()
    write_table(read_table(path), tmp_path / "selection.parquet", {"fitted_on": ["BR001"]})
    tables = dataclasses.replace(campaign.tables, selection={"classical": tmp_path / "selection.parquet"})
    page = write_campaign(tmp_path / "index.html", tables=tables)
    (selection,) = page.rows("Features kept")
    assert selection["Plates looked at"] == "1"
    said = "classical: BR002 came after scale and features were fitted: put on that scale"
    assert said in (tmp_path / "index.html").read_text()
    assert said not in (campaign.root / "report" / "index.html").read_text()


def test_losses_are_listed(campaign_page):
    (bad,) = campaign_page.rows("Fields left out")
    assert (bad["Plate"], bad["Well"], bad["Site"], bad["Reason"]) == ("BR001", BAD_FIELD[0], "2", BAD_FIELD[2])
    (loss,) = campaign_page.rows("Rows that a step left out")
    assert loss == {"Step": "aggregate", "Reason": "no cells", "Rows": "2", "Which": "BR001 G10, BR002 G10"}
    (selection,) = campaign_page.rows("Features kept")
    assert selection == {
        "Features": "classical",
        "Plates looked at": "2",
        "Kept": "1",
        "Left out": "1: NaN 1: correlated above 0.9",
        "Filled in": "2 values of 1 feature, missing in a well, set to the controls' centre",
    }


def test_training_curves_are_drawn_without_settings(campaign_page):
    traces = campaign_page.figures()["figure-curves-0"]["data"]

    names = [trace["name"] for trace in traces]
    assert names == [
        "train loss",
        "validation loss",
        "train accuracy",
        "validation accuracy",
        "held-out wells of training plates: accuracy",
    ]
    assert traces[1]["y"][:5] == [None] * 5


def test_an_untrained_embedding_has_no_curves_and_it_is_said(write_campaign, tmp_path, campaign):
    write_table(read_table(campaign.tables.curves["deep"]).head(0), tmp_path / "curves.parquet")
    (tmp_path / "model.json").write_text(json.dumps(MODEL | {"kind": "random"}))
    tables = dataclasses.replace(
        campaign.tables,
        curves={"noise": tmp_path / "curves.parquet", **campaign.tables.curves},
        models={"noise": tmp_path / "model.json", **campaign.tables.models},
    )
    page = write_campaign(tmp_path / "i.html", tables=tables)

    assert "figure-curves-0" not in page.figures()
    assert "figure-curves-1" in page.figures()
    assert "noise Not trained" in page.root.text()


def test_panels_stand_two_in_a_row(write_campaign, tmp_path, campaign):
    paths = list(campaign.tables.profiles.values())
    tables = dataclasses.replace(campaign.tables, profiles={f"panel {n}": paths[n % 2] for n in range(5)})
    layout = write_campaign(tmp_path / "i.html", tables=tables).figures()["figure-batches"]["layout"]

    left = [layout[f"xaxis{n}"]["domain"][0] for n in ("", 2, 3, 4, 5)]
    assert left == [left[0], left[1], left[0], left[1], left[0]]
    assert layout["height"] > 1300


def test_provenance_names_files_below_the_campaign_and_the_config(campaign_page):
    rows = campaign_page.rows("Files, the first 16")
    names = [row["File"] for row in rows]

    assert "campaign/scores.parquet" in names
    assert "plates/BR001/qc/wells.parquet" in names
    assert not any(name.startswith("/") for name in names)
    assert all(len(row["SHA-256"]) == 16 for row in rows)
    assert '"stage": "scores"' in next(row for row in rows if row["File"] == "campaign/scores.parquet")["Stored facts"]
    assert f"note: {HOSTILE}" in campaign_page.find("pre")[-1].text()


def test_a_campaign_from_profiles_has_no_image_sections(write_campaign, tmp_path, campaign):
    tables = dataclasses.replace(campaign.tables, qc_wells={}, qc_fields={}, curves={}, selection={}, dropped=())
    page = write_campaign(tmp_path / "i.html", tables=tables, config=None, versions=None)

    for section in ("plates", "training"):
        assert page.find("h2", id=section) == []
    assert "started from a table of well profiles" in page.root.text()
    assert "2 plates in 2 batches, 120 wells" in page.root.text()
    assert "No step left out a row." in page.root.text()


def test_what_odds_ratios_rest_on_is_in_the_table_and_the_figure(campaign_page):
    rows = campaign_page.one("table", id="table-enrichment").find("tr")[1:]
    texts = [" ".join(row.text().split()) for row in rows]
    own = [text for text in texts if text.startswith("classical sphering profiles")]

    assert own[0].endswith("few: 10 pairs, 9 of a shared mechanism (2.0 by chance)")
    assert own[-1].endswith("200 pairs, 9 of a shared mechanism (40 by chance)")
    assert "few" not in own[-1]
    assert next(text for text in texts if text.startswith("deep sphering profiles")).endswith("no pairs to rank")
    curves = [trace for trace in campaign_page.figures()["figure-enrichment"]["data"] if "customdata" in trace]
    colour = curves[0]["line"]["color"]
    assert curves[0]["marker"]["color"] == ["#ffffff", "#ffffff", colour, colour, colour]
    assert "Open marks rest on few pairs" in campaign_page.root.text()


def test_an_empty_enrichment_says_so(write_campaign, tmp_path, campaign):
    table = read_table(campaign.tables.enrichment[0]).assign(OddsRatio=np.nan, Low=np.nan, High=np.nan, PValue=np.nan)
    write_table(table, tmp_path / "e.parquet")
    tables = dataclasses.replace(campaign.tables, enrichment=[tmp_path / "e.parquet"])
    page = write_campaign(tmp_path / "i.html", tables=tables)

    assert "figure-enrichment" not in page.figures()
    assert "No odds ratio could be computed" in page.root.text()


def test_same_input_same_bytes(write_campaign, campaign, campaign_page, tmp_path):
    again = write_campaign(campaign.root / "report" / "again.html")

    assert again.source == campaign_page.source


def test_a_missing_table_is_named_and_nothing_is_written(write_campaign, tmp_path, campaign):
    tables = dataclasses.replace(campaign.tables, scores=[tmp_path / "gone.parquet"])
    with pytest.raises(DataError, match=r"gone\.parquet: cannot be read.*Hint"):
        write_campaign(tmp_path / "i.html", tables=tables)
    assert list(tmp_path.iterdir()) == []


def test_preset_is_the_one_that_is_judged(write_campaign, tmp_path):
    page = write_campaign(tmp_path / "i.html", preset=("deep", "none"))

    assert "mean average precision of 0.500" in page.find("div", class_="verdict no")[0].text()
    assert PRESET != ("deep", "none")
    heads = [head.text() for head in page.find("table", id="table-batches")[0].find("th", scope="col")]
    assert heads == ["Features", "Metric", "Better", "none preset", "sphering"]


def test_the_training_says_what_was_learned_and_what_could_not_be(campaign_page):
    text = campaign_page.root.text()
    assert "Network small of 212,676 parameters, 128 features." in text
    assert "It learned from 1,234 cells of BR001, for 640 steps of 64 cells. 567 cells of BR002 were only" in text
    assert "Adversary against: batch, with weight 1." in text
    assert "345 cells in 12 wells of the training plates were held out and only measured on." in text
    assert "Guessing one of 3 classes is right in 33 % of the cells." in text
    assert "The probe for the batch is right in 25 % by chance, one of 4 batches." in text
    assert "1 of 3 classes occur in one batch only: to name one of them is to name its batch, and what" in text


def test_what_was_not_held_out_or_guessed_is_not_told(tmp_path):
    nothing = {"held_out_wells": 0, "held_out_cells": 0, "chance_accuracy": None, "probe_batch_chance": None}
    facts = MODEL | {"kind": "self", "classes": [], "classes_in_one_batch": [], "figures": MODEL["figures"] | nothing}
    (tmp_path / "model.json").write_text(json.dumps(facts))
    text = " ".join(training_words(tmp_path / "model.json"))
    assert text.endswith("were only measured on. Adversary against: batch, with weight 1.")
    assert "held out" not in text


@pytest.mark.parametrize("text", ["", "{}", '{"kind": "magic"}'])
def test_a_damaged_description_of_an_embedding_is_named(tmp_path, text):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(DataError, match=r"model\.json: cannot be read .*Hint: remove its folder"):
        training_words(tmp_path / "model.json")


def test_untrained_weights_say_so(tmp_path):
    facts = {"kind": "random", "architecture": {"network": "small", "features": 8}, "parameters": 7}
    (tmp_path / "model.json").write_text(json.dumps(facts))
    words = training_words(tmp_path / "model.json")
    assert words[0].startswith("Not trained")
    assert len(words) == 2
    (tmp_path / "model.json").write_text(json.dumps(facts | {"kind": "file"}))
    assert training_words(tmp_path / "model.json")[0] == "Taken as it is: another campaign trained it."


@pytest.mark.parametrize("kind", ["timm", "file"])
def test_a_published_network_is_named(tmp_path, kind):
    shape = {"kind": "timm", "name": "vit_small_patch16_224.dino", "features": 1920}
    (tmp_path / "model.json").write_text(json.dumps({"kind": kind, "architecture": shape, "parameters": 21665664}))
    words = training_words(tmp_path / "model.json")
    assert words[0].startswith("Taken as it is")
    assert words[1] == "Network vit_small_patch16_224.dino of 21,665,664 parameters, 1,920 features."


def test_every_kind_of_embedding_has_words():
    (members, _) = get_args(EmbeddingConfig)
    kinds = [get_args(member.model_fields["kind"].annotation) for member in get_args(members)]
    assert {kind for (kind,) in kinds} == set(AIMS)


def test_what_moved_is_said_in_words_and_numbers_most_first(campaign_page):
    first, second, third = campaign_page.rows("What moved under each treatment")
    assert first["Perturbation"] == "aspirin"
    assert (first["Dose"], first["Wells"]) == ("10", "4")
    assert (first["classical features"], first["deep features"]) == ("120 of 900", "60 of 128")
    assert first["In words"] == "nuclei 1.6x larger, ER dimmer in cells"
    # The largest effects that are sure.
    assert first["Largest effects"] == (
        "2 effects Cells_Intensity_MeanIntensity_ER −9.0 (q = 0.01) Nuclei_AreaShape_Area +8.2 (q = 0.01)"
    )
    assert (second["Perturbation"], second["deep features"], second["Largest effects"]) == ("alone", "no wells", "none")
    assert (third["Perturbation"], third["Dose"]) == (HOSTILE, "none")
    assert third["In words"] == "nothing that is sure one well: nothing can be sure"


def test_what_moved_without_words_is_not_called_nothing():
    table = pd.DataFrame([["a", 1.0, 4, 7, 900, "", ""], ["b", 1.0, 4, 0, 900, "", ""]], columns=SUMMARY_COLUMNS)
    rows = moved_rows({"classical": table}, {"classical": pd.DataFrame(columns=MOVER_COLUMNS)})
    assert [row.words for row in rows] == ["features that have no words here", "nothing that is sure"]


def test_more_treatments_than_the_page_shows_are_counted(write_campaign, tmp_path, campaign):
    table = read_table(campaign.tables.treatments["classical"])
    many = pd.concat([table.iloc[[1]].assign(Metadata_Perturbation=f"drug {number}") for number in range(302)])
    write_table(many, tmp_path / "many.parquet")
    tables = dataclasses.replace(
        campaign.tables,
        treatments={"classical": tmp_path / "many.parquet"},
        movers={"classical": campaign.tables.movers["classical"]},
    )
    page = write_campaign(tmp_path / "i.html", tables=tables)
    assert len(page.rows("What moved under each treatment")) == 300
    assert "2 more are in the tables" in page.root.text()


def test_learned_features_are_told_by_engineered_ones(campaign_page):
    text = campaign_page.root.text()
    assert "Of 2 features 1 are predicted with an R² above 0.5 (median 0.50)" in text
    first, second = campaign_page.rows("Learned features of deep that engineered ones predict best")
    assert first["Feature"] == "Deep_000"
    assert first["Most alike (correlation)"] == "Nuclei_AreaShape_Area (0.91), Cells_AreaShape_Area (-0.40)"
    assert second["R²"] == "0.20"


def test_why_nothing_could_be_predicted_is_said():
    table = pd.DataFrame([["Deep_000", np.nan, "", "", 4, "fewer than 5 perturbations"]], columns=PREDICTION_COLUMNS)
    (found,) = predicted_features({"deep": table})
    assert found.sentence == "Not computed: fewer than 5 perturbations."
    assert found.rows == []


def test_the_dashed_line_is_explained_where_there_is_one(write_campaign, tmp_path, campaign, campaign_page):
    assert "figure-tradeoff" not in campaign_page.figures()
    batches = read_table(campaign.tables.batches[0])
    biology = batches[:2].assign(Metric="map_moa", Value=0.5)
    for chance in (np.nan, -0.02):
        table = pd.concat([batches.assign(Chance=chance), biology])
        write_table(table, tmp_path / "batches.parquet")
        tables = dataclasses.replace(campaign.tables, batches=[tmp_path / "batches.parquet"])
        page = write_campaign(tmp_path / "i.html", tables=tables)
        assert len(page.figures()["figure-tradeoff"]["data"]) == 2
        assert "probe learned from" not in page.root.text()
        assert ("Dashed: what the score would be by chance." in page.root.text()) == np.isfinite(chance)


def test_an_adversary_is_pointed_out_beside_the_panels(write_campaign, tmp_path, campaign_page):
    page = write_campaign(tmp_path / "i.html", adversarial=["deep_adversarial"])
    assert "deep_adversarial learned to hide where a cell comes from" in page.root.text()
    assert "learned to hide where" not in campaign_page.root.text()


def test_exemplars_are_shown_with_what_the_network_sees(campaign_page):
    first, second = campaign_page.rows("Exemplars in the features of deep")
    assert first["Treatment"] == "DMSO (negative control) 2 of 2 cells"
    assert first["Cells in the middle, the medoid first"] == "first: BR001 A01, field 1"
    assert second["Treatment"] == f"{HOSTILE} at 10 1 of 1 cell"
    # The largest share first.
    assert second["What the network sees in the first"].startswith(f"{CHANNELS[0]} 70 %")
    pictures = [
        element.attributes["src"] for element in campaign_page.find("img") if "cells of" in element.attributes["alt"]
    ]
    sizes = [Image.open(io.BytesIO(base64.b64decode(text.partition(",")[2]))).size for text in pictures]
    # Two cells of 32 pixels with a gap, and one.
    assert sizes == [(67, 32), (32, 32)]


def test_without_a_cell_to_show_it_is_said(write_campaign, tmp_path, campaign):
    write_table(read_table(campaign.tables.exemplars["deep"]).head(0), tmp_path / "none.parquet")
    save_tensors(tmp_path / "none.safetensors", {}, {"channels": list(CHANNELS)})
    tables = dataclasses.replace(
        campaign.tables, exemplars={"deep": tmp_path / "none.parquet"}, pictures={"deep": tmp_path / "none.safetensors"}
    )
    page = write_campaign(tmp_path / "i.html", tables=tables)
    assert "There is no cell with a crop and features to show." in page.root.text()


def test_the_shortlist_names_what_is_worth_following_and_counts_why_others_are_not(campaign_page):
    first, second = campaign_page.rows("Shortlist, the surest")
    assert (first["Rank"], first["Perturbation"], first["q"]) == ("1", "β-lapachone", "q < 0.0001")
    assert first["By cell count"] == "12 %"
    assert first["Nearest of a known mechanism"] == f"{HOSTILE} (tubulin inhibitor; similarity 0.750)"
    assert first["Wells to look at"] == "BR001 B02, BR002 B02"
    assert (second["Perturbation"], second["Nearest of a known mechanism"]) == (HOSTILE, "none")
    assert second["By cell count"] == "not known"
    text = campaign_page.root.text()
    assert "Of 8 perturbations, 2 are active, reproducible" in text
    assert "3 are not shown to be active, 1 is not reproducible, 1 is explained by the number of cells" in text
    assert "of 1 it is not known what the number of cells explains" in text


def test_communities_hubs_and_bridges_are_told(campaign_page):
    text = campaign_page.root.text()
    # Of three communities one is found again at 0.6 only.
    assert "3 communities of two or more, 2 of them stable" in text
    assert f"Hubs, which hold a community together: {HOSTILE}." in text
    assert "Bridges, whose connections lead into several communities: a very long name" in text


def test_an_empty_shortlist_says_so(write_campaign, tmp_path, campaign):
    table = read_table(campaign.tables.shortlist)
    write_table(table.assign(Listed=False, Active=False, Rank=np.nan), tmp_path / "s.parquet")
    page = write_campaign(
        tmp_path / "i.html", tables=dataclasses.replace(campaign.tables, shortlist=tmp_path / "s.parquet")
    )
    assert "No perturbation passes all criteria." in page.root.text()
