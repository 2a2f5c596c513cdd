"""The figure of batch against biology."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.report.tradeoff import tradeoff_figure

COLUMNS = ["Features", "Correction", "Metric", "Value", "Low", "High"]
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


def test_a_point_a_variant_with_its_intervals():
    figure = tradeoff_figure(pd.DataFrame(ROWS, columns=COLUMNS), ("deep", "sphering"))
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
    figure = tradeoff_figure(pd.DataFrame(rows, columns=COLUMNS), ("deep", "none"))
    assert {trace["name"]: trace["x"] for trace in figure["data"]} == {"deep, none": [0.9], "deep, sphering": [0.5]}


def test_one_point_is_no_figure():
    assert tradeoff_figure(pd.DataFrame(ROWS[:2], columns=COLUMNS), ("deep", "none")) is None
    assert tradeoff_figure(pd.DataFrame([], columns=COLUMNS), ("deep", "none")) is None
