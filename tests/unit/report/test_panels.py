"""Which panels show the wells before and after correction, and how wells are told apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from platewise.columns import BATCH, CONTROL_TYPE, DOSE, MOA, PERTURBATION, PLATE, WELL
from platewise.report.panels import MOST_PERTURBATIONS, choose_panels, projection_figure

METHODS = {"none": "none", "sphering": "sphering", "combat": "combat"}


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        # Where the preset leaves profiles as they are, it comes after the first correction that does not.
        (
            ("deep", "none"),
            ["classical uncorrected", "classical sphering", "deep uncorrected", "deep sphering", "deep none"],
        ),
        (("deep", "combat"), ["classical uncorrected", "classical combat", "deep uncorrected", "deep combat"]),
        (
            ("classical", "sphering"),
            ["deep uncorrected", "deep sphering", "classical uncorrected", "classical sphering"],
        ),
        (
            ("classical", "none"),
            ["deep uncorrected", "deep sphering", "classical uncorrected", "classical sphering", "classical none"],
        ),
    ],
)
def test_the_presets_own_panel_is_there_once_and_last(preset, expected):
    assert [" ".join(panel) for panel in choose_panels(["classical", "deep"], METHODS, preset)] == expected


def test_without_any_correction_after_is_what_was_normalised():
    panels = choose_panels(["classical"], {"as_it_is": "none"}, ("classical", "as_it_is"))
    assert panels == [("classical", "uncorrected"), ("classical", "as_it_is")]


def draw(counts, most=MOST_PERTURBATIONS):
    """Return the traces of two panels with so many wells of each perturbation, and four negative controls."""
    names = [name for name, count in counts.items() for _ in range(count)] + ["DMSO"] * 4
    wells = pd.DataFrame({PERTURBATION: names}).assign(**{PLATE: "P1", WELL: "A01", BATCH: "B1", MOA: "", DOSE: np.nan})
    wells[CONTROL_TYPE] = np.where(wells[PERTURBATION] == "DMSO", "negcon", "")
    scores = np.random.default_rng(0).normal(size=(len(wells), 2))
    panel = (wells, scores, np.array([0.5, 0.2]))
    return projection_figure({"before": panel, "after": panel}, PERTURBATION, shape_controls=True, most=most)["data"]


def test_perturbations_with_most_wells_are_told_apart_and_the_others_are_counted():
    traces = draw({"a": 1, "b": 3, "c": 2, "d": 2, "e": 1}, most=2)
    first = [trace for trace in traces if trace["xaxis"] == "x"]
    # Of c and d, which have as many wells, the first by name.
    assert [(trace["name"], len(trace["x"])) for trace in first] == [
        ("negative controls", 4),
        ("3 others", 4),
        ("b", 3),
        ("c", 2),
    ]
    grey = {trace["name"] for trace in first if trace["marker"]["color"] == first[0]["marker"]["color"]}
    assert grey == {"negative controls", "3 others"}
    assert [trace["name"] for trace in traces if trace["showlegend"]] == [trace["name"] for trace in first]


def test_one_that_is_left_is_one_other():
    assert "1 other" in {trace["name"] for trace in draw({"a": 2, "b": 1}, most=1)}


def test_as_many_as_have_a_mark_of_their_own_and_no_more():
    traces = draw({f"drug {number}": 2 for number in range(MOST_PERTURBATIONS)})
    marks = {(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in traces}
    assert len(marks) == MOST_PERTURBATIONS + 1
    assert not any("other" in trace["name"] for trace in traces)
    assert "1 other" in {trace["name"] for trace in draw({f"drug {n}": 2 for n in range(MOST_PERTURBATIONS + 1)})}
