"""The figure of batch against biology."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.report.tradeoff import tradeoff_figure

COLUMNS = ["Features", "Correction", "Metric", "Value", "Low", "High"]
CHANCE = {"probe_batch": 0.25}
ROWS = [
    ("deep", "none", "silhouette_batch", 0.3, 0.2, 0.5),
    ("deep", "none", "map_moa", 0.6, 0.5, 0.65),
    ("deep", "sphering", "silhouette_batch", 0.1, np.nan, np.nan),
    ("deep", "sphering", "map_moa", 0.7, 0.6, 0.8),
    ("classical", "none", "silhouette_batch", 0.2, 0.1, 0.3),
    ("classical", "none", "map_moa", np.nan, np.nan, np.nan),
    # Of one variant only: no axis.
    ("deep", "none", "probe_batch", 0.9, 0.8, 1.0),
]


def batches(rows):
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(Chance=table["Metric"].map(CHANCE))


def test_a_point_a_variant_with_its_intervals():
    figure = tradeoff_figure(batches(ROWS), ("deep", "sphering")).figure
    points = {trace["name"]: trace for trace in figure["data"]}
    assert list(points) == ["deep, none", "deep, sphering"]
    first = points["deep, none"]
    assert (first["x"], first["y"]) == ([0.3], [0.6])
    assert np.allclose([first["error_x"]["array"], first["error_x"]["arrayminus"]], [[0.2], [0.1]])
    assert np.allclose([first["error_y"]["array"], first["error_y"]["arrayminus"]], [[0.05], [0.1]])
    preset = points["deep, sphering"]
    assert preset["error_x"]["array"] == preset["error_x"]["arrayminus"] == [0.0]
    assert preset["marker"]["size"] > first["marker"]["size"]
    assert preset["marker"]["symbol"] != first["marker"]["symbol"]
    assert figure["layout"]["xaxis"]["title"]["text"].startswith("Silhouette by batch")


def test_the_probe_goes_before_the_silhouette_where_it_can_be_computed():
    rows = [*ROWS, ("deep", "sphering", "probe_batch", 0.5, 0.4, 0.6)]
    figure = tradeoff_figure(batches(rows), ("deep", "none")).figure
    assert {trace["name"]: trace["x"] for trace in figure["data"]} == {"deep, none": [0.9], "deep, sphering": [0.5]}


def test_chance_is_drawn_where_it_is_known():
    rows = [*ROWS, ("deep", "sphering", "probe_batch", 0.1, 0.0, 0.2)]
    probe = tradeoff_figure(batches(rows), ("deep", "none"))
    (line,) = probe.figure["layout"]["shapes"]
    assert (line["x0"], line["x1"]) == (0.25, 0.25)
    assert probe.chance.startswith("Dashed: what the score would be by chance. What lies left of it is no better than")
    assert "the probe learned from" in probe.chance
    without = tradeoff_figure(batches(ROWS), ("deep", "none"))
    assert "shapes" not in without.figure["layout"]
    assert without.chance == ""


def test_chance_of_a_silhouette_is_not_explained_by_a_probe():
    table = batches(ROWS).assign(Chance=lambda own: np.where(own["Metric"] == "silhouette_batch", -0.05, np.nan))
    found = tradeoff_figure(table, ("deep", "none"))
    assert found.figure["layout"]["shapes"][0]["x0"] == -0.05
    assert found.chance == "Dashed: what the score would be by chance."


def test_where_chance_differs_the_line_is_that_of_the_preset():
    chances = [-0.05, np.nan, -0.02, np.nan, -0.01, np.nan, np.nan]
    table = batches(ROWS).assign(Chance=chances)
    found = tradeoff_figure(table, ("deep", "sphering"))
    assert found.figure["layout"]["shapes"][0]["x0"] == -0.02
    assert found.chance == "Dashed: what the score would be by chance, for the preset."
    # The preset is no point of the figure: what lies outside it says nothing of the others.
    none = tradeoff_figure(table, ("classical", "none"))
    assert ("shapes" in none.figure["layout"], none.chance) == (False, "")


def test_one_point_is_no_figure():
    assert tradeoff_figure(batches(ROWS[:2]), ("deep", "none")) is None
    assert tradeoff_figure(batches([]), ("deep", "none")) is None
