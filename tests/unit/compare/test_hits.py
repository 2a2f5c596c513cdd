import numpy as np
import pandas as pd
from small_run import perturbations_table

from platewise.compare.hits import compare_hits, match_hits, read_hits

VARIANT = ("classical", "none")
PERTURBATIONS = "campaign/evaluation/classical.none.perturbations.parquet"


def _compare(pair):
    return compare_hits(pair, {VARIANT: (read_hits(pair.old, VARIANT), read_hits(pair.new, VARIANT))})


def test_hits_are_read_with_the_settings_of_the_scores(pair):
    """``max_q`` is 0.5 in the provenance of the small run; by default none would be active."""
    hits = read_hits(pair().old, VARIANT)
    assert hits["Active"].tolist() == [True, True, True]
    assert hits["Replicates"].tolist() == [True, True, False]
    assert hits["Precision"].tolist() == [1, 0.9, 0.8]


def test_what_could_not_be_told_is_not_a_miss(pair):
    found = pair(tables={PERTURBATIONS: perturbations_table(q=(0.1, np.nan, 0.7))})
    assert read_hits(found.new, VARIANT)["Active"].tolist() == [True, pd.NA, False]
    rows = _compare(found).rows("classical.none.active")
    assert list(zip(rows["Perturbation"], rows["Change"], strict=True)) == [
        ("Z", "lost"),
        ("Y", "only in OLD"),
        ("X", "hit in both"),
    ]


def test_gained_and_lost_come_first():
    old = pd.DataFrame({"Perturbation": list("abcd"), "Replicates": [True, True, False, False]})
    new = pd.DataFrame({"Perturbation": list("bcde"), "Replicates": [False, True, False, True]})
    table = match_hits(old, new, "Replicates")
    assert dict(zip(table["Perturbation"], table["Change"], strict=True)) == {
        "b": "lost",
        "c": "gained",
        "a": "only in OLD",
        "e": "only in NEW",
        "d": "hit in neither",
    }
    assert table["Perturbation"].tolist()[:2] == ["b", "c"]


def test_the_same_hits(pair):
    section = _compare(pair())
    assert section.moved is False
    facts = section.facts["classical.none"]
    assert facts["active"] == {"largest_change": 0, "compared": 3, "old": 3, "new": 3, "gained": 0, "lost": 0}
    assert facts["replicating"] == {"compared": 3, "old": 2, "new": 2, "gained": 0, "lost": 0}


def test_gained_and_lost_hits_are_named(pair):
    table = perturbations_table(replicating=(0.0, 1.0, 0.5)).assign(MapReplicate=[1.0, 0.9, 0.5])
    section = _compare(pair(tables={PERTURBATIONS: table}))
    assert section.moved is True
    assert section.sentences == [
        "classical.none: 3 active in OLD, 3 in NEW (of 3 perturbations in both); none gained or lost; precision "
        "changed by 0.30 at most.",
        "classical.none: 2 replicating in OLD, 2 in NEW (of 3 perturbations in both); 1 gained (Z) and 1 lost (X).",
    ]
    assert section.rows("classical.none.replicating")["Change"].tolist() == ["lost", "gained", "hit in both"]


def test_why_nothing_could_be_told_is_said(pair):
    note = "replicates not compared: no treatment has two wells to compare"
    table = perturbations_table(replicating=np.nan).assign(Note=note)
    section = _compare(pair(tables={PERTURBATIONS: table}))
    assert section.sentences[1:] == [
        "classical.none: no perturbation can be compared for being replicating.",
        f"classical.none: in NEW, {note}.",
    ]


def test_a_missing_table_is_said(pair):
    found = pair(leave_out=[PERTURBATIONS])
    assert read_hits(found.new, VARIANT) is None
    section = _compare(found)
    assert section.moved is None
    assert section.sentences[0] == "classical.none: no table of perturbations in NEW; run the evaluation again."
