"""The verdict in every case, from rows by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from platewise.report.headline import NO, UNKNOWN, YES, Counts, cautions, judge, network_cautions, scale_cautions
from platewise.report.scores import batch_rows, score_groups

PRESET = ("deep", "sphering")
COUNTS = Counts(plates=2, batches=2, wells=10, perturbations=4, treatments=4, mechanisms=2, annotated=4)


def scores(*rows: tuple) -> pd.DataFrame:
    """Rows of (metric, baseline, value, p, note) of the preset."""
    names = ["Metric", "Baseline", "Value", "PValue", "Note"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(Features="deep", Correction="sphering", Low=np.nan, High=np.nan, Evaluated=4, Total=4)


def verdict(*rows: tuple, metrics=("map_moa", "enrichment", "nsc")):
    return judge(score_groups(scores(*rows), PRESET), metrics)


OWN = ("map_moa", "", 0.6, 0.01, "")
COUNT = ("map_moa", "cell_count", 0.3, 0.01, "")
POSITION = ("map_moa", "position", 0.3, 0.01, "")
SHUFFLED = ("map_moa", "shuffled", 0.2, 0.01, "")


def test_yes_when_chance_and_all_baselines_are_beaten():
    found = verdict(OWN, COUNT, POSITION, SHUFFLED)

    assert (found.state, found.limit) == (YES, "")


@pytest.mark.parametrize(
    ("rows", "limit"),
    [
        ([("map_moa", "", 0.6, 0.2, ""), COUNT, POSITION, SHUFFLED], "not above chance"),
        ([OWN, ("map_moa", "cell_count", 0.5, 0.06, ""), POSITION, SHUFFLED], "not above cell count alone"),
        ([OWN, ("map_moa", "cell_count", 0.7, 0.01, ""), POSITION, SHUFFLED], "not above cell count alone"),
        ([OWN, COUNT, POSITION, ("map_moa", "shuffled", 0.59, 0.5, "")], "not above shuffled labels"),
    ],
)
def test_not_shown_when_one_is_not_beaten(rows, limit):
    found = verdict(*rows)

    assert (found.state, found.limit) == (NO, limit)


def test_a_baseline_that_could_not_be_computed_limits_a_yes():
    found = verdict(OWN, ("map_moa", "cell_count", np.nan, np.nan, "no counts in the table"), POSITION, SHUFFLED)

    assert (found.state, found.limit) == (YES, "but not compared with cell count alone")
    assert "With cell count alone: not compared (no counts in the table)." in found.sentences


def test_a_baseline_that_is_missing_limits_a_yes():
    assert verdict(OWN, SHUFFLED).limit == "but not compared with cell count alone and well position alone"


def test_nothing_is_claimed_without_a_test_against_chance():
    assert verdict(("map_moa", "", 0.6, np.nan, ""), COUNT, POSITION).state == UNKNOWN


def test_shuffled_labels_stand_in_for_the_own_p():
    assert verdict(("map_moa", "", 0.6, np.nan, ""), COUNT, POSITION, SHUFFLED).state == YES


def test_the_first_computed_metric_is_judged_even_if_a_later_one_is_better():
    found = verdict(
        ("map_moa", "", np.nan, np.nan, "too few"),
        ("enrichment@2", "", 1.5, 0.4, ""),
        ("nsc", "", 0.99, 0.001, ""),
        ("nsc", "shuffled", 0.1, 0.001, ""),
    )

    assert found.state == NO
    assert found.sentences[0].startswith(
        "Among the 2 % most similar pairs, the odds of sharing a mechanism are 1.50 times"
    )


def test_without_any_metric_the_notes_are_the_answer():
    found = verdict(("map_moa", "", np.nan, np.nan, "no mechanism is shared by two perturbations"))

    assert found.state == UNKNOWN
    assert found.sentences == ["MOA mAP: no mechanism is shared by two perturbations"]
    assert judge(score_groups(scores(("other", "", 1.0, 0.1, "")), PRESET), ["nsc"]).state == UNKNOWN


def test_rows_of_other_variants_are_not_judged():
    table = scores(OWN, COUNT, POSITION, SHUFFLED).assign(Correction="none")

    assert judge(score_groups(table, PRESET), ["map_moa"]).state == UNKNOWN


def test_cautions_come_from_notes_baselines_and_counts():
    groups = score_groups(
        scores(
            ("map_moa", "", 0.6, 0.01, "position and perturbation are inseparable"),
            ("map_moa", "cell_count", 0.7, 0.9, ""),
            ("nscb", "", np.nan, np.nan, ""),
        ),
        PRESET,
    )
    poor = Counts(1, 1, 10, 4, 4, 1, annotated=3, cells=1000, fields_ok=90, fields_bad=10, flagged=2)

    assert [(caution.text, caution.about) for caution in cautions(groups, poor)] == [
        ("Position and perturbation are inseparable", "MOA mAP"),
        ("Not shown to exceed what cell count alone would give", "MOA mAP"),
        ("Not computed, and the scores table gives no reason", "NSCB"),
        ("All plates are of one batch: nothing can be said about another day or another laboratory", ""),
        ("1 perturbation without a known mechanism cannot count for or against the network", ""),
        ("10 % of all fields could not be used; their wells rest on fewer cells", ""),
    ]
    assert cautions([], COUNTS) == []


def test_a_network_of_few_connections_is_not_hidden_by_a_good_score():
    (caution,) = network_cautions(nodes=38, alone=34)

    assert caution.text.startswith("34 of 38 perturbations have no connection that survives")
    assert network_cautions(nodes=38, alone=19) == []
    assert network_cautions(nodes=0, alone=0) == []


def test_a_caution_of_several_scores_is_said_once():
    note = "every treatment sits in one well position"
    groups = score_groups(
        scores(
            ("map_moa", "", 0.6, 0.01, note),
            ("map_replicate", "", 0.6, 0.01, note),
            ("nsc", "", np.nan, np.nan, f"no match; {note}"),
        ),
        PRESET,
    )

    assert [(caution.text, caution.about) for caution in cautions(groups, COUNTS)] == [
        ("Every treatment sits in one well position", "all scores"),
        ("Not computed: no match", "NSC"),
    ]


def test_plates_that_are_measured_from_their_own_wells_are_named():
    plates = [f"P{number}" for number in range(9)]
    wells = pd.DataFrame({"Metadata_Plate": np.repeat(plates, 2), "Metadata_NormalisedTo": "negcon"})

    assert scale_cautions(wells) == []
    assert scale_cautions(wells.drop(columns="Metadata_NormalisedTo")) == []
    few = wells.assign(Metadata_NormalisedTo=np.where(wells["Metadata_Plate"] == "P3", "plate", "negcon"))
    assert scale_cautions(few)[0].text.startswith("1 of 9 plates (P3) had too few negative controls to be measured")
    every = scale_cautions(wells.assign(Metadata_NormalisedTo="plate"))[0].text
    assert every.startswith("9 of 9 plates (P0, P1, P2, P3, P4, ...) had too few")


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [((0.8, 0.7, 0.9), (0.5, 0.4, 0.75), "no clear change"), ((0.8, 0.7, 0.9), (0.5, 0.4, 0.6), "better")],
)
def test_a_change_is_clear_only_where_intervals_part(before, after, change):
    table = pd.DataFrame([before, after], columns=["Value", "Low", "High"])
    table = table.assign(Features="deep", Correction=["none", "combat"], Metric="probe_plate", Better="lower", Note="")
    (row,) = batch_rows(table, ["none", "combat"])

    assert row.cells[1].change == change


@pytest.mark.parametrize(
    ("before", "after", "better", "half", "change"),
    [
        (0.4, 0.1, "lower", 0.01, "better"),
        (0.4, 0.6, "lower", 0.01, "worse"),
        (1.0, 1.5, "higher", 0.01, "better"),
        (1.0, 1.0, "higher", 0.01, "no clear change"),
        (1.0, 1.5, "higher", 0.3, "no clear change"),
        # Without intervals nothing is clear.
        (0.4, 0.1, "lower", np.nan, ""),
    ],
)
def test_change_of_a_batch_metric(before, after, better, half, change):
    table = pd.DataFrame(
        {
            "Features": "deep",
            "Correction": ["none", "combat"],
            "Metric": "ilisi",
            "Value": [before, after],
            "Low": [before - half, after - half],
            "High": [before + half, after + half],
            "Better": better,
            "Note": "",
        }
    )
    (row,) = batch_rows(table, ["none", "combat", "harmony"])

    assert [cell.change for cell in row.cells] == ["", change, ""]
    assert row.cells[2].text == "not run"


@pytest.mark.parametrize(
    ("before", "after", "chance", "change"),
    [
        # A probe: guessing is 0.25. Telling batches worse than that is guessing, too.
        (0.25, 0.005, (0.25, 0.25), "no clear change"),
        (0.60, 0.005, (0.25, 0.25), "better"),
        # Silhouettes: less than before, and no less above chance.
        (-0.02, -0.08, (-0.03, -0.09), "no clear change"),
        (0.30, -0.08, (-0.03, -0.09), "better"),
    ],
)
def test_a_batch_metric_is_taken_from_what_it_is_by_chance(before, after, chance, change):
    table = pd.DataFrame({"Value": [before, after], "Chance": chance, "Correction": ["none", "combat"]})
    table = table.assign(Low=table["Value"] - 0.002, High=table["Value"] + 0.002)
    table = table.assign(Features="deep", Metric="probe_batch", Better="lower", Note="")
    (row,) = batch_rows(table, ["none", "combat"])

    assert row.cells[1].change == change
