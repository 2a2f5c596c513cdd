"""What is noted of a correction is said once."""

from __future__ import annotations

import pandas as pd

from platewise.report.correction_notes import correction_notes, without_notes


def scores(rows):
    return pd.DataFrame(rows, columns=["Correction", "Baseline", "Note"])


def test_words_beside_every_score_of_one_correction_are_its_own():
    table = scores(
        [
            ("none", "", "few pairs; one plate"),
            ("none", "", "one plate"),
            ("combat", "", "few pairs; removes phenotype; one plate"),
            ("combat", "", "removes phenotype; one plate"),
            ("combat", "shuffled", ""),
        ]
    )
    notes = correction_notes(table)
    assert notes == {"combat": "removes phenotype"}
    left = without_notes(table, notes)["Note"].tolist()
    assert left == ["few pairs; one plate", "one plate", "few pairs; one plate", "one plate", ""]


def test_what_is_true_of_every_correction_stays_where_it_is():
    table = scores([("none", "", "one plate"), ("combat", "", "one plate")])
    assert correction_notes(table) == {}
    assert without_notes(table, {}).equals(table)


def test_a_single_correction_has_no_words_of_its_own():
    assert correction_notes(scores([("combat", "", "removes phenotype")])) == {}


def test_differences_name_two_corrections():
    table = pd.DataFrame(
        {"Correction": ["none", "combat"], "OtherCorrection": ["combat", "none"], "Note": ["a; b", "b"]}
    )
    assert without_notes(table, {"combat": "b"})["Note"].tolist() == ["a", ""]
