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
    figure = tradeoff_figure(batches(ROWS), ("deep", "sphering"))
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
    figure = tradeoff_figure(batches(rows), ("deep", "none"))
    assert {trace["name"]: trace["x"] for trace in figure["data"]} == {"deep, none": [0.9], "deep, sphering": [0.5]}


def test_chance_is_drawn_where_it_is_known():
    probe = tradeoff_figure(batches([*ROWS, ("deep", "sphering", "probe_batch", 0.1, 0.0, 0.2)]), ("deep", "none"))
    (line,) = probe["layout"]["shapes"]
    assert (line["x0"], line["x1"]) == (0.25, 0.25)
    assert "shapes" not in tradeoff_figure(batches(ROWS), ("deep", "none"))["layout"]


def test_one_point_is_no_figure():
    assert tradeoff_figure(batches(ROWS[:2]), ("deep", "none")) is None
    assert tradeoff_figure(batches([]), ("deep", "none")) is None
